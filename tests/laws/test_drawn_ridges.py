"""The laws of the streaming ridge, over drawn rows, cuts, weights and orders."""

from __future__ import annotations

import numpy as np
import ridge_laws as laws
from hypothesis import given
from hypothesis import strategies as hs

from dualact.testing import strategies as st

ROWS = st.data_matrices(n_samples=hs.integers(6, 20), n_features=4)
SEEDS = hs.integers(0, 2**32 - 1)
ALPHAS = (1e-3, 1e-1, 1.0, 10.0, 1e3)


def targets(X, seed, columns=None):
    shape = (len(X),) if columns is None else (len(X), columns)
    return np.random.default_rng(seed).standard_normal(shape) + 1.0


@given(ROWS, SEEDS, hs.sampled_from([1e-2, 1.0, 100.0]), hs.booleans(), hs.booleans())
def test_is_ridge(X, seed, alpha, intercept, weighted):
    weights = np.random.default_rng(seed).uniform(0, 2, len(X)) if weighted else None
    laws.is_ridge(X, targets(X, seed), alpha, weights, fit_intercept=intercept)


@given(ROWS, SEEDS, hs.lists(hs.integers(0, 6), max_size=5), hs.sampled_from([None, 1, 3]), hs.booleans())
def test_chunks_do_not_count(X, seed, cuts, columns, weighted):
    weights = np.random.default_rng(seed).uniform(0.1, 2, len(X)) if weighted else None
    laws.chunks_do_not_count(X, targets(X, seed, columns), cuts, weights)


@given(ROWS, SEEDS, hs.integers(1, 3), hs.integers(4, 5))
def test_merging_is_a_monoid(X, seed, a, b):
    laws.merging_is_a_monoid(X, targets(X, seed), [a, b])


@given(ROWS, SEEDS)
def test_order_does_not_count(X, seed):
    laws.order_does_not_count(X, targets(X, seed), np.random.default_rng(seed).permutation(len(X)))


@given(ROWS, SEEDS, hs.sampled_from([(1.0,), ALPHAS]))
def test_weights_are_repetitions(X, seed, alphas):
    counts = np.random.default_rng(seed).integers(0, 4, len(X))
    counts[:2] = 2
    laws.weights_are_repetitions(X, targets(X, seed), counts, alphas)


@given(ROWS, SEEDS)
def test_targets_are_linear(X, seed):
    laws.targets_are_linear(X, targets(X, seed), targets(X, seed + 1))


@given(ROWS, SEEDS, hs.floats(-10, 10))
def test_an_offset_does_not_count(X, seed, offset):
    laws.an_offset_does_not_count(X, targets(X, seed), offset)


@given(ROWS, SEEDS)
def test_alphas_shrink(X, seed):
    laws.alphas_shrink(X, targets(X, seed))


@given(SEEDS, hs.booleans(), hs.integers(20, 40))
def test_gcv_is_its_definition(seed, intercept, n):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 5))
    y = X @ rng.standard_normal(5) + rng.standard_normal(n)
    laws.gcv_is_its_definition(X, y, ALPHAS, intercept)


@given(ROWS, SEEDS, hs.sampled_from([1e-2, 1.0]))
def test_deviations(X, seed, alpha):
    laws.deviations_are_those_of_the_gaussian_process(X, targets(X, seed), alpha)
