"""Expression trees of one real variable, and constructors that simplify.

A tree is built by the functions below, never by hand, so that every tree is in one normal form:
sums and products are flat, like terms and like powers are collected, constants are folded in
float64, ``log(1 + exp(u))`` is ``softplus(u)`` and ``1/(1 + exp(u))`` is ``sigmoid(-u)``. That is all the
algebra an activation needs, and unlike a general system it cannot run away on hostile input: no
constructor ever makes a tree larger than its arguments put together, and nothing is evaluated but float64
arithmetic.

Heads: num, x, undefined; add, mul, pow (constant exponent in ``value``); the unary functions of
:data:`UNARY`; max, min; where(condition, yes, no) with conditions gt (g > 0), ge (g ≥ 0), and, or, not,
true, false.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import final

__all__ = [
    "FALSE",
    "MAX_POWER",
    "ONE",
    "TRUE",
    "UNARY",
    "UNDEFINED",
    "ZERO",
    "AlgebraError",
    "Node",
    "X",
    "add",
    "apply",
    "choose",
    "compare",
    "connect",
    "difference",
    "extremum",
    "linear",
    "mul",
    "negate",
    "num",
    "power",
    "power_of",
    "split",
    "walk",
]

MAX_POWER = 100.0
"""The largest exponent: E x^200 is 1e186 already."""

ODD = frozenset({"sin", "tan", "sinh", "tanh", "asinh", "atanh", "asin", "atan", "erf", "sign"})
EVEN = frozenset({"cos", "cosh", "abs"})
UNARY = ODD | EVEN | {"exp", "log", "acosh", "acos", "sigmoid", "softplus", "step"}
_COMMUTATIVE = frozenset({"add", "mul", "max", "min", "and", "or"})


class AlgebraError(ArithmeticError):
    """A constant that is no finite real number, or an exponent beyond reason; the text says which."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class Node:
    """One node of a tree; equal nodes have equal keys, whatever the order of commuting arguments."""

    head: str
    args: tuple[Node, ...] = ()
    value: float = 0.0
    key: bytes = field(init=False)

    def __post_init__(self) -> None:
        keys = [a.key for a in self.args]
        if self.head in _COMMUTATIVE:
            keys.sort()
        digest = blake2b(f"{self.head} {self.value!r} ".encode() + b"".join(keys), digest_size=16)
        object.__setattr__(self, "key", digest.digest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        if self.head in ("num", "x"):
            return f"{self.value:g}" if self.head == "num" else "x"
        inner = ", ".join(map(repr, self.args))
        return f"{self.head}({inner}{f'; {self.value:g}' if self.head == 'pow' else ''})"

    @property
    def constant(self) -> bool:
        """Whether this is a number."""
        return self.head == "num"


X = Node("x")
UNDEFINED = Node("undefined")
TRUE, FALSE = Node("true"), Node("false")
ZERO, ONE = Node("num", value=0.0), Node("num", value=1.0)


def num(value: float) -> Node:
    """Return a constant; infinities and NaN are refused."""
    if not math.isfinite(value):
        raise AlgebraError("a constant beyond the range of float64")
    return Node("num", value=float(value) + 0.0)


def split(node: Node) -> tuple[float, Node]:
    """Return (c, rest) with node = c·rest."""
    if node.constant:
        return node.value, ONE
    if node.head == "mul" and node.args[0].constant:
        rest = node.args[1:]
        return node.args[0].value, rest[0] if len(rest) == 1 else Node("mul", rest)
    return 1.0, node


def add(*terms: Node) -> Node:
    """Return the sum, like terms collected, the constant last."""
    flat = [a for t in terms for a in (t.args if t.head == "add" else (t,))]
    if UNDEFINED in flat:
        return UNDEFINED
    constant = 0.0
    collected: dict[Node, float] = {}
    for term in flat:
        coef, rest = split(term)
        if rest == ONE:
            constant += coef
        else:
            collected[rest] = collected.get(rest, 0.0) + coef
    kept = [mul(num(c), rest) for rest, c in collected.items() if c]
    if constant:
        kept.append(num(constant))
    if not kept:
        return ZERO
    return kept[0] if len(kept) == 1 else Node("add", tuple(kept))


def mul(*factors: Node) -> Node:
    """Return the product: the constant first, integer powers of one base and exponentials collected."""
    flat = [a for f in factors for a in (f.args if f.head == "mul" else (f,))]
    if UNDEFINED in flat:
        return UNDEFINED
    constant = 1.0
    powers: dict[Node, float] = {}
    exponents: list[Node] = []
    other: list[Node] = []
    for factor in flat:
        if factor.constant:
            constant *= factor.value
        elif factor.head == "exp":
            exponents.append(factor.args[0])
        elif factor.head == "pow" and not factor.value.is_integer():
            other.append(factor)
        else:
            base, e = (factor.args[0], factor.value) if factor.head == "pow" else (factor, 1.0)
            powers[base] = powers.get(base, 0.0) + e
    if constant == 0.0:
        return ZERO
    exponent = add(*exponents)
    if exponents:
        exponent = _fold_logistic(exponent, powers)
    for base in [b for b in powers if b.head == "sinh" and powers[b] > 0]:
        below = Node("cosh", base.args)
        shared = min(powers[base], -powers.get(below, 0.0))
        if shared > 0:  # sinh/cosh = tanh, whose factors cannot overflow
            powers[base] -= shared
            powers[below] += shared
            slope = Node("tanh", base.args)
            powers[slope] = powers.get(slope, 0.0) + shared
    made = [power(base, e) for base, e in powers.items() if e] + other
    if exponents and exponent != ZERO:
        made.append(apply("exp", exponent))
    for factor in made:  # powers may have folded to numbers again
        constant *= factor.value if factor.constant else 1.0
    made = [f for f in made if not f.constant]
    whole = [num(constant)] if constant != 1.0 or not made else []
    whole += made
    return whole[0] if len(whole) == 1 else Node("mul", tuple(whole))


def _fold_logistic(exponent: Node, powers: dict[Node, float]) -> Node:
    """Turn e^u·sigmoid(−u)^n into sigmoid(u)·sigmoid(−u)^(n−1), whose factors cannot overflow.

    Returns the exponent that is left over: u plus the argument of the logistic, where that is constant.
    """
    for base, e in powers.items():
        if base.head == "sigmoid" and e >= 1:
            rest = add(exponent, base.args[0])
            if rest.constant:
                mirrored = Node("sigmoid", (negate(base.args[0]),))
                powers[base] -= 1.0
                powers[mirrored] = powers.get(mirrored, 0.0) + 1.0
                return rest
    return exponent


def negate(node: Node) -> Node:
    """Return −node."""
    return mul(num(-1.0), node)


def difference(left: Node, right: Node) -> Node:
    """Return left − right with numbers multiplied out over sums, so that equal sums cancel."""
    spread: list[Node] = []
    for sign, side in ((1.0, left), (-1.0, right)):
        for term in side.args if side.head == "add" else (side,):
            coef, rest = split(term)
            inner = rest.args if rest.head == "add" else (rest,)
            spread += [mul(num(sign * coef), t) for t in inner]
    return add(*spread)


def power(base: Node, e: float) -> Node:
    """Return base**e for a constant exponent."""
    if base == UNDEFINED:
        return UNDEFINED
    if not abs(e) <= MAX_POWER and not base.constant:
        raise AlgebraError(f"the exponent {e:g}, beyond ±{MAX_POWER:g}")
    integer = float(e).is_integer()
    if base.constant:
        try:
            value = base.value**e
        except (OverflowError, ZeroDivisionError) as problem:
            raise AlgebraError("division by zero" if base.value == 0 else "a constant too large") from problem
        if isinstance(value, complex):
            raise AlgebraError("a fractional power of a negative number")
        return num(value)
    if e == 0.0:
        return ONE
    if e == 1.0:
        return base
    if base.head == "exp":
        return apply("exp", mul(num(e), base.args[0]))
    if base.head == "pow" and integer and base.value.is_integer():
        return power(base.args[0], base.value * e)
    if base.head == "pow" and not integer and base.value % 2 == 0:
        return power(apply("abs", base.args[0]), base.value * e)  # √(u²) = |u|: the kink must be seen
    if base.head == "abs" and e % 2 == 0:
        return power(base.args[0], e)
    if base.head == "mul":
        coef, rest = split(base)
        if integer:
            return mul(*(power(f, e) for f in base.args))
        if coef not in (1.0, -1.0):
            return mul(power(num(abs(coef)), e), power(mul(num(math.copysign(1.0, coef)), rest), e))
    if integer and e < 0 and (logistic := _logistic(base)) is not None:
        scale, u = logistic  # (c(1+e^u))^-n = c^-n sigmoid(-u)^n
        return mul(power(num(scale), e), power(apply("sigmoid", negate(u)), -e))
    return Node("pow", (base,), float(e))


def power_of(base: Node, exponent: Node) -> Node:
    """Return base**exponent for any two trees (u^v = e^{v log u})."""
    if exponent.constant:
        return power(base, exponent.value)
    return apply("exp", mul(exponent, apply("log", base)))


def _logistic(node: Node) -> tuple[float, Node] | None:
    """Return (c, u) where node = c·(1 + e^u) with c > 0, else None."""
    if node.head != "add" or len(node.args) != 2 or not node.args[1].constant:
        return None
    scale = node.args[1].value
    coef, rest = split(node.args[0])
    if rest.head != "exp":
        return None
    if not (scale > 0 and coef > 0 and math.isfinite(coef / scale) and coef / scale > 0):
        return None
    shift = math.log(coef / scale)
    return scale, add(rest.args[0], num(shift))


_FOLD: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "sign": lambda v: float((v > 0) - (v < 0)),
    "step": lambda v: 0.5 * ((v > 0) - (v < 0)) + 0.5,
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)) if v > 0 else math.exp(v) / (1 + math.exp(v)),
    "softplus": lambda v: max(v, 0.0) + math.log1p(math.exp(-abs(v))),
}


def apply(head: str, u: Node) -> Node:
    """Return head(u) for one of the unary functions."""
    if u == UNDEFINED:
        return UNDEFINED
    if u.constant:
        function: Callable[[float], float] = _FOLD.get(head) or getattr(math, head)
        try:
            return num(function(u.value))
        except (ValueError, OverflowError) as problem:
            raise AlgebraError(f"{head}({u.value:g}), which is no finite real number") from problem
    if head == "log":
        if u.head == "exp":
            return u.args[0]
        if (logistic := _logistic(u)) is not None:
            scale, v = logistic
            return add(apply("softplus", v), apply("log", num(scale)))
    if head in ODD or head in EVEN:
        coef, rest = split(u)
        if coef < 0:
            mirrored = apply(head, mul(num(-coef), rest))
            return mirrored if head in EVEN else negate(mirrored)
    if head in ("abs", "sign"):
        if u.head in ("exp", "sigmoid", "softplus") or (u.head == "abs" and head == "abs"):
            return u if head == "abs" else ONE
        coef, rest = split(u)
        if coef != 1.0:
            return mul(num(coef), apply(head, rest)) if head == "abs" else apply(head, rest)
    return Node(head, (u,))


def extremum(head: str, u: Node, v: Node) -> Node:
    """Return max(u, v) or min(u, v)."""
    if u == v:
        return u
    if UNDEFINED in (u, v):
        return UNDEFINED
    if u.constant and v.constant:
        return num(max(u.value, v.value) if head == "max" else min(u.value, v.value))
    return Node(head, (u, v))


def compare(head: str, left: Node, right: Node) -> Node:
    """Return the condition left (gt | ge | lt | le | eq | ne) right.

    A single point has no mass: ``==`` between a function and another is false, ``!=`` true.
    """
    if head in ("lt", "le"):
        return compare("gt" if head == "lt" else "ge", right, left)
    gap = difference(left, right)
    if gap.constant:
        g = gap.value
        holds = {"gt": g > 0, "ge": g >= 0, "eq": g == 0, "ne": g != 0}[head]
        return TRUE if holds else FALSE
    if head in ("eq", "ne"):
        return FALSE if head == "eq" else TRUE
    return FALSE if gap == UNDEFINED else Node(head, (gap,))


def connect(head: str, *conditions: Node) -> Node:
    """Return the conjunction, disjunction or negation of conditions."""
    if head == "not":
        (c,) = conditions
        return FALSE if c == TRUE else TRUE if c == FALSE else Node("not", (c,))
    absorbing, neutral = (FALSE, TRUE) if head == "and" else (TRUE, FALSE)
    kept = tuple(c for c in conditions if c != neutral)
    if absorbing in kept:
        return absorbing
    if not kept:
        return neutral
    return kept[0] if len(kept) == 1 else Node(head, kept)


def choose(condition: Node, yes: Node, no: Node) -> Node:
    """Return where(condition, yes, no)."""
    if condition == TRUE or yes == no:
        return yes
    return no if condition == FALSE else Node("where", (condition, yes, no))


def linear(node: Node) -> tuple[float, float] | None:
    """Return (b, c) where node = b·x + c, else None."""
    slope = intercept = 0.0
    for term in node.args if node.head == "add" else (node,):
        coef, rest = split(term)
        if rest == X:
            slope = coef
        elif rest == ONE:
            intercept = coef
        else:
            return None
    return slope, intercept


def walk(node: Node) -> list[Node]:
    """Return every distinct node below (and with) this one, arguments before their users."""
    seen: dict[Node, None] = {}
    stack: list[tuple[Node, bool]] = [(node, False)]
    while stack:
        current, ready = stack.pop()
        if current in seen:
            continue
        if ready:
            seen[current] = None
        else:
            stack.append((current, True))
            stack += [(a, False) for a in reversed(current.args)]
    return list(seen)
