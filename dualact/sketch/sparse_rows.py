"""Sparse rows as the leaves of a circuit read them, and when it pays to read them so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["SparseRows", "spread_for", "unit_csr"]

Array = NDArray[Any]
_SPREAD = 4  # slots a coordinate: see dualact/sketch/embedding.py
_COLUMNS_WORTH = 2  # features for each column of the sketch
_LARGEST_DENSITY = 1 / 32


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Rows of a CSR matrix: row r has ``values[starts[r]:starts[r + 1]]`` at those ``indices``.

    Attributes
    ----------
    values : (nnz,) array
    indices : (nnz,) int64 array
        Ascending within a row, none twice.
    starts : (b + 1,) int64 array
        Need not begin with 0.
    """

    values: Array
    indices: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Any, dtype: np.dtype[Any]) -> SparseRows:
        """Return the rows of a CSR matrix, or the nonzeros of a dense one, in one canonical order.

        Entries given twice are added in float64; the caller's matrix stays as it is.
        """
        matrix = canonical(rows)
        return cls(
            np.ascontiguousarray(matrix.data, dtype=dtype),
            np.ascontiguousarray(matrix.indices, dtype=np.int64),
            np.ascontiguousarray(matrix.indptr, dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, part: slice) -> SparseRows:
        first, last, _ = part.indices(len(self))
        return SparseRows(self.values, self.indices, self.starts[first : last + 1])

    @property
    def entries(self) -> tuple[Array, NDArray[np.int64], NDArray[np.intp]]:
        """Values, columns, and the row of each of them."""
        part = slice(self.starts[0], self.starts[-1])
        return self.values[part], self.indices[part], np.repeat(np.arange(len(self)), np.diff(self.starts))


def canonical(rows: Any) -> Any:
    """Return rows (dense or CSR) as a float64 CSR matrix, indices ascending, none twice."""
    matrix = sparse.csr_matrix(rows, dtype=np.float64)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    return matrix


def unit_csr(rows: Any) -> tuple[Any, Array]:
    """Return CSR rows (float64) over their norms, and the norms; no square under- or overflows.

    Each row by itself, to the bit whatever rows are beside it.
    """
    counts = np.diff(rows.indptr)
    peak = np.zeros(len(counts))
    filled = counts > 0
    peak[filled] = np.maximum.reduceat(np.abs(rows.data), rows.indptr[:-1][filled]) if filled.any() else 0.0
    data = rows.data / np.repeat(np.where(peak > 0, peak, 1.0), counts)
    owner = np.repeat(np.arange(len(counts)), counts)
    length = np.sqrt(np.bincount(owner, weights=data * data, minlength=len(counts)))
    data /= np.repeat(np.where(length > 0, length, 1.0), counts)
    with np.errstate(over="ignore"):
        norms = length * peak
    return sparse.csr_matrix((data, rows.indices, rows.indptr), shape=rows.shape), norms


def spread_for(X: Any, columns: int) -> int:
    """Return how many slots of a sparse leaf each coordinate of such data goes into; 0 for dense leaves.

    Sparse leaves cost what the nonzeros cost, dense ones what the features cost: below one nonzero in 32 the
    former are quicker. But of a transform that is not much longer than the sketch, dense leaves take rows
    without replacement, which lowers the error (at twice as many features as columns by 7 %, for 5 to 8
    times the time), and where there are fewer features than columns degree 1 is exact.

    Parameters
    ----------
    X : (n, d) array or sparse matrix
    columns : int
        Of the whole sketch.

    Returns
    -------
    int
    """
    if not sparse.issparse(X) or X.shape[1] < _COLUMNS_WORTH * columns:
        return 0
    return _SPREAD if X.nnz <= _LARGEST_DENSITY * X.shape[0] * X.shape[1] else 0
