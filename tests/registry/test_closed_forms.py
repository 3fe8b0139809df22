"""Every closed form against its textbook formula in 80 digits, against quadrature, and at the edges."""

import math

import numpy as np
import pytest
from members import MEMBERS
from textbook import worst_error

from dualact.testing.reference import reference_dual, reference_dual_prime, reference_hermite

CASES = [pytest.param(*value, id=label) for label, value in MEMBERS.items()]
ACTIVATIONS = [pytest.param(value[0], id=label) for label, value in MEMBERS.items()]
WITH_PHI = [p for p in ACTIVATIONS if p.values[0].phi is not None]


def _scale(f, p, q):
    return math.sqrt(abs(f(p, p, p) * f(q, q, q))) or 1.0


def _at(f):
    return lambda *point: float(f(*(np.array(float(x)) for x in point)))


@pytest.mark.parametrize(("act", "formulas", "variances"), CASES)
def test_claimed_accuracy_holds_and_is_tight(act, formulas, variances):
    worst = max(worst_error(act, formulas, variances))
    assert worst <= act.accuracy
    if worst > 0:  # the dual of a constant is exact
        assert act.accuracy <= 100 * worst


@pytest.mark.parametrize("act", WITH_PHI)
@pytest.mark.parametrize(("cov", "var_u", "var_v"), [(0.4, 0.5, 0.9), (-0.9, 0.9, 1.2), (0.05, 2.0, 0.01)])
def test_dual_equals_quadrature(act, cov, var_u, var_v):
    dual = _at(act.dual)
    expected = float(reference_dual(act, cov, var_u, var_v))
    assert abs(dual(cov, var_u, var_v) - expected) < 1e-12 * _scale(dual, var_u, var_v)


@pytest.mark.parametrize("act", [p for p in WITH_PHI if p.values[0].dual_prime is not None])
def test_dual_prime_equals_quadrature(act):
    prime = _at(act.dual_prime)
    for cov, var_u, var_v in [(0.4, 0.5, 0.9), (-0.9, 0.9, 1.2)]:
        expected = float(reference_dual_prime(act, cov, var_u, var_v))
        assert abs(prime(cov, var_u, var_v) - expected) < 2e-13 * _scale(prime, var_u, var_v)


@pytest.mark.parametrize("act", WITH_PHI)
@pytest.mark.parametrize("variance", [0.04, 1.9])
def test_hermite_equals_quadrature(act, variance):
    expected = np.array([float(a) for a in reference_hermite(act, variance, 24)])
    got = act.hermite(np.array(variance), 24)
    assert got.shape == (25,)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-13 * np.linalg.norm(expected))


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_mehler_sum_of_the_coefficients_is_the_dual(act):
    p, q = np.array([1e-6, 0.3, 1.0, 2.0, 0.3]), np.array([1e-6, 1.5, 1.0, 2.2, 1e-3])
    rho = np.array([0.8, -0.85, 0.85, 0.8, 0.0])
    a, b = act.hermite(p, 200), act.hermite(q, 200)
    assert a.shape == (5, 201)
    total = np.sum(a * b * rho[:, np.newaxis] ** np.arange(201), axis=-1)
    size = np.sqrt(act.dual(p, p, p) * act.dual(q, q, q))
    np.testing.assert_array_less(np.abs(total - act.dual(rho * np.sqrt(p * q), p, q)) / size, 1e-13)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_parseval_and_the_derivative_in_the_variance(act):
    q, step = 1.3, 1e-4
    a = act.hermite(np.array(q), 202)
    k = np.arange(201)
    slope = (k * a[:-2] + np.sqrt((k + 1) * (k + 2)) * a[2:]) / (2 * q)
    points = act.hermite(q + step * np.array([-2.0, -1.0, 1.0, 2.0]), 200)
    numeric = (points[0] - 8 * points[1] + 8 * points[2] - points[3]) / (12 * step)
    if act.phi is not None:  # the identity is one of pointwise functions
        np.testing.assert_allclose(slope, numeric, rtol=0, atol=2e-11 * (1 + np.linalg.norm(a)))
    total, exact = float(a @ a), float(act.dual(np.array(q), np.array(q), np.array(q)))
    assert total <= exact * (1 + 1e-13)
    assert total >= exact * 0.95  # sign and step have a slow tail


@pytest.mark.parametrize("act", WITH_PHI)
def test_zero_variance(act):
    zero, one = np.array(0.0), np.array(1.7)
    at_zero = float(act.phi(np.array(0.0)))
    mean = float(act.hermite(one, 0)[0])
    assert act.hermite(one, 0).shape == (1,)
    np.testing.assert_allclose(act.dual(zero, zero, zero), at_zero**2, atol=1e-16)
    np.testing.assert_allclose(act.dual(zero, zero, one), at_zero * mean, rtol=1e-14, atol=1e-16)
    np.testing.assert_allclose(act.dual(-zero, one, zero), at_zero * mean, rtol=1e-14, atol=1e-16)
    coefficients = act.hermite(zero, 7)
    np.testing.assert_allclose(coefficients, [at_zero] + [0.0] * 7, atol=1e-16)
    if act.dual_prime is not None:
        slope = float(act.phi_prime(np.array(0.0)))
        np.testing.assert_allclose(act.dual_prime(zero, zero, zero), slope**2, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_broadcast_shapes_and_read_only_inputs(act):
    var_u, var_v = np.array([[0.5], [2.0], [0.0]]), np.array([[1.0, 0.3]])
    rho = np.array([[0.2, -1.0], [1.0, 0.0], [0.0, 0.0]])
    cov = rho * np.sqrt(var_u * var_v)
    for array in (cov, var_u, var_v):
        array.flags.writeable = False
    for f in (act.dual, act.dual_prime):
        if f is None:
            continue
        matrix = f(cov, var_u, var_v)
        assert matrix.shape == (3, 2)
        for i, j in np.ndindex(3, 2):
            alone = f(np.array(cov[i, j]), np.array(var_u[i, 0]), np.array(var_v[0, j]))
            assert np.shape(alone) == ()
            np.testing.assert_allclose(matrix[i, j], alone, rtol=1e-13, atol=1e-15)
        assert f(np.array(0.1), var_u, var_v).shape == (3, 2)
    assert act.hermite(var_u, 3).shape == (3, 1, 4)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_no_nan_at_any_variance(act):
    variances = np.array([0.0, 1e-300, 1e-160, 1e-80, 1e-8, 1.0, 1e8, 1e75, 1e150])
    p, q, rho = np.meshgrid(variances, variances, [-1.0, -0.5, 0.0, 0.5, 1.0], indexing="ij")
    cov = rho * np.sqrt(p) * np.sqrt(q)
    for f in (act.dual, act.dual_prime):
        if f is not None:
            assert not np.isnan(f(cov, p, q)).any()
    assert not np.isnan(act.hermite(variances, 30)).any()


@pytest.mark.parametrize("act", [p for p in ACTIVATIONS if p.values[0].homogeneity is not None])
def test_homogeneous_over_the_whole_range(act):
    h = act.homogeneity
    one = np.array(1.0)
    for p, q in [(1e-300, 1e-300), (1e-200, 1e-90), (1e-160, 1e120), (3e90, 5e90)]:
        if max(abs(math.log10(p)), abs(math.log10(q))) * h > 300:  # E φ² itself leaves the range of float64
            continue
        for rho in (-1.0, -0.3, 0.0, 0.7, 1.0):
            cov = rho * math.sqrt(p) * math.sqrt(q)
            unit = float(act.dual(np.array(rho), one, one))
            got = float(act.dual(np.array(cov), np.array(p), np.array(q)))
            size = math.sqrt(p) ** h * math.sqrt(q) ** h
            assert abs(got - unit * size) <= 1e-14 * size * float(act.dual(one, one, one))


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_diagonal_is_exact_when_all_three_arguments_agree(act):
    q = np.random.default_rng(5).uniform(0.1, 2.4, 50)
    diagonal = act.dual(q, q, q)
    slightly = act.dual(np.nextafter(q, 0), q, q)
    np.testing.assert_allclose(slightly, diagonal, rtol=4e-15)
    if act.dual_prime is not None:
        inner = act.dual_prime(np.nextafter(q, 0), q, q)
        np.testing.assert_allclose(inner, act.dual_prime(q, q, q), rtol=4e-15)
    if act.phi is not None and act.breakpoints:  # no second strip of the angle between ±1
        opposite = act.dual(-np.nextafter(q, 0), q, q)
        np.testing.assert_allclose(opposite, act.dual(-q, q, q), rtol=4e-15, atol=1e-16)
