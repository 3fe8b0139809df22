"""How the columns are spent: which degrees, what is exact, how wide the sketches are.

A sketch of degree j with D columns has the error variance B_j²/D; the best widths for a budget m are
D_j ∝ r_j B_j, and leave (Σ_j r_j B_j)²/m. Components whose monomials are fewer than the columns they are
worth are made exact: B_j falls by what they carried, m by what they cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..nonlinearity.contract import Array
from .factors import Factors
from .monomials import monomial_count
from .terms import Term

__all__ = ["Allocator", "Design", "Part"]

_WORTHLESS = 5e-3
_NOTHING = 1e-6
_COMPLETE = 1e-4  # a truncation below this counts as the whole kernel


@dataclass(frozen=True, eq=False)
class Design:
    """Terms, and what they are predicted to miss, as root mean squares relative to that of the kernel."""

    terms: tuple[Term, ...]
    truncation: float
    sketching: float
    idle: bool = False  # columns stay empty though something is missing
    score: float = 0.0  # its error on the pairs of the sample, by which designs are compared

    @property
    def error(self) -> float:
        """Predicted relative Frobenius error."""
        return math.hypot(self.truncation, self.sketching)


@dataclass(frozen=True, eq=False)
class Part:
    """What one degree offers, with the factor 1.

    Attributes
    ----------
    degree : int
    mixing : (t, c) array
        From the radial functions to the components.
    noise : (c + 1,) array
        B_j when the first e components are exact.
    tilt : tuple of float
        As :class:`Term`.
    """

    degree: int
    mixing: Array
    noise: Array
    tilt: tuple[float, ...] = (1.0,)


@dataclass(frozen=True, eq=False)
class Allocator:
    """Designs for a budget, from the parts of the series and the problem of their factors.

    Attributes
    ----------
    parts : list of Part
    problem : Factors
        Over the same degrees.
    budget : int
        Columns to spend.
    n_features : int
    """

    parts: list[Part]
    problem: Factors
    budget: int
    n_features: int

    def all_degrees(self) -> Design | None:
        """Return the design with every degree that gets a factor; None if they do not fit."""
        return self._solve(list(range(len(self.parts))))

    def best_degrees(self) -> Design:
        """Return the design without the degrees that next to nothing is lost by leaving out."""
        chosen = list(range(len(self.parts)))
        design = self._solve(chosen)
        if design is None:  # too many for the budget: from none up, instead of from all down
            chosen, design = self._added()
        return Design((), 1.0, 0.0) if design is None else self._swapped(self._thinned(chosen, design))

    def _thinned(self, chosen: list[int], design: Design) -> Design:
        """Leave out one degree after the other, each time the one that is missed least; high ones first."""
        lost = dict.fromkeys(chosen, 0.0)  # what it cost when last tried: it costs more as fewer are left
        while True:
            kept = {term.degree for term in design.terms}
            chosen = [i for i in chosen if self.parts[i].degree in kept]
            limit = _NOTHING + _WORTHLESS * design.error
            best: tuple[list[int], Design] | None = None
            for index in sorted(chosen, key=lambda i: (lost[i], -i)):
                if lost[index] >= limit:
                    break
                rest = [i for i in chosen if i != index]
                trial = self._solve(rest) if rest else None
                fits = trial is not None and trial.idle <= design.idle
                lost[index] = max(0.0, trial.error - design.error - _NOTHING) if trial and fits else math.inf
                if trial is not None and lost[index] < limit:
                    best, limit = (rest, trial), lost[index]
            if best is None:
                return design
            chosen, design = best

    def _swapped(self, design: Design) -> Design:
        """Exchange one degree for another as long as that helps."""
        while True:
            kept = {term.degree for term in design.terms}
            chosen = [i for i, part in enumerate(self.parts) if part.degree in kept]
            others = [i for i in range(len(self.parts)) if i not in chosen]
            best = design
            for old in chosen:
                for new in others:
                    trial = self._solve(sorted({*chosen, new} - {old}))
                    if trial is not None and trial.idle <= design.idle and trial.error < best.error:
                        best = trial
            if best.error >= design.error * (1 - _WORTHLESS) - _NOTHING:
                return design
            design = best

    def _added(self) -> tuple[list[int], Design | None]:
        """Add one degree after the other, each time the one that lowers the error most."""
        chosen: list[int] = []
        design: Design | None = None
        while True:
            more = [sorted([*chosen, i]) for i in range(len(self.parts)) if i not in chosen]
            trials = [(trial, rest) for rest in more if (trial := self._solve(rest)) is not None]
            found, rest = min(trials, key=lambda item: item[0].error, default=(None, chosen))
            if found is None or (design is not None and found.error >= design.error):
                return chosen, design
            chosen, design = rest, found

    def _solve(self, chosen: list[int]) -> Design | None:
        """Factors and widths for the chosen degrees, improved in turn until they agree; None if too many."""
        parts = [self.parts[i] for i in chosen]
        cost = [monomial_count(self.n_features, p.degree) for p in parts]
        size = math.sqrt(self.problem.square) or 1.0
        factors = self.problem.solve(chosen, np.zeros(len(chosen)))
        least = [len(p.noise) - 1 if p.degree == 0 else 0 for p in parts]
        best: Design | None = None
        for _ in range(4 + sum(len(p.noise) for p in parts)):
            exact = _make_exact(parts, cost, factors, self.budget, least)
            left = self.budget - sum(e * c for e, c in zip(exact, cost, strict=True))
            noise = np.array([p.noise[e] for p, e in zip(parts, exact, strict=True)])
            if left < np.count_nonzero(noise):
                break
            factors = self.problem.solve(chosen, noise / math.sqrt(max(left, 1)))
            widths = _share(left, factors * noise)
            # A sketch as wide as its monomials: one component more is exact instead.
            more = [exact[i] + 1 if width >= cost[i] else least[i] for i, width in enumerate(widths)]
            loud = sum(bool(p.noise[e]) for p, e in zip(parts, more, strict=True))
            if more != least and self.budget - sum(e * c for e, c in zip(more, cost, strict=True)) >= loud:
                least = more
                continue
            missing = math.sqrt(self.problem.miss(chosen, factors)) / size
            spread = sum((f * b) ** 2 / w for f, b, w in zip(factors, noise, widths, strict=True) if w > 0)
            terms = tuple(
                Term(p.degree, p.mixing * math.sqrt(f), e, w, p.tilt)
                for p, f, e, w in zip(parts, factors, exact, widths, strict=True)
                if f > 0
            )
            idle = left > 0 and not any(widths) and missing > _COMPLETE
            design = Design(terms, missing, math.sqrt(spread) / size, idle)
            if best is not None and design.error >= best.error * (1 - 1e-3):
                break
            best = design
        if best is not None and len(best.terms) < len(chosen):  # what got no factor holds no columns either
            alive = {t.degree for t in best.terms}
            fewer = self._solve([i for i in chosen if self.parts[i].degree in alive]) if alive else None
            best = best if fewer is None or fewer.error > best.error else fewer
        return best


def _make_exact(
    parts: list[Part], cost: list[int], factors: Array, budget: int, least: list[int]
) -> list[int]:
    """How many components of each degree to make exact, ``least`` at least.

    Greedily, whatever lowers the predicted error most.
    """
    exact = list(least)
    left = budget - sum(e * c for e, c in zip(exact, cost, strict=True))
    noise = [f * p.noise for f, p in zip(factors, parts, strict=True)]
    total = float(sum(n[e] for n, e in zip(noise, exact, strict=True)))
    options = [(i, e) for i, p in enumerate(parts) for e in range(exact[i] + 1, len(p.noise))]
    if not options:
        return exact
    owner, count = (np.array(column) for column in zip(*options, strict=True))
    price = np.array([float(e * cost[i]) for i, e in options])
    value = np.array([noise[i][e] for i, e in options])
    silent = np.array([parts[i].noise[e] == 0 for i, e in options])
    floor = 1e-12 * total
    while True:
        paid = np.array([float(e * c) for e, c in zip(exact, cost, strict=True)])[owner]
        have = np.array([n[e] for n, e in zip(noise, exact, strict=True)])[owner]
        loud = np.array([p.noise[e] > 0 for p, e in zip(parts, exact, strict=True)])
        after = np.maximum(total - have + value, 0.0)
        room = left - (price - paid)
        after[after < floor] = 0.0
        # A column must be left for each degree that is still to be sketched.
        possible = (count > np.array(exact)[owner]) & (room >= loud.sum() - (silent & loud[owner]))
        error = np.where(possible, after**2 / np.maximum(room, 1), np.inf)
        best = int(np.argmin(error))
        if not error[best] < total**2 / max(left, 1):
            return exact
        left, total = int(room[best]), float(after[best])
        exact[int(owner[best])] = int(count[best])


def _share(budget: int, noise: Array) -> list[int]:
    """Integer widths in proportion to the noise, at least one where there is any, together the budget."""
    widths = np.zeros(len(noise), dtype=int)
    active = np.flatnonzero(noise > 0)
    if active.size and budget >= active.size:
        ideal = noise[active] / noise[active].sum() * (budget - active.size)
        widths[active] = 1 + np.floor(ideal).astype(int)
        short = budget - int(widths.sum())
        widths[active[np.argsort(np.floor(ideal) - ideal, kind="stable")[:short]]] += 1
    return [int(w) for w in widths]
