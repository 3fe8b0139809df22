"""Smooth rectifiers: silu, softplus, log_sigmoid, mish, gelu_tanh, quick_gelu, squareplus.

None has a dual in closed form: only φ and φ′ stand here, in forms that keep their relative accuracy in
the left tail, where the textbook ones cancel or overflow. Dual, derivative dual and Hermite
coefficients are computed with error control.

Domain    every finite t.
Accuracy  φ: 4e-16·(1 + |t|) relative (gelu_tanh, whose exponent grows as t³: 8e-15·(1 + |t|)); φ′: 4e-16
          absolute; against 60 digits, |t| ≤ 30. The computed duals: 2e-14 of √(Eφ(u)²·Eφ(v)²) (gelu_tanh:
          2e-13), at variances 1e-8 … 1e4 (docs/accuracy.md).
Source    Ramachandran, Zoph, Le 2017 (silu); Dugas et al. 2001 (softplus); Misra 2019 (mish);
          Hendrycks & Gimpel 2016 (both GELUs); Barron 2021 (squareplus).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit

from dualact.nonlinearity.contract import Activation, Array
from dualact.nonlinearity.parameters import positive

__all__ = ["gelu_tanh", "log_sigmoid", "mish", "quick_gelu", "silu", "softplus", "squareplus"]


def silu() -> Activation:
    """Return φ(t) = t/(1 + e^{−t}), also called swish."""
    return _gated("silu", 1.0, "t/(1 + exp(-t))", "Ramachandran, Zoph & Le 2017")


def quick_gelu() -> Activation:
    """Return φ(t) = t/(1 + e^{−1.702t})."""
    return _gated("quick_gelu", 1.702, "t/(1 + exp(-1.702 t))", "Hendrycks & Gimpel 2016")


def softplus(beta: float = 1.0) -> Activation:
    """Return φ(t) = ln(1 + e^{beta·t})/beta."""
    b = positive("softplus", "beta", beta)

    def phi(t: Array) -> Array:
        return _softplus(b * t) / b

    def phi_prime(t: Array) -> Array:
        slope: Array = expit(b * t)
        return slope

    return Activation(
        "softplus",
        phi,
        phi_prime=phi_prime,
        params={"beta": b},
        source="Dugas et al. 2001",
        formula=f"log(1 + exp({b:g} t))/{b:g}",
        accuracy=3e-13,
    )


def log_sigmoid() -> Activation:
    """Return φ(t) = −ln(1 + e^{−t})."""

    def phi(t: Array) -> Array:
        return -_softplus(-t)

    def phi_prime(t: Array) -> Array:
        slope: Array = expit(-t)
        return slope

    return Activation(
        "log_sigmoid",
        phi,
        phi_prime=phi_prime,
        source="elementary",
        formula="-log(1 + exp(-t))",
        accuracy=1e-13,
    )


def mish() -> Activation:
    """Return φ(t) = t·tanh(ln(1 + e^t))."""
    return Activation(
        "mish",
        _mish,
        phi_prime=_mish_prime,
        source="Misra 2019",
        formula="t tanh(log(1 + exp(t)))",
        accuracy=5e-13,
    )


def gelu_tanh() -> Activation:
    """Return φ(t) = ½t(1 + tanh(√(2/π)(t + 0.044715t³)))."""
    scale, cubic = math.sqrt(8 / math.pi), 0.044715

    def gate(t: Array) -> tuple[Array, Array]:
        # beyond |t| = 30 the gate is 0 or 1 to the last bit (exponent −2000); clipped, t³ cannot overflow
        near = np.clip(t, -30.0, 30.0)
        return near, scale * (near + cubic * near * near * near)

    @np.errstate(under="ignore")
    def phi(t: Array) -> Array:
        _, inner = gate(t)
        value: Array = t * expit(inner)
        return value

    @np.errstate(under="ignore")
    def phi_prime(t: Array) -> Array:
        near, inner = gate(t)
        on = expit(inner)
        slope: Array = on * (1.0 + near * expit(-inner) * scale * (1.0 + 3 * cubic * near * near))
        return slope

    return Activation(
        "gelu_tanh",
        phi,
        phi_prime=phi_prime,
        source="Hendrycks & Gimpel 2016",
        formula="t (1 + tanh(sqrt(2/pi) (t + 0.044715 t^3)))/2",
        accuracy=1e-12,
    )


def squareplus(b: float = 4.0) -> Activation:
    """Return φ(t) = (t + √(t² + b))/2."""
    b = positive("squareplus", "b", b)
    width = math.sqrt(b)

    def phi(t: Array) -> Array:
        root = np.hypot(t, width)
        far = np.abs(t) + root
        # t + √(t² + b) = b/(√(t² + b) − t) for t < 0
        return np.where(t >= 0, 0.5 * far, (0.5 * b) / far)

    def phi_prime(t: Array) -> Array:
        slope: Array = phi(t) / np.hypot(t, width)
        return slope

    return Activation(
        "squareplus",
        phi,
        phi_prime=phi_prime,
        params={"b": b},
        source="Barron 2021",
        formula=f"(t + sqrt(t^2 + {b:g}))/2",
        accuracy=1e-13,
    )


def _gated(name: str, rate: float, formula: str, source: str) -> Activation:
    """Return φ(t) = t·σ(rate·t), φ′ = σ(rate·t)(1 + rate·t·σ(−rate·t))."""

    @np.errstate(under="ignore")
    def phi(t: Array) -> Array:
        value: Array = t * expit(rate * t)
        return value

    @np.errstate(under="ignore")
    def phi_prime(t: Array) -> Array:
        inner = rate * t
        slope: Array = expit(inner) * (1.0 + inner * expit(-inner))
        return slope

    return Activation(name, phi, phi_prime=phi_prime, source=source, formula=formula, accuracy=3e-13)


@np.errstate(under="ignore")
def _softplus(t: Array) -> Array:
    value: Array = np.log1p(np.exp(-np.abs(t)))
    return value + np.maximum(t, 0.0)


@np.errstate(under="ignore")
def _mish(t: Array) -> Array:
    # with w = e^t: tanh ln(1+w) = (w² + 2w)/(w² + 2w + 2); for t > 0 numerator and denominator over w²
    decay = np.exp(-np.abs(t))
    right = 1.0 + 2.0 * decay
    left = decay * (decay + 2.0)
    value: Array = t * np.where(t > 0, right / (right + 2.0 * decay * decay), left / (left + 2.0))
    return value


@np.errstate(under="ignore")
def _mish_prime(t: Array) -> Array:
    decay = np.exp(-np.abs(t))
    right = 1.0 + 2.0 * decay
    left = decay * (decay + 2.0)
    right_sum, left_sum = right + 2.0 * decay * decay, left + 2.0
    # sech²·σ = 4w(1 + w)/(w² + 2w + 2)²
    common = 4.0 * decay * (1.0 + decay)
    on_right = right / right_sum + t * (common * decay / (right_sum * right_sum))
    on_left = left / left_sum + t * (common / (left_sum * left_sum))
    return np.where(t > 0, on_right, on_left)
