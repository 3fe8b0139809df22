"""Kernels of the angle alone: the same numbers as the recursion, and only where they are one."""

from __future__ import annotations

import numpy as np
import pytest

import dualact as da
from dualact.exact import matrices
from dualact.exact.angular import angular_kernel, homogeneity

ROWS = np.random.default_rng(0).standard_normal((60, 5)) * np.geomspace(0.1, 10, 60)[:, None]
ROWS[3], ROWS[4], ROWS[5] = ROWS[2], -ROWS[2], 3 * ROWS[2]
UNIT = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)


def both(monkeypatch, network, X, kind):
    fast = da.kernel(network, X, X.copy(), kind=kind)
    monkeypatch.setattr(matrices, "angular_kernel", lambda *_: None)
    return fast, da.kernel(network, X, X.copy(), kind=kind)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs", "rectified_power", "identity"])
@pytest.mark.parametrize("depth", [1, 3, 8])
def test_equals_the_recursion(monkeypatch, activation, depth, kind):
    network = da.mlp(min(depth, 3) if activation == "rectified_power" else depth, activation, 1.2)
    assert angular_kernel(network.layers, kind == "ntk", (np.array([0.1, 3.0]),)) is not None
    fast, slow = both(monkeypatch, network, ROWS, kind)
    size = np.sqrt(slow.diagonal())
    assert np.abs(fast - slow).max() > 0  # two roads, not one
    np.testing.assert_allclose(fast / size[:, None] / size, slow / size[:, None] / size, rtol=0, atol=2e-12)


@pytest.mark.parametrize("activation", ["gelu", "tanh", "relu"])
def test_equal_norms_make_every_network_one(monkeypatch, activation):
    network = da.mlp(2, activation, 1.3, 0.2)
    X = UNIT[:20]
    assert angular_kernel(network.layers, True, (np.full(3, 0.2),)) is not None
    assert angular_kernel(network.layers, True, (np.array([0.2, 0.3]),)) is None
    fast, slow = both(monkeypatch, network, X, "ntk")
    np.testing.assert_allclose(fast, slow, rtol=0, atol=2e-12 * slow.max())


def test_behind_a_layer_norm_any_activation_will_do(monkeypatch):
    network = da.Network([da.Dense(2.0), da.LayerNorm(), da.Act("gelu"), da.Dense(1.0, 0.3)])
    assert homogeneity(network.layers) == 0
    fast, slow = both(monkeypatch, network, ROWS, "ntk")
    np.testing.assert_allclose(fast, slow, rtol=0, atol=2e-12 * slow.max())


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([da.Dense(2.0)], 1),
        ([da.Dense(2.0, 0.1)], None),
        ([da.Dense(), da.Act("relu"), da.Dense()], 1),
        ([da.Dense(), da.Act("rectified_power", power=3), da.Dense()], 3),
        ([da.Dense(), da.Act("gelu"), da.Dense()], None),
        ([da.Dense(), da.Act("sign"), da.Dense(1.0, 0.5), da.Act("gelu"), da.Dense()], 0),
        ([da.Dense(), da.Residual([da.Act("relu"), da.Dense()])], 1),
        ([da.Dense(), da.Residual([da.Act("rectified_power", power=2), da.Dense()])], None),
    ],
)
def test_homogeneity(layers, expected):
    assert homogeneity(tuple(layers)) == expected
    if expected is not None:
        network = da.Network(layers)
        K, scaled = (da.kernel(network, X, kind="nngp") for X in (UNIT[6:12], 2 * UNIT[6:12]))
        np.testing.assert_allclose(scaled, K * 4.0**expected, rtol=1e-10)


def test_a_zero_row_stays_zero():
    X = np.vstack([UNIT[:3], np.zeros(5)])
    K = da.kernel(da.mlp(2, "relu"), X)
    assert np.all(K[3] == 0)
    assert np.all(np.isfinite(K))


def test_an_overflow_at_unit_size_is_left_to_the_recursion():
    deep = da.mlp(8, "rectified_power", 1.4)
    assert angular_kernel(deep.layers, True, (np.array([1.0, 2.0]),)) is None


def test_out_is_filled_and_checked(tmp_path):
    network = da.mlp(2, "relu")
    place = np.lib.format.open_memmap(tmp_path / "K.npy", mode="w+", dtype=np.float64, shape=(60, 60))
    assert da.kernel(network, ROWS, out=place) is place
    place.flush()
    np.testing.assert_array_equal(np.load(tmp_path / "K.npy"), da.kernel(network, ROWS))
    with pytest.raises(da.NetworkError, match=r"float64 array of shape \(60, 60\). Got float32 \(60, 60\)"):
        da.kernel(network, ROWS, out=np.empty((60, 60), np.float32))
    frozen = np.empty((60, 60))
    frozen.flags.writeable = False
    with pytest.raises(da.NetworkError, match="out is read-only"):
        da.kernel(network, ROWS, out=frozen)


def test_a_kernel_of_spikes_is_no_polynomial():
    """φ(t) = sin(1e9·t) is uncorrelated with itself at every angle but 0 and π."""
    wave = da.activation("sin", frequency=1e9)
    assert angular_kernel(da.mlp(1, wave).layers, False, (np.ones(2),)) is None
    K = da.kernel(da.mlp(1, wave), np.eye(2), kind="nngp")
    np.testing.assert_allclose(K, 0.5 * np.eye(2), atol=1e-15)
