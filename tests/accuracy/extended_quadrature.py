"""E φ(u)φ(v) and Hermite coefficients in long double, for many functions on the same points.

E_u[φ(u)·E[φ(v) | u]] with u the variable of larger variance. Both integrals run over Gauss–Legendre panels
that end where φ does (kinks, and a graded set of scales), where the conditional mean of v meets those places,
at the edges of the layers of width σ(v | u) there, and every 2.5 standard deviations. Two orders must
agree. The triple is taken as exact: pq − c² is formed in rational arithmetic.

Long double must be the 64-bit mantissa of x86 (ε = 1e-19).
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import mpmath
import numpy as np
from extended_functions import Extended, Function, Points

__all__ = ["ORDERS", "coefficients", "collinear", "expectations", "gauss_legendre", "long", "second_moments"]

Long = np.longdouble
ORDERS = (14, 20, 28, 36)
#: Two orders agree to this, relative to √(Eφ(u)²·Eφ(v)²).
AGREE = 3e-17
_REACH = 10.5
_STEP = 2.5
_LAYER = np.array([1.2, 2.5, 5.0, 7.5, 10.5])
_DEEP = 45.0
_ROOT_2PI = np.sqrt(2 * Long("3.14159265358979323846264338327950288"))
#: pq − c² up to this fraction of pq is rounding: the library takes the pair as collinear.
COLLINEAR = Fraction(16, 2**52)


def long(x) -> np.longdouble:
    """Return a rational or mpmath number in long double."""
    high = float(x)
    if not math.isfinite(high) or high == 0.0:
        return Long(high)
    return Long(high) + Long(float(x - (Fraction(high) if isinstance(x, Fraction) else high)))


def collinear(cov: float, var_u: float, var_v: float) -> bool:
    """Whether the library takes u and v as multiples of each other."""
    c, p, q = Fraction(cov), Fraction(var_u), Fraction(var_v)
    return p * q - c * c <= COLLINEAR * p * q


@lru_cache(maxsize=16)
def gauss_legendre(n: int):
    """Return nodes and weights on [−1, 1], by Newton's method in 40 digits."""
    nodes, weights = [], []
    with mpmath.workdps(40):
        for start in np.polynomial.legendre.leggauss(n)[0]:
            x = mpmath.mpf(float(start))
            for _ in range(4):
                before, value = mpmath.mpf(1), x
                for k in range(2, n + 1):
                    before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
                slope = n * (x * value - before) / (x * x - 1)
                x -= value / slope
            nodes.append(long(x))
            weights.append(long(2 / ((1 - x * x) * slope * slope)))
    return np.array(nodes), np.array(weights)


def expectations(model: Extended, functions: list[Function], cov: float, var_u: float, var_v: float):
    """Return E f(u)f(v) and √(E f(u)²·E f(v)²) for each function f, with the kinks and scales of ``model``.

    Where a function has kinks or jumps and the pair counts as collinear, ρ is ±1.
    """
    p, q = max(var_u, var_v), min(var_u, var_v)
    sizes = np.sqrt(second_moments(model, functions, p) * second_moments(model, functions, q))
    older, worst = None, 0.0
    for order in ORDERS:
        found = _expectations(model, functions, cov, p, q, order)
        if older is not None:
            worst = np.max(np.abs(found - older) / np.maximum(sizes, Long(1e-300)))
            if worst <= AGREE:
                return found, sizes
        older = found
    raise ArithmeticError(f"orders differ by {float(worst):.2g} at {cov=!r}, {p=!r}, {q=!r}")


def second_moments(model: Extended, functions: list[Function], variance: float):
    """Return E f(u)² for each function."""
    spread = np.sqrt(Long(variance))
    z, w = _rule(_one_row(model, spread), 30)
    x = Points(spread * z)
    return np.array([np.sum(w * np.square(f(x))) for f in functions])


def coefficients(model: Extended, functions: list[Function], variance: float, degree: int):
    """Return a_0 … a_degree of each f(√variance·z), shape (functions, degree + 1)."""
    spread = np.sqrt(Long(variance))
    z, w = _rule(_one_row(model, spread), 40)
    x = Points(spread * z)
    weighted = np.array([w * f(x) for f in functions])
    out = np.empty((len(functions), degree + 1), dtype=Long)
    before, now = np.zeros_like(z), np.ones_like(z)
    for k in range(degree + 1):
        out[:, k] = (weighted * now).sum(axis=1)
        before, now = now, (z * now - np.sqrt(Long(k)) * before) / np.sqrt(Long(k + 1))
    return out


def _expectations(model, functions, cov, p, q, order):
    c, exact_p, exact_q = Fraction(cov), Fraction(p), Fraction(q)
    gap = exact_p * exact_q - c * c
    if gap <= 0 or (model.kinks and gap <= COLLINEAR * exact_p * exact_q):
        wide, narrow = np.sqrt(Long(p)), np.sqrt(Long(q)) * np.sign(Long(cov))
        x, w = _rule(np.union1d(_one_row(model, wide, narrow), _one_row(model, narrow)), order)
        left, right = Points(wide * x), Points(narrow * x)
        return np.array([np.sum(w * f(left) * f(right)) for f in functions])
    wide, slope = np.sqrt(Long(p)), long(c / exact_p)
    sigma = np.sqrt(long(gap / exact_p))
    # beyond 38 standard deviations of a dead zone everything is 0 in float64
    if model.dead > 38 * math.sqrt(q):
        return np.zeros(len(functions), dtype=Long)
    x, w = _rule(_outer(model, wide, np.sqrt(Long(q)), slope, sigma), order)
    left = Points(wide * x)
    inner = _inner(model, functions, slope * left.t, sigma, order)
    return np.array([np.sum(w * f(left) * g) for f, g in zip(functions, inner, strict=True)])


def _marks(model: Extended):
    """Places where φ or its scale changes."""
    return np.array(sorted({0.0, *model.kinks, *model.scales, *(-s for s in model.scales)}), dtype=Long)


def _one_row(model: Extended, spread, least=None):
    """Edges in standard deviations, for φ(spread·z); ``least`` is the smallest deviation that matters."""
    reach = _reach(model.dead / abs(float(spread if least is None else least)))
    edges = [_even(reach), _marks(model) / spread]
    if model.dead:
        edges.append(_edge_of_zone(np.array([model.dead, -model.dead], dtype=Long) / spread))
    edges = np.unique(np.concatenate(edges))
    return edges[np.abs(edges) <= reach]


def _reach(zone: float) -> float:
    return min(_REACH + zone, _DEEP)


def _even(reach: float):
    count = math.ceil(reach / _STEP)
    return np.linspace(-reach, reach, 2 * count + 1).astype(Long)


def _edge_of_zone(edge):
    """Beyond the edge of a dead zone the density falls over 1/edge."""
    steps = np.array([0.5, 1.5, 4.0, 10.0, 25.0], dtype=Long)
    offsets = steps / np.maximum(np.abs(edge), 1)[..., None]
    return np.concatenate([edge[..., None] + offsets, edge[..., None] - offsets], axis=-1).reshape(
        *edge.shape[:-1], -1
    )


def _outer(model: Extended, wide, narrow, slope, sigma):
    edges = [_one_row(model, wide, narrow)]
    reach = max(np.abs(edges[0]))
    step = slope * wide
    if step:
        marks = _marks(model)
        # what is narrower than σ is smoothed away
        far = marks[np.abs(marks) > sigma]
        edges.append(far / step)
        centres = np.array(sorted({0.0, *model.kinks}), dtype=Long)
        edges.append((centres[:, None] + sigma * np.concatenate([-_LAYER, [0.0], _LAYER])).ravel() / step)
        if model.dead:
            edges.append(_edge_of_zone(np.array([model.dead, -model.dead], dtype=Long) / step))
    edges = np.unique(np.concatenate(edges))
    return edges[np.abs(edges) <= reach]


def _inner(model, functions, mean, sigma, order):
    """Return E f(mean + σz) for each mean, in lists by function."""
    dead = model.dead
    reach = _reach(dead / float(sigma)) if dead else _REACH
    marks = (_marks(model) - mean[:, None]) / sigma
    parts = [np.broadcast_to(_even(reach), (len(mean), len(_even(reach)))), marks]
    if dead:
        zone = (np.array([dead, -dead], dtype=Long) - mean[:, None]) / sigma
        parts.append(_edge_of_zone(zone))
    edges = np.sort(np.clip(np.concatenate(parts, axis=1), -reach, reach), axis=1)
    widths = np.diff(edges, axis=1)
    row, column = np.nonzero(widths)
    x, w = gauss_legendre(order)
    half = (widths[row, column] / 2)[:, None]
    z = edges[row, column][:, None] + half * (1 + x)
    weight = half * w * np.exp(-z * z / 2) / _ROOT_2PI
    points = Points(mean[row][:, None] + sigma * z)
    starts = np.searchsorted(row, np.arange(len(mean)))
    return [np.add.reduceat((weight * f(points)).sum(axis=1), starts) for f in functions]


def _rule(edges, order):
    x, w = gauss_legendre(order)
    half = (np.diff(edges) / 2)[:, None]
    z = edges[:-1, None] + half * (1 + x)
    return z.ravel(), (half * w * np.exp(-z * z / 2) / _ROOT_2PI).ravel()
