"""From tree to numbers: a tape that NumPy, an arithmetic without overflow, and mpmath all can run.

A tree becomes a list of steps once; each interpreter is a table of what a step does. NumPy runs first. Where
its result is not finite (an intermediate exp overflowed, ∞/∞, 0·∞) the same tape runs again on numbers m·e^s
with their own exponent s, so that ``(exp(x) - exp(-x))/(exp(x) + exp(-x))`` is 1 at x = 1000 and not NaN.
Against cancellation the tree is rewritten before: ``exp(u) - 1`` → expm1, ``log(1 + w)`` → log1p,
``1 + erf(u)`` → erfc(−u), ``1 - tanh(u)**2`` → cosh(u)^−2, and the like.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
from scipy import special

from . import algebra as al
from .algebra import ZERO, Node
from .contract import Array

__all__ = ["Tape", "log_magnitude", "stabilise", "values"]

_HUGE = 1e300  # an exponent beyond any that an expression means


class Step(NamedTuple):
    """One operation: its head, the registers it reads, a constant, and the registers it frees."""

    head: str
    reads: tuple[int, ...]
    value: float
    frees: tuple[int, ...]


@final
@dataclass(frozen=True)
class Tape:
    """The steps that evaluate a tree, in order; step i writes register i."""

    steps: tuple[Step, ...]

    @classmethod
    def of(cls, tree: Node) -> Tape:
        """Return the tape of a tree, rewritten against cancellation."""
        nodes = al.walk(stabilise(tree))
        place = {n: i for i, n in enumerate(nodes)}
        last: dict[int, int] = {place[a]: i for i, n in enumerate(nodes) for a in n.args}
        frees: dict[int, list[int]] = {}
        for register, step in last.items():
            frees.setdefault(step, []).append(register)
        return cls(
            tuple(
                Step(n.head, tuple(place[a] for a in n.args), n.value, tuple(frees.get(i, ())))
                for i, n in enumerate(nodes)
            )
        )

    def run(self, interpret: Callable[[Step, list[Any]], Any]) -> Any:
        """Return the last register after every step has been interpreted."""
        registers: list[Any] = [None] * len(self.steps)
        for i, step in enumerate(self.steps):
            registers[i] = interpret(step, [registers[r] for r in step.reads])
            for r in step.frees:
                registers[r] = None
        return registers[-1]


def values(tape: Tape, t: Array) -> Array:
    """Return the function at t: NumPy, and where that overflows the arithmetic without overflow."""
    t = np.asarray(t, dtype=np.float64)
    with np.errstate(all="ignore"):
        out = np.array(np.broadcast_to(tape.run(_numpy(t)), t.shape), dtype=np.float64)
        bad = ~np.isfinite(out) & np.isfinite(t)
        if bad.any():
            out[bad] = _collapse(*tape.run(_wide(t[bad])))
    return out


def log_magnitude(tape: Tape, t: Array) -> Array:
    """Return log|function| at t, even where the function itself overflows."""
    with np.errstate(all="ignore"):
        m, s = tape.run(_wide(np.asarray(t, dtype=np.float64)))
        return np.asarray(np.log(np.abs(m)) + s, dtype=np.float64)


# ---------------------------------------------------------------------------------------- rewriting
def stabilise(tree: Node) -> Node:
    """Return an equal tree whose nearly cancelling sums are written as functions that do not cancel."""
    done: dict[Node, Node] = {}
    for node in al.walk(tree):
        args = tuple(done[a] for a in node.args)
        made = Node(node.head, args, node.value) if args else node
        if node.head == "add":
            made = _pair(args)
        elif node.head == "log" and args[0].head == "cosh":
            half = Node("sinh", (al.mul(al.num(0.5), args[0].args[0]),))
            made = Node("log1p", (al.mul(al.num(2.0), al.power(half, 2.0)),))
        elif node.head == "log" and args[0].head == "add" and args[0].args[-1] == al.ONE:
            made = Node("log1p", (_sum(args[0].args[:-1]),))
        done[node] = made
    return done[tree]


def _sum(terms: Sequence[Node]) -> Node:
    return terms[0] if len(terms) == 1 else Node("add", tuple(terms))


def _pair(terms: tuple[Node, ...]) -> Node:
    """Rewrite the first two terms of a sum that can cancel each other."""
    for i, first in enumerate(terms):
        for j in range(i + 1, len(terms)):
            if (made := _rewrite(*al.split(first), *al.split(terms[j]))) is not None:
                rest = [t for k, t in enumerate(terms) if k not in (i, j)]
                return _sum([*rest, made])
    return Node("add", terms)


def _rewrite(k: float, f: Node, c: float, g: Node) -> Node | None:
    """Return k·f + c·g without cancellation for the pairs that are known, else None."""
    opposite = math.isclose(k, -c, rel_tol=1e-15)
    if f.head == "exp" and g.head == "exp" and opposite:
        gap = al.add(f.args[0], al.negate(g.args[0]))
        return Node("mul", (al.num(k), g, Node("expm1", (gap,))))
    if g != al.ONE or not (opposite or math.isclose(k, c, rel_tol=1e-15)):
        return None
    u = f.args[0] if f.args else f
    away = u if opposite else al.negate(u)
    match f.head:
        case "exp" if opposite:
            return al.mul(al.num(k), Node("expm1", (u,)))
        case "erf":
            return al.mul(al.num(c), Node("erfc", (away,)))
        case "tanh":
            return al.mul(al.num(2 * c), al.apply("sigmoid", al.mul(al.num(-2.0), away)))
        case "sigmoid" if opposite:
            return al.mul(al.num(c), al.apply("sigmoid", al.negate(u)))
        case "cos" if opposite:
            half = al.apply("sin", al.mul(al.num(0.5), u))
            return al.mul(al.num(2 * c), al.power(half, 2.0))
        case "cosh" if opposite:
            half = al.apply("sinh", al.mul(al.num(0.5), u))
            return al.mul(al.num(2 * k), al.power(half, 2.0))
        case "pow" if opposite and f.value == 2.0 and u.head in ("tanh", "sin", "cos"):
            other, e = {"tanh": ("cosh", -2.0), "sin": ("cos", 2.0), "cos": ("sin", 2.0)}[u.head]
            return al.mul(al.num(c), al.power(al.apply(other, u.args[0]), e))
        case "pow" if opposite and u.head == "add" and u.args[-1] == al.ONE and f.value in (0.5, -0.5, -1.0):
            inner = Node("log1p", (_sum(u.args[:-1]),))
            return al.mul(al.num(k), Node("expm1", (al.mul(al.num(f.value), inner),)))
        case _:
            return None


# ------------------------------------------------------------------------------------------- NumPy
def _step(u: Array) -> Array:
    return np.asarray(0.5 * (np.sign(u) + 1.0))


_PLAIN: dict[str, Callable[..., Any]] = {
    **{
        h: getattr(np, h)
        for h in "exp log log1p expm1 sin cos tan sinh cosh tanh abs sign".split()
        + ["arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh"]
    },
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "erf": special.erf,
    "erfc": special.erfc,
    "sigmoid": special.expit,
    "softplus": lambda u: np.logaddexp(0.0, u),
    "step": _step,
    "max": np.maximum,
    "min": np.minimum,
    "where": np.where,
    "gt": lambda g: g > 0,
    "ge": lambda g: g >= 0,
    "not": np.logical_not,
}


def _power(u: Array, e: float) -> Array:
    """Return u**e; small integer powers by products, which cost a tenth of ``numpy.power``."""
    if e.is_integer() and abs(e) <= 16:
        square, n, out = u, int(abs(e)), None
        while n:
            if n & 1:
                out = square if out is None else out * square
            n >>= 1
            if n:
                square = square * square
        return np.asarray(out if e > 0 else 1.0 / np.asarray(out))
    if e in (0.5, -0.5):
        return np.sqrt(u) if e > 0 else 1.0 / np.sqrt(u)
    return np.asarray(np.power(u, e))


def _numpy(t: Array) -> Callable[[Step, list[Any]], Any]:
    def interpret(step: Step, args: list[Any]) -> Any:
        match step.head:
            case "x":
                return t
            case "num":
                return np.float64(step.value)
            case "undefined":
                return np.float64(np.nan)
            case "true" | "false":
                return np.bool_(step.head == "true")
            case "add":
                return sum(args[1:], args[0])
            case "mul":
                return math.prod(args[1:], start=args[0])
            case "pow":
                return _power(args[0], step.value)
            case "and":
                return np.logical_and.reduce(np.broadcast_arrays(*args))
            case "or":
                return np.logical_or.reduce(np.broadcast_arrays(*args))
            case head:
                return _PLAIN[head](*args)

    return interpret


# ------------------------------------------------------------------- numbers m·e^s without overflow
Wide = tuple[Array, Array]


def _wide_number(m: Any) -> Wide:
    m = np.asarray(m, dtype=np.float64)
    return m, np.zeros_like(m)


def _collapse(m: Array, s: Array) -> Array:
    near = np.abs(s) < 600
    plain = m * np.exp(np.where(near, s, 0.0))
    far = np.sign(m) * np.exp(np.log(np.abs(np.where(m == 0, 1.0, m))) + s)
    return np.asarray(np.where(near | (m == 0), plain, far))


def _tidy(m: Array, s: Array) -> Wide:
    """Keep m within [1e-100, 1e100] so that products cannot overflow."""
    off = (m != 0) & np.isfinite(m) & ((np.abs(m) > 1e100) | (np.abs(m) < 1e-100))
    if np.any(off):
        fraction, e = np.frexp(m)
        m, s = np.where(off, fraction, m), np.where(off, s + e * math.log(2.0), s)
    return m, np.clip(s, -_HUGE, _HUGE)


def _wide_add(terms: Sequence[Wide]) -> Wide:
    top = np.max(np.broadcast_arrays(*(np.where(m == 0, -np.inf, s) for m, s in terms)), axis=0)
    top = np.where(np.isfinite(top), top, 0.0)
    return _tidy(np.asarray(sum(m * np.exp(np.minimum(s - top, 0.0)) for m, s in terms)), top)


def _wide_power(u: Wide, e: float) -> Wide:
    m, s = u
    if e < 0:  # 1/0 is the largest number rather than a NaN in the making
        zero = m == 0
        m, s = np.where(zero, 1.0, m), np.where(zero, -_HUGE, s)
    sign = np.where(m < 0, -1.0 if e % 2 == 1 else 1.0, 1.0)
    sign = sign if float(e).is_integer() else np.where(m < 0, np.nan, 1.0)
    magnitude = np.where(m == 0, 1.0, np.abs(m))
    logarithm = np.where(magnitude == 1.0, 0.0, np.log(magnitude))
    return _tidy(np.where(m == 0, 0.0, sign), np.clip(e * (logarithm + s), -_HUGE, _HUGE))


def _wide_exp(u: Array) -> Wide:
    u = np.nan_to_num(u, nan=np.nan, posinf=_HUGE, neginf=-_HUGE)
    small = np.abs(u) < 500
    return np.where(small, np.exp(np.where(small, u, 0.0)), 1.0), np.where(small, 0.0, u)


def _wide_log(m: Array, s: Array) -> Array:
    zero = m == 0
    return np.where(zero, -_HUGE, np.log(np.where(zero, 1.0, m)) + s)


def _wide_function(head: str, u: Wide) -> Wide:
    m, s = u
    if head in ("abs", "sign", "step"):
        return (np.abs(m), s) if head == "abs" else _wide_number(_PLAIN[head](m))
    if head == "log":
        return _wide_number(_wide_log(m, s))
    if head == "log1p":
        big = _wide_add([u, _wide_number(1.0)])
        small = _collapse(m, s)
        return _wide_number(np.where(np.abs(small) < 1, np.log1p(np.clip(small, -1, 1)), _wide_log(*big)))
    v = _collapse(m, s)
    one = _wide_number(np.ones_like(v))
    if head == "exp":
        return _wide_exp(v)
    if head == "expm1":
        grown, tame = _wide_add([_wide_exp(v), (-one[0], one[1])]), np.abs(v) < 1
        return np.where(tame, np.expm1(np.where(tame, v, 0.0)), grown[0]), np.where(tame, 0.0, grown[1])
    if head in ("sinh", "cosh"):
        e, f = _wide_exp(v), _wide_exp(-v)
        grown = _wide_add([(0.5 * e[0], e[1]), ((-0.5 if head == "sinh" else 0.5) * f[0], f[1])])
        tame = np.abs(v) < 500
        plain = _PLAIN[head](np.where(tame, v, 0.0))
        return np.where(tame, plain, grown[0]), np.where(tame, 0.0, grown[1])
    if head == "sigmoid":
        e = _wide_exp(np.minimum(v, 0.0))
        return e[0] / (1.0 + np.exp(np.minimum(v, 0.0))) * special.expit(np.maximum(v, 0.0)) * np.where(
            v > 0, 2.0, 1.0
        ), e[1]
    if head == "erfc":
        positive = np.maximum(v, 0.0)
        tail = special.erfcx(positive), np.maximum(-positive * positive, -_HUGE)
        return np.where(v > 0, tail[0], special.erfc(np.minimum(v, 0.0))), np.where(v > 0, tail[1], 0.0)
    if head == "asinh":
        far = np.sign(m) * (math.log(2.0) + _wide_log(np.abs(m), s))
        return _wide_number(np.where(np.isfinite(v) & (np.abs(v) < 1e150), np.arcsinh(v), far))
    out = _PLAIN[head](v)
    if head in ("sin", "cos"):
        out = np.where(np.isinf(v), 0.0, out)  # the phase of an overflowed argument is not known
    return _wide_number(out)


def _wide_choose(test: Array, yes: Wide, no: Wide) -> Wide:
    return np.where(test, yes[0], no[0]), np.where(test, yes[1], no[1])


def _wide(t: Array) -> Callable[[Step, list[Any]], Any]:
    plain = _numpy(t)

    def interpret(step: Step, args: list[Any]) -> Any:
        match step.head:
            case "x" | "num" | "undefined":
                return _tidy(*_wide_number(np.broadcast_to(plain(step, args), t.shape)))
            case "add":
                return _wide_add(args)
            case "mul":
                m, s = args[0]
                for other in args[1:]:
                    dead = (m == 0) | (other[0] == 0)
                    m, s = _tidy(m * other[0], np.where(dead, 0.0, s + other[1]))
                return m, s
            case "pow":
                return _wide_power(args[0], step.value)
            case "max" | "min":
                m, _ = _wide_add([args[0], (-args[1][0], args[1][1])])
                return _wide_choose((m >= 0) if step.head == "max" else (m <= 0), args[0], args[1])
            case "where":
                return _wide_choose(*args)
            case "gt" | "ge":
                return _PLAIN[step.head](args[0][0])
            case "true" | "false" | "and" | "or" | "not":
                return plain(step, args)
            case head:
                return _wide_function(head, args[0])

    return interpret


# ------------------------------------------------------------------------------------------ mpmath
class TooWild(ArithmeticError):
    """An argument for which high precision would take too long; the point is skipped."""


def precise(tape: Tape, t: float | Any, digits: int = 50) -> Any:
    """Return the function at one point in mpmath, or raise TooWild."""
    import mpmath as mp

    def interpret(step: Step, args: list[Any]) -> Any:
        if any(isinstance(a, mp.mpf) and a != 0 and not -400 < mp.mag(a) < 400 for a in args):
            raise TooWild
        if step.head in ("exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "expm1", "sigmoid", "softplus"):
            if abs(args[0]) > 1e5:
                raise TooWild
        match step.head:
            case "x":
                return mp.mpf(t)
            case "num":
                return mp.mpf(step.value)
            case "undefined":
                raise TooWild
            case "true" | "false":
                return step.head == "true"
            case "add":
                return mp.fsum(args)
            case "mul":
                return mp.fprod(args)
            case "pow":
                return args[0] ** (int(step.value) if step.value.is_integer() else mp.mpf(step.value))
            case "and" | "or":
                return all(args) if step.head == "and" else any(args)
            case "where":
                return args[1] if args[0] else args[2]
            case "max" | "min":
                return max(args) if step.head == "max" else min(args)
            case "gt" | "ge" | "not":
                a = args[0]
                return a > 0 if step.head == "gt" else a >= 0 if step.head == "ge" else not a
            case "sigmoid":
                return 1 / (1 + mp.exp(-args[0]))
            case "softplus":
                return mp.log1p(mp.exp(args[0]))
            case "abs":
                return abs(args[0])
            case "step":
                return (mp.sign(args[0]) + 1) / 2
            case head:
                return getattr(mp, head)(args[0])

    with mp.workdps(digits):
        try:
            result = tape.run(interpret)
        except (ZeroDivisionError, ValueError, TypeError) as problem:  # poles; mpc where a root turned complex
            raise TooWild from problem
        if not isinstance(result, mp.mpf) or not mp.isfinite(result):
            raise TooWild
        return result
