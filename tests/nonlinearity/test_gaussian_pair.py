import mpmath as mp
import numpy as np
import pytest

from dualact.nonlinearity.gaussian_pair import blockwise, correlation, difference_of_squares

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


@pytest.mark.parametrize("size", [1, 7, 1024])
def test_blockwise_broadcasts_in_blocks(size):
    rng = np.random.default_rng(1)
    c, p, q = rng.normal(size=(13, 11)), rng.normal(size=(13, 1)), rng.normal(size=(1, 11))
    seen = []

    def block(a, b, d):
        seen.append(len(a))
        return a + 10 * b + 100 * d

    np.testing.assert_array_equal(blockwise(block, size)(c, p, q), c + 10 * p + 100 * q)
    assert max(seen) <= size
    assert sum(seen) == 143


def test_blockwise_of_scalars_and_of_nothing():
    total = blockwise(lambda a, b, c: a + b + c, 8)
    assert total(np.array(1.0), np.array(2.0), np.array(3.0)).shape == ()
    assert total(np.zeros((0, 3)), np.zeros((0, 1)), np.zeros((1, 3))).shape == (0, 3)
