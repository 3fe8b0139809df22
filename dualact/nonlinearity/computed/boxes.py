"""Chebyshev boxes: a dual tabulated over a range of variances and all angles, then evaluated by GEMMs.

A kernel matrix has many angles and few variances. Over a box of at most a decade in p and in q,
K(p, q, θ)/(S(p)S(q)), S² = Eφ², is a tensor Chebyshev series in ln p, ln q and τ, where
θ = (π/2)(1 + tanh(Aτ)/tanh A) is graded towards θ = 0 and π. One node serves a constant variance. The
number of nodes grows until the last coefficients are negligible; they are the reported error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.fft import dct

from ..contract import Array

__all__ = ["Box", "Graded", "build_box", "cheb_fit", "cheb_nodes", "cheb_values", "decade"]

#: K for every pair of variances at one angle: (P,), (Q,), θ -> (P, Q).
Grid = Callable[[Array, Array, float], Array]

_TAIL = 1e-12
_MOST_ANGLES = 600
_MOST_VARIANCES = 40
_ROWS = 64
_ENTRIES = 8192


def decade(variance: Array) -> Array:
    """Return the decade index of each variance: d holds [10^(d−½), 10^(d+½))."""
    return np.floor(np.log10(variance) + 0.5).astype(np.int64)


def cheb_nodes(n: int) -> Array:
    """Return n Chebyshev points of [−1, 1], both ends included (the middle alone for n = 1)."""
    return np.cos(np.pi * np.arange(n) / (n - 1)) if n > 1 else np.zeros(1)


def cheb_fit(values: Array, axis: int) -> Array:
    """Return the Chebyshev coefficients of values at :func:`cheb_nodes` along an axis."""
    n = values.shape[axis]
    if n == 1:
        return values
    coef = np.moveaxis(dct(values, type=1, axis=axis) / (n - 1), axis, 0).copy()
    coef[0] /= 2
    coef[-1] /= 2
    return np.moveaxis(coef, 0, axis)


def cheb_values(x: Array, n: int) -> Array:
    """Return T_0 … T_{n−1} at x, clipped to [−1, 1], shape x.shape + (n,)."""
    x = np.clip(x, -1.0, 1.0)
    rows = np.empty((n, *x.shape))
    rows[0] = 1.0
    if n > 1:
        rows[1] = x
    twice = x + x
    for k in range(2, n):
        np.multiply(twice, rows[k - 1], out=rows[k])
        rows[k] -= rows[k - 2]
    return np.moveaxis(rows, 0, -1)


@dataclass(frozen=True)
class Graded:
    """The map θ ↔ τ ∈ [−1, 1], graded to the scale 1/λ at both ends.

    Parameters
    ----------
    grade : float
        A of θ = (π/2)(1 + tanh(Aτ)/tanh A).
    """

    grade: float

    @staticmethod
    def of_scale(scale: float) -> Graded:
        """Return the map that resolves changes over θ ~ 1/scale."""
        return Graded(0.5 * math.log1p(0.8 * math.pi * scale) + 1e-3)

    def theta(self, tau: Array) -> Array:
        """Return θ(τ), exact at both ends."""
        theta = (np.pi / 2) * (1 + np.tanh(self.grade * tau) / math.tanh(self.grade))
        return np.where(tau <= -1, 0.0, np.where(tau >= 1, np.pi, theta))

    def tau(self, theta: Array) -> Array:
        """Return τ(θ)."""
        x = theta * (2 / np.pi)
        x -= 1.0
        x *= math.tanh(self.grade)
        np.arctanh(x, out=x)
        x /= self.grade
        return np.clip(x, -1.0, 1.0, out=x)


@dataclass(frozen=True)
class Box:
    """A dual over a box of variances.

    Parameters
    ----------
    coef : ndarray, shape (P, Q, N)
        Chebyshev coefficients in ln p, ln q and τ.
    low, high : pair of float
        Range of ln p and of ln q.
    graded : Graded
        The map of the angle.
    error : float
        Estimated error relative to √(Eφ(u)²Eφ(v)²).
    """

    coef: Array
    low: tuple[float, float]
    high: tuple[float, float]
    graded: Graded
    error: float

    @property
    def transposed(self) -> Box:
        """The same dual with u and v exchanged."""
        coef = np.ascontiguousarray(self.coef.transpose(1, 0, 2))
        return Box(coef, self.low[::-1], self.high[::-1], self.graded, self.error)

    def _basis(self, variance: Array, axis: int) -> Array:
        low, high = self.low[axis], self.high[axis]
        if self.coef.shape[axis] == 1:
            return np.ones((len(variance), 1))
        x = (2 * np.log(variance) - low - high) / (high - low)
        return cheb_values(x, self.coef.shape[axis])

    def outer(self, p: Array, q: Array, theta: Array) -> Array:
        """Return K/(S S) for rows p (n,), columns q (m,) and angles (n, m)."""
        if self.coef.shape[:2] == (1, 1):
            return self._line(theta)
        n, m = theta.shape
        right = self._basis(q, 1)
        left = np.tensordot(self._basis(p, 0), self.coef, 1)  # (n, Q, N)
        out = np.empty((n, m))
        rows = max(1, min(_ROWS, (1 << 21) // (max(m, 1) * self.coef.shape[2])))
        for i in range(0, n, rows):
            s = slice(i, i + rows)
            along = np.ascontiguousarray(left[s].transpose(2, 0, 1))  # (N, rows, Q)
            series = (
                along.reshape(-1, along.shape[2]) @ right.T
            )  # one product: small ones cost their overhead
            out[s] = _clenshaw(series.reshape(*along.shape[:2], m), self.graded.tau(theta[s].copy()))
        return out

    def pairs(self, p: Array, q: Array, theta: Array) -> Array:
        """Return K/(S S) for 1-D arrays of triples."""
        if self.coef.shape[:2] == (1, 1):
            return self._line(theta)
        out = np.empty(len(theta))
        flat = self.coef.reshape(-1, self.coef.shape[2])
        for i in range(0, len(theta), 2048):
            s = slice(i, i + 2048)
            both = self._basis(p[s], 0)[:, :, None] * self._basis(q[s], 1)[:, None, :]
            series = (both.reshape(len(both), -1) @ flat).T
            out[s] = _clenshaw(np.ascontiguousarray(series), self.graded.tau(theta[s].copy()))
        return out

    def _line(self, theta: Array) -> Array:
        flat = np.ascontiguousarray(theta).ravel()
        out = np.empty_like(flat)
        series = self.coef[0, 0]
        for i in range(0, len(flat), _ENTRIES):
            s = slice(i, i + _ENTRIES)
            out[s] = _clenshaw(series, self.graded.tau(flat[s].copy()))
        return out.reshape(theta.shape)


def _clenshaw(series: Array, tau: Array) -> Array:
    """Σ_k series[k] T_k(τ), each series[k] a number or an array like τ."""
    twice = tau + tau
    now, older = np.zeros_like(tau), np.zeros_like(tau)
    spare = np.empty_like(tau)
    for k in range(len(series) - 1, 0, -1):
        np.multiply(twice, now, out=spare)
        spare -= older
        spare += series[k]
        older, now, spare = now, spare, older
    tau *= now
    tau -= older
    tau += series[0]
    return tau


def build_box(
    grid: Grid,
    moment: Callable[[Array], Array],
    low: tuple[float, float],
    high: tuple[float, float],
    scale: float,
    error: float = 0.0,
    tail: float = _TAIL,
) -> Box:
    """Tabulate a dual over ln-variances [low, high]².

    Parameters
    ----------
    grid : callable
        K for pairs of variances at one angle.
    moment : callable
        Eφ² of variances.
    low, high : pair of float
        Range of ln p and ln q; equal ends stand for a constant variance.
    scale : float
        1/scale is the angle over which K changes near θ = 0 and π.
    error : float
        The error of ``grid``, carried into the box's.
    tail : float
        The last coefficients are below this.

    Returns
    -------
    Box
    """
    graded = Graded.of_scale(scale)
    corners = [np.exp(np.unique(np.array(ends))) for ends in zip(low, high, strict=True)]
    count, _, _ = _grow_angles(
        grid, moment, corners[0], corners[1], graded, math.ceil(24 + 6 * math.log(scale)), tail
    )
    sizes = [1 if low[i] == high[i] else 16 for i in (0, 1)]
    while True:
        nodes = [
            np.exp((low[i] + high[i]) / 2 + (high[i] - low[i]) / 2 * cheb_nodes(sizes[i])) for i in (0, 1)
        ]
        if low[0] == low[1] and high[0] == high[1]:
            nodes[1] = nodes[0]
        count, coef, last = _grow_angles(grid, moment, nodes[0], nodes[1], graded, count, tail)
        coef = cheb_fit(cheb_fit(coef, 0), 1)
        short = [size > 1 and _tail(coef, axis) > tail for axis, size in enumerate(sizes)]
        if not any(short) or max(sizes) >= _MOST_VARIANCES:
            break
        sizes = [math.ceil(1.4 * size) if flag else size for size, flag in zip(sizes, short, strict=True)]
    spread = sum(_tail(coef, axis) for axis in (0, 1) if sizes[axis] > 1)
    return Box(np.ascontiguousarray(coef), low, high, graded, error + last + spread + 1e-15)


def _grow_angles(
    grid: Grid,
    moment: Callable[[Array], Array],
    p: Array,
    q: Array,
    graded: Graded,
    count: int,
    goal: float,
) -> tuple[int, Array, float]:
    """Return the number of angles that suffices, the coefficients (P, Q, N) and their tail."""
    size = np.sqrt(moment(p))[:, None] * np.sqrt(moment(q))
    size = np.where(size > 0, size, 1.0)
    while True:
        theta = graded.theta(cheb_nodes(count))
        values = np.stack([grid(p, q, float(t)) / size for t in theta], -1)
        coef = cheb_fit(values, 2)
        tail = _tail(coef, 2)
        if tail <= goal or count >= _MOST_ANGLES:
            return count, coef, tail
        count = min(_MOST_ANGLES, math.ceil(1.4 * count))


def _tail(coef: Array, axis: int) -> float:
    """The largest of the last coefficients along an axis: two of a variance's, which fall fast, four of τ's.

    Along τ a pair of them can be small by chance, and what follows adds up to more than the last one.
    """
    count = min(4 if axis == 2 else 2, coef.shape[axis])
    last = np.take(coef, range(-count, 0), axis=axis)
    return float(np.abs(last).max(initial=0.0))
