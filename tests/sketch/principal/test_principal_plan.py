import copy
import json

import numpy as np
import pytest
from scipy import sparse

import dualact as da
from dualact.errors import DualactError, NetworkError
from dualact.sketch.maps import make_map, plan_map, read_plan
from dualact.sketch.principal.feature_map import PrincipalMap
from dualact.sketch.principal.fitting import ROWS, plan_monomials
from dualact.sketch.principal.planning import PrincipalPlan
from dualact.sketch.spatial.basis import array_to_dict

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 6)) * 0.7 ** np.arange(6) * RNG.uniform(0.5, 2, (120, 1)) + 0.4
NET = da.mlp(1, "gelu", weight_std=1.3, bias_std=0.2)
PLAN = plan_monomials(NET, "ntk", X, n_components=40)


def through_json(plan):
    return PrincipalPlan.from_dict(json.loads(json.dumps(plan.to_dict())))


def features(plan, rows=X):
    return PrincipalMap(plan, np.float64).transform(rows, 1)


def test_what_a_plan_says():
    assert (PLAN.kind, PLAN.n_features, PLAN.n_components, PLAN.used, PLAN.rows) == ("ntk", 6, 40, 40, 120)
    assert PLAN.network == PLAN.shaped_network == NET
    assert PLAN.input_shape is None
    assert PLAN.axes.dtype == np.float32
    np.testing.assert_allclose(PLAN.axes.T @ PLAN.axes, np.eye(PLAN.axes.shape[1]), atol=1e-6)
    degrees = [t.degree for t in PLAN.terms]
    assert degrees == list(range(len(degrees)))
    assert len(degrees) > 2
    text = str(PLAN)
    assert text.startswith("leading monomials of the NTK of the Gaussian output: 6 features -> 40 components")
    assert "designed on 120 rows of X" in text
    assert f"{PLAN.kept:.4g} of the mean of K(x, x) is kept" in text
    assert f"predicted relative error {PLAN.error:.2g}" in text
    table = [line.split() for line in text.splitlines() if line[:1].isdigit()]
    assert sum(int(row[1]) for row in table if len(row) == 4) == 40


def test_only_axes_that_are_used_are_kept():
    few = plan_monomials(NET, "ntk", X, n_components=4)
    highest = max(int(t.indices.max(initial=-1)) for t in few.terms)
    assert few.axes.shape == (6, 2 + highest)
    assert few.axes.shape[1] < 6
    np.testing.assert_array_equal(few.axes, PLAN.axes[:, : few.axes.shape[1]])


def test_a_plan_comes_back_from_json_to_the_bit():
    again = through_json(PLAN)
    assert str(again) == str(PLAN)
    assert again.to_dict() == PLAN.to_dict()
    for dtype in (np.float32, np.float64):
        made, remade = (PrincipalMap(p, dtype).transform(X, 1) for p in (PLAN, again))
        assert made.tobytes() == remade.tobytes()
    assert isinstance(read_plan(PLAN.to_dict()), PrincipalPlan)
    assert read_plan(PLAN) is PLAN


def test_the_seed_does_not_count():
    assert make_map(PLAN, 3, np.float64).transform(X).tobytes() == features(PLAN).tobytes()
    assert isinstance(make_map(PLAN, 0, np.float32), PrincipalMap)


@pytest.mark.parametrize("kind", ["ntk", "nngp"])
@pytest.mark.parametrize("m", [5, 40, 200])
def test_the_prediction_is_the_error_and_the_share_is_kept(kind, m):
    plan = plan_monomials(NET, kind, X, n_components=m)
    K, Z = da.kernel(NET, X, kind=kind), features(plan)
    assert plan.predicted_error == pytest.approx(da.metrics.relative_error(K, Z), rel=1e-6)
    assert plan.kept == pytest.approx((Z**2).sum() / np.trace(K), rel=1e-9)
    assert 0 < plan.kept < 1


def test_a_sample_predicts_the_error_of_all_rows():
    rows = np.random.default_rng(3).standard_normal((1500, 6)) * 0.7 ** np.arange(6) + 0.4
    plan = plan_monomials(NET, "ntk", rows, n_components=40)
    K, Z = da.kernel(NET, rows), features(plan, rows)
    assert plan.rows == 1500
    assert plan.predicted_error == pytest.approx(da.metrics.relative_error(K, Z), rel=0.05)
    assert plan.kept == pytest.approx((Z**2).sum() / np.trace(K), rel=0.01)


def test_no_more_rows_than_it_says_are_looked_at():
    rows = np.random.default_rng(3).standard_normal((ROWS + 800, 3))
    plan = plan_monomials(NET, "nngp", rows, n_components=5)
    assert plan.rows == ROWS
    sampled = rows[np.linspace(0, len(rows) - 1, ROWS).astype(int)]
    again = plan_monomials(NET, "nngp", sampled, n_components=5, population=len(rows))
    assert again.to_dict() == plan.to_dict()
    assert plan_monomials(NET, "nngp", sampled, n_components=5).error != plan.error


def test_the_mean_diagonal_counts_and_not_the_last_row():
    """Far fewer rows with other axes do not turn the first ones."""
    other = np.concatenate([X, RNG.standard_normal((3, 6))[:, ::-1]])
    plan = plan_monomials(NET, "ntk", other, n_components=40)
    np.testing.assert_allclose(np.abs(plan.axes[:, 0] @ PLAN.axes[:, 0]), 1.0, atol=1e-2)


def test_without_data():
    plan = plan_monomials(NET, "nngp", n_features=5, n_components=30)
    assert plan.rows == 0
    assert "drawn from N(0, 1)" in str(plan)
    rows = np.random.default_rng(8).standard_normal((200, 5))
    error = da.metrics.relative_error(da.kernel(NET, rows, kind="nngp"), features(plan, rows))
    assert error == pytest.approx(plan.predicted_error, rel=0.3)
    assert isinstance(da.plan(NET, n_features=5, n_components=9, method="monomials"), PrincipalPlan)


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_degrees_that_are_asked_for(degree):
    plan = plan_monomials(NET, "ntk", X, n_components=300, degree=degree)
    assert {t.degree for t in plan.terms} == set(range(degree + 1))
    higher = plan_monomials(NET, "ntk", X, n_components=300, degree=degree + 1)
    assert higher.kept > plan.kept


def test_a_degree_beyond_that_of_the_usual_series():
    plan = plan_monomials(da.mlp(1, "sign"), "nngp", X[:, :2], n_components=300, degree=60)
    assert plan.basis.degree == 59  # of an odd function
    assert max(t.degree for t in plan.terms) > 40


def test_a_sparse_design_is_that_of_dense_rows():
    rows = np.where(RNG.random((100, 9)) < 0.4, RNG.standard_normal((100, 9)), 0.0)
    dense = plan_monomials(NET, "ntk", rows, n_components=50)
    found = plan_monomials(NET, "ntk", sparse.csr_matrix(rows), n_components=50)
    assert found.kept == pytest.approx(dense.kept, rel=1e-6)
    np.testing.assert_allclose(features(found, rows), features(dense, rows), atol=1e-6 * abs(rows).max())


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"n_components": 0}, DualactError, "n_components must be an integer of at least 1. Got 0"),
        ({"degree": -1}, DualactError, "degree must be an integer of at least 0 or 'auto'. Got -1"),
        ({"degree": 1.5}, DualactError, "degree must be an integer of at least 0 or 'auto'. Got 1.5"),
        ({"X": None}, NetworkError, r"number of features is not known; .*n_features=d"),
        ({"X": 1e160 * X}, DualactError, r"overflow.*Scale X"),
        ({"network": da.mlp(1, "sign")}, NetworkError, "jumps at 0.*kind='nngp'"),
        ({"kind": "both"}, NetworkError, "kind must be 'nngp' or 'ntk'. Got 'both'"),
        (
            {"network": da.cnn(1, "relu"), "X": np.ones((5, 4, 4, 2))},
            NetworkError,
            "is for dense networks.*Take method='polysketch' or 'random'",
        ),
        ({"network": da.cnn(1, "relu"), "X": None}, NetworkError, "'monomials' is for dense networks"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else None,
)
def test_refusals(arguments, error, match):
    arguments = {"network": NET, "kind": "ntk", "X": X, "n_components": 10} | arguments
    with pytest.raises(error, match=match):
        plan_map(arguments.pop("network"), arguments.pop("kind"), method="monomials", **arguments)


DATA = PLAN.to_dict()


@pytest.mark.parametrize("data", [{}, {"version": 1}, {"version": 2}, 3, None, [1]])
def test_plans_that_are_none(data):
    with pytest.raises(DualactError, match=r"PrincipalPlan\.from_dict"):
        PrincipalPlan.from_dict(data)


@pytest.mark.parametrize("key", [k for k in DATA if k not in ("method", "version")])
def test_every_part_is_needed(key):
    with pytest.raises(DualactError, match=r"PrincipalPlan\.from_dict: the data are incomplete: KeyError"):
        PrincipalPlan.from_dict({k: v for k, v in DATA.items() if k != key})


def changed(data, path, value):
    data = copy.deepcopy(data)
    owner = data
    for key in path[:-1]:
        owner = owner[key]
    owner[path[-1]] = value(owner[path[-1]]) if callable(value) else value
    return data


LAST = len(DATA["terms"]) - 1


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        (["n_components"], 39, "takes 40 columns, but has n_components=39"),
        (["n_features"], 5, "axes must be columns of 5 numbers"),
        (["n_features"], "many", "incomplete"),
        (["axes", "shape"], [3, 12], "columns of 6 numbers. Got shape"),
        (["axes", "shape"], [36], "columns of 6 numbers. Got shape"),
        (["axes", "shape"], [6, 7], "does not consist of"),
        (["axes", "float32"], "no", "incomplete|does not consist of"),
        (["axes"], lambda a: array_to_dict(np.full((6, 6), np.nan)), "not finite"),
        (["axes"], lambda a: array_to_dict(2 * np.eye(6)), r"must be unit vectors. Got norms from 2 to 2"),
        (["axes"], lambda a: array_to_dict(np.eye(6)[:, :1]), "ascending indices below 0"),
        (["terms", 1, "degree"], 0, "degrees of a plan ascend|incomplete"),
        (["terms", 2, "degree"], 1, "incomplete"),
        (["terms"], lambda terms: terms[::-1], "degrees of a plan ascend from 0"),
        (["terms"], lambda terms: [terms[1], terms[1]], "degrees of a plan ascend from 0"),
        (["terms", 0, "degree"], -1, "degrees of a plan ascend from 0|incomplete"),
        (["terms", 1, "counts"], lambda counts: [counts[0] + 1, *counts[1:]], "incomplete"),
        (
            ["terms", 0, "counts"],
            lambda counts: [0] * len(counts),
            "must mix .* functions into one component",
        ),
        (["terms", 1, "counts"], lambda counts: [-1, sum(counts) + 1], "must mix .* into one component"),
        (["terms", 1, "counts"], lambda counts: [sum(counts)], "must mix .* into one component"),
        (["terms", 1, "mixing", 0, 0], float("nan"), "must mix"),
        (["terms", 1, "mixing"], lambda mixing: mixing[1:], "must mix"),
        (["terms", 1, "mixing"], [], "incomplete"),
        (["terms", 1, "mixing", 0], [1.0] * 9, "incomplete"),
        (["terms", LAST, "indices", 0], -1, "must be ascending indices below"),
        (["terms", LAST, "indices", 0], 99, "must be ascending indices below"),
        (["terms", LAST, "indices", 0], 10**30, "incomplete"),
        (["terms", 2, "indices"], lambda i: [max(i), 0, *i[2:]], "must be ascending indices below"),
        (["terms"], 5, "incomplete"),
        (["terms"], [5], "incomplete"),
        (["error"], "small", "incomplete"),
        (["rows"], None, "incomplete"),
        (["kind"], "both", "kind must be"),
        (["basis", "values"], [], "radial functions"),
        (["basis", "zero", 0], float("inf"), "radial functions"),
        (["network", "layers"], 3, "layers"),
    ],
    ids=lambda v: "-".join(map(str, v)) if isinstance(v, list) else None,
)
def test_damaged_data_are_refused(path, value, match):
    with pytest.raises(DualactError, match=match):
        PrincipalPlan.from_dict(changed(DATA, path, value))
    with pytest.raises(DualactError, match=match):
        da.SketchedNeuralKernel.from_plan(changed(DATA, path, value), 0)


@pytest.mark.parametrize("n_components", [0, -3])
def test_a_plan_without_columns(n_components):
    with pytest.raises(DualactError, match=f"but has n_components={n_components}"):
        PrincipalPlan.from_dict({**DATA, "terms": [], "n_components": n_components})
