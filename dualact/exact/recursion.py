"""The recursion over layers: covariances Σ and tangent kernel Θ, at any pairs of inputs.

Variances are functions of one input, so they are walked once per input (:func:`trace_variances`); the
pairs then go through the same layers with those variances at hand (:func:`propagate`). What each layer
does is MATH of the NTK parameterisation:

    Dense      Σ ← w²Σ + b²          Θ ← w²Θ + Σ
    Act        Σ ← E φ(u)φ(v)        Θ ← Θ · E φ′(u)φ′(v)
    LayerNorm  Σ ← Σ/√(v_x v_y)      Θ ← Θ/√(v_x v_y)
    Residual   Σ ← Σ + branch(Σ)     Θ ← Θ + branch(Θ)

Sources: Lee et al. 2018 (NNGP), Jacot, Gabriel & Hongler 2018 (NTK).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from ..errors import NetworkError
from ..network.layers import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, Layer, LayerNorm, Residual
from ..nonlinearity.contract import Activation, Array
from ..nonlinearity.duals import dual_array, dual_prime_array
from ..nonlinearity.gaussian_pair import geometric_mean

__all__ = ["Trace", "check_range", "inverse_root", "propagate", "snap_collinear", "trace_variances"]

# Two inputs whose 1 − |ρ| is at the level of rounding are taken as collinear: the angle of a pair cannot
# be told from 0 there, and a kinked derivative would turn 1e-16 into 1e-9.
_COLLINEAR = 8 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class Trace:
    """What one walk of the inputs alone gives.

    Attributes
    ----------
    variances : tuple of (n,) arrays
        The variance that enters each Act and each LayerNorm, in the order of the walk.
    sigma, theta : (n,) arrays
        The diagonal of the NNGP and of the NTK (None if not asked) at the end.
    """

    variances: tuple[Array, ...]
    sigma: Array
    theta: Array | None


def trace_variances(layers: tuple[Layer, ...], sigma0: Array, with_theta: bool, name: str = "X") -> Trace:
    """Walk the inputs alone: variances at every activation, and the kernel's diagonal.

    Parameters
    ----------
    layers : tuple of layers
        Of a checked network.
    sigma0 : (n,) array
        x·x/d of each input.
    with_theta : bool
        Whether the tangent kernel is wanted as well.
    name : str
        What to call the inputs in a message.

    Raises
    ------
    NetworkError
        If a variance overflows, or leaves the range in which the activation has finite moments.
    """
    record: list[Array] = []
    theta = np.zeros_like(sigma0) if with_theta else None
    with np.errstate(over="ignore", invalid="ignore"):
        sigma, theta = _walk(layers, "", sigma0.copy(), theta, _Diagonal(record, name))
    for label, value in (("variance", sigma), ("tangent kernel", theta)):
        if value is not None and not np.all(np.isfinite(value)):
            row = int(np.argmin(np.isfinite(value)))
            raise NetworkError(
                f"the {label} of the output overflows at row {row} of {name}. "
                f"Scale {name} or the weights down."
            )
    return Trace(tuple(record), sigma, theta)


def propagate(
    layers: tuple[Layer, ...],
    cov: Array,
    var_u: tuple[Array, ...],
    var_v: tuple[Array, ...],
    with_theta: bool,
) -> Array:
    """Walk pairs of inputs through the layers.

    Parameters
    ----------
    layers : tuple of layers
    cov : array that the shapes below broadcast to
        x·y/d of each pair; overwritten.
    var_u, var_v : tuple of arrays
        ``Trace.variances`` of either side, shaped to broadcast against ``cov``: (n, 1) and (1, m).
    with_theta : bool
        True returns the tangent kernel, False the covariance.

    Returns
    -------
    array of the shape of ``cov``
    """
    theta = np.zeros_like(cov) if with_theta else None
    sigma, theta = _walk(layers, "", cov, theta, _Pairs(iter(var_u), iter(var_v)))
    return sigma if theta is None else theta


class _Diagonal:
    """Variances come from the walk itself, and are written down."""

    def __init__(self, record: list[Array], name: str) -> None:
        self.record, self.name = record, name

    def at(self, sigma: Array, path: str, act: Activation | None) -> tuple[Array, Array]:
        if act is not None:
            check_range(sigma, path, act, self.name)
        self.record.append(sigma.copy())
        return self.record[-1], self.record[-1]

    def clean(self, sigma: Array, var_u: Array, var_v: Array) -> Array:
        return sigma


class _Pairs:
    """Variances were written down before, on either side of the pairs."""

    def __init__(self, var_u: Iterator[Array], var_v: Iterator[Array]) -> None:
        self.var_u, self.var_v = var_u, var_v

    def at(self, sigma: Array, path: str, act: Activation | None) -> tuple[Array, Array]:
        return next(self.var_u), next(self.var_v)

    def clean(self, sigma: Array, var_u: Array, var_v: Array) -> Array:
        return snap_collinear(sigma, var_u, var_v)


def _walk(
    layers: tuple[Layer, ...], prefix: str, sigma: Array, theta: Array | None, side: _Diagonal | _Pairs
) -> tuple[Array, Array | None]:
    for i, layer in enumerate(layers):
        path = f"{prefix}{i}"
        match layer:
            case Dense():
                sigma = sigma * layer.weight_std**2
                sigma += layer.bias_std**2
                if theta is not None:
                    theta = theta * layer.weight_std**2
                    theta += sigma
            case Act():
                var_u, var_v = side.at(sigma, path, layer.activation)
                sigma = side.clean(sigma, var_u, var_v)
                if theta is not None:
                    theta = theta * dual_prime_array(layer.activation, sigma, var_u, var_v)
                sigma = dual_array(layer.activation, sigma, var_u, var_v)
            case LayerNorm():
                var_u, var_v = side.at(sigma, path, None)
                scale = inverse_root(var_u) * inverse_root(var_v)
                # A signal of variance zero has no direction and stays zero (the limit of a layer norm whose
                # denominator is kept off zero); the diagonal is exactly 1 elsewhere.
                sigma = sigma * scale if isinstance(side, _Pairs) else (sigma > 0).astype(np.float64)
                theta = None if theta is None else theta * scale
            case Residual():
                branch, branch_theta = _walk(layer.layers, f"{path}.", sigma, theta, side)
                sigma = sigma + branch
                theta = None if theta is None or branch_theta is None else theta + branch_theta
            case Conv() | AvgPool() | GlobalAvgPool() | Flatten():
                raise AssertionError(f"{layer!r} needs positions, which this walk does not have")
            case _:
                assert_never(layer)
    return sigma, theta


def inverse_root(variance: Array) -> Array:
    """Return 1/√variance, 0 where it is 0."""
    with np.errstate(divide="ignore"):
        return np.where(variance > 0, 1 / np.sqrt(variance), 0.0)


def snap_collinear(cov: Array, var_u: Array, var_v: Array) -> Array:
    """Return cov with every pair that is collinear to rounding made exactly so."""
    bound = geometric_mean(var_u, var_v)
    off = np.abs(cov)
    np.subtract(bound, off, out=off)
    collinear = off <= _COLLINEAR * bound
    if collinear.any():
        cov = cov.copy()
        np.copyto(cov, np.copysign(bound, cov), where=collinear)
    return cov


def check_range(variance: Array, path: str, act: Activation, name: str, first_row: int = 0) -> None:
    """Refuse variances that overflow or at which the activation has no finite moments.

    Parameters
    ----------
    variance : (n,) or (n, p) array
        Before the activation, of n inputs.
    path : str
        Place of the layer.
    act : Activation
    name : str
        What to call the inputs in a message.
    first_row : int
        Number of the first of them.
    """
    bad = ~np.isfinite(variance) | (variance >= act.variance_limit)
    if bad.any():
        place = np.unravel_index(int(np.argmax(bad)), bad.shape)
        limit = (
            f"E φ² is finite for variances below {act.variance_limit:g} only"
            if np.isfinite(act.variance_limit)
            else "it overflows"
        )
        raise NetworkError(
            f"layer {path} (Act({act.name!r})): the pre-activation variance is {variance[place]:g} "
            f"at row {first_row + int(place[0])} of {name}; {limit}. Scale {name} or the weights down."
        )
