import mpmath as mp
import numpy as np

from dualact.nonlinearity.sequences import even_sequence, log_poisson, poisson_root


def test_even_sequence_is_the_gaussian_s_hermite_coefficients():
    got = even_sequence(np.array([1.0, -0.4, 0.0]), 151)
    assert got.shape == (3, 151)
    for row, r in zip(got, (1, mp.mpf(-0.4), 0), strict=True):
        for j in (0, 1, 2, 17, 150):
            exact = r**j * mp.fac2(2 * j - 1) / mp.sqrt(mp.factorial(2 * j)) if j else 1
            assert abs(row[j] - exact) <= 1e-13 * abs(exact)
    assert even_sequence(np.array(0.5), 1).tolist() == [1.0]


def test_poisson_root_keeps_relative_accuracy():
    means = np.array([1e-300, 1e-8, 0.3, 1.0, 17.0, 199.0, 1e4])
    got = poisson_root(means, 300)
    assert got.shape == (7, 301)
    for row, x in zip(got, means, strict=True):
        for k in (0, 1, 2, 15, 16, 17, 200, 300):
            with mp.workdps(40):
                exact = mp.exp((k * mp.log(mp.mpf(x)) - mp.mpf(x) - mp.loggamma(k + 1)) / 2)
            if exact > 1e-290:
                assert abs(row[k] - exact) <= 3e-16 * (4 + abs(x - k) + 2 * abs(mp.log(exact))) * exact


def test_poisson_root_at_its_edges():
    assert poisson_root(np.array(0.0), 3).tolist() == [1.0, 0.0, 0.0, 0.0]
    assert poisson_root(np.array(2.0), 0).shape == (1,)
    assert not np.isnan(poisson_root(np.array([1e300, 1e-320]), 40)).any()
    np.testing.assert_allclose(np.sum(poisson_root(np.array(50.0), 400) ** 2), 1.0, rtol=1e-13)
    assert log_poisson(np.array(0.0), 1).tolist() == [0.0, -np.inf]
