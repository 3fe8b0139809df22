from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

import dualact as da
from dualact.errors import DualactError, NetworkError
from dualact.sketch.choosing import choose
from dualact.sketch.maps import plan_map, read_plan
from dualact.sketch.planning import plan_features
from dualact.sketch.random.fitting import plan_random

NET = da.mlp(1, "relu")
X = np.random.default_rng(0).standard_normal((40, 5))
SKETCHED = plan_features(NET, "ntk", X, n_components=100)
RANDOM = plan_random(NET, "ntk", X, n_components=100)


def _never():
    raise AssertionError("random features are not to be designed")


def _refused():
    raise DualactError("layer 1 has no features. Take another.")


def test_a_sketch_that_cannot_be_beaten_is_taken_at_once():
    found = choose(lambda: replace(SKETCHED, truncation=0.0, sketching=1e-4), _never)
    assert found.reason.startswith("method polysketch: its predicted error 0.0001 is below what 100 random")


@pytest.mark.parametrize(("error", "method"), [(0.5, "polysketch"), (0.39, "random"), (0.41, "polysketch")])
def test_random_features_must_be_clearly_better(error, method):
    found = choose(
        lambda: replace(SKETCHED, truncation=0.3, sketching=0.4), lambda: replace(RANDOM, error=error)
    )
    assert (found.method if method == "random" else "polysketch") == method
    assert f"method {method}: predicted error" in found.reason
    assert "against" in found.reason


def test_refusals():
    found = choose(lambda: replace(SKETCHED, truncation=0.3), _refused)
    assert found.reason == "method polysketch: no random features, because layer 1 has no features"
    found = choose(_refused, lambda: RANDOM)
    assert found.reason == "method random: no polynomial sketch, because layer 1 has no features"
    with pytest.raises(DualactError, match="layer 1 has no features"):
        choose(_refused, _refused)


@pytest.mark.parametrize("method", ["auto", "polysketch", "random"])
def test_plans_are_read_back_as_they_were(method):
    plan = plan_map(NET, "ntk", X, n_components=60, method=method)
    again = read_plan(plan.to_dict())
    assert type(again) is type(plan)
    assert str(again) == str(plan)
    assert read_plan(plan) is plan


def test_long_rows_are_not_made_dense_to_compare():
    rows = sparse.random(50, 100_000, 1e-3, format="csr", rng=np.random.default_rng(0))
    plan = plan_map(da.mlp(2, "relu"), "ntk", rows, n_components=256, method="auto")
    assert "no random features, because rows have more than 16384 features" in str(plan)


def test_a_degree_or_widths_ask_for_a_sketch():
    assert plan_map(NET, "ntk", X, n_components=60, degree=2, method="auto").reason == ""
    with pytest.raises(DualactError, match="random features have none"):
        plan_map(NET, "ntk", X, n_components=60, degree=2, method="random")
    with pytest.raises(NetworkError, match="widths are for spatial networks"):
        plan_map(NET, "ntk", X, n_components=60, widths=[3], method="random")
