"""The map of leading monomials: a plan and a dtype in, rows of features out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...nonlinearity.contract import Array
from ..blocks import BlockMap, row_blocks, squares
from ..feature_map import overflow
from ..sample import unit_rows
from ..terms import radial_powers
from .planning import PrincipalPlan
from .selection import multiplicity

__all__ = ["PrincipalMap"]

_INNER = 256  # rows of a part of a block
_COLUMNS = 512  # of a part of it, which stays in the cache


class PrincipalMap(BlockMap):
    """Monomials of the coordinates in principal axes, times functions of the norm and the main direction.

    Parameters
    ----------
    plan : PrincipalPlan
    dtype : dtype
        float32 or float64. Plan and dtype fix the map, to rounding.
    """

    plan: PrincipalPlan
    block_rows = 1024  # whose norms and radial functions are worked out together

    def __init__(self, plan: PrincipalPlan, dtype: Any) -> None:
        self.plan, self.dtype = plan, np.dtype(dtype)
        self._axes = np.ascontiguousarray(plan.axes[:, 1:], dtype=self.dtype)
        self._direction = plan.axes[:, 0].astype(np.float64)
        self._parts = list(_parts(plan, self.dtype))

    def series_diagonal(self, X: Any, n_jobs: int | None = None) -> Array:
        """Return |z(x)|² of the rows of X."""
        return squares(self.transform(X, n_jobs))

    def _block(self, X: Any, out: Array) -> None:
        """Work in columns of rows: a factor of a monomial is then a contiguous piece of memory."""
        unit, norms = unit_rows(X if sparse.issparse(X) else np.asarray(X, dtype=np.float64))
        along = np.asarray(unit @ self._direction)
        coordinates = np.ascontiguousarray(np.asarray(unit.astype(self.dtype) @ self._axes).T)
        functions = self.plan.basis.of_norms(norms, self.plan.n_features)
        with np.errstate(over="ignore", invalid="ignore"):
            components = {
                t.degree: (radial_powers(self.plan.basis, functions, along, t.degree) @ t.mixing)
                .astype(self.dtype)
                .T.copy()
                for t in self.plan.terms
            }
            for rows in row_blocks(len(out), _INNER):
                mine = np.ascontiguousarray(coordinates[:, rows])
                for part in self._parts:
                    part(mine, components[part.degree][:, rows], out[rows])
        if not np.all(np.isfinite(out)):
            raise overflow(norms, self.dtype)


class _Part:
    """Some columns: monomials of one component of one degree."""

    def __init__(
        self, degree: int, component: int, indices: NDArray[np.int64], first: int, dtype: Any
    ) -> None:
        self.degree, self.component = degree, component
        self.columns = slice(first, first + len(indices))
        self.factors = np.ascontiguousarray(indices.T)
        self.weights = np.sqrt(multiplicity(indices)).astype(dtype)[:, None]

    def __call__(self, coordinates: Array, components: Array, out: Array) -> None:
        product = np.empty((len(self.weights), coordinates.shape[1]), out.dtype)
        np.multiply(self.weights, components[self.component], out=product)
        for factor in self.factors:
            product *= coordinates[factor]
        out[:, self.columns] = product.T


def _parts(plan: PrincipalPlan, dtype: Any) -> Any:
    first = 0
    for term in plan.terms:
        ends = np.cumsum(term.counts)
        for component, indices in enumerate(np.split(term.indices, ends[:-1])):
            for start in range(0, len(indices), _COLUMNS):
                some = indices[start : start + _COLUMNS]
                yield _Part(term.degree, component, some, first, dtype)
                first += len(some)
