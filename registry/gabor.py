"""Gabor: φ(t) = e^{−t²} sin t.

Dual, with s = p + q, δ = 4(pq − c²), d = 1 + 2s + δ, h = 1 + 2s + 4(c² + pq), τ = 4c(2 + 3s + δ):
    E[φφ]   = e^{−(s+δ)/2d} sinh(c/d)/√d
    E[φ′φ′] = e^{−(s+δ)/2d} [h cosh(c/d) + τ sinh(c/d)]/d^{5/2}
Every sum has terms of one sign, and |c/d| ≤ ¼: nothing cancels or overflows.
Hermite coefficients at variance q, with w = 1 + 2q, r = 2q/w, g_0 = 1, g_1 = √(r/2w),
√(k+1) g_{k+1} = g_1·g_k + √k·r·g_{k−1}: a_{2j} = 0, a_{2j+1} = (−1)^j e^{−q/2w} w^{−½} g_{2j+1};
at unit variance, normalised probabilists', k = 0..5:
    0, 0.162905, 0, −0.140401, 0, 0.110340
Domain    all p, q ≥ 0, |c| ≤ √(pq).
Accuracy  relative to √(Eφ(u)²·Eφ(v)²), against 80 digits: 3e-12 for variances to 1e4 (near |ρ| = 1 it
          is ε·variance, the effect of the rounding of c itself), 6e-16 for variances to 10.
Source    the Gaussian integral of the complex exponential; neural-tangents' Gabor has this φ.
"""

from __future__ import annotations

import numpy as np

from dualact.nonlinearity.contract import Activation, Array
from dualact.nonlinearity.gaussian_pair import determinant

__all__ = ["gabor"]


def gabor() -> Activation:
    """Return φ(t) = exp(−t²)·sin t."""
    return Activation(
        "gabor",
        _phi,
        _dual,
        _dual_prime,
        _hermite,
        _phi_prime,
        source="Gaussian integral of the complex exponential",
        formula="exp(-t^2) sin(t)",
        parity="odd",
        accuracy=8e-12,
    )


@np.errstate(over="ignore", under="ignore")
def _phi(t: Array) -> Array:
    value: Array = np.exp(-t * t) * np.sin(t)
    return value


@np.errstate(over="ignore", under="ignore")
def _phi_prime(t: Array) -> Array:
    half = np.exp(-0.5 * t * t)
    slope: Array = half * (half * (np.cos(t) - 2 * t * np.sin(t)))
    return slope


@np.errstate(over="ignore", under="ignore")
def _parts(cov: Array, var_u: Array, var_v: Array) -> tuple[Array, Array, Array]:
    """Return (δ, d, e^{−(s+δ)/2d})."""
    total = var_u + var_v
    delta = determinant(cov, var_u, var_v)
    delta *= 4.0
    d = np.asarray(delta + (1.0 + 2.0 * total))
    envelope = np.asarray(delta + total)
    envelope /= d
    envelope *= -0.5
    return delta, d, np.exp(envelope, out=envelope)


@np.errstate(over="ignore", under="ignore")
def _dual(cov: Array, var_u: Array, var_v: Array) -> Array:
    _, d, result = _parts(cov, var_u, var_v)
    result *= np.sinh(cov / d)
    result /= np.sqrt(d)
    return result


@np.errstate(over="ignore", under="ignore")
def _dual_prime(cov: Array, var_u: Array, var_v: Array) -> Array:
    delta, d, envelope = _parts(cov, var_u, var_v)
    total = var_u + var_v
    ratio = np.asarray(cov / d)
    # h/d and τ/d are bounded by 3 and 6|c|, though h and τ alone may overflow: divide first
    result = np.asarray(cov * cov + var_u * var_v)
    result *= 4.0
    result += 1.0 + 2.0 * total
    result /= d
    result *= np.cosh(ratio)
    delta += 2.0 + 3.0 * total
    delta /= d
    delta *= 4.0 * cov
    delta *= np.sinh(ratio)
    result += delta
    result *= envelope
    result /= d
    result /= np.sqrt(d)
    return result


def _hermite(variance: Array, degree: int) -> Array:
    q = np.asarray(variance, dtype=np.float64)
    wide = 1.0 + 2.0 * q
    ratio = 2.0 * q / wide
    first = np.sqrt(0.5 * ratio / wide)
    result: Array = np.zeros((*q.shape, degree + 1))
    previous = np.exp(-0.5 * q / wide) / np.sqrt(wide)
    current = first * previous
    for k in range(1, degree + 1):
        if k % 2:
            result[..., k] = current if k % 4 == 1 else -current
        previous, current = current, (first * current + np.sqrt(k) * ratio * previous) / np.sqrt(k + 1)
    return result
