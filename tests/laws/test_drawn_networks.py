"""The laws of kernels over drawn networks and drawn data with difficult rows."""

from __future__ import annotations

import kernel_laws as laws
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as hs

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


@settings(max_examples=8)
@given(st.networks(max_hidden=2), SETS, KINDS)
def test_is_its_series(network, sets, kind):
    laws.is_its_series(da.kernel, network, *sets, kind)


@settings(max_examples=8)
@given(st.networks(max_hidden=2), hs.lists(st.variances(1e-3, 1e3), min_size=1, max_size=5), KINDS)
def test_series_is_positive(network, variances, kind):
    laws.series_is_positive(network, np.array(variances), kind)


@settings(max_examples=4)
@given(st.networks(("relu", "erf", "gelu"), max_hidden=2), KINDS, hs.booleans())
def test_threads_change_no_bit(network, kind, square):
    X = np.random.default_rng(0).standard_normal((500, 3))
    Y = None if square else X[:400] + 1.0
    one, two = (da.kernel(network, X, Y, kind=kind, n_jobs=n) for n in (1, 3))
    assert one.tobytes() == two.tobytes()
