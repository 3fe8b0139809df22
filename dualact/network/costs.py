"""What a pair of inputs costs the exact kernel of a spatial network: memory, and roughly time."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .layers import Act, Conv, Residual
from .stages import Stage, every_stage

__all__ = ["PairCost", "pair_cost"]

# Nanoseconds an entry on one core, as measured at 32×32: additions and scaling of a 3×3 Conv per array, and a
# dual activation that is homogeneous, in closed form, or computed.
_CONV, _HOMOGENEOUS, _CLOSED, _COMPUTED = 3.0, 6.0, 15.0, 300.0


@dataclass(frozen=True)
class PairCost:
    """Of one pair of inputs.

    Attributes
    ----------
    entries : int
        Of Σ at the layer where it is largest.
    memory : int
        Bytes at the peak.
    seconds : float
        On one core, roughly.
    """

    entries: int
    memory: int
    seconds: float


def pair_cost(stages: tuple[Stage, ...], with_theta: bool) -> PairCost:
    """Return what a pair of inputs costs.

    Parameters
    ----------
    stages : tuple of Stage
    with_theta : bool
        Whether the tangent kernel is computed as well.
    """
    arrays = 2 if with_theta else 1
    found = list(every_stage(stages))
    entries = max((_entries(s, s.positions, s.before) for s in found), default=1)
    nanoseconds = 0.0
    for stage in found:
        here = _entries(stage, stage.positions, stage.before)
        match stage.layer:
            case Conv():
                nanoseconds += here * arrays * _CONV
            case Act() as layer:
                act = layer.activation
                closed = act.dual is not None and (not with_theta or act.dual_prime is not None)
                rate = (_HOMOGENEOUS if act.homogeneity == 1 else _CLOSED) if closed else _COMPUTED
                nanoseconds += here * arrays * rate
            case _:
                nanoseconds += here * arrays
    return PairCost(entries, 8 * arrays * _peak(stages), nanoseconds * 1e-9)


def _peak(stages: tuple[Stage, ...]) -> int:
    """The entries of Σ that are alive at a time: around a layer, and what waits for a branch."""
    most = 1
    for stage in stages:
        before = _entries(stage, stage.positions, stage.before)
        after = _entries(stage, stage.outputs, stage.after)
        inner = _peak(stage.branch) if isinstance(stage.layer, Residual) else 0
        most = max(most, before + max(after, inner))
    return most


def _entries(stage: Stage, positions: tuple[int, ...], pairs: str) -> int:
    places = math.prod(positions)
    return {"none": 0, "flat": 1, "equal": places, "all": places**2}[pairs]
