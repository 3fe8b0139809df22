"""Arithmetic of truncated series: products, polynomials, outer series moved to another place."""

import math

import numpy as np
import pytest

from dualact.sketch.composition import (
    _NEAR_ZERO,
    _polynomial,
    _shifted,
    _shifted_near_zero,
    compose,
    multiply,
    terms_needed,
)


def test_multiply_is_the_product_of_series():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 6, 2, 3))
    b[2] = 0.0
    found = multiply(a, b)
    for r in range(2):
        for c in range(3):
            assert np.allclose(found[:, r, c], np.convolve(a[:, r, c], b[:, r, c])[:6])


@pytest.mark.parametrize("degree", range(10))
def test_polynomial_in_a_series(degree):
    rng = np.random.default_rng(degree)
    coefficients = rng.standard_normal((degree + 1, 2, 2))
    wave = rng.standard_normal((degree + 1, 2, 2))
    wave[0] = 0.0
    expected, power = np.zeros_like(wave), np.zeros_like(wave)
    power[0] = 1.0
    for coefficient in coefficients:
        expected += coefficient * power
        power = multiply(power, wave)
    assert np.allclose(_polynomial(coefficients, wave), expected)


@pytest.mark.parametrize("place", [0.0, 1e-12, 9e-6, -9e-6, 1.1e-5, 1e-3, 0.3, -0.4, 0.7])
def test_expansion_moved_to_another_place(place):
    """Near zero and elsewhere by different roads: both are Σ_j C(j, i) A_j u_0^{j−i}."""
    terms, count = 120, 20
    A = np.random.default_rng(0).uniform(0.5, 1.5, (terms, 2)) / np.arange(1, terms + 1)[:, None]
    found = (_shifted_near_zero if abs(place) < _NEAR_ZERO else _shifted)(A, np.full(2, place), count)
    for n in range(2):
        for i in range(count):
            expected = math.fsum(math.comb(j, i) * A[j, n] * place ** (j - i) for j in range(i, terms))
            assert found[i, n] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("degree", [0, 1, 2, 7])
def test_composition_of_the_exponential(degree):
    """exp(c (u_0 + ρ)) in powers of ρ, at constants of every size."""
    constants = np.array([[0.0, 1e-7, 1e-3], [0.2, -0.5, 0.97]])
    u = np.zeros((degree + 1, 2, 3))
    u[0] = constants
    u[1:2] = 1.0
    terms = terms_needed(u, 400)
    root = np.array([1 / math.sqrt(math.factorial(j)) if j < 150 else 0.0 for j in range(terms + 1)])
    left, right = np.array([0.5, 1.0]), np.array([1.0, 1.5, 0.7])
    powers = np.arange(terms + 1)
    rows, columns = root * left[:, None] ** powers, root * right[:, None] ** powers
    found = compose(rows, columns, u, lambda i, j: np.exp(left[i] * right[j] * constants[i, j]))
    c = np.outer(left, right)
    for k in range(degree + 1):
        assert np.allclose(found[k], np.exp(c * constants) * c**k / math.factorial(k), rtol=1e-13)


def test_terms_grow_with_the_constant_up_to_the_limit():
    u = np.zeros((17, 1, 1))
    needed = []
    for constant in (0.0, 0.01, 0.4, 0.6, 0.9, 0.99):
        u[0] = constant
        needed.append(terms_needed(u, 1000))
    assert needed == sorted(needed)
    assert needed[0] == 19
    assert needed[-1] == 1000
    for constant, terms in zip((0.01, 0.4, 0.6, 0.9), needed[1:], strict=False):
        assert math.comb(terms, 16) * constant**terms < 1e-11


def test_what_is_cut_at_the_constant_is_replaced():
    """Σ_j ρ^j/(j + 1)^{3/2} at u_0 = 1 − 1e-6: 400 terms are not enough, and the sum itself is given."""
    u = np.zeros((3, 1, 2))
    u[0, 0] = [1 - 1e-6, 0.2]
    u[1] = 1e-7
    terms = terms_needed(u, 400)
    assert terms == 400
    a = (np.arange(terms + 1) + 1.0)[None] ** -0.75
    found = compose(a, np.repeat(a, 2, axis=0), u, lambda i, j: np.array([2.6]))
    assert found[0, 0, 0] == 2.6
    assert found[0, 0, 1] == pytest.approx(sum(0.2**j * (j + 1) ** -1.5 for j in range(60)), rel=1e-12)
