"""check: what is ill-defined is refused with a way to mend it; what is legal is shown as a table."""

from __future__ import annotations

import re

import numpy as np
import pytest

import dualact as da
from dualact import Act, Dense, LayerNorm, Network, Residual
from dualact.network.planning import check, render_table

RELU, ERF = Act("relu"), Act("erf")


def refused(layers, kind="ntk"):
    with pytest.raises(da.NetworkError) as caught:
        da.plan(Network(layers), kind)
    for other in (da.kernel, da.kernel_diag):
        with pytest.raises(da.NetworkError, match=f"^{re.escape(str(caught.value))}$"):
            other(Network(layers), np.ones((2, 3)), kind=kind)
    return str(caught.value)


# ------------------------------------------------------------------------------- what must be Gaussian


def test_two_activations_in_a_row():
    assert refused([Dense(), ERF, ERF, Dense()]) == (
        "layer 2 (Act('erf')) follows layer 1 (Act('erf')); an activation must follow Dense or Conv, because "
        "its dual needs Gaussian pre-activations. Insert Dense() before layer 2."
    )


def test_an_activation_first():
    assert refused([RELU, Dense()]) == (
        "layer 0 (Act('relu')) comes first; an activation must follow Dense or Conv, because its dual needs "
        "Gaussian pre-activations. Insert Dense() before layer 0."
    )


def test_layer_norm_after_an_activation_and_first():
    assert refused([Dense(), RELU, LayerNorm(), Dense()]) == (
        "layer 2 (LayerNorm()) follows layer 1 (Act('relu')); LayerNorm must follow Dense or Conv, because "
        "the normalisation needs Gaussian pre-activations. Insert Dense() before layer 2."
    )
    assert refused([LayerNorm(), Dense()]).startswith(
        "layer 0 (LayerNorm()) comes first; LayerNorm must follow"
    )


def test_residual_after_an_activation_and_first():
    assert refused([Dense(), RELU, Residual([Dense()])]) == (
        "layer 2 (Residual([Dense()])) follows layer 1 (Act('relu')); Residual must follow Dense or Conv, "
        "because the sum needs Gaussian pre-activations. Insert Dense() before layer 2."
    )
    assert refused([Residual([Dense()])]).startswith(
        "layer 0 (Residual([Dense()])) comes first; Residual must"
    )


def test_places_inside_a_branch():
    assert refused([Dense(), Residual([Dense(), RELU, ERF, Dense()])]).startswith(
        "layer 1.2 (Act('erf')) follows layer 1.1 (Act('relu')); "
    )
    assert "Insert Dense() before layer 1.0.1." in refused(
        [Dense(), Residual([Residual([RELU, RELU, Dense()]), Dense()])]
    )


def test_long_layers_are_cut_short_in_messages():
    branch = Residual([RELU, Dense()] * 30)
    message = refused([Dense(), branch, RELU, branch])
    assert len(message) < 400
    assert "follows layer 2 (Act('relu'))" in message


# ------------------------------------------------------------------------------- residual branches


@pytest.mark.parametrize(
    ("branch", "end"),
    [
        ([RELU], "Act('relu')"),
        ([Dense(), RELU], "Act('relu')"),
        ([LayerNorm()], "LayerNorm()"),
        ([Residual([Dense()])], "Residual([Dense()])"),
        ([Residual([RELU, Dense()])], "Residual([Act('relu'), Dense()])"),
        ([LayerNorm(), Residual([Dense()])], "Residual([Dense()])"),
    ],
)
def test_branches_must_be_fresh(branch, end):
    """A branch that carries its input on would add cross terms."""
    layers = [Dense(), Residual(branch)]
    assert refused(layers) == (
        f"layer 1 ({layers[1]!r}): the branch ends in {end}; it must end in Dense, because otherwise the sum "
        "x + branch(x) has cross terms. Append Dense() to the branch."
    )


@pytest.mark.parametrize(
    "branch",
    [
        [Dense()],
        [RELU, Dense()],
        [LayerNorm(), RELU, Dense()],
        [Dense(), LayerNorm()],
        [Dense(), Residual([RELU, Dense()])],
        [RELU, Dense(), Residual([Residual([ERF, Dense()]), Dense()])],
    ],
    ids=repr,
)
def test_legal_branches(branch):
    network = Network([Dense(), Residual(branch), RELU, Dense()])
    for kind in ("nngp", "ntk"):
        check(network, kind)
        assert np.isfinite(da.kernel(network, np.eye(2), kind=kind)).all()


def test_an_empty_branch():
    assert refused([Dense(), Residual([])]) == (
        "layer 1 (Residual([])) has an empty branch; give it layers that end in Dense()."
    )


def test_an_empty_network():
    assert refused([]) == "the network has no layers; it needs at least one Dense()."


# ------------------------------------------------------------------------------- kinds


@pytest.mark.parametrize(
    ("act", "places"),
    [(Act("sign"), "0"), (Act("step"), "0"), (Act("hardshrink", lambd=0.25), "-0.25, 0.25")],
    ids=repr,
)
def test_jumps_have_no_tangent_kernel(act, places):
    name = act.activation.name
    assert refused([Dense(), act, Dense()]) == (
        f"layer 1 ({act!r}): {name!r} jumps at {places}, so it has no derivative and the network no NTK. "
        "Ask for kind='nngp', or take a continuous activation."
    )
    assert check(Network([Dense(), act, Dense()]), "nngp").kind == "nngp"


def test_jumps_of_a_function_are_found():
    box = da.from_function("box", lambda t: (np.abs(t) < 1) * 1.0, breakpoints=(-1, 1))
    assert "'box' jumps at -1, 1, so it has no derivative" in refused([Dense(), Act(box), Dense()])


@pytest.mark.parametrize("kind", ["NTK", "", None, 1])
def test_kinds(kind):
    with pytest.raises(da.NetworkError, match=rf"kind must be 'nngp' or 'ntk'\. Got {kind!r}\."):
        check(da.mlp(1, "relu"), kind)


# ------------------------------------------------------------------------------- shapes


def test_features_come_from_wherever_they_are_known():
    free, fixed = da.mlp(1, "relu"), Network(da.mlp(1, "relu"), input_shape=(5,))
    assert check(free).n_features is None
    assert check(free, n_features=4).n_features == 4
    assert check(free, input_shape=(4,)).n_features == 4
    assert check(free, input_shape=4, n_features=np.int64(4)).n_features == 4
    assert check(fixed).n_features == check(fixed, input_shape=[5]).n_features == 5
    assert check(fixed, n_features=5).n_features == 5


def test_shapes_that_disagree():
    fixed = Network(da.mlp(1, "relu"), input_shape=(5,))
    with pytest.raises(
        da.NetworkError, match=r"input_shape is \(4,\), but the network was made for \(5,\)\."
    ):
        check(fixed, input_shape=(4,))
    with pytest.raises(
        da.NetworkError, match=r"X has 4 features, but the network was made for input_shape=\(5,\)\."
    ):
        check(fixed, n_features=4)
    with pytest.raises(
        da.NetworkError,
        match=r"the network is dense: its input_shape must be \(n_features,\)\. Got \(8, 8, 1\)\. Flatten",
    ):
        check(Network(da.mlp(1, "relu"), input_shape=(8, 8, 1)))
    with pytest.raises(da.NetworkError, match=r"input_shape must be a tuple of positive integers"):
        check(da.mlp(1, "relu"), input_shape=(0,))
    for wrong in (0, -1, 2.0, "3", True):
        with pytest.raises(
            da.NetworkError, match=rf"n_features must be a positive integer\. Got {wrong!r}\."
        ):
            check(da.mlp(1, "relu"), n_features=wrong)


# ------------------------------------------------------------------------------- the table


def test_the_plan_shows_every_layer_and_how_it_is_done():
    network = Network([Dense(2.0), LayerNorm(), Act("tanh"), Dense(), Residual([RELU, Dense(0.5)]), Dense()])
    assert str(check(network)) == (
        "exact NTK of the Gaussian output\n"
        "layer                         rule\n"
        "0      Dense(weight_std=2.0)  Σ ← w²Σ + b², Θ ← w²Θ + Σ\n"
        "1      LayerNorm()            Σ, Θ ← / √(variances)\n"
        "2      Act('tanh')            Σ ← E φφ (computed), Θ ← Θ·E φ′φ′\n"
        "3      Dense()                Σ ← w²Σ + b², Θ ← w²Θ + Σ\n"
        "4      Residual               x + branch(x)\n"
        "4.0    Act('relu')            Σ ← E φφ (closed form), Θ ← Θ·E φ′φ′\n"
        "4.1    Dense(weight_std=0.5)  Σ ← w²Σ + b², Θ ← w²Θ + Σ\n"
        "5      Dense()                Σ ← w²Σ + b², Θ ← w²Θ + Σ"
    )
    covariance = str(check(network, "nngp"))
    assert covariance.startswith("exact NNGP of the Gaussian output")
    assert "Θ" not in covariance
    assert "1      LayerNorm()            Σ ← / √(variances)\n" in covariance


def test_a_network_may_end_in_an_activation_and_the_plan_says_so():
    plan = check(Network([Dense(), RELU]))
    assert plan.output == "the activations of the last layer (there is no read-out)"
    assert str(plan).startswith("exact NTK of the activations of the last layer (there is no read-out)\n")


def test_half_of_a_closed_form_is_computed_for_the_tangent_kernel():
    half = da.Activation("half", np.tanh, dual=lambda c, p, q: c)
    network = Network([Dense(), Act(half)])
    assert "closed form" in str(check(network, "nngp"))
    assert "computed" in str(check(network, "ntk"))


def test_render_table():
    assert render_table([("a", "bb", "c"), ("ccc", "", "x")]) == "a    bb  c\nccc      x"
