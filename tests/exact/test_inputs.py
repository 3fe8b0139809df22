"""Rows, norms and Gram blocks."""

from __future__ import annotations

import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

import dualact as da
from dualact.exact.inputs import as_rows, gram, mean_squares, same_width
from dualact.network.planning import check

RNG = np.random.default_rng(0)


def exact_mean(a, b):
    return float(sum(Fraction(float(s)) * Fraction(float(t)) for s, t in zip(a, b, strict=True)) / len(a))


def test_rows_become_float64_and_keep_their_form():
    assert as_rows([[1, 2]]).dtype == np.float64
    X = RNG.standard_normal((3, 2))
    assert as_rows(X) is X
    assert as_rows(np.array([[1, 2]], dtype=object)).dtype == np.float64
    assert as_rows(sparse.csc_matrix(X)).format == "csr"


def test_entries_given_twice_are_summed_and_the_matrix_stays_as_it_was():
    twice = sparse.csr_matrix(([1.0, 2.0, 5.0], [0, 0, 1], [0, 2, 3]), shape=(2, 2))
    rows = as_rows(twice)
    np.testing.assert_array_equal(mean_squares(rows), [4.5, 12.5])
    assert twice.nnz == 3
    K = da.kernel(da.mlp(1, "erf"), twice)
    np.testing.assert_allclose(K, da.kernel(da.mlp(1, "erf"), twice.toarray()), rtol=1e-14)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix, sparse.csr_array])
def test_norms_and_gram_are_exact_to_rounding(make):
    X = RNG.standard_normal((7, 5)) * np.array([1e-3, 1.0, 10.0, 0.0, 2.0])
    Y = np.concatenate([X[:3] * [[1.0], [-2.0], [1 / 3]], RNG.standard_normal((2, 5))])
    squares, others = mean_squares(make(X)), mean_squares(make(Y))
    np.testing.assert_allclose(squares, [exact_mean(a, a) for a in X], rtol=4e-16)
    G = gram(make(X), make(Y), squares, others)
    expected = np.array([[exact_mean(a, b) for b in Y] for a in X])
    np.testing.assert_allclose(G, expected, atol=1e-15 * math.sqrt(squares.max() * others.max()))
    rho = G / np.sqrt(np.outer(squares, others))
    np.testing.assert_allclose(rho[[0, 1, 2], [0, 1, 2]], [1, -1, 1], rtol=3e-16)


def test_small_angles_keep_their_digits():
    """1 − cos of angles from 1e-4 down to 1e-7, where a product of the rows has lost half or all of it."""
    x, orthogonal = np.linalg.qr(RNG.standard_normal((300, 2)))[0].T
    for angle in (1e-4, 1e-5, 3e-6, 1e-6, 2e-7):
        y = math.cos(angle) * x + math.sin(angle) * orthogonal
        for sign in (1, -1):
            pair = np.array([x]), np.array([sign * 3 * y])
            s, t = map(mean_squares, pair)
            rho = gram(*pair, s, t)[0, 0] / math.sqrt(s[0] * t[0])
            assert 1 - sign * rho == pytest.approx(angle**2 / 2, rel=1e-6, abs=1e-15)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array])
def test_collinear_rows_are_collinear_to_the_bit(make):
    base = RNG.standard_normal((20, 501))
    factors = RNG.uniform(0.1, 10, 20) * np.where(np.arange(20) % 2, 1, -1)
    X, Y = make(base), make(base * factors[:, None])
    s, t = mean_squares(X), mean_squares(Y)
    np.testing.assert_array_equal(gram(X, Y, s, t).diagonal(), np.sign(factors) * np.sqrt(s * t))


def test_long_sparse_rows_stay_sparse():
    """Near pairs are compared where they have entries: a million columns, all rows collinear."""
    columns = np.arange(50) * 20_000
    factors = np.array([1.0, -2.0, 0.3, 1e-5])
    data = np.outer(factors, RNG.standard_normal(50)).ravel()
    X = sparse.csr_matrix((data, np.tile(columns, 4), np.arange(5) * 50), shape=(4, 10**6))
    squares = mean_squares(X)
    tracemalloc.start()
    found = gram(X, X, squares, squares)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    roots = np.sign(factors) * np.sqrt(squares)
    np.testing.assert_allclose(found, np.outer(roots, roots), rtol=1e-15)
    assert peak < 5e6  # four bytes a column for the product; a dense row has eight


def test_dense_and_sparse_rows_meet():
    X = RNG.standard_normal((9, 40)) * (RNG.random((9, 40)) < 0.3)
    Y = np.concatenate([3 * X[:4], -X[4:6], RNG.standard_normal((2, 40))])
    s, t = mean_squares(X), mean_squares(Y)
    expected = gram(X, Y, s, t)
    for one, two in ((sparse.csr_matrix, np.asarray), (np.asarray, sparse.csr_array)):
        np.testing.assert_allclose(gram(one(X), two(Y), s, t), expected, rtol=1e-14, atol=1e-16)


def test_rows_of_zeros_have_no_direction():
    X = np.array([[0.0, 0.0], [1.0, 2.0]])
    squares = mean_squares(X)
    np.testing.assert_array_equal(gram(X, X, squares, squares), [[0.0, 0.0], [0.0, 2.5]])


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_far_from_one(scale):
    X = scale * RNG.standard_normal((4, 3))
    X[1] = -X[0]
    squares = mean_squares(X)
    G = gram(X, X, squares, squares)
    assert G[0, 1] == -squares[0] == -squares[1]
    np.testing.assert_allclose(G / scale / scale, (X / scale) @ (X / scale).T / 3, rtol=1e-12)


def test_norms_do_not_depend_on_the_place_of_a_row():
    X = np.tile(RNG.standard_normal((3, 777)), (400, 1))
    assert np.unique(mean_squares(X)).size == 3


def test_overflowing_norms_are_infinite_without_a_warning():
    assert mean_squares(np.array([[1e200, 0.0], [1.0, 1.0]])).tolist() == [math.inf, 1.0]
    assert mean_squares(sparse.csr_array([[1e200, 0.0], [1.0, 1.0]])).tolist() == [math.inf, 1.0]


def test_widths():
    plan = check(da.Network([da.Dense()], input_shape=(2,)))
    same_width(plan, np.ones((1, 2)), np.ones((4, 2)))
    with pytest.raises(da.NetworkError, match=r"X has 3 features, but the network was made for input_shape"):
        same_width(plan, np.ones((1, 3)))
    free = check(da.Network([da.Dense()]))
    with pytest.raises(da.NetworkError, match="X has 3 features, but Y has 2; both need the same number"):
        same_width(free, np.ones((1, 3)), np.ones((1, 2)))
