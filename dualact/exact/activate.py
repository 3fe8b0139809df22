"""An activation on a block of pairs, in parts that stay in the cache."""

from __future__ import annotations

import numpy as np

from ..nonlinearity.contract import Activation, Array
from ..nonlinearity.duals import dual_array, dual_prime_array
from .recursion import inverse_root, snap_collinear

__all__ = ["activate", "scales_out"]

_PART = 2**16  # entries worked on at once: their temporaries stay near, and calls cost nothing beside them


def activate(act: Activation, sigma: Array, theta: Array | None, var_u: Array, var_v: Array) -> None:
    """Σ ← E φ(u)φ(v) and Θ ← Θ·E φ′(u)φ′(v), in place.

    Parameters
    ----------
    act : Activation
    sigma : (n, m) or (p, r, c) array
    theta : array of that shape, or None
    var_u, var_v : arrays
        Variances of either side, (n, 1) and (1, m), or (p, r, 1) and (p, 1, c).
    """
    scaled = scales_out(act)
    if scaled:
        roots = np.sqrt(var_u), np.sqrt(var_v)
        inverses = inverse_root(var_u), inverse_root(var_v)
    computed = act.dual is None or (theta is not None and act.dual_prime is None)
    # Tables serve a stack of matrices as a whole.
    whole = computed and sigma.ndim == 3
    rows = len(sigma) if whole else max(1, _PART // max(1, sigma[0].size))
    for i in range(0, len(sigma), rows):
        part = slice(i, i + rows)
        pair, slope = sigma[part], None if theta is None else theta[part]
        if scaled:
            for side in inverses:
                pair *= _cut(side, part)
            _at_unit_variance(act, pair, slope)
            for side in roots:
                pair *= _cut(side, part)
        else:
            p, q = _cut(var_u, part), _cut(var_v, part)
            cov = snap_collinear(pair, p, q)
            if slope is not None:
                slope *= dual_prime_array(act, cov, p, q)
            pair[...] = dual_array(act, cov, p, q)


def scales_out(act: Activation) -> bool:
    """Whether closed forms at correlation ρ and unit variances are enough: K = √(pq) κ(ρ), K′ = κ′(ρ)."""
    return act.homogeneity == 1 and act.dual is not None and act.dual_prime is not None


def _at_unit_variance(act: Activation, rho: Array, theta: Array | None) -> None:
    one = np.ones((1,) * rho.ndim)
    np.clip(rho, -1.0, 1.0, out=rho)
    if theta is not None:
        theta *= dual_prime_array(act, rho, one, one)
    rho[...] = dual_array(act, rho, one, one)


def _cut(side: Array, part: slice) -> Array:
    """Those of a side's rows that belong to a part; a side of one row belongs to all."""
    return side if len(side) == 1 else side[part]
