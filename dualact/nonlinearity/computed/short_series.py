"""Whole blocks of a smooth function's dual, all variances different, by a short series in the correlation.

    E f(u)f(v) = Σ_k a_k(p) a_k(q) ρ^k = Σ_j T_j(ρ) Σ_r g_jr(p) g_jr(q),   a_k(q) = E f(√q z) h_k(z)

The powers are economised: ρ^k = Σ_j c_kj T_j(ρ) with c_kj ≥ 0. If a_k falls like exp(−b√k), as it does for a
function with poles, what belongs to T_j falls like exp(−b′j^⅔) (docs/theory.md, 16): for tanh at variance 1
it takes 19 terms instead of 70. The matrix of T_j, Σ_k c_kj a_k(p) a_k(q), is positive semidefinite and of
low rank over a range of variances: g_jr are the projections of (√c_kj a_k)_k on the leading singular vectors.
What a cut leaves out, in j or in r, is an inner product of two remainders, hence the square of one at most
(Cauchy and Schwarz): singular values below 1e-8 do not count.

Even and odd degrees are summed apart, each as far as it reaches: tanh has no even ones, silu one odd.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import ClassVar

import numpy as np

from ...errors import DualactError
from ..contract import Array, Hermite
from .boxes import cheb_fit, cheb_nodes, cheb_values

__all__ = ["Range", "ShortSeries", "build_range"]

_DEGREES = (320, 640, 1280, 2560, 5120)  # of the a_k that are known, as many as it takes
_FEW_ENTRIES = 2**15  # do not pay for more than 1280 degrees, which take seconds
_MOST_TERMS = 130  # of T_j; beyond, a box is as fast
_CUT = 1e-15  # of what is left out of each parity in j, and in r of all the T_j together
_WIDTHS = (1, 2, 4, 8)  # decades
_LOWEST, _HIGHEST = -12.0, 1.5  # log10 of the variances that are served
_LAST = 3e-15
_BEYOND = 1e-14
_WORST = 2e-13  # a range that is less accurate is not used
_BLOCK = 16384  # entries worked on at once: what they need stays in the cache
_APART = 1024  # the same, if each has variances of its own
_VARIANCES = 8192  # whose factors are there at once
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Range:
    """The functions g_jr over a range of variances.

    Parameters
    ----------
    low, high : float
        Ends of the range of ln q.
    coef : ndarray, shape (N, R)
        Chebyshev coefficients in ln q of g_jr/√(Ef²), one column for each j and r, and of ln √(Ef²).
    columns : pair of tuples of slice
        The columns of each T_j: j = 0, 2, 4 … and j = 1, 3, 5 …
    constant : ndarray, shape (R − 1,)
        g_jr of the constant function 1, which is f/f(0) at variance 0.
    error : float
        Of a sum of the series, relative to √(Ef(u)²Ef(v)²).
    """

    low: float
    high: float
    coef: Array
    columns: tuple[tuple[slice, ...], tuple[slice, ...]]
    constant: Array
    error: float

    def __call__(self, variance: Array) -> Array:
        """Return g_jr for variances of shape (n,), (n, R − 1)."""
        found = self._basis(variance) @ self.coef
        left: Array = found[:, :-1]
        left *= np.exp(found[:, -1:])
        return left

    def square(self, variance: Array) -> Array:
        """Return Ef² for variances of shape (n,)."""
        found: Array = np.exp(2 * (self._basis(variance) @ self.coef[:, -1]))
        return found

    def _basis(self, variance: Array) -> Array:
        return cheb_values(
            (2 * np.log(variance) - self.low - self.high) / (self.high - self.low), len(self.coef)
        )


@dataclass(frozen=True)
class _Side:
    """g_jr and 1/√variance of one side: the shape of the variances, the first with an axis for j and r."""

    factors: Array
    inverse: Array

    @property
    def turned(self) -> _Side:
        """The same variances with their last two axes exchanged."""
        return _Side(self.factors.swapaxes(-2, -3), self.inverse.swapaxes(-1, -2))


@dataclass(frozen=True, eq=False)
class ShortSeries:
    """The series of one function.

    Parameters
    ----------
    hermite : callable
        ``hermite(variance, degree)`` for variances of shape (n,), as an activation's.
    moment : callable
        E f² at variances of shape (n,), computed otherwise than from ``hermite``.
    noise : callable
        ``noise(variance)``: the error of f itself at variances from the first to the last of these,
        relative to √(Ef²).
    at_zero : float
        f(0), all there is at variance 0.

    Notes
    -----
    30 to 60 ns an entry for tanh with variances up to 3, 150 up to 10; a box 150 to 200 within one decade
    and 600 across its ends (blocks of 64 × 64 to 256 × 256). A range takes .02 to .3 s to build, those with
    variances beyond 3 up to a few seconds.
    """

    hermite: Hermite
    moment: Callable[[Array], Array]
    noise: Callable[[Array], float]
    at_zero: float
    highest: ClassVar[float] = 10**_HIGHEST  # the largest variance that is served
    _ranges: dict[tuple[float, int, bool], Range | None] = field(default_factory=dict)

    def __call__(self, cov: Array, p: Array, q: Array) -> tuple[Array, float] | None:
        """Return E f(u)f(v) and its error relative to √(Ef(u)²Ef(v)²); None if the series is not short.

        Parameters
        ----------
        cov, p, q : ndarray
            They broadcast; ρ is clipped to [−1, 1].

        Notes
        -----
        Which range serves depends on all variances of the call: values change by 1e-14 at most with it.
        """
        low, high = min(_least(p), _least(q)), max(float(p.max()), float(q.max()))
        shape = np.broadcast_shapes(cov.shape, p.shape, q.shape)
        entries = math.prod(shape)
        found = self._range(low, high, entries >= _FEW_ENTRIES)
        if found is None:
            return None
        cov = np.broadcast_to(cov, shape)
        if 2 * max(p.size, q.size) > entries:
            value = self._apart(found, cov, np.broadcast_to(p, shape), np.broadcast_to(q, shape)).reshape(
                shape
            )
        else:
            p, q = (x.reshape((1,) * (len(shape) - x.ndim) + x.shape) for x in (p, q))
            if len(shape) == 2 and shape[0] < shape[1]:  # the long side in parts; u and v may be exchanged
                value = self._in_parts(found, cov.T, q.T, p.T).T
            else:
                value = self._in_parts(found, cov, p, q)
        return value, found.error

    def _in_parts(self, found: Range, cov: Array, p: Array, q: Array) -> Array:
        """Rows in parts, so that the factors of their variances take little memory."""
        out = np.empty(cov.shape)
        most = max((x.size for x in (p, q) if len(x) > 1), default=1)
        rows = max(1, _VARIANCES * len(out) // most)
        shared = [self._side(found, x) if len(x) == 1 else None for x in (p, q)]
        for start in range(0, len(out), rows):
            s = slice(start, start + rows)
            left = shared[0] or self._side(found, p[s])
            right = shared[1]
            if right is None:
                turned = p[s].swapaxes(-1, -2)
                same = turned.shape == q[s].shape and np.array_equal(turned, q[s])
                right = left.turned if same else self._side(found, q[s])
            out[s] = _blocks(found, cov[s], left, right)
        return out

    def _apart(self, found: Range, cov: Array, p: Array, q: Array) -> Array:
        """Entries with variances of their own."""
        cov, p, q = cov.ravel(), p.ravel(), q.ravel()
        same = np.array_equal(p, q)
        if same and np.array_equal(cov, p):  # inputs with themselves
            positive = p > 0
            squares = found.square(np.where(positive, p, math.exp(found.low)))
            return np.where(positive, squares, self.at_zero**2)
        out = np.empty(cov.shape)
        for start in range(0, len(out), _APART):
            s = slice(start, start + _APART)
            left = self._side(found, p[s])
            out[s] = _blocks(found, cov[s], left, left if same else self._side(found, q[s]))
        return out

    def _range(self, low: float, high: float, many: bool) -> Range | None:
        """Return the smallest of the ranges with these variances; there are few, so that few are built."""
        if not 10**_LOWEST < low <= high <= self.highest:
            return None
        top = math.ceil(4 * math.log10(high)) / 4
        width = next((w for w in _WIDTHS if math.log10(low) >= top - w), None)
        if width is None:
            return None
        if (top, width, True) in self._ranges:
            return self._ranges[top, width, True]
        if (top, width, many) not in self._ranges:
            ends = (math.log(10) * (top - width), math.log(10) * top)
            degrees = _DEGREES if many else _DEGREES[:3]
            self._ranges[top, width, many] = build_range(self.hermite, self.moment, self.noise, ends, degrees)
        return self._ranges[top, width, many]

    def _side(self, found: Range, variance: Array) -> _Side:
        flat = variance.ravel()
        if flat.all():
            inverse, factors = 1 / np.sqrt(flat), found(flat)
        else:
            filled = np.where(flat > 0, flat, math.exp(found.low))
            inverse = np.where(flat > 0, 1 / np.sqrt(filled), 0.0)
            factors = np.where((flat > 0)[:, None], found(filled), self.at_zero * found.constant)
        return _Side(factors.reshape(*variance.shape, -1), inverse.reshape(variance.shape))


def _least(variance: Array) -> float:
    """Return the least variance but 0."""
    least = float(variance.min())
    return least if least > 0 else float(variance.min(where=variance > 0, initial=math.inf))


@cache
def _economy(degrees: int) -> Array:
    """Return c_kj of ρ^k = Σ_j c_kj T_j(ρ), (degrees, degrees)."""
    c = np.zeros((degrees, degrees + 1))
    c[0, 0] = 1.0
    for k in range(1, degrees):
        c[k, 1:-1] = (c[k - 1, :-2] + c[k - 1, 2:]) / 2
        c[k, 1] += c[k - 1, 0] / 2
        c[k, 0] = c[k - 1, 1] / 2
    return c[:, :-1]


def build_range(
    hermite: Hermite,
    moment: Callable[[Array], Array],
    noise: Callable[[Array], float],
    ends: tuple[float, float],
    degrees: tuple[int, ...] = _DEGREES,
) -> Range | None:
    """Tabulate the g_jr; None if the series is not short, or not accurate enough.

    Parameters
    ----------
    hermite, moment, noise : callable
        As of :class:`ShortSeries`.
    ends : pair of float
        The range of ln q.
    degrees : tuple of int
        How many a_k may be known.
    """
    low, high = ends
    width = (high - low) / math.log(10)
    try:
        count = _enough(hermite, moment, high, degrees)
        if count is None:
            return None
        for nodes in (round(n * (1 + width / 4)) for n in (20, 28, 40)):
            variance = np.exp(low + (high - low) * (1 + cheb_nodes(nodes)) / 2)
            variance[0], variance[-1] = math.exp(high), math.exp(low)
            found = _coefficients(hermite, moment, variance, count)
            factors = None if found is None else _factors(found[0])
            if found is None or factors is None:
                return None
            known, square, beyond = found
            values, columns, cut = factors
            coef = cheb_fit(np.column_stack([values[:-1], np.log(square) / 2]), 0)
            last = float(np.linalg.norm(coef[-2:], axis=1).max())
            if last <= _LAST:
                break
    except DualactError:  # f grows too fast for the upper end, say
        return None
    slope = float((np.square(known) @ np.arange(known.shape[1])).max())
    error = cut + beyond + 4 * last + noise(variance[::-1]) + _EPS * (2 * slope + 8)
    return Range(low, high, coef, columns, values[-1], error) if error <= _WORST else None


def _enough(
    hermite: Hermite, moment: Callable[[Array], Array], high: float, degrees: tuple[int, ...]
) -> int | None:
    """Return how many a_k suffice at the largest variance, where they fall most slowly; None if too many."""
    for count in degrees:
        found = _coefficients(hermite, moment, np.exp(np.array([high])), count)
        if found is not None and (found[2] <= _BEYOND or count == degrees[-1]):
            return count
    return None


def _coefficients(
    hermite: Hermite, moment: Callable[[Array], Array], variance: Array, count: int
) -> tuple[Array, Array, float] | None:
    """Return a_k/√(Ef²), (n, count), Ef², an estimate of what Σ a_k² lacks; None if that is much."""
    square = moment(variance)
    if not (np.isfinite(square) & (square > 1e-250)).all():
        return None
    known = hermite(variance, count - 1) / np.sqrt(square)[:, None]
    # Behind the last of them: as many again of the size of the last ones. And the two ways to Ef² differ.
    rest = float(count * np.square(known[:, -4:]).max())
    beyond = rest + float(np.abs(1 - np.square(known).sum(axis=1)).max())
    return (known, square, beyond) if beyond <= _WORST else None


def _factors(known: Array) -> tuple[Array, tuple[tuple[slice, ...], tuple[slice, ...]], float] | None:
    """Return g_jr at the variances of ``known`` and of a constant function, their columns, what is cut."""
    economy = _economy(known.shape[1])
    energy = np.square(known) @ economy
    found: list[Array] = []
    columns: tuple[list[slice], list[slice]] = ([], [])
    cut, place = 0.0, 0
    rows = np.vstack([known, np.eye(1, known.shape[1])])
    for parity in (0, 1):
        behind = energy[:, parity::2][:, ::-1].cumsum(axis=1)[:, ::-1].max(axis=0)
        terms = int(np.argmax(behind <= _CUT))
        if behind[-1] > _CUT or terms + len(columns[0]) > _MOST_TERMS:
            return None
        cut += float(behind[terms])
        for j in range(parity, parity + 2 * terms, 2):
            weighted = rows[:, j::2] * np.sqrt(economy[j::2, j])
            turned = np.asarray(np.linalg.qr(weighted.T, mode="r")).T  # the same products of rows
            left, size, _ = np.linalg.svd(turned, full_matrices=False)
            parts = left * size
            less = np.square(parts)[:, ::-1].cumsum(axis=1)[:, ::-1].max(axis=0)
            rank = max(1, int(np.sum(less > _CUT / (2 * terms))))
            cut += float(less[rank]) if rank < len(less) else 0.0
            found.append(parts[:, :rank])
            columns[parity].append(slice(place, place + rank))
            place += rank
    return np.hstack(found), (tuple(columns[0]), tuple(columns[1])), cut


def _blocks(found: Range, cov: Array, left: _Side, right: _Side) -> Array:
    """Sum the series for all entries."""
    shape = np.broadcast_shapes(cov.shape, left.inverse.shape, right.inverse.shape)
    cov = np.broadcast_to(cov, shape)
    p, q = (_Side(_raised(x.factors, len(shape) + 1), _raised(x.inverse, len(shape))) for x in (left, right))
    out = np.empty(shape)
    rows = max(1, _BLOCK * len(out) // out.size)
    for start in range(0, len(out), rows):
        s = slice(start, start + rows)
        u, v = (_cut_rows(x.factors, s) for x in (p, q))
        rho = _cut_rows(p.inverse, s) * _cut_rows(q.inverse, s)
        rho = np.clip(rho * cov[s], -1.0, 1.0)
        twice = 4 * rho
        twice *= rho
        twice -= 2
        even, odd = found.columns
        total = out[s]
        if odd:
            now, older = _clenshaw(u, v, odd, twice)
            np.subtract(now, older, out=total)
            total *= rho
        if even:
            now, older = _clenshaw(u, v, even, twice)
            older *= twice
            older *= 0.5
            now -= older
            if odd:
                total += now
            else:
                total[...] = now
    return out


def _clenshaw(u: Array, v: Array, columns: tuple[slice, ...], twice: Array) -> tuple[Array, Array]:
    """Return d_0 and d_1 of d_i = b_i + 2y·d_{i+1} − d_{i+2}, b_i the product of its columns of u and v."""
    now, older, spare = (np.zeros(twice.shape) for _ in range(3))
    for column in reversed(columns):
        np.multiply(twice, now, out=spare)
        spare -= older
        spare += _product(u[..., column], v[..., column])
        older, now, spare = now, spare, older
    return now, older


def _product(u: Array, v: Array) -> Array:
    """Return Σ_r u_r v_r."""
    if u.ndim > 2 and u.shape[-2] == 1 and v.shape[-3] == 1:
        product: Array = np.matmul(u[..., 0, :], v[..., 0, :, :].swapaxes(-1, -2))
    else:
        product = np.einsum("...r,...r->...", u, v)
    return product


def _raised(side: Array, ndim: int) -> Array:
    return side.reshape((1,) * (ndim - side.ndim) + side.shape)


def _cut_rows(side: Array, part: slice) -> Array:
    """Those of a side's rows that belong to a part; a side of one row belongs to all."""
    return side if len(side) == 1 else side[part]
