"""GELU: φ(t) = t·Φ(t), Φ the normal distribution function.

Dual, with D² = (1 + p)(1 + q) − c² = 1 + p + q + (pq − c²):
    E[φφ]   = [c²/((1+p)(1+q)D) + pqD/((1+p)(1+q)) + c·atan2(c, D)]/2π + c/4
    E[φ′φ′] = ¼ + atan2(c, D)/2π + c/(2πD)·[1/D² + 1/(1+p) + 1/(1+q)]
Hermite coefficients at unit variance, normalised probabilists', k = 0..5:
    0.282095, 0.5, 0.299207, 0, −0.071978, 0
Domain    all p, q ≥ 0, |c| ≤ √(pq).
Accuracy  relative to √(Eφ(u)²·Eφ(v)²), against 80 digits, for variances to 1e4: dual 4e-16, derivative
          dual 7e-15.
Source    Tsuchida, Pearce, van der Heide, Roosta, Gallagher 2021 ("Avoiding kernel fixed points").
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from dualact.nonlinearity.contract import Activation, Array
from dualact.nonlinearity.gaussian_pair import determinant
from dualact.nonlinearity.sequences import even_sequence

__all__ = ["gelu"]


def gelu() -> Activation:
    """Return φ(t) = t·Φ(t)."""
    return Activation(
        "gelu",
        _phi,
        _dual,
        _dual_prime,
        _hermite,
        _phi_prime,
        source="Tsuchida et al. 2021",
        formula="t Phi(t)",
        accuracy=2e-14,
    )


def _phi(t: Array) -> Array:
    product: Array = t * ndtr(t)
    return product


@np.errstate(over="ignore", under="ignore")
def _phi_prime(t: Array) -> Array:
    slope: Array = ndtr(t) + t * np.exp(-0.5 * t * t) / math.sqrt(2 * math.pi)
    return slope


def _root(cov: Array, var_u: Array, var_v: Array) -> Array:
    result = determinant(cov, var_u, var_v)
    result += (1.0 + var_u) + var_v
    return np.sqrt(result, out=result)


def _dual(cov: Array, var_u: Array, var_v: Array) -> Array:
    root = _root(cov, var_u, var_v)
    more_u, more_v = 1.0 + var_u, 1.0 + var_v
    result: Array = np.asarray(np.arctan2(cov, root))
    result += math.pi / 2
    result *= cov
    cross = np.asarray(cov / more_u * (cov / more_v))
    cross /= root
    result += cross
    root *= var_u / more_u
    root *= var_v / more_v
    result += root
    result /= 2 * math.pi
    return result


def _dual_prime(cov: Array, var_u: Array, var_v: Array) -> Array:
    root = _root(cov, var_u, var_v)
    result: Array = np.asarray(1.0 / root)
    result *= result
    result += 1.0 / (1.0 + var_u) + 1.0 / (1.0 + var_v)
    result *= cov / root
    result += np.arctan2(cov, root)
    result /= 2 * math.pi
    result += 0.25
    return result


def _hermite(variance: Array, degree: int) -> Array:
    """Return a_1 = √q/2 and, with r = q/(1+q), a_0 = q/√(2π(1+q)), and for j ≥ 1
    a_{2j} = q/√(2π(1+q))·(2j−3)!!/√((2j)!)·(−r)^{j−1}·(2j+q)/(1+q).
    """
    q = np.asarray(variance, dtype=np.float64)
    result: Array = np.zeros((*q.shape, degree + 1))
    scale = q / np.sqrt(2 * math.pi * (1.0 + q))
    result[..., 0] = scale
    if degree >= 1:
        result[..., 1] = np.sqrt(q) / 2
    count = degree // 2
    if count:
        k = 2.0 * np.arange(1, count + 1)
        # (2j−3)!!/√((2j)!) = g_{j−1}/√(2j(2j−1)), g as in even_sequence
        even = even_sequence(-q / (1.0 + q), count) / np.sqrt(k * (k - 1.0))
        even *= (np.add.outer(q, k) / (1.0 + q)[..., np.newaxis]) * scale[..., np.newaxis]
        result[..., 2::2] = even
    return result
