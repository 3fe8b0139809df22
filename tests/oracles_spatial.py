"""Kernels of spatial networks by two ways that share nothing with the library but the names of the layers.

``oracle_kernel``   the recursion with a Python loop over every pair of positions and every place of a window,
                    and textbook formulas of three activations, one number at a time.
``finite_networks`` random networks of finite width: covariances of outputs, and the tangent kernel from
                    the gradients that backpropagation gives. Monte Carlo, with its standard error.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from oracles import _dense

import dualact as da

# ------------------------------------------------------------------------------- windows


def looked_at(n: int, k: int, s: int, padding: str) -> list[list[int]]:
    """For each output of one axis, the inputs it looks at; −1 is a zero of the padding."""
    if padding == "valid":
        return [[i + p for p in range(k)] for i in range(0, n - k + 1, s)]
    m = math.ceil(n / s)
    low = max((m - 1) * s + k - n, 0) // 2
    places = [[i * s - low + p for p in range(k)] for i in range(m)]
    if padding == "circular":
        return [[j % n for j in row] for row in places]
    return [[j if 0 <= j < n else -1 for j in row] for row in places]


def patches(shape, sizes, strides, padding):
    """The outputs, and for each the inputs that it looks at, by number; −1 is a zero of the padding."""
    axes = len(shape)
    sizes, strides = (v if isinstance(v, tuple) else (v,) * axes for v in (sizes, strides))
    rows = [looked_at(*one, padding) for one in zip(shape, sizes, strides, strict=True)]
    found = []
    for place in itertools.product(*rows):
        found.append(
            [-1 if -1 in at else int(np.ravel_multi_index(at, shape)) for at in itertools.product(*place)]
        )
    return tuple(map(len, rows)), found


# ------------------------------------------------------------------------------- the recursion


def oracle_kernel(network, X, Y=None, kind="ntk") -> np.ndarray:
    """The kernel matrix, pair by pair."""
    X, Y = np.asarray(X, float), np.asarray(X if Y is None else Y, float)
    return np.array([[_pair(network, x, y, kind) for y in Y] for x in X])


def _pair(network, x, y, kind):
    shape, channels = x.shape[:-1], x.shape[-1]
    a, b = x.reshape(-1, channels), y.reshape(-1, channels)
    sigmas = [
        np.array([[math.fsum(u * v) / channels for v in right] for u in left])
        for left, right in ((a, a), (b, b), (a, b))
    ]
    theta = np.zeros_like(sigmas[2]) if kind == "ntk" else None
    _, (*_, sigma), theta = _through(network, shape, sigmas, theta)
    return float((sigma if theta is None else theta)[0, 0])


def _mean(values, left, right):
    """Mean over pairs of lists of places; padding is zero."""
    return np.array([[_mean_of(values, p, q) for q in right] for p in left])


def _mean_of(values, p, q):
    pairs = list(zip(p, q, strict=True))
    return math.fsum(0.0 if -1 in pair else values[pair] for pair in pairs) / len(pairs)


def _pooled(values, windows):
    return np.array(
        [
            [
                math.fsum(values[i, j] for i in p for j in q if i >= 0 and j >= 0) / (len(p) * len(q))
                for q in windows
            ]
            for p in windows
        ]
    )


def _through(layers, shape, sigmas, theta):
    for layer in layers:
        match layer:
            case da.Dense(weight_std=w, bias_std=b):
                sigmas = [w * w * s + b * b for s in sigmas]
                theta = None if theta is None else w * w * theta + sigmas[2]
            case da.Conv(kernel_size=k, strides=s, padding=padding, weight_std=w, bias_std=b):
                shape, places = patches(shape, k, s, padding)
                sigmas = [w * w * _mean(v, places, places) + b * b for v in sigmas]
                theta = None if theta is None else w * w * _mean(theta, places, places) + sigmas[2]
            case da.AvgPool(window=k, strides=s, padding=padding):
                shape, places = patches(shape, k, s, padding)
                sigmas = [_pooled(v, places) for v in sigmas]
                theta = None if theta is None else _pooled(theta, places)
            case da.GlobalAvgPool():
                shape, sigmas = (), [np.array([[v.mean()]]) for v in sigmas]
                theta = None if theta is None else np.array([[theta.mean()]])
            case da.Flatten():
                shape, sigmas = (), [np.array([[v.diagonal().mean()]]) for v in sigmas]
                theta = None if theta is None else np.array([[theta.diagonal().mean()]])
            case da.Act(activation=act):
                p, q = sigmas[0].diagonal(), sigmas[1].diagonal()
                if theta is not None:
                    theta = theta * _each(act, True, sigmas[2], p, q)
                sides = ((sigmas[0], p, p), (sigmas[1], q, q), (sigmas[2], p, q))
                sigmas = [_each(act, False, *side) for side in sides]
            case da.LayerNorm():
                roots = [[1 / math.sqrt(v) if v else 0.0 for v in s.diagonal()] for s in sigmas[:2]]
                scales = [np.outer(roots[i], roots[j]) for i, j in ((0, 0), (1, 1), (0, 1))]
                sigmas = [s * scale for s, scale in zip(sigmas, scales, strict=True)]
                theta = None if theta is None else theta * scales[2]
            case da.Residual(layers=inner):
                _, more, more_theta = _through(inner, shape, sigmas, theta)
                sigmas = [s + t for s, t in zip(sigmas, more, strict=True)]
                theta = None if theta is None else theta + more_theta
    return shape, sigmas, theta


def _each(act, prime, sigma, p, q):
    rule = _RULES[act.name][prime]
    out = np.empty_like(sigma)
    for i, j in np.ndindex(*sigma.shape):
        bound = math.sqrt(p[i]) * math.sqrt(q[j])
        c = min(bound, max(-bound, float(sigma[i, j])))
        if bound - abs(c) < 1e-13 * bound:
            c = math.copysign(bound, c)
        out[i, j] = rule(c, float(p[i]), float(q[j]))
    return out


def _angle(c, p, q):
    g = math.sqrt(p) * math.sqrt(q)
    return math.atan2(math.sqrt((g - c) * (g + c)), c) if g else math.pi / 2


def _relu(c, p, q):
    theta = _angle(c, p, q)
    return math.sqrt(p * q) * (math.sin(theta) + (math.pi - theta) * math.cos(theta)) / (2 * math.pi)


def _erf_root(c, p, q):
    return math.sqrt((1 + 2 * p) * (1 + 2 * q) - 4 * c * c)


def _decay(c, p, q):
    g = math.sqrt(p) * math.sqrt(q)
    return math.exp((c / g if g else 0.0) - 1)


_RULES = {
    "relu": (_relu, lambda c, p, q: (math.pi - _angle(c, p, q)) / (2 * math.pi)),
    "erf": (
        lambda c, p, q: 2 / math.pi * math.asin(2 * c / math.sqrt((1 + 2 * p) * (1 + 2 * q))),
        lambda c, p, q: 4 / (math.pi * _erf_root(c, p, q)),
    ),
    "normalized_gaussian": (lambda c, p, q: math.sqrt(p * q) * _decay(c, p, q), _decay),
}


# ------------------------------------------------------------------------------- finite networks


def finite_networks(network, X, kind, width, draws, seed) -> tuple[np.ndarray, np.ndarray]:
    """Mean kernel of random networks of that width, and its standard error, each (n, n); Dense comes last."""
    rng = np.random.default_rng(seed)
    samples = np.array([_one_network(network, np.asarray(X, float), kind, width, rng) for _ in range(draws)])
    return samples.mean(axis=0), samples.std(axis=0, ddof=1) / math.sqrt(draws)


def _one_network(network, X, kind, width, rng):
    theta = np.zeros((len(X), len(X)))
    *body, last = network
    start = X.reshape(len(X), -1, X.shape[-1])
    hidden, back, _ = _forward(body, start, X.shape[1:-1], width, rng, theta)
    out, back_last = _dense(last, hidden, width if kind == "nngp" else 1, rng, theta)
    if kind == "nngp":
        return out @ out.T / width
    back(back_last(np.ones_like(out)))
    return theta


def _forward(layers, h, shape, width, rng, theta):
    """Walk (n, positions, channels), or (n, channels) once there are no positions."""
    backs = []
    for layer in layers:
        match layer:
            case da.Dense():
                h, back = _dense(layer, h, width, rng, theta)
            case da.Conv():
                h, back, shape = _conv(layer, h, shape, width, rng, theta)
            case da.AvgPool():
                shape, places = patches(shape, layer.window, layer.strides, layer.padding)
                h, back = _linear(h, np.array([_row(p, h.shape[1]) / len(p) for p in places]))
            case da.GlobalAvgPool():
                n = h.shape[1]
                h, back = h.mean(axis=1), lambda g, n=n: np.repeat(g[:, None] / n, n, axis=1)
            case da.Flatten():
                before = h.shape
                h, back = h.reshape(len(h), -1), lambda g, before=before: g.reshape(before)
            case da.Act(activation=act):
                slope = act.phi_prime(h)
                h, back = act.phi(h), lambda g, slope=slope: g * slope
            case da.LayerNorm():
                h, back = _norm(h)
            case da.Residual(layers=inner):
                branch, inside, _ = _forward(inner, h, shape, width, rng, theta)
                h, back = h + branch, lambda g, inside=inside: g + inside(g)
        backs.append(back)

    def backward(g):
        for step in reversed(backs):
            g = step(g)
        return g

    return h, backward, shape


def _row(places, n):
    row = np.zeros(n)
    for p in places:
        if p >= 0:
            row[p] += 1.0
    return row


def _linear(h, matrix):
    """The same combination of positions in every channel."""
    return matrix @ h, lambda g: matrix.T @ g


def _conv(layer, h, shape, width, rng, theta):
    n, before, channels = h.shape
    shape, places = patches(shape, layer.kernel_size, layer.strides, layer.padding)
    size = len(places[0])
    w, b = layer.weight_std, layer.bias_std
    take = np.array(places)
    looked = np.concatenate([h, np.zeros((n, 1, channels))], axis=1)[:, take].reshape(n, len(take), -1)
    W, beta = rng.standard_normal((size * channels, width)), rng.standard_normal(width)
    scale = w / math.sqrt(size * channels)

    def back(g):
        weights = np.einsum("xic,yjc,xik,yjk->xy", g, g, looked, looked, optimize=True)
        np.add(theta, scale**2 * weights + b * b * (g.sum(axis=1) @ g.sum(axis=1).T), out=theta)
        pulled = (scale * g @ W.T).reshape(n, len(take), size, channels)
        out = np.zeros((n, before + 1, channels))
        np.add.at(out, (slice(None), take), pulled)
        return out[:, :before]

    return scale * looked @ W + b * beta, back, shape


def _norm(h):
    size = np.sqrt((h * h).mean(axis=-1, keepdims=True))
    unit = h / size
    return unit, lambda g: (g - unit * (g * unit).mean(axis=-1, keepdims=True)) / size
