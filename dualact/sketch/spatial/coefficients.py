"""Hermite coefficients of an activation at the variance of every position."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from ...nonlinearity.coefficients import hermite, hermite_prime
from ...nonlinearity.contract import Activation
from .state import Array

__all__ = ["Coefficients"]

_NODES_A_DECADE = 48


class Coefficients:
    """a_k(v) of φ, or of φ′, as functions of the variance v.

    Parameters
    ----------
    act : Activation
    degrees : tuple of int
    prime : bool
        Those of φ′.
    low, high : float
        Variances between which a spline answers; outside, coefficients are computed one by one. Homogeneous
        activations need neither.
    """

    def __init__(
        self, act: Activation, degrees: tuple[int, ...], prime: bool, low: float, high: float
    ) -> None:
        self.act, self.degrees, self.prime = act, degrees, prime
        self.low, self.high = low, high
        if act.homogeneity is not None:
            self.power = (act.homogeneity - prime) / 2
            self.unit = self._exact(np.ones(1))[0]
        else:
            decades = np.log10(high / low)
            nodes = np.geomspace(low, high, max(8, 1 + int(np.ceil(_NODES_A_DECADE * decades))))
            self.spline = CubicSpline(np.log(nodes), self._exact(nodes))

    def __call__(self, variance: Array) -> Array:
        """Return a_k(v) for an array of variances of at least 0, shape (variance.size, degrees)."""
        v = variance.ravel()
        positive = v > 0
        if self.act.homogeneity is not None:
            scale = np.zeros_like(v)
            np.power(v, self.power, out=scale, where=positive)
            found: Array = scale[:, None] * self.unit
        else:
            found = np.asarray(self.spline(np.log(np.clip(v, self.low, self.high))))
        outside = ~positive if self.act.homogeneity is not None else (v < self.low) | (v > self.high)
        if outside.any():
            different, place = np.unique(v[outside], return_inverse=True)
            found[outside] = self._exact(different)[place]
        return found

    def _exact(self, variance: Array) -> Array:
        make = hermite_prime if self.prime else hermite
        found: Array = make(self.act, variance, max(self.degrees))[..., list(self.degrees)]
        return found
