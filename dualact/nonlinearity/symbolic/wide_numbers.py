"""Arithmetic without overflow: numbers m·e^s with an exponent s of their own, as pairs of arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ..contract import Array
from .tape import PLAIN, Step, plain

__all__ = ["collapse", "wide"]

_HUGE = 1e300  # an exponent beyond any that an expression means

# ------------------------------------------------------------------- numbers m·e^s without overflow
Wide = tuple[Array, Array]


def _wide_number(m: Any) -> Wide:
    m = np.asarray(m, dtype=np.float64)
    return m, np.zeros_like(m)


def collapse(m: Array, s: Array) -> Array:
    """Return m·e^s as float64; it may be infinite."""
    near = np.abs(s) < 600
    near_value = m * np.exp(np.where(near, s, 0.0))
    far = np.sign(m) * np.exp(np.log(np.abs(np.where(m == 0, 1.0, m))) + s)
    return np.asarray(np.where(near | (m == 0), near_value, far))


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
    if e in (-2.0, -1.0, 1.0, 2.0, 3.0):
        return _tidy(m**e, np.where(m == 0, 0.0, np.clip(e * s, -_HUGE, _HUGE)))
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


def _wide_function(head: str, u: Wide, phase: float) -> Wide:
    m, s = u
    if head in ("abs", "sign", "step"):
        return (np.abs(m), s) if head == "abs" else _wide_number(PLAIN[head](m))
    if head == "log":
        return _wide_number(_wide_log(m, s))
    if head == "log1p":
        big = _wide_add([u, _wide_number(1.0)])
        small = collapse(m, s)
        return _wide_number(np.where(np.abs(small) < 1, np.log1p(np.clip(small, -1, 1)), _wide_log(*big)))
    v = collapse(m, s)
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
        usual = PLAIN[head](np.where(tame, v, 0.0))
        return np.where(tame, usual, grown[0]), np.where(tame, 0.0, grown[1])
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
    out = PLAIN[head](v)
    if head in ("sin", "cos"):
        out = np.where(np.isinf(v), phase, out)  # of an overflowed argument nothing more is known
    return _wide_number(out)


def _wide_choose(test: NDArray[np.bool_], yes: Wide, no: Wide) -> Wide:
    return np.where(test, yes[0], no[0]), np.where(test, yes[1], no[1])


def wide(t: Array, phase: float = 0.0) -> Callable[[Step, list[Any]], Any]:
    """Interpret on numbers m·e^s; ``phase`` stands for the sine and cosine of an infinite argument."""
    usual = plain(t)

    def interpret(step: Step, args: list[Any]) -> Any:
        match step.head:
            case "x" | "num" | "undefined":
                return _tidy(*_wide_number(np.broadcast_to(usual(step, args), t.shape)))
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
                return PLAIN[step.head](args[0][0])
            case "true" | "false" | "and" | "or" | "not":
                return usual(step, args)
            case head:
                return _tidy(*_wide_function(head, args[0], phase))

    return interpret
