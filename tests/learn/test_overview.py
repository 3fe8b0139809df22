"""da.plan: whichever plan was asked for."""

import pytest

import dualact as da
from dualact.errors import DualactError, NetworkError
from dualact.network.planning import NetworkPlan
from dualact.sketch.planning import SketchPlan

NET = da.mlp(1, "erf", bias_std=0.1)


def test_the_exact_kernel_without_components():
    plan = da.plan(NET)
    assert isinstance(plan, NetworkPlan)
    assert (plan.kind, plan.n_features) == ("ntk", None)
    assert str(plan).startswith("exact NTK of the Gaussian output")
    assert da.plan(NET, "nngp", input_shape=(5,)).n_features == 5
    assert da.plan(NET, n_features=5).n_features == 5


def test_the_feature_map_with_components():
    plan = da.plan(NET, "nngp", n_features=6, n_components=100)
    assert isinstance(plan, SketchPlan)
    assert (plan.kind, plan.n_features, plan.n_components) == ("nngp", 6, 100)
    assert plan.rows == 0
    assert 0 < plan.predicted_error < 0.2
    lower = da.plan(NET, "nngp", input_shape=(6,), n_components=100, degree=1, method="polysketch")
    assert max(t.degree for t in lower.terms) == 1
    assert lower.predicted_error > plan.predicted_error


def test_a_dictionary_is_a_network():
    assert str(da.plan(NET.to_dict())) == str(da.plan(NET))


def test_a_plan_makes_a_transformer():
    import numpy as np

    plan = da.plan(NET, n_features=4, n_components=300)
    X = np.random.default_rng(1).standard_normal((50, 4))
    Z = da.SketchedNeuralKernel.from_plan(plan, random_state=0).transform(X)
    assert da.metrics.relative_error(da.kernel(NET, X), Z) < 3 * plan.predicted_error + 0.01


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (
            {"method": "magic"},
            "method must be one of 'auto', 'polysketch', 'monomials', 'random'. Got 'magic'",
        ),
        ({"kind": "both"}, "kind must be 'nngp' or 'ntk'. Got 'both'"),
        ({"n_components": 10}, "number of features is not known"),
        ({"n_components": -3, "n_features": 2}, "n_components must be an integer of at least 1. Got -3"),
        ({"n_components": 2, "n_features": 2, "degree": 6}, "too small for degree 6"),
        ({"input_shape": (3,), "n_features": 4}, "X has 4 features"),
        ({"input_shape": (3, 3)}, r"input_shape must be \(n_features,\)"),
    ],
    ids=str,
)
def test_refusals(arguments, match):
    with pytest.raises(DualactError, match=match):
        da.plan(NET, **arguments)


def test_not_a_network():
    with pytest.raises(NetworkError, match="network must be a Network"):
        da.plan("relu")
