"""Every registered activation keeps every law, at its defaults and at other parameters."""

from __future__ import annotations

import warnings

import dualact as da
from dualact.testing import parametrize_with_activation_checks

#: Other members of the families that have parameters.
MORE = {
    "ab_relu": [{"negative_slope": -0.3, "positive_slope": 2.0}],
    "celu": [{"alpha": 0.5}],
    "cos": [{"amplitude": 2.0, "frequency": 0.5, "phase": 0.7}],
    "elu": [{"alpha": 2.0}],
    "exp": [{"amplitude": 0.5, "rate": -0.4}],
    "gaussian": [{"amplitude": 2.0, "rate": 0.1}],
    "hardshrink": [{"lambd": 1.5}],
    "hermite": [{"degree": 0}, {"degree": 5}],
    "leaky_relu": [{"slope": 0.3}],
    "monomial": [{"power": 0}, {"power": 3}],
    "normalized_gaussian": [{"gamma": 3.0}],
    "polynomial": [{"coef": [0.5, -1.0, 0.25, 2.0]}],
    "prelu": [{"slope": -0.5}],
    "rbf": [{"gamma": 0.2}],
    "rectified_power": [{"power": 0}, {"power": 3}],
    "sigmoid_erf": [{"scale": 2**0.5}],
    "sin": [{"phase": 0.3}],
    "snake": [{"a": 0.4}],
    "softplus": [{"beta": 3.0}],
    "softshrink": [{"lambd": 2.0}],
    "squareplus": [{"b": 1.0}],
    "threshold": [{"threshold": 1.0, "value": -2.0}, {"threshold": 0.5, "value": 0.5}],
}


def every_activation() -> list[da.Activation]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", da.PluginWarning)
        table = da.activations(load=True)
    rows = [row for row in table.values() if row.provider == "dualact" and row.canonical == row.name]
    made = [da.activation(row.name, **dict(row.example or ())) for row in rows]
    return made + [da.activation(name, **params) for name, several in MORE.items() for params in several]


ACTIVATIONS = every_activation()


@parametrize_with_activation_checks(ACTIVATIONS)
def test_laws(act, check):
    check(act)


def test_none_is_missing():
    table = da.activations(load=True)
    names = {row.canonical for row in table.values() if row.provider == "dualact"}
    assert {act.name for act in ACTIVATIONS} == names
    assert len(names) > 45
    with_parameters = {row.name for row in table.values() if row.parameters and row.canonical == row.name}
    assert with_parameters == set(MORE)
