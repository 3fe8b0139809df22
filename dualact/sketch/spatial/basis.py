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


_MORE, _STEPS = 16, 3  # of the subspace iteration


@dataclass(frozen=True, eq=False)
class Basis:
    """Orthonormal columns V.

    Attributes
    ----------
    matrix : (d, r) float32 array
        r may be 0.
    shares : tuple of float
        The fraction of the sample's energy that lies in the first 1, 2, …, r of them.
    """

    matrix: Array
    shares: tuple[float, ...]

    @property
    def share(self) -> float:
        """The fraction of the sample's energy that lies in them all."""
        return self.share_of(self.rank)

    def share_of(self, count: int) -> float:
        """The fraction of the sample's energy that lies in the first ``count``."""
        return self.shares[min(count, self.rank) - 1] if count and self.rank else 0.0

    def first(self, count: int) -> Basis:
        """The first ``count`` of them."""
        return Basis(np.ascontiguousarray(self.matrix[:, :count]), self.shares[:count])

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
        return {"matrix": array_to_dict(self.matrix), "shares": list(self.shares)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Basis:
        """Read back what :meth:`to_dict` wrote."""
        return cls(array_from_dict(data["matrix"]), tuple(map(float, data["shares"])))


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
    d = rows.shape[1]
    rank = min(rank, d)
    total = float(np.einsum("ij,ij->", rows, rows, dtype=np.float64))
    if total == 0:
        return Basis(np.eye(d, rank, dtype=np.float32), (1.0,) * rank)
    kept = _all_directions(rows)[:, :rank] if 4 * rank >= d else _subspace(rows, rank)
    kept = kept * np.where(kept[np.abs(kept).argmax(axis=0), np.arange(rank)] < 0, -1.0, 1.0)
    energies = np.sum((rows @ kept.astype(rows.dtype)) ** 2, axis=0, dtype=np.float64)
    shares = np.minimum(np.cumsum(energies) / total, 1.0)
    if rank == d:
        shares[-1] = 1.0
    return Basis(np.ascontiguousarray(kept, dtype=np.float32), tuple(shares.tolist()))


def _all_directions(rows: Array) -> Array:
    wide = rows.astype(np.float64)
    vectors: Array = np.linalg.eigh(wide.T @ wide)[1][:, ::-1]
    return vectors


def _subspace(rows: Array, rank: int) -> Array:
    """Subspace iteration: orthonormal columns close to the leading directions after a few steps.

    How close matters for the noise only, not for what is estimated.
    """
    start = np.random.default_rng(0).standard_normal((rows.shape[1], rank + _MORE)).astype(rows.dtype)
    found = start
    for _ in range(_STEPS):
        found = np.linalg.qr(rows.T @ (rows @ found))[0]
    small = (rows @ found).astype(np.float64)
    turned = np.linalg.eigh(small.T @ small)[1][:, ::-1][:, :rank]
    kept: Array = np.linalg.qr(found.astype(np.float64) @ turned)[0]
    return kept


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
