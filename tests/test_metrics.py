"""The figures of merit: against their definitions, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import dualact as da
from dualact.metrics import effective_dimension, relative_error, spectral_error

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((12, 5))
K = Z @ Z.T + 0.1 * np.eye(12)


def test_relative_error_is_the_frobenius_norm():
    residual = K - Z @ Z.T
    assert relative_error(K, Z) == pytest.approx(np.sqrt((residual**2).sum() / (K**2).sum()), rel=1e-14)
    assert relative_error(K, Z) == pytest.approx(0.1 * np.sqrt(12) / np.linalg.norm(K))
    assert relative_error(K, np.zeros((12, 1))) == 1.0
    assert relative_error(K, np.linalg.cholesky(K)) < 1e-15
    assert relative_error(9 * K, 3 * Z) == pytest.approx(relative_error(K, Z))


@pytest.mark.parametrize("ridge", [1e-3, 1.0, 100.0])
def test_spectral_error_is_the_smallest_epsilon(ridge):
    W = Z + 0.1 * RNG.standard_normal(Z.shape)
    error = spectral_error(K, W, ridge)
    A, B = K + ridge * np.eye(12), W @ W.T + ridge * np.eye(12)
    slack = 1e-9 * np.linalg.norm(A)

    def holds(epsilon):
        below, above = np.linalg.eigvalsh(B - (1 - epsilon) * A), np.linalg.eigvalsh((1 + epsilon) * A - B)
        return below.min() > -slack and above.min() > -slack

    assert holds(error)
    assert not holds(0.99 * error)
    assert spectral_error(9 * K, 3 * W, 9 * ridge) == pytest.approx(error)


def test_spectral_error_of_known_matrices():
    assert spectral_error(np.eye(3), np.eye(3), 0.5) == pytest.approx(0, abs=1e-15)
    assert spectral_error(np.eye(3), np.zeros((3, 1)), 0.5) == pytest.approx(2 / 3)
    assert spectral_error(np.eye(2), 2 * np.eye(2), 1.0) == pytest.approx(1.5)  # an embedding may exceed 1


def test_effective_dimension_is_the_trace():
    for ridge in (0.01, 1.0, 30.0):
        expected = np.trace(K @ np.linalg.inv(K + ridge * np.eye(12)))
        assert effective_dimension(K, ridge) == pytest.approx(expected)
    assert effective_dimension(np.diag([1.0, 0.0]), 1e-12) == pytest.approx(1.0)
    assert effective_dimension(np.diag([1.0, -1e-14]), 1e-20) == pytest.approx(1.0)  # rounding below zero
    assert effective_dimension(K, 1e-3) > effective_dimension(K, 1.0)
    assert effective_dimension(7 * K, 7 * 0.3) == pytest.approx(effective_dimension(K, 0.3))


def test_any_number_array_will_do():
    assert relative_error([[1, 0], [0, 1]], [[1], [0]]) == pytest.approx(np.sqrt(0.5))
    single = relative_error(K.astype("f4"), Z.astype("f4"))
    assert isinstance(single, float)
    assert single == pytest.approx(relative_error(K, Z), rel=1e-5)
    assert spectral_error(np.eye(2), np.eye(2), np.float32(1)) == pytest.approx(0, abs=1e-14)


@pytest.mark.parametrize("wrong", [np.ones((2, 3)), np.ones(4), np.ones((0, 0)), 3.0])
def test_kernels_are_square(wrong):
    for name, call in {
        "relative_error": lambda: relative_error(wrong, Z),
        "spectral_error": lambda: spectral_error(wrong, Z, 1.0),
        "effective_dimension": lambda: effective_dimension(wrong, 1.0),
    }.items():
        with pytest.raises(
            da.DualactError, match=rf"^{name}: K must be a square kernel matrix\. Got shape \("
        ):
            call()


@pytest.mark.parametrize("wrong", [np.ones((11, 2)), np.ones(12), np.ones((12, 2, 2))])
def test_features_have_the_rows_of_the_kernel(wrong):
    sentence = r"Z must be features of shape \(12, m\), one row per row of K\. Got \("
    with pytest.raises(da.DualactError, match="relative_error: " + sentence):
        relative_error(K, wrong)
    with pytest.raises(da.DualactError, match="spectral_error: " + sentence):
        spectral_error(K, wrong, 1.0)


@pytest.mark.parametrize("ridge", [0.0, -1.0, np.nan, np.inf, "1", None, True, np.array([1.0])])
def test_ridges_are_positive_numbers(ridge):
    with pytest.raises(da.DualactError, match=r"spectral_error: ridge must be a positive number\. Got "):
        spectral_error(K, Z, ridge)
    with pytest.raises(da.DualactError, match=r"effective_dimension: ridge must be a positive number\. Got "):
        effective_dimension(K, ridge)


def test_what_has_no_answer_is_refused():
    with pytest.raises(
        da.DualactError, match="relative_error: K is zero, so there is nothing to be relative to"
    ):
        relative_error(np.zeros((12, 12)), Z)
    with pytest.raises(
        da.DualactError,
        match=r"spectral_error: K \+ λI is not positive definite at λ=0\.1; K must be positive",
    ):
        spectral_error(-K, Z, 0.1)
    hole = K.copy()
    hole[3, 3] = np.nan
    for call in (
        lambda: relative_error(hole, Z),
        lambda: spectral_error(hole, Z, 1.0),
        lambda: effective_dimension(hole, 1.0),
    ):
        with pytest.raises(da.DualactError, match=r"_.*: K must be finite"):
            call()
    with pytest.raises(da.DualactError, match="relative_error: Z must be finite"):
        relative_error(K, np.where(Z > 2, np.nan, np.inf))
