"""Exact duals and Hermite coefficients of piecewise polynomials, by Owen's T function.

φ is anchored at 0: a polynomial B, valid on the whole line, plus one-sided corrections
r·(σ(t − b))₊^m that start at the edges and point away from 0. Every threshold h = |b|/√p is then ≥ 0, so
nothing cancels at small variance. With a_l the Hermite coefficients,

    E[φ(u)φ(v)] = Σ_{l ≤ deg B} ρˡ (B_l(p)·a_l(q) + a_l(p)·B_l(q) − B_l(p)·B_l(q))
                  + Σ r·r′ p^{m/2} q^{n/2} M_mn(h, k; σσ′ρ),      M_mn = E[(X − h)₊^m (Y − k)₊^n].

M_00 = Φ₂(−h, −k; ρ) is Owen's (1956); the others follow by integration by parts.

References
----------
D. B. Owen, "Tables for computing bivariate normal probabilities", Ann. Math. Statist. 27 (1956).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import erfcx, ndtr, owens_t

from ..contract import Array
from ..gaussian_pair import Correlation, correlation, difference_of_squares
from .function import PiecewiseFunction

__all__ = ["Anchored", "Correction", "anchor"]

_FAR = 40.0  # thresholds beyond this many standard deviations never matter: Q(40) underflows
_ROOT_2PI = math.sqrt(2 * math.pi)
_CONTINUED_FRACTION_STEPS = 40  # enough from h = 2 on (error e^{−2h√(2·40)})


@dataclass(frozen=True)
class Correction:
    """Σ_m taylor[m]·(sign·(t − edge))₊^m, with sign·edge ≥ 0."""

    edge: float
    sign: int
    taylor: tuple[float, ...]


@dataclass(frozen=True)
class Anchored:
    """A piecewise polynomial as the base B (ascending coefficients) and its corrections."""

    base: tuple[float, ...]
    corrections: tuple[Correction, ...]

    @property
    def dead_zone(self) -> float:
        """How far from 0, at least, φ begins to differ from 0; 0 if it does at once."""
        if self.base or not self.corrections:
            return 0.0
        return min(abs(c.edge) for c in self.corrections)

    @cached_property
    def mirrored(self) -> bool:
        """Whether the corrections on the left are those on the right mirrored, all with one sign."""
        right = {c.edge: np.array(c.taylor) for c in self.corrections if c.sign > 0}
        left = {-c.edge: np.array(c.taylor) for c in self.corrections if c.sign < 0}
        return right.keys() == left.keys() and any(
            all(np.array_equal(right[edge], sign * left[edge]) for edge in right) for sign in (1, -1)
        )

    def size(self, variance: Array) -> Array:
        """Return Σ of the norms of base and corrections: what cancels, if anything does, is so large."""
        total = np.zeros_like(variance)
        terms = list(enumerate(self.base)) + [m for c in self.corrections for m in enumerate(c.taylor)]
        for power, coefficient in terms:
            total += abs(coefficient) * variance ** (power / 2) * math.sqrt(_double_factorial(2 * power - 1))
        return total

    def dual(self, cov: Array, var_u: Array, var_v: Array) -> Array:
        """Return E[φ(u)φ(v)] for flat arrays."""
        with np.errstate(all="ignore"):
            return self._dual(cov, var_u, var_v)

    def _dual(self, cov: Array, var_u: Array, var_v: Array) -> Array:
        pair = correlation(cov, var_u, var_v)
        out = np.zeros_like(pair.rho)
        top = len(self.base) - 1
        if top >= 0:
            base_u, base_v = self._base(var_u, top), self._base(var_v, top)
            rest_u, rest_v = self._corrections(var_u, top), self._corrections(var_v, top)
            for l in range(top, -1, -1):
                u, v = base_u[..., l], base_v[..., l]
                out = out * pair.rho + (u * (v + rest_v[..., l]) + rest_u[..., l] * v)
        weight = 2.0 if self.mirrored else 1.0  # (u, v) → (−u, −v) maps half of the pairs to the others
        for first in self.corrections:
            if self.mirrored and first.sign < 0:
                continue
            for second in self.corrections:
                out += weight * _product_of_corrections(first, second, pair, var_u, var_v)
        return out

    def hermite(self, variance: Array, degree: int) -> Array:
        """Return a_0 … a_degree of φ(√variance·z), shape ``variance.shape + (degree + 1,)``."""
        variance = np.asarray(variance, dtype=np.float64)
        flat = variance.reshape(-1)
        with np.errstate(all="ignore"):
            out: Array = self._base(flat, degree) + self._corrections(flat, degree)
        return out.reshape(*variance.shape, degree + 1)

    def _base(self, variance: Array, degree: int) -> Array:
        """B's coefficients: a_l = Σ_i c_{2i+l} (2i+l)! / (2ⁱ i! √l!) · q^{i+l/2}."""
        out = np.zeros((*variance.shape, degree + 1))
        root = np.sqrt(variance)
        for power, coefficient in enumerate(self.base):
            for l in range(power % 2, min(power, degree) + 1, 2):
                i = (power - l) // 2
                weight = math.factorial(power) / (2**i * math.factorial(i) * math.sqrt(math.factorial(l)))
                out[..., l] += coefficient * weight * root**power
        return out

    def _corrections(self, variance: Array, degree: int) -> Array:
        """Coefficients of the corrections, by parts: l derivatives for l ≤ m, m + 1 beyond."""
        out = np.zeros((*variance.shape, degree + 1))
        root = np.sqrt(variance)
        for correction in self.corrections:
            h = _threshold(correction.edge, root)
            top = len(correction.taylor) - 1
            moments = _half_line_moments(h, top)
            density = _weighted_hermite(h, max(degree - 1, 0))
            for m, r in enumerate(correction.taylor):
                if r == 0:
                    continue
                scale = r * root**m
                for l in range(min(m, degree) + 1):
                    weight = math.factorial(m) / (math.factorial(m - l) * math.sqrt(math.factorial(l)))
                    out[..., l] += correction.sign**l * weight * scale * moments[m - l]
                for l in range(m + 1, degree + 1):
                    # m!·√((l−m−1)!/l!): the product of m + 1 factors, so no factorial overflows
                    weight = math.factorial(m) / math.sqrt(math.prod(range(l - m, l + 1)))
                    out[..., l] += correction.sign**l * weight * scale * density[..., l - m - 1]
        return out


def anchor(function: PiecewiseFunction) -> Anchored:
    """Return the anchored form of a piecewise polynomial."""
    columns = [{t.power: t.coefficient for t in piece} for piece in function.pieces]
    width = max([0, *(power + 1 for column in columns for power in column)])
    pieces = [np.array([column.get(i, 0.0) for i in range(width)]) for column in columns]
    home = sum(b < 0 for b in function.edges)  # the piece that holds 0, or that ends there
    if 0.0 in function.edges and _degree(pieces[home + 1]) < _degree(pieces[home]):
        home += 1
    corrections = []
    for i, edge in enumerate(function.edges):
        sign = 1 if i >= home else -1
        outer, inner = (pieces[i + 1], pieces[i]) if sign > 0 else (pieces[i], pieces[i + 1])
        change = outer - inner
        taylor = [
            sign**m * sum(math.comb(j, m) * c * edge ** (j - m) for j, c in enumerate(change) if j >= m)
            for m in range(width)
        ]
        sizes = [
            sum(
                math.comb(j, m) * (abs(o) + abs(n)) * abs(edge) ** (j - m)
                for j, (o, n) in enumerate(zip(outer, inner, strict=True))
                if j >= m
            )
            for m in range(width)
        ]
        # A continuous φ must not get a jump of rounding size.
        taylor = [0.0 if abs(r) <= 1e-14 * size else r for r, size in zip(taylor, sizes, strict=True)]
        while taylor and taylor[-1] == 0:
            taylor.pop()
        if taylor:
            corrections.append(Correction(edge, sign, tuple(float(r) for r in taylor)))
    base = tuple(float(c) for c in pieces[home][: _degree(pieces[home]) + 1])
    return Anchored(base, tuple(corrections))


def _degree(coefficients: Array) -> int:
    nonzero = np.flatnonzero(coefficients)
    return int(nonzero[-1]) if nonzero.size else -1


def _double_factorial(n: int) -> int:
    return math.prod(range(n, 0, -2))


def _threshold(edge: float, root: Array) -> Array:
    """|edge|/√variance, 0 for an edge at 0 (so zero variance sees the mean of both sides)."""
    if edge == 0:
        return np.zeros_like(root)
    capped: Array = np.minimum(abs(edge) / root, _FAR)
    return capped


def _density(h: Array) -> Array:
    value: Array = np.exp(-0.5 * h * h) / _ROOT_2PI
    return value


def _half_line_moments(h: Array, top: int) -> list[Array]:
    """E(Z − h)₊^m for m = 0 … top and h ≥ 0, each to full relative accuracy.

    J_m = (m−1)J_{m−2} − hJ_{m−1} loses h^{2m} digits of a tail; from h = 2 on the ratios
    R_m = J_m/J_{m−1} = m/(h + R_{m+1}) are run downwards instead, where all terms are positive.
    """
    moments = [ndtr(-h)]
    if top == 0:
        return moments
    moments.append(_density(h) - h * moments[0])
    for m in range(2, top + 1):
        moments.append((m - 1) * moments[m - 2] - h * moments[m - 1])
    if h.size and np.max(h) > 2:
        far = h > 2
        tail = h[far]
        ratio = 0.5 * (np.sqrt(tail * tail + 4 * (_CONTINUED_FRACTION_STEPS + top)) - tail)
        ratios = []
        for m in range(_CONTINUED_FRACTION_STEPS + top, 0, -1):
            ratio = m / (tail + ratio)
            if m <= top:
                ratios.append(ratio)
        value = _density(tail) * math.sqrt(math.pi / 2) * erfcx(tail / math.sqrt(2))
        for moment, step in zip(moments[1:], reversed(ratios), strict=True):
            value = value * step
            moment[far] = value
    return moments


def _weighted_hermite(h: Array, degree: int) -> Array:
    """n(h)·h_j(h) for j = 0 … degree (normalised Hermite), √n(h) at both ends so that none overflows."""
    half = np.exp(-0.25 * h * h) / math.sqrt(_ROOT_2PI)
    out = np.zeros((*h.shape, degree + 1))
    out[..., 0] = half
    if degree:
        out[..., 1] = h * half
    for j in range(1, degree):
        out[..., j + 1] = (h * out[..., j] - math.sqrt(j) * out[..., j - 1]) / math.sqrt(j + 1)
    out *= half[..., None]
    return out


def _product_of_corrections(
    first: Correction, second: Correction, pair: Correlation, var_u: Array, var_v: Array
) -> Array:
    """E[first(u)·second(v)] = Σ r·r′ p^{m/2} q^{n/2} M_mn."""
    root_u, root_v = np.sqrt(var_u), np.sqrt(var_v)
    h, k = _threshold(first.edge, root_u), _threshold(second.edge, root_v)
    out = np.zeros_like(h)
    if h.size == 0 or h.min() >= _FAR or k.min() >= _FAR:
        return out
    rho = pair.rho if first.sign == second.sign else -pair.rho
    gap = np.where(rho >= 0, pair.gap, 2 - pair.gap)  # 1 − ρ
    if first.edge == second.edge == 0:
        shift = out
    else:
        shift = k - h
        if first.edge and second.edge:
            # Where the thresholds meet, k − h comes from the exact difference of their squares.
            near = (np.abs(shift) < 0.5 * h) & (h < _FAR) & (k < _FAR)
            squares = difference_of_squares(second.edge, var_u, first.edge, var_v)
            shift = np.where(near, squares / (var_u * var_v * (h + k)), shift)
    moments = _moments(h, k, shift, rho, gap, pair.sine, first, second)
    scale_v = [r * root_v**n for n, r in enumerate(second.taylor)]
    for m, r in enumerate(first.taylor):
        if r:
            out += r * root_u**m * sum(s * x for s, x in zip(scale_v, moments[m], strict=True))
    return out


def _moments(
    h: Array,
    k: Array,
    shift: Array,
    rho: Array,
    gap: Array,
    sine: Array,
    first: Correction,
    second: Correction,
) -> list[list[Array]]:
    """M_mn for m < len(first.taylor), n < len(second.taylor)."""
    rows, columns = len(first.taylor), len(second.taylor)
    floor = np.maximum(sine, 1e-300)  # at |ρ| = 1: z = ±∞ by the sign of μ, or 0
    mean_x = shift + gap * h  # k − ρh
    mean_y = gap * k - shift  # h − ρk
    z_x, z_y = mean_x / floor, mean_y / floor
    moments = [[h] * columns for _ in range(rows)]
    moments[0][0] = _orthant(h, k, z_x, z_y, rho, sine, first.edge == 0, second.edge == 0)
    x = _edge_moments(h, mean_x, z_x, sine, columns) if rows > 1 or columns > 1 else []
    y = _edge_moments(k, mean_y, z_y, sine, rows) if rows > 1 or columns > 1 else []
    for n in range(1, columns):
        last = y[0] if n == 1 else (n - 1) * moments[0][n - 2]
        moments[0][n] = last - k * moments[0][n - 1] + rho * x[n - 1]
    for m in range(1, rows):
        for n in range(columns):
            last = x[n] if m == 1 else (m - 1) * moments[m - 2][n]
            other = y[m - 1] if n == 0 else n * moments[m - 1][n - 1]
            moments[m][n] = last - h * moments[m - 1][n] + rho * other
    return moments


def _edge_moments(h: Array, mean: Array, z: Array, sine: Array, count: int) -> list[Array]:
    """n(h)·E[(Y − k)₊^j | X = h] for j < count, where Y − k ~ N(−mean, sine²) given X = h."""
    density, tail = _density(h), ndtr(-z)
    out = [density * tail]
    if count > 1:
        out.append(density * (sine * _density(z) - mean * tail))
    for j in range(2, count):
        out.append((j - 1) * sine * sine * out[j - 2] - mean * out[j - 1])
    return out


def _orthant(
    h: Array, k: Array, z_x: Array, z_y: Array, rho: Array, sine: Array, h_zero: bool, k_zero: bool
) -> Array:
    """P(X > h, Y > k) for h, k ≥ 0 (Owen 1956); T(0, a) = atan(a)/2π is taken where a threshold is 0."""
    if h_zero and k_zero:
        value: Array = 0.25 + np.arctan2(rho, sine) / (2 * math.pi)
        return value
    if h_zero:
        value = 0.5 * ndtr(-k) - owens_t(k, z_y / k)
    elif k_zero:
        value = 0.5 * ndtr(-h) - owens_t(h, z_x / h)
    else:
        value = 0.5 * (ndtr(-h) + ndtr(-k)) - owens_t(h, z_x / h) - owens_t(k, z_y / k)
    return value
