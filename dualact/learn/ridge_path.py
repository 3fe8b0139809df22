"""From statistics to ridge regressions: a path of alphas, the choice of one, its uncertainty.

Minimised is Σ w |y − zβ − b|² + α|β|². With the scatter S = V diag(s) Vᵀ, the cross moments C, u = VᵀC:

    β(α) = V (s + α)⁻¹ u,      degrees of freedom(α) = Σ s/(s + α) + 1 for the intercept,
    RSS(α) = Σwy² − Σ u²/s + Σ (u²/s) α²/(s + α)²,
    GCV(α) = (RSS/W) / (1 − degrees of freedom/W)²,     W = Σw.

One eigendecomposition serves all alphas. For a few of them Cholesky factors L of S + αI are faster:
Σ s/(s + α) = m − α|L⁻¹|², RSS = Σwy² − ⟨β, C⟩ − α|β|².
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, solve_triangular
from scipy.linalg.blas import dsymm
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtri

from ..errors import DualactError
from ..exact.running import safe_blas
from .ridge_statistics import RidgeStatistics

__all__ = [
    "Precision",
    "RidgeSolution",
    "degrees_of_freedom",
    "gcv_path",
    "holdout_path",
    "posterior_precision",
]

Array = NDArray[np.float64]

# An eigendecomposition takes as long as 8 to 17 factors and their inverses (measured, m = 1024 … 4096).
_FEW = 8
# Where α is a larger part of the trace than this, a Cholesky factor exists and its sums keep their digits.
_SAFE = 1e-10
# Below this part of the mean eigenvalue an alpha is there to reach interpolation.
_FINE = 1e-6


@dataclass(frozen=True, eq=False)
class RidgeSolution:
    """A ridge regression, and the alphas that it was chosen from.

    Attributes
    ----------
    alphas, scores : (k,) arrays
        The score is generalised cross-validation, or the mean square error on the rows held out.
    degrees_of_freedom : (k,) array or None
        None where the choice did not need them: they cost as much as the solutions do.
    alpha : float
        The one of the lowest score; the largest of several.
    coef : (t, m) array
    intercept : (t,) array
    """

    alphas: Array
    scores: Array
    degrees_of_freedom: Array | None
    alpha: float
    coef: Array
    intercept: Array


def gcv_path(statistics: RidgeStatistics, alphas: Sequence[float], fit_intercept: bool) -> RidgeSolution:
    """Return the ridge regression whose alpha has the lowest generalised cross-validation.

    Parameters
    ----------
    statistics : RidgeStatistics
    alphas : sequence of positive floats
    fit_intercept : bool

    Returns
    -------
    RidgeSolution

    Raises
    ------
    DualactError
        If Σw is so small that no alpha leaves it a degree of freedom.

    Notes
    -----
    Eigenvalues below the rounding errors of the scatter count as zero. With fewer rows than features the
    score then tends to that of the interpolating solution of least norm, as it should.
    """
    path = _path(statistics, alphas, fit_intercept)
    weight, used = statistics.weight, float(fit_intercept)
    scores, freedom, betas = np.full(len(path.alphas), np.inf), np.empty(len(path.alphas)), []
    for i, alpha in enumerate(path.alphas):
        beta, rss = path.at(alpha)
        left = path.left(alpha)
        freedom[i] = path.rank - left + used
        room = (weight - path.rank - used) + left  # W − degrees of freedom, without cancellation
        if room > 0:
            scores[i] = (rss.sum() / weight) / (room / weight) ** 2
        betas.append(beta)
    if np.isinf(scores).all() and len(scores) > 1 and weight < statistics.rows:
        raise DualactError(
            f"Generalised cross-validation counts a row of weight w as w rows; Σ weights = {weight:.4g} for "
            f"{statistics.rows} rows is no more than the degrees of freedom of every alpha. Scale the "
            "weights to a mean of 1, add larger alphas, or give a single alpha."
        )
    best = _lowest(scores, path.alphas)
    beta, alpha = betas[best], float(path.alphas[best])
    fine = alpha * statistics.n_features < _FINE * path.trace
    if isinstance(path, _Decomposed) and not fine and _has_factor(statistics, path.trace, alpha):
        # Eigenvectors lose a digit or two against the factor, which costs little beside them. For smaller
        # alphas the factor would carry rounding errors into directions without data.
        beta = _path(statistics, [alpha], fit_intercept).at(alpha)[0]
    return _solution(path, scores, freedom, best, beta, statistics, fit_intercept)


def holdout_path(
    statistics: RidgeStatistics, held_out: RidgeStatistics, alphas: Sequence[float], fit_intercept: bool
) -> RidgeSolution:
    """Return the ridge regression on all rows, with the alpha that predicts the rows held out best.

    Parameters
    ----------
    statistics, held_out : RidgeStatistics
        Of the rows to fit on, and of those held out; both have positive weight.
    alphas : sequence of positive floats
    fit_intercept : bool

    Returns
    -------
    RidgeSolution

    Notes
    -----
    The mean square error on the rows held out follows from their statistics alone.
    """
    path = _path(statistics, alphas, fit_intercept)
    scores = np.empty(len(path.alphas))
    for i, alpha in enumerate(path.alphas):
        beta = path.at(alpha)[0]
        intercept = _intercept(beta, statistics, fit_intercept)
        away = held_out.target_mean - held_out.mean @ beta - intercept
        square = (beta * dsymm(1.0, held_out.scatter, beta, lower=1)).sum()
        spread = held_out.target_scatter.sum() - 2 * (beta * held_out.cross).sum() + square
        scores[i] = max(spread, 0.0) / held_out.weight + (away**2).sum()
    best = _lowest(scores, path.alphas)
    path.let_go()  # of m² numbers, before there are others
    everything = statistics.copy().merge(held_out)
    refitted = _path(everything, [path.alphas[best]], fit_intercept).at(path.alphas[best])[0]
    return _solution(path, scores / statistics.n_targets, None, best, refitted, everything, fit_intercept)


def degrees_of_freedom(statistics: RidgeStatistics, alphas: Sequence[float], fit_intercept: bool) -> Array:
    """Return Σ s/(s + α) + 1 for the intercept, (k,), for each of the alphas (k,)."""
    path = _path(statistics, alphas, fit_intercept)
    return np.array([path.rank - path.left(alpha) + float(fit_intercept) for alpha in path.alphas])


def _lowest(scores: Array, alphas: Array) -> int:
    """Index of the lowest score; of equal ones that of the largest alpha."""
    return int(np.lexsort((-alphas, scores))[0])


def _intercept(beta: Array, statistics: RidgeStatistics, fit_intercept: bool) -> Array:
    if not fit_intercept:
        return np.zeros(statistics.n_targets)
    return np.asarray(statistics.target_mean - statistics.mean @ beta)


def _solution(
    path: _Path,
    scores: Array,
    freedom: Array | None,
    best: int,
    beta: Array,
    statistics: RidgeStatistics,
    fit_intercept: bool,
) -> RidgeSolution:
    return RidgeSolution(
        path.alphas,
        scores,
        freedom,
        float(path.alphas[best]),
        np.ascontiguousarray(beta.T),
        _intercept(beta, statistics, fit_intercept),
    )


class _Path:
    """Solutions at any alpha: ``at(alpha)`` is β (m, t) and RSS (t,).

    ``left(alpha)``, to be asked after ``at(alpha)`` if both are, is Σ α/(s + α) over the rank.
    """

    alphas: Array
    rank: int
    trace: float

    def at(self, alpha: float) -> tuple[Array, Array]:
        raise NotImplementedError

    def left(self, alpha: float) -> float:
        raise NotImplementedError

    def let_go(self) -> None:
        """Free what :meth:`at` needs."""


def _path(statistics: RidgeStatistics, alphas: Sequence[float], fit_intercept: bool) -> _Path:
    scatter, cross, squares = statistics.moments(fit_intercept)
    grid, tolerance = np.asarray(alphas, dtype=np.float64), _rounding(statistics)
    # Where rows are fitted exactly, score = 0/0; the eigenvalues keep the digits of both.
    fits = len(grid) == 1 or (len(grid) <= _FEW and statistics.weight >= 2 * len(scatter))
    if fits and _has_factor(statistics, scatter.trace(), grid.min()):
        return _Factored(scatter, cross, squares, grid)
    return _Decomposed(scatter, cross, squares, grid, tolerance)


def _has_factor(statistics: RidgeStatistics, trace: float, alpha: float) -> bool:
    """Whether S + αI is so far from singular that a Cholesky factor serves."""
    return alpha > max(_SAFE, _rounding(statistics)) * trace


def _rounding(statistics: RidgeStatistics) -> float:
    """Rounding errors of the scatter over its largest eigenvalue: what is smaller is none."""
    return (
        1e-6 if statistics.precision == "mixed" else statistics.n_features * float(np.finfo(np.float64).eps)
    )


class _Decomposed(_Path):
    """From the eigendecomposition."""

    def __init__(self, scatter: Array, cross: Array, squares: Array, alphas: Array, tolerance: float) -> None:
        self.alphas = alphas
        self.trace = float(scatter.trace())
        self.values, self.vectors = _eigh(scatter, tolerance)
        seen = self.values > 0
        self.rank = int(seen.sum())
        self.turned = np.where(seen[:, None], self.vectors.T @ cross, 0.0)
        self.inverse = np.divide(1.0, self.values, out=np.zeros_like(self.values), where=seen)
        self.explained = self.turned**2 * self.inverse[:, None]
        floor = squares - self.explained.sum(axis=0)  # of the residuals, at alpha = 0
        self.floor = np.where(floor > tolerance * squares, floor, 0.0)

    def at(self, alpha: float) -> tuple[Array, Array]:
        shares = alpha / (self.values + alpha)
        beta = self.vectors @ (self.turned / (self.values + alpha)[:, None])
        rss = self.floor + (self.explained * (shares**2)[:, None]).sum(axis=0)
        return beta, rss

    def left(self, alpha: float) -> float:
        return float((alpha / (self.values[self.values > 0] + alpha)).sum())

    def let_go(self) -> None:
        self.vectors = self.vectors[:0].copy()


class _Factored(_Path):
    """From a Cholesky factor per alpha; the last one is kept, for what is asked about the same alpha."""

    def __init__(self, scatter: Array, cross: Array, squares: Array, alphas: Array) -> None:
        self.alphas = alphas
        self.scatter, self.cross, self.squares = scatter, cross, squares
        self.trace = float(scatter.trace())
        self.rank = len(scatter)
        self.last: tuple[float, Array] | None = None

    def at(self, alpha: float) -> tuple[Array, Array]:
        factor = self._factor(alpha)
        beta = dpotrs(factor, self.cross, lower=1)[0]
        rss = self.squares - (beta * self.cross).sum(axis=0) - alpha * (beta * beta).sum(axis=0)
        return beta, np.maximum(rss, 0.0)

    def left(self, alpha: float) -> float:
        factor, self.last = self._factor(alpha), None
        with safe_blas(len(factor)):
            inverse = dtrtri(factor, lower=1, overwrite_c=1)[0]
        return float(alpha * np.linalg.norm(inverse) ** 2)

    def _factor(self, alpha: float) -> Array:
        if self.last is None or self.last[0] != alpha:
            self.last = None  # its memory, before there is another
            self.last = alpha, _cholesky(self.scatter, alpha, overwrite=len(self.alphas) == 1)
        return self.last[1]

    def let_go(self) -> None:
        self.scatter, self.last = self.cross[:0], None


def _eigh(scatter: Array, tolerance: float) -> tuple[Array, Array]:
    """Eigenvalues, those below the rounding errors set to zero, and eigenvectors; the scatter is lost."""
    with safe_blas(len(scatter)):
        values, vectors = eigh(scatter, lower=True, driver="evd", overwrite_a=True, check_finite=False)
    values[values <= tolerance * values[-1]] = 0.0
    return values, vectors


def _cholesky(scatter: Array, alpha: float, overwrite: bool) -> Array:
    """Lower factor of S + αI, zeros above it."""
    shifted = scatter if overwrite else scatter.copy(order="F")
    shifted.flat[:: len(shifted) + 1] += alpha
    with safe_blas(len(shifted)):
        factor, failed = dpotrf(shifted, lower=1, clean=1, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError("the scatter is not positive definite")
    return np.asarray(factor)


@dataclass(frozen=True, eq=False)
class Precision:
    """(S + αI)⁻¹ α as a quadratic form, and what belongs to the intercept."""

    root: Array
    scale: Array | None
    mean: Array | None
    intercept_variance: float

    def variance(self, Z: Any) -> Array:
        """Return the posterior variance of the function at the rows of Z, (n,)."""
        rows = np.asarray(Z, dtype=np.float64)
        if self.mean is not None:
            rows = rows - self.mean
        if self.scale is None:
            turned = solve_triangular(self.root, rows.T, lower=True, check_finite=False)
            return np.asarray(np.einsum("ij,ij->j", turned, turned) + self.intercept_variance)
        turned = self.root.T @ rows.T
        return np.asarray(self.scale @ turned**2 + self.intercept_variance)


def posterior_precision(statistics: RidgeStatistics, alpha: float, fit_intercept: bool) -> Precision:
    """Return the posterior of the Gaussian process with kernel ⟨z, z′⟩ and noise of variance α.

        Var f(z) = α (z − μ)ᵀ(S + αI)⁻¹(z − μ) + α/W,

    the last term and μ for the intercept, whose prior is flat; without one α zᵀ(Σwzzᵀ + αI)⁻¹z.

    Parameters
    ----------
    statistics : RidgeStatistics
    alpha : float
    fit_intercept : bool

    Returns
    -------
    Precision
    """
    scatter = statistics.moments(fit_intercept)[0]
    mean = statistics.mean if fit_intercept else None
    flat = alpha / statistics.weight if fit_intercept else 0.0
    if _has_factor(statistics, scatter.trace(), alpha):
        factor = _cholesky(scatter, alpha, overwrite=True)
        factor /= np.sqrt(alpha)
        return Precision(factor, None, mean, flat)
    values, vectors = _eigh(scatter, _rounding(statistics))
    return Precision(vectors, alpha / (values + alpha), mean, flat)
