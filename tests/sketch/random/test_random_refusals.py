import numpy as np
import pytest

import dualact as da
from dualact.errors import DualactError, NetworkError
from dualact.sketch.random.fitting import plan_random
from dualact.sketch.random.planning import RandomPlan

X = np.random.default_rng(0).standard_normal((50, 6))
GAUSSIAN = {"amplitude": 1.0, "rate": 0.1}  # E φ² is finite below a variance of 2.5, E φ⁴ below 1.25


def one(activation, **params):
    return da.Network([da.Dense(1.4), da.Act(activation, **params), da.Dense()])


@pytest.mark.parametrize("name", ["sign", "step"])
def test_the_ntk_of_a_function_that_jumps(name):
    with pytest.raises(NetworkError, match=r"no derivative.*kind='nngp'|nngp"):
        plan_random(one(name), "ntk", X, n_components=100)
    assert plan_random(one(name), "nngp", X, n_components=100).predicted_error < 0.3


def test_infinite_moments():
    with pytest.raises(NetworkError, match=r"E phi\^4 is infinite at variances of 1\.25 and more.*no bound"):
        plan_random(
            one("gaussian", **GAUSSIAN),
            "nngp",
            X * (1.6 / (X**2).sum(axis=1).max()) ** 0.5 * 6**0.5 / 1.4,
            n_components=100,
        )
    with pytest.raises(NetworkError, match="finite for variances below"):
        plan_random(one("gaussian", **GAUSSIAN), "nngp", 9 * X, n_components=100)
    plan_random(one("gaussian", **GAUSSIAN), "nngp", 0.1 * X, n_components=100)


def test_a_kernel_without_a_function():
    with pytest.raises(NetworkError, match=r"random features are values of phi.*method='polysketch'"):
        plan_random(one("normalized_gaussian"), "ntk", X, n_components=100)


@pytest.mark.parametrize("name", ["gelu", "tanh", "sin", "elu"])
def test_leverage_scores_that_are_not_known(name):
    with pytest.raises(NetworkError, match=r"needs a homogeneous activation.*leverage='auto' or False"):
        plan_random(one(name), "ntk", X, n_components=100, leverage=True)


@pytest.mark.parametrize(("kind", "depth", "least"), [("ntk", 2, 9), ("nngp", 1, 3), ("ntk", 5, 21)])
def test_widths_that_leave_a_part_empty(kind, depth, least):
    network = da.mlp(depth, "relu")
    with pytest.raises(DualactError, match=f"leave a part of the random features empty.*at least {least} "):
        plan_random(network, kind, X, n_components=least - 1)
    plan = plan_random(network, kind, X, n_components=least)
    parts = list(plan.operations.values())
    assert all(m.rest > 0 and (kind == "nngp" or (m.product > 0 and m.slope > 0)) for m in parts)


@pytest.mark.parametrize("data", [{}, {"version": 1}, {"version": 2}, 3])
def test_plans_that_are_none(data):
    with pytest.raises(DualactError, match=r"RandomPlan\.from_dict"):
        RandomPlan.from_dict(data)
