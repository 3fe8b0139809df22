"""How the columns are shared: by the variance that each part adds to the output, as measured.

A part with D columns adds the variance V/D to an entry of the Gram matrix, and takes c output columns a
column (its features are passed on through later layers, merged where they can be). Σ V/D subject to Σ c·D = m
is least at D ∝ √(V/c).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Part", "share_columns"]

_NOTHING = 1e-14  # of the largest variance: rounding


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes
    ----------
    path, name : str
        The Act layer, and one of :data:`dualact.sketch.random.design.PARTS`.
    variance : float
        V, measured; 0 for a part that is empty.
    cost : float
        c ≥ 0.
    most : int
        Columns beyond which nothing is gained.
    """

    path: str
    name: str
    variance: float
    cost: float
    most: int


def share_columns(parts: Sequence[Part], budget: float) -> list[int]:
    """Return the columns of each part: at least 1, none where V is 0.

    Parameters
    ----------
    parts : sequence of Part
    budget : float
        Output columns, Σ c·D.

    Returns
    -------
    list of int

    Examples
    --------
    >>> share_columns([Part("1", "rest", 4.0, 1.0, 1000), Part("3", "rest", 1.0, 1.0, 1000)], 90)
    [60, 30]
    """
    variance = np.array([p.variance for p in parts], dtype=float)
    cost = np.array([p.cost for p in parts], dtype=float)
    most = np.array([p.most for p in parts], dtype=float)
    loud = variance > _NOTHING * variance.max(initial=0.0)
    free = loud & (cost <= 0)
    paid = loud & ~free
    columns = np.where(free, most, 0.0)
    if paid.any():
        wish = np.zeros(len(parts))
        wish[paid] = np.sqrt(variance[paid] / cost[paid])
        wish /= wish.max()
        low, high = 1e-3, 2.0**40
        for _ in range(200):
            middle = math.sqrt(low * high)
            trial = np.clip(np.floor(middle * wish), 1, np.maximum(most, 1))
            if float(trial[paid] @ cost[paid]) <= budget:
                low = middle
            else:
                high = middle
        columns[paid] = np.clip(np.floor(low * wish), 1, np.maximum(most, 1))[paid]
    return [int(c) for c in columns]
