"""Kernels of networks by two ways that share nothing with the library but the names of the layers.

``oracle_kernel``   the recursion, one pair of inputs at a time, every Gaussian expectation by brute force:
                    panels of Gauss–Legendre points, cut at kinks, that widen threefold away from them.
                    About 1e-13 of √(K_ii·K_jj) where no pair has 1e-13 < 1 − |ρ| < 1e-7 at any layer.
``finite_networks`` random networks of finite width: covariances of outputs, and the tangent kernel from
                    the gradients that backpropagation gives. Monte Carlo, with its standard error.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

import dualact as da

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_REACH = 11.0  # standard deviations; what lies beyond weighs 1e-27
_COLLINEAR = 1e-13

Function = Callable[[np.ndarray], np.ndarray]


# ------------------------------------------------------------------------------- expectations


def expectation(f: Function, kinks: tuple[float, ...], cov: float, var_u: float, var_v: float) -> float:
    """E f(u)f(v) for (u, v) ~ N(0, [[var_u, cov], [cov, var_v]]), f smooth between its kinks."""
    if var_u == 0 or var_v == 0:
        return _mean(f, kinks, var_u) * _mean(f, kinks, var_v)
    a, b = math.sqrt(var_u), math.sqrt(var_v)
    rho = cov / a / b
    if 1 - abs(rho) < _COLLINEAR:
        sign = math.copysign(1.0, rho)
        x, w = _rule(_edges(_marks(kinks, a) + _marks(kinks, sign * b)))
        return float((w * f(a * x) * f(sign * b * x)).sum())
    sine = math.sqrt((1 - rho) * (1 + rho))
    # φ(v) given u is smeared over sine·b, that is over sine/|ρ| of x: panels of that scale there.
    smeared = [
        (t / (b * rho), min(1.0, sine / abs(rho), 1 / (b * abs(rho))))
        for t in (0.0, *kinks)
        if abs(t) < _REACH * b * abs(rho)
    ]
    x, w = _rule(_edges(_marks(kinks, a) + smeared))
    total = 0.0
    for part in np.array_split(np.arange(x.size), max(1, x.size // 40)):
        inner = _conditional(f, kinks, rho * x[part], sine, b)
        total += (w[part] * f(a * x[part]) * inner).sum()
    return float(total)


def _mean(f: Function, kinks: tuple[float, ...], variance: float) -> float:
    """E f(u); at variance 0 the mean of both limits at 0."""
    if variance == 0:
        return float(f(np.array([1e-300, -1e-300])).mean())
    x, w = _rule(_edges(_marks(kinks, math.sqrt(variance))))
    return float((w * f(math.sqrt(variance) * x)).sum())


def _conditional(
    f: Function, kinks: tuple[float, ...], shift: np.ndarray, sine: float, b: float
) -> np.ndarray:
    """E f(b·(shift + sine·y)) over y ~ N(0, 1), for each shift."""
    marks = [((t / b - shift) / sine, min(1.0, 1 / (b * sine))) for t in (0.0, *kinks)]
    x, w = _rule(_edges(marks, shift.size))
    return (w * f(b * (shift[:, None] + sine * x))).sum(axis=1)


def _marks(kinks: tuple[float, ...], scale: float) -> list[tuple[float, float]]:
    """Where f(scale·x) has structure, and how fine it is there."""
    return [(t / scale, min(1.0, 1 / abs(scale))) for t in (0.0, *kinks)]


def _edges(marks: list, rows: int | None = None) -> np.ndarray:
    """Edges of panels: an even grid, and a geometric one about each mark."""
    found = [np.linspace(-_REACH, _REACH, 10)]
    for centre, scale in marks:
        steps = scale * 3.0 ** np.arange(-1, math.ceil(math.log(2 * _REACH / scale, 3)) + 1)
        offsets = np.concatenate([-steps, [0.0], steps])
        found.append(np.asarray(centre)[..., None] + offsets)
    if rows is not None:
        found = [np.broadcast_to(part, (rows, part.shape[-1])) for part in found]
    return np.sort(np.clip(np.concatenate(found, axis=-1), -_REACH, _REACH), axis=-1)


def _rule(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of all panels against the normal density."""
    half = np.diff(edges, axis=-1)[..., None] / 2
    x = edges[..., :-1, None] + half * (1 + _POINTS)
    w = half * _WEIGHTS * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    flat = (*edges.shape[:-1], -1)
    return x.reshape(flat), w.reshape(flat)


# ------------------------------------------------------------------------------- the recursion


def oracle_kernel(network, X, Y=None, kind="ntk", known=None) -> np.ndarray:
    """The kernel matrix, pair by pair. ``known`` keeps expectations from one call to the next."""
    X, Y = np.asarray(X, float), np.asarray(X if Y is None else Y, float)
    known = {} if known is None else known
    return np.array([[_pair(network, x, y, kind, known) for y in Y] for x in X])


def _pair(network, x, y, kind, known) -> float:
    start = tuple(math.fsum(a * b) / len(x) for a, b in ((x, x), (y, y), (x, y)))
    *_, sigma, theta = _through(network, (*start, 0.0 if kind == "ntk" else None), known)
    return sigma if theta is None else theta


def _through(layers, state, known):
    p, q, c, theta = state
    for layer in layers:
        match layer:
            case da.Dense(weight_std=w, bias_std=b):
                p, q, c = (w * w * s + b * b for s in (p, q, c))
                theta = None if theta is None else w * w * theta + c
            case da.Act(activation=act):
                theta = None if theta is None else theta * _dual(act, True, c, p, q, known)
                p, q, c = (_dual(act, False, *v, known) for v in ((p, p, p), (q, q, q), (c, p, q)))
            case da.LayerNorm():
                root = math.sqrt(p) * math.sqrt(q)
                c = c / root if root else 0.0
                theta = None if theta is None else theta / root if root else 0.0
                p, q = float(p > 0), float(q > 0)
            case da.Residual(layers=inner):
                *more, more_theta = _through(inner, (p, q, c, theta), known)
                p, q, c = (a + b for a, b in zip((p, q, c), more, strict=True))
                theta = None if theta is None else theta + more_theta
    return p, q, c, theta


def _dual(act, prime, c, p, q, known) -> float:
    if act.phi is None:
        return _normalised_gaussian(act.params["gamma"], prime, c, p, q)
    key = (act, prime, c, *sorted((p, q)))
    if key not in known:
        f = act.phi_prime if prime else act.phi
        with np.errstate(all="ignore"):
            known[key] = expectation(f, act.breakpoints, c, p, q)
    return known[key]


def _normalised_gaussian(gamma, prime, c, p, q) -> float:
    g = math.sqrt(p) * math.sqrt(q)
    decay = math.exp(gamma * ((c / g if g else 0.0) - 1))
    return gamma * decay if prime else g * decay


# ------------------------------------------------------------------------------- finite networks


def finite_networks(network, X, kind, width, draws, seed) -> tuple[np.ndarray, np.ndarray]:
    """Mean kernel of random networks of that width, and its standard error, each (n, n).

    The network must end in Dense. Its read-out has ``width`` outputs for the covariance (they are averaged
    over) and one for the tangent kernel.
    """
    rng = np.random.default_rng(seed)
    samples = np.array([_one_network(network, np.asarray(X, float), kind, width, rng) for _ in range(draws)])
    return samples.mean(axis=0), samples.std(axis=0, ddof=1) / math.sqrt(draws)


def _one_network(network, X, kind, width, rng) -> np.ndarray:
    theta = np.zeros((len(X), len(X)))
    *body, last = network
    hidden, back = _forward(body, X, width, rng, theta)
    out, back_last = _dense(last, hidden, width if kind == "nngp" else 1, rng, theta)
    if kind == "nngp":
        return out @ out.T / width
    back(back_last(np.ones_like(out)))
    return theta


def _forward(layers, h, width, rng, theta):
    backs = []
    for layer in layers:
        match layer:
            case da.Dense():
                h, back = _dense(layer, h, width, rng, theta)
            case da.Act(activation=act):
                slope = act.phi_prime(h)
                h, back = act.phi(h), lambda g, slope=slope: g * slope
            case da.LayerNorm():
                h, back = _norm(h)
            case da.Residual(layers=inner):
                branch, inside = _forward(inner, h, width, rng, theta)
                h, back = h + branch, lambda g, inside=inside: g + inside(g)
        backs.append(back)

    def backward(g):
        for step in reversed(backs):
            g = step(g)
        return g

    return h, backward


def _dense(layer, h, width, rng, theta):
    """h W·w/√n + b·β. Its gradients add (G Gᵀ)∘(w² h hᵀ/n + b²) to theta, G being those of its output."""
    n = h.shape[1]
    W, beta = rng.standard_normal((n, width)), rng.standard_normal(width)
    w, b = layer.weight_std, layer.bias_std

    def back(g):
        np.add(theta, (g @ g.T) * (w * w * (h @ h.T) / n + b * b), out=theta)
        return (w / math.sqrt(n)) * g @ W.T

    return (w / math.sqrt(n)) * h @ W + b * beta, back


def _norm(h):
    size = np.sqrt((h * h).mean(axis=1, keepdims=True))
    unit = h / size
    return unit, lambda g: (g - unit * (g * unit).mean(axis=1, keepdims=True)) / size
