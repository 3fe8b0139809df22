"""Which closed form an expression has: pieces as data, and matches with registered activations.

A piece Σ c·x^i·e^{αx} is a mapping {(i, α): c}. A function whose pieces all are such sums has an exact dual;
so have a·sin(bx + f), a·erf(bx), a·x·Φ(bx), a·e^{bx²} and the other rows of the catalog, up to a·φ(bx).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

import numpy as np

from ...errors import DualactError
from ..contract import Activation, Array, Dual, Hermite
from . import algebra as al
from .algebra import ONE, Node, X
from .landmarks import resolved

__all__ = ["Match", "Piece", "closed_form", "matches", "pieces", "terms"]

Terms = dict[tuple[int, float], float]
Piece = tuple[float, float, Terms]
_MOST_TERMS = 200


# ----------------------------------------------------------------------------------------- pieces
def terms(node: Node) -> Terms | None:
    """Return {(i, α): c} where node = Σ c·x^i·e^{αx}, else None."""
    match node.head:
        case "num":
            return {(0, 0.0): node.value} if node.value else {}
        case "x":
            return {(1, 0.0): 1.0}
        case "exp":
            if (line := al.linear(node.args[0])) is None:
                return None
            slope, shift = line
            return {(0, slope): math.exp(shift)} if abs(shift) < 700 else None
        case "sinh" | "cosh":
            if (line := al.linear(node.args[0])) is None or not abs(line[1]) < 700:
                return None
            sign = -1.0 if node.head == "sinh" else 1.0
            return _plus(
                {(0, line[0]): 0.5 * math.exp(line[1])}, {(0, -line[0]): sign * 0.5 * math.exp(-line[1])}
            )
        case "add":
            total: Terms = {}
            for a in node.args:
                if (part := terms(a)) is None:
                    return None
                total = _plus(total, part)
            return total
        case "mul" | "pow":
            if node.head == "pow" and (node.value < 0 or not node.value.is_integer()):
                return None
            factors = node.args if node.head == "mul" else node.args * int(node.value)
            product: Terms = {(0, 0.0): 1.0}
            for a in factors:
                if (part := terms(a)) is None or len(part) * len(product) > _MOST_TERMS**2:
                    return None
                product = _times(product, part)
                if len(product) > _MOST_TERMS or not all(map(math.isfinite, product.values())):
                    return None
            return product
        case _:
            return None


def _plus(a: Terms, b: Terms) -> Terms:
    out = dict(a)
    for key, c in b.items():
        out[key] = out.get(key, 0.0) + c
    return {key: c for key, c in out.items() if c}


def _times(a: Terms, b: Terms) -> Terms:
    out: Terms = {}
    for (i, r), c in a.items():
        for (j, s), d in b.items():
            out[i + j, r + s] = out.get((i + j, r + s), 0.0) + c * d
    return {key: c for key, c in out.items() if c}


def pieces(tree: Node, breakpoints: tuple[float, ...]) -> list[Piece] | None:
    """Return [(left, right, {(power, rate): coefficient})] if every piece is such a sum, else None.

    Examples
    --------
    >>> from dualact.nonlinearity.symbolic.grammar import parse
    >>> pieces(parse("where(x > 0, x, 2*(exp(x) - 1))"), (0.0,))
    [(-inf, 0.0, {(0, 1.0): 2.0, (0, 0.0): -2.0}), (0.0, inf, {(1, 0.0): 1.0})]
    """
    edges = [-math.inf, *breakpoints, math.inf]
    out: list[Piece] = []
    for left, right in pairwise(edges):
        found = terms(resolved(tree, _inside(left, right)))
        if found is None:
            return None
        out.append((left, right, found))
    return out


def _inside(left: float, right: float) -> float:
    if math.isinf(left):
        return 0.0 if math.isinf(right) else right - 1.0 - 0.5 * abs(right)
    return left + 1.0 + 0.5 * abs(left) if math.isinf(right) else 0.5 * (left + right)


# ---------------------------------------------------------------------------------------- matches
@final
@dataclass(frozen=True)
class Match:
    """φ(x) = amplitude · registered(scale · x)."""

    name: str
    params: Mapping[str, Any]
    amplitude: float = 1.0
    scale: float = 1.0


def matches(tree: Node, parts: list[Piece] | None) -> list[Match]:
    """Return the registered activations that the function is, up to scaling; the best first."""
    found = _match_pieces(parts) if parts is not None else None
    return [m for m in (found, _match_tree(tree)) if m is not None]


def _match_pieces(parts: list[Piece]) -> Match | None:
    if len(parts) == 1:
        return _match_entire(parts[0][2])
    if len(parts) != 2 or parts[0][1] != 0.0:
        return None
    below, above = parts[0][2], parts[1][2]
    keys = set(below) | set(above)
    if keys == {(1, 0.0)}:
        slopes = {"negative_slope": below.get((1, 0.0), 0.0), "positive_slope": above.get((1, 0.0), 0.0)}
        return Match("ab_relu", slopes)
    if keys == {(0, 0.0)} and below.get((0, 0.0), 0.0) == -above.get((0, 0.0), 0.0):
        return Match("sign", {}, above[0, 0.0])
    if len(keys) == 1 and (not below or not above):
        ((power, rate),) = keys
        scale = 1.0 if above else -1.0
        amplitude = above[power, rate] if above else below[power, rate] * (-1.0) ** power
        if rate == 0.0:
            if power == 0:
                return Match("step", {}, amplitude, scale)
            return Match("rectified_power", {"power": power}, amplitude, scale)
    return None


def _match_entire(found: Terms) -> Match | None:
    if all(rate == 0.0 for _, rate in found):
        degree = max(i for i, _ in found)
        if len(found) == 1:
            return Match("monomial", {"power": degree}, found[degree, 0.0])
        return Match("polynomial", {"coef": tuple(found.get((i, 0.0), 0.0) for i in range(degree + 1))})
    if len(found) == 1:
        (((power, rate), c),) = found.items()
        if power == 0:
            return Match("exp", {"amplitude": c, "rate": rate})
    return None


def _match_tree(tree: Node) -> Match | None:
    if (wave := _wave(tree)) is not None:
        return wave
    amplitude, rest = al.split(tree)
    factors = list(rest.args) if rest.head == "mul" else [rest]
    if rest.head == "erf" and (line := al.linear(rest.args[0])) is not None and line[1] == 0.0:
        return Match("erf", {}, amplitude, line[0])
    if rest.head == "exp" and (bell := _bell(rest)) is not None:
        return Match("gaussian", {"amplitude": amplitude * bell[1], "rate": bell[0]})
    if len(factors) != 2:
        return None
    if X in factors:
        other = factors[1 - factors.index(X)]
        if other.head == "add" and len(other.args) == 2 and other.args[1].constant:
            k, f = al.split(other.args[0])
            c = other.args[1].value
            if (
                f.head == "erf"
                and (line := al.linear(f.args[0])) is not None
                and line[1] == 0.0
                and abs(k) == abs(c)
            ):
                b = (
                    math.copysign(math.sqrt(2.0), k * c) * line[0]
                )  # a·x·c(1 + erf(kx)) = (2ac/b)·gelu(bx), b = √2k
                return Match("gelu", {}, 2.0 * amplitude * c / b, b)
    for bell_node, wave_node in (factors, factors[::-1]):
        bell = _bell(bell_node) if bell_node.head == "exp" else None
        line = al.linear(wave_node.args[0]) if wave_node.head == "sin" else None
        if bell and line and line[1] == 0.0 and math.isclose(bell[0], -(line[0] ** 2), rel_tol=1e-14):
            return Match("gabor", {}, amplitude * bell[1], line[0])
    return None


def _bell(node: Node) -> tuple[float, float] | None:
    """Return (b, a) where node = exp(...) = a·e^{bx²}."""
    rate = shift = 0.0
    argument = node.args[0]
    for term in argument.args if argument.head == "add" else (argument,):
        c, f = al.split(term)
        if f == ONE:
            shift = c
        elif f == al.power(X, 2.0):
            rate = c
        else:
            return None
    return (rate, math.exp(shift)) if rate and abs(shift) < 700 else None


def _wave(tree: Node) -> Match | None:
    """Match a sum of sines and cosines of one frequency: one sine with an amplitude and a phase."""
    total, frequency = 0.0 + 0.0j, None
    for term in tree.args if tree.head == "add" else (tree,):
        c, f = al.split(term)
        line = al.linear(f.args[0]) if f.head in ("sin", "cos") else None
        if line is None or line[0] == 0.0:
            return None
        b, phase = line
        if f.head == "cos":
            phase += 0.5 * math.pi
        if b < 0:  # a sin(−bx + f) = a sin(bx + π − f)
            b, phase = -b, math.pi - phase
        if frequency not in (None, b):
            return None
        frequency = b
        total += c * complex(math.cos(phase), math.sin(phase))
    if frequency is None or abs(total) == 0.0:
        return None
    phase = math.atan2(total.imag, total.real)
    if tree.head != "add":  # keep what was written: sin and cos exactly
        phase = 0.0 if abs(phase) < 1e-15 else phase
    return Match("sin", {"amplitude": abs(total), "frequency": frequency, "phase": phase})


# ------------------------------------------------------------------------------------ closed forms
@final
@dataclass(frozen=True)
class Closed:
    """Closed forms of an activation, ready for the contract."""

    dual: Dual | None
    dual_prime: Dual | None
    hermite: Hermite | None
    accuracy: float | None
    source: str
    limit: float = math.inf


def closed_form(name: str, tree: Node, parts: list[Piece] | None) -> Closed | None:
    """Return the exact dual of the function, if it falls into a class that has one."""
    for match in matches(tree, parts):
        if (base := registered(match)) is not None and base.dual is not None:
            return _scaled(base, match.amplitude, match.scale)
    if parts is not None and len(parts) > 1 and (exact := engine(name, parts)) is not None:
        return _scaled(exact, 1.0, 1.0)
    return None


def registered(match: Match) -> Activation | None:
    """Return the registered activation of a match, if the catalog has it."""
    try:
        from ..catalog import activation

        return activation(match.name, **match.params)
    except (ImportError, DualactError):
        return None


def engine(name: str, parts: list[Piece]) -> Activation | None:
    """Return what the exact engine of piecewise exponential-polynomials makes of the pieces."""
    try:
        from ..piecewise.duals import Term, piecewise
    except ImportError:
        return None
    edges = tuple(right for _, right, _ in parts[:-1])
    described = tuple(
        tuple(Term(c, power, rate) for (power, rate), c in sorted(found.items())) for _, _, found in parts
    )
    try:
        made = piecewise(name, edges, described)
    except DualactError:
        return None
    return made if made.dual is not None else None


def _scaled(base: Activation, a: float, b: float) -> Closed:
    """Return the closed forms of a·φ(bx) from those of φ."""
    assert base.dual is not None
    limit = base.variance_limit / b**2
    if (a, b) == (1.0, 1.0):
        return Closed(base.dual, base.dual_prime, base.hermite, base.accuracy, base.source, limit)
    prime = None if base.dual_prime is None else _Scaled(base.dual_prime, a * a * b * b, b * b)
    hermite = None if base.hermite is None else _ScaledHermite(base.hermite, a, b)
    return Closed(_Scaled(base.dual, a * a, b * b), prime, hermite, base.accuracy, base.source, limit)


@final
@dataclass(frozen=True)
class _Scaled:
    """The dual of a·φ(bx): factor · dual(b²·cov, b²·var_u, b²·var_v)."""

    dual: Dual
    factor: float
    square: float

    def __call__(self, cov: Array, var_u: Array, var_v: Array) -> Array:
        b = self.square
        return np.asarray(self.factor * self.dual(b * cov, b * var_u, b * var_v))


@final
@dataclass(frozen=True)
class _ScaledHermite:
    """The Hermite coefficients of a·φ(bx): a·(sign b)^k a_k(b²·variance)."""

    hermite: Hermite
    amplitude: float
    scale: float

    def __call__(self, variance: Array, degree: int) -> Array:
        out = self.amplitude * self.hermite(self.scale**2 * np.asarray(variance), degree)
        return np.asarray(out if self.scale > 0 else out * (-1.0) ** np.arange(degree + 1))
