"""A dense network of any depth as one series: K(x, y) = Σ_k g_k(|x|, |y|) cos^k∠(x, y).

Σ and Θ are carried through the layers as power series in ρ⁰ = cos∠(x, y), truncated at a degree N, with
coefficients on a grid of norms (one axis per side). Every coefficient is positive semi-definite in the
norms, and every step adds and multiplies positive semi-definite things only, so that nothing cancels.

At an activation u = Σ/√(v_x v_y) has a constant term u_0 (from biases, or a_0 ≠ 0 before), and so
Σ_j a_j(v_x) a_j(v_y) u^j must run to J ≫ N: only the powers of ρ⁰ are cut at N. With u = u_0 + w,

    Σ_j A_j u^j = Σ_{i ≤ N} w^i D_i,   D_i = Σ_{j ≥ i} C(j, i) A_j u_0^{j−i},

needs 2√N products of truncated series for any J. docs/theory.md has the derivation.
"""

from __future__ import annotations

import math
from typing import assert_never

import numpy as np

from ..network.layers import Act, Dense, Layer, LayerNorm, Residual
from ..nonlinearity.coefficients import hermite, hermite_prime
from ..nonlinearity.contract import Activation, Array
from ..nonlinearity.duals import dual_array

__all__ = ["expand"]

_MAX_TERMS = 400
_NEGLIGIBLE = 1e-12


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
    Equal to the recursion at ρ to the size of the terms beyond ``degree``. Costs, per
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
                scale = _inverse_root(rows)[:, None] * _inverse_root(cols)
                sigma = sigma * scale
                theta = None if theta is None else theta * scale
                rows, cols = np.sign(rows), np.sign(cols)  # variance zero stays zero
            case Residual():
                branch, branch_theta, more_rows, more_cols = _walk(layer.layers, sigma, theta, rows, cols)
                sigma = sigma + branch
                theta = None if theta is None or branch_theta is None else theta + branch_theta
                rows, cols = rows + more_rows, cols + more_cols
            case _:
                assert_never(layer)
    return sigma, theta, rows, cols


def _activate(act: Activation, sigma: Array, theta: Array | None, rows: Array, cols: Array) -> _State:
    degree = len(sigma) - 1
    u = sigma * (_inverse_root(rows)[:, None] * _inverse_root(cols))
    terms = _terms(degree, float(u[0].max(initial=0.0)))
    both, r = np.concatenate([rows, cols]), rows.size  # equal variances of the two sides are computed once
    a = hermite(act, both, terms)
    out = _compose(a[:r], a[r:], u)
    if theta is not None:
        a = hermite_prime(act, both, terms)
        theta = multiply(theta, _compose(a[:r], a[r:], u))
    return out, theta, _second_moment(act, rows), _second_moment(act, cols)


def _second_moment(act: Activation, variances: Array) -> Array:
    """E φ(√v z)² by the dual, which has no tail to cut."""
    return dual_array(act, variances, variances, variances)


def _terms(degree: int, constant: float) -> int:
    """J such that C(J, degree)·constant^J is negligible, within bounds."""
    if constant <= 0:
        return degree
    j = np.arange(degree, _MAX_TERMS + 1, dtype=float)
    steps = np.concatenate([[0.0], np.log((j[1:]) / np.maximum(j[1:] - degree, 1.0))])
    size = np.cumsum(steps) + (j - degree) * np.log(min(constant, 1.0))
    small = np.flatnonzero(size < np.log(_NEGLIGIBLE))
    beyond_peak = small[small > np.argmax(size)]
    return int(j[beyond_peak[0]]) if beyond_peak.size else _MAX_TERMS


def _compose(a_rows: Array, a_cols: Array, u: Array) -> Array:
    """Σ_j a_j(rows) a_j(cols) u^j as a truncated series in ρ⁰."""
    degree, terms = len(u) - 1, a_rows.shape[-1] - 1
    moved = np.empty_like(u)
    products = np.einsum("rj,cj->jrc", a_rows, a_cols)
    powers = np.cumprod(np.concatenate([np.ones_like(u[:1]), np.repeat(u[:1], terms, axis=0)]), axis=0)
    for i in range(degree + 1):
        j = np.arange(i + 1, terms + 1)
        binomials = np.concatenate([[1.0], np.cumprod(j / (j - i))])
        moved[i] = np.einsum("j,jrc,jrc->rc", binomials, products[i:], powers[: terms - i + 1])
    wave = u.copy()
    wave[0] = 0.0
    return _polynomial(moved, wave)


def _polynomial(coefficients: Array, wave: Array) -> Array:
    """Σ_i coefficients_i wave^i in about 2√N products: Horner's scheme in a power of the wave."""
    step = math.isqrt(len(wave) - 1) + 1
    powers = [np.zeros_like(wave)]
    powers[0][0] = 1.0
    for _ in range(step):
        powers.append(multiply(powers[-1], wave))
    out = np.zeros_like(wave)
    for start in reversed(range(0, len(wave), step)):
        if start + step < len(wave):
            out = multiply(out, powers[step])
        for i, coefficient in enumerate(coefficients[start : start + step]):
            out[i:] += coefficient * powers[i][i:]
    return out


def multiply(a: Array, b: Array) -> Array:
    """Product of two truncated power series, coefficients along the first axis."""
    out = np.zeros_like(a)
    for i in range(len(a)):
        if np.any(b[i]):
            out[i:] += a[: len(a) - i] * b[i]
    return out


def _inverse_root(variance: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.where(variance > 0, 1 / np.sqrt(variance), 0.0)
