"""The noise of a sketched degree: its root mean square over pairs of the sample, as a rate per column.

A few rows stand for the sample. They are drawn in proportion to what they add to the kernel (half of them
evenly), because a handful of long rows can carry nearly all of ‖K‖², and they are weighted accordingly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..nonlinearity.contract import Array
from .monomials import monomial_count
from .pairs import diagonal_of, pair_weights
from .sample import Sample
from .structures import variance

__all__ = ["NoisePairs"]

_ROWS = 128
_LEAST = 1e-20
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class NoisePairs:
    """Pairs i ≤ j of a few rows of a sample.

    Attributes
    ----------
    n_features : int
    rows : (f,) int array
        The rows of the sample.
    first, second : (p,) int arrays
        Either member of each pair, among those rows.
    weights : (p,) array
        Sum to about one: a weighted sum is a mean over all pairs of the sample.
    squares, across, fourth : (p,) arrays
        |x⊥|²|y⊥|², x⊥·y⊥ and Σ_i (x⊥_i y⊥_i)².
    spread : int
        As :class:`Sample`.
    """

    n_features: int
    rows: Index
    first: Index
    second: Index
    weights: Array
    squares: Array
    across: Array
    fourth: Array
    spread: int = 0

    @classmethod
    def of(cls, sample: Sample, kernel: Array, population: int | None = None) -> NoisePairs:
        """Return pairs of a sample with that kernel, packed.

        ``population`` is the number of rows that the sample stands for (None: itself).
        """
        sizes = diagonal_of(kernel)
        share = _shares(sizes, _ROWS)
        rows = np.flatnonzero(np.diff(np.floor(np.cumsum(share) + 0.5), prepend=0.0))
        inverse = 1 / share[rows]
        first, second = np.triu_indices(rows.size)
        own, other = pair_weights(sizes.size, population)
        both = inverse[first] * inverse[second]
        weights = np.where(first == second, own * inverse[first], 2 * other * both)
        across = sample.across[np.ix_(rows, rows)]
        lengths = across.diagonal()
        return cls(
            sample.n_features,
            rows,
            first,
            second,
            weights,
            lengths[first] * lengths[second],
            across[first, second],
            sample.fourth[rows[first], rows[second]],
            sample.spread,
        )

    def rates(self, components: Array, degree: int, columns: int) -> Array:
        """B_j when the first e = 0, 1, … components are exact.

        Parameters
        ----------
        components : (s, c) array
            a_j of the sample's rows.
        degree : int
            j.
        columns : int
            Width of the sketch, on which its structure depends.

        Returns
        -------
        (c + 1,) array
            Root mean square over pairs of the standard deviation of a sketch of that many columns, times the
            root of their number.
        """
        count = components.shape[1]
        out = np.zeros(count + 1)
        if degree == 0:
            return out
        spread = self._one_column(degree, columns)
        power = self.across ** (2 * degree)
        few = components[self.rows]
        for e in range(count):
            rest = few[:, e:]
            inner = self._products(rest)
            total = inner**2 * spread
            if rest.shape[1] > 1:
                # Components share the columns through random signs: a second factor in the sketch.
                short = (rest**2).sum(axis=1)
                both = short[self.first] * short[self.second]
                total += (both + inner**2 - 2 * self._products(rest**2)) * (spread + power)
            # Without noise (one feature; rows along one coordinate) it still needs a column to be there.
            total = np.maximum(total, _LEAST * inner**2 * power)
            out[e] = math.sqrt(max(0.0, float(self.weights @ total)))
        return out

    def _products(self, rows: Array) -> Array:
        inner: Array = rows @ rows.T
        return inner[self.first, self.second]

    def _one_column(self, degree: int, columns: int) -> Array:
        """Variance of a sketch of (x⊥·y⊥)^j, times its columns."""
        d = self.n_features
        structure = "auto" if columns < monomial_count(d, degree) else "product"
        pairs = (self.squares, self.across, self.fourth)
        return columns * variance(structure, degree, columns, d, *pairs, spread=self.spread)


def _shares(sizes: Array, count: int) -> Array:
    """Probabilities that add up to ``count``: half of them even, half in proportion to the sizes."""
    if count >= sizes.size:
        return np.ones(sizes.size)
    total = float(sizes.sum())
    share = np.full(sizes.size, 1 / sizes.size)
    if total > 0:
        share = (share + sizes / total) / 2
    share *= count
    for _ in range(sizes.size):
        certain = share >= 1
        if not np.any(share > 1):
            break
        share[certain] = 1.0
        share[~certain] *= (count - certain.sum()) / share[~certain].sum()
    return share
