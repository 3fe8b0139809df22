"""Chebyshev points, polynomials and series, and the graded angle."""

from __future__ import annotations

import numpy as np
import pytest

from dualact.nonlinearity.computed.boxes import Graded, cheb_fit, cheb_nodes, cheb_values, decade


@pytest.mark.parametrize("n", [1, 2, 3, 120])
def test_polynomials_are_cosines_of_multiples(n):
    x = np.concatenate([np.linspace(-1, 1, 201), [-1 + 1e-9, 1 - 1e-9]])
    want = np.cos(np.arccos(x)[:, None] * np.arange(n))
    np.testing.assert_allclose(cheb_values(x, n), want, rtol=0, atol=2e-16 * n * n + 1e-15)
    np.testing.assert_array_equal(
        cheb_values(np.array([[2.0], [-2.0]]), n), cheb_values(np.array([[1.0], [-1.0]]), n)
    )


@pytest.mark.parametrize("n", [1, 2, 9])
def test_series_through_the_points(n):
    values = np.random.default_rng(0).standard_normal((3, n))
    coef = cheb_fit(values, 1)
    np.testing.assert_allclose(coef @ cheb_values(cheb_nodes(n), n).T, values, rtol=0, atol=1e-14)


def test_angles_there_and_back():
    graded = Graded.of_scale(30.0)
    tau = np.linspace(-1, 1, 41)
    theta = graded.theta(tau)
    assert theta[0] == 0
    assert theta[-1] == np.pi
    assert np.all(np.diff(theta) > 0)
    np.testing.assert_allclose(graded.tau(theta.copy()), tau, rtol=0, atol=1e-13)


def test_decades_are_centred():
    np.testing.assert_array_equal(decade(np.array([0.32, 1.0, 3.1, 3.2, 1e-5])), [0, 0, 0, 1, -5])
