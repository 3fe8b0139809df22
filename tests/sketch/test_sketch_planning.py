"""The plan of a feature map: made, written, read, shown, refused."""

import json

import numpy as np
import pytest
from data_families import rows_of
from sklearn.preprocessing import normalize

import dualact as da
from dualact.errors import DualactError, NetworkError
from dualact.sketch.feature_map import FeatureMap
from dualact.sketch.planning import SketchPlan, plan_features

NET = da.mlp(2, "gelu", weight_std=1.4, bias_std=0.1)


@pytest.fixture(scope="module")
def plan():
    return plan_features(NET, "ntk", rows_of("digits", 200), n_components=300)


def test_json_round_trip(plan):
    data = json.loads(json.dumps(plan.to_dict()))
    again = SketchPlan.from_dict(data)
    assert again.to_dict() == plan.to_dict()
    assert (again.network, again.kind, again.n_features, again.n_components) == (NET, "ntk", 64, 300)
    assert (again.truncation, again.sketching, again.rows) == (plan.truncation, plan.sketching, 200)
    X = rows_of("digits", 250)[200:]
    assert np.array_equal(
        FeatureMap(again, 3, np.float64).transform(X), FeatureMap(plan, 3, np.float64).transform(X)
    )


def test_what_it_says(plan):
    text = str(plan)
    assert text.startswith("sketched NTK of the Gaussian output: 64 features -> 300 components (300 used)")
    assert "split along the main direction of the data; designed on 200 rows of X" in text
    assert f"predicted relative error {plan.predicted_error:.2g}" in text
    assert "memory 1200 bytes a row in float32, 2400 in float64" in text
    assert plan.predicted_error == pytest.approx(np.hypot(plan.truncation, plan.sketching))
    for term in plan.terms:
        assert any(line.split()[:1] == [str(term.degree)] for line in text.splitlines())


def test_without_data():
    plan = plan_features(NET, "nngp", n_features=12, n_components=200)
    assert plan.rows == 0
    assert "designed on rows drawn from N(0, 1)" in str(plan)
    X = np.random.default_rng(3).standard_normal((400, 12))
    Z = FeatureMap(plan, 0, np.float64).transform(X)
    error = da.metrics.relative_error(da.kernel(NET, X, kind="nngp"), Z)
    assert error == pytest.approx(plan.predicted_error, rel=0.5)


def test_designs_are_reproducible(plan):
    assert plan_features(NET, "ntk", rows_of("digits", 200), n_components=300).to_dict() == plan.to_dict()


def test_sparse_and_dense_rows_agree():
    X = rows_of("sparse", 60)
    one = plan_features(NET, "ntk", X, n_components=100)
    two = plan_features(NET, "ntk", X.toarray(), n_components=100)
    # only dense rows are split along a direction
    assert one.direction is None
    assert one.predicted_error >= 0.99 * two.predicted_error


def test_the_input_shape_of_the_network_is_enough():
    net = da.Network(NET, input_shape=(7,))
    assert plan_features(net, "ntk", n_components=50).n_features == 7


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"n_components": 0}, "n_components must be an integer of at least 1. Got 0"),
        ({"n_components": 2.5}, "n_components must be an integer of at least 1. Got 2.5"),
        ({"n_components": True}, "n_components must be an integer of at least 1. Got True"),
        ({"degree": -1}, "degree must be an integer of at least 0 or 'auto'. Got -1"),
        ({"degree": "high"}, "degree must be an integer of at least 0 or 'auto'. Got 'high'"),
        ({"kind": "cntk"}, "kind must be 'nngp' or 'ntk'. Got 'cntk'"),
        ({"n_features": None}, r"number of features is not known.*input_shape=\(d,\)"),
        ({"network": da.Network([da.Act("erf")])}, "must follow Dense"),
        ({"network": da.mlp(1, "sign")}, "no NTK"),
    ],
    ids=str,
)
def test_refusals(changes, match):
    arguments = {"network": NET, "kind": "ntk", "n_features": 3, "n_components": 10, "degree": "auto"}
    arguments |= changes
    with pytest.raises(DualactError, match=match):
        plan_features(arguments.pop("network"), arguments.pop("kind"), **arguments)


def test_data_that_do_not_fit_the_network():
    net = da.Network(NET, input_shape=(7,))
    with pytest.raises(NetworkError, match=r"X has 3 features.*input_shape=\(7,\)"):
        plan_features(net, "ntk", np.ones((4, 3)), n_components=10)


def test_data_that_are_no_plan(plan):
    data = plan.to_dict()
    for wrong, match in (
        ([], "expected the dictionary of a plan of version 1. Got 'list'"),
        ({**data, "version": 99}, "version 1. Got 99"),
        ({k: v for k, v in data.items() if k != "terms"}, r"incomplete: KeyError\('terms'\)"),
        ({**data, "basis": None}, "incomplete"),
    ):
        with pytest.raises(DualactError, match=match):
            SketchPlan.from_dict(wrong)


def _damage(data, where, change):
    damaged = json.loads(json.dumps(data))
    *path, last = where
    part = damaged
    for key in path:
        part = part[key]
    part[last] = change(part[last])
    return damaged


@pytest.mark.parametrize(
    ("where", "change", "match"),
    [
        (("basis", "values"), lambda rows: rows[:-1], "values must be finite, of shape"),  # was an IndexError
        (("basis", "nodes"), lambda nodes: nodes[::-1], "ascending order"),
        (("basis", "diagonal"), lambda values: [float("nan"), *values[1:]], "diagonal must be finite"),
        (("basis", "degrees", -1), lambda degree: 10**9, "ascend from 0 to 10000"),  # would have hung
        (("terms", -1, "degree"), lambda degree: 10**9, "degrees of a plan ascend"),
        (("terms", -1, "width"), lambda width: -1, "does not fit"),
        (("n_components",), lambda count: 1, "it has n_components=1"),
    ],
)
def test_damaged_plans_are_refused_when_they_are_read(plan, where, change, match):
    with pytest.raises(DualactError, match=match):
        SketchPlan.from_dict(_damage(plan.to_dict(), where, change))


def test_an_unregistered_activation_is_planned_but_not_written():
    net = da.mlp(1, da.from_function("mine", lambda t: t / (1 + t * t)))
    plan = plan_features(net, "ntk", normalize(rows_of("digits", 50)), n_components=60)
    with pytest.raises(NetworkError, match="'mine' is an unregistered function"):
        plan.to_dict()


@pytest.mark.parametrize("kind", ["ntk", "nngp"])
def test_networks_with_branches_and_norms(kind):
    D, A = da.Dense(1.2, 0.1), da.Act("relu")
    net = da.Network([D, da.Residual([A, D]), da.LayerNorm(), A, D])
    X = rows_of("digits centred", 300)
    plan = plan_features(net, kind, X, n_components=2000)
    Z = FeatureMap(plan, 0, np.float64).transform(X)
    error = da.metrics.relative_error(da.kernel(net, X, kind=kind), Z)
    assert error == pytest.approx(plan.predicted_error, rel=0.3)
    assert error < 0.05
