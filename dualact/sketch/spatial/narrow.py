"""Fewer columns, the same inner products on average: leading directions exact, the rest through one SRHT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .basis import Basis
from .srht import Srht
from .state import Array

__all__ = ["Narrow", "Narrower"]


@dataclass(frozen=True, eq=False)
class Narrow:
    """From ``length`` columns to ``width``.

    Attributes
    ----------
    length : int
    basis : Basis or None
        The directions that are kept exactly; None: nothing is to be done.
    rest : int
        Columns for what is left.
    """

    length: int
    basis: Basis | None
    rest: int

    @property
    def width(self) -> int:
        """Columns that come out."""
        return self.length if self.basis is None else self.basis.rank + self.rest

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        basis = None if self.basis is None else self.basis.to_dict()
        return {"length": self.length, "basis": basis, "rest": self.rest}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Narrow:
        """Read back what :meth:`to_dict` wrote."""
        basis = data["basis"]
        return cls(int(data["length"]), None if basis is None else Basis.from_dict(basis), int(data["rest"]))


class Narrower:
    """A :class:`Narrow` with its randomness drawn; R(a − Vh) is taken as Ra − (RV)h."""

    def __init__(self, narrow: Narrow, key: tuple[int, ...], dtype: Any) -> None:
        self.narrow = narrow
        if narrow.basis is not None:
            self.matrix = narrow.basis.matrix.astype(dtype)
            self.srht = Srht(narrow.length, narrow.rest, key, dtype) if narrow.rest else None
            self.image = np.empty((narrow.basis.rank, narrow.rest), dtype)
            if self.srht is not None:
                self.srht(np.ascontiguousarray(self.matrix.T), self.image)

    def __call__(self, rows: Array) -> Array:
        """Return the narrowed (n, length) rows, (n, width)."""
        if self.narrow.basis is None:
            return rows
        rank = self.narrow.basis.rank
        out = np.empty((len(rows), self.narrow.width), rows.dtype)
        heavy = rows @ self.matrix
        out[:, :rank] = heavy
        if self.srht is not None:
            self.srht(rows, out[:, rank:])
            out[:, rank:] -= heavy @ self.image
        return out
