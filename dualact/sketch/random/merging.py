"""Two copies of the same features, with weights that depend on the row, as one.

Θ after Dense holds w·c_0(φ′)·σ (what Θ was before) beside c_1(φ)·σ (what Σ is now): columns a = αf and
b = βf, with ⟨a, a'⟩ + ⟨b, b'⟩ = (αα' + ββ')⟨f, f'⟩. For any angles χ and signs ε, column by column,

    cos χ·a + sin χ·b + ε(cos χ·b − sin χ·a)

has that inner product on average: a rotation, and a sum through random signs. Where β/α = tan χ for all rows
(a homogeneous φ, or rows of one norm) the second part vanishes, and nothing is lost with half the columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..signs import signs
from ..spatial.basis import array_from_dict, array_to_dict
from ..spatial.state import Array

__all__ = ["Merge", "Merger", "find_merge"]

_LOST = 0.02  # share of the copies' energy that may go through signs
_NOTHING = 1e-10


@dataclass(frozen=True, eq=False)
class Merge:
    """Columns 0 … k − 1 and ``other`` … ``other`` + k − 1 become k columns; those are followed by the rest.

    Attributes
    ----------
    length : int
        Columns that come in.
    other : int
        Where the second copy begins.
    angles : (k,) array
        χ; k may be 0: then the columns from ``other`` on come first, and nothing else happens.
    exact : bool
        Whether nothing goes through signs.
    """

    length: int
    other: int
    angles: Array
    exact: bool

    @property
    def width(self) -> int:
        """Columns that come out."""
        return self.length - len(self.angles)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "length": self.length,
            "other": self.other,
            "angles": array_to_dict(self.angles),
            "exact": self.exact,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Merge:
        """Read back what :meth:`to_dict` wrote."""
        angles = array_from_dict(data["angles"])
        return cls(int(data["length"]), int(data["other"]), angles, bool(data["exact"]))


def find_merge(rows: Array, other: int, count: int) -> Merge:
    """Return the merge of two copies of ``count`` columns as a sample shows them.

    Parameters
    ----------
    rows : (n, length) array
    other : int
        Where the second copy begins.
    count : int
        0 if there is none.
    """
    first = rows[:, :count].astype(np.float64)
    second = rows[:, other : other + count].astype(np.float64)
    # The leading direction of the 2 × 2 second moments of each column.
    aa, bb, ab = (np.sum(u * v, axis=0) for u, v in ((first, first), (second, second), (first, second)))
    angles = (0.5 * np.arctan2(2 * ab, aa - bb)).astype(np.float32)
    rest = np.sum((np.cos(angles) * second - np.sin(angles) * first) ** 2)
    share = float(rest) / (float(aa.sum() + bb.sum()) or 1.0)
    if share > _LOST:
        return Merge(rows.shape[1], other, np.zeros(0, np.float32), True)
    return Merge(rows.shape[1], other, angles, share < _NOTHING)


class Merger:
    """A :class:`Merge` with its signs drawn."""

    def __init__(self, merge: Merge, key: tuple[int, ...], dtype: Any) -> None:
        self.merge = merge
        wide = merge.angles.astype(np.float64)
        drawn = 0 if merge.exact else signs(key, len(wide)).astype(np.float64)
        self.first = (np.cos(wide) - drawn * np.sin(wide)).astype(dtype)
        self.second = (np.sin(wide) + drawn * np.cos(wide)).astype(dtype)

    def __call__(self, rows: Array) -> Array:
        """Return (n, width): merged columns, the second copy's rest, then the first copy's."""
        k, other = len(self.first), self.merge.other
        out = np.empty((len(rows), self.merge.width), rows.dtype)
        np.multiply(rows[:, :k], self.first, out=out[:, :k])
        out[:, :k] += rows[:, other : other + k] * self.second
        beside = self.merge.length - other - k
        out[:, k : k + beside] = rows[:, other + k :]
        out[:, k + beside :] = rows[:, k:other]
        return out
