"""Whole arrays by the Hermite series: right where it answers, and silent nowhere else."""

from __future__ import annotations

import time

import numpy as np
import pytest

import dualact as da
from dualact.nonlinearity.coefficients import second_moment
from dualact.nonlinearity.computed.blocks import blockwise
from dualact.nonlinearity.computed.conditional import conditional, conditional_error
from dualact.nonlinearity.computed.engines import engine
from dualact.nonlinearity.computed.mehler import Mehler
from dualact.nonlinearity.piecewise import PiecewiseDual, PiecewiseFunction, Term, poly

RELU = da.activation("relu")
SMOOTH = Mehler(da.activation("sin").hermite, lambda q: np.sqrt(-np.expm1(-2 * q) / 2))


def relu_series():
    return Mehler(RELU.hermite, lambda q: np.sqrt(q / 2))


def matrix(n, d, scale, seed=0, ragged=True):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    x /= np.linalg.norm(x, axis=1)[:, None]
    norms = scale * rng.uniform(0.5, 2, n) if ragged else np.full(n, scale)
    return (x @ x.T) * norms[:, None] * norms, (norms**2)[:, None], (norms**2)[None]


def panels(dual, c, p, q):
    shape = c.shape
    flat = [np.broadcast_to(x, shape).ravel() for x in (c, p, q)]
    return blockwise(dual.panels.dual, 64)(*flat).reshape(shape)


def test_what_is_answered_is_right_and_what_is_not_lies_near_one():
    c, p, q = matrix(150, 3, 1.0)
    value, rest = relu_series()(c, p, q)
    rho = c / np.sqrt(p * q)
    answered = np.ones(c.size, dtype=bool)
    answered[rest] = False
    exact = RELU.dual(c, p, q)
    error = np.abs(value - exact) / (0.5 * np.sqrt(p * q))
    assert error.ravel()[answered].max() < 3e-15
    assert answered.mean() > 0.85
    assert np.abs(rho).ravel()[answered].max() > 0.93
    assert np.abs(rho).ravel()[rest].min() > 0.93


def test_a_series_that_has_ended_answers_at_one_too():
    c, p, q = matrix(80, 4, 0.5)
    value, rest = SMOOTH(c, p, q)
    assert rest.size == 0
    half = -(p + q) / 2
    np.testing.assert_allclose(value, (np.exp(half + c) - np.exp(half - c)) / 2, rtol=0, atol=1e-15)


def test_shapes_zero_variances_and_blocks():
    rng = np.random.default_rng(1)
    p, q = rng.uniform(0.2, 2, (5, 1, 7)), np.array([0.0, 1.0, 2.0])[:, None]
    c = 0.7 * np.sqrt(p * q)
    whole, rest = relu_series()(c, p, q)
    assert rest.size == 0
    np.testing.assert_allclose(whole, RELU.dual(c, p, q), rtol=0, atol=1e-15)
    assert (whole[:, 0] == 0).all()
    again = relu_series()(
        c.ravel(), np.broadcast_to(p, c.shape).ravel(), np.broadcast_to(q, c.shape).ravel()
    )[0]
    np.testing.assert_allclose(again, whole.ravel(), rtol=0, atol=1e-15)


def test_it_pays_for_matrices_only():
    c, p, q = matrix(200, 5, 1.0)
    series = relu_series()
    assert series.pays(c, p, q)
    assert not series.pays(c[:5, :5], p[:5], q[:, :5])
    flat = [np.broadcast_to(x, c.shape).ravel() for x in (c, p, q)]
    apart = flat[1] * np.linspace(1, 1.5, c.size)
    assert not series.pays(flat[0], apart, flat[2])


@pytest.mark.parametrize("name", ["hard_tanh", "relu6", "hard_swish", "softshrink", "hardshrink"])
@pytest.mark.parametrize("scale", [0.12, 1.0, 60.0])
@pytest.mark.parametrize("ragged", [True, False])
def test_piecewise_matrices_against_panels(name, scale, ragged):
    # dead zones, ordinary variances and large ones; three dimensions have many pairs near ρ = ±1
    act = da.activation(name)
    c, p, q = matrix(70, 3, scale, 2, ragged)
    for dual in filter(None, (act.dual, act.dual_prime)):
        assert dual.series.pays(c, p, q)
        value, exact = dual(c, p, q), panels(dual, c, p, q)
        size = dual.size(p[:, 0])
        # what lies near ρ = ±1 is the closed form's, with an error of ε·variance
        assert np.abs((value - exact) / size / size[:, None]).max() < (2e-13 if scale < 10 else 1e-12)
    spread = act.dual(c, p, q)
    assert np.ptp(spread) > spread.max() / 2


def test_piecewise_exponentials_have_the_series_too():
    function = PiecewiseFunction((-1.0, 2.0), ((Term(1.0, 0, 1.0),), poly(0.5), poly()))
    dual = PiecewiseDual(function)
    c, p, q = matrix(90, 6, 1.0)
    value = dual(c, p, q)
    assert len(dual.series._recent) > 0
    np.testing.assert_allclose(value, panels(dual, c, p, q), rtol=0, atol=1e-14)


def test_a_large_array_of_a_dead_zone_is_not_served_entry_by_entry():
    dual = da.activation("hardshrink").dual
    c, p, q = matrix(250, 30, 0.1)
    start = time.perf_counter()
    dual(c, p, q)
    whole = time.perf_counter() - start
    some = slice(0, 4)
    start = time.perf_counter()
    panels(dual, c[some], np.broadcast_to(p, c.shape)[some], np.broadcast_to(q, c.shape)[some])
    assert whole / c.size < (time.perf_counter() - start) / (4 * 250) / 4


def test_computed_duals_with_kinks_use_it():
    hard = da.activation("hard_tanh")
    act = da.from_function("mine", hard.phi, hard.breakpoints)
    c, p, q = matrix(120, 8, 1.0)
    value, error = da.dual(act, c, p, q, return_error=True)
    gap = np.abs(value - hard.dual(c, p, q))
    assert (gap <= error + 1e-15).all()
    assert gap.max() < 1e-13
    rows = np.arange(120)
    moment = second_moment(engine(act).table, p[:, 0])
    np.testing.assert_allclose(da.dual(act, c, p, q)[rows, rows], moment, rtol=1e-14)


def test_coarse_panels_still_resolve_what_is_narrow():
    act = da.from_function("bump", lambda t: np.tanh(t) + np.exp(-(((t - 2.2) / 0.02) ** 2)), (-0.5,))
    table = engine(act).table
    coarse, fine = table.coarse(8.0), table.leaves(8.0)
    assert len(coarse) < len(fine) / 1.5
    assert -0.5 in coarse
    assert np.diff(coarse)[np.searchsorted(coarse, 2.2) - 1] < 0.05
    p, q = np.array([1.3, 1.0]), np.array([0.9, 1.0])
    rho, sine = np.array([0.99, -0.4]), np.sqrt(1 - np.array([0.99, -0.4]) ** 2)
    value = conditional(table, p, q, rho, sine)
    assert conditional_error(table, p, q, rho, sine, value).max() < 1e-13
    # on a grid that resolves the bump: trapezoidal rule, spectral for the smooth φ that this is
    x = np.arange(-9, 9, 0.004)
    for i in range(2):
        total = 0.0
        for part in np.array_split(x, 20):
            v = np.sqrt(q[i]) * (rho[i] * part[:, None] + sine[i] * x)
            density = np.exp(-(part[:, None] ** 2 + x * x) / 2) / (2 * np.pi) * 0.004**2
            total += np.sum(act.phi(np.sqrt(p[i]) * part[:, None]) * act.phi(v) * density)
        assert value[i] == pytest.approx(total, abs=1e-11)
