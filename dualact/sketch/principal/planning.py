"""The plan of leading monomials: axes, components and monomials, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ...errors import DualactError
from ...network.planning import check, render_table
from ...network.spec import Network
from ...nonlinearity.contract import Array
from ..plans import FeaturePlan, origin
from ..radial import RadialBasis
from ..spatial.basis import array_from_dict, array_to_dict

__all__ = ["PrincipalPlan", "PrincipalTerm"]

_UNIT = 1e-4  # how far from 1 the norm of an axis may be, after rounding to float32


@dataclass(frozen=True, eq=False)
class PrincipalTerm:
    """One degree: its components, and the monomials that each of them multiplies.

    Attributes
    ----------
    degree : int
        j, the power of x⊥·y⊥.
    mixing : (t, c) array
        From the radial functions to the components a_j.
    counts : tuple of c ints
        How many monomials each component has.
    indices : (Σ counts, degree) int array
        The axes whose coordinates are multiplied, ascending; those of the first component first.
    """

    degree: int
    mixing: Array
    counts: tuple[int, ...]
    indices: NDArray[np.int64]

    def to_dict(self) -> dict[str, Any]:
        """Return the term as JSON-ready data."""
        return {
            "degree": self.degree,
            "mixing": self.mixing.tolist(),
            "counts": list(self.counts),
            "indices": self.indices.ravel().tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PrincipalTerm:
        """Read back what :meth:`to_dict` wrote."""
        degree, counts = int(data["degree"]), tuple(int(c) for c in data["counts"])
        mixing = np.asarray(data["mixing"], dtype=float).reshape(len(data["mixing"]), -1)
        indices = np.asarray(data["indices"], dtype=np.int64).reshape(sum(counts), degree)
        return cls(degree, mixing, counts, indices)

    def check(self, basis: RadialBasis, axes: int) -> None:
        """Refuse a term that does not belong to these radial functions and axes."""
        functions = int((basis.degrees >= self.degree).sum())
        shape = (functions, len(self.counts))
        inside = ((self.indices >= 0) & (self.indices < axes)).all()
        ascending = (np.diff(self.indices, axis=1) >= 0).all()
        if (
            self.mixing.shape != shape
            or not np.isfinite(self.mixing).all()
            or min(self.counts, default=0) < 1
        ):
            raise DualactError(
                f"the term of degree {self.degree} must mix {functions} functions into one component for "
                f"each of its counts {self.counts!r:.80}. Got a mixing of shape {self.mixing.shape}."
            )
        if not (inside and ascending):
            raise DualactError(
                f"the monomials of degree {self.degree} must be ascending indices below {axes}."
            )


@dataclass(frozen=True, eq=False)
class PrincipalPlan(FeaturePlan):
    """What a map of leading monomials will do.

    Attributes
    ----------
    basis : RadialBasis
        The radial functions of the series.
    axes : (d, 1 + p) float32 array
        Orthonormal: the direction along which rows are split, and the axes of the monomials.
    terms : tuple of PrincipalTerm
    error : float
        Predicted relative Frobenius error of the Gram matrix.
    kept : float
        The share of the mean of K(x, x) that the features have, on the sample.
    rows : int
        Rows of data the design was made from; 0 means rows drawn from N(0, 1).
    """

    basis: RadialBasis
    axes: NDArray[np.float32]
    terms: tuple[PrincipalTerm, ...]
    error: float
    kept: float
    rows: int

    method: ClassVar[str] = "monomials"
    _stored: ClassVar[str] = method

    @property
    def used(self) -> int:
        """Columns that are not zero."""
        return sum(sum(t.counts) for t in self.terms)

    @property
    def predicted_error(self) -> float:
        """Predicted relative Frobenius error of the Gram matrix."""
        return self.error

    def _data(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "n_features": self.n_features,
            "n_components": self.n_components,
            "basis": self.basis.to_dict(),
            "axes": array_to_dict(self.axes),
            "terms": [t.to_dict() for t in self.terms],
            "error": self.error,
            "kept": self.kept,
            "rows": self.rows,
        }

    @classmethod
    def _read(cls, data: Mapping[str, Any], network: Network) -> Self:
        checked = check(network, data["kind"], n_features=int(data["n_features"]))
        basis = RadialBasis.from_dict(data["basis"], network, checked.kind == "ntk")
        axes = array_from_dict(data["axes"])
        terms = tuple(PrincipalTerm.from_dict(t) for t in data["terms"])
        error, kept = float(data["error"]), float(data["kept"])
        made = cls(checked, int(data["n_components"]), basis, axes, terms, error, kept, int(data["rows"]))
        made._check()
        return made

    def _check(self) -> None:
        d = self.checked.n_features
        if self.axes.ndim != 2 or self.axes.shape[0] != d or self.axes.shape[1] < 1:
            raise DualactError(f"the axes must be columns of {d} numbers. Got shape {self.axes.shape}.")
        lengths = np.linalg.norm(self.axes.astype(float), axis=0)
        if np.abs(lengths - 1).max() > _UNIT:
            raise DualactError(
                f"the axes must be unit vectors. Got norms from {lengths.min():.3g} to {lengths.max():.3g}."
            )
        degrees = [t.degree for t in self.terms]
        if (
            degrees != sorted({*degrees})
            or min(degrees, default=0) < 0
            or max(degrees, default=0) > self.basis.degree
        ):
            raise DualactError(
                f"the degrees of a plan ascend from 0 to {self.basis.degree}. Got {degrees!r:.200}."
            )
        for term in self.terms:
            term.check(self.basis, self.axes.shape[1] - 1)
        if max(self.used, 1) > self.n_components:
            raise DualactError(
                f"the plan takes {self.used} columns, but has n_components={self.n_components}."
            )

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("degree", "monomials", "components", "axes")]
        for term in self.terms:
            axes = int(term.indices.max(initial=-1)) + 1
            rows.append((str(term.degree), str(sum(term.counts)), str(len(term.counts)), str(axes)))
        split = "split along the main direction of the data"
        return self._text(
            "leading monomials of the",
            self.used,
            self.checked.rows(),
            f"one series in the cosine, {split}; designed on {origin(self.rows)}",
            render_table(rows),
            f"predicted relative error {self.error:.2g}; {self.kept:.4g} of the mean of K(x, x) is kept",
            self._memory(),
        )
