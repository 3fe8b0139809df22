"""Symmetric functions of pairs of a sample, packed: i ≤ j, row by row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..nonlinearity.contract import Array

__all__ = ["diagonal_of", "mean_square", "means", "packed", "pair_weights"]


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


def pair_weights(rows: int, population: int | None) -> tuple[float, float]:
    """Return what a row with itself, and a row with another one, count for in a mean over all pairs.

    The pairs are those of ``population`` rows, of which ``rows`` were drawn (None: of the rows alone). In a
    sample one pair in ``rows`` is a row with itself, in the data one in ``population``.
    """
    n = rows if population is None else population
    return 1 / (n * rows), (1 - 1 / n) / (rows * (rows - 1)) if rows > 1 else 0.0


def means(first: Array, second: Array, population: int | None = None) -> Array:
    """Return the means over all pairs of the products of packed matrices, (q, p) and (p, …).

    ``population`` is the number of rows that the rows stand for, as in :func:`pair_weights`.
    """
    rows = math.isqrt(2 * second.shape[0])
    on = _diagonal(second.shape[0])
    own, other = pair_weights(rows, population)
    same = first[..., on] @ second[on]
    result: Array = 2 * other * (first @ second - same) + own * same
    return result


def mean_square(pairs: Array, population: int | None = None) -> float:
    """Return the mean of squares over all pairs of a packed matrix."""
    return float(means(pairs, pairs, population))


def _diagonal(size: int) -> Any:
    """Where the diagonal of a packed matrix lies."""
    rows = math.isqrt(2 * size)
    i = np.arange(rows)
    return i * rows - i * (i - 1) // 2
