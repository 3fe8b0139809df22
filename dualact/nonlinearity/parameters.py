"""Checks of an activation's parameters: each returns the clean value or raises one sentence."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

from ..errors import DualactError

__all__ = ["finite", "finite_sequence", "nonzero", "positive", "whole"]


def finite(activation: str, name: str, value: Any) -> float:
    """Return ``value`` as a float; raise DualactError unless it is a finite real number."""
    number = _real(value)
    if number is None:
        raise DualactError(f"activation {activation!r}: {name} must be a finite number. Got {value!r}.")
    return number


def nonzero(activation: str, name: str, value: Any) -> float:
    """Return ``value`` as a float; raise DualactError unless it is finite and not 0."""
    number = _real(value)
    if not number:
        raise DualactError(
            f"activation {activation!r}: {name} must be a finite number other than 0. Got {value!r}."
        )
    return number


def positive(activation: str, name: str, value: Any) -> float:
    """Return ``value`` as a float; raise DualactError unless it is finite and above 0."""
    number = _real(value)
    if number is None or number <= 0:
        raise DualactError(
            f"activation {activation!r}: {name} must be a finite number above 0. Got {value!r}."
        )
    return number


def whole(activation: str, name: str, value: Any, largest: int) -> int:
    """Return ``value`` as an int; raise DualactError unless it is an integer in [0, largest]."""
    number = -1 if isinstance(value, bool) or not isinstance(value, numbers.Integral) else int(value)
    if not 0 <= number <= largest:
        raise DualactError(
            f"activation {activation!r}: {name} must be an integer from 0 to {largest} "
            f"(beyond that the moments leave the range of float64). Got {value!r}."
        )
    return number


def finite_sequence(activation: str, name: str, values: Any, largest: int) -> tuple[float, ...]:
    """Return ``values`` as a tuple of floats; raise DualactError unless 1 to ``largest`` finite numbers."""
    items = list(values) if isinstance(values, Iterable) else []
    checked = [number for number in map(_real, items) if number is not None]
    if not checked or len(checked) != len(items) or len(items) > largest:
        raise DualactError(
            f"activation {activation!r}: {name} must be a sequence of 1 to {largest} finite numbers, "
            f"lowest power first. Got {values!r}."
        )
    return tuple(checked)


def _real(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    number = float(value)
    return number if math.isfinite(number) else None
