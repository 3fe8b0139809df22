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

import numpy as np

from ..errors import DualactError
from ..exact.recursion import propagate, trace_variances
from ..network.spec import Network
from ..nonlinearity.contract import Array
from .allocation import Allocator, Design, Part
from .factors import FactorProblem
from .monomials import monomial_count
from .noise import NoisePairs
from .pairs import mean_square, packed
from .radial import RadialBasis, Tail
from .sample import Sample
from .terms import radial_powers, tilted

__all__ = ["design_terms", "exact_kernel"]

_RANK_TOLERANCE = 3e-5
_TILTS = 3
_FLAT_TAIL = 0.01
_ZERO_SHARE = 0.1  # of the sample's kernel: what the zero row counts for when directions are chosen


def exact_kernel(network: Network, sample: Sample, with_theta: bool) -> Array:
    """Return the exact kernel of the sample's pairs, packed."""
    trace = trace_variances(network.layers, sample.mean_squares, with_theta)
    roots = np.sqrt(sample.mean_squares)
    i, j = np.triu_indices(roots.size)
    return propagate(
        network.layers,
        packed(sample.cosines) * roots[i] * roots[j],
        tuple(v[i] for v in trace.variances),
        tuple(v[j] for v in trace.variances),
        with_theta,
    )


def design_terms(
    basis: RadialBasis,
    sample: Sample,
    target: Array,
    n_components: int,
    degree: int | None,
    max_degree: int,
) -> Design:
    """Return the best design for a budget.

    Parameters
    ----------
    basis : RadialBasis
        Of degree at least ``max_degree``.
    sample : Sample
    target : (p,) array
        Its exact kernel, packed.
    n_components : int
        Columns to spend.
    degree : int or None
        Highest power of x⊥·y⊥; None leaves it to the prediction, up to ``max_degree``.
    max_degree : int

    Returns
    -------
    Design

    Raises
    ------
    DualactError
        If ``n_components`` is too small for ``degree``.
    """
    highest = max_degree if degree is None else degree
    noise = NoisePairs.of(sample, target)
    size = math.sqrt(mean_square(target)) or 1.0
    found = _found(basis, sample, noise, size, highest, n_components)
    if not found:
        return Design((), 0.0, 0.0)
    found = _with_tilts(found, basis.tail(max_degree), sample, target, noise, n_components)
    problem = FactorProblem.build(target, np.stack([f.kernel for f in found]))
    allocator = Allocator([f.part for f in found], problem, n_components, sample.n_features)
    design = allocator.best_degrees() if degree is None else allocator.all_degrees()
    if design is None:
        raise DualactError(
            f"n_components={n_components} is too small for degree {degree}: the {len(found)} degrees of this "
            f"kernel's series need at least one column each. Take n_components of at least {highest + 1} "
            "(a few hundred to be useful), or degree='auto'."
        )
    return _with_true_widths(design, found, noise, size)


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
    basis: RadialBasis, sample: Sample, noise: NoisePairs, size: float, highest: int, budget: int
) -> list[_Found]:
    functions = basis(sample.mean_squares)
    across, lengths = packed(sample.across), sample.across.diagonal()
    power = np.ones_like(across)
    found = []
    for degree in range(highest + 1):
        if degree:
            power *= across
        powers = radial_powers(basis, functions, sample.along, degree)
        mixing = _directions(basis, powers, degree, lengths**degree, size)
        if degree == 0:
            mixing = mixing[:, : max(1, min(budget // 3, budget - highest))]
        if not mixing.size:
            continue
        components = powers @ mixing
        # A sketch that takes most rows of a small transform is better than its width says: the rows are drawn
        # without replacement. That is left to the final prediction; here a low share is assumed.
        columns = max(1, min(budget // 3, monomial_count(sample.n_features, degree) // 8))
        part = Part(degree, mixing, noise.rates(components, degree, columns))
        found.append(_Found(part, components, packed(components @ components.T) * power, columns))
    return found


def _with_tilts(
    found: list[_Found], tail: Tail, sample: Sample, target: Array, noise: NoisePairs, budget: int
) -> list[_Found]:
    """Let the factors depend on the norm, where the tail of the series does.

    With τ² the share of K(x, x) beyond the highest degree, every degree is offered as Σ_p c_p H_j(ττ')^{2p},
    which is positive semi-definite for c ≥ 0. The least-squares problem chooses c; what enters the map is the
    product form √(w(x) w(y)) with w = Σ_p c_p τ^{2p}, which has no more components than H_j.
    """
    if tail.spread < _FLAT_TAIL:
        return found
    share = tail(sample.mean_squares)
    pairs = packed(np.sqrt(np.outer(share, share)))
    offered = np.concatenate([np.stack([f.kernel for f in found]) * pairs ** (2 * p) for p in range(_TILTS)])
    rates = [
        noise.rates(f.components * share[:, None] ** p, f.part.degree, f.columns)[0]
        for p in range(_TILTS)
        for f in found
    ]
    penalty = np.array(rates) / math.sqrt(budget)
    factors = FactorProblem.build(target, offered).solve(list(range(len(offered))), penalty)
    return [
        f.tilted(tuple(c / c.sum()), share, noise) if c.sum() > 0 else f
        for f, c in zip(found, factors.reshape(_TILTS, -1).T, strict=True)
    ]


def _directions(basis: RadialBasis, powers: Array, degree: int, lengths: Array, size: float) -> Array:
    """W_j: what the sample uses of one degree, (t, c), ordered by what it adds to the kernel.

    The zero row, which has degree 0 alone, is counted among the rows whether the sample holds one or not.
    """
    weighted = powers * np.sqrt(lengths)[:, None]
    matrix = weighted.T @ weighted / (size * len(powers))
    if degree == 0:
        zero = np.where(basis.degrees == 0, basis.zero, 0.0)
        matrix += _ZERO_SHARE * np.outer(zero, zero) / max(float(zero @ zero), np.finfo(float).tiny)
    values, vectors = np.linalg.eigh(matrix)
    values, vectors = values[::-1], vectors[:, ::-1]
    if not values.size or values[0] <= 1e-3 * _RANK_TOLERANCE:
        return np.empty((values.size, 0))
    kept: Array = vectors[:, : max(1, int((values > _RANK_TOLERANCE).sum()))]
    return kept


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
