import json
import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

import dualact as da
from dualact.errors import DualactError, NetworkError
from dualact.sketch.planning import SketchPlan
from dualact.sketch.random.planning import RandomPlan

X = np.random.default_rng(0).standard_normal((120, 7))
NET = da.mlp(2, "relu", weight_std=2**0.5, bias_std=0.1)


def _made(**options):
    return da.SketchedNeuralKernel(NET, n_components=512, random_state=3, method="random", **options)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
def test_features_approximate_the_kernel(kind):
    made = da.SketchedNeuralKernel(NET, kind, n_components=2048, random_state=0, method="random")
    Z = made.fit_transform(X)
    assert Z.shape == (120, 2048)
    assert np.abs(Z).max(axis=0).all()
    assert da.metrics.relative_error(da.kernel(NET, X, kind=kind), Z) < 0.05


def test_a_saved_plan_makes_the_same_features():
    made = _made().fit(X)
    Z = made.transform(X)
    again = da.SketchedNeuralKernel.from_plan(json.loads(json.dumps(made.plan_.to_dict())), random_state=3)
    assert again.method == "random"
    np.testing.assert_array_equal(again.transform(X), Z)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(made)).transform(X), Z)
    with pytest.raises(DualactError, match=r"made for random_state=3.*Got 4"):
        da.SketchedNeuralKernel.from_plan(made.plan_, random_state=4)


def test_seeds_jobs_and_sparse_rows():
    Z = _made(n_jobs=1).fit_transform(X)
    np.testing.assert_array_equal(_made(n_jobs=2).fit_transform(X), Z)
    np.testing.assert_allclose(_made().fit_transform(sparse.csr_matrix(X)), Z, atol=1e-10)
    assert not np.allclose(clone(_made()).set_params(random_state=4).fit_transform(X), Z)
    np.testing.assert_allclose(_made().fit(X).transform(X[:1]), Z[:1], atol=1e-10)
    assert _made().fit_transform(X.astype(np.float32)).dtype == np.float32


def test_nothing_is_left_out():
    made = _made().fit(X)
    assert not made.residual_variance(X).any()


def test_images():
    images = np.random.default_rng(1).standard_normal((16, 6, 6, 2))
    made = da.SketchedNeuralKernel(da.cnn(2, "relu"), n_components=256, random_state=0, method="random")
    Z = made.fit_transform(images)
    assert da.metrics.relative_error(da.kernel(da.cnn(2, "relu"), images), Z) < 0.2
    np.testing.assert_allclose(made.transform(images.reshape(16, -1)), Z)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"leverage": "yes"}, "'leverage' parameter .* must be True, False or 'auto'. Got 'yes' instead"),
        ({"leverage": 1}, "'leverage' parameter .* must be True, False or 'auto'. Got 1 instead"),
        ({"degree": 3}, "random features have none. Leave degree='auto'"),
        ({"widths": [3]}, "widths are for spatial networks"),
        ({"network": da.mlp(1, "gelu"), "leverage": True}, "needs a homogeneous activation"),
    ],
)
def test_refusals(options, match):
    with pytest.raises(DualactError, match=match):
        _made(**{k: v for k, v in options.items() if k != "network"}).set_params(
            network=options.get("network", NET)
        ).fit(X)


def test_auto_takes_the_smaller_predicted_error_and_says_so():
    made = da.SketchedNeuralKernel(NET, n_components=512, random_state=0).fit(X)
    assert isinstance(made.plan_, SketchPlan)
    assert "method polysketch: " in str(made.plan_)
    again = da.SketchedNeuralKernel.from_plan(made.plan_.to_dict(), random_state=0)
    assert again.plan_.reason == made.plan_.reason
    wide = da.mlp(1, "sign", weight_std=2**0.5)
    rows = np.tile(X[:, :1], (1, 2)) + 1e-3 * X[:, 1:3]  # angles next to 0 and π: no series in the cosine
    made = da.SketchedNeuralKernel(wide, "nngp", n_components=4096, random_state=0).fit(rows)
    assert made.plan_.reason in str(made.plan_)


def test_auto_takes_random_features_where_no_series_is_found():
    network = da.Network([da.Dense(3.0), da.Act("sin", frequency=3.0), da.Dense()])
    with pytest.raises(DualactError, match="too far for one grid"):
        da.SketchedNeuralKernel(network, n_components=4096, random_state=0, method="polysketch").fit(X)
    made = da.SketchedNeuralKernel(network, n_components=4096, random_state=0).fit(X)
    assert isinstance(made.plan_, RandomPlan)
    assert "method random: no polynomial sketch, because the norms of X" in str(made.plan_)


def test_auto_refuses_what_both_refuse():
    with pytest.raises(NetworkError, match="derivative"):
        da.SketchedNeuralKernel(da.mlp(1, "sign"), n_components=64).fit(X)


def test_the_plan_without_data():
    plan = da.plan(NET, n_features=5, n_components=300, method="random")
    assert isinstance(plan, RandomPlan)
    assert "drawn from N(0, 1)" in str(plan)
    assert "predicted relative error" in str(plan)
