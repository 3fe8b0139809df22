"""The features: what they leave out of the kernel, what they are, and that nothing else counts."""

import numpy as np
import pytest
from effort import times
from hypothesis import given
from hypothesis import strategies as hs
from scipy import sparse

import dualact as da
from dualact.errors import DualactError, NetworkError
from dualact.sketch.principal.feature_map import PrincipalMap
from dualact.sketch.principal.fitting import plan_monomials
from dualact.testing import strategies as st

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 6)) * 0.7 ** np.arange(6) * RNG.uniform(0.5, 2, (120, 1)) + 0.4
GELU = da.mlp(1, "gelu", weight_std=1.3, bias_std=0.2)
RELU = da.mlp(2, "relu", weight_std=1.3, bias_std=0.2)
SERIES = 1e-5  # of the mean diagonal: how close the series is to the kernel


def plan_of(network=GELU, kind="ntk", rows=X, m=100, **options):
    return plan_monomials(network, kind, rows, n_components=m, **options)


def features(plan, rows=X, dtype=np.float64, n_jobs=1):
    return PrincipalMap(plan, dtype).transform(rows, n_jobs)


def smallest(matrix):
    return float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[0])


def leaves_what_is_positive(network, kind, rows, m):
    """K − ZZᵀ is positive semi-definite, and has hardly more than nothing below zero on its diagonal."""
    plan = plan_of(network, kind, rows, m)
    K, Z = da.kernel(network, rows, kind=kind), features(plan, rows)
    size = float(np.diag(K).mean())
    assert smallest(K - Z @ Z.T) >= -SERIES * size * max(1.0, len(rows) / 100)
    assert (np.diag(K) - (Z**2).sum(axis=1)).min() >= -SERIES * size
    return plan, K, Z


@pytest.mark.parametrize("kind", ["ntk", "nngp"])
@pytest.mark.parametrize("name", ["relu", "gelu", "erf", "sin", "abs", "tanh"])
def test_the_kernel_from_below(name, kind):
    network = da.mlp(1, name, weight_std=1.3, bias_std=0.3)
    plan, K, Z = leaves_what_is_positive(network, kind, X, 60)
    assert plan.used == 60
    assert 0.5 < (Z**2).sum() / np.trace(K) < 1


@pytest.mark.parametrize("rows", ["ragged", "duplicates", "collinear", "zeros", "hot"])
def test_the_kernel_from_below_on_awkward_rows(rows):
    rng = np.random.default_rng(2)
    rows = {
        "ragged": X * 10.0 ** np.linspace(-1.5, 1.5, 120)[:, None],
        "duplicates": np.repeat(X[:10], 4, axis=0),
        "collinear": X[:1] + 1e-4 * X[:60],
        "zeros": np.concatenate([X[:40], np.zeros((5, 6))]),
        "hot": np.eye(8)[rng.integers(0, 8, 60)],
    }[rows]
    for kind in ("ntk", "nngp"):
        leaves_what_is_positive(RELU, kind, rows, 50)


@times(0.2)
@given(
    st.networks(("relu", "erf", "gelu", "sin"), max_hidden=2),
    st.data_matrices(n_samples=15, n_features=hs.integers(1, 6), norms="unit"),
    hs.sampled_from(["nngp", "ntk"]),
    hs.sampled_from([1, 7, 60]),
)
def test_the_kernel_from_below_over_drawn_networks(network, rows, kind, m):
    leaves_what_is_positive(network, kind, rows, m)


SMOOTH = da.mlp(1, "sin", weight_std=0.6, bias_std=0.2)


@pytest.mark.parametrize(
    ("network", "kind", "degree", "gap"),
    [(SMOOTH, "ntk", "auto", 1e-4), (SMOOTH, "nngp", "auto", 1e-4), (GELU, "nngp", 30, 5e-4)],
    ids=["sin-ntk", "sin-nngp", "gelu-nngp"],
)
def test_all_monomials_are_the_kernel(network, kind, degree, gap):
    """In three dimensions two axes are left beside the main direction, and few monomials."""
    rows = X[:, :3]
    plan = plan_of(network, kind, rows, 3000, degree=degree)
    assert max(t.degree for t in plan.terms) >= 12
    assert plan.used < 3000
    K, Z = da.kernel(network, rows, kind=kind), features(plan, rows)
    np.testing.assert_allclose(Z @ Z.T, K, rtol=0, atol=gap * K.max())
    assert da.metrics.relative_error(K, Z) < gap / 10
    assert plan.kept > 1 - gap


def test_a_monomial_written_out():
    """z = a(x) √(j!/α!) u^α, column by column."""
    from math import factorial, prod

    from dualact.sketch.terms import radial_powers

    plan = plan_of(RELU, rows=X, m=80)
    Z, column = features(plan), 0
    norms = np.linalg.norm(X, axis=1)
    coordinates = (X / norms[:, None]) @ plan.axes.astype(float)
    along, across = coordinates[:, 0], coordinates[:, 1:]
    functions = plan.basis(norms**2 / 6)
    for term in plan.terms:
        components = radial_powers(plan.basis, functions, along, term.degree) @ term.mixing
        owner = np.repeat(np.arange(len(term.counts)), term.counts)
        for c, factors in zip(owner, term.indices.tolist(), strict=True):
            many = factorial(term.degree) / prod(factorial(factors.count(i)) for i in {*factors})
            want = components[:, c] * np.sqrt(many) * np.prod(across[:, factors], axis=1)
            np.testing.assert_allclose(Z[:, column], want, atol=1e-12 * np.abs(Z).max())
            column += 1
    assert column == plan.used == 80


def test_more_columns_take_nothing_away():
    for network in (GELU, da.mlp(1, "relu")):
        K = da.kernel(network, X)
        kept, errors = [], []
        for m in (1, 2, 3, 10, 30, 100, 400):
            Z = features(plan_of(network, m=m))
            kept.append((Z**2).sum() / np.trace(K))
            errors.append(np.linalg.norm(K - Z @ Z.T))
        assert (np.diff(kept) >= -1e-6).all(), kept
        assert (np.diff(errors) <= 1e-6 * np.linalg.norm(K)).all(), errors
        assert kept[-1] > kept[0] + 0.2


def test_columns_of_a_smaller_map_are_columns_of_a_larger_one():
    small, large = (features(plan_of(m=m)) for m in (20, 60))
    gaps = np.abs(small[:, :, None] - large[:, None, :]).max(axis=0).min(axis=1)
    assert gaps.max() < 1e-5 * np.abs(large).max()
    left = large @ large.T - small @ small.T
    assert smallest(left) > -1e-6 * np.trace(left)


def test_no_other_columns_of_the_series_keep_more():
    """The features carry more of the diagonal than the same number of others of a wider map."""
    wide, few = features(plan_of(m=300)), features(plan_of(m=30))
    energies = np.sort((wide**2).mean(axis=0))[::-1]
    assert (few**2).mean(axis=0).sum() == pytest.approx(energies[:30].sum(), rel=1e-6)


@pytest.mark.parametrize(("network", "gap"), [(RELU, 0.05), (SMOOTH, 1e-5)], ids=["relu", "sin"])
def test_one_dimension_needs_functions_alone(network, gap):
    """The cosine is ±1: what is missing is the series beyond degree 40."""
    rows = X[:, :1]
    plan = plan_of(network, rows=rows, m=50)
    assert plan.axes.shape == (1, 1)
    assert [t.degree for t in plan.terms] == [0]
    K, Z = da.kernel(network, rows), features(plan, rows)
    np.testing.assert_allclose(Z @ Z.T, K, rtol=0, atol=gap * K.max())
    assert plan.used < 50
    assert not Z[:, plan.used :].any()


def test_one_row():
    for rows in (X[:1], 0 * X[:1]):
        plan = plan_of(GELU, rows=rows, m=30)
        Z, K = features(plan, rows), da.kernel(GELU, rows)
        assert (Z**2).sum() == pytest.approx(K[0, 0], rel=1e-4)
        assert np.isfinite(features(plan)).all()


def test_rows_of_zeros():
    rows = np.zeros((7, 4))
    silent = da.mlp(1, "relu")  # K(0, 0) = 0
    plan = plan_of(silent, rows=rows, m=5)
    assert plan.kept == 0 or plan.used == 0
    assert not features(plan, rows).any()
    biased = da.mlp(1, "gelu", bias_std=0.4)
    Z = features(plan_of(biased, rows=rows, m=5), rows)
    np.testing.assert_allclose(Z @ Z.T, da.kernel(biased, rows), rtol=1e-5)
    mixed = np.concatenate([rows[:2], X[:20, :4]])
    Z = features(plan_of(biased, rows=mixed, m=40), mixed)
    # 40 columns keep nearly all of degree 0, which is all that a row of zeros has.
    np.testing.assert_allclose(Z[:2] @ Z[:2].T, da.kernel(biased, mixed)[:2, :2], rtol=1e-3)


def test_one_column():
    plan = plan_of(m=1)
    Z, K = features(plan), da.kernel(GELU, X)
    assert Z.shape == (120, 1)
    assert plan.terms[0].degree == 0
    assert da.metrics.relative_error(K, Z) < 0.6
    # No function of norm and direction alone keeps as much as the best vector, but the better part of it.
    values = np.linalg.eigvalsh(K)
    assert 0.8 * values[-1] < (Z**2).sum() < values[-1]


def test_columns_that_are_of_no_use_are_zero():
    plan = plan_of(rows=X[:, :2], m=700)
    Z = features(plan, X[:, :2])
    assert Z.shape == (120, 700)
    assert 0 < plan.used < 700
    assert not Z[:, plan.used :].any()
    assert Z[:, : plan.used].any(axis=0).all()
    assert f"({plan.used} used)" in str(plan)


def test_sparse_rows_are_dense_rows():
    rows = np.where(RNG.random((90, 12)) < 0.3, RNG.standard_normal((90, 12)), 0.0)
    plan = plan_of(rows=rows)
    twice = sparse.csr_matrix(rows)
    np.testing.assert_allclose(features(plan, twice), features(plan, rows), atol=1e-12)
    i, j = rows.nonzero()
    doubled = sparse.csr_matrix((np.tile(rows[i, j] / 2, 2), (np.tile(i, 2), np.tile(j, 2))), rows.shape)
    np.testing.assert_allclose(features(plan, doubled), features(plan, rows), atol=1e-12)


def test_float32_is_close_to_float64():
    for network in (GELU, RELU):
        plan = plan_of(network, m=300)
        wide, narrow = features(plan), features(plan, X.astype(np.float32), np.float32)
        assert (wide.dtype, narrow.dtype) == (np.float64, np.float32)
        np.testing.assert_allclose(narrow, wide, atol=3e-6 * np.abs(wide).max())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_jobs_and_blocks_do_not_count(dtype):
    rows = np.tile(X, (6, 1))
    made = PrincipalMap(plan_of(RELU, m=700), dtype)
    Z = made.transform(rows, 1)
    tolerance = (1e-12 if dtype == np.float64 else 1e-6) * np.abs(Z).max()
    for n_jobs in (2, 3, None):
        np.testing.assert_array_equal(made.transform(rows, n_jobs), Z)
    for part in (slice(0, 1), slice(250, 262), slice(100, 537), slice(0, 0)):
        np.testing.assert_allclose(made.transform(rows[part], 1), Z[part], atol=tolerance)
    np.testing.assert_allclose(made.transform(rows[::-1], 1)[::-1], Z, atol=tolerance)
    np.testing.assert_allclose(Z[120:240], Z[:120], atol=tolerance)


def test_norms_far_from_those_of_the_design():
    plan = plan_of(da.mlp(2, "relu"), m=60)  # homogeneous: so are the features, wherever
    Z = features(plan)
    for s in (1e-150, 1e-6, 30.0, 1e100):
        np.testing.assert_allclose(features(plan, s * X) / s, Z, atol=2e-5 * np.abs(Z).max())
    assert not features(plan, 0 * X).any()
    plan = plan_of(GELU, m=60)
    K = da.kernel(GELU, 20 * X)
    Z = features(plan, 20 * X)
    assert smallest(K - Z @ Z.T) > -1e-3 * np.trace(K)


def test_features_that_overflow_are_refused():
    plan = plan_of(da.mlp(1, "relu"), m=20)
    with pytest.raises(DualactError, match=r"overflow float32.*Scale X down, or pass X as float64"):
        features(plan, 1e60 * X, np.float32)
    with pytest.raises((DualactError, NetworkError), match="overflows"):
        features(plan, 1e200 * X)


def test_no_unit_of_the_kernel_counts():
    base, *others = (plan_of(da.mlp(1, "relu", weight_std=w), m=30) for w in (1.0, 1e-60, 1e60))
    Z = features(base)
    for plan, w in zip(others, (1e-60, 1e60), strict=True):
        assert plan.kept == pytest.approx(base.kept, rel=1e-9)
        assert plan.error == pytest.approx(base.error, rel=1e-6)
        np.testing.assert_allclose(features(plan) / w**2, Z, atol=1e-9 * np.abs(Z).max())


def test_it_depends_on_the_rows_alone():
    first, again = plan_of(RELU), plan_of(RELU)
    assert first.to_dict() == again.to_dict()
    assert features(first).tobytes() == features(again).tobytes()


def test_rotated_data_have_the_same_gram_matrix():
    turn = np.linalg.qr(RNG.standard_normal((6, 6)))[0]
    Z, W = features(plan_of(m=60)), features(plan_of(rows=X @ turn, m=60), X @ turn)
    np.testing.assert_allclose(W @ W.T, Z @ Z.T, atol=1e-4 * (Z @ Z.T).max())


def test_what_the_series_has_of_each_row():
    made = PrincipalMap(plan_of(m=60), np.float64)
    np.testing.assert_allclose(
        made.series_diagonal(X, 1), (made.transform(X, 1) ** 2).sum(axis=1), rtol=1e-12
    )
