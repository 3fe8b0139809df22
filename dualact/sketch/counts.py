"""Integers that users give."""

from __future__ import annotations

from typing import Any

from ..errors import DualactError

__all__ = ["as_count"]


def as_count(label: str, value: Any, least: int) -> int:
    """Return a value as int.

    Raises
    ------
    DualactError
        If it is no integer of at least ``least``.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < least:
        extra = " or 'auto'" if label == "degree" else ""
        raise DualactError(f"{label} must be an integer of at least {least}{extra}. Got {value!r}.")
    return int(value)
