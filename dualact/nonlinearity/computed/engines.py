"""The computed dual of one function: which rule serves which entries, and with what error.

- φ smooth, many entries of many variances: the economised Hermite series, where it is short.
- φ smooth on each side of 0 (within reach of the variances): the polar rule; many entries: Chebyshev boxes
  of one decade by one decade, or a line in θ for a constant pair of variances.
- breakpoints elsewhere: conditioning; many entries of one pair of variances: a line in θ; otherwise the
  Hermite series where its tail, bounded by |ρ|^N, is negligible, and conditioning on the rest.
- homogeneous φ: one line in θ for all variances.

Boxes are anchored at fixed decades, so an entry's value does not depend on the others of its call beyond
their number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from ...errors import DualactError
from ..coefficients import at_zero, hermite_array, second_moment
from ..contract import Activation, Array
from ..gaussian_pair import Correlation, angle, correlation, geometric_mean
from ..panels import Index, PanelTable
from ..slopes import panel_table
from .boxes import Box, build_box, cheb_fit, cheb_nodes, cheb_values, decade
from .conditional import conditional, conditional_error
from .mehler import Mehler
from .polar import Polar, polar_rule
from .short_series import ShortSeries

__all__ = ["Engine", "engine"]

_FEW = 600  # below this many entries a box does not pay
_FEW_LINE = 150
_PAIRS = 3  # at most this many distinct pairs of variances are served by lines
_ROWS = 1 << 18  # entries worked on at once
_OUT_OF_REACH = 8.6
_ROUNDING = 2e-13
_EPS = float(np.finfo(np.float64).eps)
_LARGEST_DECADE = 308.25  # log10 of the largest number of float64, a little less


@dataclass
class Engine:
    """The computed dual E f(u)f(v) of one function.

    Parameters
    ----------
    table : PanelTable
        f, with its breakpoints.
    homogeneity : float or None
        h with f(ct) = c^h f(t), c > 0.
    """

    table: PanelTable
    homogeneity: float | None = None
    _rules: dict[tuple[int, int], Polar | None] = field(default_factory=dict)
    _boxes: dict[tuple[float, ...], Box] = field(default_factory=dict)
    _moments: dict[int, tuple[Array, bool]] = field(default_factory=dict)

    def __call__(
        self, cov: Array, p: Array, q: Array, every_error: bool = False, tabulate: bool = False
    ) -> tuple[Array, Array]:
        """Return K and its estimated error relative to √(E f(u)² E f(v)²), both of the broadcast shape.

        Without ``every_error`` conditioning estimates its error on a sample of the entries. ``tabulate``
        builds boxes for few entries as well: dearer once, cheaper from the second call on.
        """
        shape = np.broadcast_shapes(cov.shape, p.shape, q.shape)
        if tabulate or math.prod(shape) >= _FEW:
            short = self._short_series(cov, p, q, shape)
            if short is not None:
                return short
        if len(shape) == 3 and p.shape == (*shape[:2], 1) and q.shape == (shape[0], 1, shape[2]):
            each = [
                self(c, a, b, every_error, tabulate)
                for c, a, b in zip(np.broadcast_to(cov, shape), p, q, strict=True)
            ]
            return np.stack([value for value, _ in each]), np.stack([error for _, error in each])
        outer = len(shape) == 2 and p.shape == (shape[0], 1) and q.shape == (1, shape[1])
        if outer:
            cov = np.broadcast_to(cov, shape)
            inside = self._inside(p), self._inside(q)
            if inside[0].any() and inside[1].any() and not (inside[0].all() and inside[1].all()):
                return self._quarters(cov, p, q, inside, every_error, tabulate)
            p, q = p[:, 0], q[0]
        else:
            cov, p, q = (np.broadcast_to(x, shape).ravel() for x in (cov, p, q))
        value, error = np.zeros(cov.shape), np.zeros(cov.shape)
        for rows, columns in _groups(p, q, outer):
            at = np.ix_(rows, columns) if outer else rows
            everything = outer and cov.shape == (len(rows), len(columns))
            part = cov if everything else cov[at]
            got, bound = self._group(part, p[rows], q[columns], outer, every_error, tabulate)
            bound = bound + self._noise(p[rows]) + self._noise(q[columns])
            if everything:
                value, error = got, np.broadcast_to(bound, got.shape)
            else:
                value[at], error[at] = got, bound
        error = error + _ROUNDING
        if every_error and value.size:
            # Near ρ = ±1 rounding moves the layers at breakpoints by ε/sin θ of their width.
            sine = correlation(cov, p[:, None] if outer else p, q).sine
            error = error + np.where(sine > 0, 0.01 * _EPS / np.maximum(sine, 5e-8), 0.0)
        return value.reshape(shape), error.reshape(shape)

    @cached_property
    def _short(self) -> ShortSeries | None:
        """The Hermite series, for a function that is smooth and has no line for all variances."""
        if self.homogeneity is not None or self.table.breakpoints.size:
            return None
        moment = partial(second_moment, self.table)
        return ShortSeries(partial(hermite_array, self.table), moment, self._noise, at_zero(self.table))

    def _short_series(
        self, cov: Array, p: Array, q: Array, shape: tuple[int, ...]
    ) -> tuple[Array, Array] | None:
        """Entries of many variances; constant ones have lines."""
        if self._short is None or not shape or math.prod(shape) == 0 or (_few(p) and _few(q)):
            return None
        found = self._short(cov, p, q)
        return None if found is None else (found[0], np.broadcast_to(found[1] + _ROUNDING, shape))

    def _inside(self, variance: Array) -> NDArray[np.bool_]:
        """Which variances the short series may serve."""
        if self._short is None or _few(variance):
            return np.zeros(variance.size, dtype=bool)
        return variance.ravel() <= self._short.highest

    def _quarters(
        self,
        cov: Array,
        p: Array,
        q: Array,
        inside: tuple[NDArray[np.bool_], NDArray[np.bool_]],
        every_error: bool,
        tabulate: bool,
    ) -> tuple[Array, Array]:
        """Large variances apart, so that a few of them do not keep the others from the short series."""
        value, error = np.empty(cov.shape), np.empty(cov.shape)
        for rows in (inside[0], ~inside[0]):
            for columns in (inside[1], ~inside[1]):
                if rows.any() and columns.any():
                    at = np.ix_(rows, columns)
                    value[at], error[at] = self(cov[at], p[rows], q[:, columns], every_error, tabulate)
        return value, error

    def _noise(self, variance: Array) -> float:
        """The error of f itself, relative to the root mean square of f."""
        ends = np.array([variance.min(), variance.max()])
        noise = float(self.table.noise(10 * np.sqrt(ends[1:]))[0])
        return noise / max(float(self.size(ends[:1])[0]), 1e-300) if noise else 0.0

    def size(self, variance: Array) -> Array:
        """Return √(E f²), from a Chebyshev series in ln q on each decade."""
        out = np.full(variance.shape, abs(at_zero(self.table)))
        positive = variance > 0
        if self.homogeneity is not None:
            unit = math.sqrt(float(second_moment(self.table, np.ones(1))[0]))
            out[positive] = unit * variance[positive] ** (self.homogeneity / 2)
            return out
        unique, back = np.unique(variance[positive], return_inverse=True)
        found = np.empty_like(unique)
        index = decade(unique)
        for d in np.unique(index):
            rows = index == d
            coef, smooth = self._moment(int(d))
            if not smooth or len(unique) <= 4:
                found[rows] = np.sqrt(second_moment(self.table, unique[rows]))
            else:
                x = np.clip(2 * (np.log10(unique[rows]) - d), -1, 1)
                found[rows] = np.exp(cheb_values(x, len(coef)) @ coef / 2)
        out[positive] = found[back]
        return out

    def _moment(self, d: int) -> tuple[Array, bool]:
        if d not in self._moments:
            n, coef, smooth = 12, np.zeros(1), False
            while n <= 60 and not smooth:
                nodes = 10.0 ** np.minimum(d + cheb_nodes(n) / 2, _LARGEST_DECADE)
                values = second_moment(self.table, nodes)
                if not (values > 1e-290).all():
                    break
                coef = cheb_fit(np.log(values), 0)
                smooth = bool(np.abs(coef[-2:]).max() < 1e-13)
                n = math.ceil(1.5 * n)
            self._moments[d] = (coef, smooth)
        return self._moments[d]

    def _group(
        self, cov: Array, p: Array, q: Array, outer: bool, every_error: bool, tabulate: bool
    ) -> tuple[Array, Array | float]:
        """Entries whose variances are all zero, or all within one decade for u and one for v."""
        if p[0] == 0 or q[0] == 0:
            left, right = self._mean(p), self._mean(q)
            return (np.multiply.outer(left, right) if outer else left * right), 1e-15
        if self.homogeneity is not None:
            return self._homogeneous(cov, p, q, outer)
        constant = p.min() == p.max() and q.min() == q.max()
        i, j = int(decade(p[:1])[0]), int(decade(q[:1])[0])
        rule = self._rule(i, j)
        if constant and cov.size >= _FEW_LINE:
            box = self._line(float(p[0]), float(q[0]), rule)
        elif rule is None:
            return self._generic(cov, p, q, outer, every_error)
        elif tabulate or cov.size >= _FEW:
            box = self._box(i, j, rule)
        else:
            a = p[:, None] if outer else p
            all_p, all_q = (np.broadcast_to(x, cov.shape).ravel() for x in (a, q))
            turn = correlation(cov.ravel(), all_p, all_q)  # a few entries: θ near 0 and π to its last digits
            theta = np.arctan2(turn.sine, turn.rho)
            return rule.triples(all_p, all_q, theta).reshape(cov.shape), rule.error
        return self._tabulated(box, cov, p, q, outer), box.error

    def _tabulated(self, box: Box, cov: Array, p: Array, q: Array, outer: bool) -> Array:
        left, right = self.size(p), self.size(q)
        out = np.empty(cov.shape)
        step = max(1, _ROWS // max(1, cov.shape[1] if outer else 1))
        for k in range(0, len(p), step):
            s = slice(k, k + step)
            if outer:
                theta = angle(cov[s], p[s, None], q[None])[1]
                out[s] = box.outer(p[s], q, theta)
                out[s] *= left[s, None]
                out[s] *= right
            else:
                out[s] = box.pairs(p[s], q[s], angle(cov[s], p[s], q[s])[1]) * left[s] * right[s]
        return out

    def _mean(self, variance: Array) -> Array:
        out = np.full(variance.shape, at_zero(self.table))
        positive = variance > 0
        if positive.any():
            out[positive] = hermite_array(self.table, variance[positive], 0)[:, 0]
        return out

    def _homogeneous(self, cov: Array, p: Array, q: Array, outer: bool) -> tuple[Array, float]:
        assert self.homogeneity is not None
        box = self._line(1.0, 1.0, self._rule(0, 0))
        unit = float(second_moment(self.table, np.ones(1))[0])
        out = np.empty(cov.shape)
        step = max(1, _ROWS // max(1, cov.shape[1] if outer else 1))
        for k in range(0, len(p), step):
            s = slice(k, k + step)
            a, b = (p[s, None], q[None]) if outer else (p[s], q[s])
            theta = angle(cov[s], a, b)[1]
            power = geometric_mean(a, b)
            if self.homogeneity != 1.0:
                power = power**self.homogeneity
            out[s] = box.outer(p[:1], q[:1], theta) * power * unit
        return out, box.error

    def _rule(self, i: int, j: int) -> Polar | None:
        key = (max(i, j), min(i, j))
        if key not in self._rules:
            ends = [10.0 ** np.minimum(d + np.array([-0.5, 0.5]), _LARGEST_DECADE) for d in key]
            off = np.abs(self.table.breakpoints)
            off = off[off > 0]
            inside = off.size and off.min() < _OUT_OF_REACH * math.sqrt(ends[0][1])
            size = self.size(np.array([ends[0][0]])) * self.size(np.array([ends[1][0]]))
            usable = not inside and size[0] > 1e-250
            self._rules[key] = polar_rule(self.table, ends[0], ends[1], float(size[0])) if usable else None
        return self._rules[key]

    def _box(self, i: int, j: int, rule: Polar) -> Box:
        key = (i, j)
        if key not in self._boxes:
            if i < j:
                self._boxes[key] = self._box(j, i, rule).transposed
            else:
                ends = [(math.log(10) * (d - 0.5), math.log(10) * (d + 0.5)) for d in key]
                self._boxes[key] = build_box(
                    rule.grid,
                    self._second,
                    (ends[0][0], ends[1][0]),
                    (ends[0][1], ends[1][1]),
                    rule.scale,
                    rule.error,
                )
        return self._boxes[key]

    def _line(self, p: float, q: float, rule: Polar | None) -> Box:
        key = (max(p, q), min(p, q), 0.0)
        if key not in self._boxes:
            at = (math.log(key[0]), math.log(key[1]))
            if rule is not None:
                grid, scale, error = rule.grid, rule.scale, rule.error
            else:
                checked = self._checked(key[0], key[1])
                grid, scale, error = self._conditional_grid, math.sqrt(1 + key[0]), checked
            if len(self._boxes) > 512:
                self._boxes.clear()
            self._boxes[key] = build_box(grid, self._second, at, at, scale, error)
        return self._boxes[key]

    def _second(self, variance: Array) -> Array:
        return np.square(self.size(variance))

    def _conditional_grid(self, p: Array, q: Array, theta: float) -> Array:
        a, b = np.repeat(p, len(q)), np.tile(q, len(p))
        rho = np.full(a.shape, -1.0 if theta == np.pi else math.cos(theta))
        sine = np.full(a.shape, 0.0 if theta == np.pi else math.sin(theta))
        return conditional(self.table, a, b, rho, sine).reshape(len(p), len(q))

    def _checked(self, p: float, q: float) -> float:
        theta = np.array([0.0, 1e-4, 0.03, 0.7, 2.2, 3.1])
        a, b, rho, sine = np.full(6, p), np.full(6, q), np.cos(theta), np.sin(theta)
        error = conditional_error(self.table, a, b, rho, sine, conditional(self.table, a, b, rho, sine))
        return float(error.max() / max(math.sqrt(np.prod(self._second(np.array([p, q])))), 1e-300))

    @cached_property
    def _mehler(self) -> Mehler:
        return Mehler(partial(hermite_array, self.table), self.size, 1e-14, least=_FEW_LINE, repeats=4)

    def _generic(self, cov: Array, p: Array, q: Array, outer: bool, every_error: bool) -> tuple[Array, Array]:
        """The Hermite series where it is near its end, conditioning on the rest."""
        a, b = (p[:, None], q[None]) if outer else (p, q)
        if self._mehler.pays(cov, a, b):
            value, rest = self._mehler(cov, a, b)
        else:
            value, rest = np.zeros(cov.shape), np.arange(cov.size)
        error = np.full(cov.shape, 2e-14)
        if rest.size:
            c, u, v = (np.broadcast_to(x, cov.shape).reshape(-1)[rest] for x in (cov, a, b))
            turn = correlation(c, u, v)
            same = (turn.sine == 0) & (c > 0) & (u == v)
            if same.any() and not every_error:  # a diagonal
                value.reshape(-1)[rest[same]] = second_moment(self.table, u[same])
                rest, u, v, turn = rest[~same], u[~same], v[~same], Correlation(*(x[~same] for x in turn))
        if rest.size:
            found = conditional(self.table, u, v, turn.rho, turn.sine)
            count = rest.size if every_error else min(rest.size, 6)
            some = np.linspace(0, rest.size - 1, count).astype(np.int64)
            few = [x[some] for x in (u, v, turn.rho, turn.sine)]
            gap = conditional_error(self.table, few[0], few[1], few[2], few[3], found[some])
            gap /= np.maximum(self.size(u[some]) * self.size(v[some]), 1e-300)
            value.reshape(-1)[rest] = found
            error.reshape(-1)[rest] = (gap if every_error else gap.max()) + 1e-15
        return value, error


def _groups(p: Array, q: Array, outer: bool) -> list[tuple[Index, Index]]:
    """Split entries into groups of one decade (or one value, if there are few) of p and of q."""
    few_p, few_q = (_labels(x) for x in (p, q))
    if outer:
        return [
            (np.flatnonzero(few_p == a), np.flatnonzero(few_q == b))
            for a in np.unique(few_p)
            for b in np.unique(few_q)
        ]
    both = np.unique(np.stack([few_p, few_q]), axis=1, return_inverse=True)[1].ravel()
    return [
        (rows, rows) for rows in (np.flatnonzero(both == k) for k in range(int(both.max(initial=-1)) + 1))
    ]


def _few(variance: Array) -> bool:
    """Whether a sample of the variances has a few values only."""
    flat = variance.ravel()
    return len(set(flat[:: max(1, len(flat) // 16)].tolist())) <= _PAIRS


def _labels(variance: Array) -> Index:
    low, high = variance.min(initial=np.inf), variance.max(initial=0.0)
    if low == high:
        return np.zeros(variance.shape, dtype=np.int64)
    if _few(variance):
        values = np.unique(variance)
        if len(values) <= _PAIRS:
            return np.searchsorted(values, variance).astype(np.int64)
    positive = variance > 0
    return np.where(positive, decade(np.where(positive, variance, 1.0)), -100_000)


def engine(act: Activation, prime: bool = False) -> Engine:
    """Return the computed dual of φ (or of φ′); its tables are kept with the activation."""
    key = ("engine", prime)
    if key not in act._cache:
        if act.phi is None:
            raise DualactError(
                f"activation {act.name!r} is a kernel only: it has no function to compute from."
            )
        power = act.homogeneity
        if power is not None and prime:
            power -= 1.0
        act._cache[key] = Engine(panel_table(act, prime), power)
    found: Engine = act._cache[key]
    return found
