"""What is carried from layer to layer: features of Σ and Θ at every position, and exact variances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["Array", "State"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class State:
    """Features of a block of inputs; an input without positions has one, (1, 1).

    Attributes
    ----------
    sigma : (n, h, w, m) array
        ⟨sigma(i), sigma'(i')⟩ estimates Σ(i, i').
    theta : (n, h, w, t) array or None
        The same for Θ; None while Θ is 0, or where it is not asked for. It is ``sigma`` itself where Θ = Σ.
    variance : (n, h, w) float64 array
        Σ(i, i): exact through weights, activations and normalisations; the squared length of the pooled
        features after a pool, which needs pairs of different positions.
    """

    sigma: Array
    theta: Array | None
    variance: Array
