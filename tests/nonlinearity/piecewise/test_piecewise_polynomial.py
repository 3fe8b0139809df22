import math

import numpy as np
import pytest

from dualact.nonlinearity.piecewise.function import PiecewiseFunction, poly
from dualact.nonlinearity.piecewise.polynomial import anchor

RNG = np.random.default_rng(3)
P, Q = 10.0 ** RNG.uniform(-8, 6, (2, 4000))
RHO = np.concatenate(
    [RNG.uniform(-1, 1, 2000), RNG.choice([-1, 1], 2000) * (1 - 10.0 ** RNG.uniform(-13, 0, 2000))]
)
C = RHO * np.sqrt(P * Q)
DET = np.maximum(np.sqrt(P * Q) - C, 0) * (np.sqrt(P * Q) + C)
THETA = np.arctan2(np.sqrt(DET), C)

RELU6 = PiecewiseFunction((0.0, 6.0), (poly(), poly(0, 1), poly(6)))
HARD_TANH = PiecewiseFunction((-1.0, 1.0), (poly(-1), poly(0, 1), poly(1)))
HARD_SWISH = PiecewiseFunction((-3.0, 3.0), (poly(), poly(0, 1 / 2, 1 / 6), poly(0, 1)))
LOPSIDED = PiecewiseFunction((-0.4, 0.1, 2.0), (poly(1, 1), poly(0.5, 0, 0, 2), poly(0, -1), poly(3, 0, 1)))


def _dual(edges, *pieces):
    return anchor(PiecewiseFunction(edges, pieces)).dual(C, P, Q)


def _close(got, exact, degree, atol=1e-14):
    np.testing.assert_array_less(np.abs(got - exact), atol * np.sqrt(P * Q) ** degree)


def test_step_and_sign():
    # the reference's own angle is good to 1e-11 next to ρ = ±1
    _close(_dual((0.0,), poly(), poly(1)), 0.5 - THETA / (2 * np.pi), 0, 1e-9)
    _close(_dual((0.0,), poly(-1), poly(1)), 1 - 2 * THETA / np.pi, 0, 1e-9)
    mild = np.abs(RHO) < 0.999
    exact = np.arcsin(RHO[mild]) * 2 / np.pi
    np.testing.assert_allclose(_dual((0.0,), poly(-1), poly(1))[mild], exact, atol=1e-13)


@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (0.01, 1.0), (-1.0, 1.0), (0.25, -2.0)])
def test_two_slopes(a, b):
    f = (a - b) ** 2 / (2 * np.pi)
    exact = f * np.sqrt(DET) + C * ((a * a + b * b) / 2 - f * THETA)
    _close(_dual((0.0,), poly(0, a), poly(0, b)), exact, 1)


@pytest.mark.parametrize("n", [2, 3])
def test_rectified_powers(n):
    cos, sin, rest = np.cos(THETA), np.sin(THETA), np.pi - THETA
    j = {
        2: 3 * sin * cos + rest * (1 + 2 * cos**2),
        3: 4 * sin + 11 * sin * cos**2 + rest * (9 * cos + 6 * cos**3),
    }[n]
    _close(_dual((0.0,), poly(), poly(*[0] * n, 1)), np.sqrt(P * Q) ** n * j / (2 * np.pi), n, 2e-13)


def test_edges_that_do_nothing_change_nothing():
    """t³, cut at arbitrary points, has the moments of t³."""
    cube = anchor(PiecewiseFunction((-0.3, 1.1), (poly(0, 0, 0, 1),) * 3))
    assert cube.corrections == ()
    _close(cube.dual(C, P, Q), 6 * C**3 + 9 * C * P * Q, 3, 1e-13)


def test_anchored_form_is_the_function():
    t = np.linspace(-5, 5, 2001) + 1e-4
    for f in (RELU6, HARD_TANH, HARD_SWISH, LOPSIDED):
        form = anchor(f)
        total = np.polynomial.polynomial.polyval(t, form.base or (0.0,))
        for c in form.corrections:
            assert c.sign * c.edge >= 0
            total = total + np.where(
                c.sign * (t - c.edge) > 0,
                np.polynomial.polynomial.polyval(c.sign * (t - c.edge), c.taylor),
                0,
            )
        np.testing.assert_allclose(total, f(t), atol=1e-12)


def test_dead_zone():
    assert anchor(HARD_TANH).dead_zone == 0.0
    shrink = PiecewiseFunction((-0.5, 0.7), (poly(0.5, 1), poly(), poly(-0.7, 1)))
    assert anchor(shrink).dead_zone == 0.5


# -- Hermite coefficients ----------------------------------------------------------------------------
def _by_panels(f, variance, degree):
    """Composite Gauss–Legendre between the edges."""
    root = math.sqrt(variance)
    ends = sorted({*np.linspace(-14, 14, 57), *(b / root for b in f.edges if abs(b / root) < 14)})
    nodes, weights = np.polynomial.legendre.leggauss(40)
    ends = np.array(ends)
    half, middle = np.diff(ends)[:, None] / 2, (ends[1:] + ends[:-1])[:, None] / 2
    z = (middle + half * nodes).ravel()
    w = (half * weights).ravel() * np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * f(root * z)
    h = [np.ones_like(z), z]
    for j in range(1, degree):
        h.append((z * h[-1] - math.sqrt(j) * h[-2]) / math.sqrt(j + 1))
    return np.array([w @ v for v in h[: degree + 1]])


@pytest.mark.parametrize("variance", [1e-3, 0.3, 1.0, 25.0, 1e4])
@pytest.mark.parametrize("f", [RELU6, HARD_TANH, HARD_SWISH, LOPSIDED])
def test_hermite_against_panels(f, variance):
    exact = _by_panels(f, variance, 40)
    got = anchor(f).hermite(np.array(variance), 40)
    np.testing.assert_allclose(got, exact, atol=3e-12 * np.linalg.norm(exact))


def test_hermite_of_relu_in_the_library_convention():
    relu = anchor(PiecewiseFunction((0.0,), (poly(), poly(0, 1))))
    root = math.sqrt(2 * math.pi)
    exact = [1 / root, 0.5, 1 / (root * math.sqrt(2)), 0.0, -1 / (root * math.sqrt(24))]
    np.testing.assert_allclose(relu.hermite(np.array(1.0), 4), exact, atol=1e-16)
    np.testing.assert_allclose(relu.hermite(np.array([0.0, 4.0]), 4), np.outer([0, 2], exact), atol=1e-15)


@pytest.mark.parametrize("f", [RELU6, HARD_TANH, HARD_SWISH, LOPSIDED])
def test_mehler_sum_is_the_dual(f):
    form = anchor(f)
    variance = np.array([[0.05], [1.0], [30.0]])
    a = form.hermite(variance, 200)
    assert a.shape == (3, 1, 201)
    rho = np.array([-0.8, -0.3, 0.0, 0.5, 0.8])
    series = np.einsum("ik,jk,rk->ijr", a[:, 0], a[:, 0], rho[:, None] ** np.arange(201))
    p, q = variance[:, :, None], variance.reshape(1, 3, 1)
    p, q, c = np.broadcast_arrays(p, q, rho * np.sqrt(p * q))
    got = form.dual(c.ravel(), p.ravel(), q.ravel()).reshape(c.shape)
    size = np.linalg.norm(a[:, 0], axis=-1)
    np.testing.assert_array_less(np.abs(got - series) / np.outer(size, size)[..., None], 2e-13)


def test_parseval_to_degree_200():
    a = anchor(HARD_SWISH).hermite(np.array(1.0), 200)
    one = np.ones(1)
    assert np.sum(a**2) == pytest.approx(anchor(HARD_SWISH).dual(one, one, one)[0], rel=1e-6)


def test_hermite_in_a_dead_zone_keeps_relative_accuracy():
    shrink = PiecewiseFunction((-0.5, 0.5), (poly(0.5, 1), poly(), poly(-0.5, 1)))
    variance = (0.5 / 9) ** 2
    exact = _by_panels(shrink, variance, 15)
    got = anchor(shrink).hermite(np.array(variance), 15)
    np.testing.assert_allclose(got[1::2], exact[1::2], rtol=1e-11)
    assert not got[::2].any()
