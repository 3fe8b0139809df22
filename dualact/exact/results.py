"""Where kernel matrices go: the array, its limits, and what symmetry fills in."""

from __future__ import annotations

import math
from numbers import Real

import numpy as np

from ..errors import NetworkError
from ..nonlinearity.contract import Array

__all__ = ["as_limit", "mirrored", "result_array"]


def result_array(shape: tuple[int, int], out: Array | None) -> Array:
    """Return ``out``, or a new array; refuse an ``out`` that does not fit."""
    if out is None:
        return np.empty(shape)
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != np.float64:
        came = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise NetworkError(f"out must be a float64 array of shape {shape}. Got {came}.")
    if not out.flags.writeable:
        raise NetworkError("out is read-only; give an array that can be written to.")
    return out


def as_limit(max_memory: object) -> float:
    """Return a limit in bytes; None is infinity."""
    if max_memory is None:
        return math.inf
    if isinstance(max_memory, bool) or not isinstance(max_memory, Real):
        raise NetworkError(f"max_memory must be a number of bytes or None. Got {max_memory!r}.")
    return float(max_memory)


def mirrored(out: Array, part: Array, rows: slice, columns: slice) -> None:
    """Put a block of a symmetric matrix in its two places, symmetric to the bit where they overlap.

    ``columns`` begins where ``rows`` does and is no shorter, or begins after its end.
    """
    if columns.start == rows.start:  # neither BLAS nor a dual promises symmetry to the bit
        square = part[:, : part.shape[0]]
        square[...] = np.triu(square) + np.triu(square, 1).T
    out[columns, rows] = part.T
    out[rows, columns] = part
