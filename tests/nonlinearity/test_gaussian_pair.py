import mpmath as mp
import numpy as np
import pytest

from dualact.nonlinearity.gaussian_pair import (
    angle,
    correlation,
    determinant,
    difference_of_squares,
    geometric_mean,
    one_minus_rho,
)

ONE = np.array([1.0])


@pytest.mark.parametrize("gap", [0.7, 1e-3, 1e-9, 1e-12, 1e-14])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(("p", "q"), [(1.0, 1.0), (0.3, 7.7), (3e-200, 5e-150), (1e250, 2e240)])
def test_all_three_to_full_relative_accuracy(gap, sign, p, q):
    cov = sign * (1 - gap) * np.sqrt(p) * np.sqrt(q)
    pair = correlation(cov * ONE, p * ONE, q * ONE)
    with mp.workdps(60):
        rho = mp.mpf(float(cov)) / mp.sqrt(mp.mpf(p) * mp.mpf(q))
        sine, distance = mp.sqrt(1 - rho**2), 1 - abs(rho)
    for got, exact in zip(pair, (rho, sine, distance), strict=True):
        assert abs(got[0] / exact - 1) < 1e-15


def test_equal_arguments_are_exactly_collinear():
    p = np.random.default_rng(0).uniform(0, 1e3, 1000)
    rho, sine, gap = correlation(p, p, p)
    assert (rho == 1).all()
    assert not sine.any()
    assert not gap.any()


def test_rounding_of_the_covariance_counts_as_collinear():
    rho, sine, _ = correlation(np.array([1 - 4e-16, -1 + 4e-16, 1 - 1e-14]), ONE, ONE)
    assert rho[:2].tolist() == [1.0, -1.0]
    assert sine[:2].tolist() == [0.0, 0.0]
    assert sine[2] > 0


def test_zero_variance_has_no_correlation():
    rho, sine, gap = correlation(np.zeros(2), np.array([0.0, 2.0]), np.zeros(2))
    assert (rho.tolist(), sine.tolist(), gap.tolist()) == ([0, 0], [1, 1], [1, 1])


def test_difference_of_squares_does_not_cancel():
    x, y = np.array([1.0 + 2**-52]), ONE
    assert difference_of_squares(0.1, x, 0.1, y)[0] == pytest.approx(0.1**2 * 2**-52, rel=1e-14, abs=0)


def _exact(c, p, q):
    with mp.workdps(60):
        c, p, q = mp.mpf(c), mp.mpf(p), mp.mpf(q)
        limit = mp.sqrt(p * q)
        rho = max(mp.mpf(-1), min(mp.mpf(1), c / limit))
        return float(mp.acos(rho)), float(mp.sqrt(max(p * q - c * c, 0)) / limit), float(1 - rho)


@pytest.mark.parametrize(
    ("p", "q"), [(1.0, 1.0), (0.3, 7.1), (1e-9, 3e4), (1e-300, 1e-300), (1e150, 2e149), (1e-300, 1e150)]
)
@pytest.mark.parametrize("rho", [-1 + 1e-12, -1 + 1e-8, -0.7, -1e-9, 0.0, 1e-9, 0.4, 1 - 1e-8, 1 - 1e-12])
def test_angle_at_any_scale(p, q, rho):
    c = rho * float(geometric_mean(np.array(p), np.array(q)))
    theta, sine, gap = _exact(c, p, q)
    root, got = angle(np.array(c), np.array(p), np.array(q))
    # √(pq) is rounded: ε/tan θ, but not where θ is small
    allowed = 1e-15 + 4e-16 * abs(rho) / max(sine, 1e-2)
    assert abs(float(got) - theta) <= allowed
    assert abs(float(root) / float(geometric_mean(np.array(p), np.array(q))) - sine) <= allowed
    assert abs(float(one_minus_rho(np.array(c), np.array(p), np.array(q))) - gap) <= 5e-16


def test_the_textbook_formula_would_lose_half_of_the_digits():
    q = np.random.default_rng(0).uniform(0.1, 10.0, 1000)
    root, theta = angle(q, q, q)
    assert not root.any()
    assert not theta.any()
    assert (angle(-q, q, q)[1] == np.pi).all()
    close = angle(q * (1 - 1e-12), q, q)[1]
    np.testing.assert_allclose(close, np.sqrt(2e-12), rtol=3e-4)
    textbook = np.sqrt(np.maximum(q * q - (q * (1 - 1e-12)) ** 2, 0)) / q
    assert np.max(np.abs(textbook - np.sqrt(2e-12))) > np.max(np.abs(close - np.sqrt(2e-12)))


def test_collinear_up_to_rounding_is_collinear():
    rng = np.random.default_rng(1)
    p, q = rng.uniform(0.1, 10, (2, 2000))
    c = np.sqrt(p) * np.sqrt(q)
    c *= 1 + rng.uniform(-6e-16, 6e-16, c.shape)
    assert not angle(c, p, q)[1].any()
    assert (angle(-c, p, q)[1] == np.pi).all()
    assert not one_minus_rho(c, p, q).any()
    assert (one_minus_rho(-c, p, q) == 2).all()


def test_zero_variance_is_a_right_angle():
    zero = np.zeros((2, 1))
    for u, v in [
        (zero, np.array([[0.0, 3.0]])),
        (np.array([[0.0, 3.0]]), zero),
        (zero, np.array([[0.0, 1e-300]])),
    ]:
        for c in (0.0, -0.0):
            root, theta = angle(np.full((2, 2), c), u, v)
            assert not root.any()
            assert (theta == np.pi / 2).all()
            assert (one_minus_rho(np.full((2, 2), c), u, v) == 1).all()
    assert float(angle(np.array(-0.0), np.array(1.0), np.array(2.0))[1]) == np.pi / 2


def test_geometric_mean_and_determinant():
    q = np.array([0.1, 3.0, 1e-200, 1e140])
    assert (geometric_mean(q, q) == q).all()
    np.testing.assert_allclose(
        geometric_mean(np.array([1e-300, 4e-320]), np.array([1e-300, 1.0])), [1e-300, 2e-160], rtol=1e-3
    )
    np.testing.assert_allclose(
        determinant(np.array(2.0), np.array([3.0]), np.array([[5.0]])), [[11.0]], rtol=1e-15
    )
    assert float(determinant(np.array(1.0), np.array(1.0), np.array(1 - 1e-16))) == 0.0
    assert angle(np.zeros((0, 3)), np.zeros((0, 1)), np.ones((1, 3)))[0].shape == (0, 3)
