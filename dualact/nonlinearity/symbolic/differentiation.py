"""The derivative of an expression tree, almost everywhere."""

from __future__ import annotations

import math
from collections.abc import Callable

from . import algebra as al
from .algebra import Node

__all__ = ["derivative"]

_OUTER: dict[str, Callable[[Node], Node]] = {
    "exp": lambda u: al.apply("exp", u),
    "log": lambda u: al.power(u, -1.0),
    "sin": lambda u: al.apply("cos", u),
    "cos": lambda u: al.negate(al.apply("sin", u)),
    "tan": lambda u: al.power(al.apply("cos", u), -2.0),
    "sinh": lambda u: al.apply("cosh", u),
    "cosh": lambda u: al.apply("sinh", u),
    "tanh": lambda u: al.power(al.apply("cosh", u), -2.0),
    "asinh": lambda u: al.power(al.add(al.ONE, al.power(u, 2.0)), -0.5),
    "acosh": lambda u: al.power(al.add(al.power(u, 2.0), al.num(-1.0)), -0.5),
    "atanh": lambda u: al.power(al.add(al.ONE, al.negate(al.power(u, 2.0))), -1.0),
    "asin": lambda u: al.power(al.add(al.ONE, al.negate(al.power(u, 2.0))), -0.5),
    "acos": lambda u: al.negate(al.power(al.add(al.ONE, al.negate(al.power(u, 2.0))), -0.5)),
    "atan": lambda u: al.power(al.add(al.ONE, al.power(u, 2.0)), -1.0),
    "erf": lambda u: al.mul(al.num(2.0 / math.sqrt(math.pi)), al.apply("exp", al.negate(al.power(u, 2.0)))),
    "sigmoid": lambda u: al.mul(al.apply("sigmoid", u), al.apply("sigmoid", al.negate(u))),
    "softplus": lambda u: al.apply("sigmoid", u),
    "abs": lambda u: al.apply("sign", u),
    "sign": lambda u: al.ZERO,
    "step": lambda u: al.ZERO,
}


def derivative(node: Node) -> Node:
    """Return d/dx almost everywhere: jumps contribute nothing, kinks their one-sided slopes."""
    slopes: dict[Node, Node] = {}
    for n in al.walk(node):
        slopes[n] = _slope(n, [slopes[a] for a in n.args])
    return slopes[node]


def _slope(node: Node, inner: list[Node]) -> Node:
    args = node.args
    match node.head:
        case "x":
            return al.ONE
        case "add":
            return al.add(*inner)
        case "mul":
            return al.add(
                *(al.mul(d, *args[:i], *args[i + 1 :]) for i, d in enumerate(inner) if d != al.ZERO)
            )
        case "pow":
            return al.mul(al.num(node.value), al.power(args[0], node.value - 1.0), inner[0])
        case "max" | "min":
            first = al.compare("gt" if node.head == "max" else "lt", args[0], args[1])
            return al.choose(first, *inner)
        case "where":
            return al.choose(args[0], inner[1], inner[2])
        case "undefined":
            return al.UNDEFINED
        case head if head in _OUTER:
            return al.ZERO if inner[0] == al.ZERO else al.mul(_OUTER[head](args[0]), inner[0])
        case _:  # constants; conditions, whose slope nobody asks for
            return al.ZERO
