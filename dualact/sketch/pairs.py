"""Symmetric functions of pairs of a sample, packed: i ≤ j, row by row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..nonlinearity.contract import Array

__all__ = ["diagonal_of", "mean_square", "means", "packed"]


def packed(matrix: Array) -> Array:
    """Return the upper triangle of a symmetric matrix (s, s), its diagonal included, as (s(s + 1)/2,).

    Examples
    --------
    >>> packed(np.array([[1.0, 2.0], [2.0, 3.0]]))
    array([1., 2., 3.])
    """
    return np.concatenate([row[i:] for i, row in enumerate(matrix)])


def diagonal_of(pairs: Array) -> Array:
    """Return the diagonal of a packed matrix."""
    diagonal: Array = pairs[_diagonal(pairs.size)]
    return diagonal


def means(first: Array, second: Array) -> Array:
    """Return the means over all s² pairs of the products of packed matrices, (q, p) and (p, …)."""
    rows = math.isqrt(2 * second.shape[0])
    on = _diagonal(second.shape[0])
    result: Array = (2 * (first @ second) - first[..., on] @ second[on]) / rows**2
    return result


def mean_square(pairs: Array) -> float:
    """Return the mean of squares over all s² pairs of a packed matrix."""
    return float(means(pairs, pairs))


def _diagonal(size: int) -> Any:
    """Where the diagonal of a packed matrix lies."""
    rows = math.isqrt(2 * size)
    i = np.arange(rows)
    return i * rows - i * (i - 1) // 2
