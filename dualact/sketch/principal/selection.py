"""Which monomials carry most of a kernel's diagonal on a sample.

K is a sum of z_α(x) z_α(y) over components and monomials, z = a_{j,c}(x) √(j!/α!) u^α. Whatever is left out
of the sum leaves K(x, x) short by its z². So the m features that leave least of the mean diagonal, the trace
of K − ZZᵀ, are those of the largest energy E z².
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Chosen", "choose_monomials", "multiplicity"]

Floats = NDArray[np.floating[Any]]
Places = NDArray[np.int64]

_CELLS = 1 << 25  # entries of a table of rows by monomials
_FRONTIER, _LEAST_FRONTIER = 1 << 15, 256  # monomials of one degree that are looked at further
_LEAST_ROWS = 256


@dataclass(frozen=True, eq=False)
class Chosen:
    """The monomials of one component of one degree.

    Attributes
    ----------
    degree, component : int
    indices : (q, degree) int array
        The factors of each monomial, ascending.
    energy : (q,) array
        The means of z² on the sample.
    """

    degree: int
    component: int
    indices: Places
    energy: Floats


def choose_monomials(
    coordinates: Floats, components: Callable[[int], Floats], budget: int, highest: int
) -> list[Chosen]:
    """Return the ``budget`` features of the largest energy.

    Parameters
    ----------
    coordinates : (s, p) array
        u, in axes of falling importance.
    components : callable
        From a degree j to a_j, (s, c), on the same rows.
    budget : int
        How many features.
    highest : int
        The highest degree.

    Returns
    -------
    list of Chosen
        By degree and component, the largest energies first.

    Notes
    -----
    The monomials of one degree are searched among those of the degree below that carry most, times one
    more factor; that a small one has large products is not considered.
    """
    keep = min(max(budget, _LEAST_FRONTIER), _FRONTIER)
    rows = _some(len(coordinates), max(_LEAST_ROWS, _CELLS // keep))
    squares = np.ascontiguousarray(coordinates[rows] ** 2, dtype=np.float32)
    weights = [components(degree)[rows] ** 2 for degree in range(highest + 1)]
    reach = [float(w.sum(axis=1).max(initial=0.0)) for w in weights]
    found = [
        Chosen(0, c, np.zeros((1, 0), np.int64), w.mean(keepdims=True)) for c, w in enumerate(weights[0].T)
    ]
    found = _cut(found, budget)
    frontier = _Frontier(np.zeros((1, 0), np.int64), np.ones((len(rows), 1), np.float32))
    for degree in range(1, highest + 1):
        if not squares.size or not len(frontier.indices):
            break
        fresh = []
        for c, weight in enumerate(weights[degree].T):
            energies = frontier.energies(weight, squares)
            best = _largest(energies, budget, _floor(found, budget))
            if best.size:
                indices = frontier.children(best, squares.shape[1])
                fresh.append(Chosen(degree, c, indices, energies[best]))
        found = _cut(found + fresh, budget)
        # What a monomial can carry in any degree to come, products with more factors being smaller yet.
        bound = max(reach[degree + 1 :], default=0.0)
        frontier = frontier.grown(squares, keep, _floor(found, budget) / bound if bound > 0 else np.inf)
        squares = squares[:, : int(frontier.indices.max(initial=-1)) + 1]
    return found


def multiplicity(indices: Places) -> NDArray[np.float64]:
    """Return j!/α! of monomials given by their factors, (q, j) ascending: (q,)."""
    total, run = np.ones(len(indices)), np.ones(len(indices))
    for k in range(1, indices.shape[1]):
        run = np.where(indices[:, k] == indices[:, k - 1], run + 1, 1.0)
        total *= (k + 1) / run
    return total


@dataclass(frozen=True, eq=False)
class _Frontier:
    """Monomials of one degree, (q, j) and their squares (j!/α!) u^{2α} on the sample, (s, q)."""

    indices: Places
    squares: Floats

    def energies(self, weights: Floats, squares: Floats) -> Floats:
        """Mean energies of all products with one more factor, flat (q·p,); of repeated ones 0."""
        weighted = self.squares * (weights / len(weights)).astype(np.float32)[:, None]
        means: Floats = (weighted.T @ squares) * self._ratios(squares.shape[1])
        return means.ravel()

    def children(self, flat: Places, p: int) -> Places:
        """The factors of these products."""
        parent, last = np.divmod(flat, p)
        return np.column_stack([self.indices[parent], last])

    def grown(self, squares: Floats, keep: int, floor: float) -> _Frontier:
        """The products that carry most by themselves, and more than a floor."""
        p = squares.shape[1]
        best = _largest(self.energies(np.ones(len(squares)), squares), keep, floor)
        parent, last = np.divmod(best, p)
        ratios = self._ratios(p)[parent, last]
        return _Frontier(self.children(best, p), self.squares[:, parent] * squares[:, last] * ratios)

    def _ratios(self, p: int) -> NDArray[np.float32]:
        """How j!/α! grows by one more factor x_i, (q, p); 0 where i comes before the last factor."""
        q, degree = self.indices.shape
        ratios = np.full((q, p), degree + 1, np.float32)
        if degree:
            last = self.indices[:, -1]
            run = (self.indices == last[:, None]).sum(axis=1)
            ratios[np.arange(q), last] = (degree + 1) / (run + 1)
            ratios[np.arange(p) < last[:, None]] = 0.0
        return ratios


def _some(n: int, most: int) -> Places:
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def _largest(energies: Floats, count: int, floor: float) -> Places:
    """Places of the largest ones above a floor, largest first; of equal ones the first."""
    places = np.flatnonzero(energies > floor)
    if places.size > count:
        places = np.sort(places[np.argpartition(-energies[places], count - 1)[:count]])
    order = np.argsort(-energies[places], kind="stable")[:count]
    return places[order]


def _floor(found: list[Chosen], budget: int) -> float:
    """What a feature must carry to be among the best so far."""
    energies = np.concatenate([one.energy for one in found]) if found else np.zeros(0)
    return float(np.partition(energies, -budget)[-budget]) if energies.size >= budget else 0.0


def _cut(found: list[Chosen], budget: int) -> list[Chosen]:
    """The best of all."""
    energies = np.concatenate([one.energy for one in found]) if found else np.zeros(0)
    kept = np.zeros(energies.size, bool)
    kept[np.argsort(-energies, kind="stable")[:budget]] = True
    starts = np.cumsum([0, *(one.energy.size for one in found)])
    left = []
    for one, start in zip(found, starts, strict=False):
        mine = kept[start : start + one.energy.size]
        if mine.any():
            left.append(Chosen(one.degree, one.component, one.indices[mine], one.energy[mine]))
    return left
