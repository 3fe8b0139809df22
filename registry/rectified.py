"""Rectified linear family: φ(t) = a·min(t, 0) + b·max(t, 0); ReLU, leaky ReLU and \\|t\\| are members.

Dual, with θ = arccos(c/√(pq)) and f = (a − b)²/2π:
    E[φ′φ′] = (a² + b²)/2 − f·θ
    E[φφ]   = f·√(pq − c²) + c·E[φ′φ′]
Hermite coefficients of ReLU at unit variance, normalised probabilists', k = 0..5:
    0.398942, 0.5, 0.282095, 0, −0.081434, 0
(of a, b: a_k = (b + (−1)^{k+1} a)·ReLU's; times √variance).
Domain    all p, q ≥ 0, |c| ≤ √(pq); the derivative dual has infinite slope at |ρ| = 1, so there a
          relative error ε of c costs it √ε: pairs with 1 − ρ² ≤ 16ε are taken as collinear.
Accuracy  relative to √(Eφ(u)²·Eφ(v)²), for the numbers given, against 60 digits (docs/accuracy.md): dual
          4e-16, derivative dual 5e-15.
Source    Cho & Saul 2009, eqs. 4–6 (ReLU); Tsuchida, Roosta-Khorasani, Gallagher 2018 (leaky ReLU).
"""

from __future__ import annotations

import math

import numpy as np

from dualact.nonlinearity.contract import Activation, Array
from dualact.nonlinearity.gaussian_pair import angle
from dualact.nonlinearity.parameters import finite
from dualact.nonlinearity.sequences import even_sequence

__all__ = ["ab_relu", "absolute", "leaky_relu", "relu"]

_SOURCE = "Cho & Saul 2009, eqs. 4-6; Tsuchida et al. 2018"


def ab_relu(negative_slope: float = 0.0, positive_slope: float = 1.0) -> Activation:
    """Return φ(t) = negative_slope·min(t, 0) + positive_slope·max(t, 0)."""
    a = finite("ab_relu", "negative_slope", negative_slope)
    b = finite("ab_relu", "positive_slope", positive_slope)
    params = {"negative_slope": a, "positive_slope": b}
    return _member("ab_relu", a, b, params, f"{a:g} min(t, 0) + {b:g} max(t, 0)")


def relu() -> Activation:
    """Return φ(t) = max(t, 0)."""
    return _member("relu", 0.0, 1.0, {}, "max(t, 0)")


def leaky_relu(slope: float = 0.01) -> Activation:
    """Return φ(t) = max(t, 0) + slope·min(t, 0)."""
    a = finite("leaky_relu", "slope", slope)
    return _member("leaky_relu", a, 1.0, {"slope": a}, f"max(t, 0) + {a:g} min(t, 0)")


def absolute() -> Activation:
    """Return φ(t) = |t|."""
    return _member("abs", -1.0, 1.0, {}, "|t|")


def _member(name: str, a: float, b: float, params: dict[str, float], formula: str) -> Activation:
    mean_square = (a * a + b * b) / 2
    f = (a - b) ** 2 / (2 * math.pi)

    def phi(t: Array) -> Array:
        return a * np.minimum(t, 0.0) + b * np.maximum(t, 0.0)

    def phi_prime(t: Array) -> Array:
        return np.where(t > 0, b, np.where(t < 0, a, (a + b) / 2))

    def dual(cov: Array, var_u: Array, var_v: Array) -> Array:
        root, theta = angle(cov, var_u, var_v)
        theta *= -f
        theta += mean_square
        theta *= cov
        root *= f
        root += theta
        return root

    def dual_prime(cov: Array, var_u: Array, var_v: Array) -> Array:
        _, theta = angle(cov, var_u, var_v)
        theta *= -f
        theta += mean_square
        return theta

    def hermite(variance: Array, degree: int) -> Array:
        unit: Array = np.zeros(degree + 1)
        j = np.arange(degree // 2 + 1)
        # ReLU's a_{2j} = (−1)^{j−1} (2j−3)!!/√((2j)! 2π)
        even = even_sequence(np.array(1.0), j.size) / ((2 * j - 1) * math.sqrt(2 * math.pi))
        unit[::2] = (b - a) * even * np.where(j % 2 == 1, 1.0, -1.0)
        if degree >= 1:
            unit[1] = (a + b) / 2
        return np.multiply.outer(np.sqrt(variance), unit)

    return Activation(
        name,
        phi,
        dual,
        dual_prime,
        hermite,
        phi_prime,
        breakpoints=() if a == b else (0.0,),
        homogeneity=1.0,
        params=params,
        source=_SOURCE,
        formula=formula,
        parity="odd" if a == b else "even" if a == -b else None,
        accuracy=2e-14,
    )
