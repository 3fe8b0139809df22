"""Which road a network's features take: polynomial sketches or random features, by predicted error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from ..errors import DualactError
from .planning import SketchPlan
from .random.planning import RandomPlan
from .spatial.planning import SpatialPlan

__all__ = ["choose"]

_GAIN = 0.8  # random features are taken below that share of the sketch's predicted error
_DENSE, _SPATIAL = 0.3, 1.0  # least error of random features times the root of their number (measured)


def choose(
    make_sketched: Callable[[], SketchPlan | SpatialPlan], make_random: Callable[[], RandomPlan]
) -> SketchPlan | SpatialPlan | RandomPlan:
    """Return the plan with the smaller predicted error, and in it the reason.

    Parameters
    ----------
    make_sketched : callable
        Designs the polynomial sketch. Where it refuses, random features are made.
    make_random : callable
        Designs the random features; not called where they cannot be better.

    Raises
    ------
    DualactError
        What the polynomial sketch refuses with, where random features are refused as well.
    """
    try:
        sketched = make_sketched()
    except DualactError as refused:
        try:
            other = make_random()
        except DualactError:
            raise refused from None
        return replace(other, reason=f"method random: no polynomial sketch, because {_first(refused)}")
    error, m = sketched.predicted_error, sketched.n_components
    best = (_DENSE if isinstance(sketched, SketchPlan) else _SPATIAL) / math.sqrt(m)
    if error <= best:
        why = f"its predicted error {error:.2g} is below what {m} random features reach"
        return replace(sketched, reason=f"method polysketch: {why}")
    try:
        other = make_random()
    except DualactError as refused:
        return replace(sketched, reason=f"method polysketch: no random features, because {_first(refused)}")
    if other.error < _GAIN * error:
        why = f"predicted error {other.error:.2g}, against {error:.2g} of polysketch"
        return replace(other, reason=f"method random: {why}")
    why = f"predicted error {error:.2g}, against {other.error:.2g} of random features"
    return replace(sketched, reason=f"method polysketch: {why}")


def _first(refused: DualactError) -> str:
    return str(refused).split(". ")[0].rstrip(".")
