"""Meander: φ(x) = x + (1 − cos bx)/b, a straight line with bends of wavelength 2π/b.

For (u, v) ~ N(0, [[p, c], [c, q]]); the mixed terms E[u cos bv] vanish by symmetry:
    E[φφ]   = c + [(1 − A)(1 − B) + AB(cosh b²c − 1)]/b²,   A = e^{−b²p/2}, B = e^{−b²q/2}
    E[φ′φ′] = 1 + AB sinh b²c
Domain    all p, q ≥ 0, |c| ≤ √(pq), b > 0. AB cosh overflows as written and cancels for small
          variances; the code has both in expm1 and exponents that are never positive.
Accuracy  relative to √(Eφ(u)²·Eφ(v)²): dual 1e-15; derivative dual ε·b²·variance near |ρ| = 1, where
          the rounding of c itself costs that much.
Source    the duals by E e^{i(su+tv)}.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dualact import Activation

Array = NDArray[np.float64]


def meander(bend: float = 2.0) -> Activation:
    """Return φ(x) = x + (1 − cos(bend·x))/bend."""
    if not 0 < bend < np.inf:
        raise ValueError(f"bend must be a positive number. Got {bend!r}.")
    b = float(bend)

    def phi(x: Array) -> Array:
        return x + 2.0 * np.sin(0.5 * b * x) ** 2 / b

    def phi_prime(x: Array) -> Array:
        return 1.0 + np.sin(b * x)

    def dual(cov: Array, var_u: Array, var_v: Array) -> Array:
        size, rest = _exponents(b, cov, var_u, var_v)
        # AB(cosh s − 1) = ½ e^{s−m}(1 − e^{−s})², s = |b²c|, m = b²(p + q)/2
        mixed = 0.5 * np.exp(rest) * np.expm1(-size) ** 2
        ends = np.expm1(-0.5 * b * b * var_u) * np.expm1(-0.5 * b * b * var_v)
        return cov + (ends + mixed) / (b * b)

    def dual_prime(cov: Array, var_u: Array, var_v: Array) -> Array:
        size, rest = _exponents(b, cov, var_u, var_v)
        return 1.0 - np.sign(cov) * 0.5 * np.exp(rest) * np.expm1(-2.0 * size)

    return Activation(
        "meander",
        phi,
        dual,
        dual_prime,
        phi_prime=phi_prime,
        params={"bend": b},
        source="characteristic function of the Gaussian pair",
        formula=f"x + (1 - cos({b:g} x)) / {b:g}",
        accuracy=1e-12 * max(b * b, 1.0),
    )


def _exponents(b: float, cov: Array, var_u: Array, var_v: Array) -> tuple[Array, Array]:
    """Return s = |b²c| and s − m ≤ 0, m = b²(p + q)/2."""
    size = np.abs(b * b * cov)
    return size, np.minimum(size - 0.5 * b * b * (var_u + var_v), 0.0)
