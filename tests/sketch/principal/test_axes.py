import numpy as np
import pytest
from scipy import sparse

from dualact.sketch.principal.axes import principal_axes

RNG = np.random.default_rng(0)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


ROWS = unit(RNG.standard_normal((200, 12)) * 0.7 ** np.arange(12) + 0.3)
WEIGHTS = RNG.uniform(0, 3, 200)


def spans_the_same(found, want):
    """The cosines of all principal angles, the smallest of them."""
    return np.linalg.svd(found.T @ want, compute_uv=False).min()


def test_they_are_the_eigenvectors_of_the_weighted_moments_largest_first():
    axes = principal_axes(ROWS, WEIGHTS, 12)
    np.testing.assert_allclose(axes.T @ axes, np.eye(12), atol=1e-12)
    moment = (ROWS * WEIGHTS[:, None]).T @ ROWS
    values, vectors = np.linalg.eigh(moment)
    np.testing.assert_allclose(np.abs(axes.T @ vectors[:, ::-1]), np.eye(12), atol=1e-7)
    np.testing.assert_allclose(np.einsum("di,de,ei->i", axes, moment, axes), values[::-1], rtol=1e-9)
    assert axes.dtype == np.float64
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(12)] > 0).all()


def test_weights_count_and_their_unit_does_not():
    np.testing.assert_allclose(principal_axes(ROWS, 1e200 * WEIGHTS, 5), principal_axes(ROWS, WEIGHTS, 5))
    half = WEIGHTS * (np.arange(200) < 100)
    np.testing.assert_allclose(
        principal_axes(ROWS, half, 5), principal_axes(ROWS[:100], WEIGHTS[:100], 5), atol=1e-9
    )
    assert np.abs(principal_axes(ROWS, half, 5) - principal_axes(ROWS, WEIGHTS, 5)).max() > 1e-3


@pytest.mark.parametrize(("count", "found"), [(1, 1), (5, 5), (12, 12), (40, 12)])
def test_as_many_as_are_wanted_and_there_are(count, found):
    axes = principal_axes(ROWS, WEIGHTS, count)
    assert axes.shape == (12, found)
    np.testing.assert_array_equal(axes, principal_axes(ROWS, WEIGHTS, 12)[:, :found])


def test_rows_of_zeros_and_no_weight_leave_some_orthonormal_axes():
    for rows, weights in ((0 * ROWS, WEIGHTS), (ROWS, 0 * WEIGHTS), (ROWS[:1], WEIGHTS[:1])):
        axes = principal_axes(rows, weights, 12)
        np.testing.assert_allclose(axes.T @ axes, np.eye(12), atol=1e-12)
    np.testing.assert_allclose(np.abs(axes[:, 0] @ ROWS[0]), 1.0)


def planted(n, d, rank, decay=0.8):
    """Rows near a few orthonormal directions of falling weight."""
    directions = np.linalg.qr(np.random.default_rng(1).standard_normal((d, rank)))[0]
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((n, rank)) * decay ** np.arange(rank) @ directions.T
    return unit(rows + 0.01 / np.sqrt(d) * rng.standard_normal((n, d))), directions


@pytest.mark.parametrize("as_sparse", [False, True])
def test_long_rows_by_subspace_iteration(as_sparse):
    rows, directions = planted(150, 2500, 6)
    axes = principal_axes(sparse.csr_matrix(rows) if as_sparse else rows, np.ones(150), 6)
    np.testing.assert_allclose(axes.T @ axes, np.eye(6), atol=1e-12)
    assert spans_the_same(axes, directions) > 0.999
    exact = np.linalg.svd(rows, full_matrices=False)[2][:6].T
    np.testing.assert_allclose(np.abs(axes.T @ exact), np.eye(6), atol=1e-6)


def test_long_rows_have_no_more_axes_than_there_are_rows():
    rows, _ = planted(20, 2500, 3)
    axes = principal_axes(rows, np.ones(20), 400)
    assert axes.shape == (2500, 20)
    np.testing.assert_allclose(axes.T @ axes, np.eye(20), atol=1e-10)


def test_at_most_512_axes_of_long_rows():
    rows = sparse.random(700, 2100, 0.01, format="csr", rng=np.random.default_rng(0))
    axes = principal_axes(rows, np.ones(700), 2000)
    assert axes.shape == (2100, 512)
    np.testing.assert_allclose(axes.T @ axes, np.eye(512), atol=1e-10)
    # Hardly any direction stands out, and yet they hold nearly what the best ones do.
    values = np.linalg.eigvalsh((rows @ rows.T).toarray())[::-1]
    assert ((rows @ axes) ** 2).sum() > 0.97 * values[:512].sum()


def test_sparse_rows_are_dense_rows():
    np.testing.assert_allclose(
        principal_axes(sparse.csr_matrix(ROWS), WEIGHTS, 12), principal_axes(ROWS, WEIGHTS, 12), atol=1e-9
    )
