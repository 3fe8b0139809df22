"""Features compressed to the leading directions of wider ones: z = Vᵀ z_wide, V from the data.

Of all maps of m columns that are linear in the wide features, the leading m eigenvectors V of Σ z zᵀ lose
least of the Gram matrix: √(Σ_{i>m} λ_i² / Σ λ_i²) of it, in the Frobenius norm (Eckart, Young 1936).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DualactError
from ..network.planning import Kind
from ..network.spec import Network
from .blocks import row_blocks, squares
from .plans import FeaturePlan
from .spatial.basis import array_from_dict, array_to_dict
from .spatial.state import Array

__all__ = ["CompressedMap", "CompressedPlan"]

VERSION = 1
_BLOCK_BYTES = 2**26  # of wide features that are there at once, in transform


@dataclass(frozen=True, eq=False)
class CompressedPlan:
    """What a compressed feature map will do.

    Attributes
    ----------
    wide : FeaturePlan
        Of the wide features.
    directions : (w, m) float32 array
        Orthonormal columns.
    seed : int
        Of the sketches. It is part of the plan: the directions are those of that map's columns.
    lost : float
        Relative Frobenius error of the Gram matrix of the wide features of the rows it was made from.
    rows : int
        How many those were.
    """

    wide: FeaturePlan | CompressedPlan
    directions: Array
    seed: int
    lost: float
    rows: int

    @property
    def n_components(self) -> int:
        """Output columns."""
        return int(self.directions.shape[1])

    @property
    def compress(self) -> int:
        """How many times as wide the wide features are."""
        return self.wide.n_components // self.n_components

    @property
    def method(self) -> str:
        """The method by which the wide features are made."""
        return self.wide.method

    @property
    def n_features(self) -> int:
        """The number of input features."""
        return self.wide.n_features

    @property
    def network(self) -> Network:
        """The network."""
        return self.wide.network

    @property
    def shaped_network(self) -> Network:
        """The network, with the shape of its inputs."""
        return self.wide.shaped_network

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """The shape of one input, if it has one."""
        return self.wide.input_shape

    @property
    def kind(self) -> Kind:
        """The kind of kernel."""
        return self.wide.kind

    @property
    def predicted_error(self) -> float:
        """Predicted relative Frobenius error of the Gram matrix."""
        return math.hypot(self.wide.predicted_error, self.lost)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready data; see :meth:`FeaturePlan.to_dict`."""
        return {
            "version": VERSION,
            "method": "compressed",
            "wide": self.wide.to_dict(),
            "directions": array_to_dict(self.directions),
            "seed": self.seed,
            "lost": self.lost,
            "rows": self.rows,
        }

    @classmethod
    def read(cls, data: Mapping[str, Any], wide: Any) -> CompressedPlan:
        """Read back what :meth:`to_dict` wrote, given the plan of the wide features.

        Raises
        ------
        DualactError
            If the data are not those of a plan.
        """
        if data.get("version") != VERSION:
            raise DualactError(
                f"a compressed plan must be of version {VERSION}. Got {data.get('version')!r:.80}."
            )
        try:
            directions = array_from_dict(data["directions"])
            made = cls(wide, directions, int(data["seed"]), float(data["lost"]), int(data["rows"]))
        except (KeyError, TypeError, ValueError) as error:
            raise DualactError(f"these are not the data of a compressed plan: {error!r}.") from error
        if directions.ndim != 2 or directions.shape[0] != wide.n_components:
            raise DualactError(
                f"directions of shape {directions.shape} do not fit {wide.n_components} wide features."
            )
        return made

    def __str__(self) -> str:
        return "\n".join(
            [
                str(self.wide),
                f"compressed to the {self.n_components} leading directions of {self.rows} rows, which miss "
                f"{self.lost:.2g} of their Gram matrix",
                f"predicted relative error {self.predicted_error:.2g}",
            ]
        )


class CompressedMap:
    """Wide features times the directions of a plan.

    Parameters
    ----------
    plan : CompressedPlan
    wide : feature map
        Of ``plan.wide``.
    """

    def __init__(self, plan: CompressedPlan, wide: Any) -> None:
        self.plan, self.wide = plan, wide
        self.directions = plan.directions.astype(wide.dtype)

    def transform(self, X: Any, n_jobs: int | None = None) -> Array:
        """Return the features of the rows of X.

        Parameters
        ----------
        X : (n, …) array or CSR matrix
        n_jobs : int, optional
            Threads over blocks of rows; None means one per usable core.

        Returns
        -------
        (n, n_components) array of the wide map's dtype
        """
        out = np.empty((X.shape[0], self.plan.n_components), self.directions.dtype)
        step = max(64, _BLOCK_BYTES // (len(self.directions) * out.itemsize))
        for rows in row_blocks(len(out), step):
            np.matmul(self.wide.transform(X[rows], n_jobs), self.directions, out=out[rows])
        return out

    def series_diagonal(self, X: Any, n_jobs: int | None = None) -> Array:
        """Return |z(x)|² of the rows of X."""
        return squares(self.transform(X, n_jobs))
