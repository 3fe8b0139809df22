"""Piecewise exponential-polynomials as data: edges, and between them sums of c·tⁱ·e^{αt}."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...errors import PluginError
from ..contract import Array

__all__ = ["Piece", "PiecewiseFunction", "Term", "poly"]


@dataclass(frozen=True, order=True)
class Term:
    """One term c·tⁱ·e^{αt} of a piece.

    Parameters
    ----------
    coefficient : float
        c.
    power : int
        i ≥ 0.
    rate : float
        α.

    Examples
    --------
    >>> Term(2.0, power=1)
    Term(coefficient=2.0, power=1, rate=0.0)
    """

    coefficient: float
    power: int = 0
    rate: float = 0.0

    def __post_init__(self) -> None:
        if not (isinstance(self.power, int) and self.power >= 0):
            raise PluginError(f"Term: power must be an integer of 0 or more. Got {self.power!r}.")
        if not (math.isfinite(self.coefficient) and math.isfinite(self.rate)):
            raise PluginError(
                "Term: coefficient and rate must be finite numbers. "
                f"Got coefficient={self.coefficient!r}, rate={self.rate!r}."
            )


Piece = tuple[Term, ...]


def poly(*coefficients: float) -> Piece:
    """Return the polynomial c₀ + c₁t + c₂t² + … as a piece; ``poly()`` is zero.

    Examples
    --------
    >>> poly(0, 1)
    (Term(coefficient=1.0, power=1, rate=0.0),)
    """
    return tuple(Term(float(c), i) for i, c in enumerate(coefficients) if c != 0)


def _collected(piece: Piece) -> Piece:
    """Return the piece with equal (power, rate) added up and zeros dropped, in a fixed order."""
    total: dict[tuple[float, int], float] = {}
    for term in piece:
        if not isinstance(term, Term):
            raise PluginError(
                f"piecewise: a piece is a tuple of Term. Got {term!r} in it; write Term(c, power, rate) "
                "or poly(c0, c1, …)."
            )
        key = (float(term.rate), term.power)
        total[key] = total.get(key, 0.0) + float(term.coefficient)
    return tuple(Term(c, power, rate) for (rate, power), c in sorted(total.items()) if c != 0)


def _derivative(piece: Piece) -> Piece:
    out = [Term(t.coefficient * t.power, t.power - 1, t.rate) for t in piece if t.power]
    out += [Term(t.coefficient * t.rate, t.power, t.rate) for t in piece if t.rate]
    return _collected(tuple(out))


def _mirrored(piece: Piece, sign: float = 1.0) -> Piece:
    """Return t ↦ sign·piece(−t)."""
    return _collected(tuple(Term(sign * t.coefficient * (-1.0) ** t.power, t.power, -t.rate) for t in piece))


def _value(piece: Piece, t: Array) -> Array:
    """Evaluate one piece; c·tⁱ(e^{αt} − 1) goes through expm1, so nothing cancels at small t."""
    coefficients = {term.power: term.coefficient for term in piece if term.rate == 0}
    total = np.zeros_like(t)
    for term in piece:
        if term.rate == 0:
            continue
        paired = coefficients.get(term.power) == -term.coefficient
        if paired:
            del coefficients[term.power]
        factor = np.expm1(term.rate * t) if paired else np.exp(term.rate * t)
        factor *= term.coefficient
        total += factor * t**term.power if term.power else factor
    if coefficients:
        value = np.full_like(t, 0.0)
        for power in range(max(coefficients), -1, -1):  # Horner
            if power != max(coefficients):
                value *= t
            value += coefficients.get(power, 0.0)
        total = total + value if len(piece) > len(coefficients) else value
    return total


@dataclass(frozen=True)
class PiecewiseFunction:
    """φ(t) = pieces[i](t) between edges[i−1] and edges[i].

    Parameters
    ----------
    edges : tuple of float
        Ascending, at least one.
    pieces : tuple of Piece
        One more than edges, from left to right.
    right : tuple of float
        Those edges that belong to the piece on their right; the others belong to the left one.
    """

    edges: tuple[float, ...]
    pieces: tuple[Piece, ...]
    right: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        edges = tuple(float(b) for b in self.edges)
        if not edges or not all(map(math.isfinite, edges)) or list(edges) != sorted(set(edges)):
            raise PluginError(
                "piecewise: edges must be one or more finite numbers in ascending order, none twice. "
                f"Got {self.edges!r}."
            )
        if len(self.pieces) != len(edges) + 1:
            raise PluginError(
                f"piecewise: {len(edges)} edges make {len(edges) + 1} pieces. Got {len(self.pieces)}; "
                "give one piece for each interval, the two unbounded ones included."
            )
        if not set(self.right) <= set(edges):
            raise PluginError(f"piecewise: right must name edges of {edges}. Got {self.right!r}.")
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "pieces", tuple(_collected(piece) for piece in self.pieces))
        object.__setattr__(self, "right", tuple(float(b) for b in self.right))

    def __call__(self, t: Array) -> Array:
        """Return φ(t), in the shape and the floating type of t."""
        t = np.asarray(t)
        if t.dtype.kind != "f":
            t = t.astype(np.float64)
        # Each piece sees only its own interval: an exponential never overflows outside it.
        out = _value(self.pieces[0], np.minimum(t, t.dtype.type(self.edges[0])))
        for i, edge in enumerate(self.edges):
            inside = np.maximum(t, t.dtype.type(edge))
            if i + 1 < len(self.edges):
                inside = np.minimum(inside, t.dtype.type(self.edges[i + 1]))
            reached = t >= edge if edge in self.right else t > edge
            out = np.where(reached, _value(self.pieces[i + 1], inside), out)
        return np.where(np.isnan(t), t, out)

    def derivative(self) -> PiecewiseFunction:
        """Return φ′ between the edges."""
        return PiecewiseFunction(self.edges, tuple(map(_derivative, self.pieces)), self.right)

    @property
    def jumps(self) -> tuple[float, ...]:
        """The edges at which φ is discontinuous."""
        found = []
        for i, edge in enumerate(self.edges):
            at = np.array(edge)
            left, right = self.pieces[i], self.pieces[i + 1]
            size = sum(
                abs(t.coefficient) * abs(edge) ** t.power * math.exp(t.rate * edge) for t in left + right
            )
            if abs(float(_value(right, at) - _value(left, at))) > 1e-14 * size:
                found.append(edge)
        return tuple(found)

    @property
    def polynomial(self) -> bool:
        """Whether no piece has an exponential."""
        return all(term.rate == 0 for piece in self.pieces for term in piece)

    @property
    def growth(self) -> float:
        """The largest α > 0 with which φ grows like e^{α|t|}; 0 for polynomial growth."""
        outward = [t.rate for t in self.pieces[-1]] + [-t.rate for t in self.pieces[0]]
        return max([0.0, *outward])

    @property
    def parity(self) -> str | None:
        """``"even"``, ``"odd"`` or None."""
        if tuple(-b for b in reversed(self.edges)) != self.edges:
            return None
        for label, sign in (("even", 1.0), ("odd", -1.0)):
            if tuple(_mirrored(p, sign) for p in reversed(self.pieces)) == self.pieces:
                return label
        return None

    @property
    def homogeneity(self) -> float | None:
        """h with φ(ct) = cʰφ(t) for c > 0, if there is one."""
        powers = {term.power for piece in self.pieces for term in piece}
        if self.edges != (0.0,) or not self.polynomial or len(powers) != 1:
            return None
        return float(powers.pop())
