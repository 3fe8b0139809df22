"""The one place for the angle and the correlation of a Gaussian pair, without cancellation.

For (u, v) ~ N(0, [[p, c], [c, q]]) every dual of a kinked function is a function of
θ = arccos(c/√(pq)). The obvious √(pq − c²) loses half of the digits near ρ = ±1 (θ is wrong by 3e-8
there). Two ways around it, for two prices:

- :func:`angle`: factored, √((g − c)(g + c)) with g = √(p·q). g is exact when p = q, so a diagonal gives
  θ = 0 to the bit; elsewhere that is off by ε/θ, the effect of one rounding of g, so entries of small sin θ
  take their pq − c² from error-free products. A dozen passes over the data.
- :func:`correlation`: pq − c² from error-free products, so ρ, √(1 − ρ²) and 1 − |ρ| have full relative
  accuracy for the numbers given. About four times the passes; for formulas that divide by √(1 − ρ²).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .contract import Array

__all__ = [
    "Correlation",
    "angle",
    "correlation",
    "determinant",
    "difference_of_products",
    "difference_of_squares",
    "geometric_mean",
    "one_minus_rho",
]

# p·q must neither overflow nor lose digits to underflow for the plain formula.
_SMALLEST, _LARGEST = 1e-280, 1e300
# Below this fraction of pq, the rounding of √(pq) costs θ more than 1e-14.
_NEAR = 1e-4
# Below this fraction of pq, pq − c² is rounding of whatever routine made c: the pair is collinear.
_COLLINEAR = 16 * float(np.finfo(np.float64).eps)
_SPLITTER = 134217729.0  # 2**27 + 1, Veltkamp


class Correlation(NamedTuple):
    """ρ, √(1−ρ²) and 1−|ρ|, each to full relative accuracy."""

    rho: Array
    sine: Array
    gap: Array


def geometric_mean(var_u: Array, var_v: Array) -> Array:
    """Return g = √(p·q), exactly p where p = q, without overflow or underflow.

    Parameters
    ----------
    var_u, var_v : ndarray of float64
        Variances, not negative; they broadcast.

    Returns
    -------
    ndarray of float64
        A new array of the broadcast shape.
    """
    half_u, scaled_u = _even_exponent(var_u, var_v)
    half_v, scaled_v = _even_exponent(var_v, var_u)
    product: Array = np.asarray(scaled_u * scaled_v)
    np.sqrt(product, out=product)
    if half_u is not None and half_v is not None:
        np.ldexp(product, half_u + half_v, out=product)
    return product


def determinant(cov: Array, var_u: Array, var_v: Array) -> Array:
    """Return pq − c², as (g − c)(g + c), never negative.

    Parameters
    ----------
    cov, var_u, var_v : ndarray of float64
        They broadcast; \\|cov\\| ≤ √(var_u·var_v) up to rounding.

    Returns
    -------
    ndarray of float64
        A new array of the broadcast shape. Absolute error about 2ε·pq; 0 exactly where c = p = q.
    """
    mean = geometric_mean(var_u, var_v)
    result: Array = np.asarray(mean - cov)
    with np.errstate(over="ignore"):
        result *= mean + cov
    return np.maximum(result, 0.0, out=result)


def angle(cov: Array, var_u: Array, var_v: Array) -> tuple[Array, Array]:
    """Return (√(pq − c²), θ) with θ = arccos(c/√(pq)) in [0, π].

    Parameters
    ----------
    cov, var_u, var_v : ndarray of float64
        They broadcast; \\|cov\\| ≤ √(var_u·var_v) up to rounding.

    Returns
    -------
    root, theta : ndarray of float64
        Two new arrays of the broadcast shape, free to be overwritten.

    Notes
    -----
    Where a variance is 0, θ is π/2. Where pq − c² ≤ 16ε·pq the pair counts as collinear: root = 0 and
    θ = 0 or π, so that norms and Gram matrix may come from different routines. θ is then off by
    6e-8 at most; outside of that strip by 2e-14 at most, for the numbers given. Variances from 1e-300 to
    1e150 are exact alike (scaled by even powers of two where the product would leave the range).

    Examples
    --------
    >>> import numpy as np
    >>> root, theta = angle(np.array([3.0, 0.0, -3.0]), np.array(3.0), np.array(3.0))
    >>> root.tolist(), (theta / np.pi).tolist()
    ([0.0, 3.0, 0.0], [0.0, 0.5, 1.0])
    """
    half_u, scaled_u = _even_exponent(var_u, var_v)
    half_v, scaled_v = _even_exponent(var_v, var_u)
    shift = None
    if half_u is not None and half_v is not None:
        shift = half_u + half_v
        cov = np.ldexp(cov, -shift)
    product = np.asarray(scaled_u * scaled_v)
    mean = np.sqrt(product)
    root: Array = np.asarray(mean - cov)
    root *= mean + cov
    product *= _NEAR
    near = np.flatnonzero(root <= product)
    if near.size:
        at: Any = np.unravel_index(near, root.shape) if root.ndim else ...
        u, v, c, limit = (np.broadcast_to(x, root.shape)[at] for x in (scaled_u, scaled_v, cov, product))
        exact = difference_of_products(u, v, c, c)
        root[at] = np.where(exact <= limit * (_COLLINEAR / _NEAR), 0.0, exact)
    np.sqrt(root, out=root)
    theta: Array = np.empty_like(root)
    np.arctan2(root, cov, out=theta)
    if not (np.all(var_u) and np.all(var_v)):
        theta[np.broadcast_to(product == 0.0, theta.shape)] = np.pi / 2
    if shift is not None:
        np.ldexp(root, shift, out=root)
    return root, theta


def one_minus_rho(cov: Array, var_u: Array, var_v: Array) -> Array:
    """Return 1 − ρ = (g − c)/g in [0, 2]; 1 (that is ρ = 0) where a variance is 0.

    Pass ``abs(cov)`` for 1 − \\|ρ\\|. Pairs that count as collinear in :func:`angle` get 0 or 2.

    Parameters
    ----------
    cov, var_u, var_v : ndarray of float64
        They broadcast; \\|cov\\| ≤ √(var_u·var_v) up to rounding.

    Returns
    -------
    ndarray of float64
        A new array of the broadcast shape.
    """
    mean = geometric_mean(var_u, var_v)
    result: Array = np.asarray(mean - cov)
    empty = mean == 0.0
    np.divide(result, mean, out=result, where=~empty)
    result[result <= _COLLINEAR / 2] = 0.0
    result[result >= 2.0 - _COLLINEAR / 2] = 2.0
    result[np.broadcast_to(empty, result.shape)] = 1.0
    return result


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
    determinant = np.where(determinant <= _COLLINEAR * square, 0.0, determinant)
    rho = np.where(determinant == 0, np.sign(c), c / np.sqrt(square))
    rho = np.clip(rho, -1.0, 1.0)
    sine_squared = np.minimum(determinant / square, 1.0)
    return Correlation(rho, np.sqrt(sine_squared), sine_squared / (1 + np.abs(rho)))


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


def _even_exponent(var: Array, other: Array) -> tuple[Array | None, Array]:
    """Return (e, var·4^−e) with the second in [⅛, ½) or 0; (None, var) where var·other is harmless."""
    low = _least_positive(var) * _least_positive(other)
    high = float(np.max(var, initial=0.0)) * float(np.max(other, initial=0.0))
    if low >= _SMALLEST and high <= _LARGEST:
        return None, var
    half = np.frexp(var)[1] // 2 + 1
    return half, np.ldexp(var, -2 * half)


def _least_positive(var: Array) -> float:
    return float(np.min(var, where=var > 0.0, initial=1e150))
