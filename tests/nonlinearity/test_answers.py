"""What plugins return is checked where it comes in."""

from __future__ import annotations

import numpy as np
import pytest

import dualact as da
from dualact.nonlinearity.answers import answer


def test_numbers_of_the_shape_pass_as_they_are():
    value = np.array([[1.0, np.inf], [-np.inf, 0.0]])
    assert answer("mine", "dual", value, (2, 2)) is value
    np.testing.assert_array_equal(answer("mine", "dual", 3, (2,)), [3.0, 3.0])
    assert answer("mine", "dual", np.float32(0.5), ()).dtype == np.float64


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (None, r"must return an array of real numbers, of shape \(2,\)\. Got NoneType \(dtype object\)"),
        ("five", r"Got str \(dtype <U4\)"),
        (np.ones(2) * 1j, r"Got ndarray \(dtype complex128\)"),
        ([[1.0], [1.0, 2.0]], r"Got list"),
        (np.ones(3), r"must return an array of shape \(2,\)\. Got \(3,\)"),
        (np.array([1.0, np.nan]), r"returned NaN at 1 of 2 entries, for finite input"),
    ],
)
def test_garbage_is_blamed_on_who_returned_it(raw, words):
    with pytest.raises(da.PluginError, match=r"^activation 'mine': dual "):
        answer("mine", "dual", raw, (2,))
    with pytest.raises(da.PluginError, match=words):
        answer("mine", "dual", raw, (2,))


def test_no_nan_comes_out_of_a_plugin():
    nan = {"dual": lambda c, p, q: c * np.nan, "hermite": lambda v, k: np.full(k + 1, np.nan)}
    bad = da.Activation("mine", np.tanh, **nan)
    with pytest.raises(da.PluginError, match="'mine': dual returned NaN"):
        da.dual(bad, 0.5, 1.0, 1.0)
    with pytest.raises(da.PluginError, match="'mine': dual returned NaN"):
        da.kernel(da.mlp(1, bad), np.eye(2), kind="nngp", n_jobs=1)
    with pytest.raises(da.PluginError, match="'mine': hermite returned NaN"):
        da.hermite(bad, 1.0, 3)
    short = da.Activation("mine", lambda t: np.asarray(t).ravel()[:-1])
    with pytest.raises(da.PluginError, match="'mine': phi must return an array of shape"):
        da.dual(short, 0.5, 1.0, 1.0)
