"""The plan of a feature map: everything that fixes it but the seed and the dtype, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import DualactError, NetworkError
from ..exact.recursion import trace_variances
from ..network.planning import check, render_table
from ..network.spec import Network
from ..nonlinearity.contract import Array
from .counts import as_count
from .design import design_with_split
from .network_series import exact_kernel, network_series
from .plans import FeaturePlan, known_features, origin
from .radial import RadialBasis, Tail, radial_basis
from .sample import Sample, can_split, direction_from_data, direction_to_data, draw_sample, gaussian_sample
from .sparse_rows import spread_for
from .terms import Term, check_terms, term_rows

__all__ = ["SketchPlan", "norm_range", "plan_features"]

MAX_DEGREE = 16
_LOW_DIMENSIONAL_DEGREE = 40
_SPLIT_DEGREE = 40
_MARGINS = (4.0, 1.5, 1.1, 1.01)  # the grid of |x|² reaches that factor beyond the sample, if it can


@dataclass(frozen=True, eq=False)
class SketchPlan(FeaturePlan):
    """What a sketched feature map will do.

    Attributes
    ----------
    basis : RadialBasis
        The radial functions of the series.
    direction : (d,) array or None
        The unit vector along which rows are split, if they are.
    terms : tuple of Term
        The degrees, their weights, and how they are carried.
    truncation, sketching : float
        Predicted relative Frobenius errors: what the series misses, and what the sketch adds.
    rows : int
        Rows of data the design was made from; 0 means rows drawn from N(0, 1).
    tail_degree : int
        The degree beyond which the series counts as tail.
    spread : int
        Slots a coordinate of sparse leaves, for long sparse rows; 0 for dense leaves.
    reason : str
        Why this method, where it was chosen.
    """

    basis: RadialBasis
    direction: Array | None
    terms: tuple[Term, ...]
    truncation: float
    sketching: float
    rows: int
    tail_degree: int
    spread: int = 0
    reason: str = ""

    method: ClassVar[str] = "polysketch"
    _stored: ClassVar[str] = method

    @cached_property
    def tail(self) -> Tail:
        """The tail of the series, by which terms are tilted."""
        return self.basis.tail(self.tail_degree)

    def tail_share(self, norms: Array) -> Array:
        """Return τ², the share of K(x, x) in the tail, of rows with these norms."""
        return self.tail(norms**2 / self.n_features)

    @property
    def predicted_error(self) -> float:
        """Predicted relative Frobenius error of the Gram matrix."""
        return math.hypot(self.truncation, self.sketching)

    def _data(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "n_features": self.n_features,
            "n_components": self.n_components,
            "basis": self.basis.to_dict(),
            "direction": direction_to_data(self.direction),
            "terms": [t.to_dict() for t in self.terms],
            "truncation": self.truncation,
            "sketching": self.sketching,
            "rows": self.rows,
            "tail_degree": self.tail_degree,
            "spread": self.spread,
            "reason": self.reason,
        }

    @classmethod
    def _read(cls, data: Mapping[str, Any], network: Network) -> Self:
        checked = check(network, data["kind"], n_features=int(data["n_features"]))
        basis = RadialBasis.from_dict(data["basis"], network, checked.kind == "ntk")
        terms = tuple(Term.from_dict(t) for t in data["terms"])
        check_terms(terms, basis, int(data["n_features"]), int(data["n_components"]))
        return cls(
            checked,
            int(data["n_components"]),
            basis,
            direction_from_data(data["direction"], int(data["n_features"])),
            terms,
            float(data["truncation"]),
            float(data["sketching"]),
            int(data["rows"]),
            int(data["tail_degree"]),
            int(data["spread"]),
            str(data.get("reason", "")),
        )

    def __str__(self) -> str:
        split = "" if self.direction is None else ", split along the main direction of the data"
        leaves = f", sparse leaves ({self.spread} slots a coordinate)" if self.spread else ""
        return self._text(
            "sketched",
            sum(t.columns(self.n_features) for t in self.terms),
            self.checked.rows(),
            f"one series in the cosine{split}{leaves}; designed on {origin(self.rows)}",
            render_table(term_rows(self.terms, self.n_features)),
            f"predicted relative error {self.predicted_error:.2g} "
            f"(truncation {self.truncation:.2g}, sketch {self.sketching:.2g})",
            self._memory(),
            self.reason,
        )


def plan_features(
    network: Network,
    kind: str,
    X: Any = None,
    *,
    n_features: int | None = None,
    n_components: int,
    degree: int | str = "auto",
    population: int | None = None,
) -> SketchPlan:
    """Design the feature map of a dense network.

    Parameters
    ----------
    network : Network
    kind : {"ntk", "nngp"}
    X : (n, d) array or CSR matrix, optional
        Finite float data; up to 512 of its rows are looked at. None: rows drawn from N(0, 1).
    n_features : int, optional
        d, where X is not given.
    n_components : int
    degree : int or "auto"
        Highest power of the cosine; "auto" leaves it to the predicted error.
    population : int, optional
        How many rows X stands for, where it is a sample itself.

    Raises
    ------
    NetworkError
        If the network is ill-defined or does not fit the data.
    DualactError
        If n_components or degree is out of range, or n_components too small for the degree.
    """
    if X is not None:
        n_features = X.shape[1]
    checked = check(network, kind, n_features=n_features)
    if checked.spatial:
        raise NetworkError("a spatial network is not one series; plan_images makes the plan of its features.")
    n_features = known_features(checked)
    n_components = as_count("n_components", n_components, 1)
    wanted = None if degree == "auto" else as_count("degree", degree, 0)
    sample, unit = gaussian_sample(n_features) if X is None else draw_sample(X, population=population)
    sample = replace(sample, spread=spread_for(X, n_components))
    with_theta = checked.kind == "ntk"
    low, high = norm_range(network, sample, with_theta)
    target = exact_kernel(network, sample, with_theta)
    top = _top_degree(n_features, n_components) if wanted is None else wanted
    highest = max(_SPLIT_DEGREE, top) if can_split(sample, unit) else top
    wide = radial_basis(network, with_theta, low, high, highest)
    basis = wide.up_to(top)
    plain, split = (network_series(b, sample, target, top) for b in (basis, wide))
    design, direction = design_with_split(plain, split, sample, unit, n_components, wanted, top)
    if design is None:
        raise DualactError(
            f"n_components={n_components} is too small for degree {degree}: every degree of this kernel's "
            f"series needs at least one column. Take n_components of at least {top + 1} (a few hundred to be "
            "useful), or degree='auto'."
        )
    return SketchPlan(
        checked,
        n_components,
        basis if direction is None else wide,
        direction,
        design.terms,
        design.truncation,
        design.sketching,
        0 if X is None else len(sample.along),
        top,
        sample.spread,
    )


def _top_degree(n_features: int, n_components: int) -> int:
    """The highest degree to consider: more than usual where all monomials up to it fit."""
    top = MAX_DEGREE
    while top < _LOW_DIMENSIONAL_DEGREE and math.comb(n_features + top + 1, top + 1) <= n_components:
        top += 1
    return top


def norm_range(network: Network, sample: Sample, with_theta: bool) -> tuple[float, float]:
    """The grid's range of |x|²/d: the sample's and a margin, as far as the network has finite moments."""
    present = sample.mean_squares[sample.mean_squares > 0]
    if present.size == 0:
        return 1 / _MARGINS[0], _MARGINS[0]
    trace_variances(network.layers, sample.mean_squares, with_theta)
    low, high = float(present.min()), float(present.max())
    for margin in _MARGINS:
        try:
            trace_variances(network.layers, np.array([high * margin]), with_theta)
        except NetworkError:
            continue
        return low / margin, high * margin
    return low / _MARGINS[-1], high
