"""The layers: what they take, how they show themselves, that they are values."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import re
from fractions import Fraction

import numpy as np
import pytest

import dualact as da
from dualact import Act, Dense, LayerNorm, Residual

NAMES = {"Dense": Dense, "Act": Act, "LayerNorm": LayerNorm, "Residual": Residual}
ONE_OF_EACH = [
    Dense(),
    Dense(2**0.5),
    Dense(bias_std=0.1),
    Dense(0.3, 7.0),
    Act("relu"),
    Act("leaky_relu", slope=0.1),
    Act("polynomial", coef=[1.0, 0.0, 2.0]),
    LayerNorm(),
    Residual([Act("erf"), Dense(0.1)]),
    Residual((Dense(), Residual([LayerNorm(), Act("gelu"), Dense()]))),
]


@pytest.mark.parametrize("layer", ONE_OF_EACH, ids=repr)
def test_layers_are_values(layer):
    again = eval(repr(layer), dict(NAMES))
    assert again == layer
    assert hash(again) == hash(layer)
    assert repr(again) == repr(layer)
    for other in (copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other == layer
        assert type(other) is type(layer)
    assert sum(layer == other for other in ONE_OF_EACH) == 1


@pytest.mark.parametrize("layer", ONE_OF_EACH, ids=repr)
def test_layers_are_frozen(layer):
    for field in dataclasses.fields(layer):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(layer, field.name, 1.0)


def test_repr_leaves_defaults_out():
    assert repr(Dense()) == "Dense()"
    assert repr(Dense(2.0)) == "Dense(weight_std=2.0)"
    assert repr(Dense(1, 0.5)) == "Dense(bias_std=0.5)"
    assert repr(Act("leaky_relu")) == "Act('leaky_relu', slope=0.01)"
    assert repr(Act("polynomial", coef=(0.0, 1.0))) == "Act('polynomial', coef=[0.0, 1.0])"
    assert repr(Residual([Dense()])) == "Residual([Dense()])"


# ------------------------------------------------------------------------------- Dense


@pytest.mark.parametrize("value", [0, 2, Fraction(1, 2), np.float32(0.5), np.int64(3), 1e-300, 1e154])
def test_stds_become_floats(value):
    layer = Dense(value, value)
    assert type(layer.weight_std) is float is type(layer.bias_std)
    assert layer == Dense(float(value), float(value))


def test_there_is_no_negative_zero():
    assert repr(Dense(-0.0)) == "Dense(weight_std=0.0)"


@pytest.mark.parametrize("label", ["weight_std", "bias_std"])
@pytest.mark.parametrize(
    "value",
    [
        -1.0,
        -1e-300,
        math.nan,
        math.inf,
        -math.inf,
        True,
        False,
        "1",
        None,
        1j,
        [1.0],
        np.array([1.0]),
        10**400,
    ],
    ids=lambda v: repr(v)[:20],
)
def test_stds_are_checked(label, value):
    sentence = (
        rf"^Dense: {label} must be a finite number of at least 0, because it is a standard deviation\. "
        rf"Got {re.escape(repr(value)[:80])}\.$"
    )
    with pytest.raises(da.NetworkError, match=sentence):
        Dense(**{label: value})


@pytest.mark.parametrize("label", ["weight_std", "bias_std"])
def test_a_std_whose_square_overflows(label):
    with pytest.raises(da.NetworkError, match=rf"Dense: the square of {label} overflows, .* Got 1e\+155\."):
        Dense(**{label: 1e155})


# ------------------------------------------------------------------------------- Act


def test_act_takes_a_name_or_an_activation():
    assert Act("relu").activation is da.activation("relu")
    assert Act(da.activation("leaky_relu", slope=0.2)) == Act("leaky_relu", slope=0.2)
    assert Act("leaky_relu", slope=0.2) != Act("leaky_relu", slope=0.3)
    assert Act("swish") == Act("silu")
    cube = da.Activation("cube", lambda t: t**3)
    assert Act(cube).activation is cube
    assert repr(Act(cube)) == "Act(Activation('cube'))"
    assert Act(cube) != Act(da.Activation("cube", lambda t: t**3))


def test_act_refuses_what_it_cannot_use():
    with pytest.raises(da.UnknownActivationError, match="relu"):
        Act("reluu")
    with pytest.raises(da.DualactError, match=r"no parameter 'slop'.*Did you mean 'slope'"):
        Act("leaky_relu", slop=0.1)
    with pytest.raises(da.DualactError, match="takes no parameters"):
        Act("relu", slope=0.1)
    with pytest.raises(da.DualactError, match=r"expected an Activation or the name of one\. Got 3 \(int\)"):
        Act(3)
    with pytest.raises(da.DualactError, match=r"Make an activation of a function by from_function"):
        Act(np.tanh)
    with pytest.raises(
        da.NetworkError,
        match=r"Act: parameters \(slope\) go with a registered name\. Got activation\('relu'\); make the",
    ):
        Act(da.activation("relu"), slope=0.1)


# ------------------------------------------------------------------------------- Residual


def test_residual_takes_any_sequence():
    expected = Residual((Act("relu"), Dense()))
    assert Residual([Act("relu"), Dense()]) == expected
    assert Residual(layer for layer in (Act("relu"), Dense())) == expected
    assert Residual(da.Network([Act("relu"), Dense()])) == expected
    assert isinstance(expected.layers, tuple)


@pytest.mark.parametrize("owner", [Residual, da.Network])
def test_what_is_no_layer_is_refused(owner):
    name = owner.__name__
    with pytest.raises(
        da.NetworkError,
        match=rf"^{name}: layer 1 must be a layer \(Dense, Conv, Act, AvgPool, GlobalAvgPool, Flatten, "
        r"LayerNorm, Residual\)\. Got type <class 'dualact\.network\.layers\.Dense'>\. Write "
        r"Dense\(\) with parentheses\.$",
    ):
        owner([Dense(), Dense])
    with pytest.raises(da.NetworkError, match=rf"{name}: layer 0 must be a layer .* Got str 'relu'\.$"):
        owner(["relu", Dense()])
    with pytest.raises(
        da.NetworkError,
        match=rf"{name}: layers must be a sequence of layers such as \[Dense\(\), .* Got Dense\.$",
    ):
        owner(Dense())
    for wrong in ("Dense", b"Dense", None, 3):
        with pytest.raises(da.NetworkError, match=rf"{name}: layers must be .* Got {type(wrong).__name__}\."):
            owner(wrong)
    with pytest.raises(da.NetworkError, match=r"Got dict\. Network\.from_dict reads a dictionary\.$"):
        owner({"layers": []})


def test_nesting_is_bounded():
    nested = Dense()
    for _ in range(50):
        nested = Residual([Dense(), nested])
    assert eval(repr(nested), dict(NAMES)) == nested
    with pytest.raises(da.NetworkError, match="Residual: branches may be nested 50 deep, not deeper"):
        Residual([Dense(), nested])
