"""All faults by name; a module faults_AREA.py beside this one adds those of its area."""

from __future__ import annotations

import importlib
from pathlib import Path

from planting import Fault

FAULTS: dict[str, Fault] = {}

for _path in sorted(Path(__file__).parent.glob("faults_*.py")):
    for _fault in importlib.import_module(_path.stem).FAULTS:
        assert _fault.name not in FAULTS, _fault.name
        FAULTS[_fault.name] = _fault
