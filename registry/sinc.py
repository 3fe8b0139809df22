"""Cardinal sine: φ(t) = sin(πt)/(πt), 1 at 0 (the normalised sinc of NumPy and PyTorch).

Dual, derivative dual and Hermite coefficients are computed.

Domain    every finite t.
Accuracy  φ: 2e-16 absolute, φ′: 5e-16 absolute, against 60 digits, |t| ≤ 30. The computed duals: 4e-14
          of √(Eφ(u)²·Eφ(v)²), but ε·variance at |ρ| = 1, the effect of the rounding of c itself
          (docs/accuracy.md).
Source    numpy.sinc.
"""

from __future__ import annotations

import math

import numpy as np

from dualact.nonlinearity.contract import Activation, Array

__all__ = ["sinc"]

# φ′(t)/π = Σ_{j≥1} (−1)^j 2j x^{2j−1}/(2j+1)!, x = πt
_SLOPE = tuple((-1) ** j * 2 * j / math.factorial(2 * j + 1) for j in range(1, 10))


def sinc() -> Activation:
    """Return φ(t) = sin(πt)/(πt)."""
    return Activation(
        "sinc",
        np.sinc,
        phi_prime=_phi_prime,
        source="numpy.sinc",
        formula="sin(pi t)/(pi t)",
        parity="even",
        accuracy=5e-12,
    )


def _phi_prime(t: Array) -> Array:
    x = math.pi * t
    near = np.clip(x, -1.0, 1.0)
    square = near * near
    series: Array = np.full_like(square, _SLOPE[-1])
    for c in _SLOPE[-2::-1]:
        series *= square
        series += c
    series *= near
    far = np.where(np.abs(x) < 1.0, 1.0, x)
    plain = (np.cos(far) - np.sin(far) / far) / far
    return math.pi * np.where(np.abs(x) < 1.0, series, plain)
