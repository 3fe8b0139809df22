"""The plan of leading monomials: axes, components and monomials, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import DualactError
from ...network.planning import Kind, NetworkPlan, check, render_table
from ...network.spec import Network
from ...nonlinearity.contract import Array
from ..radial import RadialBasis
from ..spatial.basis import array_from_dict, array_to_dict

__all__ = ["PrincipalPlan", "PrincipalTerm"]

VERSION = 1
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
class PrincipalPlan:
    """What a map of leading monomials will do.

    Attributes
    ----------
    checked : NetworkPlan
        The network, its kind and number of features.
    n_components : int
        Output columns.
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

    checked: NetworkPlan
    n_components: int
    basis: RadialBasis
    axes: NDArray[np.float32]
    terms: tuple[PrincipalTerm, ...]
    error: float
    kept: float
    rows: int

    @property
    def network(self) -> Network:
        """The network."""
        return self.checked.network

    @property
    def shaped_network(self) -> Network:
        """The network."""
        return self.checked.network

    @property
    def input_shape(self) -> None:
        """None: inputs are rows."""

    @property
    def kind(self) -> Kind:
        """The kind of kernel."""
        return self.checked.kind

    @property
    def n_features(self) -> int:
        """The number of input features."""
        return int(self.axes.shape[0])

    @property
    def used(self) -> int:
        """Columns that are not zero."""
        return sum(sum(t.counts) for t in self.terms)

    @property
    def predicted_error(self) -> float:
        """Predicted relative Frobenius error of the Gram matrix."""
        return self.error

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready data.

        Raises
        ------
        NetworkError
            If the network has an activation that cannot be written down.
        """
        return {
            "version": VERSION,
            "method": "monomials",
            "network": self.network.to_dict(),
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
    def from_dict(cls, data: Mapping[str, Any]) -> PrincipalPlan:
        """Read back what :meth:`to_dict` wrote; nothing in the data is executed.

        Raises
        ------
        DualactError
            If the data are not those of a plan.
        """
        if not isinstance(data, Mapping) or data.get("version") != VERSION:
            raise DualactError(
                f"PrincipalPlan.from_dict: expected the dictionary of a plan of version {VERSION}. "
                f"Got {data.get('version') if isinstance(data, Mapping) else type(data).__name__!r}."
            )
        try:
            network = Network.from_dict(data["network"])
            checked = check(network, data["kind"], n_features=int(data["n_features"]))
            basis = RadialBasis.from_dict(data["basis"], network, checked.kind == "ntk")
            axes = array_from_dict(data["axes"])
            terms = tuple(PrincipalTerm.from_dict(t) for t in data["terms"])
            error, kept = float(data["error"]), float(data["kept"])
            made = cls(checked, int(data["n_components"]), basis, axes, terms, error, kept, int(data["rows"]))
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            if isinstance(error, DualactError):
                raise
            raise DualactError(
                f"PrincipalPlan.from_dict: the data are incomplete: {error!r:.200}."
            ) from error
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
        title = {"nngp": "NNGP", "ntk": "NTK"}[self.kind]
        steps: list[tuple[str, ...]] = [
            ("layer", "", "rule"),
            *((s.path, s.layer, s.rule) for s in self.checked.steps),
        ]
        rows: list[tuple[str, ...]] = [("degree", "monomials", "components", "axes")]
        for term in self.terms:
            axes = int(term.indices.max(initial=-1)) + 1
            rows.append((str(term.degree), str(sum(term.counts)), str(len(term.counts)), str(axes)))
        origin = f"{self.rows} rows of X" if self.rows else "rows drawn from N(0, 1)"
        return "\n".join(
            [
                f"leading monomials of the {title} of {self.checked.output}: {self.n_features} features -> "
                f"{self.n_components} components ({self.used} used)",
                render_table(steps),
                f"one series in the cosine, split along the main direction of the data; designed on {origin}",
                render_table(rows),
                f"predicted relative error {self.error:.2g}; {self.kept:.4g} of the mean of K(x, x) is kept",
                f"memory {4 * self.n_components} bytes a row in float32, {8 * self.n_components} in float64",
            ]
        )
