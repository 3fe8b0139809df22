"""Feature maps of spatial networks against their exact kernels."""

import json

import numpy as np
import pytest
from spatial_networks import LINE, PLANE

import dualact as da
from dualact.errors import DualactError, NetworkError
from dualact.sketch.spatial.feature_map import SpatialMap
from dualact.sketch.spatial.fitting import plan_images
from dualact.sketch.spatial.planning import SpatialPlan

RNG = np.random.default_rng(1)
IMAGES = RNG.standard_normal((40, 4, 3, 2)) + RNG.standard_normal((1, 4, 3, 2))
WAVES = RNG.standard_normal((40, 7, 2)) + RNG.standard_normal((1, 7, 2))
CASES = [
    *(pytest.param(layers, IMAGES, id=f"plane, {name}") for name, layers in PLANE.items()),
    *(pytest.param(layers, WAVES, id=f"line, {name}") for name, layers in LINE.items()),
]


def _features(network, kind, X, n, seed=3, dtype=np.float64, **options):
    plan = plan_images(network, kind, X, n_components=n, seed=seed, **options)
    return plan, SpatialMap(plan, dtype).transform(X, 1)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize(("layers", "X"), CASES)
def test_error_against_the_exact_kernel(layers, X, kind):
    network = da.Network(layers, X.shape[1:])
    K = da.kernel(network, X, kind=kind)
    plan, Z = _features(network, kind, X, 512)
    assert Z.shape == (len(X), 512)
    assert np.all(np.isfinite(Z))
    if not K.any():  # the tangent kernel of a network without weights
        assert not Z.any()
        return
    error = da.metrics.relative_error(K, Z)
    assert error < 0.11
    assert plan.predicted_error == pytest.approx(error, rel=0.5, abs=1e-4)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("activation", ["relu", "gelu", "normalized_gaussian", "sin"])
def test_error_falls_with_the_width(activation, kind):
    layers = [da.Conv(3, weight_std=1.4), da.Act(activation), da.AvgPool(2, strides=1)]
    layers += [da.Conv(2, bias_std=0.2), da.Act(activation), da.GlobalAvgPool(), da.Dense(1.2)]
    network = da.Network(layers, (4, 3, 2))
    K = da.kernel(network, IMAGES, kind=kind)
    errors = [
        np.mean(
            [da.metrics.relative_error(K, _features(network, kind, IMAGES, n, seed)[1]) for seed in range(3)]
        )
        for n in (64, 1024)
    ]
    assert errors[1] < 0.6 * errors[0]
    assert errors[1] < 0.05


def test_unbiased_over_seeds():
    """Where the series is exact (sin(t) is replaced by a cubic), the mean over seeds is the kernel."""
    cubic = da.Act("polynomial", coef=[0.3, 1.0, 0.2, 0.1])
    layers = [da.Conv(3), cubic, da.Conv(2), cubic, da.GlobalAvgPool(), da.Dense()]
    network = da.Network(layers, (4, 3, 2))
    X = IMAGES[:6]
    K = da.kernel(network, X)
    found = []
    for seed in range(60):
        Z = _features(network, "ntk", X, 96, seed)[1]
        found.append(Z @ Z.T)
    one = np.mean([np.linalg.norm(K - F) for F in found])
    # The fitted factors leave out what is negligible beside the noise, so that a bias of some 1e-3 may stay.
    assert np.linalg.norm(np.mean(found, axis=0) - K) < 0.35 * one
    assert np.linalg.norm(np.mean(found, axis=0) - K) < 0.03 * np.linalg.norm(K)


def test_plan_and_dtype_fix_the_map():
    network = da.Network(PLANE["residual with pool"], (4, 3, 2))
    plan, Z = _features(network, "ntk", IMAGES, 96, dtype=np.float32)
    again = SpatialPlan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert np.array_equal(SpatialMap(again, np.float32).transform(IMAGES, 1), Z)
    assert str(again) == str(plan)
    assert Z.dtype == np.float32
    wide = SpatialMap(plan, np.float64).transform(IMAGES, 1)
    np.testing.assert_allclose(Z, wide, atol=1e-4 * np.abs(wide).max())


def test_rows_do_not_depend_on_their_block():
    network = da.Network(PLANE["pool then conv"], (4, 3, 2))
    plan, Z = _features(network, "ntk", IMAGES, 128)
    features = SpatialMap(plan, np.float64)
    one_by_one = np.concatenate([features.transform(IMAGES[i : i + 1], 1) for i in range(len(IMAGES))])
    np.testing.assert_allclose(one_by_one, Z, atol=1e-12)
    np.testing.assert_allclose(features.transform(np.repeat(IMAGES, 40, axis=0), 2)[::40], Z, atol=1e-12)
    np.testing.assert_allclose(features.transform(IMAGES.reshape(40, -1)), Z, atol=1e-12)


def test_another_seed_is_another_map():
    network = da.Network(PLANE["gap"], (4, 3, 2))
    assert not np.allclose(
        _features(network, "ntk", IMAGES, 64, 0)[1], _features(network, "ntk", IMAGES, 64, 1)[1]
    )


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_constant_images_and_zero_patches(activation, value):
    network = da.Network(
        [
            da.Conv(3),
            da.Act(activation),
            da.AvgPool(2),
            da.Conv(1),
            da.Act(activation),
            da.Flatten(),
            da.Dense(),
        ],
        (4, 4, 1),
    )
    X = np.random.default_rng(0).standard_normal((20, 4, 4, 1))
    X[:3] = value
    X[3, :2] = 0.0
    K = da.kernel(network, X)
    Z = _features(network, "ntk", X, 256)[1]
    assert np.all(np.isfinite(Z))
    assert da.metrics.relative_error(K, Z) < 0.1
    constant = np.full((4, 4, 4, 1), value)
    assert np.all(np.isfinite(_features(network, "ntk", constant, 32)[1]))


def test_one_image_and_images_from_nothing():
    network = da.Network(PLANE["gap"], (4, 3, 2))
    plan, Z = _features(network, "ntk", IMAGES[:1], 64)
    assert Z.shape == (1, 64)
    assert plan.rows == 1
    blind = plan_images(network, "ntk", n_components=64)
    assert blind.rows == 0
    assert "designed on images drawn from N(0, 1)" in str(blind)


def test_widths():
    network = da.Network(PLANE["gap"], (4, 3, 2))
    plan, _ = _features(network, "ntk", IMAGES, 256, widths=[200])
    assert 180 <= sum(p.columns for p in plan.operations["1"].powers) <= 200
    with pytest.raises(
        NetworkError, match=r"widths must have one entry for each Act layer but the last.*: 1. Got 2"
    ):
        plan_images(network, "ntk", IMAGES, n_components=256, widths=[200, 100])


def test_broken_plans_are_refused():
    network = da.Network(PLANE["gap"], (4, 3, 2))
    data = plan_images(network, "ntk", IMAGES, n_components=32).to_dict()
    with pytest.raises(DualactError, match=r"expected the dictionary of a plan of version 1. Got 7"):
        SpatialPlan.from_dict({**data, "version": 7})
    with pytest.raises(DualactError, match="the data are incomplete: KeyError"):
        SpatialPlan.from_dict({k: v for k, v in data.items() if k != "operations"})
    with pytest.raises(DualactError, match="the data are incomplete"):
        SpatialPlan.from_dict({**data, "operations": {"99": {}}})


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_one_image_of_one_position(activation, kind):
    """There is no pair of positions to design on; it was a map of zeros."""
    layers = [da.Conv(1), da.Act(activation), da.GlobalAvgPool(), da.Dense(1.2, 0.1)]
    X = np.array([[[[0.7]]]])
    plan, Z = _features(da.Network(layers, (1, 1, 1)), kind, X, 96)
    np.testing.assert_allclose(Z @ Z.T, da.kernel(da.Network(layers), X, kind=kind), rtol=0.02)
    assert plan.predicted_error < 0.02
