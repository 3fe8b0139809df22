"""Exact kernels of spatial networks: forms of the inputs, blocks, memory, refusals."""

from __future__ import annotations

import numpy as np
import oracles_spatial as oracles
import pytest
from spatial_networks import IMAGES, PLANE

import dualact as da
from dualact import Act, Conv, Dense, GlobalAvgPool, Network
from dualact.exact import spatial_matrices

# ------------------------------------------------------------------------------- forms of X


def test_flattened_rows_where_the_shape_is_known():
    network = Network(PLANE["pool then act"], input_shape=(4, 3, 2))
    K = da.kernel(network, IMAGES)
    flat = IMAGES.reshape(3, -1)
    np.testing.assert_array_equal(da.kernel(network, flat), K)
    np.testing.assert_array_equal(
        da.kernel(network, IMAGES, flat[:2]), da.kernel(network, IMAGES, IMAGES[:2])
    )
    np.testing.assert_array_equal(da.kernel_diag(network, flat), da.kernel_diag(network, IMAGES))


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "uint8", "bool"])
def test_everything_is_computed_in_float64(dtype):
    X = (3 * IMAGES).astype(dtype)
    before = X.copy()
    for name in ("gap", "flatten"):
        network = Network(PLANE[name])
        K = da.kernel(network, X)
        assert K.dtype == np.float64
        np.testing.assert_array_equal(K, da.kernel(network, X.astype(float)))
    np.testing.assert_array_equal(X, before)


def test_read_only_strided_and_listed():
    network = Network(PLANE["pool then conv"])
    K = da.kernel(network, IMAGES)
    X = np.asfortranarray(IMAGES)
    X.setflags(write=False)
    np.testing.assert_array_equal(da.kernel(network, X), K)
    np.testing.assert_array_equal(da.kernel(network, IMAGES.tolist()), K)
    np.testing.assert_array_equal(da.kernel(network.to_dict(), IMAGES), K)


@pytest.mark.parametrize("name", PLANE)
@pytest.mark.parametrize("kind", ["nngp", "ntk"])
def test_constant_images_and_patches_of_zeros(name, kind):
    X = np.array([np.zeros((4, 3, 2)), np.ones((4, 3, 2)), -np.ones((4, 3, 2)), IMAGES[0], IMAGES[0]])
    X[3, :3] = 0.0
    network = Network(PLANE[name])
    K = da.kernel(network, X, kind=kind)
    assert np.isfinite(K).all()
    np.testing.assert_allclose(K.diagonal(), da.kernel_diag(network, X, kind), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(
        K, oracles.oracle_kernel(network, X, kind=kind), rtol=0, atol=2e-10 * abs(K).max()
    )


@pytest.mark.parametrize("name", PLANE)
def test_a_batch_of_one(name):
    network = Network(PLANE[name])
    K = da.kernel(network, IMAGES)
    for i in range(3):
        one = IMAGES[i : i + 1]
        np.testing.assert_allclose(da.kernel(network, one), K[i : i + 1, i : i + 1], rtol=1e-13)
        np.testing.assert_allclose(da.kernel(network, one, IMAGES), K[i : i + 1], rtol=1e-12, atol=1e-14)


def test_a_given_array_is_filled():
    network = Network(PLANE["gap"])
    out = np.full((3, 3), np.nan)
    assert da.kernel(network, IMAGES, out=out) is out
    np.testing.assert_array_equal(out, da.kernel(network, IMAGES))
    with pytest.raises(da.NetworkError, match=r"out must be a float64 array of shape \(3, 2\)\."):
        da.kernel(network, IMAGES, IMAGES[:2], out=out)


def test_progress_goes_to_standard_error(capsys, monkeypatch):
    monkeypatch.setattr(spatial_matrices, "_BLOCK_ENTRIES", 1)
    da.kernel(Network(PLANE["gap"]), IMAGES, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.endswith("\rkernel: 6/6 blocks of pairs, 0:00:00 left \n")


# ------------------------------------------------------------------------------- refusals


def test_a_run_beyond_max_memory_is_refused_with_the_numbers():
    X = np.zeros((40, 32, 32, 3))
    with pytest.raises(
        da.NetworkError,
        match=r"^the kernel matrix of 40 × 40 inputs takes 40\.7 MiB, more than max_memory=16 MiB: "
        r"0\.735 MiB for the result and the variances, 40 MiB a thread for blocks of 1048576 pairs of "
        r"positions\. It would take about \d+ s\. Allow more, compute it in parts with out=, take smaller "
        r"inputs, or a network that ends in Flatten without pools\.$",
    ):
        da.kernel(da.myrtle(5, "relu"), X, max_memory=2**24, n_jobs=1)
    with pytest.raises(da.NetworkError, match=r"inputs takes .* It would take about [\d.]+ hours"):
        da.kernel(da.myrtle(10, "tanh"), np.zeros((3000, 32, 32, 3)), max_memory=2**20)
    with pytest.raises(da.NetworkError, match=r"max_memory must be a number of bytes or None\. Got '1GB'"):
        da.kernel(da.myrtle(5, "relu"), X, max_memory="1GB")


def test_fewer_threads_where_memory_asks_for_it():
    network = Network(PLANE["gap"])
    K = da.kernel(network, IMAGES)
    tight = 8 * 9 + 8 * 3 * 24 + 8 * 2 * 2 * 144 * 3 + 2**23
    np.testing.assert_array_equal(da.kernel(network, IMAGES, max_memory=tight, n_jobs=4), K)
    with pytest.raises(da.NetworkError, match="the kernel matrix of 3 × 3 inputs takes"):
        da.kernel(network, IMAGES, max_memory=tight - 1, n_jobs=4)


def test_inputs_that_do_not_fit():
    network = Network(PLANE["gap"], input_shape=(4, 3, 2))
    for function in (da.kernel, da.kernel_diag):
        with pytest.raises(
            da.NetworkError, match=r"^input_shape is \(3, 4, 2\), but the network was made for \(4, 3, 2\)\.$"
        ):
            function(network, IMAGES.transpose(0, 2, 1, 3))
        with pytest.raises(
            da.NetworkError,
            match=r"^X has rows of 25 numbers, but the network was made for input_shape=\(4, 3, 2\), which "
            r"flattened is 24\.$",
        ):
            function(network, np.ones((2, 25)))
        with pytest.raises(
            da.NetworkError,
            match=r"^the network is spatial and the shape of its inputs is not known\. X came as flat rows "
            r"of 24 numbers\. Give the network an input_shape, \(L, C\) or \(H, W, C\), or X one axis for "
            r"each of them\.$",
        ):
            function(Network(PLANE["gap"]), np.ones((2, 24)))
    with pytest.raises(
        da.NetworkError,
        match=r"^Y must have the shape \(n, 4, 3, 2\), or rows of 24 numbers\. Got \(3, 4, 3, 1\)\.$",
    ):
        da.kernel(Network(PLANE["gap"]), IMAGES, IMAGES[..., :1])


def test_channels_that_are_missing():
    grey = np.ones((2, 28, 28))
    with pytest.raises(
        da.NetworkError,
        match=r"^layer 0 \(Conv\(\(3, 3\), .*\)\): kernel_size=\(3, 3\) has 2 axes, but its input has 1 of "
        r"positions\. Inputs are \(L, C\) or \(H, W, C\); grey images need a channel axis too: "
        r"X\[\.\.\., None\]\.$",
    ):
        da.kernel(da.myrtle(5, "relu"), grey)
    with pytest.raises(
        da.NetworkError,
        match=r"^input_shape is \(28, 28\), but the network was made for \(28, 28, 1\)\. The channel axis is "
        r"missing: X\[\.\.\., None\]\.$",
    ):
        da.kernel(Network(da.cnn(1, "relu"), input_shape=(28, 28, 1)), grey)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (np.full((1, 4, 3, 2), np.nan), "Input X contains NaN"),
        (np.full((1, 4, 3, 2), np.inf), "Input X contains infinity"),
        (np.ones((1, 4, 3, 2)) * 1j, "Complex data not supported"),
        (np.ones((0, 4, 3, 2)), "Found array with 0 sample"),
        (np.ones(24), "Expected 2D array, got 1D array"),
    ],
)
def test_bad_data_in_the_words_of_scikit_learn(X, words):
    network = Network(PLANE["gap"])
    for function in (da.kernel, da.kernel_diag):
        with pytest.raises(ValueError, match=words):
            function(network, X)
    with pytest.raises(ValueError, match=words.replace("Input X", "Input Y")):
        da.kernel(network, IMAGES, X)


def test_overflow_is_a_sentence():
    X = np.ones((2, 3, 3, 1))
    X[1] *= 1e200
    with pytest.raises(
        da.NetworkError,
        match=r"layer 1 \(Act\('relu'\)\): the pre-activation variance is inf at row 1 of X; it overflows\.",
    ):
        da.kernel(da.cnn(1, "relu"), X)
    with pytest.raises(
        da.NetworkError, match=r"layer 1 \(Act\('relu'\)\): .* at row 0 of Y; it overflows\. Scale Y"
    ):
        da.kernel(da.cnn(1, "relu"), X[:1], X[1:])
    for function in (da.kernel, da.kernel_diag):
        with pytest.raises(
            da.NetworkError,
            match=r"^the kernel overflows at row 1 of X and row 1 of X\. Scale X or the weights down",
        ):
            function(Network([Conv(3), GlobalAvgPool(), Dense()]), X)
    limited = Network([Conv(1), Act("gaussian", rate=0.1), GlobalAvgPool(), Dense()])
    with pytest.raises(da.NetworkError, match=r"E φ² is finite for variances below 2\.5 only"):
        da.kernel_diag(limited, 2 * X[:1])
