"""Windows: their outputs and padding are those of JAX and TensorFlow, and every view of them agrees."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import dualact as da
from dualact.network.geometry import window_of


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


@pytest.mark.parametrize("padding", ["same", "valid", "circular"])
@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("s", [1, 2, 3])
def test_one_axis(n, k, s, padding):
    if padding == "valid" and k > n:
        with pytest.raises(da.NetworkError, match="its window"):
            window_of(da.Conv(k, s, padding), (n,))
        return
    window = window_of(da.Conv(k, s, padding), (n,))
    expected = np.array(looked_at(n, k, s, padding))
    assert window.outputs == (len(expected),)
    assert np.array_equal(window.indices(0), expected)
    assert np.allclose(window.coverage(), (expected >= 0).mean(axis=1))
    values = np.arange(1.0, n + 1)
    padded = window.padded(values, 0)
    by_slices = np.stack([padded[window.place(p)] for p in window.offsets()], axis=1)
    assert np.array_equal(by_slices, np.where(expected >= 0, values[expected], 0.0))


def test_known_paddings():
    """TensorFlow's and JAX's: the odd one at the end."""
    assert (window_of(da.Conv(3), (32, 32)).low, window_of(da.Conv(3), (32, 32)).high) == ((1, 1), (1, 1))
    assert (window_of(da.Conv(4), (8,)).low, window_of(da.Conv(4), (8,)).high) == ((1,), (2,))
    strided = window_of(da.Conv(3, strides=2), (8,))
    assert (strided.outputs, strided.low, strided.high) == ((4,), (0,), (1,))
    pool = window_of(da.AvgPool(2, padding="same"), (5,))
    assert (pool.outputs, pool.low, pool.high) == ((3,), (0,), (1,))
    assert window_of(da.AvgPool(2), (5,)).outputs == (2,)


def test_axes_are_independent():
    window = window_of(da.Conv((3, 2), (1, 2), "circular"), (4, 6))
    assert (window.outputs, window.count) == ((4, 3), 6)
    values = np.random.default_rng(0).standard_normal((2, 4, 6, 3))
    padded = window.padded(values, 1)
    for p, q in itertools.product(range(3), range(2)):
        rows, columns = window.indices(0)[:, p], window.indices(1)[:, q]
        found = padded[(slice(None), *window.place((p, q)))]
        assert np.array_equal(found, values[:, rows][:, :, columns])


def test_windows_side_by_side():
    assert window_of(da.AvgPool(2), (6, 6)).covers_once
    assert not window_of(da.AvgPool(3, strides=2), (7, 7)).covers_once


def test_sizes_for_other_axes_are_refused():
    with pytest.raises(
        da.NetworkError,
        match=r"^Conv\(\(3, 3\)\): kernel_size=\(3, 3\) has 2 axes, but its input has 1 of positions\. "
        r"Inputs are \(L, C\) or \(H, W, C\); grey images need a channel axis too: X\[\.\.\., None\]\.$",
    ):
        window_of(da.Conv((3, 3)), (8,))
    with pytest.raises(
        da.NetworkError,
        match=r"^layer 4: window=\(2,\) has 1 axis, but its input has 2 of positions\. Give one size "
        r"for each axis, or an integer\.$",
    ):
        window_of(da.AvgPool((2,)), (8, 8), "layer 4")
    with pytest.raises(da.NetworkError, match=r"strides=\(2, 2\) has 2 axes"):
        window_of(da.Conv(3, strides=(2, 2)), (8,))


def test_a_window_larger_than_its_input():
    with pytest.raises(
        da.NetworkError,
        match=r"^AvgPool\(9\): its window \(9, 9\) is larger than its input, which has positions \(9, 8\)\. "
        r"Use larger inputs, a smaller window, fewer pools before it, or padding='same'\.$",
    ):
        window_of(da.AvgPool(9), (9, 8))
