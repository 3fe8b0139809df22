"""The economised Hermite series of whole blocks: against quadrature, the polar rule and the boxes."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import dualact as da
from dualact.nonlinearity.coefficients import at_zero, hermite_array, second_moment
from dualact.nonlinearity.computed import short_series
from dualact.nonlinearity.computed.engines import Engine
from dualact.nonlinearity.computed.short_series import ShortSeries, build_range
from dualact.nonlinearity.contract import Activation
from dualact.nonlinearity.slopes import panel_table

RNG = np.random.default_rng(0)
ANGLES = np.array([0.0, 1e-7, 1e-3, 0.1, 0.5, 1.0, 1.5, np.pi / 2, 2.0, 2.7, 3.1, np.pi - 1e-6, np.pi])


def engine(name, prime=False):
    """An engine of its own: what others have built is not in it."""
    return Engine(panel_table(da.activation(name), prime))


def block(low, high, n=8, m=9):
    """Covariances at all of the angles, (angles, n, m), and variances of either side."""
    p = np.exp(RNG.uniform(np.log(low), np.log(high), (1, n, 1)))
    q = np.exp(RNG.uniform(np.log(low), np.log(high), (1, 1, m)))
    p[0, 0], q[0, 0, 0] = high, high
    return np.cos(ANGLES)[:, None, None] * np.sqrt(p * q), p, q


@pytest.mark.parametrize("prime", [False, True])
@pytest.mark.parametrize(
    "name", ["tanh", "sigmoid", "silu", "softplus", "mish", "arctan", "gelu_tanh", "sinc"]
)
def test_agrees_with_the_polar_rule_within_its_error(name, prime):
    tables = engine(name, prime)
    for low, high in ((1e-4, 1e-2), (1e-3, 0.9), (0.2, 1.7)):
        cov, p, q = block(low, high, 3, 3)
        value, error = tables._short(cov, p, q)
        entries = [np.broadcast_to(x, cov.shape).ravel() for x in (cov, p, q)]
        want, rule = tables(*entries)  # few entries: no table
        size = tables.size(entries[1]) * tables.size(entries[2])
        off = np.abs(value.ravel() - want) / size
        assert error <= 2e-13
        assert np.all(off <= error + rule + 1e-14)


@pytest.mark.parametrize(("name", "f"), [("tanh", np.tanh), ("sigmoid", lambda t: 1 / (1 + np.exp(-t)))])
def test_agrees_with_the_trapezoidal_rule(name, f):
    """E f(√p x) f(√q (ρx + √(1 − ρ²) y)) on a grid of .1, which is exact for functions that are analytic."""
    tables = engine(name)
    x = np.arange(-95, 96) / 10
    weight = np.exp(-x * x / 2) / np.exp(-x * x / 2).sum()
    for p, q, theta in ((0.8, 0.05, 0.9), (1e-3, 0.6, 2.5), (0.5, 0.5, 0.0), (0.7, 0.2, np.pi)):
        rho, sine = np.cos(theta), np.sin(theta)
        inner = f(np.sqrt(q) * (rho * x[:, None] + sine * x)) @ weight
        want = (weight * f(np.sqrt(p) * x)) @ inner
        value, error = tables._short(*(np.array([[t]]) for t in (rho * np.sqrt(p * q), p, q)))
        size = float(tables.size(np.array([p]))[0] * tables.size(np.array([q]))[0])
        assert abs(float(value[0, 0]) - want) <= (error + 2e-15) * size


@pytest.mark.parametrize("name", ["tanh", "silu", "mish"])
def test_agrees_with_the_boxes(name):
    tables, boxes = engine(name), engine(name)
    boxes.__dict__["_short"] = None
    p, q = (np.exp(RNG.uniform(np.log(0.05), np.log(2), n)) for n in (40, 50))
    cov = np.clip(RNG.normal(0, 0.7, (40, 50)), -1, 1) * np.sqrt(np.multiply.outer(p, q))
    value, error = tables(cov, p[:, None], q[None])
    other, bound = boxes(cov, p[:, None], q[None], tabulate=True)
    size = np.multiply.outer(tables.size(p), tables.size(q))
    assert tables._short._ranges
    assert boxes._boxes
    assert not tables._boxes
    assert np.all(np.abs(value - other) <= (error + bound) * size)
    assert np.abs(value).max() > 0.1


def test_equal_and_opposite_rows_and_zeros():
    tables = engine("silu")
    p = np.array([0.3, 0.0, 1.2, 0.7])
    root = np.sqrt(p)
    for sign in (1, -1):
        value, _ = tables(sign * np.outer(root, root), p[:, None], p[None], tabulate=True)
        assert np.abs(value - value.T).max() <= 1e-15
        if sign == 1:
            np.testing.assert_allclose(value.diagonal(), tables.size(p) ** 2, rtol=0, atol=2e-14)
    shifted = Engine(panel_table(Activation("shifted", lambda t: np.tanh(t) + 0.5, lambda *a: a[0]), False))
    value, _ = shifted(np.zeros((4, 4)), p[:, None], p[None], tabulate=True)
    np.testing.assert_allclose(value, 0.25, rtol=0, atol=1e-14)  # f(0)·E f = ½·½


def test_blocks_stacks_and_entries_agree():
    tables = engine("tanh")
    p, q = (np.exp(RNG.uniform(np.log(0.01), np.log(0.9), s)) for s in ((3, 20, 1), (3, 1, 30)))
    cov = RNG.uniform(-1, 1, (3, 20, 30)) * np.sqrt(p * q)
    whole, error = tables(cov, p, q)
    assert error.shape == whole.shape == cov.shape
    assert error.max() <= 5e-13
    scale = tables.size(p) * tables.size(q)
    for k in range(3):
        assert np.abs(tables(cov[k], p[k], q[k])[0] - whole[k]).max() <= 1e-14 * scale.max()
    flat = [np.broadcast_to(x, cov.shape).ravel() for x in (cov, p, q)]
    assert np.all(np.abs(tables(*flat)[0].reshape(cov.shape) - whole) <= 1e-14 * scale)
    assert not tables._boxes
    rows = tables(cov[0, :2], p[0, :2], q[0], tabulate=True)[0]
    assert np.all(np.abs(rows - whole[0, :2]) <= 1e-14 * scale[0, :2])


@pytest.mark.parametrize(("name", "high"), [("tanh", 60.0), ("tanh", 1e9), ("elu", 0.5), ("hard_tanh", 0.5)])
def test_leaves_long_series_to_the_others(name, high):
    """Large variances; kinks, in φ or in φ″, whose coefficients fall slowly."""
    tables = engine(name)
    cov, p, q = block(0.1, high)
    assert tables._short is None or tables._short(cov, p, q) is None
    value, error = tables(cov[3, :3, :3], p[0, :3], q[0, :, :3])  # as few entries as to need no table
    assert np.isfinite(value).all()
    assert error.max() < 1e-10


def test_a_stack_without_a_short_series_is_its_matrices():
    tables = engine("tanh")
    p, q = RNG.uniform(40, 60, (2, 25, 1)), RNG.uniform(40, 60, (2, 1, 30))
    cov = RNG.uniform(-1, 1, (2, 25, 30)) * np.sqrt(p * q)
    value, error = tables(cov, p, q)
    assert tables._boxes
    assert error.shape == cov.shape
    for k in range(2):
        np.testing.assert_array_equal(value[k], tables(cov[k], p[k], q[k])[0])


def test_inputs_with_themselves_and_pairs_agree_with_matrices():
    tables = engine("silu")
    p = np.append(np.exp(RNG.uniform(np.log(0.01), np.log(5), 49)), 0.0)
    cov = RNG.uniform(-1, 1, (50, 50)) * np.sqrt(np.multiply.outer(p, p))
    cov = (cov + cov.T) / 2
    np.fill_diagonal(cov, p)
    matrix, _ = tables._short(cov, p[:, None], p[None])  # one side is the other, turned
    assert np.abs(matrix - matrix.T).max() <= 1e-15 * matrix.max()
    apart, _ = tables._short(cov, p[:, None] + np.zeros((1, 50)), p[None] + np.zeros((50, 1)))
    scale = np.multiply.outer(tables.size(p), tables.size(p)).max()
    assert np.abs(apart - matrix).max() <= 2e-14 * scale
    same, _ = tables._short(p[:, None], p[:, None], p[:, None])
    assert np.abs(same[:, 0] - matrix.diagonal()).max() <= 2e-14 * scale
    other, _ = tables._short(cov[0], p, p)  # variances agree, covariances do not
    each, _ = tables._short(*(x[:, None, None] for x in (cov[0], p, p)))
    assert np.abs(other - each.ravel()).max() <= 2e-14 * scale


@pytest.mark.parametrize(
    "shapes", [((30, 1), (1, 7)), ((4, 1), (1, 50)), ((3, 9, 1), (3, 1, 8)), ((60,), ())]
)
def test_parts_agree_with_the_whole(shapes, monkeypatch):
    """Whatever shapes broadcast, and however few variances are worked on at once."""
    tables = engine("silu")
    p, q = (np.exp(RNG.uniform(np.log(0.01), np.log(5), s)) for s in shapes)
    cov = RNG.uniform(-1, 1, np.broadcast_shapes(*shapes)) * np.sqrt(p * q)
    whole, error = tables._short(cov, p, q)
    monkeypatch.setattr(short_series, "_VARIANCES", 6)
    monkeypatch.setattr(short_series, "_APART", 7)
    parts, _ = tables._short(cov, p, q)
    scale = tables.size(p) * tables.size(q)
    assert np.all(np.abs(parts - whole) <= 1e-14 * scale)
    entries = [np.broadcast_to(x, cov.shape).ravel() for x in (cov, p, q)]
    want, rule = tables(*(x[:20] for x in entries))  # few entries: no table
    off = np.abs(parts.ravel()[:20] - want)
    assert np.all(off <= (error + rule + 1e-14) * np.broadcast_to(scale, cov.shape).ravel()[:20])
    assert np.abs(want).max() > 0.01


def test_a_few_large_variances_leave_the_series_to_the_others():
    tables, boxes = engine("silu"), engine("silu")
    boxes.__dict__["_short"] = None
    p, q = (np.exp(RNG.uniform(np.log(0.05), np.log(2), n)) for n in (40, 50))
    p[7], q[3:5] = 50.0, 80.0
    cov = np.clip(RNG.normal(0, 0.7, (40, 50)), -1, 1) * np.sqrt(np.multiply.outer(p, q))
    value, error = tables(cov, p[:, None], q[None], tabulate=True)
    other, bound = boxes(cov, p[:, None], q[None], tabulate=True)
    size = np.multiply.outer(tables.size(p), tables.size(q))
    assert np.all(np.abs(value - other) <= (error + bound) * size)
    assert any(tables._short._ranges.values())
    assert all(max(key) >= 2 for key in tables._boxes)  # of the decades of 50 and 80 alone
    assert tables._boxes


def test_more_degrees_for_many_entries_only():
    tables = engine("tanh")
    cov, p, q = block(0.1, 20.0)
    assert tables._short(cov, p, q) is None
    many = [np.broadcast_to(x, (320, *cov.shape[1:])) for x in (np.tile(cov[:1], (320, 1, 1)), p, q)]
    assert many[0].size < short_series._FEW_ENTRIES <= 2 * many[0].size
    assert tables._short(*many) is None
    value, error = tables._short(*(np.concatenate([x, x]) for x in many))
    few = [x[0, :2, :2] for x in many]
    want, rule = tables(*few)
    assert np.all(
        np.abs(value[0, :2, :2] - want) <= (error + rule) * tables.size(few[1]) * tables.size(few[2])
    )
    assert tables._short(cov, p, q) is not None  # it is there now


def test_error_grows_with_that_of_the_function():
    table = panel_table(da.activation("tanh"), False)
    parts = partial(hermite_array, table), partial(second_moment, table)
    ends = (np.log(0.1), np.log(1.0))
    assert build_range(*parts, lambda v: 0.0, ends).error < 2e-14
    assert build_range(*parts, lambda v: 1e-13, ends).error > 1e-13
    assert build_range(*parts, lambda v: 1e-12, ends) is None
    wrong = ShortSeries(parts[0], lambda v: 1.001 * parts[1](v), lambda v: 0.0, at_zero(table))
    assert wrong(*block(0.2, 0.9)) is None


def test_powers_are_sums_of_chebyshev_polynomials():
    economy = short_series._economy(12)
    assert np.all(economy >= 0)
    x = np.linspace(-1, 1, 9)
    powers = np.polynomial.chebyshev.chebval(x, economy.T)
    np.testing.assert_allclose(powers, x ** np.arange(12)[:, None], rtol=0, atol=1e-15)
