"""A dense network of any depth as one series: K(x, y) = Σ_k g_k(|x|, |y|) cos^k∠(x, y).

Σ and Θ are carried through the layers as power series in ρ⁰ = cos∠(x, y), truncated at a degree N, with
coefficients on a grid of norms (one axis per side). Every coefficient is positive semi-definite in the
norms, and every step adds and multiplies positive semi-definite things only, so that nothing cancels.

An activation composes: Σ ← Σ_j a_j(v_x) a_j(v_y) u^j with u = Σ/√(v_x v_y); see
:mod:`dualact.sketch.composition`. docs/theory.md has the derivation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import numpy as np

from ..network.layers import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, Layer, LayerNorm, Residual
from ..nonlinearity.coefficients import hermite, hermite_prime
from ..nonlinearity.contract import Activation, Array
from ..nonlinearity.duals import dual_array, dual_prime_array
from .composition import Index, Whole, compose, multiply, terms_needed

__all__ = ["expand"]

# Outer terms at most. Only kinks and biases that swamp the input ask for so many: coefficients of smooth
# activations are gone long before, and so are the powers of a smaller constant.
_CLOSED_TERMS = 2000
_COMPUTED_TERMS = 400


def expand(layers: tuple[Layer, ...], rows: Array, columns: Array, degree: int, with_theta: bool) -> Array:
    """Coefficients g_0 … g_degree of a dense network's kernel on a grid of norms.

    Parameters
    ----------
    layers : tuple of layers
        Of a checked dense network.
    rows, columns : (r,), (c,) arrays
        |x|²/d and |y|²/d.
    degree : int
        The highest power of cos∠(x, y).
    with_theta : bool
        True for the tangent kernel, False for the covariance.

    Returns
    -------
    (degree + 1, r, c) array

    Notes
    -----
    Equal to the recursion at ρ to the size of the terms beyond ``degree``: to 1e-12 of the kernel's diagonal
    at |ρ| ≤ ½, degree 48 and depth 6. Kinked activations whose biases swamp the input (correlations above
    .95 at ρ = 0) lose more, at worst measured 1e-3 (ReLU NTK, bias .7 of the weights, depth 20). Costs, per
    activation, about 2√N products of truncated series (N² of (r, c) arrays each) and Hermite coefficients at
    r + c variances.
    """
    sigma = np.zeros((degree + 1, rows.size, columns.size))
    if degree >= 1:
        sigma[1] = np.sqrt(rows)[:, None] * np.sqrt(columns)
    theta = np.zeros_like(sigma) if with_theta else None
    state = _walk(layers, sigma, theta, rows.copy(), columns.copy())
    return state[0] if state[1] is None else state[1]


_State = tuple[Array, Array | None, Array, Array]


def _walk(layers: tuple[Layer, ...], sigma: Array, theta: Array | None, rows: Array, cols: Array) -> _State:
    for layer in layers:
        match layer:
            case Dense():
                w2, b2 = layer.weight_std**2, layer.bias_std**2
                sigma = w2 * sigma
                sigma[0] += b2
                rows, cols = w2 * rows + b2, w2 * cols + b2
                theta = None if theta is None else w2 * theta + sigma
            case Act():
                sigma, theta, rows, cols = _activate(layer.activation, sigma, theta, rows, cols)
            case LayerNorm():
                sigma = _normalised(sigma, rows, cols)
                theta = None if theta is None else _normalised(theta, rows, cols)
                rows, cols = np.sign(rows), np.sign(cols)  # variance zero stays zero
            case Residual():
                branch, branch_theta, more_rows, more_cols = _walk(layer.layers, sigma, theta, rows, cols)
                sigma = sigma + branch
                theta = None if theta is None or branch_theta is None else theta + branch_theta
                rows, cols = rows + more_rows, cols + more_cols
            case Conv() | AvgPool() | GlobalAvgPool() | Flatten():
                raise AssertionError(f"{layer!r}: a spatial network is not one series")
            case _:
                assert_never(layer)
    return sigma, theta, rows, cols


def _activate(act: Activation, sigma: Array, theta: Array | None, rows: Array, cols: Array) -> _State:
    u = _normalised(sigma, rows, cols)
    limit = _CLOSED_TERMS if act.hermite is not None else _COMPUTED_TERMS
    terms = terms_needed(u, limit)
    both, r = np.concatenate([rows, cols]), rows.size  # equal variances of the two sides are computed once

    def at_constant(rule: Callable[[Activation, Array, Array, Array], Array]) -> Whole:
        def whole(i: Index, j: Index) -> Array:
            return rule(act, u[0, i, j] * np.sqrt(rows[i] * cols[j]), rows[i], cols[j])

        return whole

    a = hermite(act, both, terms)
    out = compose(a[:r], a[r:], u, at_constant(dual_array))
    if theta is not None:
        a = hermite_prime(act, both, terms)
        theta = multiply(theta, compose(a[:r], a[r:], u, at_constant(dual_prime_array)))
    return out, theta, _second_moment(act, rows), _second_moment(act, cols)


def _second_moment(act: Activation, variances: Array) -> Array:
    """E φ(√v z)² by the dual, which has no tail to cut."""
    return dual_array(act, variances, variances, variances)


def _normalised(series: Array, rows: Array, cols: Array) -> Array:
    """Return the series over √(v_x v_y), 0 where a variance is; one side after the other cannot overflow."""
    return series * _inverse_root(rows)[:, None] * _inverse_root(cols)


def _inverse_root(variance: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.where(variance > 0, 1 / np.sqrt(variance), 0.0)
