"""The factors of the series: bounded least squares against the exact kernel on a sample.

With H_j the kernel of degree j on the sample and K the exact one, the factors r minimise

    mean (K − Σ_j r_j H_j)² + (Σ_j r_j p_j)²   over r ≥ 0 with Σ_j r_j H_j(x, x) ≤ K(x, x),

where the penalties p_j stand for the noise of the sketches. The bound keeps the remainder's diagonal
non-negative, so that what the features miss is never replaced by what they make up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import nnls

from ..nonlinearity.contract import Array
from .pairs import diagonal_of, mean_square, means

__all__ = ["FactorProblem", "Factors", "FixedFactors"]

_ACTIVE_ROUNDS = 16
_BOUND_WEIGHT = 30.0  # of a bound against the root mean square of the kernel
_BOUND_SLACK = 1e-4


class Factors(Protocol):
    """What gives each degree its factor."""

    @property
    def square(self) -> float:
        """Mean of K²."""

    def solve(self, chosen: list[int], penalty: Array) -> Array:
        """Return the factors of the chosen degrees."""

    def miss(self, chosen: list[int], factors: Array) -> float:
        """Return the mean of (K − Σ_j r_j H_j)²."""


@dataclass(frozen=True, eq=False)
class FixedFactors:
    """All degrees with the factor one: the series is the kernel, and its sketch is to be unbiased.

    Attributes
    ----------
    square : float
        Mean of K².
    """

    square: float

    def solve(self, chosen: list[int], penalty: Array) -> Array:
        """Return ones."""
        return np.ones(len(chosen))

    def miss(self, chosen: list[int], factors: Array) -> float:
        """Return 0: nothing is truncated."""
        return 0.0


@dataclass(frozen=True, eq=False)
class FactorProblem:
    """The normal equations over all pairs, and the diagonals that bound the factors.

    Attributes
    ----------
    gram, rhs : (q, q), (q,) arrays
        Means of H_i H_j and of H_j K.
    square : float
        Mean of K².
    diagonals : (s, q) array
        H_j(x, x)/K(x, x).
    """

    gram: Array
    rhs: Array
    square: float
    diagonals: Array

    @classmethod
    def build(cls, target: Array, kernels: Array, population: int | None = None) -> FactorProblem:
        """Return the problem of a packed kernel (p,) and its packed parts (q, p).

        ``population`` is the number of rows that the sample stands for (None: itself).
        """
        whole = diagonal_of(target)
        parts = np.stack([diagonal_of(k) for k in kernels], axis=1)
        return cls(
            means(kernels, kernels.T, population),
            means(kernels, target, population),
            mean_square(target, population),
            np.divide(parts, whole[:, None], out=np.zeros_like(parts), where=whole[:, None] > 0),
        )

    def solve(self, chosen: list[int], penalty: Array) -> Array:
        """Factors of the chosen degrees, whose diagonal stays below the kernel's.

        Parameters
        ----------
        chosen : list of int
        penalty : (len(chosen),) array

        Returns
        -------
        (len(chosen),) array
        """
        gram = self.gram[np.ix_(chosen, chosen)] + np.outer(penalty, penalty)
        rhs = self.rhs[chosen]
        diagonals = self.diagonals[:, chosen]
        size = math.sqrt(self.square)
        active: list[int] = []
        found = _bounded(gram, rhs, diagonals[active], size)
        for _ in range(_ACTIVE_ROUNDS):
            excess = diagonals @ found - 1
            worst = int(np.argmax(excess))
            if excess[worst] <= _BOUND_SLACK or worst in active:
                break
            active.append(worst)
            found = _bounded(gram, rhs, diagonals[active], size)
        return found / max(1.0, float((diagonals @ found).max(initial=1.0)))

    def miss(self, chosen: list[int], factors: Array) -> float:
        """Mean of (K − Σ_j r_j H_j)²."""
        gram = self.gram[np.ix_(chosen, chosen)]
        return max(0.0, float(self.square - 2 * self.rhs[chosen] @ factors + factors @ gram @ factors))


def _bounded(gram: Array, rhs: Array, bounds: Array, size: float) -> Array:
    """Minimise rᵀGr − 2bᵀr over r ≥ 0 with bounds·r ≤ 1: non-negative least squares, a slack a bound.

    The bounds hold up to the weight of their rows; what is left is scaled away by the caller.
    """
    scale = np.sqrt(np.maximum(gram.diagonal(), 1e-300))
    eigenvalues, vectors = np.linalg.eigh(gram / scale[:, None] / scale)
    roots = np.sqrt(np.maximum(eigenvalues, max(1e-13 * eigenvalues[-1], 1e-300)))
    weight = _BOUND_WEIGHT * size
    unknowns, count = len(scale), len(bounds)
    matrix = np.zeros((unknowns + count, unknowns + count))
    matrix[:unknowns, :unknowns] = (vectors * roots).T
    matrix[unknowns:, :unknowns] = weight * bounds / scale
    matrix[unknowns:, unknowns:] = weight * np.eye(count)
    goal = np.full(unknowns + count, weight)
    goal[:unknowns] = (vectors.T @ (rhs / scale)) / roots
    found: Array = nnls(matrix, goal, maxiter=50 * matrix.shape[1])[0][:unknowns] / scale
    return found
