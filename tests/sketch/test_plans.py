"""What the four plans have in common: how they are stored, refused and shown."""

import json

import numpy as np
import pytest

import dualact as da
from dualact.errors import DualactError
from dualact.sketch.maps import plan_map, read_plan
from dualact.sketch.plans import origin

X = np.random.default_rng(3).standard_normal((30, 6))
IMAGES = np.random.default_rng(3).standard_normal((12, 5, 5, 2))
DENSE, SPATIAL = da.mlp(1, "relu"), da.cnn(1, "relu")
PLANS = {
    "polysketch": plan_map(DENSE, "ntk", X, n_components=40),
    "monomials": plan_map(DENSE, "ntk", X, n_components=40, method="monomials"),
    "random": plan_map(DENSE, "nngp", X, n_components=40, method="random"),
    "spatial": plan_map(SPATIAL, "ntk", IMAGES, n_components=40),
}


@pytest.mark.parametrize("stored", PLANS)
def test_a_plan_and_its_data(stored):
    plan = PLANS[stored]
    data = plan.to_dict()
    assert list(data)[:3] == ["version", "method", "network"]
    assert (data["version"], data["method"]) == (1, stored)
    again = read_plan(json.loads(json.dumps(data)))
    assert type(again) is type(plan)
    assert again.to_dict() == data
    assert str(again) == str(plan)
    assert again.network == plan.network
    assert (again.kind, again.n_components, again.predicted_error) == (
        plan.kind,
        40,
        plan.predicted_error,
    )


@pytest.mark.parametrize("stored", PLANS)
def test_inputs(stored):
    plan = PLANS[stored]
    assert plan.input_shape == ((5, 5, 2) if stored == "spatial" else None)
    assert plan.n_features == (50 if stored == "spatial" else 6)
    shape = {"spatial": (5, 5, 2), "random": (6,)}.get(stored)
    assert plan.shaped_network.input_shape == shape
    assert plan.shaped_network.layers == plan.network.layers


@pytest.mark.parametrize("stored", PLANS)
def test_refusals_name_the_plan(stored):
    kind, data = type(PLANS[stored]), PLANS[stored].to_dict()
    where = rf"{kind.__name__}\.from_dict: "
    with pytest.raises(DualactError, match=where + r"expected .* of version 1\. Got 2"):
        kind.from_dict({**data, "version": 2})
    with pytest.raises(DualactError, match=where + r"expected .* Got 'list'"):
        kind.from_dict([data])
    with pytest.raises(DualactError, match=where + "the data are incomplete: .*n_components"):
        kind.from_dict({k: v for k, v in data.items() if k != "n_components"})
    for key, wrong in (("n_components", 1e400), ("kind", None), ("network", {"layers": 3})):
        with pytest.raises(DualactError, match=r"^(?s:.{1,600})$"):
            kind.from_dict({**data, key: wrong})


def test_origin():
    assert origin(7) == "7 rows of X"
    assert origin(0, "images") == "images drawn from N(0, 1)"
