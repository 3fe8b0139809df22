"""Which road a network's features take: the polynomial sketch or random features, by predicted error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from ..errors import DualactError
from .planning import SketchPlan
from .random.planning import RandomPlan
from .spatial.planning import SpatialPlan

__all__ = ["cheaper_to_know", "choose"]

_GAIN = 0.8  # random features are taken below that share of the sketch's predicted error
_BEST = 0.3  # error of random features times the root of their number, at the very best (measured: .5 to 3)


def cheaper_to_know(predicted: float, n_components: int) -> bool:
    """Whether an error is so small that random features cannot have a smaller one."""
    return predicted <= _BEST / math.sqrt(n_components)


def choose(
    sketched: SketchPlan | SpatialPlan, make_random: Callable[[], RandomPlan]
) -> SketchPlan | SpatialPlan | RandomPlan:
    """Return the plan with the smaller predicted error, and in it the reason.

    Parameters
    ----------
    sketched : SketchPlan or SpatialPlan
    make_random : callable
        Designs the random features; not called where they cannot be better.
    """
    error, m = sketched.predicted_error, sketched.n_components
    if cheaper_to_know(error, m):
        return replace(
            sketched,
            reason=f"method polysketch: its predicted error of {error:.2g} is below what {m} random features reach",
        )
    try:
        other = make_random()
    except DualactError as refused:
        return replace(sketched, reason=f"method polysketch: no random features, because {_first(refused)}")
    beside = f"{other.error:.2g} of random features"
    if other.error < _GAIN * error:
        return replace(
            other,
            reason=f"method random: predicted error {other.error:.2g}, against {error:.2g} of polysketch",
        )
    return replace(sketched, reason=f"method polysketch: predicted error {error:.2g}, against {beside}")


def _first(refused: DualactError) -> str:
    return str(refused).split(". ")[0].rstrip(".")
