"""How the expectations of one activation move when the covariances of a pair move: forward mode.

A pair (c; p, q) that moves has S = ½(ṗ/p + q̇/q), its growth, and e = ċ − cS = √(pq)·ρ̇, its turn. Growth
alone scales φ's arguments; turn is what ∂/∂c = E φ′φ′ speaks of (Price).

Homogeneous φ (φ(at) = a^h φ(t), a > 0) in closed form, with D = E φ(u)φ(v), G = E φ′(u)φ′(v):

    Ḋ = G·e + h·D·S
    Ġ = ∂G/∂c·e + (h − 1)·G·S,    ∂G/∂c = (h²D − (2h − 1)cG)/(pq − c²)

The second line needs no φ″: at unit variance tφ′ = hφ and the Mehler operator make (ρ∂ − h)²D = ∂²D, that is
(1 − ρ²)·D″ = (1 − 2h)ρD′ + h²D. It holds at kinks as well, where φ″ is no function.

Every other φ by a central difference of fourth order *along the motion of the pair*: variances move on
straight lines in ln p and ln q, the angle on one in ln tan(θ/2). There duals are smooth on a scale of one
whatever the kinks, since nearly equal inputs stay nearly equal. Errors measured, relative to √(K_ii·K_jj) of
networks of depth 1 to 3: 1e-11 where duals have a closed form, 1e-9 where they are computed. For a kinked φ
and inputs at an angle θ below 1e-5, the NTK's own rounding ε/θ is divided by the step: 1e-6 at θ = 1e-7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..nonlinearity.contract import Activation, Array
from ..nonlinearity.duals import dual_array, dual_prime_array
from ..nonlinearity.gaussian_pair import determinant, geometric_mean

__all__ = ["Moving", "added", "growth", "move_activation"]

# Step of the difference, in the fastest of ln p, ln q and 2·ln tan(θ/2). Closed forms have errors near 1e-15,
# computed duals near 1e-12: there a longer step balances truncation and rounding.
_STEP_CLOSED, _STEP_COMPUTED = 2.0**-9, 2.0**-7
_COLLINEAR = 16 * float(np.finfo(np.float64).eps)
# Above this 1 − ρ², the motion of the angle is known to six digits at least.
_CLEAR = 1e-10


# A search for hyperparameters asks again and again: tables pay.
_dual = partial(dual_array, tabulate=True)
_dual_prime = partial(dual_prime_array, tabulate=True)


@dataclass(frozen=True, eq=False)
class Moving:
    """An array, with its derivative in each hyperparameter.

    Attributes
    ----------
    value : array
    tangents : tuple of (array or None)
        One per hyperparameter, of a shape that broadcasts to that of ``value``; None where it is zero.
    """

    value: Array
    tangents: tuple[Array | None, ...]

    def __add__(self, other: Moving) -> Moving:
        pairs = zip(self.tangents, other.tangents, strict=True)
        return Moving(self.value + other.value, tuple(added(a, b) for a, b in pairs))


def added(a: Array | None, b: Array | None) -> Array | None:
    """Return a + b, None standing for zero."""
    if a is None or b is None:
        return b if a is None else a
    total: Array = a + b
    return total


def growth(var_u: Moving, var_v: Moving) -> tuple[Array | None, ...]:
    """Return S = ½(ṗ/p + q̇/q) for each hyperparameter; a variance of zero does not move."""
    return tuple(
        added(_half_log(var_u.value, u), _half_log(var_v.value, v))
        for u, v in zip(var_u.tangents, var_v.tangents, strict=True)
    )


def _half_log(variance: Array, tangent: Array | None) -> Array | None:
    if tangent is None:
        return None
    positive = variance > 0
    half: Array = np.where(positive, tangent, 0.0) / np.where(positive, 2 * variance, 1.0)
    return half


def move_activation(
    act: Activation, cov: Moving, var_u: Moving, var_v: Moving, with_prime: bool
) -> tuple[Moving, Moving | None]:
    """Return E φ(u)φ(v), and E φ′(u)φ′(v) if asked, with their derivatives.

    Parameters
    ----------
    act : Activation
    cov, var_u, var_v : Moving
        They broadcast against one another to the shape of ``cov``.
    with_prime : bool
        Whether φ′ is wanted; it must then exist.

    Returns
    -------
    dual : Moving
    dual_prime : Moving or None
    """
    if act.homogeneity is not None and not act.without_ntk:
        dual, prime = _homogeneous(act, act.homogeneity, cov, var_u, var_v)
        return dual, prime if with_prime else None
    return _differenced(act, cov, var_u, var_v, with_prime)


def _homogeneous(
    act: Activation, h: float, cov: Moving, var_u: Moving, var_v: Moving
) -> tuple[Moving, Moving]:
    c, p, q = cov.value, var_u.value, var_v.value
    dual, prime = _dual(act, c, p, q), _dual_prime(act, c, p, q)
    slope = h * h * dual
    slope -= (2 * h - 1) * c * prime
    rest = determinant(c, p, q)
    clear = rest > _COLLINEAR * (p * q)
    np.divide(slope, rest, out=slope, where=clear)
    slope[~clear] = 0.0  # it is multiplied by a turn of zero
    duals: list[Array | None] = []
    primes: list[Array | None] = []
    for turn, grown in zip(_turns(cov, var_u, var_v), growth(var_u, var_v), strict=True):
        along = None if turn is None else prime * turn
        duals.append(along if grown is None else added(along, h * dual * grown))
        along = None if turn is None else slope * turn
        primes.append(along if grown is None else added(along, (h - 1) * prime * grown))
    return Moving(dual, tuple(duals)), Moving(prime, tuple(primes))


def _turns(cov: Moving, var_u: Moving, var_v: Moving) -> list[Array | None]:
    """e = ċ − cS for each hyperparameter."""
    return [
        tangent if grown is None else added(tangent, -cov.value * grown)
        for tangent, grown in zip(cov.tangents, growth(var_u, var_v), strict=True)
    ]


def _differenced(
    act: Activation, cov: Moving, var_u: Moving, var_v: Moving, with_prime: bool
) -> tuple[Moving, Moving | None]:
    c, p, q = cov.value, var_u.value, var_v.value
    dual = _dual(act, c, p, q)
    prime = _dual_prime(act, c, p, q) if with_prime else None
    limit = min(act.variance_limit, act.derivative_limit) if with_prime else act.variance_limit
    closed = act.dual is not None and (act.dual_prime is not None or not with_prime)
    longest = _STEP_CLOSED if closed else _STEP_COMPUTED
    mean = geometric_mean(p, q)
    duals: list[Array | None] = []
    primes: list[Array | None] = []
    for turn, u, v in zip(_turns(cov, var_u, var_v), var_u.tangents, var_v.tangents, strict=True):
        if turn is None and u is None and v is None:
            duals.append(None)
            primes.append(None)
            continue
        path = _Path(c, p, q, mean, turn, _half_log(p, u), _half_log(q, v))
        step = path.step(longest, limit)
        ends = [path.at(i * step) for i in (-2, -1, 1, 2)]
        duals.append(_slope([_dual(act, *end) for end in ends], step))
        primes.append(_slope([_dual_prime(act, *end) for end in ends], step) if with_prime else None)
    return Moving(dual, tuple(duals)), None if prime is None else Moving(prime, tuple(primes))


def _slope(values: list[Array], step: float) -> Array:
    before, near_before, near_after, after = values
    slope: Array = (8 * (near_after - near_before) - (after - before)) / (12 * step)
    return slope


class _Path:
    """A pair on its way: ln p, ln q and ln tan(θ/2) move on straight lines."""

    def __init__(
        self,
        c: Array,
        p: Array,
        q: Array,
        mean: Array,
        turn: Array | None,
        half_u: Array | None,
        half_v: Array | None,
    ) -> None:
        self.p, self.q = p, q
        self.above, self.below = mean + c, mean - c  # tan²(θ/2) = below/above
        self.half_u, self.half_v = half_u, half_v
        # ln tan²(θ/2) moves by −2ρ̇/(1 − ρ²)
        self.speed = np.zeros(()) if turn is None else _speed(turn, mean, self.above * self.below)

    def step(self, longest: float, limit: float) -> float:
        """Return a step with which no entry moves farther than ``longest``, nor a variance to its limit."""
        fastest = max(1.0, float(np.abs(self.speed).max(initial=0.0)))
        room = math.inf
        for variance, half in ((self.p, self.half_u), (self.q, self.half_v)):
            if half is None:
                continue
            rate = 2 * float(np.abs(half).max(initial=0.0))
            fastest = max(fastest, rate)
            if limit < math.inf and rate > 0:
                room = min(room, math.log(limit / float(variance.max())) / (32 * rate))
        return min(longest / fastest, room)

    def at(self, time: float) -> tuple[Array, Array, Array]:
        """Return (cov, var_u, var_v) at that time."""
        p, q = _grown(self.p, self.half_u, time), _grown(self.q, self.half_v, time)
        below = self.below * np.exp(time * self.speed)
        total = self.above + below
        turned = np.divide(self.above - below, total, out=np.zeros_like(total), where=total > 0)
        np.clip(turned, -1.0, 1.0, out=turned)
        return geometric_mean(p, q) * turned, p, q


def _grown(variance: Array, half: Array | None, time: float) -> Array:
    if half is None:
        return variance
    grown: Array = variance * np.exp(2 * time * half)
    return grown


def _speed(turn: Array, mean: Array, rest: Array) -> Array:
    """−2ρ̇/(1 − ρ²), which is bounded: nearly equal inputs turn little."""
    square = mean * mean
    moving = rest > _COLLINEAR * square
    speed = np.divide(-2 * turn * mean, rest, out=np.zeros(rest.shape), where=moving)
    clear = rest > _CLEAR * square
    # Nearer to ±1 it is mostly rounding: bound that by what the other entries have.
    bound = float(np.abs(speed[clear]).max(initial=0.0))
    return np.clip(speed, -max(bound, 4.0), max(bound, 4.0))
