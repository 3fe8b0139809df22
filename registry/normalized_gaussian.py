"""Normalised Gaussian: a kernel without a pointwise function.

Dual, with ρ = c/√(pq):
    K  = √(pq) e^{γ(ρ−1)}
    K′ = ∂K/∂c = γ e^{γ(ρ−1)}, γ e^{−γ} where a variance is 0
Its coefficients at variance q are √(q e^{−γ} γ^k/k!); at γ = 1 and unit variance, k = 0..5:
    0.606531, 0.606531, 0.428882, 0.247615, 0.123808, 0.055368
Domain    all p, q ≥ 0, |c| ≤ √(pq).
Accuracy  2e-16 of √(K(u,u)·K(v,v)), against 80 digits.
Source    Shankar et al. 2020 ("Neural kernels without tangents"), section 3.
"""

from __future__ import annotations

import numpy as np

from dualact.nonlinearity.contract import Activation, Array
from dualact.nonlinearity.gaussian_pair import geometric_mean, one_minus_rho
from dualact.nonlinearity.parameters import positive
from dualact.nonlinearity.sequences import poisson_root

__all__ = ["normalized_gaussian"]


def normalized_gaussian(gamma: float = 1.0) -> Activation:
    """Return the kernel √(pq)·exp(gamma·(ρ − 1))."""
    g = positive("normalized_gaussian", "gamma", gamma)

    def dual(cov: Array, var_u: Array, var_v: Array) -> Array:
        result = _decay(g, cov, var_u, var_v)
        result *= geometric_mean(var_u, var_v)
        return result

    def dual_prime(cov: Array, var_u: Array, var_v: Array) -> Array:
        result = _decay(g, cov, var_u, var_v)
        result *= g
        return result

    def hermite(variance: Array, degree: int) -> Array:
        return np.multiply.outer(np.sqrt(variance), poisson_root(np.array(g), degree))

    return Activation(
        "normalized_gaussian",
        None,
        dual,
        dual_prime,
        hermite,
        homogeneity=1.0,
        params={"gamma": g},
        source="Shankar et al. 2020, section 3",
        formula=f"kernel only: sqrt(pq) exp({g:g} (rho - 1))",
        accuracy=6e-16,
    )


def _decay(gamma: float, cov: Array, var_u: Array, var_v: Array) -> Array:
    result = one_minus_rho(cov, var_u, var_v)
    result *= -gamma
    with np.errstate(under="ignore"):
        return np.exp(result, out=result)
