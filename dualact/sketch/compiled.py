"""Find the optional compiled modules; where one is missing, NumPy does its work."""

from __future__ import annotations

import importlib
import os
from typing import Any

__all__ = ["load"]


def load(name: str) -> Any:
    """Return the compiled module ``dualact.sketch.<name>``, or None.

    None if it was not built, or if DUALACT_NO_C is set (and not empty) in the environment when dualact is
    imported.
    """
    if os.environ.get("DUALACT_NO_C"):
        return None
    try:
        return importlib.import_module(f"dualact.sketch.{name}")
    except ImportError:
        return None
