"""Rectified power: φ(t) = max(t, 0)^n, the arc-cosine family of order n.

Dual, with θ = arccos(c/√(pq)):
    E[φφ]   = (pq)^{n/2} J_n(θ)/2π,   J_n(θ) = sin θ·A_n(cos θ) + (π − θ)·B_n(cos θ)
    E[φ′φ′] = n²·(the dual of order n − 1), n ≥ 1; n = 0 is the unit step and has none
A_n, B_n have integer coefficients ≥ 0: B_n(ρ) = E[(uv)^n] at unit variances, A_n from J_n′ = n² J_{n−1}:
    J_1 = sin + (π−θ)cos,  J_2 = 3 sin cos + (π−θ)(1 + 2cos²),
    J_3 = 4 sin + 11 sin cos² + (π−θ)(9 cos + 6 cos³)
Hermite coefficients for n = 2 at unit variance, normalised probabilists', k = 0..5:
    0.5, 0.797885, 0.707107, 0.325735, 0, −0.072837
(times variance^{n/2}).
Domain    n from 0 to 100; all p, q ≥ 0, |c| ≤ √(pq), finite while (pq)^{n/2} is.
Accuracy  8e-16 of √(Eφ(u)²·Eφ(v)²) for n = 2 to 7, 5e-15 at n = 100 (as n = 0 and the derivative
          dual of n = 1), against 80 digits.
Source    Cho & Saul 2009, eqs. 4–7.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from dualact.nonlinearity.contract import Activation, Array
from dualact.nonlinearity.gaussian_pair import angle, geometric_mean, one_minus_rho
from dualact.nonlinearity.parameters import whole

__all__ = ["rectified_power"]


def rectified_power(power: int = 2) -> Activation:
    """Return φ(t) = max(t, 0)^power; power 0 is the unit step, 1 is ReLU."""
    n = whole("rectified_power", "power", power, 100)

    def phi(t: Array) -> Array:
        if n == 0:
            return np.heaviside(t, 0.5)
        return np.maximum(t, 0.0) ** n

    def phi_prime(t: Array) -> Array:
        if n == 1:
            return np.heaviside(t, 0.5)
        return n * np.maximum(t, 0.0) ** (n - 1)

    def dual(cov: Array, var_u: Array, var_v: Array) -> Array:
        return _dual(n, cov, var_u, var_v)

    def dual_prime(cov: Array, var_u: Array, var_v: Array) -> Array:
        result = _dual(n - 1, cov, var_u, var_v)
        result *= n * n
        return result

    def hermite(variance: Array, degree: int) -> Array:
        unit = _unit_coefficients(n, degree)
        if n == 0:
            result: Array = np.multiply.outer(np.asarray(variance > 0, dtype=np.float64), unit)
            result[..., 0] = 0.5
            return result
        with np.errstate(over="ignore"):
            size = np.minimum(np.asarray(variance, dtype=np.float64) ** (n / 2), np.finfo(np.float64).max)
            return np.multiply.outer(size, unit)

    return Activation(
        "rectified_power",
        phi,
        dual,
        dual_prime if n else None,
        hermite,
        phi_prime if n else None,
        breakpoints=(0.0,),
        homogeneity=float(n),
        params={"power": n},
        source="Cho & Saul 2009, eqs. 4-7",
        formula=f"max(t, 0)^{n}",
        accuracy=2e-14 if n < 2 else 8e-15,
    )


def _dual(n: int, cov: Array, var_u: Array, var_v: Array) -> Array:
    _, theta = angle(cov, var_u, var_v)
    rest = np.subtract(math.pi, theta)
    if n == 0:
        rest /= 2 * math.pi
        return rest
    cos = one_minus_rho(cov, var_u, var_v)
    np.subtract(1.0, cos, out=cos)
    sines, angles = _polynomials(n)
    result = np.sin(theta, out=theta)
    result *= _horner(sines, cos)
    rest *= _horner(angles, cos)
    result += rest
    result /= 2 * math.pi
    with np.errstate(over="ignore"):
        scale = geometric_mean(var_u, var_v) ** n
    # 0·∞ where the scale overflows at ρ = −1: the dual of opposite half-lines is 0
    return np.multiply(result, scale, out=result, where=result != 0.0)


def _horner(coefficients: tuple[float, ...], x: Array) -> Array:
    result: Array = np.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        result *= x
        if c:
            result += c
    return result


@lru_cache(maxsize=128)
def _polynomials(n: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the coefficients of A_n and B_n, ascending, exact integers until the last step."""
    a: list[int] = []
    b: list[int] = [1]
    for m in range(1, n + 1):
        moments = [0] * (m + 1)
        for low in range(m % 2, m + 1, 2):
            half = math.factorial(m) // (2 ** ((m - low) // 2) * math.factorial((m - low) // 2))
            moments[low] = half * half // math.factorial(low)
        # J_m′ = m² J_{m−1}, coefficient of sin θ·cos^i θ, solved upwards from a known start
        step = [0] * (m + 1)
        if m % 2:
            step[0] = 2 ** (m - 1) * math.factorial((m - 1) // 2) ** 2
        for i in range(m - 1):
            previous = (a[i] if i < len(a) else 0) - (a[i - 2] if 2 <= i < len(a) + 2 else 0)
            known = m * m * previous - moments[i] + (i * step[i - 1] if i else 0)
            step[i + 1] = known // (i + 1)
        if m == 1:
            step = [1, 0]
        a, b = step[:m], moments
    return tuple(map(float, a)), tuple(map(float, b))


def _unit_coefficients(n: int, degree: int) -> Array:
    """Return a_k at unit variance: n!/(n−k)!·E z₊^{n−k}/√k! to k = n, then n! He_{k−n−1}(0)/√(2π k!)."""
    result: Array = np.zeros(degree + 1)
    for k in range(min(n, degree) + 1):
        m = n - k
        # E z₊^m = 2^{m/2−1} Γ((m+1)/2)/√π
        moment = 0.5 * math.exp(0.5 * m * math.log(2) + math.lgamma((m + 1) / 2) - 0.5 * math.log(math.pi))
        result[k] = math.perm(n, k) * moment / math.sqrt(math.factorial(k))
    if degree > n:
        orders = np.arange(n + 3, degree + 1, 2, dtype=np.float64)
        first = math.sqrt(math.factorial(n) / ((n + 1) * 2 * math.pi))
        ratios = -(orders - n - 2) / np.sqrt(orders * (orders - 1))
        result[n + 1 :: 2] = first * np.cumprod(np.concatenate([[1.0], ratios]))
    return result
