"""Exact duals of any piecewise exponential-polynomial, as one integral of closed forms.

With u the variable of larger variance,

    E[φ(u)φ(v)] = ∫ φ(√p x) G(ρ√q x) n(x) dx,      G(m) = E φ(m + σz),  σ = √(q(1 − ρ²)).

G is closed: on a half-line E[e^{αw}; w > 0] is an erfcx, and powers of w follow by parts. The outer integral
takes sixteen Gauss–Legendre points on each of a set of panels whose ends follow the edges of φ, the layer
of width √(1−ρ²) in which G passes an edge, and the decay lengths of the exponentials. No term exceeds
the integral it belongs to, so the result holds at any variance, at ρ = ±1, and inside a dead zone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, ndtr

from ..contract import Array
from ..gaussian_pair import correlation
from .function import Piece, PiecewiseFunction, Term

__all__ = ["ConditionalPanels"]

_ROOT_2PI = math.sqrt(2 * math.pi)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_REACH = 9.3  # n(9.3) = 7e-20
_FAR = 40.0
_TINY = 1e-150
_NARROW_NODES, _NARROW_WEIGHTS = np.polynomial.legendre.leggauss(6)
_TAYLOR = 3e-3
_NARROW = 30.0  # a piece this many times narrower than σ is integrated directly


@dataclass(frozen=True)
class _Tail:
    """Σ_α Σ_j c_j w^j e^{αw}, w = side·(t − edge) > 0: one piece seen from one of its ends."""

    edge: float
    side: int
    groups: tuple[tuple[float, tuple[float, ...]], ...]


def _tail(piece: Piece, edge: float, side: int) -> _Tail:
    groups: dict[float, list[float]] = {}
    for term in piece:
        scale = term.coefficient * math.exp(term.rate * edge)
        column = groups.setdefault(side * term.rate, [])
        column.extend([0.0] * (term.power + 1 - len(column)))
        for j in range(term.power + 1):
            column[j] += scale * math.comb(term.power, j) * edge ** (term.power - j) * side**j
    return _Tail(edge, side, tuple((rate, tuple(column)) for rate, column in groups.items()))


def _taylor(piece: Piece) -> Piece:
    """Return the piece with its exponentials replaced by polynomials, good to ε at |αt| ≤ 10·_TAYLOR."""
    terms = []
    for t in piece:
        for j in range(9 if t.rate else 1):
            terms.append(Term(t.coefficient * t.rate**j / math.factorial(j), t.power + j))
    return tuple(terms)


@dataclass(frozen=True)
class ConditionalPanels:
    """The rule for one φ; ``dead_zone`` is how far from 0 it begins to differ from 0."""

    function: PiecewiseFunction
    dead_zone: float = 0.0

    @cached_property
    def _rates(self) -> tuple[float, ...]:
        return tuple(sorted({abs(t.rate) for piece in self.function.pieces for t in piece if t.rate}))

    @cached_property
    def _even_integrand(self) -> bool:
        return self.function.parity is not None

    def dual(self, cov: Array, var_u: Array, var_v: Array) -> Array:
        """Return E[φ(u)φ(v)] for flat arrays (a few hundred entries at a time)."""
        with np.errstate(all="ignore"):
            pair = correlation(cov, var_u, var_v)
            return self.at(pair.rho, pair.sine, var_u, var_v)

    def at(self, correlations: Array, sines: Array, var_u: Array, var_v: Array) -> Array:
        """Return E[φ(u)φ(v)] from ρ and √(1 − ρ²), for flat arrays."""
        rho, sine = correlations[:, None], sines[:, None]
        root_p = np.maximum(np.sqrt(np.maximum(var_u, var_v)), _TINY)[:, None]
        root_q = np.maximum(np.sqrt(np.minimum(var_u, var_v)), _TINY)[:, None]
        row, half, middle = self._panels(rho, sine, root_p, root_q)
        rho, sine, root_p, root_q = rho[row], sine[row], root_p[row], root_q[row]
        x = middle + half * _NODES
        value = np.exp(-0.5 * x * x) / _ROOT_2PI
        value *= self.function(root_p * x)
        value *= self._smoothed(rho * root_q * x, np.maximum(sine * root_q, _TINY), root_q)
        total = np.zeros_like(correlations)
        np.add.at(total, row, half[:, 0] * (value @ _WEIGHTS))
        return 2 * total if self._even_integrand else total

    def _panels(
        self, rho: Array, sine: Array, root_p: Array, root_q: Array
    ) -> tuple[NDArray[np.intp], Array, Array]:
        """Return the entry, the half length and the middle of each panel on which φ is not 0."""
        ends = self._ends(rho, sine, root_p, root_q)
        half = 0.5 * np.diff(ends, axis=1)
        middle = 0.5 * (ends[:, 1:] + ends[:, :-1])
        nonzero = np.array([bool(piece) for piece in self.function.pieces])
        counts = (half > 0) & nonzero[np.searchsorted(self.function.edges, root_p * middle)]
        if self._even_integrand:
            counts &= middle > 0
        row, column = np.nonzero(counts)
        return row, half[row, column][:, None], middle[row, column][:, None]

    def _ends(self, rho: Array, sine: Array, root_p: Array, root_q: Array) -> Array:
        """Return the panel ends, sorted along the rows; some fall together."""
        slope = np.maximum(np.abs(rho), _TINY)
        layer = np.minimum(sine / slope, 1e3)
        growth = self.function.growth
        reach = np.full_like(rho, _REACH)
        if growth:
            reach = reach + growth * (root_p + slope * root_q)
        if self.dead_zone:
            reach = np.maximum(reach, np.minimum(self.dead_zone / root_q, _FAR) + 6)
        if growth or self.dead_zone:
            ends = [reach * f for f in np.linspace(-1, 1, 25 if growth else 13)]
        else:
            ends = [reach * f for f in (-1, 1)] + [np.full_like(rho, f) for f in (-5, -2, 0, 2, 5)]
        sign = np.where(rho < 0, -1.0, 1.0)
        for edge in self.function.edges:
            own = np.clip(edge / root_p, -1e4, 1e4)
            other = np.clip(sign * edge / (root_q * slope), -1e4, 1e4)
            ends += [own, other]
            ends += [other + f * layer for f in (-7.5, -2.5, 2.5, 7.5)]
            for rate in self._rates:
                steps = (-30.0, -5.0, -1.0, 1.0, 5.0, 30.0)
                ends += [own + f / (rate * root_p) for f in steps]
                ends += [other + f / (rate * root_q * slope) for f in steps]
            if self.dead_zone and edge:
                # The tail beyond an edge h decays like e^{−hx}; the two tails meet around ρk.
                far = np.maximum(np.abs(own), 1.0)
                ends += [own + math.copysign(f, edge) / far for f in (1.0, 4.0, 9.0, 18.0, 36.0)]
                meeting = np.clip(rho * edge / root_q, -1e4, 1e4)
                ends += [meeting + f * sine for f in (-7.5, -2.5, 0.0, 2.5, 7.5)]
        stacked = np.concatenate([np.broadcast_to(e, rho.shape) for e in ends], axis=1)
        clipped: Array = np.sort(np.clip(stacked, -reach, reach), axis=1)
        return clipped

    @cached_property
    def _near_zero(self) -> tuple[PiecewiseFunction, float]:
        """φ by its Taylor polynomials at 0−, 0+, and the standard deviation up to which they serve.

        Moments about the edges, or one exponential moment less the other, would lose all digits there.
        """
        edges, pieces = self.function.edges, self.function.pieces
        left, right = pieces[sum(b < 0 for b in edges)], pieces[sum(b <= 0 for b in edges)]
        nearest = min((abs(b) for b in edges if b), default=math.inf)
        limit = min(_TAYLOR / self._rates[-1] if self._rates else math.inf, nearest / _FAR)
        return PiecewiseFunction((0.0,), (_taylor(left), _taylor(right))), limit

    def _smoothed(self, mean: Array, sigma: Array, root_q: Array) -> Array:
        """G(mean) = E φ(mean + σz); mean (panels, nodes), sigma and root_q (panels, 1)."""
        taylor, limit = self._near_zero
        tiny = root_q[:, 0] < limit
        if not tiny.any():
            return self._expectation(self.function, mean, sigma)
        out = np.empty_like(mean)
        out[tiny] = self._expectation(taylor, mean[tiny], sigma[tiny])
        out[~tiny] = self._expectation(self.function, mean[~tiny], sigma[~tiny])
        return out

    def _expectation(self, function: PiecewiseFunction, mean: Array, sigma: Array) -> Array:
        edges, pieces = function.edges, function.pieces
        total = _half_line(_tail(pieces[0], edges[0], -1), mean, sigma)
        total += _half_line(_tail(pieces[-1], edges[-1], 1), mean, sigma)
        for i, piece in enumerate(pieces[1:-1]):
            if piece:
                total += self._finite(piece, edges[i], edges[i + 1], mean, sigma)
        return total

    def _finite(self, piece: Piece, low: float, high: float, mean: Array, sigma: Array) -> Array:
        """E[piece(v); low < v < high]."""
        width = high - low
        out = np.zeros_like(mean)
        gentle = all(abs(t.rate) * width < 1 for t in piece)
        narrow = (sigma[:, 0] > _NARROW * width) & gentle
        if narrow.any():
            only = PiecewiseFunction((low - width, high + width), ((), piece, ()))
            spread = sigma[narrow]
            for node, weight in zip(_NARROW_NODES, _NARROW_WEIGHTS, strict=True):
                v = low + 0.5 * width * (1 + node)
                z = (v - mean[narrow]) / spread
                height = 0.5 * width * weight * float(only(np.array(v)))
                out[narrow] += height * np.exp(-0.5 * z * z) / (_ROOT_2PI * spread)
        if narrow.all():
            return out
        mean, sigma = mean[~narrow], sigma[~narrow]
        value = np.zeros_like(mean)
        for rate in sorted({t.rate for t in piece}):
            group = tuple(t for t in piece if t.rate == rate)
            # The difference of the two tails that look away from the mean; an exponential that changes
            # over σ looks the way it decays, so neither tail can overflow.
            upwards = mean < 0.5 * (low + high)
            if rate:
                upwards = np.where(abs(rate) * sigma > 1, rate < 0, upwards)
            for side, chosen in ((1, upwards), (-1, ~upwards)):
                if not chosen.any():
                    continue
                near, far = (low, high) if side > 0 else (high, low)
                m = mean[chosen]
                s = np.broadcast_to(sigma, mean.shape)[chosen]
                value[chosen] += _half_line(_tail(group, near, side), m, s)
                value[chosen] -= _half_line(_tail(group, far, side), m, s)
        out[~narrow] = value
        return out


def _half_line(tail: _Tail, mean: Array, sigma: Array) -> Array:
    """E[tail(w); w > 0], w = side·(v − edge), v ~ N(mean, σ²)."""
    total = np.zeros_like(mean)
    if not tail.groups:
        return total
    centre = tail.side * (mean - tail.edge)
    z = centre / sigma
    bell = np.exp(-0.5 * z * z)
    for rate, column in tail.groups:
        if rate == 0:
            shifted, moment = centre, ndtr(z)
        else:
            shifted = centre + rate * sigma * sigma
            tilted = -shifted / sigma
            # e^{αμ+α²σ²/2}·Q(tilted), written without overflow where tilted > 0
            inside = np.exp(np.where(tilted > 0, 0.0, rate * (centre + 0.5 * rate * sigma * sigma)))
            outer = 0.5 * bell * erfcx(np.maximum(tilted, 0.0) / math.sqrt(2))
            moment = np.where(tilted > 0, outer, inside * ndtr(-tilted))
        previous = moment
        total += column[0] * moment
        if len(column) > 1:
            moment = sigma * bell / _ROOT_2PI + shifted * previous
            total += column[1] * moment
        for j in range(2, len(column)):
            previous, moment = moment, (j - 1) * sigma * sigma * previous + shifted * moment
            total += column[j] * moment
    return total
