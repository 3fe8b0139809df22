"""The polynomial kernel as a series in the cosine, and the plan of its feature map.

    (γ x·y + c)^q = Σ_k C(q, k) c^{q−k} γ^k |x|^k |y|^k cos^k∠(x, y)

has one radial function √(C(q,k) c^{q−k}) (√γ|x|)^k for each degree. The series is the kernel, so that nothing
is truncated and no factor is fitted: features are unbiased for all rows, and the sample of the data
decides only where the columns go.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from ..errors import DualactError
from ..network.planning import render_table
from ..nonlinearity.contract import Array
from .design import design_with_split
from .pairs import packed
from .sample import Sample, direction_from_data, direction_to_data, sample_of, sampled_rows
from .sampled import SampledSeries
from .sparse_rows import spread_for
from .terms import Term, term_rows

__all__ = ["PolynomialBasis", "PolynomialPlan", "plan_polynomial"]

VERSION = 1
_POOLED = 8  # columns a power, below which a sketch of all powers together is considered


@dataclass(frozen=True)
class PolynomialBasis:
    """Radial functions of (γ x·y + c)^q.

    Attributes
    ----------
    gamma : float
        γ ≥ 0.
    degree : int
        q ≥ 1.
    coef0 : float
        c ≥ 0.
    """

    gamma: float
    degree: int
    coef0: float

    @cached_property
    def degrees(self) -> Array:
        """The powers of the cosine that have a coefficient, ascending."""
        q = self.degree
        some = [k for k in range(q + 1) if (k == q or self.coef0 > 0) and (k == 0 or self.gamma > 0)]
        return np.array(some, dtype=np.int64)

    def values(self, lengths: Array, constant: float) -> Array:
        """Return √C(q,k) · constant^{q−k} · lengths^k for each degree, (n, t)."""
        out = np.empty((lengths.size, self.degrees.size))
        with np.errstate(over="ignore", under="ignore"):
            for column, k in enumerate(self.degrees.tolist()):
                lead = np.float64(math.sqrt(math.comb(self.degree, k)))
                out[:, column] = lead * np.float64(constant) ** (self.degree - k)
                for _ in range(k):  # one factor after the other: no intermediate larger than start and end
                    out[:, column] *= lengths
        return out

    def of_norms(self, norms: Array, n_features: int) -> Array:
        """Values of all functions at rows with these norms |x|, (n, t); infinity where they overflow."""
        with np.errstate(over="ignore", under="ignore"):
            lengths = math.sqrt(self.gamma) * norms
        return self.values(lengths, math.sqrt(self.coef0))

    def on(self, sample: Sample) -> SampledSeries:
        """Return the series on a sample, with the largest diagonal for unit."""
        lengths, constant = math.sqrt(self.gamma) * sample.norms, math.sqrt(self.coef0)
        unit = float(np.hypot(lengths, constant).max()) or 1.0
        lengths, constant = lengths / unit, constant / unit
        with np.errstate(under="ignore"):
            kernel = (packed(sample.cosines * np.outer(lengths, lengths)) + constant**2) ** self.degree
        functions, zero = self.values(lengths, constant), self.values(np.zeros(1), constant)[0]
        return SampledSeries(self.degrees, functions, zero, kernel, unbiased=True)


@dataclass(frozen=True, eq=False)
class PolynomialPlan:
    """What the feature map of a polynomial kernel will do.

    Attributes
    ----------
    basis : PolynomialBasis
        The kernel.
    n_features, n_components : int
    direction : (d,) array or None
        The unit vector along which rows are split, if they are.
    terms : tuple of Term
        The powers of x⊥·y⊥, and how they are carried.
    predicted_error : float
        Predicted relative Frobenius error of the Gram matrix.
    rows : int
        Rows of data the design was made from.
    constant : float
        A coordinate that is appended to every row before the map (0: none): √(c/γ) makes (γ x·y + c)^q a
        power of one inner product, which any number of columns can sketch.
    spread : int
        Slots a coordinate of sparse leaves, for long sparse rows; 0 for dense leaves.
    """

    basis: PolynomialBasis
    n_features: int
    n_components: int
    direction: Array | None
    terms: tuple[Term, ...]
    predicted_error: float
    rows: int
    constant: float = 0.0
    spread: int = 0

    @property
    def n_features_in(self) -> int:
        """Columns of the data: ``n_features`` without the constant."""
        return self.n_features - bool(self.constant)

    def extended(self, X: Any) -> Any:
        """Return the rows of X, with the constant appended if there is one."""
        return with_constant(X, self.constant) if self.constant else X

    def tail_share(self, norms: Array) -> Array:
        """Return zeros: the series has no tail."""
        return np.zeros_like(norms)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready data."""
        return {
            "version": VERSION,
            "method": "polynomial",
            "gamma": self.basis.gamma,
            "degree": self.basis.degree,
            "coef0": self.basis.coef0,
            "n_features": self.n_features,
            "n_components": self.n_components,
            "direction": direction_to_data(self.direction),
            "terms": [t.to_dict() for t in self.terms],
            "predicted_error": self.predicted_error,
            "rows": self.rows,
            "constant": self.constant,
            "spread": self.spread,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PolynomialPlan:
        """Read back what :meth:`to_dict` wrote; nothing in the data is executed.

        Raises
        ------
        DualactError
            If the data are not those of a plan.
        """
        name = (data.get("method"), data.get("version")) if isinstance(data, Mapping) else type(data).__name__
        if name != ("polynomial", VERSION):
            raise DualactError(
                "PolynomialPlan.from_dict: expected the dictionary of a plan with method 'polynomial' and "
                f"version {VERSION}. Got {name!r}."
            )
        try:
            return cls(
                PolynomialBasis(float(data["gamma"]), int(data["degree"]), float(data["coef0"])),
                int(data["n_features"]),
                int(data["n_components"]),
                direction_from_data(data["direction"], int(data["n_features"])),
                tuple(Term.from_dict(t) for t in data["terms"]),
                float(data["predicted_error"]),
                int(data["rows"]),
                float(data["constant"]),
                int(data["spread"]),
            )
        except (KeyError, TypeError) as error:
            raise DualactError(f"PolynomialPlan.from_dict: the data are incomplete: {error}.") from error

    def __str__(self) -> str:
        coef0 = self.basis.coef0 or self.basis.gamma * self.constant**2
        kernel = f"({self.basis.gamma:g} x·y + {coef0:g})^{self.basis.degree}"
        appended = f", a constant of {self.constant:g} appended to the rows" if self.constant else ""
        split = ", split along the main direction of the data" if self.direction is not None else ""
        leaves = f", sparse leaves ({self.spread} slots a coordinate)" if self.spread else ""
        used = sum(t.columns(self.n_features) for t in self.terms)
        return "\n".join(
            [
                f"sketched {kernel}: {self.n_features_in} features -> {self.n_components} components "
                f"({used} used)",
                f"one series in the cosine{appended}{split}{leaves}; designed on {self.rows} rows of X",
                render_table(term_rows(self.terms, self.n_features)),
                f"predicted relative error {self.predicted_error:.2g}",
            ]
        )


def plan_polynomial(
    X: Any, gamma: float, degree: int, coef0: float, n_components: int, *, population: int | None = None
) -> PolynomialPlan:
    """Design the feature map of a polynomial kernel.

    Parameters
    ----------
    X : (n, d) array or CSR matrix
        Finite float data; up to 512 of its rows are looked at.
    gamma, degree, coef0
        Of (γ x·y + c)^q: γ ≥ 0, q ≥ 1, c ≥ 0.
    n_components : int
        At least 1.
    population : int, optional
        How many rows X stands for, where it is a sample itself.

    Returns
    -------
    PolynomialPlan

    Raises
    ------
    DualactError
        If a norm overflows.
    """
    basis = PolynomialBasis(float(gamma), int(degree), float(coef0))
    rows, n = sampled_rows(X), X.shape[0] if population is None else population
    spread = spread_for(X, n_components)
    plan = _planned(basis, rows, n, n_components, 0.0, spread)
    # Few columns for many powers: one sketch of all together.
    if plan is None or n_components < _POOLED * basis.degrees.size:
        constant = math.sqrt(basis.coef0) / math.sqrt(basis.gamma) if basis.coef0 and basis.gamma else 0.0
        power = PolynomialBasis(basis.gamma, basis.degree, 0.0)
        more = with_constant(rows, constant)
        pooled = _planned(power, more, n, n_components, constant, spread) if constant else None
        if pooled is not None and (plan is None or pooled.predicted_error < plan.predicted_error):
            plan = pooled
    assert plan is not None  # a single power takes any number of columns
    return plan


def _planned(
    basis: PolynomialBasis, rows: Any, population: int, n_components: int, constant: float, spread: int
) -> PolynomialPlan | None:
    sample, unit = sample_of(rows, population)
    sample = replace(sample, spread=spread)
    if not np.all(np.isfinite(sample.norms)):
        raise DualactError("a row of X has a norm that overflows; scale X down.")
    series, degree = basis.on(sample), basis.degree
    design, direction = design_with_split(series, series, sample, unit, n_components, degree, degree)
    if design is None:
        return None
    return PolynomialPlan(
        basis,
        rows.shape[1],
        n_components,
        direction,
        design.terms,
        design.error,
        rows.shape[0],
        constant,
        spread,
    )


def with_constant(X: Any, constant: float) -> Any:
    """Return X, an array or CSR matrix, with a constant column appended."""
    column = np.full((X.shape[0], 1), constant, dtype=X.dtype)
    if sparse.issparse(X):
        return sparse.hstack([X, column], format="csr")
    return np.concatenate([X, column], axis=1)
