"""What feature maps share: rows of features are made block by block, in threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..exact.running import one_blas_thread, usable_cores

__all__ = ["BlockMap", "row_blocks", "squares"]


class BlockMap:
    """Abstract: a map with a ``plan`` and a dtype; :meth:`_block` makes the features of a block of rows."""

    plan: Any
    dtype: np.dtype[Any]
    block_rows: int
    calls_blas: ClassVar[bool] = True  # in a block: then its threads would fight with those over blocks

    def transform(self, X: Any, n_jobs: int | None = None) -> NDArray[Any]:
        """Return the features of the rows of X.

        Parameters
        ----------
        X : (n, d) array or CSR matrix
            Finite.
        n_jobs : int, optional
            Threads over blocks of rows; None means one per usable core.

        Returns
        -------
        (n, n_components) array of the map's dtype
        """
        out = np.zeros((X.shape[0], self.plan.n_components), self.dtype)
        blocks = row_blocks(len(out), self.block_rows)
        workers = min(usable_cores(None) if n_jobs is None or n_jobs < 1 else n_jobs, len(blocks))
        if workers <= 1:
            for rows in blocks:
                self._block(X[rows], out[rows])
        else:
            with one_blas_thread(workers if self.calls_blas else 1), ThreadPoolExecutor(workers) as pool:
                list(pool.map(lambda rows: self._block(X[rows], out[rows]), blocks))
        return out

    def _block(self, X: Any, out: NDArray[Any]) -> None:
        """Write the features of the rows of X; ``out`` is zero before."""
        raise NotImplementedError


def squares(features: NDArray[Any]) -> NDArray[Any]:
    """Squared lengths over the last axis, in float64."""
    found: NDArray[Any] = np.einsum(
        "...i,...i->...", features, features, dtype=np.float64, casting="same_kind"
    )
    return found


def row_blocks(rows: int, step: int) -> list[slice]:
    """Cut rows into slices of ``step``."""
    return [slice(i, min(i + step, rows)) for i in range(0, rows, step)]
