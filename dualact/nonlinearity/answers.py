"""What a plugin's function returned, checked: numbers, of the shape that was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import PluginError
from .contract import Array

__all__ = ["answer"]


def answer(name: str, what: str, raw: Any, shape: tuple[int, ...], nan: bool = False) -> Array:
    """Return what ``what`` of the activation ``name`` returned as float64, or blame it.

    Parameters
    ----------
    name, what : str
        The activation, and which of its functions.
    raw : Any
        What came.
    shape : tuple of int
        What it must have; an array that broadcasts to it is read so.
    nan : bool
        Whether NaN may be among the values.

    Raises
    ------
    PluginError
        If these are no real numbers, are of another shape, or NaN.
    """
    try:
        value: Array = np.asarray(raw)
        if value.dtype.kind not in "fiub":
            raise TypeError(f"dtype {value.dtype}")
        value = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"activation {name!r}: {what} must return an array of real numbers, of shape {shape}. "
            f"Got {type(raw).__name__} ({error!s:.80})."
        ) from error
    if value.shape != shape:
        try:
            value = np.array(np.broadcast_to(value, shape))
        except ValueError:
            raise PluginError(
                f"activation {name!r}: {what} must return an array of shape {shape}. Got {value.shape}."
            ) from None
    # One sum tells most often; it is NaN as well where infinities of both signs meet.
    with np.errstate(over="ignore", invalid="ignore"):
        suspect = not nan and bool(np.isnan(value.sum()))
    if suspect and np.isnan(value).any():
        raise PluginError(
            f"activation {name!r}: {what} returned NaN at {int(np.isnan(value).sum())} of {value.size} "
            "entries, for finite input. check_activation says where."
        )
    return value
