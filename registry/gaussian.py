"""Gaussian bump: φ(t) = a e^{bt²}; b < 0 is the bump, b > 0 grows.

Dual, with D = (1 − 2bp)(1 − 2bq) − 4b²c² = 1 − 2b(p + q) + 4b²(pq − c²):
    E[φφ]   = a² D^{−1/2}
    E[φ′φ′] = 4a²b²c D^{−3/2}
Hermite coefficients at variance q, with r = 2bq/(1 − 2bq): a_{2j} = a(1 − 2bq)^{−½} r^j (2j−1)!!/√((2j)!);
for e^{−t²/2} at unit variance, normalised probabilists', k = 0..5:
    0.707107, 0, −0.25, 0, 0.108253, 0
Domain    |c| ≤ √(pq); b ≤ 0: all p, q ≥ 0. b > 0: E φ² is finite for 4b·variance < 1 only; outside, inf
          wherever the expectation diverges.
Accuracy  relative to √(Eφ(u)²·Eφ(v)²), against 80 digits: b < 0 and variances to 1e4 1.2e-12·|b| (near
          |ρ| = 1 it is ε·|b|·variance, the effect of the rounding of c itself); b > 0 and 4b·variance to .8
          5e-16.
Source    Gaussian integral; Williams 1997, section 3.2 (the bump).
"""

from __future__ import annotations

import math

import numpy as np

from dualact.nonlinearity.contract import Activation, Array
from dualact.nonlinearity.gaussian_pair import determinant
from dualact.nonlinearity.parameters import finite, nonzero
from dualact.nonlinearity.sequences import even_sequence

__all__ = ["gaussian"]


def gaussian(amplitude: float = 1.0, rate: float = -0.5) -> Activation:
    """Return φ(t) = amplitude·exp(rate·t²)."""
    a = nonzero("gaussian", "amplitude", amplitude)
    b = finite("gaussian", "rate", rate)

    @np.errstate(over="ignore", under="ignore")
    def phi(t: Array) -> Array:
        return a * np.exp(b * t * t)

    @np.errstate(over="ignore", under="ignore")
    def phi_prime(t: Array) -> Array:
        # e^{bt²/2} twice: t·e^{bt²} with t² beyond the range of float64 is 0·∞ otherwise for no reason
        half = np.exp(0.5 * b * t * t)
        return (2 * a * b * t * half) * half

    def discriminant(cov: Array, var_u: Array, var_v: Array) -> Array:
        """Return D, 0 where the expectation diverges."""
        result = determinant(cov, var_u, var_v)
        result *= 4 * b * b
        result += 1.0 - 2 * b * (var_u + var_v)
        if b > 0:
            result[np.broadcast_to(2 * b * np.maximum(var_u, var_v) >= 1.0, result.shape)] = 0.0
            np.maximum(result, 0.0, out=result)
        return result

    @np.errstate(over="ignore", under="ignore", divide="ignore")
    def dual(cov: Array, var_u: Array, var_v: Array) -> Array:
        result = discriminant(cov, var_u, var_v)
        np.sqrt(result, out=result)
        return np.divide(a * a, result, out=result)

    @np.errstate(over="ignore", under="ignore", divide="ignore")
    def dual_prime(cov: Array, var_u: Array, var_v: Array) -> Array:
        result = discriminant(cov, var_u, var_v)
        slope: Array = np.zeros_like(result)
        np.divide((4 * a * a * b * b) * cov, result, out=slope, where=np.broadcast_to(cov != 0, result.shape))
        np.sqrt(result, out=result)
        return np.divide(slope, result, out=slope, where=slope != 0.0)

    @np.errstate(over="ignore", under="ignore", divide="ignore")
    def hermite(variance: Array, degree: int) -> Array:
        q = np.asarray(variance, dtype=np.float64)
        result: Array = np.zeros((*q.shape, degree + 1))
        spread = 1.0 - 2 * b * q
        diverges = spread <= 0.0
        spread = np.where(diverges, 1.0, spread)
        even = even_sequence(np.where(diverges, 0.0, 2 * b * q / spread), degree // 2 + 1)
        even *= (a / np.sqrt(spread))[..., np.newaxis]
        even[diverges] = math.copysign(math.inf, a)
        result[..., ::2] = even
        return result

    return Activation(
        "gaussian",
        phi,
        dual,
        dual_prime,
        hermite,
        phi_prime,
        params={"amplitude": a, "rate": b},
        source="Gaussian integral; Williams 1997, section 3.2",
        formula=f"{a:g} exp({b:g} t^2)",
        parity="even",
        variance_limit=1 / (4 * b) if b > 0 else math.inf,
        accuracy=max(-4e-12 * b, 2e-15),
    )
