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


def test_widths_that_leave_a_part_empty():
    network, images = da.cnn(2, "relu"), np.random.default_rng(0).standard_normal((20, 4, 4, 2))
    with pytest.raises(DualactError, match="width of 2 would leave a part of the random features empty"):
        plan_random(network, "ntk", images, n_components=100, widths=[2])
    with pytest.raises(NetworkError, match="one entry for each Act layer but the last"):
        plan_random(network, "ntk", images, n_components=100, widths=[20, 30])
    made = plan_random(network, "ntk", images, n_components=100, widths=[3]).operations["1"]
    assert made.rest > 0
    assert made.product > 0
    assert made.slope > 0


@pytest.mark.parametrize("n_components", [1, 2, 7])
def test_fewer_columns_than_parts_are_sketched_from_more(n_components):
    plan = plan_random(da.mlp(3, "relu"), "ntk", X, n_components=n_components)
    assert plan.used == n_components
    assert all(m.rest > 0 and m.product > 0 and m.slope > 0 for m in plan.operations.values())


@pytest.mark.parametrize("data", [{}, {"version": 1}, {"version": 2}, 3])
def test_plans_that_are_none(data):
    with pytest.raises(DualactError, match=r"RandomPlan\.from_dict"):
        RandomPlan.from_dict(data)
