"""Duals of functions that are analytic on each side of 0, by a polar rule.

In polar coordinates the lines u = 0 and v = 0 are rays, so four wedges have analytic integrands:

    K = (1/2π) Σ_± [∫₀^{π−θ} R(±√p sin α, ±√q sin(π−θ−α)) dα + ∫₀^θ R(±√p sin(θ−β), ∓√q sin β) dβ],
    R(a, b) = ∫₀^∞ r e^{−r²/2} φ(ar) φ(br) dr.

Radius r = sinh(t)/λ and angle α = (L/2)(1 + tanh(Aτ)/tanh A) are graded towards 0, where φ changes on the
scale 1/λ; both directions have n Gauss–Legendre points. n is raised until n and 1.4 n points agree.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from ..coefficients import reach
from ..contract import Array
from ..panels import PanelTable, gauss_legendre

__all__ = ["MOST_POINTS", "Polar", "polar_rule"]

MOST_POINTS = 230
_AGREE = 4e-13
_GOOD = 1e-11


@lru_cache(maxsize=64)
def _gauss(n: int) -> tuple[Array, Array]:
    return gauss_legendre(n)


class Polar:
    """The rule for variances up to a largest one: n points each way, and its measured error.

    Parameters
    ----------
    table : PanelTable
        The function.
    largest : float
        The largest variance it will be asked for.
    points : int
        Points of each rule.
    """

    def __init__(self, table: PanelTable, largest: float, points: int) -> None:
        self.f = table
        self.points = points
        self.error = math.inf
        # The narrowest panel around 0 tells the scale on which φ varies there.
        edges = table.leaves(4.0)
        middle = np.abs(edges[:-1] + edges[1:]) < 2.0
        sharp = float(np.clip(0.5 / np.diff(edges)[middle].min(), 1.0, 1e3))
        self.scale = math.sqrt(1 + sharp**2 * largest)
        self.far = max(9.2, 0.75 * reach(table, largest))
        x, w = _gauss(points)
        top = math.asinh(self.far * self.scale)
        t = (x + 1) * top / 2
        self.radius = np.sinh(t) / self.scale
        self.weight = w * top / 2 * np.cosh(t) / self.scale * self.radius * np.exp(-0.5 * self.radius**2)

    def _wedge(self, length: Array) -> tuple[Array, Array, Array]:
        """Sines of the distance to either end of [0, length], and weights; length.shape + (n,)."""
        x, w = _gauss(self.points)
        span = length[..., None]
        grade = 0.5 * np.log1p(4 * span * self.scale) + 1e-3
        slope = span / 2 * grade / (np.cosh(grade * x) ** 2 * np.tanh(grade)) * w
        near = span / 2 * np.sinh(grade * (1 - np.abs(x))) / (np.sinh(grade) * np.cosh(grade * x))
        start = np.where(x < 0, near, span - near)
        stop = np.where(x < 0, span - near, near)
        return np.sin(start), np.sin(stop), slope

    def _rays(self, theta: Array) -> tuple[Array, Array, Array]:
        """Directions of u and of v (per unit deviation) and weights, shape theta.shape + (4n,)."""
        a, b, w = self._wedge(np.pi - theta)
        c, d, z = self._wedge(theta)
        along_u = np.concatenate([a, -a, d, -d], -1)
        along_v = np.concatenate([b, -b, -c, c], -1)
        return along_u, along_v, np.concatenate([w, w, z, z], -1) / (2 * np.pi)

    def triples(self, p: Array, q: Array, theta: Array) -> Array:
        """Return K for 1-D arrays of variances and angles; 4n² evaluations of φ(u)φ(v) each."""
        out = np.empty(len(theta))
        share = max(1, 200_000 // (4 * self.points**2))
        for i in range(0, len(theta), share):
            s = slice(i, i + share)
            u, v, w = self._rays(theta[s])
            f = self.f((u * np.sqrt(p[s])[:, None])[..., None] * self.radius)
            g = self.f((v * np.sqrt(q[s])[:, None])[..., None] * self.radius)
            out[s] = np.einsum("tar,tar,r,ta->t", f, g, self.weight, w, optimize=False)
        return out

    def grid(self, p: Array, q: Array, theta: float) -> Array:
        """Return K for every pair of the variances p and q at one angle, by one matrix product."""
        u, v, w = self._rays(np.array(theta))
        f = self.f((np.sqrt(p)[:, None] * u)[..., None] * self.radius)
        if p is q:  # v runs through the same directions, each wedge backwards
            first, second, third, fourth = np.split(f[:, ::-1], 4, axis=1)
            g = np.concatenate([fourth, third, first, second], axis=1)
        else:
            g = self.f((np.sqrt(q)[:, None] * v)[..., None] * self.radius)
        f *= w[:, None] * self.weight
        return np.asarray(f.reshape(len(p), -1) @ g.reshape(len(q), -1).T)

    def probe(self, p: Array, q: Array) -> Array:
        """Return K at the corner triples of a range of variances."""
        corners = {(a, b) for a in (p.min(), p.max()) for b in (q.min(), q.max())}
        angles = np.array([0.0, 0.013, 0.3, 1.2, 2.5, 3.1, np.pi])
        a, b = np.array(sorted(corners)).T
        return self.triples(np.repeat(a, 7), np.repeat(b, 7), np.tile(angles, len(a)))


def polar_rule(table: PanelTable, p: Array, q: Array, size: float) -> Polar | None:
    """Return a rule for variances within [min, max] of p and q, or None if it does not converge.

    ``size`` is √(Eφ(u)²Eφ(v)²) at the smallest variances: what the error is measured against.
    """
    largest = float(max(p.max(), q.max()))
    start = Polar(table, largest, 8)
    n = math.ceil(34 + 7 * math.log(start.scale))
    noise = min(
        1e-9, float(table.noise(np.array(8 * math.sqrt(largest)))) / max(1e-300, math.sqrt(float(size)))
    )
    old, before, stalled = None, np.zeros(1), math.inf
    while n <= MOST_POINTS:
        rule = Polar(table, largest, n)
        value = rule.probe(p, q)
        if old is not None:
            gap = float(np.max(np.abs(value - before)) / size)
            if gap <= max(_AGREE, noise) or (gap <= _GOOD and gap > 0.2 * stalled):
                old.error = gap
                return old
            if gap > 1e-3 and n > 120:
                return None
            stalled = gap
        old, before = rule, value
        n = math.ceil(1.4 * n)
    return None
