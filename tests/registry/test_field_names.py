"""Every name that users of PyTorch, JAX, Keras and neural-tangents type, with the defaults they expect.

The formulas are written out here, from those libraries' documentation, in plain NumPy.
"""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf

import dualact as da

T = np.concatenate([np.linspace(-9, 9, 721) + 1e-3, [-3.0, -1.0, -0.5, 0.5, 1.0, 3.0, 6.0, -1e-9, 1e-9]])


def relu(t):
    return np.where(t > 0, t, 0 * t)


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def elu(t):
    return np.where(t > 0, t, np.exp(np.minimum(t, 0)) - 1)


def gelu_tanh(t):
    return 0.5 * t * (1 + np.tanh(math.sqrt(2 / math.pi) * (t + 0.044715 * t**3)))


def relu6(t):
    return np.minimum(relu(t), 6)


def leaky(slope):
    return lambda t: np.where(t > 0, t, slope * t)


def softplus(t):
    return np.log(1 + np.exp(t))


# canonical name -> (φ at default parameters, its other names)
TORCH_JAX = {
    "abs": (np.abs, ()),
    "arctan": (np.arctan, ("atan",)),
    "celu": (elu, ()),
    "elu": (elu, ()),
    "erf": (erf, ()),
    "exp": (np.exp, ("exponential",)),
    "gelu": (lambda t: 0.5 * t * (1 + erf(t / math.sqrt(2))), ()),
    "gelu_tanh": (gelu_tanh, ("gelu_new", "gelu_pytorch_tanh")),
    "hard_sigmoid": (lambda t: relu6(t + 3) / 6, ("hardsigmoid",)),
    "hard_swish": (lambda t: t * relu6(t + 3) / 6, ("hardswish", "hard_silu")),
    "hard_tanh": (lambda t: np.clip(t, -1, 1), ("hardtanh",)),
    "hardshrink": (lambda t: np.where((t > 0.5) | (t < -0.5), t, 0), ("hard_shrink",)),
    "identity": (lambda t: t, ("linear",)),
    "leaky_relu": (leaky(0.01), ()),
    "log_sigmoid": (lambda t: np.log(sigmoid(t)), ("logsigmoid",)),
    "mish": (lambda t: t * np.tanh(softplus(t)), ()),
    "prelu": (leaky(0.25), ()),
    "quick_gelu": (lambda t: t * sigmoid(1.702 * t), ()),
    "relu": (relu, ()),
    "relu6": (relu6, ()),
    "rrelu": (leaky((1 / 8 + 1 / 3) / 2), ()),
    "selu": (lambda t: 1.0507009873554805 * np.where(t > 0, t, 1.6732632423543772 * elu(t)), ()),
    "sigmoid": (sigmoid, ("logistic",)),
    "sign": (np.sign, ()),
    "silu": (lambda t: t * sigmoid(t), ("swish",)),
    "sinc": (lambda t: np.sin(np.pi * t) / (np.pi * t), ()),
    "snake": (lambda t: t + np.sin(t) ** 2, ()),
    "softplus": (softplus, ()),
    "softshrink": (lambda t: np.where(t > 0.5, t - 0.5, np.where(t < -0.5, t + 0.5, 0)), ("soft_shrink",)),
    "softsign": (lambda t: t / (np.abs(t) + 1), ("soft_sign",)),
    "sparse_plus": (lambda t: np.where(t <= -1, 0, np.where(t < 1, (t + 1) ** 2 / 4, t)), ()),
    "sparse_sigmoid": (lambda t: 0.5 * np.clip(t + 1, 0, 2), ()),
    "squared_relu": (lambda t: relu(t) ** 2, ("relu2", "relu_squared")),
    "squareplus": (lambda t: 0.5 * (t + np.sqrt(t * t + 4)), ()),
    "step": (lambda t: (t > 0).astype(float), ("heaviside",)),
    "tanh": (np.tanh, ()),
    "tanhshrink": (lambda t: t - np.tanh(t), ("tanh_shrink",)),
}
NEURAL_TANGENTS = {
    "ab_relu": (relu, ()),
    "cos": (np.cos, ()),
    "gabor": (lambda t: np.exp(-t * t) * np.sin(t), ()),
    "gaussian": (lambda t: np.exp(-t * t / 2), ()),
    "hermite": (lambda t: (t * t - 1) / math.sqrt(2), ()),
    "monomial": (lambda t: t * t, ()),
    "polynomial": (lambda t: t, ()),
    "rbf": (lambda t: math.sqrt(2) * np.sin(math.sqrt(2) * t + math.pi / 4), ()),
    "rectified_power": (lambda t: relu(t) ** 2, ("rectified_monomial",)),
    "sigmoid_erf": (lambda t: 0.5 * (erf(t / 2.4020563531719796) + 1), ("sigmoid_like",)),
    "sin": (np.sin, ()),
}
FIELD = TORCH_JAX | NEURAL_TANGENTS
NAMED = [(name, key, formula) for key, (formula, more) in FIELD.items() for name in (key, *more)]


@pytest.mark.parametrize(("name", "canonical", "formula"), NAMED, ids=[n for n, _, _ in NAMED])
def test_the_function_behind_a_name(name, canonical, formula):
    act = da.activation(name)
    assert act is da.activation(canonical)
    assert act.name == canonical
    np.testing.assert_allclose(act(T), formula(T), rtol=2e-13, atol=2e-15)


@pytest.mark.parametrize(
    ("name", "params", "formula"),
    [
        ("threshold", {"threshold": 0.3, "value": 20.0}, lambda t: np.where(t > 0.3, t, 20.0)),
        ("softplus", {"beta": 3.0}, lambda t: np.log(1 + np.exp(3 * t)) / 3),
        ("celu", {"alpha": 2.0}, lambda t: np.maximum(t, 0) + np.minimum(0, 2 * (np.exp(t / 2) - 1))),
        ("elu", {"alpha": 0.5}, lambda t: np.where(t > 0, t, 0.5 * (np.exp(np.minimum(t, 0)) - 1))),
        ("hardshrink", {"lambd": 1.5}, lambda t: np.where(np.abs(t) > 1.5, t, 0)),
        (
            "ab_relu",
            {"negative_slope": -0.2, "positive_slope": 3},
            lambda t: np.where(t > 0, 3 * t, -0.2 * t),
        ),
        ("squareplus", {"b": 1.0}, lambda t: 0.5 * (t + np.sqrt(t * t + 1))),
        ("rectified_monomial", {"power": 3}, lambda t: relu(t) ** 3),
        ("snake", {"a": 0.5}, lambda t: t + 2 * np.sin(t / 2) ** 2),
    ],
)
def test_parameters_mean_what_they_mean_elsewhere(name, params, formula):
    np.testing.assert_allclose(da.activation(name, **params)(T), formula(T), rtol=2e-13, atol=2e-15)


def test_the_kernel_without_a_function():
    for name in ("normalized_gaussian", "exp_normalized"):
        act = da.activation(name)
        assert act.name == "normalized_gaussian"
        value = float(da.dual(act, 0.6, 2.0, 0.5))
        assert value == pytest.approx(math.exp(0.6 - 1), rel=1e-14)


def test_threshold_has_no_default_as_in_torch():
    with pytest.raises(da.DualactError, match="threshold"):
        da.activation("threshold")


def test_every_registered_name_is_checked_here():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    points = project["project"]["entry-points"]["dualact.activations"]
    without = {"normalized_gaussian", "exp_normalized", "threshold"}
    assert points.keys() - without == {name for name, _, _ in NAMED}


@pytest.mark.parametrize(
    ("typed", "meant"), [("LeakyReLU", "leaky_relu"), ("HardTanh", "hard"), ("Sigmoid_like", "sigmoid_like")]
)
def test_class_names_are_near_matches(typed, meant):
    with pytest.raises(
        da.DualactError, match=rf"no activation '{typed}' is registered. Did you mean '{meant}"
    ):
        da.activation(typed)
