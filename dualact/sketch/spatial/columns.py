"""How the columns of an Act layer are shared out.

A part with the share s of the kernel, sketched into D columns, adds an error of about s/√D; for parts that
take c output columns per column, Σ s²/D is least at D ∝ s/√c.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..monomials import monomial_count
from .activate import Activate, Power
from .basis import Basis
from .narrow import Narrow

__all__ = ["Part", "Shares", "share_out", "spend"]

_LEAST = 16  # no part gets less than a 16th of the columns, if it can be


@dataclass(frozen=True)
class Shares:
    """What each degree of Σ and of Θ adds to the diagonal of the kernel; no slopes for an NNGP."""

    powers: Mapping[int, float]
    slopes: Mapping[int, float]


@dataclass(frozen=True)
class Part:
    """A part of a layer's output: its share, output columns per column, most columns it can use.

    ``whole``: it gets them all.
    """

    share: float
    cost: int
    most: int
    whole: bool = False


def share_out(parts: Sequence[Part], total: int) -> list[int]:
    """Return the columns of each part.

    Parameters
    ----------
    parts : sequence of Part
    total : int
        Output columns. They are all used, if costs and limits allow.

    Returns
    -------
    list of int
        At least 1 each.

    Examples
    --------
    >>> share_out([Part(4.0, 1, 1000), Part(1.0, 1, 1000)], 100)
    [80, 20]
    """
    share = np.array([p.share for p in parts], dtype=float)
    cost = np.array([max(p.cost, 0) for p in parts])
    most = np.array([p.most for p in parts])
    least = np.minimum(most, max(1, total // (_LEAST * max(1, len(parts) // 4))))
    least = np.minimum(most, np.maximum(least, min(16, total // (2 * len(parts) or 1))))
    # Parts that are to be had whole come first; where even the least numbers are too many, they are halved.
    for i in np.argsort([p.most if p.whole else 2**40 for p in parts]):
        grown = np.where(np.arange(len(parts)) == i, most, least)
        if parts[i].whole and float(grown @ cost) <= total:
            least = grown
    while float(least @ cost) > total and np.any(least > 1):
        least = np.maximum(1, least // 2)
    wish = share / np.sqrt(np.maximum(cost, 1))
    wish = np.where(wish > 0, wish, float(wish.max(initial=0.0)) * 1e-6 or 1.0)

    def columns(scale: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        found = np.clip(np.floor(np.minimum(scale * wish, 2.0**40)), least, most)
        return found.astype(np.int64)

    low, high = 0.0, 2.0**50
    for _ in range(200):
        middle = math.sqrt(max(low, 2.0**-50) * high)
        if float(columns(middle) @ cost) <= total:
            low = middle
        else:
            high = middle
    found = columns(low)
    left = total - int(found @ cost)
    for i in np.argsort(-wish):
        if cost[i] > 0 and left >= cost[i]:
            more = min(left // int(cost[i]), int(most[i] - found[i]))
            found[i] += more
            left -= more * int(cost[i])
    return [int(n) for n in found]


def spend(shares: Shares, sigma: Basis, theta: Basis | None, width: int, copies: int) -> Activate:
    """Return an activation with its columns; factors and span are left to be set.

    Parameters
    ----------
    shares : Shares
    sigma, theta : Basis
        Leading directions of what arrives; None if Θ has no features of its own.
    width : int
        Columns of Σ, with a quarter more for Θ; if ``copies``, ``copies`` times those of Σ plus those of Θ.
    copies : int
        0 but for the last Act.
    """
    powers, slopes = shares.powers, shares.slopes
    same = bool(slopes) and theta is None
    each = max(copies, 1)
    parts: dict[tuple[str, int], Part] = {}
    d = sigma.length

    def most(length: int, degree: int) -> int:
        return monomial_count(length, degree) if length <= 64 else 2**31

    # An error of u = ⟨ψ, ψ'⟩ goes into all degrees, k·u^{k−1} times; one of Θ into all of its degrees.
    slope = sum(k * s for k, s in powers.items()) * each + sum((k + same) * s for k, s in slopes.items())
    psi_cost = each * (1 in powers) + (same and 0 in slopes and bool(copies))
    whole = sigma.rank == d and 4 * d <= width
    kept = min(sigma.rank, max(1, width // 8))
    parts["sigma", 1] = Part((1 - sigma.share_of(kept)) * slope, psi_cost, d, whole)
    for k, s in powers.items():
        if k > 1:
            met = 1 - sigma.share_of(_exact_squares(width // (4 * each), sigma.rank)) ** 2 if k == 2 else 1.0
            if 4 * each * most(d, k) <= 3 * width:  # worth to be exact
                parts["sigma", k] = Part(s * each, each, most(d, k), True)
            else:
                parts["sigma", k] = Part(met * s * each, each, most(d, k))
    constant = each if 0 in powers else 0
    lines: dict[tuple[str, int], Part] = {}
    if theta is not None:
        unsure = (1 - theta.share_of(min(theta.rank, max(1, width // 8)))) * sum(slopes.values())
        lines["theta", 0] = Part(unsure, int(0 in slopes), theta.length)
    for k, s in slopes.items():
        if k > 0:
            lines["theta", k] = Part(s, 1, 2**31)
    found: dict[tuple[str, int], int]
    if copies:
        both = parts | lines
        found = dict(zip(both, share_out(list(both.values()), width - constant), strict=True))
    else:
        found = dict(zip(parts, share_out(list(parts.values()), width - constant), strict=True))
        found |= dict(zip(lines, share_out(list(lines.values()), width + width // 4), strict=True))
    return _made(shares, sigma, theta, found, same)


def _made(
    shares: Shares, sigma: Basis, theta: Basis | None, found: Mapping[tuple[str, int], int], same: bool
) -> Activate:
    before = _narrow(sigma, found["sigma", 1])
    before_theta = None if theta is None else _narrow(theta, found["theta", 0])
    width = (before if before_theta is None else before_theta).width
    heavy = _exact_squares(found.get(("sigma", 2), 0), min(sigma.rank, before.width - 1))
    powers = {k: 1 if k == 0 else before.width if k == 1 else found["sigma", k] for k in shares.powers}
    slopes = {k: width if k == 0 else found["theta", k] for k in shares.slopes}
    return Activate(
        before,
        before_theta,
        same,
        heavy,
        tuple(Power(k, 1.0, n) for k, n in sorted(powers.items())),
        tuple(Power(k, 1.0, n) for k, n in sorted(slopes.items())),
        1.0,
        1.0,
    )


def _exact_squares(columns: int, rank: int) -> int:
    """How many leading coordinates have all their products carried exactly: in a third of the columns."""
    heavy = 0
    while heavy < rank and 3 * monomial_count(heavy + 1, 2) <= columns:
        heavy += 1
    return heavy


def _narrow(basis: Basis, width: int) -> Narrow:
    """All directions, rotated, where they fit; else the leading ones and a sketch of the rest."""
    if width >= basis.length:
        return Narrow(basis.length, basis if basis.rank == basis.length else None, 0)
    rank = min(basis.rank, width // 2)
    if rank == basis.rank:
        return Narrow(basis.length, basis, width - rank)
    return Narrow(basis.length, basis.first(rank), width - rank)
