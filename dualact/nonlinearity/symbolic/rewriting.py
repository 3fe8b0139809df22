"""Sums that nearly cancel, written as functions that do not."""

from __future__ import annotations

import math
from collections.abc import Sequence

from . import algebra as al
from .algebra import Node

__all__ = ["stabilise"]


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
    if g == al.ONE and f.head == "sigmoid" and math.isclose(k, -2 * c, rel_tol=1e-15):
        return al.mul(al.num(-c), al.apply("tanh", al.mul(al.num(0.5), f.args[0])))
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
