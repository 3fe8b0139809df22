"""Duals of functions with breakpoints anywhere, by conditioning on one variable.

    K = ∫ φ(√p x) G(ρ√q x, σ) n(x) dx,   G(m, σ) = E φ(m + σz),   σ = √(q(1 − ρ²)),  p ≥ q.

The outer panels have edges where φ has, where φ(√q ·) has them and at the layers of width σ around its
breakpoints. G comes from the product weights of :mod:`.panels` at the level of σ near a breakpoint, and
from a trapezoidal rule elsewhere. ρ = ±1 is the plain integral. Slower than :mod:`.polar` (about 1 ms an
entry), but it asks nothing of φ except that its breakpoints are declared.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial.hermite_e import hermegauss

from ..coefficients import reach
from ..contract import Array
from ..panels import NODES, PanelTable, gauss_legendre

__all__ = ["conditional", "conditional_error"]

#: sin θ below this is a collinear pair: the layers are thinner than the rounding of cov can place them.
_COLLINEAR = 5e-8
_LAYER = np.array([-7.5, -2.5, 0.0, 2.5, 7.5])
_POINTS = 16
_SPREAD = 8.7
_BATCH = 16
#: On coarse leaves so many σ wide, a Gauss–Hermite rule of 12 points is exact to rounding.
_GENTLE = 40.0
_HERMITE_NODES, _HERMITE_WEIGHTS = hermegauss(12)
_HERMITE_WEIGHTS = _HERMITE_WEIGHTS / math.sqrt(2 * math.pi)
_PANEL = 5.0  # 32 nodes hold e^(−z²/2) over a width of 5 to 1e-15


def conditional(
    table: PanelTable, p: Array, q: Array, rho: Array, sine: Array, points: int = _POINTS
) -> Array:
    """Return E f(u)f(v) for 1-D arrays of triples.

    Parameters
    ----------
    table : PanelTable
        f and its breakpoints.
    p, q : ndarray, shape (n,)
        Variances, positive.
    rho, sine : ndarray, shape (n,)
        Correlation and √(1 − ρ²) (given apart: it is lost in ρ near ±1).
    points : int
        Gauss–Legendre points of each outer panel.

    Returns
    -------
    ndarray, shape (n,)
    """
    wide, narrow = np.sqrt(np.maximum(p, q)), np.sqrt(np.minimum(p, q))
    out = np.empty(len(rho))
    x, w = gauss_legendre(points)
    far = {value: max(9.3, 0.75 * reach(table, value * value)) for value in set(wide.tolist())}
    for start in range(0, len(rho), _BATCH):
        rows = range(start, min(start + _BATCH, len(rho)))
        at, weight, entry = [], [], []
        for i in rows:
            edges = _edges(table, far[float(wide[i])], wide[i], narrow[i], rho[i], sine[i])
            half = np.diff(edges) / 2
            z = (edges[:-1] + half)[:, None] + half[:, None] * x
            at.append(z.ravel())
            weight.append((half[:, None] * w * np.exp(-0.5 * z * z)).ravel())
            entry.append(np.full(z.size, i))
        z, k = np.concatenate(at), np.concatenate(entry)
        inner = _smoothed(
            table, rho[k] * narrow[k] * z, narrow[k] * sine[k], 0.6 if points == _POINTS else 0.5
        )
        terms = np.concatenate(weight) * table(wide[k] * z) * inner
        out[rows] = np.bincount(k - start, terms, minlength=len(rows))
    return out / math.sqrt(2 * math.pi)


def conditional_error(table: PanelTable, p: Array, q: Array, rho: Array, sine: Array, value: Array) -> Array:
    """Return \\|value − a finer rule\\|, entry by entry."""
    return np.abs(value - conditional(table, p, q, rho, sine, points=_POINTS + 8))


def _edges(table: PanelTable, far: float, wide: float, narrow: float, rho: float, sine: float) -> Array:
    """Edges of the outer panels on [−far, far], in standard deviations of u."""
    found = [np.array([-6.5, -4.5, -2.7, -1.3, 0.0, 1.3, 2.7, 4.5, 6.5, -far, far])]
    found.append(table.coarse(far * wide) / wide)
    slope = rho * narrow
    if abs(slope) * far > 0:
        # φ(√q ·) smoothed over σ: edges closer than that are not needed.
        leaves = table.coarse(far * abs(slope))
        width = sine * narrow
        if width > 0:
            leaves = leaves[np.unique(np.floor(leaves / width), return_index=True)[1]]
        found.append(leaves / slope)
        if sine >= _COLLINEAR:
            found.append((table.breakpoints[:, None] / slope + _LAYER * (sine / abs(rho))).ravel())
        else:
            found.append(table.breakpoints / slope)
    edges = np.concatenate(found)
    return np.unique(edges[np.abs(edges) <= far])


def _smoothed(table: PanelTable, m: Array, sigma: Array, step: float) -> Array:
    """Return G(m, σ) = E f(m + σz)."""
    window = _SPREAD * sigma
    leaves = table.coarse(float((np.abs(m) + window).max(initial=1e-30)))
    ends = [np.searchsorted(leaves, x, "right") - 1 for x in (m - window, m + window)]
    first, last = (np.clip(x, 0, len(leaves) - 2) for x in ends)
    # The narrowest leaf within reach.
    widths = np.append(np.diff(leaves), np.inf)
    local = np.minimum.reduceat(widths, np.stack([first, last + 1], -1).ravel())[::2]
    near = local < 8 * sigma
    if table.breakpoints.size:
        after = np.searchsorted(table.breakpoints, m)
        gap = np.minimum(
            np.abs(m - table.breakpoints[np.minimum(after, len(table.breakpoints) - 1)]),
            np.abs(m - table.breakpoints[np.maximum(after - 1, 0)]),
        )
        near |= gap < (_SPREAD + 0.3) * sigma
    thin = sigma < _COLLINEAR * 1e-3 * np.abs(m)
    narrowest = sigma <= 0
    near &= ~narrowest
    out = np.empty_like(m)
    flat = narrowest | (thin & ~near)
    if flat.any():
        out[flat] = table(m[flat])
    gentle = ~near & ~flat & (local > _GENTLE * sigma)
    if gentle.any():
        out[gentle] = table(m[gentle][:, None] + sigma[gentle][:, None] * _HERMITE_NODES) @ _HERMITE_WEIGHTS
    plain = ~near & ~flat & ~gentle
    if plain.any():
        z = np.arange(-math.floor(_SPREAD / step), math.floor(_SPREAD / step) + 1) * step
        rule = np.exp(-0.5 * z * z) * step / math.sqrt(2 * math.pi)
        out[plain] = table(m[plain][:, None] + sigma[plain][:, None] * z) @ rule
    if near.any():
        out[near] = _by_weights(table, m[near], sigma[near])
    return out


def _by_weights(table: PanelTable, m: Array, sigma: Array) -> Array:
    """G(m, σ) from product weights on panels of width between _PANEL/2 and _PANEL times σ."""
    out = np.empty_like(m)
    levels = np.floor(np.log2(_PANEL * sigma)).astype(int)
    for level in np.unique(levels):
        rows = np.flatnonzero(levels == level)
        width = math.ldexp(1.0, int(level))
        first = np.floor((m[rows] - _SPREAD * sigma[rows]) / width).astype(np.int64)
        count = math.ceil(float(2 * _SPREAD * sigma[rows].max()) / width) + 1
        low, high = int(first.min()), int(first.max()) + count
        index = first[:, None] + np.arange(count)
        if high - low <= 4096:
            weight, place = table.block(int(level), low, high), index - low
        else:
            used, back = np.unique(index, return_inverse=True)
            weight, place = table.weights(int(level), used), back.reshape(index.shape)
        for i in range(0, len(rows), 256):
            s = slice(i, i + 256)
            unit = sigma[rows[s]][:, None]
            start = (index[s] * width - m[rows[s]][:, None]) / unit
            z = start[:, :, None] + (NODES + 1) * (width / 2 / unit)[:, :, None]
            np.multiply(z, z, out=z)
            z *= -0.5
            np.exp(z, out=z)
            out[rows[s]] = np.einsum("ncj,ncj->n", z, weight[place[s]]) / unit[:, 0]
    return out / math.sqrt(2 * math.pi)
