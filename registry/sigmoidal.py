"""Bounded, S-shaped functions and their kin: tanh, sigmoid, softsign, arctan, tanhshrink.

None has a dual in closed form: only φ and φ′ stand here, each in a form that keeps its relative
accuracy in the tails (and, for tanhshrink = t − tanh t, near 0), and what the engines need to know of
them. Dual, derivative dual and Hermite coefficients are computed with error control.

Domain    every finite t.
Accuracy  φ: 3e-16 relative (tanhshrink: 3e-15); φ′: 4e-16 absolute; against 60 digits, |t| ≤ 30.
          The computed duals: 1e-14 of √(Eφ(u)²·Eφ(v)²), E φ′φ′ 1e-13, at variances 1e-8 … 1e4
          (docs/accuracy.md).
Source    LeCun, Bottou, Orr, Müller 1998 (tanh); Glorot & Bengio 2010 (softsign).
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from dualact.nonlinearity.contract import Activation, Array

__all__ = ["arctan", "sigmoid", "softsign", "tanh", "tanhshrink"]

# Taylor coefficients of tanh: t − t³/3 + 2t⁵/15 − …, those from t³ on, with the signs of t − tanh t
_TANH = (
    1 / 3,
    -2 / 15,
    17 / 315,
    -62 / 2835,
    1382 / 155925,
    -21844 / 6081075,
    929569 / 638512875,
    -6404582 / 10854718875,
    443861162 / 1856156927625,
    -18888466084 / 194896477400625,
    113927491862 / 2900518163668125,
    -58870668456604 / 3698160658676859375,
)


def tanh() -> Activation:
    """Return φ(t) = tanh t."""
    return Activation(
        "tanh",
        np.tanh,
        phi_prime=_sech_squared,
        source="LeCun et al. 1998",
        formula="tanh(t)",
        parity="odd",
        accuracy=1e-12,
    )


def sigmoid() -> Activation:
    """Return φ(t) = 1/(1 + e^{−t})."""

    def phi_prime(t: Array) -> Array:
        slope: Array = expit(t) * expit(-t)
        return slope

    return Activation(
        "sigmoid",
        expit,
        phi_prime=phi_prime,
        source="logistic function",
        formula="1/(1 + exp(-t))",
        accuracy=2e-13,
    )


def softsign() -> Activation:
    """Return φ(t) = t/(1 + |t|)."""

    def phi(t: Array) -> Array:
        return t / (1.0 + np.abs(t))

    def phi_prime(t: Array) -> Array:
        slope: Array = 1.0 / (1.0 + np.abs(t))
        return slope * slope

    return Activation(
        "softsign",
        phi,
        phi_prime=phi_prime,
        breakpoints=(0.0,),
        source="Glorot & Bengio 2010",
        formula="t/(1 + |t|)",
        parity="odd",
        accuracy=1e-13,
    )


def arctan() -> Activation:
    """Return φ(t) = arctan t."""

    def phi_prime(t: Array) -> Array:
        root: Array = 1.0 / np.hypot(1.0, t)
        return root * root

    return Activation(
        "arctan",
        np.arctan,
        phi_prime=phi_prime,
        source="elementary",
        formula="arctan(t)",
        parity="odd",
        accuracy=5e-13,
    )


def tanhshrink() -> Activation:
    """Return φ(t) = t − tanh t."""

    def phi_prime(t: Array) -> Array:
        root = np.tanh(t)
        return root * root

    return Activation(
        "tanhshrink",
        _tanhshrink,
        phi_prime=phi_prime,
        source="elementary",
        formula="t - tanh(t)",
        parity="odd",
        accuracy=1e-13,
    )


@np.errstate(under="ignore")
def _sech_squared(t: Array) -> Array:
    decay: Array = np.exp(-2.0 * np.abs(t))
    slope: Array = 4.0 * decay / ((1.0 + decay) * (1.0 + decay))
    return slope


def _tanhshrink(t: Array) -> Array:
    small = np.clip(t, -0.3, 0.3)
    square = small * small
    series: Array = np.full_like(square, _TANH[-1])
    for c in _TANH[-2::-1]:
        series *= square
        series += c
    series *= square * small
    return np.where(np.abs(t) < 0.3, series, t - np.tanh(t))
