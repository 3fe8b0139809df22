"""Sparse plus and sparse sigmoid: a quadratic between −1 and 1, linear pieces outside, and its slope.

    sparse_plus     0 for t ≤ −1, ¼(t + 1)² between, t for t ≥ 1
    sparse_sigmoid  0 for t ≤ −1, ½(t + 1)  between, 1 for t ≥ 1
Dual, derivative dual and Hermite coefficients are computed.

Domain    every finite t.
Accuracy  φ and φ′: to rounding.
Source    jax.nn.sparse_plus, jax.nn.sparse_sigmoid; Martins & Astudillo 2016 (sparsemax in two classes).
"""

from __future__ import annotations

import numpy as np

from dualact.nonlinearity.contract import Activation, Array

__all__ = ["sparse_plus", "sparse_sigmoid"]

_SOURCE = "jax.nn; Martins & Astudillo 2016"


def sparse_plus() -> Activation:
    """Return φ(t) = 0, ¼(t + 1)² or t: the integral of sparse_sigmoid."""

    def phi(t: Array) -> Array:
        inner = np.clip(t, -1.0, 1.0) + 1.0
        return 0.25 * inner * inner + np.maximum(t - 1.0, 0.0)

    return Activation(
        "sparse_plus",
        phi,
        phi_prime=_sparse_sigmoid,
        breakpoints=(-1.0, 1.0),
        source=_SOURCE,
        formula="0 for t <= -1, (t + 1)^2/4, t for t >= 1",
    )


def sparse_sigmoid() -> Activation:
    """Return φ(t) = ½(t + 1), clipped to [0, 1]."""

    def phi_prime(t: Array) -> Array:
        return np.where(np.abs(t) < 1.0, 0.5, np.where(np.abs(t) == 1.0, 0.25, 0.0))

    return Activation(
        "sparse_sigmoid",
        _sparse_sigmoid,
        phi_prime=phi_prime,
        breakpoints=(-1.0, 1.0),
        source=_SOURCE,
        formula="(t + 1)/2, clipped to [0, 1]",
    )


def _sparse_sigmoid(t: Array) -> Array:
    return 0.5 * (np.clip(t, -1.0, 1.0) + 1.0)
