"""Which activations the strategies draw from when they are not told."""

from __future__ import annotations

__all__ = ["CLOSED", "HOMOGENEOUS", "USUAL"]

#: Smooth and kinked, even, odd and neither, closed forms and computed, all bounded by a line.
USUAL = ("relu", "erf", "gelu", "sin", "leaky_relu", "abs", "hard_tanh", "tanh", "normalized_gaussian")
#: Homogeneous of degree 1.
HOMOGENEOUS = ("relu", "leaky_relu", "abs", "identity", "normalized_gaussian")
#: With both duals in closed form: for networks with an entry for every pair of positions.
CLOSED = ("relu", "erf", "gelu", "leaky_relu", "abs", "normalized_gaussian")
