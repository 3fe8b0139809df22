"""Sparse embeddings: the leaves of a circuit that read the nonzeros of a row, and nothing else.

``size`` slots are cut into s blocks of b = size/s. Coordinate i goes into one slot h_j(i) of every block,
with a phase φ_ij (a quarter turn, or a sign), over √s; then the slots are transformed:

    z_r = Σ_i g_ri x_i,   g_ri = s^{−1/2} Σ_j H_{r, jb + h_j(i)} φ_ij.

s = 1 is a CountSketch, s > 1 an OSNAP (Nelson, Nguyễn 2013). Slots and phases are fields of a 64-bit word, a
hash of i under a key of 128 bits, in integer arithmetic that NumPy and C do alike: nothing is stored for a
coordinate, so that a leaf costs O(s·nnz + size log size) whatever the length of the row.

Two rows of the transform are uncorrelated (h_j is uniform), so that the second moments are those of an SRHT
of infinite order, but for the diagonal term: see :mod:`dualact.sketch.moments`. All s have the same variance
to within that term. Where two heavy coordinates meet in a slot, every row of the transform has their cross
term; with s = 4 this happens sixteen times as often, with a quarter of the amplitude. Measured on rows of
which two out of six coordinates hold 95 % of the squared norm (m = 2048, 24 seeds), the worst error of a Gram
matrix over the predicted one is 4.5 with s = 1, 2.2 with s = 2 and 1.7 with s = 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualact.sketch.signs import words
from dualact.sketch.sparse_rows import SparseRows

__all__ = ["LARGEST", "SPREADS", "Embedding", "draw_embedding", "hashed"]

Array = NDArray[Any]
SPREADS = (1, 2, 4)
LARGEST = 1 << 14  # slots: a slot and a phase are 16 bits of a word
_FIELD = 16


@dataclass(frozen=True, eq=False)
class Embedding:
    """One leaf.

    Attributes
    ----------
    key : tuple of two int
        64 bits each.
    size, spread : int
        Slots, and how many of them a coordinate goes into.
    real : bool
        Signs ±1 in place of quarter turns.
    shift : (2, size) array or None
        Real and imaginary part of the embedded direction, a multiple of which is subtracted.
    """

    key: tuple[int, int]
    size: int
    spread: int
    real: bool
    shift: Array | None = None

    def __call__(self, rows: SparseRows, along: Array | None = None) -> tuple[Array, Array | None]:
        """Return real and imaginary part of the slots, (b, size), before they are transformed.

        Parameters
        ----------
        rows : SparseRows
        along : (b,) array, optional
            How much of the direction is subtracted from each row.
        """
        values, indices, owner = rows.entries
        fields = hashed(indices, self.key)[:, None] >> (_FIELD * np.arange(self.spread, dtype=np.uint64))
        block = self.size // self.spread
        slots = (fields >> np.uint64(2) & np.uint64(block - 1)).astype(np.int64)
        slots += block * np.arange(self.spread) + self.size * owner[:, None]
        turns = (fields & np.uint64(2 if self.real else 3)).astype(np.int64)
        signed = (1 - (turns & 2)) * (values / np.sqrt(self.spread))[:, None]

        def collected(part: int) -> Array:
            chosen = (turns & 1) == part
            sums = np.bincount(slots[chosen], weights=signed[chosen], minlength=len(rows) * self.size)
            parts: Array = sums.reshape(len(rows), self.size)
            if self.shift is not None and along is not None:
                parts -= along[:, None] * self.shift[part]
            return parts.astype(values.dtype)

        return collected(0), None if self.real else collected(1)


def draw_embedding(
    key: tuple[int, ...], size: int, spread: int, *, real: bool, direction: Array | None = None
) -> Embedding:
    """Return the embedding named by a key.

    Parameters
    ----------
    key : tuple of non-negative int
        Name of the random stream, as in :func:`dualact.sketch.signs.words`.
    size, spread : int
        Powers of two, at most :data:`LARGEST` and 4.
    real : bool
        Signs ±1 in place of quarter turns.
    direction : (d,) array, optional
        What :meth:`Embedding.__call__` can subtract.

    Returns
    -------
    Embedding
    """
    first, second = (int(w) for w in words(key, 2))
    bare = Embedding((first, second), size, spread, real)
    if direction is None:
        return bare
    re, im = bare(SparseRows.of(direction[None], np.dtype(np.float64)))
    return Embedding(
        bare.key, size, spread, real, np.concatenate([re, np.zeros_like(re) if im is None else im])
    )


def hashed(indices: NDArray[np.int64], key: tuple[int, int]) -> NDArray[np.uint64]:
    """Return a 64-bit word for each index: three rounds of multiplication and shift, the key in two of them.

    Examples
    --------
    >>> [hex(w) for w in hashed(np.array([0, 1]), (1, 2))]
    ['0x4a6291740085b837', '0x19ec1f29ef6c58e3']
    """
    z = (indices.astype(np.uint64) + np.uint64(key[0])) * np.uint64(0x9E3779B97F4A7C15)
    z = ((z ^ (z >> np.uint64(32))) + np.uint64(key[1])) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
    words: NDArray[np.uint64] = z ^ (z >> np.uint64(32))
    return words
