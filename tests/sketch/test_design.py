"""The design of feature maps: what it promises, and whether the promise is kept."""

import numpy as np
import pytest
from data_families import FAMILIES, rows_of
from scipy import sparse

import dualact as da
from dualact.errors import DualactError
from dualact.sketch.feature_map import FeatureMap
from dualact.sketch.network_series import exact_kernel
from dualact.sketch.pairs import packed
from dualact.sketch.planning import plan_features
from dualact.sketch.sample import draw_sample
from dualact.sketch.terms import mixed, radial_powers, tilted


def network(activation, depth):
    return da.mlp(depth, activation, weight_std=2**0.5, bias_std=0.0 if activation == "relu" else 0.1)


def series_kernel(plan, X):
    """The plan's own kernel Σ_j ⟨a_j, a_j⟩ (x⊥·y⊥)^j, without sketches."""
    X = np.asarray(X, dtype=float)
    norms = np.linalg.norm(X, axis=1)
    unit = X / np.where(norms > 0, norms, 1)[:, None]
    along = np.zeros(len(X)) if plan.direction is None else unit @ plan.direction
    across = unit @ unit.T - np.outer(along, along)
    functions = plan.basis(norms**2 / X.shape[1])
    total = np.zeros((len(X), len(X)))
    for term in plan.terms:
        a = mixed(radial_powers(plan.basis, functions, along, term.degree), term.mixing)
        a = tilted(a, term.tilt, plan.tail(norms**2 / X.shape[1]))
        total += (a @ a.T) * across**term.degree
    return total


def measured(plan, X, K, seeds):
    dense = X.toarray() if sparse.issparse(X) else np.asarray(X, dtype=float)
    squares = []
    for seed in range(seeds):
        Z = FeatureMap(plan, seed, np.float64).transform(dense, 1)
        squares.append(da.metrics.relative_error(K, Z) ** 2)
    return float(np.sqrt(np.mean(squares)))


CASES = [
    (family, activation, depth, m)
    for i, family in enumerate(FAMILIES)
    for activation, depth, m in (
        ("relu", 1, 256),
        ("relu", 3, 1024),
        ("tanh" if i == 0 else ("gelu", "erf")[i % 2], 1 + 2 * (i % 2), (256, 1024)[i % 2]),
    )
]


@pytest.mark.parametrize(("family", "activation", "depth", "m"), CASES)
def test_the_predicted_error_is_the_measured_one(family, activation, depth, m):
    """Within a factor 1.5; over 360 such cases the ratio was between .81 and 1.3 (heavy coordinates)."""
    X = rows_of(family)
    net = network(activation, depth)
    plan = plan_features(net, "ntk", X.astype(float), n_components=m)
    K = da.kernel(net, X)
    found = measured(plan, X, K, 3 if family == "spiky" else 2)
    assert found / 1.5 - 1e-5 < plan.predicted_error < 1.5 * found + 1e-5
    assert plan.truncation <= plan.predicted_error < 1


@pytest.mark.parametrize("m", [256, 4096])
@pytest.mark.parametrize("kind", ["ntk", "nngp"])
def test_prediction_at_other_widths_and_kinds(m, kind):
    X, net = rows_of("digits"), network("gelu", 2)
    plan = plan_features(net, kind, X, n_components=m)
    found = measured(plan, X, da.kernel(net, X, kind=kind), 2)
    assert found / 1.5 < plan.predicted_error < 1.5 * found


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("activation", ["relu", "erf"])
def test_terms_are_what_they_must_be(family, activation):
    X = rows_of(family, 200)
    X = X.toarray() if sparse.issparse(X) else X.astype(float)
    net = network(activation, 2)
    plan = plan_features(net, "ntk", X, n_components=300)
    used = sum(t.columns(plan.n_features) for t in plan.terms)
    assert used == 300 or (used < 300 and plan.predicted_error < 1e-4)
    assert [t.degree for t in plan.terms] == sorted({t.degree for t in plan.terms})
    for term in plan.terms:
        assert 0 <= term.exact <= term.mixing.shape[1]
        assert (term.width > 0) == (term.exact < term.mixing.shape[1])
        assert np.all(np.isfinite(term.mixing))
    # factors ≥ 0 make every term, and so the sum, positive semi-definite; the bound holds on the sample
    K, H = da.kernel(net, X), series_kernel(plan, X)
    size = np.sqrt(np.outer(K.diagonal(), K.diagonal()))
    assert np.linalg.eigvalsh(H / size).min() > -1e-9
    assert np.all(H.diagonal() <= K.diagonal() * (1 + 1e-6))
    assert np.linalg.norm(H - K) / np.linalg.norm(K) == pytest.approx(plan.truncation, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("activation", ["relu", "gelu", "erf"])
def test_few_features_are_exact(d, activation):
    """No sketching error: every monomial fits. What is left is the series'."""
    X = np.random.default_rng(0).standard_normal((150, d))
    net = network(activation, 1)
    plan = plan_features(net, "ntk", X, n_components=4000)
    assert plan.sketching == 0
    assert all(t.width == 0 for t in plan.terms)
    K = da.kernel(net, X)
    Z = FeatureMap(plan, 0, np.float64).transform(X)
    assert da.metrics.relative_error(K, Z) < 4e-3
    assert da.metrics.relative_error(K, Z) == pytest.approx(plan.truncation, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_one_feature_and_a_homogeneous_network_take_two_columns(activation):
    X = np.random.default_rng(0).standard_normal((100, 1))
    net = da.mlp(2, activation, weight_std=1.3)
    for m in (2, 3, 64):
        plan = plan_features(net, "ntk", X, n_components=m)
        assert sum(t.columns(1) for t in plan.terms) == 2
        Z = FeatureMap(plan, 0, np.float64).transform(X)
        assert Z.shape == (100, m)
        assert da.metrics.relative_error(da.kernel(net, X), Z) < 1e-6


def test_one_hot_rows_are_exact():
    X = rows_of("one-hot")
    net = network("gelu", 2)
    plan = plan_features(net, "ntk", X, n_components=64)
    Z = FeatureMap(plan, 0, np.float64).transform(X)
    assert da.metrics.relative_error(da.kernel(net, X), Z) < 1e-5


@pytest.mark.parametrize("family", ["digits", "gaussian 9", "gaussian 256", "ragged norms"])
def test_any_number_of_components_will_do(family):
    X = rows_of(family, 80)
    net = network("gelu", 1)
    K = da.kernel(net, X)
    errors = []
    for m in (1, 2, 3, 10, 30, 300):
        plan = plan_features(net, "ntk", X, n_components=m)
        assert sum(t.columns(plan.n_features) for t in plan.terms) == m
        assert measured(plan, X, K, 3) < 1.2 * plan.predicted_error
        errors.append(plan.predicted_error)
    assert errors[0] < 1
    assert errors[-1] < 0.5 * errors[0]
    assert np.diff(errors).max() < 0.1


@pytest.mark.parametrize("degree", [0, 1, 2, 5, 9])
def test_explicit_degree(degree):
    X = rows_of("digits centred", 100)
    plan = plan_features(network("gelu", 2), "ntk", X, n_components=400, degree=degree)
    assert max(t.degree for t in plan.terms) <= degree
    smallest = plan_features(network("gelu", 2), "ntk", X, n_components=degree + 1, degree=degree)
    assert sum(t.columns(64) for t in smallest.terms) == degree + 1


def test_too_few_components_for_a_degree():
    X = rows_of("digits centred", 50)
    with pytest.raises(DualactError, match=r"n_components=5 is too small for degree 8.*at least 9"):
        plan_features(network("gelu", 1), "ntk", X, n_components=5, degree=8)


def test_more_degrees_help_until_they_do_not():
    X, net = rows_of("gaussian 9", 300), network("relu", 3)
    errors = [
        plan_features(net, "ntk", X, n_components=2000, degree=k).predicted_error for k in (0, 1, 2, 4, 8)
    ]
    assert np.all(np.diff(errors) < 1e-3)
    assert errors[3] < 0.1 * errors[0]
    auto = plan_features(net, "ntk", X, n_components=2000).predicted_error
    assert auto < 1.01 * errors[-1]


def test_split_where_rows_share_a_direction():
    for family, splits in (("digits", True), ("gaussian 64", False)):
        plan = plan_features(network("relu", 2), "ntk", rows_of(family), n_components=500)
        assert (plan.direction is not None) == splits


def test_exact_kernel_of_the_sample():
    X, net = rows_of("ragged norms", 40), network("tanh", 2)
    found = exact_kernel(net, draw_sample(X)[0], True)
    assert np.allclose(found, packed(da.kernel(net, X)), rtol=1e-9)


def test_kernel_that_overflows():
    X = rows_of("gaussian 9", 20)
    with pytest.raises(DualactError, match=r"layer 1 \(Act\('relu'\)\): .* it overflows\. Scale X"):
        plan_features(network("relu", 1), "ntk", X * 1e160, n_components=100)
    plan = plan_features(network("relu", 1), "ntk", X * 1e120, n_components=100)  # large, and finite
    assert np.isfinite(FeatureMap(plan, 0, np.float64).transform(X * 1e120)).all()


def test_rows_of_zeros_alone():
    X = np.zeros((5, 3))
    for bias in (0.0, 0.4):
        net = da.mlp(2, "gelu", bias_std=bias)
        plan = plan_features(net, "ntk", X, n_components=20)
        Z = FeatureMap(plan, 0, np.float64).transform(X)
        assert np.allclose(Z @ Z.T, da.kernel(net, X), rtol=1e-5, atol=1e-15)


def test_mixing_is_the_product_row_by_row():
    rng = np.random.default_rng(0)
    powers, mixing = rng.standard_normal((9, 6)), rng.standard_normal((6, 3))
    mixing[2] = 0.0
    found = mixed(powers, mixing)
    assert np.allclose(found, powers @ mixing)
    assert all(np.array_equal(mixed(powers[i : i + 1], mixing)[0], found[i]) for i in range(9))
