"""What random features are left with: φ less its part of degree 0 and 1, which is carried exactly.

With t = ⟨w, ψ⟩ for a unit vector ψ, and (c_0, c_1) the projections of f(t) = φ(√v t) on 1 and t,

    E f(t) f'(t') = c_0 c_0' + c_1 c_1' ⟨ψ, ψ'⟩ + E r(t) r'(t'),   r = f − c_0 − c_1 t,

because 1, t and r are orthogonal, whichever of the two laws w has. The first two terms are features without
noise; of ReLU's second moment ½ they hold .41, and r has .09.

Gaussian w    c_k = a_k(v), Hermite coefficients
w on a sphere of radius √p, φ homogeneous of degree h: leverage scores. Drawn with the density
∝ |w|^{2h} e^{−|w|²/2} (a uniform direction, |w| ~ χ_{p+2h}) and weighted by √(E|w|^{2h})/|w|^h, a feature
φ(⟨w, x⟩) is one of the direction alone, √(E χ_p^{2h}) φ(⟨w/|w|, x⟩). So E[φ(⟨w,x⟩)φ(⟨w,y⟩) | direction] is
what is averaged: by Rao and Blackwell its variance is at most that of Gaussian w, for every pair of rows.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import gammaln

from ...nonlinearity.contract import Activation
from ...nonlinearity.slopes import panel_table
from ..spatial.coefficients import Coefficients
from ..spatial.state import Array

__all__ = ["Remainder", "leverage_weight"]


def leverage_weight(dimension: int, degree: float) -> float:
    """Return √(E χ_p^{2h})/p^{h/2}: the weight of a feature whose w has the norm √p.

    Examples
    --------
    >>> leverage_weight(9, 1.0)
    1.0
    >>> round(leverage_weight(9, 2.0) ** 2, 4)  # (p + 2)/p
    1.2222
    """
    if degree in (0.0, 1.0):
        return 1.0
    half = dimension / 2
    log = degree * math.log(2.0 / dimension) + float(gammaln(half + degree) - gammaln(half))
    return math.exp(log / 2)


class Remainder:
    """r(t) for φ or φ′, and the weights c_0, c_1 of what is carried exactly.

    Parameters
    ----------
    act : Activation
    prime : bool
        Of φ′.
    dimension : int or None
        p, if w lies on a sphere; None for Gaussian w.
    low, high : float
        Variances between which the coefficients are tabulated.
    """

    def __init__(self, act: Activation, prime: bool, dimension: int | None, low: float, high: float) -> None:
        self.act, self.prime, self.dimension = act, prime, dimension
        self.degree = None if act.homogeneity is None else float(act.homogeneity) - prime
        self.coefficients: Coefficients | None = None
        if self.degree is None or dimension is None:
            self.coefficients = _coefficients(act, prime, low, high)
        if self.degree is not None:
            right, left = (float(x) for x in np.asarray(act(np.array([1.0, -1.0]))))
            power = self.degree + 1
            self.sides = (right * power, -left * power) if prime else (right, left)
            self.unit = self._unit(dimension)

    def _unit(self, dimension: int | None) -> tuple[float, float, float]:
        """c_0, c_1 at variance 1, and the weight of a feature."""
        assert self.degree is not None
        right, left = self.sides
        weight = 1.0 if dimension is None else leverage_weight(dimension, self.degree)
        c0 = weight * (right + left) / 2 * _moment(self.degree, dimension)
        c1 = weight * (right - left) / 2 * _moment(self.degree + 1, dimension)
        return c0, c1, weight

    def exact(self, variance: Array) -> Array:
        """Return c_0(v) and c_1(v), (n, 2)."""
        if self.degree is None:
            assert self.coefficients is not None
            return self.coefficients(variance)
        found: Array = _power(variance, self.degree / 2)[:, None] * np.array(self.unit[:2])
        return found

    def __call__(self, t: Array, variance: Array) -> Array:
        """Return r(t), (n, m), in place where possible."""
        if self.degree is None:
            return self._any(t, variance)
        return self._homogeneous(t, variance)

    @property
    def empty(self) -> bool:
        """Whether r = 0 is known: φ is linear."""
        if self.degree is None:
            return False
        right, left = self.sides
        odd = right == -left
        return (self.degree == 1.0 and odd) or (self.degree == 0.0 and right == left)

    def _homogeneous(self, t: Array, variance: Array) -> Array:
        c0, c1, weight = self.unit
        assert self.degree is not None
        right, left = (weight * s for s in self.sides)
        if self.degree == 1.0:
            even = (right + left) / 2  # the odd part is linear: nothing of it is left
            np.abs(t, out=t)
            t -= t.dtype.type(c0 / even if even else 0.0)
            scale = even * _power(variance, 0.5)
        elif self.degree == 0.0:
            odd = (right - left) / 2  # the even part is the constant
            slope = t * t.dtype.type(c1 / odd if odd else 0.0)
            np.copysign(t.dtype.type(1), t, out=t)
            t -= slope
            scale = odd * _power(variance, 0.0)
        else:
            wide = t.astype(np.float64)
            found = np.where(wide > 0, right, left) * np.abs(wide) ** self.degree
            found -= c0 + c1 * wide
            t = found.astype(t.dtype)
            scale = _power(variance, self.degree / 2)
        t *= scale[:, None].astype(t.dtype)
        return t

    def _any(self, t: Array, variance: Array) -> Array:
        c0, c1 = self.exact(variance).T
        wide = t.astype(np.float64)
        found = np.asarray(_function(self.act, self.prime)(wide * np.sqrt(variance)[:, None]))
        found = found - c0[:, None]
        found -= c1[:, None] * wide
        out: Array = found.astype(t.dtype)
        return out


@lru_cache(maxsize=64)  # pilot runs ask for the same ones again and again
def _coefficients(act: Activation, prime: bool, low: float, high: float) -> Coefficients:
    return Coefficients(act, (0, 1), prime, low, high)


def _moment(s: float, dimension: int | None) -> float:
    """E|t|^s of a standard normal t, or of one coordinate of a point on the sphere of radius √p."""
    log = s / 2 * math.log(2.0) + float(gammaln((s + 1) / 2)) - 0.5 * math.log(math.pi)
    if dimension is not None:
        half = dimension / 2
        log += s / 2 * math.log(half) + float(gammaln(half) - gammaln(half + s / 2))
    return math.exp(log)


def _power(variance: Array, power: float) -> Array:
    positive = variance > 0
    found = np.zeros(variance.shape)
    np.power(variance, power, out=found, where=positive)
    return found


def _function(act: Activation, prime: bool) -> Any:
    if not prime:
        return act.phi
    return act.phi_prime if act.phi_prime is not None else panel_table(act, prime=True)
