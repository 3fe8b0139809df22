"""Numbers that layers are made of: standard deviations and sizes, checked and in canonical form."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

from ..errors import NetworkError

__all__ = ["Size", "per_axis", "size", "std"]

Size = int | tuple[int, ...]


def std(owner: str, label: str, value: object) -> float:
    """Return a standard deviation as a float, refusing what is none."""
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    except OverflowError:  # an integer beyond float64
        number = math.inf
    if not 0 <= number < math.inf:
        raise NetworkError(
            f"{owner}: {label} must be a finite number of at least 0, because it is a standard deviation. "
            f"Got {value!r:.80}."
        )
    if number * number == math.inf:
        raise NetworkError(f"{owner}: the square of {label} overflows, and kernels need it. Got {value!r}.")
    return number + 0.0  # no negative zero


def size(owner: str, label: str, value: object) -> Size:
    """Return a size in canonical form: an int for every axis alike, or a tuple with one int per axis."""
    items: tuple[Any, ...] = (
        tuple(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else (value,)
    )
    if not 1 <= len(items) <= 2 or any(
        isinstance(n, bool) or not hasattr(n, "__index__") or int(n) < 1 for n in items
    ):
        raise NetworkError(
            f"{owner}: {label} must be a positive integer, or one or two of them, such as 3 or (3, 3). "
            f"Got {value!r:.80}."
        )
    found = tuple(int(n) for n in items)
    return found if isinstance(value, Iterable) else found[0]


def per_axis(owner: str, label: str, value: Size, axes: int) -> tuple[int, ...]:
    """Return a size as one int per axis of positions.

    Raises
    ------
    NetworkError
        If it was given for another number of axes.
    """
    if isinstance(value, int):
        return (value,) * axes
    if len(value) != axes:
        raise NetworkError(
            f"{owner}: {label}={value!r} has {len(value)} {'axis' if len(value) == 1 else 'axes'}, but its "
            f"input has {axes} of positions. "
            + (
                "Inputs are (L, C) or (H, W, C); grey images need a channel axis too: X[..., None]."
                if len(value) == 2
                else "Give one size for each axis, or an integer."
            )
        )
    return value
