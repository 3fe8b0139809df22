"""Design of a feature map: which degrees, with which weights, exact or sketched, how wide.

The series is regrouped in powers of x⊥·y⊥ (see :mod:`dualact.sketch.sample`): with f_t the radial
functions and k_t their degrees,

    K ≈ Σ_j r_j ⟨a_j(x), a_j(y)⟩ (x⊥·y⊥)^j,   a_j = W_jᵀ [√C(k_t, j) α^{k_t − j} f_t]_t,

where W_j keeps the directions that the sample uses. The factors r_j ≥ 0 (:mod:`dualact.sketch.factors`) and
the widths (:mod:`dualact.sketch.allocation`) are chosen together: with B_j the noise of a sketch of degree
j (:mod:`dualact.sketch.noise`) and m columns,

    total(r) = mean (K − Σ_j r_j H_j)² + (Σ_j r_j B_j)²/m

is a least-squares problem with one row more than the truncation alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.linalg.lapack import dpstrf

from ..nonlinearity.contract import Array
from .allocation import Allocator, Design, Part
from .factors import FactorProblem, Factors, FixedFactors
from .monomials import monomial_count
from .noise import NoisePairs
from .pairs import mean_square, packed
from .sample import Sample, can_split, split_along_main_direction
from .sampled import SampledSeries
from .terms import radial_powers, tilted

__all__ = ["component_directions", "design_terms", "design_with_split"]

_RANK_TOLERANCE = 3e-5
_TILTS = 3
_SPLIT_GAIN = 0.95
_SILENT = 1e-9  # of the kernel
_ZERO_SHARE = 0.1  # of the sample's kernel: what the zero row counts for when directions are chosen


def design_terms(
    series: SampledSeries, sample: Sample, n_components: int, degree: int | None, max_degree: int
) -> Design | None:
    """Return the best design for a budget.

    Parameters
    ----------
    series : SampledSeries
        The kernel on the sample.
    sample : Sample
    n_components : int
        Columns to spend.
    degree : int or None
        Highest power of x⊥·y⊥; None leaves it to the prediction, up to ``max_degree``.
    max_degree : int

    Returns
    -------
    Design or None
        None if ``n_components`` is too small for ``degree``.
    """
    highest = max_degree if degree is None else degree
    noise = NoisePairs.of(sample, series.target)
    size = math.sqrt(mean_square(series.target)) or 1.0
    found = _found(series, sample, noise, size, highest, n_components)
    if not found:
        return Design((), float(series.target.any()), 0.0)
    offers = [found]
    if series.tail is not None:
        offers.append(_with_tilts(found, series, noise, n_components))
    designs = []
    for parts in offers:
        problem = _factors(series, parts)
        allocator = Allocator([f.part for f in parts], problem, n_components, sample.n_features)
        design = allocator.best_degrees() if degree is None else allocator.all_degrees()
        if design is not None:
            designs.append((_with_true_widths(design, parts, noise, size), parts))
    if not designs:
        return None
    design, parts = min(designs, key=lambda item: (item[0].idle, item[0].error))
    return _for_all_rows(replace(design, score=design.error), parts, series, sample)


def design_with_split(
    plain: SampledSeries,
    wide: SampledSeries,
    sample: Sample,
    unit: Any,
    n_components: int,
    degree: int | None,
    max_degree: int,
) -> tuple[Design | None, Array | None]:
    """Return the best design and its direction: None where rows are not split.

    Parameters
    ----------
    plain, wide : SampledSeries
        The kernel on the sample, for rows that are not split and rows that are.
    sample : Sample
    unit : (s, d) array or CSR matrix
        Its rows, of norm one.
    n_components, degree, max_degree
        As :func:`design_terms`.
    """
    design = design_terms(plain, sample, n_components, degree, max_degree)
    if not can_split(sample, unit):
        return design, None
    other = split_along_main_direction(sample, unit)
    split = design_terms(wide, other, n_components, degree, max_degree)
    if split is not None and (design is None or split.score < _SPLIT_GAIN * design.score):
        return split, other.direction
    return design, None


@dataclass(frozen=True, eq=False)
class _Found:
    """A part of the series on the sample."""

    part: Part
    components: Array  # (s, c)
    kernel: Array  # ⟨a_j, a_j⟩ (x⊥·y⊥)^j of all pairs, packed
    columns: int  # of the sketch whose noise is assumed

    def tilted(self, tilt: tuple[float, ...], share: Array, noise: NoisePairs) -> _Found:
        """The same degree with its components tilted by the share of the tail."""
        weight = tilted(np.ones((share.size, 1)), tilt, share)
        components = self.components * weight
        rates = noise.rates(components, self.part.degree, self.columns)
        part = replace(self.part, noise=rates, tilt=tilt)
        return _Found(part, components, self.kernel * packed(weight @ weight.T), self.columns)


def _found(
    series: SampledSeries, sample: Sample, noise: NoisePairs, size: float, highest: int, budget: int
) -> list[_Found]:
    across, lengths = packed(sample.across), sample.across.diagonal()
    power = np.ones_like(across)
    found = []
    for degree in range(highest + 1):
        if degree:
            power *= across
        powers = radial_powers(series, series.functions, sample.along, degree)
        if series.unbiased:
            mixing = _all_directions(series, powers, degree, sample.direction is not None)
        else:
            mixing = component_directions(series, powers, degree, lengths**degree, size)
            if degree == 0:
                mixing = mixing[:, : max(1, min(budget // 3, budget - highest))]
        if not mixing.size:
            continue
        components = powers @ mixing
        # A sketch that takes most rows of a small transform is better than its width says: the rows are drawn
        # without replacement. That is left to the final prediction; here a low share is assumed.
        columns = max(1, min(budget // 3, monomial_count(sample.n_features, degree) // 8))
        rates = noise.rates(components, degree, columns)
        if series.unbiased and degree:  # what the sample does not show may come later, and takes a column
            rates[:-1] = np.maximum(rates[:-1], _SILENT)
        part = Part(degree, mixing, rates)
        found.append(_Found(part, components, packed(components @ components.T) * power, columns))
    return found


def _factors(series: SampledSeries, found: list[_Found], population: int | None = None) -> Factors:
    if series.unbiased:
        return FixedFactors(mean_square(series.target, population))
    return FactorProblem.build(series.target, np.stack([f.kernel for f in found]), population)


def _with_tilts(found: list[_Found], series: SampledSeries, noise: NoisePairs, budget: int) -> list[_Found]:
    """Let the factors depend on the norm, where the tail of the series does.

    With τ² the share of K(x, x) beyond the highest degree, every degree is offered as Σ_p c_p H_j(ττ')^{2p},
    which is positive semi-definite for c ≥ 0. The least-squares problem chooses c; what enters the map is the
    product form √(w(x) w(y)) with w = Σ_p c_p τ^{2p}, which has no more components than H_j.
    """
    assert series.tail is not None
    share = series.tail
    pairs = packed(np.sqrt(np.outer(share, share)))
    offered = np.concatenate([np.stack([f.kernel for f in found]) * pairs ** (2 * p) for p in range(_TILTS)])
    rates = [
        noise.rates(f.components * share[:, None] ** p, f.part.degree, f.columns)[0]
        for p in range(_TILTS)
        for f in found
    ]
    penalty = np.array(rates) / math.sqrt(budget)
    problem = FactorProblem.build(series.target, offered)
    factors = problem.solve(list(range(len(offered))), penalty)
    return [
        f.tilted(tuple(c / c.sum()), share, noise) if c.sum() > 0 else f
        for f, c in zip(found, factors.reshape(_TILTS, -1).T, strict=True)
    ]


def component_directions(
    series: SampledSeries,
    powers: Array,
    degree: int,
    lengths: Array,
    size: float,
    tolerance: float = _RANK_TOLERANCE,
) -> Array:
    """W_j: what the sample uses of one degree, (t, c), ordered by what it adds to the kernel.

    Directions of less than ``tolerance`` of ``size`` are left out. The zero row, which has degree 0 alone, is
    counted among the rows whether the sample holds one or not.
    """
    weighted = powers * np.sqrt(lengths)[:, None]
    matrix = weighted.T @ weighted / (size * len(powers))
    if degree == 0:
        zero = np.where(series.degrees == 0, series.zero, 0.0)
        matrix += _ZERO_SHARE * np.outer(zero, zero) / max(float(zero @ zero), np.finfo(float).tiny)
    values, vectors = _leading(matrix, 1e-3 * tolerance)
    kept: Array = vectors[:, : max(1, int((values > tolerance).sum()))]
    return kept


def _leading(matrix: Array, cut: float) -> tuple[Array, Array]:
    """Eigenvalues of a positive semidefinite matrix, descending, and vectors, short of a trace of ``cut``.

    By a pivoted Cholesky factor L, which ends where nothing is left: of some hundred radial functions a
    sample uses twenty directions. The eigenvectors of LLᵀ are the left singular vectors of L.
    """
    size = len(matrix)
    if not size or np.trace(matrix) <= cut:
        return np.empty(0), np.empty((size, 0))
    factor, pivots, rank, _ = dpstrf(matrix, tol=cut / size, lower=1)
    lower = np.empty((size, rank))
    lower[pivots - 1] = np.tril(factor)[:, :rank]
    vectors, roots, _ = np.linalg.svd(lower, full_matrices=False)
    return roots**2, vectors


def _all_directions(series: SampledSeries, powers: Array, degree: int, split: bool) -> Array:
    """W_j with nothing left out: a rotation of all components that rows can have, the largest first."""
    if not split:  # α = 0: powers beyond the degree's own vanish, for all rows
        own: Array = np.eye(powers.shape[1])[:, series.degrees[series.degrees >= degree] == degree]
        return own
    vectors: Array = np.linalg.eigh(powers.T @ powers)[1][:, ::-1]
    return vectors


def _for_all_rows(design: Design, found: list[_Found], series: SampledSeries, sample: Sample) -> Design:
    """Return the design with its errors predicted for the rows that the sample stands for."""
    n = sample.population
    if n is None or n == sample.norms.size:
        return design
    problem = _factors(series, found, n)
    size = math.sqrt(problem.square) or 1.0
    share = {t.degree: float(np.linalg.norm(t.mixing)) ** 2 for t in design.terms}
    factors = [share.get(f.part.degree, 0.0) / float(np.linalg.norm(f.part.mixing)) ** 2 for f in found]
    missing = math.sqrt(problem.miss(list(range(len(found))), np.array(factors))) / size
    noise = NoisePairs.of(sample, series.target, n)
    return _with_true_widths(replace(design, truncation=missing), found, noise, size)


def _with_true_widths(design: Design, found: list[_Found], noise: NoisePairs, size: float) -> Design:
    """Return the design with its sketching error predicted at the widths it ended up with."""
    by_degree = {f.part.degree: f for f in found}
    total = 0.0
    for term in design.terms:
        if term.width:
            one = by_degree[term.degree]
            factor = float(np.linalg.norm(term.mixing) / np.linalg.norm(one.part.mixing)) ** 2
            rate = noise.rates(one.components[:, term.exact :], term.degree, term.width)[0]
            total += (factor * rate) ** 2 / term.width
    return replace(design, sketching=math.sqrt(total) / size)
