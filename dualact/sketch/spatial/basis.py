"""The heavy directions of features: few, and carried exactly, so that only what is left meets random signs.

Sums through random signs have a variance of about |a|²|b|²/m; taken of a − VVᵀa, they have one of about
|a − VVᵀa|²|b − VVᵀb|²/m. Natural images put nine tenths of the energy into a few directions: with the
leading ones kept apart that variance falls to a hundredth. Unbiased for any fixed V.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import DualactError
from .state import Array

__all__ = ["Basis", "array_from_dict", "array_to_dict", "leading"]


@dataclass(frozen=True, eq=False)
class Basis:
    """Orthonormal columns V.

    Attributes
    ----------
    matrix : (d, r) float32 array
        r may be 0.
    share : float
        The fraction of the sample's energy that lies in them.
    """

    matrix: Array
    share: float

    @property
    def length(self) -> int:
        """d."""
        return int(self.matrix.shape[0])

    @property
    def rank(self) -> int:
        """r."""
        return int(self.matrix.shape[1])

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {"matrix": array_to_dict(self.matrix), "share": self.share}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Basis:
        """Read back what :meth:`to_dict` wrote."""
        return cls(array_from_dict(data["matrix"]), float(data["share"]))


def leading(rows: Array, rank: int) -> Basis:
    """Return the leading directions of the second moments of a sample.

    Parameters
    ----------
    rows : (n, d) array
    rank : int
        At most d.

    Returns
    -------
    Basis
    """
    wide = rows.astype(np.float64)
    values, vectors = np.linalg.eigh(wide.T @ wide)
    total = float(values.sum())
    rank = min(rank, rows.shape[1])
    kept = vectors[:, ::-1][:, :rank]
    kept = kept * np.where(kept[np.abs(kept).argmax(axis=0), np.arange(rank)] < 0, -1.0, 1.0)
    share = float(values[::-1][:rank].sum()) / total if total > 0 else 1.0
    return Basis(np.ascontiguousarray(kept, dtype=np.float32), share)


def array_to_dict(values: Array) -> dict[str, Any]:
    """Return an array of float32 as JSON-ready data, to the bit."""
    data = np.ascontiguousarray(values, dtype="<f4")
    return {"shape": list(data.shape), "float32": base64.b64encode(data.tobytes()).decode("ascii")}


def array_from_dict(data: Mapping[str, Any]) -> Array:
    """Read back what :func:`array_to_dict` wrote.

    Raises
    ------
    DualactError
        If bytes and shape do not fit together, or numbers are not finite.
    """
    shape = tuple(int(n) for n in data["shape"])
    raw = base64.b64decode(data["float32"], validate=True)
    if min(shape, default=0) < 0 or len(raw) != 4 * int(np.prod(shape)):
        raise DualactError(f"an array of shape {shape} does not consist of {len(raw)} bytes.")
    values = np.frombuffer(raw, dtype="<f4").reshape(shape).astype(np.float32)
    if not np.all(np.isfinite(values)):
        raise DualactError("an array of the plan has entries that are not finite.")
    return values
