"""The correlation of a Gaussian pair to full relative accuracy, and evaluation in small blocks.

ρ = c/√(pq) alone does not carry 1 − ρ² near |ρ| = 1: there c² and pq agree in their leading digits. Their
difference is therefore formed exactly, from error-free products, on operands scaled by powers of two (so
that nothing overflows either).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .contract import Array, Dual

__all__ = ["Correlation", "blockwise", "correlation", "difference_of_products", "difference_of_squares"]

_EPS = float(np.finfo(np.float64).eps)
_SPLITTER = 134217729.0  # 2**27 + 1, Veltkamp


class Correlation(NamedTuple):
    """ρ, √(1−ρ²) and 1−|ρ|, each to full relative accuracy."""

    rho: Array
    sine: Array
    gap: Array


def _product(a: Array, b: Array) -> tuple[Array, Array]:
    """Return (x, e) with x = fl(ab) and x + e = ab exactly (Dekker; no overflow below 1e300)."""
    x = a * b
    t = _SPLITTER * a
    a_high = t - (t - a)
    a_low = a - a_high
    t = _SPLITTER * b
    b_high = t - (t - b)
    b_low = b - b_high
    error = ((a_high * b_high - x) + a_high * b_low + a_low * b_high) + a_low * b_low
    return x, error


def difference_of_products(a: Array, b: Array, c: Array, d: Array) -> Array:
    """Return ab − cd to a few units in the last place of the result."""
    ab, ab_error = _product(a, b)
    cd, cd_error = _product(c, d)
    difference: Array = (ab - cd) + (ab_error - cd_error)
    return difference


def difference_of_squares(a: float, x: Array, b: float, y: Array) -> Array:
    """Return a²x − b²y to a few units in the last place of the result."""
    a_square, a_error = _product(np.asarray(a), np.asarray(a))
    b_square, b_error = _product(np.asarray(b), np.asarray(b))
    value: Array = difference_of_products(a_square, x, b_square, y) + (a_error * x - b_error * y)
    return value


def correlation(cov: Array, var_u: Array, var_v: Array) -> Correlation:
    """Return the correlation of (u, v) ~ N(0, [[var_u, cov], [cov, var_v]]).

    A zero variance gives ρ = 0; pq − c² ≤ 16ε·pq, which rounding of the covariances alone can make, gives
    ρ = ±1 (so a Gram matrix and norms that come from different routines still have an exact diagonal).
    """
    mantissa_u, exponent_u = np.frexp(var_u)
    mantissa_v, exponent_v = np.frexp(var_v)
    exponent = exponent_u + exponent_v
    odd = exponent & 1
    mantissa_u = np.ldexp(mantissa_u, odd)
    c = np.ldexp(cov, -((exponent - odd) >> 1))
    square = mantissa_u * mantissa_v
    empty = square == 0
    square = np.where(empty, 1.0, square)
    c = np.where(empty, 0.0, c)
    determinant = np.where(empty, 1.0, difference_of_products(mantissa_u, mantissa_v, c, c))
    determinant = np.where(determinant <= 16 * _EPS * square, 0.0, determinant)
    rho = np.where(determinant == 0, np.sign(c), c / np.sqrt(square))
    rho = np.clip(rho, -1.0, 1.0)
    sine_squared = np.minimum(determinant / square, 1.0)
    return Correlation(rho, np.sqrt(sine_squared), sine_squared / (1 + np.abs(rho)))


def blockwise(block: Callable[[Array, Array, Array], Array], size: int) -> Dual:
    """Return ``block``, a function of three flat arrays, as a dual of broadcasting arrays.

    It is called on at most ``size`` entries at a time, so temporaries stay in cache whatever the input.
    """

    def dual(cov: Array, var_u: Array, var_v: Array) -> Array:
        walk = np.nditer(
            [cov, var_u, var_v, None],
            flags=["external_loop", "buffered", "zerosize_ok"],
            op_flags=[["readonly"], ["readonly"], ["readonly"], ["writeonly", "allocate"]],
            op_dtypes=[np.float64] * 4,
            order="C",
            buffersize=size,
        )
        with walk, np.errstate(all="ignore"):
            for c, p, q, out in walk:
                out[...] = block(c, p, q)
            result: Array = walk.operands[3]
        return result

    return dual
