"""An outer power series at an inner truncated one: Σ_j A_j u^j up to degree N in ρ⁰.

The inner series u has a constant term u_0 (from biases, or a_0 ≠ 0 before), and so j must run to J ≫ N:
only the powers of ρ⁰ are cut at N. With u = u_0 + w,

    Σ_j A_j u^j = Σ_{i ≤ N} w^i D_i,   D_i = Σ_{j ≥ i} C(j, i) A_j u_0^{j−i},

needs about 2√N products of truncated series for any J. How many outer terms it takes depends on u_0 alone,
and so pairs of norms are taken together that have similar u_0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb

from ..nonlinearity.contract import Array

__all__ = ["Index", "Whole", "compose", "multiply", "terms_needed"]

Index = NDArray[np.intp]
Whole = Callable[[Index, Index], Array]
"""Σ_j A_j u_0^j itself, at rows i and columns j: what the outer function is at the constant."""

_NEGLIGIBLE = 1e-12
_NEAR_ZERO = 1e-5
_NEAR_TERMS = 4
_EDGES = (_NEAR_ZERO, 0.05, 0.15, 0.3, 0.5, 0.65, 0.8, 0.88, 0.93, 0.96, 1.0)
_CUT = 1e-9  # of the outer function: a tail that is seen


def terms_needed(u: Array, limit: int) -> int:
    """Return how many outer terms a composition takes, ``limit`` at most."""
    limit = max(limit, len(u) - 1)
    return min(limit, _terms(len(u) - 1, int(_group(u[0]).max(initial=0)), limit))


def compose(a_rows: Array, a_cols: Array, u: Array, whole: Whole) -> Array:
    """Return Σ_j a_j(rows) a_j(cols) u^j as a truncated series in ρ⁰.

    Parameters
    ----------
    a_rows, a_cols : (r, J + 1), (c, J + 1) arrays
        With J of :func:`terms_needed`.
    u : (N + 1, r, c) array
    whole : callable
        Replaces the sum at u_0 where J terms do not suffice for it.

    Returns
    -------
    (N + 1, r, c) array
    """
    degree, limit = len(u) - 1, a_rows.shape[1] - 1
    moved = np.empty_like(u)
    groups = _group(u[0])
    for group in np.unique(groups):
        i, j = np.nonzero(groups == group)
        terms = _terms(degree, group, limit)
        products = (a_rows[i, : terms + 1] * a_cols[j, : terms + 1]).T
        shifted = (_shifted_near_zero if group == 0 else _shifted)(products, u[0, i, j], degree + 1)
        if terms > limit:
            exact = whole(i, j)
            cut = np.abs(exact - shifted[0]) > _CUT * np.abs(exact).max()
            shifted[0, cut] = exact[cut]
        moved[:, i, j] = shifted
    wave = u.copy()
    wave[0] = 0.0
    return _polynomial(moved, wave)


def multiply(a: Array, b: Array) -> Array:
    """Product of two truncated power series, coefficients along the first axis."""
    out = np.zeros_like(a)
    for i in range(len(a)):
        if np.any(b[i]):
            out[i:] += a[: len(a) - i] * b[i]
    return out


def _group(constants: Array) -> Index:
    return np.searchsorted(_EDGES[:-1], np.abs(constants))


def _terms(degree: int, group: int, limit: int) -> int:
    """J such that C(J, degree)·u_0^J is negligible for all constants of a group; over the limit if none."""
    if group == 0:
        return degree + _NEAR_TERMS - 1
    j = np.arange(degree, max(limit, degree) + 1, dtype=float)
    steps = np.concatenate([[0.0], np.log(j[1:] / np.maximum(j[1:] - degree, 1.0))])
    size = np.cumsum(steps) + (j - degree) * math.log(_EDGES[group])
    small = np.flatnonzero(size < math.log(_NEGLIGIBLE))
    beyond_peak = small[small > np.argmax(size)]
    return int(j[beyond_peak[0]]) if beyond_peak.size else max(limit, degree) + 1


def _shifted(coefficients: Array, place: Array, count: int) -> Array:
    """D_0 … D_{count−1} of n outer series at u_0 ≠ 0, (terms, n) -> (count, n), as one matrix product.

    C(j, i) A_j u_0^{j−i} = C(j, i)·(A_j u_0^j)·u_0^{−i}.
    """
    scaled = coefficients.copy()
    power = np.ones_like(place)
    for row in scaled:
        row *= power
        power = power * place
    out: Array = _binomials(len(scaled), count) @ scaled / place ** np.arange(count)[:, None]
    return out


@lru_cache(maxsize=16)
def _binomials(terms: int, count: int) -> Array:
    """C(j, i), (count, terms)."""
    table: Array = comb(np.arange(terms), np.arange(count)[:, None])
    table.setflags(write=False)
    return table


def _shifted_near_zero(coefficients: Array, place: Array, count: int) -> Array:
    """The same where u_0 is so small that its fourth power is nothing (and its powers may underflow)."""
    out = np.zeros((count, place.size))
    power = np.ones_like(place)
    for step in range(min(_NEAR_TERMS, len(coefficients))):
        i = np.arange(min(count, len(coefficients) - step))
        out[i] += comb(i + step, i)[:, None] * coefficients[i + step] * power
        power = power * place
    return out


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
