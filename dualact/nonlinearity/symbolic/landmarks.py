"""Where an expression is not smooth: kinks, jumps, poles, and removable 0/0.

Candidates are read off the tree (the arguments of abs, max, conditions, logarithms, fractional and negative
powers) and their real roots found on a graded grid. A candidate counts only if the expressions on its two
sides differ, or if the function has not the same Taylor series on both. Beside a removable singularity
(``sin(x)/x``) float64 cancels; there the function is replaced by its Taylor series, found in 150 digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.polynomial import polynomial

from ...errors import PluginError
from ..contract import Array
from . import algebra as al
from .algebra import Node
from .differentiation import derivative
from .evaluation import Tape, TooWild, precise, values

__all__ = ["MAX_KINKS", "Landmarks", "Patch", "resolved", "survey"]

MAX_KINKS = 128
"""So many kinks, the nearest to 0, are kept of a function that repeats them without end."""

_GRID = np.unique(
    np.concatenate([[0.0], *(s * np.logspace(-8, 5, 1040) for s in (1, -1)), np.linspace(-210, 210, 16801)])
)
_NODES = 26
_KEPT = 18
_SMALLEST = 1e-3


@final
@dataclass(frozen=True)
class Patch:
    """Taylor series of φ and φ′ about ``centre``, used on [low, high], where the text cancels."""

    centre: float
    low: float
    high: float
    phi: tuple[float, ...]
    slope: tuple[float, ...]

    def apply(self, t: Array, out: Array, prime: bool = False) -> None:
        """Overwrite out where t lies in the interval."""
        inside = (t >= self.low) & (t <= self.high)
        if np.any(inside):
            out[inside] = polynomial.polyval(t[inside] - self.centre, self.slope if prime else self.phi)


@final
@dataclass(frozen=True)
class Landmarks:
    """The breakpoints of a function, in order, and its patches."""

    breakpoints: tuple[float, ...]
    patches: tuple[Patch, ...]


def survey(tree: Node, slope: Node, label: str) -> Landmarks:
    """Return the landmarks of a tree with derivative ``slope``; refuse poles.

    Raises
    ------
    PluginError
        If the function is not real, or not bounded near some point.
    """
    phi, prime = Tape.of(tree), Tape.of(slope)
    sample = values(phi, _GRID)
    if np.isnan(sample).any():
        worst = _GRID[np.isnan(sample)]
        where = float(worst[np.argmin(np.abs(worst))])
        raise PluginError(
            f"{label} is not a real number at x = {where:.6g} (a root or logarithm of something negative, "
            "or a Piecewise that covers not every x). φ must be defined on the whole line; use abs(...) or "
            "where(...)."
        )
    kinks = _roots(_kink_arguments(tree))
    singular = _roots(_singular_arguments(tree))
    for r in _merge(singular):
        _refuse_poles(phi, r, label)
    everything = sorted(_merge(np.concatenate([kinks, singular])))
    found: list[float] = []
    patches: list[Patch] = []
    for i, r in enumerate(everything):
        gaps = [abs(everything[j] - r) for j in (i - 1, i + 1) if 0 <= j < len(everything)]
        reach = 0.5 * min([0.5, *gaps])
        kink = _differs(tree, r, reach)
        if _near(singular, r):
            below, above = (_taylor(phi, r, side) for side in (-1, 1))
            kink = (
                kink or below is None or above is None or not np.allclose(below, above, rtol=1e-9, atol=1e-30)
            )
            for side, series in ((-1, below), (1, above)):
                if series is not None and (patch := _patch(phi, prime, r, side, reach, series)) is not None:
                    patches.append(patch)
        if kink:
            found.append(float(r))
    found.sort(key=abs)
    return Landmarks(tuple(sorted(found[:MAX_KINKS])), tuple(patches))


# ------------------------------------------------------------------------------------- candidates
def _kink_arguments(tree: Node) -> list[Node]:
    out: list[Node] = []
    for n in al.walk(tree):
        if n.head in ("abs", "sign", "step", "gt", "ge"):
            out.append(n.args[0])
        elif n.head in ("max", "min"):
            out.append(al.difference(*n.args))
    return out


def _singular_arguments(tree: Node) -> list[Node]:
    out: list[Node] = []
    for n in al.walk(tree):
        u = n.args[0] if n.args else n
        if n.head == "log" or (n.head == "pow" and (n.value < 0 or not n.value.is_integer())):
            out.append(u)
        elif n.head == "tan":
            out.append(al.apply("cos", u))
        elif n.head in ("asin", "acos", "atanh", "acosh"):
            out += [al.add(u, al.num(1.0)), al.add(u, al.num(-1.0))]
    return out


def _roots(arguments: list[Node]) -> Array:
    found = [_real_roots(g) for g in dict.fromkeys(arguments) if not g.constant]
    return np.concatenate([np.empty(0), *found])


def _real_roots(g: Node) -> Array:
    """Return the real zeros of g that the grid can see, nearest to 0 first if they are many."""
    if (line := al.linear(g)) is not None:
        return np.array([-line[1] / line[0] + 0.0])
    tape, slope = Tape.of(g), Tape.of(derivative(g))
    v = values(tape, _GRID)
    sign = np.sign(v)
    left, right = sign[:-1], sign[1:]
    zero = sign == 0
    alone = zero.copy()  # runs of zeros are flat parts; what makes them flat has kinks of its own
    alone[1:] &= ~zero[:-1]
    alone[:-1] &= ~zero[1:]
    found = [_GRID[alone]]
    crossing = np.flatnonzero(left * right < 0)
    found.append(_bisect(tape, _GRID[crossing], _GRID[crossing + 1]))
    size = np.abs(v)
    dip = 1 + np.flatnonzero((size[1:-1] < size[:-2]) & (size[1:-1] < size[2:]) & (sign[:-2] * sign[2:] > 0))
    dip = dip[~zero[dip]]
    if dip.size:
        touching = _bisect(slope, _GRID[dip - 1], _GRID[dip + 1])
        scale = np.maximum(size[dip - 1], size[dip + 1])
        found.append(touching[np.abs(values(tape, touching)) <= 1e-13 * scale])
    roots = np.concatenate(found)
    rounded = np.round(roots, 12)
    exact = np.abs(values(tape, rounded)) <= np.abs(values(tape, roots))
    roots = np.where(exact, rounded, roots)
    return roots[np.argsort(np.abs(roots), kind="stable")][: 4 * MAX_KINKS]


def _bisect(tape: Tape, low: Array, high: Array) -> Array:
    low, high = low.copy(), high.copy()
    start = np.sign(values(tape, low))
    for _ in range(70):
        middle = 0.5 * (low + high)
        same = np.sign(values(tape, middle)) == start
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return high


def _merge(points: Array) -> list[float]:
    out: list[float] = []
    for p in sorted(set(points.tolist())):
        if not out or abs(p - out[-1]) > 1e-12 * max(1.0, abs(p)):
            out.append(float(p))
    return sorted(out, key=abs)[: 2 * MAX_KINKS]


def _near(points: Array, r: float) -> bool:
    return bool(np.any(np.abs(points - r) <= 1e-12 * max(1.0, abs(r))))


# --------------------------------------------------------------------------------- what is there
def resolved(tree: Node, t: float) -> Node:
    """Return the smooth expression that the tree is around t: every kink replaced by its side."""
    done: dict[Node, Node] = {}

    def holds(condition: Node) -> bool:
        match condition.head:
            case "and":
                return all(map(holds, condition.args))
            case "or":
                return any(map(holds, condition.args))
            case "not":
                return not holds(condition.args[0])
            case "true" | "false":
                return condition.head == "true"
            case _:
                return float(values(Tape.of(condition.args[0]), np.array(t))) > 0

    def visit(node: Node) -> Node:
        if node in done:
            return done[node]
        if node.head == "where":
            made = visit(node.args[1 if holds(node.args[0]) else 2])
        else:
            args = tuple(map(visit, node.args))
            made = _resolve(node, args, t)
        done[node] = made
        return made

    return visit(tree)


def _resolve(node: Node, args: tuple[Node, ...], t: float) -> Node:
    def positive(g: Node) -> bool:
        return float(values(Tape.of(g), np.array(t))) > 0

    match node.head:
        case "add":
            return al.add(*args)
        case "mul":
            return al.mul(*args)
        case "pow":
            return al.power(args[0], node.value)
        case "abs":
            return args[0] if positive(args[0]) else al.negate(args[0])
        case "sign":
            return al.num(1.0 if positive(args[0]) else -1.0)
        case "step":
            return al.num(1.0 if positive(args[0]) else 0.0)
        case "max" | "min":
            first = positive(al.difference(*args))
            return args[0] if first == (node.head == "max") else args[1]
        case _:
            return al.apply(node.head, args[0]) if args else node


def _differs(tree: Node, r: float, reach: float) -> bool:
    return resolved(tree, r - 0.5 * reach) != resolved(tree, r + 0.5 * reach)


def _exact(tape: Tape, t: Any) -> float:
    try:
        return float(precise(tape, t, digits=60))
    except (TooWild, OverflowError):
        return float(values(tape, np.array(float(t))))


def _refuse_poles(phi: Tape, r: float, label: str) -> None:
    """Raise unless φ tends to a limit on both sides of r."""
    unit = max(1.0, abs(r))
    for side in (-1.0, 1.0):
        a, b, c = (_exact(phi, r + side * h * unit) for h in (1e-4, 1e-7, 1e-10))
        settles = abs(c - b) <= 0.8 * abs(b - a) or abs(c - b) <= 1e-5 * (1e-300 + abs(c))
        if math.isnan(a + b + c):
            raise PluginError(
                f"{label} is not a real number near x = {r:.6g}; φ must be defined on the whole line."
            )
        if not settles:
            raise PluginError(
                f"{label} is not bounded near x = {r:.6g}: φ is {b:.3g} at a distance of 1e-7 and {c:.3g} "
                "at 1e-10. An activation must be finite everywhere; add a small constant, or use where(...)."
            )


def _taylor(tape: Tape, r: float, side: int) -> Array | None:
    """Return the Taylor coefficients at r of what the function is on one side, or None if it is not analytic.

    Divided differences on nodes within 2e-4 of r: where the series converges to a radius R of order 1, the
    coefficient of order k is right to (2e-4/R)^(26 − k), a relative 1e-28 for the last one kept.
    """
    import mpmath as mp

    width = 2e-4 * max(1.0, abs(r))
    with mp.workdps(150):
        nodes = [side * mp.mpf(width) * (i + 1) / _NODES for i in range(_NODES)]
        try:
            table = [precise(tape, mp.mpf(r) + h, digits=150) for h in nodes]
        except TooWild:
            return None
        for order in range(1, _NODES):  # Newton's form ...
            for i in range(_NODES - 1, order - 1, -1):
                table[i] = (table[i] - table[i - 1]) / (nodes[i] - nodes[i - order])
        coef = [mp.mpf(0)]
        for node, top in zip(reversed(nodes), reversed(table), strict=True):  # ... multiplied out
            shifted = [mp.mpf(0), *coef]
            coef = [a - node * b for a, b in zip(shifted, [*coef, mp.mpf(0)], strict=True)]
            coef[0] += top
        try:
            out = np.array([float(c) for c in coef[:_KEPT]])
        except OverflowError:
            return None
    out[np.abs(out) < 1e-40] = 0.0
    return out if _radius(out) >= _SMALLEST * max(1.0, abs(r)) else None


def _radius(coef: Array) -> float:
    """Return how far from its centre a truncated series is right to 1e-17 of its largest term."""
    radius = 0.25 * 1.26
    k = np.arange(coef.size)
    while radius > 1e-6:
        size = np.abs(coef) * radius**k
        if np.all(size[-4:] <= 1e-17 * np.max(size)):
            return radius
        radius /= 1.26
    return 0.0


def _patch(phi: Tape, prime: Tape, r: float, side: int, reach: float, series: Array) -> Patch | None:
    """Return a patch for one side of r, if float64 needs one there."""
    slope = _taylor(prime, r, side)
    if slope is None:
        return None
    radius = min(reach, _radius(series), _radius(slope))
    low, high = sorted((r, r + side * radius))
    patch = Patch(r, low, high, tuple(series.tolist()), tuple(slope.tolist()))
    t = np.clip(np.concatenate([[r], r + side * radius * np.logspace(-12, 0, 25)]), low, high)
    for tape, is_prime in ((phi, False), (prime, True)):
        fitted = np.empty_like(t)
        patch.apply(t, fitted, is_prime)
        if not np.all(np.abs(values(tape, t) - fitted) <= 1e-14 * np.abs(fitted) + 1e-300):
            return patch
    return None


def unbounded_slope(prime: Callable[[Array], Array], breakpoints: tuple[float, ...]) -> float | None:
    """Return a point where φ′ grows like h^(−1/2) or faster, so that E φ′² is infinite, else None."""
    for r in breakpoints:
        unit = max(1.0, abs(r))
        for side in (-unit, unit):
            far, near = np.abs(prime(np.array([r + side * 1e-6, r + side * 1e-9])))
            if near > 0 and far > 0 and math.log10(near / far) / 3 >= 0.499:
                return r
    return None
