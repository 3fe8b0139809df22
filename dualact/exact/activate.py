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
        Variances of either side, (n, 1) and (1, m), or (p, r, 1) and (p, 1, c); or both (p, n, 1), for
        inputs with themselves.
    """
    scaled = scales_out(act)
    if scaled:
        roots = np.sqrt(var_u), np.sqrt(var_v)
        inverses = inverse_root(var_u), inverse_root(var_v)
    rows = max(1, _PART // max(1, sigma[0].size))
    for i in range(0, len(sigma), rows):
        part = slice(i, i + rows)
        pair, slope = sigma[part], None if theta is None else theta[part]
        if scaled:
            for side in inverses:
                pair *= _cut(side, part)
            np.clip(pair, -1.0, 1.0, out=pair)
            one = np.ones((1,) * pair.ndim)
            _replace(act, pair, pair, slope, one, one)
            for side in roots:
                pair *= _cut(side, part)
        else:
            p, q = _cut(var_u, part), _cut(var_v, part)
            _replace(act, snap_collinear(pair, p, q), pair, slope, p, q)


def scales_out(act: Activation) -> bool:
    """Whether closed forms at correlation ρ and unit variances are enough: K = √(pq) κ(ρ), K′ = κ′(ρ)."""
    return act.homogeneity == 1 and act.dual is not None and act.dual_prime is not None


def _replace(act: Activation, cov: Array, sigma: Array, theta: Array | None, p: Array, q: Array) -> None:
    # Tables from the first entry on: there will be many, and values must not depend on how many to a block.
    if theta is not None:
        theta *= dual_prime_array(act, cov, p, q, tabulate=True)
    sigma[...] = dual_array(act, cov, p, q, tabulate=True)


def _cut(side: Array, part: slice) -> Array:
    """Those of a side's rows that belong to a part; a side of one row belongs to all."""
    return side if len(side) == 1 else side[part]
