"""Principal axes of unit rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...nonlinearity.contract import Array

__all__ = ["principal_axes"]

_WHOLE = 2048  # columns up to which all eigenvectors are taken
_MOST = 512  # axes of longer rows
_MORE, _STEPS = 32, 4  # of the subspace iteration


def principal_axes(unit: Any, weights: Array, count: int) -> Array:
    """Return the leading eigenvectors of Σ w x̂x̂ᵀ, largest first.

    Parameters
    ----------
    unit : (s, d) array or CSR matrix
    weights : (s,) array
        Non-negative.
    count : int
        How many are wanted; of rows longer than 2048 at most 512.

    Returns
    -------
    (d, c) float64 array
        Orthonormal columns, c ≤ count; signs such that the largest entry is positive.
    """
    d = unit.shape[1]
    scaled = _scaled(unit, np.sqrt(weights / (weights.max(initial=0.0) or 1.0)))
    if d <= _WHOLE:
        moment = scaled.T @ scaled
        vectors = np.linalg.eigh(moment.toarray() if hasattr(moment, "toarray") else moment)[1][:, ::-1]
    else:
        vectors = _subspace(scaled, min(count, _MOST, unit.shape[0]))
    vectors = vectors[:, :count]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    return np.ascontiguousarray(vectors * np.where(largest < 0, -1.0, 1.0))


def _subspace(rows: Any, rank: int) -> Array:
    """Subspace iteration: how close it comes decides how much is kept, and not what is true of it."""
    found = np.random.default_rng(0).standard_normal((rows.shape[1], min(rank + _MORE, rows.shape[1])))
    for _ in range(_STEPS):
        found = np.linalg.qr(rows.T @ (rows @ found))[0]
    small = rows @ found
    turned: Array = found @ np.linalg.eigh(small.T @ small)[1][:, ::-1]
    return turned[:, :rank]


def _scaled(unit: Any, factors: Array) -> Any:
    return unit.multiply(factors[:, None]).tocsr() if hasattr(unit, "multiply") else unit * factors[:, None]
