"""Interpolation between Chebyshev nodes of the second kind, one row at a time to the bit."""

from __future__ import annotations

import numpy as np

from ..nonlinearity.contract import Array

__all__ = ["chebyshev_nodes", "interpolate"]

_CACHED = 2**14  # numbers that are summed at once


def chebyshev_nodes(left: float, right: float, count: int) -> Array:
    """Return ``count`` ≥ 2 nodes from left to right, ascending, both ends among them.

    Examples
    --------
    >>> chebyshev_nodes(0.0, 4.0, 3)
    array([0., 2., 4.])
    """
    unit = -np.cos(np.pi * np.arange(count) / (count - 1))
    nodes: Array = (left + right) / 2 + (right - left) / 2 * unit
    return nodes


def interpolate(nodes: Array, log_scale: Array, values: Array, places: Array) -> Array:
    """Values of functions f_t = exp(scale)·v_t, with scale and v_t interpolated between the nodes.

    Parameters
    ----------
    nodes : (g,) array
        From :func:`chebyshev_nodes`.
    log_scale : (g,) array
    values : (g, t) array
    places : (n,) array

    Returns
    -------
    (n, t) array
        A row depends on its place alone, to the bit: every sum runs over the nodes in order.
    """
    weights = np.ascontiguousarray(_lagrange(nodes, places).T)
    scale = np.zeros_like(places)
    for weight, size in zip(weights, log_scale, strict=True):
        scale += weight * size
    factor = np.exp(scale)
    out = np.zeros((values.shape[1], places.size))
    share = max(1, _CACHED // max(1, places.size))
    for start in range(0, len(out), share):
        part = out[start : start + share]
        product = np.empty_like(part)
        for weight, value in zip(weights, values[:, start : start + share], strict=True):
            np.multiply(value[:, None], weight, out=product)
            part += product
        part *= factor
    return out.T


def _lagrange(nodes: Array, places: Array) -> Array:
    """Barycentric Lagrange weights of each place, (n, g)."""
    signs = np.where(np.arange(nodes.size) % 2, -1.0, 1.0)
    signs[0] *= 0.5
    signs[-1] *= 0.5
    gap = places[:, None] - nodes
    hit = gap == 0
    gap[hit] = 1.0
    weights = signs / gap
    total = np.zeros_like(places)
    for g in range(nodes.size):
        total += weights[:, g]
    weights /= total[:, None]
    rows = hit.any(axis=1)
    weights[rows] = hit[rows]
    return weights
