"""From a kernel series back to an activation."""

import math
import pickle
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import hermite_e
from numpy.polynomial.polynomial import polyval

from dualact.errors import PluginError
from dualact.nonlinearity.inverse import MAX_DEGREE, HermiteSum, from_kernel_series

NODES, WEIGHTS = hermite_e.hermegauss(90)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
RHO = np.linspace(-1, 1, 9)
SERIES = np.array([0.3, 0.1, 0.0, 0.25, 0.05, 0.0, 0.2, 0.1])


def expectation(f, g, p, q, rho):
    u = math.sqrt(p) * NODES[:, None]
    v = math.sqrt(q) * (rho * NODES[:, None] + math.sqrt(1 - rho * rho) * NODES)
    return float(WEIGHTS @ (f(u) * g(v)) @ WEIGHTS)


@pytest.mark.parametrize("signs", ["positive", "alternating"])
@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@given(st.lists(st.floats(0, 3), min_size=1, max_size=25).filter(any))
@settings(max_examples=25, deadline=None)
def test_the_kernel_is_the_series(kind, signs, series):
    act = from_kernel_series(series, kind, signs=signs)
    one = np.ones(())
    kernel = act.dual(RHO, one, one)
    if kind == "ntk":
        kernel = kernel + RHO * act.dual_prime(RHO, one, one)
    np.testing.assert_allclose(kernel, polyval(RHO, series), rtol=0, atol=1e-14 * sum(series))


@pytest.mark.parametrize("signs", ["positive", "alternating"])
@pytest.mark.parametrize(
    ("p", "q", "rho"), [(1, 1, 0.3), (0.2, 3, -0.7), (2, 2, 1.0), (1e-3, 5, 0.5), (0.6, 0.6, -1.0)]
)
def test_duals_at_any_variance_against_quadrature(signs, p, q, rho):
    act = from_kernel_series(SERIES, signs=signs)
    args = np.array(rho * math.sqrt(p * q)), np.array(float(p)), np.array(float(q))
    for phi, dual in ((act.phi, act.dual), (act.phi_prime, act.dual_prime)):
        size = math.sqrt(expectation(phi, phi, p, p, 1.0) * expectation(phi, phi, q, q, 1.0))
        assert float(dual(*args)) == pytest.approx(expectation(phi, phi, p, q, rho), abs=2e-14 * size)


@pytest.mark.parametrize("q", [0.0, 0.3, 1.0, 4.0])
def test_hermite_coefficients_against_quadrature(q):
    act = from_kernel_series(SERIES, "ntk", signs="alternating")
    basis = hermite_e.hermevander(NODES, 9) / np.sqrt([float(math.factorial(k)) for k in range(10)])
    expected = (WEIGHTS * act.phi(math.sqrt(q) * NODES)) @ basis
    got = act.hermite(np.array([q]), 9)
    assert got.shape == (1, 10)
    np.testing.assert_allclose(got[0], expected, atol=1e-13)


def test_variance_zero_has_its_limits():
    act = from_kernel_series(SERIES)
    zero = np.zeros(())
    assert float(act.dual(zero, zero, zero)) == pytest.approx(float(act.phi(zero)) ** 2, rel=1e-15)
    assert float(act.dual_prime(zero, zero, zero)) == pytest.approx(
        float(act.phi_prime(zero)) ** 2, rel=1e-15
    )


def test_high_degree_does_not_cancel_below_unit_variance():
    k = np.arange(MAX_DEGREE + 1)
    act = from_kernel_series(1.0 / (1 + k) ** 2)
    got = act.hermite(np.array(0.3), 40)
    f = act.phi.coef
    with mp.workdps(60):
        q = mp.mpf(0.3)
        for l in (0, 7, 40):
            exact = mp.fsum(
                f[j] * mp.sqrt(mp.factorial(j) / mp.factorial(l)) * ((q - 1) / 2) ** ((j - l) // 2)
                / mp.factorial((j - l) // 2)
                for j in range(l, MAX_DEGREE + 1, 2)
            ) * mp.sqrt(q) ** l  # fmt: skip
            assert float(abs(exact - float(got[l]))) < 1e-14


@pytest.mark.parametrize("t", [0.0, 0.7, -3.3, 30.0, -45.0, 60.0])
def test_phi_against_sixty_digits(t):
    act = from_kernel_series(1.0 / (1 + np.arange(MAX_DEGREE + 1)) ** 2)
    with mp.workdps(60):
        before, now, total = mp.mpf(0), mp.mpf(1), mp.mpf(act.phi.coef[0])
        for k, f in enumerate(act.phi.coef[1:]):
            before, now = now, (mp.mpf(t) * now - mp.sqrt(k) * before) / mp.sqrt(k + 1)
            total += f * now
        assert float(act.phi(np.array(t))) == pytest.approx(float(total), rel=2e-13)


def test_phi_never_gives_nan():
    act = from_kernel_series(np.ones(60), signs="alternating")
    t = np.concatenate([np.logspace(-300, 308, 60), -np.logspace(-300, 308, 60), [0.0]])
    assert not np.isnan(act.phi(t)).any()
    assert not np.isnan(act.phi_prime(t)).any()
    assert np.isposinf(HermiteSum((0.0, 0.0, 0.0, 1.0))(np.array([1e200]))[0])


def test_symmetries_and_identity():
    assert from_kernel_series([0, 1, 0, 2]).parity == "odd"
    assert from_kernel_series([1, 0, 2]).parity == "even"
    assert from_kernel_series([1, 1]).parity is None
    assert from_kernel_series([0, 2]).homogeneity == 1.0
    assert from_kernel_series([0, 2, 1]).homogeneity is None
    a, b = from_kernel_series([1, 2], "ntk"), from_kernel_series([1, 2], "ntk")
    assert a == b
    assert hash(a) == hash(b)
    assert a != from_kernel_series([1, 2.5], "ntk")
    assert a != from_kernel_series([1, 2], "nngp")
    assert pickle.loads(pickle.dumps(a)) == a
    assert a.name == "ntk_series"
    assert from_kernel_series([1], name="mine").name == "mine"
    assert from_kernel_series([Fraction(1, 2), 0, 0]).params["coefficients"] == (0.5,)


def test_blocks_of_different_variances():
    rng = np.random.default_rng(0)
    act = from_kernel_series(SERIES)
    p, q = 1 + rng.random((70, 1)), 1 + rng.random((1, 80))
    cov = rng.uniform(-1, 1, (70, 80)) * np.sqrt(p * q)
    whole = act.dual(cov, p, q)
    assert whole.shape == (70, 80)
    assert whole[3, 5] == pytest.approx(float(act.dual(cov[3, 5], p[3, 0], q[0, 5])), rel=1e-15)


@pytest.mark.parametrize(
    ("series", "problem"),
    [
        ([], "must have at least one term. Got none"),
        ([0.0, 0.0], "are all zero; the kernel, and φ, would vanish"),
        ([1, -0.5], r"must not be negative. Got -0.5 at degree 1.*Schoenberg"),
        ([1, math.inf], r"must be finite. Got .*inf.* at degree 1"),
        ([math.nan], r"must be finite. Got .*nan.* at degree 0"),
        ([[1.0]], "must be a sequence of real numbers"),
        ("abc", "must be a sequence of real numbers.* Got str"),
        ([1j], "must be a sequence of real numbers"),
        (3.0, "must be a sequence of real numbers.* Got float"),
        (None, "must be a sequence of real numbers"),
        (np.ones(MAX_DEGREE + 2), "degree must be at most 512. Got 513; truncate"),
        ([1e308, 1e308], "the kernel at ρ = 1, overflows"),
    ],
)
def test_refusals(series, problem):
    with pytest.raises(PluginError, match=f"from_kernel_series: .*{problem}"):
        from_kernel_series(series)


def test_refused_options():
    with pytest.raises(PluginError, match=r"kind must be 'nngp' or 'ntk'. Got 'cntk'"):
        from_kernel_series([1], "cntk")
    with pytest.raises(PluginError, match=r"signs must be 'positive' or 'alternating'. Got 'random'"):
        from_kernel_series([1], signs="random")


def test_overflow_is_an_error_not_a_nan():
    act = from_kernel_series(np.ones(100))
    big = np.array(1e9)
    with pytest.raises(PluginError, match=r"overflows float64 at variance 1e\+09.*Add LayerNorm"):
        act.dual(big, big, big)
    with pytest.raises(PluginError, match="overflows float64"):
        act.hermite(big, 99)
