"""Sine and cosine: φ(t) = a sin(bt + f), φ(t) = a cos(bt + f), and rbf, whose dual is the RBF kernel.

With φ = a(C sin bt + S cos bt) (sine: C = cos f, S = sin f; cosine: C = −sin f, S = cos f):
    E[φφ]   = a² e^{−b²(p+q)/2} [S² cosh(b²c) + C² sinh(b²c)]
    E[φ′φ′] = a²b² e^{−b²(p+q)/2} [C² cosh(b²c) + S² sinh(b²c)]
rbf(γ): a = 1, b = √(2γ), S = C = 1, that is √2 sin(√(2γ)t + π/4):
    E[φφ] = e^{γ(2c−p−q)}, E[φ′φ′] = 2γ E[φφ]
Hermite coefficients of sin at unit variance, normalised probabilists', k = 0..5:
    0, 0.606531, 0, −0.247615, 0, 0.055368
Domain    all p, q ≥ 0, |c| ≤ √(pq). sinh and cosh are formed from expm1(−2b²|c|), so neither small nor
          large covariances cancel or overflow.
Accuracy  relative to √(Eφ(u)²·Eφ(v)²), against 80 digits: 4e-13·b² for variances to 1e4 (near |ρ| = 1
          it is ε·b²·variance, the effect of the rounding of c itself), 4e-16 for variances to 10/b².
Source    Louart, Liao, Couillet 2018, table 1; Rahimi & Recht 2007 (rbf).
"""

from __future__ import annotations

import math

import numpy as np

from dualact.nonlinearity.contract import Activation, Array, Phi
from dualact.nonlinearity.parameters import finite, nonzero, positive
from dualact.nonlinearity.sequences import poisson_root

__all__ = ["cos", "rbf", "sin"]

_ACCURACY = 2e-12
_SOURCE = "Louart, Liao & Couillet 2018, table 1"


def sin(amplitude: float = 1.0, frequency: float = 1.0, phase: float = 0.0) -> Activation:
    """Return φ(t) = amplitude·sin(frequency·t + phase)."""
    a, b, f = _checked("sin", amplitude, frequency, phase)

    def phi(t: Array) -> Array:
        return a * np.sin(b * t + f)

    def phi_prime(t: Array) -> Array:
        return a * b * np.cos(b * t + f)

    return _wave("sin", (a, b, f), math.cos(f), math.sin(f), phi, phi_prime)


def cos(amplitude: float = 1.0, frequency: float = 1.0, phase: float = 0.0) -> Activation:
    """Return φ(t) = amplitude·cos(frequency·t + phase)."""
    a, b, f = _checked("cos", amplitude, frequency, phase)

    def phi(t: Array) -> Array:
        return a * np.cos(b * t + f)

    def phi_prime(t: Array) -> Array:
        return -a * b * np.sin(b * t + f)

    return _wave("cos", (a, b, f), -math.sin(f), math.cos(f), phi, phi_prime)


def rbf(gamma: float = 1.0) -> Activation:
    """Return φ(t) = √2 sin(√(2 gamma)·t + π/4), whose dual is exp(−gamma·E(u − v)²)."""
    g = positive("rbf", "gamma", gamma)
    b = math.sqrt(2 * g)

    def phi(t: Array) -> Array:
        return math.sqrt(2) * np.sin(b * t + math.pi / 4)

    def phi_prime(t: Array) -> Array:
        return b * math.sqrt(2) * np.cos(b * t + math.pi / 4)

    def dual(cov: Array, var_u: Array, var_v: Array) -> Array:
        result: Array = np.asarray(cov - 0.5 * (var_u + var_v))
        # −E(u − v)²/2 is above 0 only by rounding
        np.minimum(result, 0.0, out=result)
        result *= 2 * g
        with np.errstate(under="ignore"):
            return np.exp(result, out=result)

    def dual_prime(cov: Array, var_u: Array, var_v: Array) -> Array:
        result = dual(cov, var_u, var_v)
        result *= 2 * g
        return result

    def hermite(variance: Array, degree: int) -> Array:
        return _signed(poisson_root(2 * g * np.asarray(variance), degree), 1.0, 1.0)

    return Activation(
        "rbf",
        phi,
        dual,
        dual_prime,
        hermite,
        phi_prime,
        params={"gamma": g},
        source="Rahimi & Recht 2007",
        formula=f"sqrt(2) sin(sqrt({2 * g:g}) t + pi/4)",
        accuracy=max(_ACCURACY * 2 * g, 1e-15),
    )


def _checked(name: str, amplitude: float, frequency: float, phase: float) -> tuple[float, float, float]:
    return (
        nonzero(name, "amplitude", amplitude),
        nonzero(name, "frequency", frequency),
        finite(name, "phase", phase),
    )


def _wave(
    name: str, wave: tuple[float, float, float], sine: float, cosine: float, phi: Phi, phi_prime: Phi
) -> Activation:
    """Return the activation a(sine·sin bt + cosine·cos bt), both of its duals in the stable form."""
    a, b, f = wave

    def dual(cov: Array, var_u: Array, var_v: Array) -> Array:
        return _combine(a * a, b * b, cosine**2, sine**2, cov, var_u, var_v)

    def dual_prime(cov: Array, var_u: Array, var_v: Array) -> Array:
        return _combine(a * a * b * b, b * b, sine**2, cosine**2, cov, var_u, var_v)

    def hermite(variance: Array, degree: int) -> Array:
        root = poisson_root(b * b * np.asarray(variance), degree)
        root *= a
        return _signed(root, cosine, sine if b >= 0 else -sine)

    return Activation(
        name,
        phi,
        dual,
        dual_prime,
        hermite,
        phi_prime,
        params={"amplitude": a, "frequency": b, "phase": f},
        source=_SOURCE,
        formula=f"{a:g} {name}({b:g} t + {f:g})",
        parity=None if f else "odd" if name == "sin" else "even",
        accuracy=max(_ACCURACY * b * b, 1e-15),
    )


def _combine(
    scale: float, rate: float, even: float, odd: float, cov: Array, var_u: Array, var_v: Array
) -> Array:
    """Return scale·e^{−rate(p+q)/2}·(even·cosh(rate·c) + odd·sinh(rate·c))."""
    size = np.abs(cov)
    with np.errstate(under="ignore"):
        # e^{−2x} − 1 =: m gives e^{−x} cosh x = 1 + m/2 and e^{−x} sinh x = −m/2
        half: Array = np.asarray(np.expm1((-2 * rate) * size))
        half *= 0.5
        envelope: Array = np.asarray(size - 0.5 * (var_u + var_v))
        # |c| − (p + q)/2 is above 0 only by rounding
        np.minimum(envelope, 0.0, out=envelope)
        envelope *= rate
        np.exp(envelope, out=envelope)
    signed: Array = np.copysign(half, cov)
    signed *= odd
    half += 1.0
    half *= even
    signed += half
    envelope *= signed
    envelope *= scale
    return envelope


def _signed(root: Array, cosine: float, sine: float) -> Array:
    """Return a_k = cosine·Re i^k·root_k + sine·Im i^k·root_k, in place."""
    for start, factor in enumerate((cosine, sine, -cosine, -sine)):
        root[..., start::4] *= factor
    return root
