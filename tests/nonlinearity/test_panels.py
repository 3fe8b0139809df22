"""φ′ from φ's own panels, where breakpoints cut the panels off the dyadic grid."""

import numpy as np
import pytest

from dualact.nonlinearity.contract import Activation
from dualact.nonlinearity.duals import dual, dual_prime
from dualact.nonlinearity.panels import panel_table


def tent(t):
    return np.maximum(1 - np.abs(t), 0.0)


@pytest.mark.parametrize(
    ("phi", "breakpoints", "slope"),
    [
        (tent, (-1.0, 0.0, 1.0), lambda t: np.where(np.abs(t) < 1, -np.sign(t), 0.0)),
        (lambda t: np.clip(t, -1.0, 1.0), (-1.0, 1.0), lambda t: 1.0 * (np.abs(t) < 1)),
        (lambda t: np.maximum(t - 0.3, 0.0), (0.3,), lambda t: 1.0 * (t > 0.3)),
    ],
)
@pytest.mark.parametrize("extent", [1.0, 8.0, 16.0, 32.0, 64.0, 500.0])
def test_the_slope_of_a_piecewise_linear_function(phi, breakpoints, slope, extent):
    table = panel_table(Activation("piecewise", phi, breakpoints=breakpoints), prime=True)
    edges = table.leaves(extent)
    assert np.isin(breakpoints, edges).all()
    t = np.linspace(-extent, extent, 997) + 1e-3
    np.testing.assert_allclose(table(t), slope(t), atol=1e-11)


@pytest.mark.parametrize("variance", [0.01, 1.0, 30.0, 1e4])
def test_the_tent_and_its_slope(variance):
    act = Activation("tent", tent, breakpoints=(-1, 0, 1))
    # Price: a difference quotient of the dual
    c, h = 0.3 * variance, 1e-4 * variance
    want = (dual(act, c + h, variance, variance) - dual(act, c - h, variance, variance)) / (2 * h)
    assert dual_prime(act, c, variance, variance) == pytest.approx(want, rel=1e-6, abs=1e-10)
