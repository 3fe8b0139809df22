"""The laws of kernels over drawn networks and drawn data with difficult rows."""

from __future__ import annotations

import kernel_laws as laws
import numpy as np
from effort import times
from hypothesis import given, reject
from hypothesis import strategies as hs
from oracles import finite_networks

import dualact as da
from dualact.testing import strategies as st

KINDS = hs.sampled_from(["nngp", "ntk"])
NETWORKS = st.networks()
SETS = hs.integers(1, 5).flatmap(
    lambda d: hs.tuples(st.data_matrices(n_features=d), st.data_matrices(n_features=d))
)


@given(NETWORKS, st.data_matrices(), KINDS)
def test_symmetric_and_positive(network, X, kind):
    laws.symmetric_and_positive(da.kernel, network, X, kind)


@given(NETWORKS, st.data_matrices())
def test_ntk_exceeds_nngp(network, X):
    laws.ntk_exceeds_nngp(da.kernel, network, X)


@given(NETWORKS, SETS, KINDS)
def test_cauchy_schwarz(network, sets, kind):
    laws.cauchy_schwarz(da.kernel, network, *sets, kind)


@given(NETWORKS, SETS, KINDS)
def test_rotation_invariant(network, sets, kind):
    laws.rotation_invariant(da.kernel, network, *sets, kind)


@given(NETWORKS, SETS, KINDS)
def test_rows_do_not_leak(network, sets, kind):
    laws.rows_do_not_leak(da.kernel, network, *sets, kind)


@given(NETWORKS, st.data_matrices(), KINDS)
def test_permutation_equivariant(network, X, kind):
    laws.permutation_equivariant(da.kernel, network, X, kind)


@given(st.homogeneous_networks(), SETS, KINDS)
def test_homogeneous(network, sets, kind):
    laws.homogeneous(da.kernel, network, *sets, kind)


@given(
    st.networks(layer_norm=False, max_hidden=2),
    st.networks(layer_norm=False, max_hidden=2),
    st.data_matrices(),
)
def test_composes(first, second, X):
    laws.composes(da.kernel, first, second, X)


@given(NETWORKS, SETS, KINDS)
def test_is_the_recursion(network, sets, kind):
    laws.is_the_recursion(da.kernel, network, *sets, kind)


@times(0.53)
@given(st.networks(max_hidden=2), SETS, KINDS)
def test_is_its_series(network, sets, kind):
    laws.is_its_series(da.kernel, network, *sets, kind)


@times(0.53)
@given(st.networks(max_hidden=2), hs.lists(st.variances(1e-3, 1e3), min_size=1, max_size=5), KINDS)
def test_series_is_positive(network, variances, kind):
    laws.series_is_positive(network, np.array(variances), kind)


@times(0.53)
@given(st.networks(max_hidden=2), hs.lists(st.variances(1e-2, 1e2), min_size=1, max_size=4), KINDS)
def test_truncation_does_not_count(network, variances, kind):
    laws.truncation_does_not_count(network, np.array(variances), kind)


@times(0.27)
@given(st.networks(("relu", "erf", "gelu"), max_hidden=2), KINDS, hs.booleans())
def test_threads_change_no_bit(network, kind, square):
    X = np.random.default_rng(0).standard_normal((500, 3))
    Y = None if square else X[:400] + 1.0
    one, two = (da.kernel(network, X, Y, kind=kind, n_jobs=n) for n in (1, 3))
    assert one.tobytes() == two.tobytes()


@given(NETWORKS, st.data_matrices(), KINDS)
def test_is_its_own_diagonal(network, X, kind):
    laws.is_its_own_diagonal(da.kernel, da.kernel_diag, network, X, kind)


@times(0.67)
@given(NETWORKS, st.data_matrices(norms="unit"), KINDS)
def test_sees_values_only(network, X, kind):
    laws.sees_values_only(da.kernel, network, X, kind)


@times(0.67)
@given(
    st.networks(("relu", "erf", "gelu", "abs", "sin", "leaky_relu"), max_hidden=2),
    hs.floats(-0.9, 0.9),
    hs.floats(0.3, 3),
)
def test_ntk_is_the_derivative(network, rho, scale):
    x, y = np.array([1.0, 0.0]), scale * np.array([rho, np.sqrt(1 - rho**2)])
    try:
        laws.ntk_is_the_derivative(da.kernel, network, x, y)
    except laws.TooNear:
        reject()


@times(0.2)
@given(
    st.networks(("erf", "gelu", "sin"), max_hidden=2, layer_norm=False),
    st.data_matrices(n_samples=3, n_features=3, norms="unit"),
    KINDS,
)
def test_is_the_limit_of_finite_networks(network, X, kind):
    """Inner products of gradients (or outputs) of 60 random networks of width 256."""
    mean, error = finite_networks(network, X, kind, 256, 60, 7)
    K = da.kernel(network, X, kind=kind)
    scale = np.sqrt(np.outer(np.diag(K), np.diag(K)))
    assert np.all(np.abs(mean - K) <= 6 * error + 0.03 * scale)
