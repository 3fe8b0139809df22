import json

import numpy as np
import pytest
from scipy import sparse

import dualact as da
from dualact.sketch.random.feature_map import RandomMap
from dualact.sketch.random.fitting import plan_random
from dualact.sketch.random.planning import RandomPlan

rng = np.random.default_rng(3)
X = rng.standard_normal((150, 8)) * rng.uniform(0.5, 2, (150, 1))


def _features(network, kind="ntk", m=1024, seed=0, rows=X, **options):
    plan = plan_random(network, kind, rows, n_components=m, seed=seed, **options)
    return RandomMap(plan, np.float64).transform(rows, 1)


def _errors(network, kind, m, seeds, **options):
    K = da.kernel(network, X, kind=kind)
    return np.array([da.metrics.relative_error(K, _features(network, kind, m, s, **options)) for s in seeds])


@pytest.mark.parametrize("leverage", [True, False])
@pytest.mark.parametrize("name", ["relu", "abs", "gelu", "erf"])
def test_nngp_features_of_one_hidden_layer_are_unbiased(name, leverage):
    network = da.mlp(1, name, weight_std=1.3, bias_std=0.2)
    rows, options = X[:20], {"leverage": leverage and name in ("relu", "abs")}
    K = da.kernel(network, rows, kind="nngp")
    errors = []
    for seed in range(60):
        Z = _features(network, "nngp", 96, seed, rows, **options)
        errors.append(Z @ Z.T - K)
    mean, spread = np.mean(errors, axis=0), np.std(errors, axis=0) / np.sqrt(60)
    assert (np.abs(mean) < 5 * spread + 1e-9).all()
    assert np.sqrt((spread**2).mean()) < 0.01 * np.sqrt((K**2).mean())


def test_ntk_features_of_one_hidden_layer_are_unbiased():
    network, rows = da.mlp(1, "relu", weight_std=1.3, bias_std=0.2), X[:20]
    K = da.kernel(network, rows)
    errors = []
    for seed in range(60):
        Z = _features(network, "ntk", 160, seed, rows)
        errors.append(Z @ Z.T - K)
    mean, spread = np.mean(errors, axis=0), np.std(errors, axis=0) / np.sqrt(60)
    assert (np.abs(mean) < 5 * spread + 1e-6 * np.abs(K).max()).all()
    assert np.sqrt((spread**2).mean()) < 0.02 * np.sqrt((K**2).mean())


@pytest.mark.parametrize(("name", "depth"), [("relu", 1), ("relu", 3), ("gelu", 2), ("tanh", 2), ("cos", 2)])
def test_the_error_of_the_ntk_falls_as_one_over_the_root_of_the_columns(name, depth):
    network = da.mlp(depth, name, weight_std=2**0.5, bias_std=0.1)
    few, many = (_errors(network, "ntk", m, range(3)).mean() for m in (512, 4608))
    assert 1.9 < few / many < 6.0
    assert many < (0.15 if name == "cos" else 0.06)


@pytest.mark.parametrize(
    "layers",
    [
        [da.Dense(), da.Act("relu"), da.Dense(), da.LayerNorm(), da.Act("gelu"), da.Dense(1.0, 0.3)],
        [da.Dense(), da.Residual([da.Act("relu"), da.Dense()]), da.Residual([da.Act("erf"), da.Dense()])],
        [da.Dense(), da.Dense(2.0), da.Act("leaky_relu"), da.Dense(), da.Dense()],
        [da.Dense(1.0, 0.5)],
        [da.Dense(), da.Act("monomial", power=1), da.Dense()],
        [da.Dense(), da.Act("rectified_power", power=2), da.Dense()],
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["nngp", "ntk"])
def test_every_layer(layers, kind):
    assert _errors(da.Network(layers), kind, 4096, [0])[0] < 0.06


def test_the_prediction_is_the_error():
    network = da.mlp(2, "relu", weight_std=2**0.5)
    for m in (512, 2048):
        plan = plan_random(network, "ntk", X, n_components=m)
        assert plan.predicted_error == pytest.approx(_errors(network, "ntk", m, [0])[0], rel=0.05)


def test_jobs_and_chunks():
    plan = plan_random(da.mlp(2, "relu"), "ntk", X, n_components=600)
    made = RandomMap(plan, np.float64)
    rows = np.tile(X, (3, 1))
    Z = made.transform(rows, 1)
    np.testing.assert_array_equal(made.transform(rows, 3), Z)
    np.testing.assert_array_equal(RandomMap(plan, np.float64).transform(rows, 1), Z)
    scale = np.abs(Z).max()
    for part in (slice(0, 1), slice(100, 237)):
        np.testing.assert_allclose(made.transform(rows[part], 1), Z[part], atol=1e-12 * scale)
    np.testing.assert_allclose(made.transform(sparse.csr_matrix(rows), 1), Z, atol=1e-12 * scale)


def test_float32_is_close_to_float64():
    plan = plan_random(da.mlp(2, "gelu"), "ntk", X, n_components=600)
    wide, narrow = RandomMap(plan, np.float64).transform(X), RandomMap(plan, np.float32).transform(X)
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, wide, atol=1e-5 * np.abs(wide).max())


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
def test_a_plan_makes_the_same_map_again(kind):
    plan = plan_random(da.mlp(2, "gelu", bias_std=0.1), kind, X, n_components=300, seed=5)
    again = RandomPlan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert str(again) == str(plan)
    np.testing.assert_array_equal(*(RandomMap(p, np.float64).transform(X) for p in (plan, again)))


def test_long_rows_in_few_columns():
    rows = np.random.default_rng(0).standard_normal((60, 300)) + 1
    network = da.mlp(2, "relu")
    K = da.kernel(network, rows)
    found = [da.metrics.relative_error(K, _features(network, m=m, rows=rows)) for m in (64, 256, 2048)]
    assert found[0] > found[1] > found[2]
    assert found[1] < 0.2
    assert found[2] < 0.06


def test_rows_of_zeros_and_other_extremes():
    rows = np.concatenate([np.zeros((1, 8)), X[:20], 1e-150 * X[:1], 1e100 * X[:1]])
    Z = _features(da.mlp(2, "relu"), rows=rows)
    assert np.isfinite(Z).all()
    assert not Z[0].any()
    Z = _features(da.mlp(2, "tanh", bias_std=0.5), rows=rows[:-1])
    assert np.isfinite(Z).all()


def test_convolutions():
    images = np.random.default_rng(0).standard_normal((24, 8, 8, 2)).cumsum(axis=1)
    for head in ("gap", "flatten"):
        network = da.cnn(2, "relu", head=head)
        for kind in ("nngp", "ntk"):
            K = da.kernel(network, images, kind=kind)
            plan = plan_random(network, kind, images, n_components=1024)
            Z = RandomMap(plan, np.float64).transform(images)
            assert da.metrics.relative_error(K, Z) < 0.12
            again = RandomPlan.from_dict(json.loads(json.dumps(plan.to_dict())))
            np.testing.assert_array_equal(RandomMap(again, np.float64).transform(images), Z)
    assert "8×8" in str(plan)
