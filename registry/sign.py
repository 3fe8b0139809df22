"""Sign and unit step: φ(t) = sgn t, φ(t) = 1(t > 0); both jump at 0, so they have an NNGP and no NTK.

Dual, with θ = arccos(c/√(pq)), π/2 where a variance is 0 (φ(0) is the mean of the two sides):
    sign  1 − 2θ/π
    step  ½ − θ/2π
Hermite coefficients of the step, normalised probabilists', k = 0..5, the same at every variance > 0:
    0.5, 0.398942, 0, −0.162868, 0, 0.109255
(sign: twice the step, less 1).
Domain    all p, q ≥ 0, |c| ≤ √(pq); infinite slope at |ρ| = 1: pairs with 1 − ρ² ≤ 16ε are taken as
          collinear.
Accuracy  5e-15 of √(Eφ(u)²·Eφ(v)²), for the numbers given, against 60 digits (docs/accuracy.md).
Source    Cho & Saul 2009, eq. 4 (degree 0); Sheppard 1899.
"""

from __future__ import annotations

import math

import numpy as np

from dualact.nonlinearity.contract import Activation, Array
from dualact.nonlinearity.gaussian_pair import angle
from dualact.nonlinearity.sequences import even_sequence

__all__ = ["sign", "step"]

_SOURCE = "Sheppard 1899; Cho & Saul 2009, eq. 4"


def sign() -> Activation:
    """Return φ(t) = −1, 0 or 1 with the sign of t."""

    def dual(cov: Array, var_u: Array, var_v: Array) -> Array:
        _, theta = angle(cov, var_u, var_v)
        theta *= -2 / math.pi
        theta += 1.0
        return theta

    def hermite(variance: Array, degree: int) -> Array:
        unit = 2 * _step_coefficients(degree)
        unit[0] = 0.0
        return np.multiply.outer(np.asarray(variance > 0, dtype=np.float64), unit)

    return Activation(
        "sign",
        np.sign,
        dual,
        hermite=hermite,
        phi_prime=None,
        breakpoints=(0.0,),
        homogeneity=0.0,
        source=_SOURCE,
        formula="sign(t)",
        parity="odd",
        accuracy=2e-14,
    )


def step() -> Activation:
    """Return φ(t) = 1 for t > 0, 0 for t < 0, ½ at 0."""

    def phi(t: Array) -> Array:
        return np.heaviside(t, 0.5)

    def dual(cov: Array, var_u: Array, var_v: Array) -> Array:
        _, theta = angle(cov, var_u, var_v)
        theta *= -0.5 / math.pi
        theta += 0.5
        return theta

    def hermite(variance: Array, degree: int) -> Array:
        unit = _step_coefficients(degree)
        result: Array = np.multiply.outer(np.asarray(variance > 0, dtype=np.float64), unit)
        result[..., 0] = 0.5
        return result

    return Activation(
        "step",
        phi,
        dual,
        hermite=hermite,
        breakpoints=(0.0,),
        homogeneity=0.0,
        source=_SOURCE,
        formula="1(t > 0)",
        accuracy=2e-14,
    )


def _step_coefficients(degree: int) -> Array:
    """Return a_0 = ½, a_{2j+1} = (−1)^j (2j−1)!!/√((2j+1)! 2π), the other even ones 0."""
    unit: Array = np.zeros(degree + 1)
    unit[0] = 0.5
    j = np.arange((degree + 1) // 2)
    if j.size:
        odd = even_sequence(np.array(-1.0), j.size) / np.sqrt((2 * j + 1) * (2 * math.pi))
        unit[1::2] = odd
    return unit
