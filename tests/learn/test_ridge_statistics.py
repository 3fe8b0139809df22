"""Statistics of rows add up: any cut, any order, weights for repetitions."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from dualact.errors import DualactError
from dualact.learn.ridge_path import gcv_path
from dualact.learn.ridge_statistics import RidgeStatistics, check_range

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((60, 5)) @ RNG.standard_normal((5, 5)) + 3
Y = RNG.standard_normal((60, 2)) - 7
W = RNG.integers(0, 4, 60).astype(float)


def of(Z, Y, weights=None, precision="float64"):
    return RidgeStatistics(Z.shape[1], Y.shape[1], precision).add(Z, Y, weights)


def direct(Z, Y, w):
    """The definitions, in two passes."""
    mean, target_mean = np.average(Z, axis=0, weights=w), np.average(Y, axis=0, weights=w)
    z, y = Z - mean, Y - target_mean
    return mean, target_mean, (z.T * w) @ z, (z.T * w) @ y, w @ y**2


def assert_same(one, other, rtol=1e-12):
    assert one.rows == other.rows
    assert one.weight == pytest.approx(other.weight, rel=1e-14)
    for a, b in (
        (one.mean, other.mean),
        (one.target_mean, other.target_mean),
        (np.tril(one.scatter), np.tril(other.scatter)),
        (one.cross, other.cross),
        (one.target_scatter, other.target_scatter),
    ):
        assert np.abs(a - b).max() <= rtol * max(np.abs(b).max(), 1.0)


@pytest.mark.parametrize("weights", [None, W, W + 0.3], ids=["none", "with zeros", "fractions"])
def test_the_definitions(weights):
    found = of(Z, Y, weights)
    w = np.ones(60) if weights is None else weights
    mean, target_mean, scatter, cross, target_scatter = direct(Z, Y, w)
    assert found.weight == pytest.approx(w.sum())
    assert found.rows == 60
    assert np.allclose(found.mean, mean, rtol=1e-13)
    assert np.allclose(found.target_mean, target_mean, rtol=1e-13)
    assert np.allclose(np.tril(found.scatter), np.tril(scatter), rtol=1e-12)
    assert np.allclose(found.cross, cross, rtol=1e-12, atol=1e-12)
    assert np.allclose(found.target_scatter, target_scatter, rtol=1e-12)


@given(cuts=st.lists(st.integers(0, 60), max_size=8), weighted=st.booleans())
def test_any_chunks_and_any_tree(cuts, weighted):
    weights = W if weighted else None
    whole = of(Z, Y, weights)
    edges = [0, *sorted(cuts), 60]
    parts = [slice(a, b) for a, b in itertools.pairwise(edges)]
    added = RidgeStatistics(5, 2)
    for rows in parts:
        added.add(Z[rows], Y[rows], None if weights is None else weights[rows])
    assert_same(added, whole)
    tree = [of(Z[r], Y[r], None if weights is None else weights[r]) for r in parts]
    while len(tree) > 1:
        tree = [tree[i].merge(tree[i + 1]) if i + 1 < len(tree) else tree[i] for i in range(0, len(tree), 2)]
    assert_same(tree[0], whole)


def test_more_rows_than_a_block():
    Z, Y = RNG.standard_normal((5000, 3)) + 1, RNG.standard_normal((5000, 1))
    w = RNG.random(5000)
    _, _, scatter, cross, _ = direct(Z, Y, w)
    found = of(Z, Y, w)
    assert np.allclose(np.tril(found.scatter), np.tril(scatter), rtol=1e-12, atol=1e-9)
    assert np.allclose(found.cross, cross, rtol=1e-12, atol=1e-9)


def test_weights_are_repetitions():
    times = W.astype(int)
    repeated = of(np.repeat(Z, times, axis=0), np.repeat(Y, times, axis=0))
    weighted = of(Z, Y, W)
    weighted.rows = repeated.rows
    assert_same(weighted, repeated)


def test_merge_leaves_the_other_and_is_symmetric():
    one, other = of(Z[:20], Y[:20]), of(Z[20:], Y[20:])
    before = other.copy()
    there = other.copy().merge(one)
    assert_same(one.merge(other), there)
    assert_same(other, before, rtol=0)
    assert_same(RidgeStatistics(5, 2).merge(one), one, rtol=1e-15)
    assert_same(one.copy().merge(RidgeStatistics(5, 2)), one, rtol=0)


def test_rows_of_weight_zero_change_nothing_but_their_number():
    start = of(Z[:30], Y[:30])
    again = start.copy().add(Z[30:], Y[30:], np.zeros(30))
    assert again.rows == 60
    again.rows = 30
    assert_same(again, start, rtol=0)


@pytest.mark.parametrize("step", [1, 7, 60])
@pytest.mark.parametrize("offset", [1e6, -1e9])
def test_an_offset_costs_no_digits(offset, step):
    """The scatter of rows far from zero, exactly representable, is that of the rows around zero."""
    grid = np.round(Z * 256) / 256
    moved, plain = RidgeStatistics(5, 2), of(grid, Y)
    for i in range(0, 60, step):
        moved.add(grid[i : i + step] + offset, Y[i : i + step])
    error = np.abs(np.tril(moved.scatter - plain.scatter)).max() / plain.scatter.max()
    assert error < 2e-16 * abs(offset) * 3
    assert error < 1e-7
    naive = (grid + offset).T @ (grid + offset) - 60 * np.outer(*[(grid + offset).mean(axis=0)] * 2)
    assert np.abs(np.tril(naive - plain.scatter)).max() / plain.scatter.max() > 100 * error


def test_moments_without_intercept():
    scatter, cross, squares = of(Z, Y, W).moments(fit_intercept=False)
    assert np.allclose(np.tril(scatter), np.tril((Z.T * W) @ Z), rtol=1e-12)
    assert np.allclose(cross, (Z.T * W) @ Y, rtol=1e-12)
    assert np.allclose(squares, W @ Y**2, rtol=1e-12)


def test_a_target_that_was_constant_so_far():
    for place in (0, 1, 2):
        grown = of(Z, Y, W).with_target(place, -1.0)
        assert_same(grown, of(Z, np.insert(Y, place, -1.0, axis=1), W))


def test_sparse_rows_and_float32():
    thin = Z * (RNG.random(Z.shape) < 0.4)
    assert_same(of(sparse.csr_array(thin), Y, W), of(thin, Y, W))
    single = Z.astype(np.float32)
    assert_same(of(single, Y), of(single.astype(np.float64), Y), rtol=0)


def test_mixed_precision_errors_are_as_documented():
    Z = np.maximum(RNG.standard_normal((6000, 20)) @ RNG.standard_normal((20, 96)), 0).astype(np.float32)
    Y = RNG.standard_normal((6000, 1))
    exact, mixed = (np.tril(of(Z, Y, None, p).scatter) for p in ("float64", "mixed"))
    error = np.abs(exact - mixed).max() / exact.max()
    assert 1e-8 < error < 1e-6


def test_a_file_gives_back_the_bits():
    found = of(Z, Y, W, "mixed")
    again = RidgeStatistics.from_arrays(found.to_arrays())
    assert_same(again, found, rtol=0)
    assert again.precision == "mixed"
    assert_same(again.add(Z, Y), found.add(Z, Y), rtol=0)


@pytest.mark.parametrize(
    "rows", [np.array([[1e150]]), np.array([[-1e300, 0.0]]), sparse.csr_array([[1e150]])]
)
def test_values_that_overflow(rows):
    with pytest.raises(DualactError, match=r"X has an entry of magnitude .* leave the range of float64"):
        check_range("X", rows)
    check_range("X", rows * 1e-200)
    check_range("X", np.full((1, 1), 3e38, np.float32))


@pytest.mark.slow
def test_sixteen_thousand_columns_do_not_crash():
    """OpenBLAS alone segfaults here, on two threads."""
    Z = np.random.default_rng(0).standard_normal((1000, 16_384), dtype=np.float32)
    statistics = RidgeStatistics(Z.shape[1], 1).add(Z, Z[:, :1])
    S = statistics.scatter
    place = [3, 9_000, 16_383]
    centred = Z[:, place].astype(float) - Z[:, place].mean(axis=0, dtype=float)
    np.testing.assert_allclose(np.tril(S[np.ix_(place, place)]), np.tril(centred.T @ centred), rtol=1e-10)
    solution = gcv_path(statistics, [1e3], True)
    centred = Z.astype(float) - Z.mean(axis=0, dtype=float)
    small = centred @ centred.T + 1e3 * np.eye(len(Z))  # the same ridge regression, by rows
    expected = centred.T @ np.linalg.solve(small, centred[:, 0])
    np.testing.assert_allclose(solution.coef[0], expected, atol=1e-9 * np.abs(expected).max())
