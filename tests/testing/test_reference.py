import math

import mpmath as mp
import numpy as np
import pytest

from dualact.errors import DualactError
from dualact.nonlinearity.contract import Activation
from dualact.testing.reference import reference_dual, reference_dual_prime, reference_hermite

CUBE = Activation("cube", lambda t: t**3, phi_prime=lambda t: 3 * t * t)
STEP = Activation("step", lambda t: np.heaviside(t, 0.5), breakpoints=(0.0,))
BOX = Activation("box", lambda t: np.where(np.abs(t - 0.5) < 1, 1.0, 0.0), breakpoints=(-0.5, 1.5))
POINTS = [
    (0.4, 0.5, 0.9),
    (-0.9, 0.9, 1.2),
    (1.0, 1.0, 1.0),
    (-3e-9, 1e-8, 1e-9),
    (99.9999, 100.0, 100.0),
    (0.0, 2.0, 3.0),
]


@pytest.mark.parametrize(("cov", "var_u", "var_v"), POINTS)
def test_polynomials_are_isserlis(cov, var_u, var_v):
    exact = 6 * cov**3 + 9 * cov * var_u * var_v
    size = 15 * (var_u * var_v) ** 1.5
    assert abs(reference_dual(CUBE, cov, var_u, var_v) - exact) < 2e-14 * size
    slope = 9 * (2 * cov**2 + var_u * var_v)
    assert abs(reference_dual_prime(CUBE, cov, var_u, var_v) - slope) < 2e-14 * 27 * var_u * var_v


@pytest.mark.parametrize("rho", [-1.0, -1 + 1e-12, -0.6, 0.0, 0.3, 1 - 1e-9, 1.0])
def test_jumps_are_orthant_probabilities(rho):
    exact = 0.5 - math.acos(rho) / (2 * math.pi)
    # at 1 − |ρ| = 1e-12 acos itself is good to 1e-10 only, for ρ is rounded
    assert abs(reference_dual(STEP, rho, 1.0, 1.0) - exact) < (1e-14 if abs(rho) < 0.99 else 1e-11)


def test_jumps_off_zero():
    got = reference_dual(BOX, 0.0, 1.0, 4.0)
    exact = (mp.ncdf(1.5) - mp.ncdf(-0.5)) * (mp.ncdf(0.75) - mp.ncdf(-0.25))
    assert abs(got - exact) < 1e-14
    assert abs(reference_dual(BOX, 2.0, 1.0, 4.0) - (mp.ncdf(0.75) - mp.ncdf(-0.25))) < 1e-14


def test_zero_variance():
    shifted = Activation("shifted", lambda t: np.cos(t) + 1)
    assert reference_dual(shifted, 0.0, 0.0, 0.0) == 4
    for point in ((0.0, 0.0, 2.0), (0.0, 2.0, 0.0)):
        assert abs(reference_dual(shifted, *point) - 2 * (1 + math.exp(-1))) < 1e-14
    assert [float(a) for a in reference_hermite(shifted, 0.0, 2)] == [2.0, 0.0, 0.0]


def test_many_digits_with_phi_in_mpmath():
    relu = Activation("relu", lambda t: np.maximum(t, 0.0), breakpoints=(0.0,))
    with mp.workdps(40):
        got = reference_dual(relu, 0.3, 1.0, 2.0, dps=16, phi=lambda t: max(t, mp.mpf(0)))
        c = mp.mpf(0.3)
        theta = mp.acos(c / mp.sqrt(2))
        exact = (mp.sqrt(2 - c * c) + (mp.pi - theta) * c) / (2 * mp.pi)
        assert abs(got - exact) < 1e-16
        coefficients = reference_hermite(relu, 1.0, 4, dps=22, phi=lambda t: max(t, mp.mpf(0)))
        exact = [1 / mp.sqrt(2 * mp.pi), mp.mpf(1) / 2, 1 / mp.sqrt(4 * mp.pi), 0, -1 / mp.sqrt(48 * mp.pi)]
        assert max(abs(a - b) for a, b in zip(coefficients, exact, strict=True)) < 1e-21


def test_coefficients_of_high_degree():
    q, degree = 0.8, 120
    wave = Activation("sin", np.sin)
    got = reference_hermite(wave, q, degree)
    with mp.workdps(30):
        for k in range(degree + 1):
            exact = (
                0
                if k % 2 == 0
                else (-1) ** (k // 2) * mp.exp(-q / 2) * mp.sqrt(q) ** k / mp.sqrt(mp.factorial(k))
            )
            assert abs(got[k] - exact) < 3e-14


def test_expressions_are_evaluated_in_full_precision():
    act = Activation("wave", lambda t: np.sin(t), expression="sin(b*t)", params={"b": 1.0})
    got = reference_hermite(act, 1.0, 1)
    with mp.workdps(35):
        assert abs(got[1] - mp.exp(mp.mpf(-1) / 2)) < 1e-28


def test_unnamed_kinks_are_refused():
    hidden = Activation("hidden", lambda t: np.abs(t - 0.3))
    with pytest.raises(DualactError, match=r"activation 'hidden' at cov=0.2.*Name the breakpoints of phi"):
        reference_dual(hidden, 0.2, 1.0, 1.0)
    with pytest.raises(
        DualactError, match="'hidden' has no phi_prime; pass phi_prime as a function of mpmath"
    ):
        reference_dual_prime(hidden, 0.2, 1.0, 1.0)
