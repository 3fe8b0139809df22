"""Kinks and jumps that lie on an edge of a panel, where no panel sees them."""

import numpy as np
import pytest

from dualact.errors import DualactError, PluginError
from dualact.nonlinearity.contract import Activation
from dualact.nonlinearity.duals import dual_prime
from dualact.nonlinearity.functions import from_function


@pytest.mark.parametrize("place", [0.0, 1.0, -2.0, 6.0, 0.375, 8.0, 1 / 3])
@pytest.mark.parametrize(
    "shape", [lambda t: np.maximum(t, 0.0), np.sign, lambda t: np.where(t > 0, 2.0, 1.9)]
)
def test_undeclared_places_are_named(place, shape):
    with pytest.raises(PluginError, match=rf"phi is not smooth near t = {place:.6g}"):
        from_function("rough", lambda t: shape(t - place))
    from_function("rough", lambda t: shape(t - place), breakpoints=(place,))


@pytest.mark.parametrize("rate", [1.0, 7.3, 40.0, 300.0])
@pytest.mark.parametrize(
    "shape",
    [
        np.sin,
        np.tanh,
        lambda t: t * np.tanh(np.logaddexp(0.0, t)),
        lambda t: 1 / (1 + (t - 3) ** 2),
        np.arctan,
    ],
)
def test_what_is_smooth_passes(rate, shape):
    from_function("smooth", lambda t: shape(rate * t))


def test_a_jump_at_zero_has_no_derivative_dual_declared_or_not():
    with pytest.raises(DualactError, match="phi jumps at t = 0, so it has no derivative"):
        dual_prime(Activation("sgn", np.sign), 0.5, 1.0, 1.0)
