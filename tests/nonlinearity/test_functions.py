"""from_function: what it accepts, and every sentence with which it refuses."""

import re

import numpy as np
import pytest

from dualact.errors import PluginError
from dualact.nonlinearity.coefficients import hermite
from dualact.nonlinearity.contract import Activation
from dualact.nonlinearity.duals import dual
from dualact.nonlinearity.functions import from_function


def test_returns_an_activation():
    act = from_function("mine", np.tanh, params={"a": 1}, phi_prime=lambda t: 1 - np.tanh(t) ** 2)
    assert isinstance(act, Activation)
    assert not act.registered
    assert act.params["a"] == 1
    assert hermite(act, 1.0, 1)[1] == pytest.approx(0.605705505, abs=1e-8)
    clip = from_function("clip", lambda t: np.clip(t, -1, 1), breakpoints=[1, -1])
    assert clip.breakpoints == (-1.0, 1.0)
    assert clip.jumps == ()


@pytest.mark.parametrize(
    ("phi", "sentence"),
    [
        (
            lambda t: max(t, 0),
            r"'f': phi must take a float64 array \(vectorised\).*raised ValueError.*np.where",
        ),
        (
            lambda t: t.sum(),
            r"must return an array of the shape of its input. Got float64 for input of shape \(60,\)",
        ),
        (lambda t: t.ravel()[:3], r"Got shape \(3,\) for input of shape \(60,\)"),
        (lambda t: t.astype(np.float32), r"must return float64 for float64 input. Got float32"),
        (lambda t: np.floor(t).astype(int), r"must return float64 for float64 input. Got int64"),
        (np.log, r"phi must be finite. Got nan at t = -2.99\d+ \(30 of 60 points"),
        (lambda t: t / np.sum(np.abs(t)), r"must act on each element alone"),
        (lambda t: np.exp(t * t), r"E phi\(u\)\^2 cannot be computed at variance 1 .*set variance_limit"),
        (lambda t: np.exp(t * t / 3), r"E phi\(u\)\^2 cannot be computed at variance 1"),
        (lambda t: np.abs(t - 0.3), r"phi is not smooth near t = 0.3, and no breakpoint is declared there"),
        (lambda t: np.maximum(t, 0), r"phi is not smooth near t = \S+, and no breakpoint is declared there"),
        (lambda t: np.where(t < 2, t, 2.5), r"phi is not smooth near t = 2\b"),
    ],
)
def test_refusals(phi, sentence):
    with pytest.raises(PluginError, match=sentence):
        from_function("f", phi)


@pytest.mark.parametrize(
    ("phi", "place"),
    [
        (lambda t: np.maximum(t, 0), 0.0),
        (lambda t: np.tanh(t) + 1e-6 * (t > 1.234567), 1.234567),
        (lambda t: np.clip(t, -20.3, np.inf), -20.3),
        (lambda t: np.sqrt(np.abs(t - 0.7)), 0.7),
    ],
)
def test_the_place_of_an_undeclared_breakpoint_is_named(phi, place):
    with pytest.raises(PluginError, match=r"phi is not smooth near t = ") as caught:
        from_function("f", phi)
    named = float(re.search(r"near t = (\S+), and", str(caught.value))[1])
    assert named == pytest.approx(place, abs=1e-5)
    from_function("f", phi, (place,))


def test_a_kink_far_out_is_found_when_a_variance_needs_it():
    act = from_function("far", lambda t: np.maximum(t, 41.3))
    assert float(dual(act, 0.5, 1.0, 1.0)) == pytest.approx(41.3**2)
    with pytest.raises(PluginError, match=r"phi is not smooth near t = 41.3"):
        dual(act, 900.0, 1000.0, 1000.0)


def test_variance_limit_admits_fast_growth():
    act = from_function("bell", lambda t: np.exp(t * t / 3), variance_limit=0.75)
    exact = (1 - 2 * 0.1 / 3) ** -0.5
    assert hermite(act, 0.1, 0)[0] == pytest.approx(exact, abs=1e-14)


def test_breakpoints_must_be_numbers():
    with pytest.raises(PluginError, match="breakpoints must be finite numbers"):
        from_function("f", np.tanh, breakpoints=("a",))
