"""Plans of spatial networks: shapes, pairs of positions, costs, and all that is refused."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import dualact as da
from dualact import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, LayerNorm, Network, Residual
from dualact.network.costs import pair_cost
from dualact.network.stages import every_stage, stages_of

RELU = Act("relu")


def refused(layers, shape=(8, 8, 3), kind="ntk"):
    network = Network(layers)
    with pytest.raises(da.NetworkError) as caught:
        da.plan(network, kind, input_shape=shape)
    for other in (da.kernel, da.kernel_diag):
        with pytest.raises(da.NetworkError, match=f"^{re.escape(str(caught.value))}$"):
            other(network, np.ones((2, *shape)), kind=kind)
    return str(caught.value)


# ------------------------------------------------------------------------------- refusals


def test_dense_before_flatten():
    assert refused([Conv(3), RELU, Dense()]) == (
        "layer 2 (Dense()) has positions (8, 8) before it; Dense is for one vector per input. Insert "
        "Flatten() or GlobalAvgPool() before layer 2, or use Conv(1) to mix the channels of each position."
    )
    assert refused([Dense(), Flatten()]).startswith("layer 0 (Dense()) has positions (8, 8) before it;")


@pytest.mark.parametrize("first", [GlobalAvgPool(), Flatten()], ids=repr)
@pytest.mark.parametrize("second", [GlobalAvgPool(), Flatten(), Conv(3), AvgPool(2)], ids=repr)
def test_positions_that_are_gone(first, second):
    assert refused([Conv(3), first, second, Dense()]) == (
        f"layer 2 ({second!r}) follows layer 1 ({first!r}); it needs positions, and there are none after "
        "Flatten or GlobalAvgPool. Remove layer 2, or put it before them."
    )


def test_inputs_smaller_than_a_window():
    assert refused([Conv(5, padding="valid"), Flatten()], (4, 9, 1)) == (
        "layer 0 (Conv(5, padding='valid')): its window (5, 5) is larger than its input, which has "
        "positions (4, 9). Use larger inputs, a smaller window, fewer pools before it, or padding='same'."
    )
    message = refused(da.cnn(3, "relu", pool_every=1), (4, 4, 1))
    assert message.startswith("layer 8 (AvgPool(2)): its window (2, 2) is larger than its input, which has")


def test_positions_at_the_end():
    assert refused([Conv(3), RELU, AvgPool(2)]) == (
        "the network ends with positions (4, 4); a kernel is of one vector per input. Append "
        "GlobalAvgPool() or Flatten(), and Dense()."
    )


def test_activations_need_gaussian_signals_everywhere():
    assert refused([Conv(3), RELU, AvgPool(2), RELU, Flatten()]) == (
        "layer 3 (Act('relu')) follows layer 2 (AvgPool(2)); an activation must follow Dense or Conv, "
        "because its dual needs Gaussian pre-activations. Insert Conv(...) before layer 3."
    )
    assert refused([Conv(3), Flatten(), RELU]).endswith("Insert Dense() before layer 2.")
    assert refused([AvgPool(2), LayerNorm(), Flatten()]).startswith(
        "layer 1 (LayerNorm()) follows layer 0 (AvgPool(2)); LayerNorm must follow Dense or Conv"
    )
    assert refused([Conv(3), RELU, Residual([Conv(3)]), Flatten()]).startswith(
        "layer 2 (Residual([Conv(3)])) follows layer 1 (Act('relu')); Residual must follow"
    )


@pytest.mark.parametrize(
    ("branch", "after"),
    [
        ([RELU, Conv(3, strides=2)], (4, 4)),
        ([RELU, Conv(3, padding="valid")], (6, 6)),
        ([RELU, AvgPool(2), Conv(3)], (4, 4)),
        ([RELU, Flatten(), Dense()], ()),
    ],
    ids=repr,
)
def test_branches_must_keep_the_positions(branch, after):
    assert refused([Conv(3), Residual(branch), Flatten()]) == (
        f"layer 1 ({Residual(branch)!r:.60}): the branch turns positions (8, 8) into {after}; it must keep "
        "them, because the sum x + branch(x) is taken at each position. Use strides=1, padding='same' and "
        "no pools, or put them outside."
    )


def test_branches_must_end_in_weights():
    assert refused([Conv(3), Residual([Conv(3), RELU]), Flatten()]) == (
        "layer 1 (Residual([Conv(3), Act('relu')])): the branch ends in Act('relu'); it must end in Conv, "
        "because otherwise the sum x + branch(x) has cross terms. Append Conv(...) to the branch."
    )
    assert refused([Conv(3), Residual([]), Flatten()]).endswith("give it layers that end in Conv(...).")
    assert refused([Conv(3), GlobalAvgPool(), Dense(), Residual([])]).endswith("layers that end in Dense().")
    da.plan(Network([Conv(3), Residual([RELU, Conv(3), AvgPool(3, 1, "same")]), Flatten()], (8, 8, 1)))


def test_shapes_that_are_unknown_or_impossible():
    network = da.cnn(1, "relu")
    with pytest.raises(
        da.NetworkError,
        match=r"^the network is spatial and the shape of its inputs is not known\. Give the network an "
        r"input_shape, \(L, C\) or \(H, W, C\), or X one axis for each of them\.$",
    ):
        da.plan(network)
    with pytest.raises(
        da.NetworkError, match=r"X came as flat rows of 48 numbers\. Give the network an input_"
    ):
        da.plan(network, n_features=48)
    with pytest.raises(
        da.NetworkError,
        match=r"^the network is spatial: its input_shape must be \(L, C\) or \(H, W, C\)\. Got \(9,\)\. "
        r"Grey images need a channel axis too: X\[\.\.\., None\]\.$",
    ):
        da.plan(network, input_shape=(9,))
    with pytest.raises(da.NetworkError, match=r"must be \(L, C\) or \(H, W, C\)\. Got \(2, 2, 2, 2\)\.$"):
        da.plan(network, input_shape=(2, 2, 2, 2))
    plan = da.plan(Network(network, (4, 4, 3)), n_features=48)
    assert (plan.n_features, plan.input_shape, plan.positions, plan.spatial) == (48, (4, 4, 3), (4, 4), True)


def test_sizes_of_layers_for_another_number_of_axes():
    assert refused([Conv((3, 3)), Flatten()], (8, 3)).startswith(
        "layer 0 (Conv((3, 3))): kernel_size=(3, 3) has 2 "
    )
    assert refused([Conv(3), AvgPool((2,)), Flatten()]).startswith(
        "layer 1 (AvgPool((2,))): window=(2,) has 1 axis"
    )


def test_jumps_and_kinds_as_ever():
    assert "has no derivative and the network no NTK" in refused([Conv(3), Act("sign"), Flatten()])
    da.plan(Network([Conv(3), Act("sign"), Flatten()], (3, 3, 1)), "nngp")


def test_feature_maps():
    plan = da.plan(Network(da.cnn(1, "relu"), (4, 4, 3)), n_components=64)
    assert str(plan).startswith("sketched NTK of the Gaussian output: (4, 4, 3) -> 64 components\nlayer ")


# ------------------------------------------------------------------------------- pairs of positions


def pairs(layers, shape=(8, 8), **how):
    return [s.before for s in every_stage(stages_of(tuple(layers), shape, **how))]


def test_flatten_needs_equal_positions_alone():
    layers = [Conv(3), RELU, Residual([RELU, Conv(3)]), LayerNorm(), RELU, Flatten(), Dense()]
    assert pairs(layers) == ["equal"] * 8 + ["flat"]
    assert pairs([*layers[:-2], GlobalAvgPool(), Dense()]) == ["all"] * 8 + ["flat"]


def test_a_pool_needs_all_pairs_before_it_and_none_after():
    layers = [Conv(3), RELU, AvgPool(2), Conv(3), RELU, Flatten(), Dense(), RELU]
    assert pairs(layers) == ["all"] * 3 + ["equal"] * 3 + ["flat"] * 2
    assert pairs([Conv(3), AvgPool(1), Flatten()]) == ["equal"] * 3
    inside = [Conv(3), Residual([RELU, AvgPool(3, 1, "same"), Conv(3)]), RELU, Flatten()]
    assert pairs(inside) == ["all", "all", "all", "all", "equal", "equal", "equal"]


def test_variances_need_equal_positions_up_to_the_last_of_them():
    alone = {"variances": True, "output": False}
    layers = [Conv(3), RELU, Conv(3), RELU, GlobalAvgPool(), Dense()]
    assert pairs(layers, **alone) == ["equal"] * 4 + ["none"] * 2
    pooled = [Conv(3), AvgPool(2), RELU, AvgPool(2), Flatten(), Dense()]
    assert pairs(pooled, **alone) == ["all", "all", "equal", "none", "none", "none"]
    deep = [*layers, RELU, Dense()]
    assert pairs(deep, **alone) == ["all"] * 5 + ["flat", "flat", "none"]
    assert pairs(layers, variances=True) == ["all"] * 5 + ["flat"]


def test_costs_follow_the_pairs():
    def cost(network, kind="ntk", shape=(32, 32)):
        return pair_cost(stages_of(network.layers, shape), kind == "ntk")

    gap, flat = da.cnn(3, "relu"), da.cnn(3, "relu", head="flatten")
    assert (cost(gap).entries, cost(flat).entries) == (1024**2, 1024)
    assert cost(gap).memory == 2 * cost(gap, "nngp").memory == 2**25
    assert math.isclose(cost(gap).seconds, 1024 * cost(flat).seconds, rel_tol=1e-2)
    assert cost(da.cnn(3, "tanh")).seconds > 5 * cost(gap).seconds
    branch = Network([Conv(3), Residual([RELU, Conv(3)]), GlobalAvgPool()])
    assert cost(branch).memory == 3 * 2**24


# ------------------------------------------------------------------------------- the table


def test_the_plan_shows_positions_pairs_and_costs():
    network = Network(
        [Conv(3), Residual([RELU, Conv(3)]), RELU, AvgPool((2, 1)), Flatten(), Dense()], (8, 6, 3)
    )
    shown = str(da.plan(network)).splitlines()
    assert shown[:11] == [
        "exact NTK of the Gaussian output",
        "layer                   positions  pairs  rule",
        "       input            8×6        all",
        "0      Conv(3)          8×6        all    Σ ← w²·mean over patch + b², Θ ← w²·mean + Σ",
        "1      Residual         8×6        all    x + branch(x)",
        "1.0    Act('relu')      8×6        all    Σ ← E φφ (closed form), Θ ← Θ·E φ′φ′",
        "1.1    Conv(3)          8×6        all    Σ ← w²·mean over patch + b², Θ ← w²·mean + Σ",
        "2      Act('relu')      8×6        all    Σ ← E φφ (closed form), Θ ← Θ·E φ′φ′",
        "3      AvgPool((2, 1))  4×6        equal  Σ, Θ ← mean over window",
        "4      Flatten()        -                 Σ, Θ ← mean over equal positions",
        "5      Dense()          -                 Σ ← w²Σ + b², Θ ← w²Θ + Σ",
    ]
    assert re.fullmatch(
        r"a pair of inputs takes 2304 pairs of positions, 0\.105 MiB and about 0\.\d+ ms on one core",
        shown[11],
    )
    covariance = str(da.plan(Network([GlobalAvgPool(), Dense()]), "nngp", input_shape=(5, 2)))
    assert "Θ" not in covariance
    assert "0      GlobalAvgPool()  -                 Σ ← mean over all pairs" in covariance
