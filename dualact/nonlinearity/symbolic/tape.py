"""A tree as a list of steps, which NumPy and mpmath run; see :mod:`.evaluation` for what to use."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
from scipy import special

from ..contract import Array
from . import algebra as al
from .algebra import Node
from .rewriting import stabilise

__all__ = ["PLAIN", "Step", "Tape", "TooWild", "plain", "precise"]


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


# ------------------------------------------------------------------------------------------- NumPy
def _step(u: Array) -> Array:
    return np.asarray(0.5 * (np.sign(u) + 1.0))


PLAIN: dict[str, Callable[..., Any]] = {
    **{
        h: getattr(np, h)
        for h in ("exp", "log", "log1p", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh", "abs", "sign")
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


def plain(t: Array) -> Callable[[Step, list[Any]], Any]:
    """Return the interpreter of steps in NumPy, with x = t."""

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
                return PLAIN[head](*args)

    return interpret


# ------------------------------------------------------------------------------------------ mpmath
_STEEP = frozenset({"exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "expm1", "sigmoid", "softplus"})


class TooWild(ArithmeticError):
    """An argument for which high precision would take too long; the point is skipped."""


def precise(tape: Tape, t: float | Any, digits: int = 50) -> Any:
    """Return the function at one point in mpmath, or raise TooWild."""
    import mpmath as mp

    def interpret(step: Step, args: list[Any]) -> Any:
        if any(isinstance(a, mp.mpf) and a != 0 and not -400 < mp.mag(a) < 400 for a in args):
            raise TooWild
        if step.head in _STEEP and abs(args[0]) > 1e5:
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
        except (
            ZeroDivisionError,
            ValueError,
            TypeError,
        ) as problem:  # poles; mpc where a root turned complex
            raise TooWild from problem
        if not isinstance(result, mp.mpf) or not mp.isfinite(result):
            raise TooWild
        return result
