"""Error function: φ(t) = erf t, and the sigmoid made of it, φ(t) = ½ + ½ erf(t/s).

Dual of erf, with R² = (1 + 2p)(1 + 2q) − 4c² = 1 + 2(p + q) + 4(pq − c²):
    E[φφ]   = (2/π) atan2(2c, R)
    E[φ′φ′] = 4/(πR)
The sigmoid takes p, q, c over s², and ¼ + ¼·(that); its derivative dual is 1/(4s²) of erf's.
s = √2 is the normal distribution function, s = 2.4020563531719796 the best fit to the logistic
function on [−5, 5] (neural-tangents' Sigmoid_like).
Hermite coefficients of erf at unit variance, normalised probabilists', k = 0..5:
    0, 0.651470, 0, −0.177308, 0, 0.079294
Domain    all p, q ≥ 0, |c| ≤ √(pq).
Accuracy  relative to √(Eφ(u)²·Eφ(v)²), against 80 digits, for variances to 1e4: dual 6e-15, derivative
          dual 6e-13 (near |ρ| = 1 it is ε·variance, the effect of the rounding of c itself; 3e-16 for
          variances to 10). The sigmoid: over s².
Source    Williams 1997, eq. 11.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erf as _erf
from scipy.special import erfc

from dualact.nonlinearity.contract import Activation, Array
from dualact.nonlinearity.gaussian_pair import determinant
from dualact.nonlinearity.parameters import positive
from dualact.nonlinearity.sequences import even_sequence

__all__ = ["erf", "sigmoid_erf"]

_SOURCE = "Williams 1997, eq. 11"
_ACCURACY = 2e-12
_LOGISTIC_FIT = 2.4020563531719796


def erf() -> Activation:
    """Return φ(t) = erf t."""

    def phi_prime(t: Array) -> Array:
        return 2 / math.sqrt(math.pi) * _bell(t)

    return Activation(
        "erf",
        _erf,
        _dual,
        _dual_prime,
        _hermite,
        phi_prime,
        source=_SOURCE,
        formula="erf(t)",
        parity="odd",
        accuracy=_ACCURACY,
    )


def sigmoid_erf(scale: float = _LOGISTIC_FIT) -> Activation:
    """Return φ(t) = ½ + ½ erf(t/scale)."""
    s = positive("sigmoid_erf", "scale", scale)
    squared = s * s

    def phi(t: Array) -> Array:
        value: Array = 0.5 * erfc(t / -s)
        return value

    def phi_prime(t: Array) -> Array:
        return _bell(t / s) / (s * math.sqrt(math.pi))

    def dual(cov: Array, var_u: Array, var_v: Array) -> Array:
        result = _dual(cov, var_u, var_v, squared)
        result *= 0.25
        result += 0.25
        return result

    def dual_prime(cov: Array, var_u: Array, var_v: Array) -> Array:
        result = _dual_prime(cov, var_u, var_v, squared)
        result *= 0.25 / squared
        return result

    def hermite(variance: Array, degree: int) -> Array:
        result = 0.5 * _hermite(variance / squared, degree)
        result[..., 0] = 0.5
        return result

    return Activation(
        "sigmoid_erf",
        phi,
        dual,
        dual_prime,
        hermite,
        phi_prime,
        params={"scale": s},
        source=f"{_SOURCE}, shifted",
        formula=f"1/2 + erf(t/{s:g})/2",
        accuracy=max(2e-15, _ACCURACY / squared),
    )


def _root(cov: Array, var_u: Array, var_v: Array, squared: float) -> Array:
    """Return R for erf(t/s), squared = s²; the determinant is scaled, for scaling c costs it digits."""
    result = determinant(cov, var_u, var_v)
    with np.errstate(over="ignore"):
        result *= 4.0 / squared**2
    result += 1.0 + (2.0 / squared) * (var_u + var_v)
    return np.sqrt(result, out=result)


def _dual(cov: Array, var_u: Array, var_v: Array, squared: float = 1.0) -> Array:
    result = _root(cov, var_u, var_v, squared)
    np.arctan2((2.0 / squared) * cov, result, out=result)
    result *= 2 / math.pi
    return result


def _dual_prime(cov: Array, var_u: Array, var_v: Array, squared: float = 1.0) -> Array:
    result = _root(cov, var_u, var_v, squared)
    return np.divide(4 / math.pi, result, out=result)


def _hermite(variance: Array, degree: int) -> Array:
    """Return a_{2j+1} = 2√(q/(π(1+2q)(2j+1)))·(2j−1)!!/√((2j)!)·(−2q/(1+2q))^j; even ones are 0."""
    q = np.asarray(variance, dtype=np.float64)
    result: Array = np.zeros((*q.shape, degree + 1))
    count = (degree + 1) // 2
    if count:
        shrink = 1.0 / (1.0 + 2.0 * q)
        j = np.arange(count)
        odd = even_sequence(-2.0 * q * shrink, count) / np.sqrt(2 * j + 1)
        odd *= 2 * np.sqrt(q * shrink / math.pi)[..., np.newaxis]
        result[..., 1::2] = odd
    return result


@np.errstate(over="ignore", under="ignore")
def _bell(t: Array) -> Array:
    bell: Array = np.exp(-t * t)
    return bell
