"""Exact kernels of spatial networks: against a double loop, finite networks, and what is known of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import oracles_spatial as oracles
import pytest
from spatial_networks import ERF, IMAGES, LINE, PLANE, RELU, RNG, WAVES

import dualact as da
from dualact import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, LayerNorm, Network, Residual
from dualact.exact import spatial_matrices


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("name", PLANE)
def test_images_against_the_double_loop(name, kind):
    _against_oracle(Network(PLANE[name]), IMAGES[:2], kind)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("name", LINE)
def test_sequences_against_the_double_loop(name, kind):
    _against_oracle(Network(LINE[name]), WAVES[:2], kind)


def _against_oracle(network, X, kind):
    expected = oracles.oracle_kernel(network, X, kind=kind)
    size = np.abs(expected).max()
    np.testing.assert_allclose(da.kernel(network, X, kind=kind), expected, rtol=0, atol=1e-10 * size)
    np.testing.assert_allclose(
        da.kernel(network, X[:1], X, kind=kind), expected[:1], rtol=0, atol=1e-10 * size
    )
    np.testing.assert_allclose(
        da.kernel_diag(network, X, kind), expected.diagonal(), rtol=0, atol=1e-10 * size
    )


# ------------------------------------------------------------------------------- finite networks


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize(
    "layers",
    [
        [
            Conv(3, bias_std=0.5),
            ERF,
            AvgPool(2),
            Conv(2, bias_std=0.3),
            ERF,
            GlobalAvgPool(),
            Dense(1.2, 0.1),
        ],
        [Conv(2, strides=(1, 2)), Residual([ERF, Conv(3, padding="circular")]), RELU, Flatten(), Dense()],
        [Conv(3), AvgPool(2, 1), LayerNorm(), Act("gelu"), Flatten(), Dense(), RELU, Dense(bias_std=0.3)],
    ],
    ids=["pool", "residual", "layer norm"],
)
def test_finite_networks_of_many_channels(layers, kind):
    """Within five standard errors, plus a bias of 1/width; and the kernel is far from what is wrong."""
    network, width = Network(layers), 128
    mean, error = oracles.finite_networks(network, IMAGES, kind, width, 100, seed=3)
    exact = da.kernel(network, IMAGES, kind=kind)
    assert np.all(np.abs(mean - exact) < 5 * error + 4 / width * np.abs(exact).max())
    wrong = da.kernel(network.replace(weight_std=2.0), IMAGES, kind=kind)
    assert np.any(np.abs(mean - wrong) > 5 * error + 4 / width * np.abs(exact).max())


# ------------------------------------------------------------------------------- what is known


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("head", ["gap", "flatten"])
@pytest.mark.parametrize("name", ["relu", "gelu", "tanh", "normalized_gaussian"])
def test_images_of_one_pixel_have_the_kernel_of_a_dense_network(name, head, kind):
    X = RNG.standard_normal((5, 6))
    expected = da.kernel(da.mlp(2, name, 1.3, 0.2), X, kind=kind)
    network = da.cnn(2, name, kernel_size=1, weight_std=1.3, bias_std=0.2, head=head)
    for images in (X[:, None, None], X[:, None]):
        np.testing.assert_allclose(da.kernel(network, images, kind=kind), expected, rtol=1e-11, atol=1e-13)
    wrapped = Network([Conv(3, padding="circular", weight_std=1.3, bias_std=0.2), *network.layers[1:]])
    np.testing.assert_allclose(
        da.kernel(wrapped, X[:, None, None], kind=kind), expected, rtol=1e-11, atol=1e-13
    )


def test_flatten_first_is_a_dense_network():
    network = da.mlp(2, "gelu", bias_std=0.1)
    flat = IMAGES.reshape(3, -1)
    found = da.kernel(Network([Flatten(), *network]), IMAGES)
    np.testing.assert_allclose(found, da.kernel(network, flat), rtol=1e-12)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
def test_circular_shifts_do_not_matter_before_a_global_pool(kind):
    layers = [
        Conv(3, padding="circular", bias_std=0.3),
        RELU,
        Conv(2, padding="circular"),
        RELU,
        GlobalAvgPool(),
    ]
    network = Network([*layers, Dense()])
    K = da.kernel(network, IMAGES, kind=kind)
    shifted = np.roll(IMAGES, (1, 2), axis=(1, 2))
    np.testing.assert_allclose(da.kernel(network, shifted, IMAGES, kind=kind), K, rtol=1e-12)
    same = Network([Conv(3), *layers[1:]])
    assert np.abs(da.kernel(same, shifted, IMAGES) - da.kernel(same, IMAGES)).max() > 1e-3


@pytest.mark.parametrize("name", ["flatten", "residual"])
def test_images_one_row_high_are_sequences(name):
    flat = Network([_one_row_high(layer) for layer in LINE[name]])
    expected = da.kernel(Network(LINE[name]), WAVES)
    np.testing.assert_allclose(da.kernel(flat, WAVES[:, None]), expected, rtol=1e-12)


def _one_row_high(layer):
    match layer:
        case Residual(layers=inner):
            return Residual([_one_row_high(one) for one in inner])
        case Conv(kernel_size=k, strides=s):
            return dataclasses.replace(layer, kernel_size=(1, k), strides=(1, s))
        case AvgPool(window=k, strides=s):
            return dataclasses.replace(layer, window=(1, k), strides=(1, s))
    return layer


@pytest.mark.parametrize("name", PLANE)
def test_symmetric_positive_and_the_same_in_every_block(name, monkeypatch):
    network, X = Network(PLANE[name]), RNG.standard_normal((7, 4, 3, 2))
    K = da.kernel(network, X)
    np.testing.assert_array_equal(K, K.T)
    assert np.linalg.eigvalsh(K).min() > -1e-12 * max(1.0, K.trace())
    np.testing.assert_allclose(K.diagonal(), da.kernel_diag(network, X), rtol=1e-13)
    np.testing.assert_allclose(da.kernel(network, X, X), K, rtol=1e-12, atol=1e-13)
    for entries in (1, 12 * 6, 12**2 * 2):
        monkeypatch.setattr(spatial_matrices, "_BLOCK_ENTRIES", entries)
        np.testing.assert_allclose(da.kernel(network, X, n_jobs=2), K, rtol=1e-12, atol=1e-13)
        np.testing.assert_array_equal(da.kernel(network, X, n_jobs=1), da.kernel(network, X, n_jobs=3))


def test_the_diagonal_is_exact_where_only_flatten_follows():
    network = da.cnn(4, "relu", bias_std=0.1, head="flatten")
    X = np.concatenate([IMAGES, IMAGES])
    K = da.kernel(network, X)
    np.testing.assert_array_equal(K.diagonal(), da.kernel_diag(network, X))
    np.testing.assert_allclose(K[:3, 3:].diagonal(), K.diagonal()[:3], rtol=1e-14)
