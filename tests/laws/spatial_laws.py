"""What every kernel of a spatial network keeps; laws take the kernel function, as those of kernel_laws."""

from __future__ import annotations

import numpy as np
from oracles_spatial import oracle_kernel

import dualact as da

EXACT = 1e-10
# A kinked derivative turns the rounding ε of a cosine near 1 into √ε.
KINKED = 1e-7


def _close(got, want, scale, tolerance=KINKED):
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * max(np.abs(scale).max(), 1e-300))


def symmetric_and_positive(kernel, network, X, kind):
    K = kernel(network, X, kind=kind)
    np.testing.assert_allclose(K, K.T, rtol=1e-10, atol=1e-300)
    assert np.isfinite(K).all()
    assert np.linalg.eigvalsh(K)[0] >= -KINKED * np.trace(K)
    assert (np.trace(K) > 0) == X.any() or any(getattr(layer, "bias_std", 0) for layer in network)


def ntk_exceeds_nngp(kernel, network, X):
    gap = kernel(network, X, kind="ntk") - kernel(network, X, kind="nngp")
    assert np.linalg.eigvalsh(gap)[0] >= -KINKED * max(np.trace(gap), 1e-300)
    assert np.trace(gap) > 0


def is_the_double_loop(kernel, network, X, kind):
    """Entry by entry what loops over all pairs of positions and textbook formulas say."""
    slow = oracle_kernel(network, X, kind=kind)
    _close(kernel(network, X, kind=kind), slow, np.diag(slow))


def rows_do_not_leak(kernel, network, X, kind):
    K = kernel(network, X, kind=kind)
    for i in range(len(X)):
        _close(kernel(network, X[i : i + 1], X, kind=kind)[0], K[i], np.diag(K), EXACT)


def permutation_equivariant(kernel, network, X, kind):
    order = np.random.default_rng(len(X)).permutation(len(X))
    K = kernel(network, X, kind=kind)
    _close(kernel(network, X[order], kind=kind), K[np.ix_(order, order)], np.diag(K), EXACT)


def channels_may_turn(kernel, network, X, kind):
    turn = np.linalg.qr(np.random.default_rng(5).standard_normal((X.shape[-1],) * 2))[0]
    K = kernel(network, X, kind=kind)
    _close(kernel(network, X @ turn, kind=kind), K, np.diag(K))


def circular_shift_together(kernel, network, X, kind):
    """With circular padding and no strides, moving all inputs alike changes nothing."""
    moved = np.roll(X, [1] * (X.ndim - 2), axis=tuple(range(1, X.ndim - 1)))
    K = kernel(network, X, kind=kind)
    _close(kernel(network, moved, kind=kind), K, np.diag(K))


def circular_shift_apart(kernel, network, X, kind):
    """If all positions are averaged at the end, one input may be moved against the other."""
    moved = np.roll(X, 1, axis=1)
    K = kernel(network, X, kind=kind)
    _close(kernel(network, moved, X, kind=kind), K, np.diag(K))


def one_position_is_dense(kernel, network, X, kind, size, head):
    """On one position a circular convolution sees the same vector at every place: it is Dense."""
    spatial = da.Network([*convolved(network, size), head])
    images = X.reshape(len(X), 1, 1, -1)
    K = kernel(network, X, kind=kind)
    _close(kernel(spatial, images, kind=kind), K, np.diag(K))


def convolved(layers, size):
    """The layers with a circular convolution in place of each Dense."""
    found = []
    for layer in layers:
        match layer:
            case da.Dense(w, b):
                layer = da.Conv(size, padding="circular", weight_std=w, bias_std=b)
            case da.Residual(inner):
                layer = da.Residual(convolved(inner, size))
        found.append(layer)
    return found


def flattened_first_is_dense(kernel, network, X, kind):
    """Flatten() in front of a dense network: its kernel on flattened rows."""
    K = kernel(network, X.reshape(len(X), -1), kind=kind)
    _close(kernel(da.Network([da.Flatten(), *network]), X, kind=kind), K, np.diag(K))


def homogeneous(kernel, network, X, kind):
    s = 10.0 ** np.linspace(-1, 1, len(X))
    shape = (len(X),) + (1,) * (X.ndim - 1)
    K = kernel(network, X, kind=kind)
    scaled = kernel(network, s.reshape(shape) * X, kind=kind)
    _close(scaled / np.outer(s, s), K, np.diag(K))


def is_its_own_diagonal(kernel, diagonal, network, X, kind):
    K = kernel(network, X, kind=kind)
    _close(diagonal(network, X, kind=kind), np.diag(K), np.diag(K), 1e-13)
