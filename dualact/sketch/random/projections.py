"""Random projections t = W x̂ of unit rows, whose rows w have a known law: Gaussian, or on a sphere.

Features φ(⟨w, x⟩) are unbiased if every single w has that law, however the w depend on one another;
orthogonal ones are less noisy where d is small.

    orthogonal   Q-factors of Gaussian matrices (d ≤ 64): uniform on the sphere of radius √d, exactly
    structured   H D₃ H D₂ H D₁ on the row padded to p = 2^k, random signs D: p log p instead of p·d. Rows
                 have the norm √p exactly; their direction is uniform up to O(1/p) in the fourth moments (the
                 bias is below what 40 seeds of 512 features show)

For the Gaussian law each w gets a length of its own, χ_p/√p.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import gammaincinv, ndtri

from ..hadamard import hadamard, power_of_two
from ..signs import signs, words
from ..spatial.state import Array

__all__ = ["KINDS", "Projection", "kind_for", "sphere_dimension"]

KINDS = ("gaussian", "orthogonal", "structured")
_SMALL = 64  # up to so many coordinates a matrix product is as fast as transforms
_LEAST = 256  # shorter rows are padded to that: signs alone do not make few coordinates look Gaussian


def kind_for(length: int) -> str:
    """Return the kind of projection that rows of a length get: the faster one."""
    return "orthogonal" if length <= _SMALL else "structured"


def sphere_dimension(kind: str, length: int) -> int:
    """Return the dimension of the sphere from which directions are drawn."""
    return max(_LEAST, power_of_two(length)) if kind == "structured" else length


class Projection:
    """W with ``columns`` rows, drawn.

    Parameters
    ----------
    length : int
        d, of the rows.
    columns : int
    kind : {"gaussian", "orthogonal", "structured"}
    sphere : bool
        Rows w of norm √p, instead of Gaussian ones.
    key : tuple of int
        Name of the random stream.
    dtype : dtype
    """

    def __init__(
        self, length: int, columns: int, kind: str, sphere: bool, key: tuple[int, ...], dtype: Any
    ) -> None:
        self.length, self.columns, self.kind = length, columns, kind
        self.dimension = sphere_dimension(kind, length)
        p = self.dimension
        self.lengths: Array | None = None
        if not sphere:
            self.lengths = np.sqrt(2 * gammaincinv(p / 2, _uniform((*key, 0), columns)) / p)
        if kind == "structured":
            blocks = -(-columns // p)
            self.signs = signs((*key, 1), 3 * blocks * p).reshape(blocks, 3, p).astype(dtype)
            self.signs[:, 1:] /= np.sqrt(p)
            self.lengths = None if self.lengths is None else self.lengths.astype(dtype)
            return
        if kind == "gaussian":
            matrix = _normal((*key, 1), (length, columns))
            matrix *= np.sqrt(p) / np.linalg.norm(matrix, axis=0)
        else:
            matrix = _orthogonal(length, columns, (*key, 1))
        if self.lengths is not None:
            matrix *= self.lengths
        self.matrix = matrix.astype(dtype)

    def __call__(self, rows: Array) -> Array:
        """Return t, (n, columns), of unit rows (n, length): E t² = 1, E t t' = cos."""
        if self.kind != "structured":
            found: Array = rows @ self.matrix
            return found
        p, n = self.dimension, len(rows)
        out = np.empty((n, self.columns), rows.dtype)
        work = np.empty((n, p), rows.dtype)
        for b, (first, second, third) in enumerate(self.signs):
            np.multiply(rows, first[: self.length], out=work[:, : self.length])
            work[:, self.length :] = 0
            hadamard(work)
            np.multiply(work, second, out=work)
            hadamard(work)
            np.multiply(work, third, out=work)
            hadamard(work)
            place = out[:, b * p : (b + 1) * p]
            place[...] = work[:, : place.shape[1]]
        if self.lengths is not None:
            out *= self.lengths
        return out


def _orthogonal(length: int, columns: int, key: tuple[int, ...]) -> Array:
    """Columns of norm √d, orthogonal within blocks of d."""
    blocks = -(-columns // length)
    q, r = np.linalg.qr(_normal(key, (blocks, length, length)))
    q = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]  # uniform among all orthogonal matrices
    matrix: Array = np.concatenate(list(q), axis=1)[:, :columns] * np.sqrt(length)
    return matrix


def _uniform(key: tuple[int, ...], count: int) -> Array:
    """Numbers between 0 and 1, both excluded, from raw words."""
    raw = words(key, count) >> np.uint64(11)
    return (raw.astype(np.float64) + 0.5) * 2.0**-53


def _normal(key: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    drawn: Array = ndtri(_uniform(key, math.prod(shape))).reshape(shape)
    return drawn
