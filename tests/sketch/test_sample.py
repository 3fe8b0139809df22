"""What the design sees of the data."""

import numpy as np
import pytest
from data_families import FAMILIES, rows_of
from scipy import sparse

from dualact.sketch.pairs import diagonal_of, mean_square, means, packed
from dualact.sketch.sample import draw_sample, gaussian_sample, split_along_main_direction


def unit_rows(X):
    X = np.asarray(X, dtype=float)
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return np.divide(X, norms, out=np.zeros_like(X), where=norms > 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_norms_cosines_and_fourth_powers(family):
    X = rows_of(family, 60)
    sample, _ = draw_sample(X)
    dense = X.toarray() if sparse.issparse(X) else np.asarray(X, dtype=float)
    U = unit_rows(dense)
    assert np.allclose(sample.mean_squares, (dense**2).mean(axis=1))
    assert np.allclose(sample.cosines, U @ U.T, atol=1e-12)
    assert np.allclose(sample.fourth, (U**2) @ (U**2).T, atol=1e-12)
    assert not sample.along.any()
    assert np.allclose(sample.across, sample.cosines)


def test_at_most_512_evenly_spaced_rows():
    X = np.arange(1, 3001, dtype=float)[:, None]
    sample, _ = draw_sample(X)
    chosen = np.sqrt(sample.mean_squares)
    assert chosen.size == 512
    assert chosen[0] == 1
    assert chosen[-1] == 3000
    assert np.ptp(np.diff(chosen)) <= 1
    assert draw_sample(X[:7])[0].mean_squares.size == 7
    assert draw_sample(X, 10)[0].mean_squares.size == 10


def test_sparse_is_dense():
    X = rows_of("sparse", 50)
    one, two = draw_sample(X)[0], draw_sample(X.toarray())[0]
    for name in ("mean_squares", "cosines", "fourth"):
        assert np.allclose(getattr(one, name), getattr(two, name), atol=1e-14)


def test_zero_rows_have_no_direction():
    X = np.array([[3.0, 4.0], [0.0, 0.0], [-4.0, 3.0], [6.0, 8.0]])
    sample, _ = draw_sample(X)
    assert np.array_equal(sample.mean_squares, [12.5, 0.0, 12.5, 50.0])
    assert np.allclose(sample.cosines, [[1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0], [1, 0, 0, 1]], atol=1e-15)
    assert np.array_equal(sample.cosines.diagonal(), [1, 0, 1, 1])


@pytest.mark.parametrize("dtype", [np.float32, np.int8])
def test_any_dtype_is_looked_at_in_double(dtype):
    X = rows_of("counts", 20).astype(dtype)
    sample, unit = draw_sample(X)
    assert unit.dtype == np.float64
    assert np.allclose(sample.cosines, draw_sample(X.astype(float))[0].cosines, atol=1e-14)


@pytest.mark.parametrize(("n", "d"), [(40, 7), (7, 40), (2, 2)])
def test_split_is_along_the_first_singular_vector(n, d):
    X = np.random.default_rng(0).standard_normal((n, d)) + 1.5
    sample, unit = draw_sample(X)
    split = split_along_main_direction(sample, unit)
    first = np.linalg.svd(unit)[2][0]
    assert abs(first @ split.direction) == pytest.approx(1.0, abs=1e-9)
    assert np.linalg.norm(split.direction) == pytest.approx(1.0)
    assert split.along.sum() > 0
    rest = unit - np.outer(split.along, split.direction)
    assert np.allclose(split.across, rest @ rest.T, atol=1e-12)
    assert np.allclose(split.fourth, (rest**2) @ (rest**2).T, atol=1e-12)
    assert np.all(split.across.diagonal() >= 0)


def test_split_of_rows_along_one_direction_leaves_nothing():
    X = np.outer(np.array([1.0, -2.0, 3.0, 1.5]), np.array([0.6, 0.0, 0.8]))
    split = split_along_main_direction(*draw_sample(X))
    assert np.allclose(np.abs(split.along), 1.0)
    assert np.abs(split.across).max() < 1e-14


def test_rows_drawn_where_there_are_no_data():
    one, two = gaussian_sample(5)[0], gaussian_sample(5)[0]
    assert np.array_equal(one.cosines, two.cosines)
    assert one.mean_squares.mean() == pytest.approx(1.0, rel=0.1)
    assert one.n_features == 5


@pytest.mark.parametrize("rows", [1, 2, 5, 30])
def test_packed_pairs(rows):
    rng = np.random.default_rng(rows)
    A, B = rng.standard_normal((2, rows, rows))
    A, B = A + A.T, B + B.T
    assert np.array_equal(packed(A), A[np.triu_indices(rows)])
    assert np.array_equal(diagonal_of(packed(A)), A.diagonal())
    assert mean_square(packed(A)) == pytest.approx((A**2).mean())
    more = mean_square(packed(A), 100)  # of 100 rows: one pair in a hundred is a row with itself
    off = (A**2).sum() - (A.diagonal() ** 2).sum()
    share = 0.99 * off / (rows * (rows - 1)) if rows > 1 else 0
    assert more == pytest.approx(0.01 * (A.diagonal() ** 2).mean() + share)
    both = np.stack([packed(A), packed(B)])
    expected = [[(P * Q).mean() for Q in (A, B)] for P in (A, B)]
    assert np.allclose(means(both, both.T), expected)
