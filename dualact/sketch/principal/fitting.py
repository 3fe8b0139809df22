"""Making the plan of leading monomials."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from ...errors import NetworkError
from ...network.layers import is_spatial
from ...network.planning import check
from ...network.spec import Network
from ...nonlinearity.contract import Array
from ..counts import as_count
from ..design import component_directions
from ..network_series import exact_kernel, network_series
from ..pairs import diagonal_of, mean_square, packed
from ..planning import norm_range
from ..plans import known_features
from ..radial import radial_basis
from ..sample import draw_sample, evenly_spaced, gaussian_sample, sampled_rows, unit_rows
from ..sampled import SampledSeries
from ..terms import radial_powers
from .axes import principal_axes
from .feature_map import PrincipalMap
from .planning import PrincipalPlan, PrincipalTerm
from .selection import Chosen, choose_monomials

__all__ = ["ROWS", "plan_monomials"]

ROWS = 8192  # that the axes are taken from, at most
_CHOICE_ROWS = 1024  # that the monomials are chosen on
_SERIES = 40  # degree of the series; powers of the main direction are not cut otherwise
_HIGHEST = 16  # degree of a monomial
_COMPONENT = 1e-6  # of the mean diagonal: what a component of one degree must have to be offered


def plan_monomials(
    network: Network,
    kind: str,
    X: Any = None,
    *,
    n_features: int | None = None,
    n_components: int,
    degree: int | str = "auto",
    population: int | None = None,
) -> PrincipalPlan:
    """Choose the leading monomials of a dense network's kernel.

    Parameters
    ----------
    network : Network
    kind : {"ntk", "nngp"}
    X : (n, d) array or CSR matrix, optional
        Finite float data; up to 8192 of its rows are looked at. None: rows drawn from N(0, 1).
    n_features : int, optional
        d, where X is not given.
    n_components : int
    degree : int or "auto"
        Highest degree of a monomial; "auto" stands for 16.
    population : int, optional
        How many rows X stands for, where it is a sample itself.

    Raises
    ------
    NetworkError
        If the network is ill-defined, spatial, or does not fit the data.
    DualactError
        If n_components or degree is out of range.
    """
    if is_spatial(network.layers):
        raise NetworkError(
            "method='monomials' is for dense networks: a spatial one is not one series. "
            "Take method='polysketch' or 'random'."
        )
    if X is not None:
        n_features = X.shape[1]
    checked = check(network, kind, n_features=n_features)
    n_features = known_features(checked)
    n_components = as_count("n_components", n_components, 1)
    highest = _HIGHEST if degree == "auto" else as_count("degree", degree, 0)
    with_theta = checked.kind == "ntk"
    if X is None:
        drawn, unit = gaussian_sample(n_features)
        part: Any = unit * drawn.norms[:, None]
    else:
        part = sampled_rows(X, ROWS)
        population = X.shape[0] if population is None else population
    unit, norms = unit_rows(part if sparse.issparse(part) else np.asarray(part, dtype=np.float64))
    sample, _ = draw_sample(part, population=population)
    low, high = norm_range(network, sample, with_theta)
    basis = radial_basis(network, with_theta, low, high, max(_SERIES, highest))
    target = exact_kernel(network, sample, with_theta)
    series = network_series(basis, sample, target, highest)
    functions = basis.of_norms(norms, n_features)
    functions /= np.abs(functions).max(initial=0.0) or 1.0
    weights = (functions[:, basis.degrees > 0] ** 2).sum(axis=1)
    axes = principal_axes(unit, weights, 1 + n_components).astype(np.float32)
    few = evenly_spaced(len(norms), _CHOICE_ROWS)
    choice = _Choice(series, functions[few], np.asarray(unit[few] @ axes))
    terms = choice.terms(n_components, highest)
    used = 1 + max((int(t.indices.max(initial=-1)) + 1 for t in terms), default=0)
    rows = 0 if X is None else len(norms)
    plan = PrincipalPlan(checked, n_components, basis, axes[:, :used].copy(), terms, 0.0, 0.0, rows)
    return _measured(plan, sampled_rows(part), target, sample.population)


class _Choice:
    """The components of the series on some rows, and the monomials for them."""

    def __init__(self, series: SampledSeries, functions: Array, coordinates: Array) -> None:
        self.series, self.functions = series, functions
        self.along, self.across = coordinates[:, 0].astype(np.float64), coordinates[:, 1:]
        # Where K is small everywhere, so is what counts as a direction of its components.
        self.size = float((functions**2).sum(axis=1).mean())
        self.mixing: dict[int, Array] = {}

    def components(self, degree: int) -> Array:
        """a_j on these rows, (s, c); the mixing that makes them is kept."""
        powers = radial_powers(self.series, self.functions, self.along, degree)
        lengths = np.maximum(1 - self.along**2, 0.0) ** degree
        self.mixing[degree] = component_directions(
            self.series, powers, degree, lengths, self.size or 1.0, _COMPONENT
        )
        found: Array = powers @ self.mixing[degree]
        return found

    def terms(self, budget: int, highest: int) -> tuple[PrincipalTerm, ...]:
        """The best monomials for a budget."""
        by_degree: dict[int, list[Chosen]] = {}
        for one in choose_monomials(self.across, self.components, budget, highest):
            by_degree.setdefault(one.degree, []).append(one)
        return tuple(
            PrincipalTerm(
                degree,
                np.ascontiguousarray(self.mixing[degree][:, [one.component for one in chosen]]),
                tuple(len(one.indices) for one in chosen),
                np.concatenate([one.indices for one in chosen]),
            )
            for degree, chosen in by_degree.items()
        )


def _measured(plan: PrincipalPlan, rows: Any, target: Array, population: int | None) -> PrincipalPlan:
    """Return the plan with its errors on the rows of the sample, whose kernel ``target`` is (packed)."""
    unit = float(diagonal_of(target).max()) or 1.0  # so that no square overflows
    Z = PrincipalMap(plan, np.float64).transform(rows, 1) / math.sqrt(unit)
    target = target / unit
    found = packed(Z @ Z.T)
    size = math.sqrt(mean_square(target, population)) or 1.0
    error = math.sqrt(mean_square(target - found, population)) / size
    whole = float(diagonal_of(target).sum()) or 1.0
    return replace(plan, error=error, kept=float(diagonal_of(found).sum()) / whole)
