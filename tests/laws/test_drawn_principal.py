"""The laws of leading monomials over drawn networks, rows and weights."""

from __future__ import annotations

import map_laws as maps
import numpy as np
import principal_laws as laws
import pytest
from effort import times
from hypothesis import given
from hypothesis import strategies as hs
from scipy import sparse

import dualact as da
from dualact.testing import strategies as st

KINDS = hs.sampled_from(["nngp", "ntk"])
NUMBERS = hs.integers(0, 2**31)
NAMES = ("relu", "erf", "gelu", "sin", "abs")


def rows(number, n, d, decay=0.8):
    rng = np.random.default_rng(number)
    return rng.standard_normal((n, d)) * decay ** np.arange(d) * rng.uniform(0.5, 2, (n, 1)) + 0.3


@times(0.3)
@given(
    st.networks(NAMES, max_hidden=2),
    st.data_matrices(n_samples=20, n_features=hs.integers(1, 6), norms="unit"),
    KINDS,
    hs.integers(3, 80),
)
def test_is_from_below(network, X, kind, m):
    plan, Z = laws.made(network, X, kind, m)
    laws.is_written_out(network, X, kind, m)
    K = da.kernel(network, X, kind=kind)
    size = max(float(np.diag(K).mean()), 1e-300)
    assert np.linalg.eigvalsh(K - Z @ Z.T)[0] >= -1e-5 * size
    assert plan.used <= m


@times(0.3)
@given(hs.sampled_from(NAMES), hs.integers(2, 9), KINDS, NUMBERS)
def test_is_from_below_on_rows_with_a_direction(name, d, kind, number):
    network = da.mlp(1, name, weight_std=1.3, bias_std=0.4)
    laws.is_from_below(network, rows(number, 30, d), kind, 40)


@times(0.5)
@given(hs.integers(1, 5), hs.floats(0.2, 1), hs.integers(1, 300), hs.integers(0, 4), NUMBERS)
def test_the_largest_are_chosen(p, decay, budget, highest, number):
    rng = np.random.default_rng(number)
    counts = [max(int(rng.integers(0, 4)), int(j == 0)) for j in range(highest + 1)]
    tables = [rng.uniform(0.2, 1, (30, c)) / (j + 1) for j, c in enumerate(counts)]
    u = rng.standard_normal((30, p)) * decay ** np.arange(p)
    u *= (rng.uniform(0.2, 1, 30) / np.linalg.norm(u, axis=1))[:, None]
    u = u[:, np.argsort(-(u**2).mean(axis=0))]
    laws.the_largest_are_chosen(u, tables.__getitem__, budget, highest)


@times(0.5)
@given(hs.integers(1, 40), hs.integers(1, 12), hs.integers(1, 15), hs.booleans(), NUMBERS)
def test_axes_are_principal(n, d, count, as_sparse, number):
    rng = np.random.default_rng(number)
    unit = rng.standard_normal((n, d))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    weights = rng.uniform(0, 2, n) * (rng.random(n) < 0.8)
    weights[0] += 1e-3
    laws.axes_are_principal(sparse.csr_matrix(unit) if as_sparse else unit, weights, count)


@times(0.2)
@given(hs.floats(0.3, 0.6), hs.floats(0, 0.5), KINDS, NUMBERS)
def test_all_of_them_are_the_kernel(weight, bias, kind, number):
    network = da.mlp(1, "sin", weight_std=weight, bias_std=bias)
    laws.all_of_them_are_the_kernel(network, rows(number, 30, 3), kind, 3000, 2e-4)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("name", ["relu", "gelu"])
def test_more_columns_keep_more(name, kind):
    network = da.mlp(1, name, weight_std=1.3, bias_std=0.2)
    laws.more_columns_keep_more(network, rows(1, 60, 8), kind, (1, 2, 8, 50, 200))


@times(0.2)
@given(hs.sampled_from(NAMES), KINDS, hs.integers(1, 120), NUMBERS)
def test_says_what_it_keeps(name, kind, m, number):
    network = da.mlp(1, name, weight_std=1.3, bias_std=0.2)
    laws.says_what_it_keeps(network, rows(number, 30, 6), kind, m, 0.1)


@times(0.2)
@given(
    st.networks(("relu", "erf", "gelu", "sin"), max_hidden=2),
    st.data_matrices(n_samples=12, n_features=6, norms="unit"),
    KINDS,
    hs.sampled_from([1, 64, 201]),
    hs.sampled_from(["f4", "f8"]),
)
def test_maps(network, X, kind, n, dtype):
    X = X.astype(dtype)
    fitted = maps.features(network, X, kind, method="monomials", n_components=n)
    maps.has_all_its_columns(fitted, X)
    maps.rows_do_not_leak(fitted, X)
    maps.is_fixed_by_its_plan(fitted, X)
    maps.keeps_the_type(fitted, X)
