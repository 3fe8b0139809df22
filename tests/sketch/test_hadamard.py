"""The Walsh–Hadamard transform, compiled and not, against its definition."""

import itertools

import numpy as np
import pytest

from dualact.errors import DualactError
from dualact.sketch import hadamard as module
from dualact.sketch.hadamard import hadamard, hadamard_matrix, power_of_two


@pytest.fixture(params=["default", "numpy"])
def path(request, monkeypatch):
    if request.param == "numpy":
        monkeypatch.setattr(module, "_compiled", None)
    return request.param


def test_sylvester_order_is_pinned():
    expected = [[(-1) ** (i & j).bit_count() for j in range(8)] for i in range(8)]
    assert hadamard_matrix(8).tolist() == expected


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("log_n", range(13))
def test_equals_the_matrix(path, log_n, dtype):
    n = 1 << log_n
    X = np.random.default_rng(log_n).normal(size=(3, n)).astype(dtype)
    index = np.arange(n)
    rows = index[:: max(n // 64, 1)]
    H = 1.0 - 2.0 * (np.bitwise_count(rows[:, None] & index[None, :]) & 1)
    got = hadamard(X.copy())
    assert got.dtype == dtype
    bound = 2 * (log_n + 1) * np.finfo(dtype).eps * np.abs(X).sum(axis=1, keepdims=True)
    assert (np.abs(got[:, rows] - X.astype(float) @ H.T) <= bound).all()


@pytest.mark.parametrize("n", [1, 2, 8, 32, 1024, 4096, 16384])
def test_twice_is_n_times(path, n):
    X = np.random.default_rng(0).normal(size=(2, n))
    np.testing.assert_allclose(hadamard(hadamard(X.copy())), n * X, rtol=0, atol=1e-12 * n * np.sqrt(n))


def test_integers_are_exact(path):
    X = np.random.default_rng(0).integers(-8, 9, size=(4, 2048)).astype(np.float32)
    Y = hadamard(hadamard(X.copy()))
    assert (Y == 2048 * X).all()


def test_in_place_only_where_possible(path):
    X = np.arange(8.0).reshape(2, 4)
    assert hadamard(X) is X
    Y = np.arange(16.0).reshape(4, 4)[:, ::2]
    before = Y.copy()
    assert hadamard(Y) is not Y
    assert (before == Y).all()
    read_only = np.ones(4)
    read_only.flags.writeable = False
    assert hadamard(read_only).tolist() == [4.0, 0.0, 0.0, 0.0]


def test_leading_axes(path):
    X = np.random.default_rng(1).normal(size=(2, 3, 4, 16))
    Y = hadamard(X.copy())
    for index in itertools.product(range(2), range(3), range(4)):
        np.testing.assert_allclose(Y[index], hadamard_matrix(16) @ X[index], atol=1e-13)
    assert hadamard(np.empty((0, 8))).shape == (0, 8)


@pytest.mark.skipif(not module.has_compiled(), reason="the extension was not built")
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n", [4, 64, 2048])
def test_bits_do_not_depend_on_the_batch(n, dtype):
    X = np.random.default_rng(2).normal(size=(13, n)).astype(dtype)
    Y = hadamard(X.copy())
    for i in range(13):
        assert (hadamard(X[i].copy()) == Y[i]).all()
    shifted = np.empty(13 * n + 1, dtype)[1:].reshape(13, n)  # not aligned to a vector
    shifted[...] = X
    assert (hadamard(shifted) == Y).all()


@pytest.mark.parametrize(("n", "expected"), [(1, 1), (2, 2), (3, 4), (1024, 1024), (1025, 2048)])
def test_power_of_two(n, expected):
    assert power_of_two(n) == expected


def test_refusals():
    with pytest.raises(DualactError, match=r"power of two.*shape \(2, 3\)\. Pad it with zeros to 4\."):
        hadamard(np.ones((2, 3)))
    with pytest.raises(DualactError, match=r"float32 or float64.*got int64\. Convert it"):
        hadamard(np.ones(4, dtype=np.int64))
