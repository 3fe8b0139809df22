"""Derivatives of the kernel in the standard deviations, against Richardson's differences of the kernel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import dualact as da
from dualact import Act, Dense, LayerNorm, Network, Residual
from dualact.errors import NetworkError
from dualact.exact import gradients
from dualact.exact.gradients import Move, kernel_gradient
from dualact.network.stds import dense_layers, with_dense_layers

RNG = np.random.default_rng(0)
x, y = RNG.standard_normal((2, 4))
# identical, opposite, proportional rows, two of zeros, near neighbours, and others
POINTS = np.array(
    [x, x, -x, 3 * x, 0.1 * y, y, np.zeros(4), np.zeros(4), x + 1e-3 * y, *RNG.normal(size=(4, 4))]
)

CLOSED = {
    "relu": da.mlp(1, "relu", 1.4),
    "deep relu with biases": da.mlp(4, "relu", 1.4, 0.3),
    "leaky": da.mlp(2, "leaky_relu", 1.2, 0.1),
    "squared relu": da.mlp(2, "squared_relu", 1.0, 0.2),
    "cube": da.mlp(1, da.activation("monomial", power=3), 0.8, 0.3),
    "erf": da.mlp(3, "erf", 1.5, 0.1),
    "gelu": da.mlp(2, "gelu", 1.4, 0.3),
    "sin": da.mlp(1, "sin", 1.5, 0.1),
    "relu6": da.mlp(1, "relu6", 2.5, 0.1),
    "linear": Network([Dense(1.3, 0.4), Dense(0.5, 0.2)]),
    "no read-out": Network([Dense(1.2, 0.5), Act("relu")]),
    "layer norm": Network([Dense(1.2, 0.5), LayerNorm(), Act("erf"), Dense(0.7, 0.2)]),
    "layer norms of nothing": Network(
        [Dense(1.2), LayerNorm(), Act("gelu"), Dense(0.7), LayerNorm(), Dense()]
    ),
    "residuals": Network(
        [
            Dense(1.2, 0.5),
            Residual([Act("relu"), Dense(0.5, 0.1), Residual([LayerNorm(), Act("gelu"), Dense(0.8)])]),
            Act("abs"),
            Dense(0.9, 0.2),
        ]
    ),
}
COMPUTED = {"tanh": da.mlp(1, "tanh", 1.5, 0.1)}


def one_each(network):
    """A hyperparameter for every standard deviation that is not 0."""
    moves, count = [], 0
    for layer in dense_layers(network.layers):
        numbers = []
        for std in (layer.weight_std, layer.bias_std):
            numbers.append(count if std > 0 else None)
            count += std > 0
        moves.append(Move(*numbers))
    return moves, count


def moved(network, moves, number, amount):
    factor = np.exp(amount)
    return with_dense_layers(
        network,
        [
            Dense(
                layer.weight_std * (factor if move.weight == number else 1),
                layer.bias_std * (factor if move.bias == number else 1),
            )
            for layer, move in zip(dense_layers(network.layers), moves, strict=True)
        ],
    )


def richardson(f, step=0.04, levels=5):
    """f′(0) by Neville's scheme on central differences."""
    row = []
    for i in range(levels):
        h = step / 2**i
        new = [(f(h) - f(-h)) / (2 * h)]
        for j, older in enumerate(row, 1):
            new.append(new[-1] + (new[-1] - older) / (4**j - 1))
        row = new
    return row[-1]


def assert_derivatives(network, kind, tolerance):
    moves, count = one_each(network)
    K, gradient = kernel_gradient(network, POINTS, moves, kind)
    expected = da.kernel(network, POINTS, kind=kind)
    root = np.sqrt(expected.diagonal())
    size = np.outer(root, root) + 1e-290
    assert np.all(np.abs(K - expected) <= 1e-12 * size)
    assert gradient.shape == (len(POINTS), len(POINTS), count)
    assert np.abs(gradient).max() > 0.1  # a gradient of zeros would not pass
    for number in range(count):
        slope = richardson(lambda a, n=number: da.kernel(moved(network, moves, n, a), POINTS, kind=kind))
        assert np.all(np.abs(gradient[:, :, number] - slope) <= tolerance * size), number
        np.testing.assert_array_equal(gradient[:, :, number], gradient[:, :, number].T)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(name, kind):
    assert_derivatives(CLOSED[name], kind, 1e-9)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("name", COMPUTED)
def test_computed_duals(name, kind):
    assert_derivatives(COMPUTED[name], kind, 2e-9)


@pytest.mark.parametrize("name", ["step", "sign"])
def test_jumps_have_a_covariance_to_differentiate(name):
    assert_derivatives(da.mlp(1, name, 1.2, 0.2), "nngp", 1e-8)


def test_layers_may_share_a_hyperparameter():
    network = da.mlp(2, "erf", 1.3, 0.2)
    moves, _ = one_each(network)
    _, apart = kernel_gradient(network, POINTS, moves)
    _, shared = kernel_gradient(network, POINTS, [Move(0, 1)] * 3)
    assert np.allclose(shared[:, :, 0], apart[:, :, ::2].sum(axis=2), rtol=1e-8)
    assert np.allclose(shared[:, :, 1], apart[:, :, 1::2].sum(axis=2), rtol=1e-8)


def test_euler_on_a_homogeneous_network():
    network = da.mlp(3, "relu", 1.3)
    K, gradient = kernel_gradient(network, POINTS, [Move(i, None) for i in range(4)])
    for i in range(4):  # K is of degree two in every weight_std
        assert np.allclose(gradient[:, :, i], 2 * K, rtol=1e-13)


def test_nothing_that_moves():
    K, gradient = kernel_gradient(CLOSED["erf"], POINTS, [Move(None, None)] * 4)
    assert gradient.shape == (len(POINTS), len(POINTS), 0)
    assert np.allclose(K, da.kernel(CLOSED["erf"], POINTS))


def test_near_the_largest_variance():
    growing = da.activation("gaussian", rate=0.5)  # E φ² is finite for variances below ½
    network = Network([Dense(1.0), Act(growing), Dense()])
    rows = np.sqrt(np.array([[0.1], [0.49999]]))
    _, gradient = kernel_gradient(network, rows, [Move(0, None), Move(None, None)], "nngp")
    # K = (1 − 2q)^(−½) on the diagonal, so ∂K/∂log w = 2q (1 − 2q)^(−3/2)
    q = rows[:, 0] ** 2
    assert np.allclose(gradient.diagonal().ravel(), 2 * q * (1 - 2 * q) ** -1.5, rtol=1e-5)


def test_blocks_and_threads_and_sparse_rows(monkeypatch):
    network = da.mlp(1, "gelu", 1.3, 0.2)
    moves, _ = one_each(network)
    rows = RNG.standard_normal((23, 5)) * (RNG.random((23, 5)) < 0.6)
    K, gradient = kernel_gradient(network, rows, moves, n_jobs=1)
    again = kernel_gradient(network, sparse.csr_array(rows), moves)
    monkeypatch.setattr(gradients, "_BLOCK_ENTRIES", 40)
    small = kernel_gradient(network, rows, moves, n_jobs=2)
    for other in (again, small):
        assert np.allclose(other[0], K, rtol=1e-12)
        assert np.allclose(other[1], gradient, rtol=1e-8, atol=1e-10)


def test_refusals():
    with pytest.raises(NetworkError, match=r"moves must hold one Move per Dense layer, 2 in all. Got 1"):
        kernel_gradient(da.mlp(1, "relu"), POINTS, [Move(0, None)])
    with pytest.raises(NetworkError, match=r"layer 1 .*step.*no NTK"):
        kernel_gradient(da.mlp(1, "step"), POINTS, [Move(0, None)] * 2)
    with pytest.raises(NetworkError, match=r"overflows\. Scale X"):
        kernel_gradient(da.mlp(1, "relu"), 1e160 * POINTS, [Move(0, None)] * 2)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        kernel_gradient(da.mlp(1, "relu"), POINTS * np.nan, [Move(0, None)] * 2)
