"""The laws at pinned places, cheap and deterministic: what faults are held against.

Each is one law of tests/laws (or of dualact.testing) at a few inputs; the drawn tests go on from there.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

CASES: dict[str, Callable[[], None]] = {}

for _path in sorted(Path(__file__).parent.glob("cases_*.py")):
    for _name, _case in importlib.import_module(_path.stem).CASES.items():
        assert _name not in CASES
        CASES[_name] = _case
