"""What every kernel of a dense network keeps; laws take the kernel function, so that mutants can be tried."""

from __future__ import annotations

import numpy as np

import dualact as da
from dualact.sketch.series import expand

DENSE = 1e-9
# A kinked derivative turns the rounding ε of a cosine near 1 into √ε.
KINKED = 1e-7


def _scale(kernel, network, X, Y, kind):
    return np.sqrt(np.outer(np.diag(kernel(network, X, kind=kind)), np.diag(kernel(network, Y, kind=kind))))


def tolerance(layers):
    """DENSE for smooth activations, KINKED where one has a kink."""
    for layer in layers:
        if isinstance(layer, da.Residual) and tolerance(layer.layers) == KINKED:
            return KINKED
        if isinstance(layer, da.Act) and layer.activation.breakpoints:
            return KINKED
    return DENSE


def symmetric_and_positive(kernel, network, X, kind):
    K = kernel(network, X, kind=kind)
    np.testing.assert_allclose(K, K.T, rtol=1e-12, atol=1e-300)
    assert np.isfinite(K).all()
    assert np.trace(K) > 0
    assert np.linalg.eigvalsh(K)[0] >= -KINKED * np.trace(K)


def ntk_exceeds_nngp(kernel, network, X):
    """Θ − Σ = w²Θ(before), which is positive semi-definite, and not zero where anything comes before."""
    gap = kernel(network, X, kind="ntk") - kernel(network, X, kind="nngp")
    assert np.linalg.eigvalsh(gap)[0] >= -KINKED * max(np.trace(gap), 1e-300)
    assert np.trace(gap) > 0


def cauchy_schwarz(kernel, network, X, Y, kind):
    K = kernel(network, X, Y, kind=kind)
    assert (np.abs(K) <= _scale(kernel, network, X, Y, kind) * (1 + 1e-9) + 1e-300).all()


def rotation_invariant(kernel, network, X, Y, kind):
    turn = np.linalg.qr(np.random.default_rng(5).standard_normal((X.shape[1],) * 2))[0]
    same = kernel(network, X @ turn, Y @ turn, kind=kind)
    allowed = KINKED * _scale(kernel, network, X, Y, kind).max()
    np.testing.assert_allclose(same, kernel(network, X, Y, kind=kind), rtol=0, atol=allowed)


def rows_do_not_leak(kernel, network, X, Y, kind):
    K = kernel(network, X, Y, kind=kind)
    allowed = DENSE * _scale(kernel, network, X, Y, kind).max()
    for i in range(len(X)):
        np.testing.assert_allclose(kernel(network, X[i : i + 1], Y, kind=kind)[0], K[i], rtol=0, atol=allowed)
        np.testing.assert_allclose(
            kernel(network, Y, X[i : i + 1], kind=kind)[:, 0], K[i], rtol=0, atol=allowed
        )


def permutation_equivariant(kernel, network, X, kind):
    order = np.random.default_rng(len(X)).permutation(len(X))
    K = kernel(network, X, kind=kind)
    atol = DENSE * np.diag(K).max()
    np.testing.assert_allclose(
        kernel(network, X[order], kind=kind), K[np.ix_(order, order)], rtol=0, atol=atol
    )


def homogeneous(kernel, network, X, Y, kind):
    """K(sx, ty) = s·t·K(x, y) for s, t > 0, row by row, without biases."""
    s, t = 10.0 ** np.linspace(-2, 1, len(X)), 10.0 ** np.linspace(1, -1, len(Y))
    want = s[:, None] * t * kernel(network, X, Y, kind=kind)
    atol = KINKED * (s[:, None] * t * _scale(kernel, network, X, Y, kind)).max()
    np.testing.assert_allclose(
        kernel(network, s[:, None] * X, t[:, None] * Y, kind=kind), want, rtol=0, atol=atol
    )


def composes(kernel, first, second, X):
    """The covariance of first + second is that of second on any points whose covariance is that of first."""
    K = kernel(first, X, kind="nngp")
    values, vectors = np.linalg.eigh(K)
    points = np.sqrt(len(X)) * vectors * np.sqrt(np.maximum(values, 0))
    whole = kernel(first + second, X, kind="nngp")
    np.testing.assert_allclose(
        kernel(second, points, kind="nngp"), whole, rtol=0, atol=1e-6 * np.diag(whole).max()
    )


def is_the_recursion(kernel, network, X, Y, kind):
    """Entry by entry what the recursion of the NTK parameterisation says, in scalars."""
    slow = np.array([[pair_recursion(network, x, y, kind) for y in Y] for x in X])
    atol = tolerance(network) * np.abs(_scale(kernel, network, X, Y, kind)).max()
    np.testing.assert_allclose(kernel(network, X, Y, kind=kind), slow, rtol=0, atol=atol)


def ntk_is_the_derivative(kernel, network, x, y, dual=da.dual):
    """Θ(x, y) = Σ over weight layers of Σ_l(x, y)·∂K/∂Σ_l(x, y), the variances held: the sum over parameters
    of products of gradients, at infinite width. By differences of the covariance alone: no derivative of any
    activation enters."""
    start = np.array([np.dot(x, y), np.dot(x, x), np.dot(y, y)]) / len(x)

    def moved(place, factor):
        return _boosted(network, tuple(start), place, factor, dual, [0])[0]

    counted = [0]
    _boosted(network, tuple(start), -1, 1.0, dual, counted)
    h, total = 2e-3, 0.0
    for place in range(counted[0]):
        near, far = ((moved(place, 1 + step) - moved(place, 1 - step)) / (2 * step) for step in (h, 2 * h))
        total += (4 * near - far) / 3
    K = kernel(network, np.array([x, y]), kind="ntk")
    np.testing.assert_allclose(K[0, 1], total, rtol=0, atol=1e-5 * np.sqrt(K[0, 0] * K[1, 1]))


class TooNear(Exception):
    """A pair is so collinear that its covariance cannot be moved both ways."""


def _boosted(layers, state, place, factor, dual, seen):
    c, p, q = state
    for layer in layers:
        match layer:
            case da.Dense(w, b):
                c, p, q = (w * w * value + b * b for value in (c, p, q))
                if seen[0] == place:
                    c *= factor
                seen[0] += 1
            case da.Act():
                if abs(c) > 0.99 * np.sqrt(p * q):
                    raise TooNear
                act = layer.activation
                c, p, q = (float(dual(act, *v)) for v in ((c, p, q), (p, p, p), (q, q, q)))
            case da.LayerNorm():
                c, p, q = c / np.sqrt(p * q), 1.0, 1.0
            case da.Residual(inner):
                more = _boosted(inner, (c, p, q), place, factor, dual, seen)
                c, p, q = (a + b for a, b in zip((c, p, q), more, strict=True))
    return c, p, q


def is_its_own_diagonal(kernel, diagonal, network, X, kind):
    np.testing.assert_allclose(
        diagonal(network, X, kind=kind), np.diag(kernel(network, X, kind=kind)), rtol=1e-14
    )


def sees_values_only(kernel, network, X, kind):
    """float32, integers, Fortran order, strides and read-only memory change nothing: values count."""
    X = np.round(X * 4) / 4
    K = kernel(network, X, kind=kind)
    wide = np.repeat(X, 2, axis=0)
    wide[1::2] = np.nan
    locked = X.copy()
    locked.flags.writeable = False
    for same in (X.astype(np.float32), np.asfortranarray(X), wide[::2], locked, X.tolist()):
        assert kernel(network, same, kind=kind).tobytes() == K.tobytes()
    whole = np.round(X)
    of_integers = kernel(network, whole.astype(int), kind=kind)
    assert of_integers.tobytes() == kernel(network, whole, kind=kind).tobytes()


def pair_recursion(network, x, y, kind="ntk"):
    c, p, q = np.dot(x, y) / len(x), np.dot(x, x) / len(x), np.dot(y, y) / len(x)
    c, _, _, theta = _recursion(network, c, p, q, 0.0)
    return theta if kind == "ntk" else c


def _recursion(layers, c, p, q, theta):
    for layer in layers:
        match layer:
            case da.Dense(w, b):
                c, p, q = (w * w * value + b * b for value in (c, p, q))
                theta = w * w * theta + c
            case da.Act():
                bound = np.sqrt(p * q)
                c = float(np.clip(c, -bound, bound))
                if bound - abs(c) <= 8 * np.finfo(float).eps * bound:
                    c = float(np.copysign(bound, c))
                act = layer.activation
                theta = theta * da.dual_prime(act, c, p, q)
                c, p, q = da.dual(act, c, p, q), da.dual(act, p, p, p), da.dual(act, q, q, q)
            case da.LayerNorm():
                norm = np.sqrt(p * q)
                c, theta = (c / norm, theta / norm) if norm else (0.0, 0.0)
                p = q = 1.0
            case da.Residual(inner):
                branch = _recursion(inner, c, p, q, theta)
                c, p, q, theta = (a + b for a, b in zip((c, p, q, theta), branch, strict=True))
    return c, p, q, theta


def is_its_series(kernel, network, X, Y, kind, series=expand, degree=40):
    """K = Σ_k g_k(|x|, |y|) cos^k, to within the tail |cos|^{N+1}·√(K(x,x) K(y,y))."""
    s, t = (np.square(rows).mean(axis=1) for rows in (X, Y))
    g = series(network.layers, s, t, degree, kind == "ntk")
    cos = X @ Y.T / X.shape[1] / np.maximum(np.sqrt(np.outer(s, t)), 1e-300)
    total = sum(term * cos**k for k, term in enumerate(g))
    scale = _scale(kernel, network, X, Y, kind)
    np.testing.assert_array_less(
        np.abs(total - kernel(network, X, Y, kind=kind)),
        np.abs(cos) ** (degree + 1) * scale + 1e-7 * scale.max(),
    )


def truncation_does_not_count(network, variances, kind, series=expand, degree=7):
    """The first coefficients are the same, however many follow."""
    short = series(network.layers, variances, variances, degree, kind == "ntk")
    long = series(network.layers, variances, variances, 2 * degree, kind == "ntk")
    size = np.sqrt(np.einsum("kii->i", long))
    allowed = 1e-9 * np.outer(size, size)
    assert (np.abs(short - long[: degree + 1]) <= allowed).all()


def series_is_positive(network, variances, kind, series=expand, degree=12):
    g = series(network.layers, variances, variances, degree, kind == "ntk")
    trace = np.trace(g.sum(axis=0))
    assert trace > 0
    for term in g:
        np.testing.assert_allclose(term, term.T, rtol=1e-10, atol=1e-13 * trace)
        assert np.linalg.eigvalsh(term)[0] >= -1e-12 * trace
