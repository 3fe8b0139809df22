"""φ and φ′ of every built-in of this part against mpmath, and what each says of itself."""

import math

import mpmath as mp
import numpy as np
import pytest
from members import MEMBERS

from dualact.errors import DualactError
from dualact.registry import (
    erf,
    exponential,
    gaussian,
    normalized_gaussian,
    polynomial,
    rectified,
    rectified_power,
    sigmoidal,
    sinc,
    smooth_rectifiers,
    snake,
    trigonometric,
)


def _gate(t, rate):
    return t / (1 + mp.exp(-mp.mpf(rate) * t))


COMPUTED = {
    "tanh": (sigmoidal.tanh(), mp.tanh),
    "sigmoid": (sigmoidal.sigmoid(), lambda t: 1 / (1 + mp.exp(-t))),
    "softsign": (sigmoidal.softsign(), lambda t: t / (1 + abs(t))),
    "arctan": (sigmoidal.arctan(), mp.atan),
    "tanhshrink": (sigmoidal.tanhshrink(), lambda t: t - mp.tanh(t)),
    "silu": (smooth_rectifiers.silu(), lambda t: _gate(t, 1)),
    "quick_gelu": (smooth_rectifiers.quick_gelu(), lambda t: _gate(t, 1.702)),
    "softplus": (smooth_rectifiers.softplus(), lambda t: mp.log(1 + mp.exp(t))),
    "softplus(3)": (smooth_rectifiers.softplus(3.0), lambda t: mp.log(1 + mp.exp(3 * t)) / 3),
    "log_sigmoid": (smooth_rectifiers.log_sigmoid(), lambda t: -mp.log(1 + mp.exp(-t))),
    "mish": (smooth_rectifiers.mish(), lambda t: t * mp.tanh(mp.log(1 + mp.exp(t)))),
    "gelu_tanh": (
        smooth_rectifiers.gelu_tanh(),
        lambda t: t / (1 + mp.exp(-mp.sqrt(8 / mp.pi) * (t + mp.mpf(0.044715) * t**3))),
    ),
    "squareplus": (smooth_rectifiers.squareplus(), lambda t: (t + mp.sqrt(t * t + 4)) / 2),
    "sinc": (sinc.sinc(), lambda t: mp.sin(mp.pi * t) / (mp.pi * t) if t else mp.mpf(1)),
}
POINTS = np.array([-30.0, -12.3, -6.1, -2.5, -1.2, -0.7, -0.31, -0.29, -0.01, -1e-5])
POINTS = np.concatenate([POINTS, -POINTS[::-1]])
ALL = {label: value[0] for label, value in MEMBERS.items()} | {k: v[0] for k, v in COMPUTED.items()}
EVERY = [pytest.param(act, id=label) for label, act in ALL.items() if act.phi is not None]


@pytest.mark.parametrize(("act", "exact"), [pytest.param(*v, id=k) for k, v in COMPUTED.items()])
def test_phi_and_slope_are_accurate_in_the_tails(act, exact):
    value, slope = act.phi(POINTS), act.phi_prime(POINTS)
    largest = np.max(np.abs(slope))
    with mp.workdps(60):
        for t, v, s in zip(POINTS, value, slope, strict=True):
            want = exact(mp.mpf(float(t)))
            # where φ itself oscillates or its gate falls off, its condition number |t φ′/φ| counts
            want_slope = mp.diff(exact, mp.mpf(float(t)), h=mp.mpf(10) ** -20)
            condition = 1 + abs(t) * (1 + abs(want_slope / want)) if want else 1
            assert abs(v - want) <= 3e-15 * condition * abs(want) + 1e-300
            assert abs(s - want_slope) <= 1e-14 * (largest + abs(t * v))


@pytest.mark.parametrize("act", EVERY)
def test_phi_prime_is_the_slope_of_phi(act):
    if act.phi_prime is None:
        return
    t, h = np.array([-1.7, -0.6, 0.2, 0.9, 2.1]), 1e-3
    numeric = (act(t - 2 * h) - 8 * act(t - h) + 8 * act(t + h) - act(t + 2 * h)) / (12 * h)
    np.testing.assert_allclose(act.phi_prime(t), numeric, rtol=1e-7, atol=2e-9)


@pytest.mark.parametrize("act", EVERY)
def test_says_what_is_true_of_itself(act):
    t = np.array([-7.0, -1.3, -0.2, 0.0, 0.2, 1.3, 7.0])
    phi = act.phi(t)
    assert act.source
    assert act.formula
    even, odd = np.allclose(phi, phi[::-1], rtol=1e-13), np.allclose(phi, -phi[::-1], rtol=1e-13)
    assert act.parity == ("even" if even else "odd" if odd else None)
    ratios = np.abs(act.phi(np.array([4.0, -4.0]))), np.abs(act.phi(np.array([1.0, -1.0])))
    if act.homogeneity is not None:
        np.testing.assert_allclose(ratios[0], ratios[1] * 4.0**act.homogeneity, rtol=1e-13)
    wide = act.phi(np.array([0.0, 5e-324, -1e-300, 1e30, -1e30]))
    assert not np.isnan(wide).any()
    assert act.phi(np.array(0.5)).shape == ()
    assert act == type(act)(act.name, act.phi, params=act.params)


def test_only_sign_step_and_their_power_jump():
    jumping = {label for label, act in ALL.items() if act.phi is not None and act.jumps}
    assert jumping == {"sign", "step", "rectified_power(0)"}
    assert all(ALL[label].dual_prime is None for label in jumping)


def test_names_and_parameters():
    assert rectified.absolute().name == "abs"
    assert dict(rectified.ab_relu(-0.1, 2).params) == {"negative_slope": -0.1, "positive_slope": 2.0}
    assert dict(trigonometric.cos(phase=1).params) == {"amplitude": 1.0, "frequency": 1.0, "phase": 1.0}
    assert dict(gaussian.gaussian().params) == {"amplitude": 1.0, "rate": -0.5}
    assert polynomial.polynomial(coef=np.array([1.0, 2.0])).params["coef"] == (1.0, 2.0)
    assert dict(erf.sigmoid_erf(scale=2).params) == {"scale": 2.0}
    assert gaussian.gaussian(rate=0.05).variance_limit == 5.0


def test_sigmoid_erf_of_root_two_is_the_normal_distribution_function():
    act = erf.sigmoid_erf(math.sqrt(2))
    exact = [float(mp.ncdf(x)) for x in (-8, -1, 0.5)]
    np.testing.assert_allclose(act(np.array([-8.0, -1.0, 0.5])), exact, rtol=1e-13)


def test_growing_gaussian_diverges_to_infinity_not_nan():
    act = gaussian.gaussian(rate=0.25)
    q = np.array([0.9, 1.0, 2.0, 5.0, 1e150])
    assert np.isfinite(act.dual(q[:1], q[:1], q[:1])).all()
    for f in (act.dual, act.dual_prime):
        assert np.isinf(f(q[1:], q[1:], q[1:])).all()
    # uncorrelated: the product of two means, finite for 2b·variance < 1 alone
    np.testing.assert_allclose(act.dual(np.array(0.0), q, q), [1 / 0.55, 2.0] + [math.inf] * 3)
    assert np.isinf(act.hermite(q, 4)[2:, ::2]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: rectified.leaky_relu(slope=math.nan),
            "'leaky_relu': slope must be a finite number. Got nan",
        ),
        (lambda: rectified.ab_relu("1"), "'ab_relu': negative_slope must be a finite number. Got '1'"),
        (
            lambda: trigonometric.sin(frequency=0),
            "'sin': frequency must be a finite number other than 0. Got 0",
        ),
        (lambda: exponential.exp(amplitude=True), "amplitude must be a finite number other than 0. Got True"),
        (lambda: trigonometric.rbf(gamma=-1.0), "'rbf': gamma must be a finite number above 0. Got -1.0"),
        (lambda: normalized_gaussian.normalized_gaussian(math.inf), "above 0. Got inf"),
        (lambda: polynomial.monomial(2.0), "'monomial': power must be an integer from 0 to 100 .* Got 2.0"),
        (lambda: polynomial.hermite(-1), "'hermite': degree must be an integer from 0 to 100 .* Got -1"),
        (
            lambda: rectified_power.rectified_power(101),
            "'rectified_power': power must be an integer .* Got 101",
        ),
        (lambda: polynomial.polynomial([]), r"'polynomial': coef must be a sequence of 1 to 101 .* Got \[\]"),
        (lambda: polynomial.polynomial([1, None]), r"lowest power first. Got \[1, None\]"),
        (lambda: polynomial.polynomial(3.0), "coef must be a sequence of 1 to 101 finite numbers"),
        (
            lambda: smooth_rectifiers.softplus(beta=0),
            "'softplus': beta must be a finite number above 0. Got 0",
        ),
        (lambda: snake.snake(a=0.0), "'snake': a must be a finite number above 0. Got 0.0"),
    ],
)
def test_wrong_parameters_are_refused(make, message):
    with pytest.raises(DualactError, match=message):
        make()
