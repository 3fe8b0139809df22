"""Kernels that are a function of the angle alone: one polynomial for a network of any depth.

A homogeneous network (no biases, activations with φ(ct) = c^h φ(t)) has K(x, y) = (|x||y|)^H κ(θ); so has any
network behind a LayerNorm, with H = 0; and where all norms are equal, every network has K = κ(θ). In
θ = ∠(x, y) even kinked activations are smooth, so κ is a polynomial of degree 20 to 60 to rounding, and the
cost of a kernel matrix no longer grows with depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.polynomial import chebyshev

from ..errors import NetworkError
from ..network.layers import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, Layer, LayerNorm, Residual
from ..nonlinearity.contract import Array
from ..nonlinearity.gaussian_pair import geometric_mean
from .recursion import propagate, trace_variances

__all__ = ["AngularKernel", "angular_kernel", "homogeneity"]

_DEGREES = (16, 20, 24, 28, 34, 40, 48, 64)
_TAIL = 2e-14
_AGREEMENT = 1e-12
_SNAP = 1 - 8 * np.finfo(np.float64).eps


@dataclass(frozen=True, eq=False)
class AngularKernel:
    """K = (p q)^{H/2} κ(θ) with p = |x|²/d, q = |y|²/d.

    Attributes
    ----------
    exponent : float
        H; 0 where all norms are equal.
    coefficients : tuple of float
        κ as a polynomial in 2θ/π − 1, ascending.
    """

    exponent: float
    coefficients: tuple[float, ...]

    def __call__(self, cov: Array, var_u: Array, var_v: Array) -> Array:
        """Return the kernel of a block of pairs; ``cov`` (x·y/d) is overwritten.

        Parameters
        ----------
        cov : (n, m) array
        var_u, var_v : (n, 1), (1, m) arrays
        """
        bound = geometric_mean(var_u, var_v)
        with np.errstate(invalid="ignore", divide="ignore"):
            rho = np.divide(cov, bound, out=cov)
        if not bound.all():
            rho[np.broadcast_to(bound == 0, rho.shape)] = 0.0
        extreme = np.abs(rho) > _SNAP
        if extreme.any():
            rho[extreme] = np.sign(rho[extreme])
        place = np.arccos(rho, out=rho)
        place *= 2 / np.pi
        place -= 1
        out = np.full_like(place, self.coefficients[-1])
        for coefficient in self.coefficients[-2::-1]:
            out *= place
            out += coefficient
        if self.exponent == 1:
            out *= bound
        elif self.exponent:
            out *= bound**self.exponent
        return out


def angular_kernel(
    layers: tuple[Layer, ...], with_theta: bool, mean_squares: tuple[Array, ...]
) -> AngularKernel | None:
    """Return the kernel as a function of the angle, or None where it is not one (or not to 1e-12).

    Parameters
    ----------
    layers : tuple of layers
        Of a checked network.
    with_theta : bool
        The tangent kernel, or the covariance.
    mean_squares : tuple of arrays
        |x|²/d of all rows on either side.
    """
    low = min(float(s.min()) for s in mean_squares)
    high = max(float(s.max()) for s in mean_squares)
    exponent = homogeneity(layers)
    if high == 0 or (low == 0 and exponent == 0):
        return None
    if high - low <= 4 * np.finfo(np.float64).eps * high:
        exponent, size = 0.0, high
    elif exponent is None:
        return None
    else:
        size = 1.0
    try:
        return _fitted(layers, with_theta, size, exponent)
    except NetworkError:  # variances overflow at that size; the recursion may do better at those of the data
        return None


def _fitted(
    layers: tuple[Layer, ...], with_theta: bool, size: float, exponent: float
) -> AngularKernel | None:
    # Closer to 0 and π the angle itself is lost in the rounding of its cosine, on either road.
    probes = np.concatenate([np.geomspace(1e-2, 1, 20), np.linspace(1, np.pi - 1e-2, 40), [0, np.pi]])
    exact = _at_angles(layers, with_theta, size, probes)
    scale = float(np.abs(exact).max())
    if scale == 0:
        return None
    for degree in _DEGREES:
        nodes = chebyshev.chebpts1(degree + 1)
        values = _at_angles(layers, with_theta, size, np.pi / 2 * (nodes + 1))
        fit = chebyshev.chebfit(nodes, values, degree)
        if np.abs(fit[-3:]).max() <= _TAIL * scale:
            used = np.flatnonzero(np.abs(fit) > 1e-16 * scale)
            if not used.size:  # nothing but spikes at 0 and π: a wave far shorter than its variance
                return None
            found = AngularKernel(exponent, tuple(chebyshev.cheb2poly(fit[: used[-1] + 1])))
            gap = np.abs(found(np.cos(probes), np.ones(1), np.ones(1)) - exact).max()
            return found if gap <= _AGREEMENT * scale else None
    return None


def homogeneity(layers: tuple[Layer, ...]) -> float | None:
    """Return H with K(ax, by) = (ab)^H K(x, y) for all a, b > 0, or None where there is none."""
    return _degree(layers, 1.0)


def _degree(layers: tuple[Layer, ...], degree: float | None) -> float | None:
    for layer in layers:
        if degree is None:
            return None
        match layer:
            case Dense() | Conv():
                degree = degree if layer.bias_std == 0 or degree == 0 else None
            case Act():
                h = layer.activation.homogeneity
                degree = 0.0 if degree == 0 else (None if h is None else degree * h)
            case AvgPool() | GlobalAvgPool() | Flatten():
                pass
            case LayerNorm():
                degree = 0.0
            case Residual():
                degree = degree if _degree(layer.layers, degree) == degree else None
            case _:
                assert_never(layer)
    return degree


def _at_angles(layers: tuple[Layer, ...], with_theta: bool, size: float, angles: Array) -> Array:
    """The kernel of pairs of the given |x|²/d at the given angles."""
    trace = trace_variances(layers, np.array([size]), with_theta)
    return propagate(layers, size * np.cos(angles), trace.variances, trace.variances, with_theta)
