"""Exact features of powers of the inner product."""

from itertools import combinations_with_replacement
from math import comb, factorial, prod

import numpy as np
import pytest

from dualact.errors import DualactError
from dualact.sketch.monomials import monomial_count, monomial_weights, monomials


@pytest.mark.parametrize("d", [1, 2, 5, 9])
@pytest.mark.parametrize("k", range(7))
def test_gram_matrix_is_the_power(d, k):
    X = np.random.default_rng(d).normal(size=(20, d))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    M = monomials(X, k)
    assert M.shape == (20, comb(d + k - 1, k)) == (20, monomial_count(d, k))
    np.testing.assert_allclose(M @ M.T, (X @ X.T) ** k, rtol=0, atol=5e-15)


@pytest.mark.parametrize(("d", "k"), [(3, 4), (4, 3), (2, 6)])
def test_every_monomial_once_with_its_weight(d, k):
    x = np.random.default_rng(0).uniform(0.5, 1.5, size=d)
    expected = sorted(
        np.sqrt(factorial(k) / prod(factorial(c.count(i)) for i in range(d))) * prod(x[i] for i in c)
        for c in combinations_with_replacement(range(d), k)
    )
    np.testing.assert_allclose(np.sort(monomials(x[None], k)[0]), expected, rtol=1e-14)


def test_dtype_strides_and_zero_rows():
    X = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    X[2] = 0.0
    wide = np.full((4, 20), np.nan, np.float32)
    out = monomials(X, 3, wide[:, ::2])
    assert out.dtype == np.float32
    assert np.shares_memory(out, wide)
    assert np.isnan(wide[:, 1::2]).all()
    assert (out[2] == 0).all()
    assert (out == monomials(np.asfortranarray(X), 3)).all()


def test_weights_are_shared_read_only():
    assert monomial_weights(4, 3) is monomial_weights(4, 3)
    assert not monomial_weights(4, 3).flags.writeable


def test_wrong_out():
    with pytest.raises(DualactError, match=r"out must have shape \(2, 6\).*got \(2, 5\)"):
        monomials(np.ones((2, 3)), 2, np.empty((2, 5)))
