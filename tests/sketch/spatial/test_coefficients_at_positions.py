"""Hermite coefficients at many variances: a spline inside, exact outside, zero variance."""

import numpy as np
import pytest

import dualact as da
from dualact.nonlinearity.coefficients import hermite_prime
from dualact.sketch.spatial.coefficients import Coefficients


@pytest.mark.parametrize("name", ["relu", "gelu", "tanh", "sin", "normalized_gaussian"])
@pytest.mark.parametrize("prime", [False, True])
def test_against_the_coefficients(name, prime):
    act = da.activation(name)
    degrees = (0, 1, 2, 4)
    v = np.array([0.0, 1e-6, 0.013, 0.5, 1.7, 29.0, 400.0])
    got = Coefficients(act, degrees, prime, 0.01, 30.0)(v)
    make = hermite_prime if prime else da.hermite
    expected = make(act, v[1:], 4)[:, list(degrees)]
    np.testing.assert_allclose(got[1:], expected, rtol=1e-5, atol=1e-6)
    assert np.all(np.isfinite(got))
    if not prime:
        np.testing.assert_allclose(got[0, 1:], 0)
