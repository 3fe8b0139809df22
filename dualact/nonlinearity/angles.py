"""The angle between two Gaussian variables, without cancellation.

θ = arccos(c/√(pq)) = atan2(√((g−c)(g+c)), c) with g = √(p·q), so that c = p = q gives θ = 0 exactly;
1 − |ρ| = (g − |c|)/g. (The textbook √(pq − c²) costs ReLU's derivative dual 5e-9 at ρ = 1.)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .contract import Array

__all__ = ["Angle", "angle", "geometric_mean"]

#: At 1 − |ρ| below this, cov and the variances are taken to be collinear up to rounding.
COLLINEAR = 8 * np.finfo(np.float64).eps


class Angle(NamedTuple):
    """ρ, s = √(1 − ρ²) and θ of covariances, one array each."""

    rho: Array
    sin: Array
    theta: Array


def geometric_mean(p: Array, q: Array) -> Array:
    """Return √(p·q), one rounding where the product neither under- nor overflows."""
    product = p * q
    safe = (product > 1e-280) & (product < 1e280)
    if np.all(safe):
        return np.asarray(np.sqrt(product))
    return np.where(safe, np.sqrt(product), np.sqrt(p) * np.sqrt(q))


def angle(cov: Array, p: Array, q: Array) -> Angle:
    """Return ρ, sin θ and θ; θ = π/2 where a variance is zero."""
    g = geometric_mean(p, q)
    flat = g == 0
    unit = np.where(flat, 1.0, g)
    c = np.clip(np.where(flat, 0.0, cov), -unit, unit)
    gap = (unit - np.abs(c)) / unit
    gap = np.where(gap <= COLLINEAR, 0.0, gap)
    sine = np.sqrt(gap * (2 - gap))
    rho = np.copysign(1 - gap, c)
    return Angle(rho, sine, np.arctan2(sine, rho))
