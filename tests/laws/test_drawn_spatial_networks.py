"""The laws of kernels of spatial networks, over drawn networks and images."""

from __future__ import annotations

import numpy as np
import spatial_laws as laws
from effort import times
from hypothesis import given
from hypothesis import strategies as hs

import dualact as da
from dualact.testing import strategies as st

KINDS = hs.sampled_from(["nngp", "ntk"])


def drawn(**options):
    """Pairs of a network and inputs for it."""
    return st.spatial_networks(**options).flatmap(lambda n: hs.tuples(hs.just(n), st.images(n)))


@given(drawn(), KINDS)
def test_symmetric_and_positive(case, kind):
    laws.symmetric_and_positive(da.kernel, *case, kind)


@given(drawn())
def test_ntk_exceeds_nngp(case):
    laws.ntk_exceeds_nngp(da.kernel, *case)


@times(0.8)
@given(drawn(names=("relu", "erf", "normalized_gaussian"), max_hidden=1), KINDS)
def test_is_the_double_loop(case, kind):
    network, X = case
    laws.is_the_double_loop(da.kernel, network, X[:2], kind)


@times(0.67)
@given(drawn(), KINDS)
def test_rows_do_not_leak(case, kind):
    laws.rows_do_not_leak(da.kernel, *case, kind)


@times(0.67)
@given(drawn(), KINDS)
def test_permutation_equivariant(case, kind):
    laws.permutation_equivariant(da.kernel, *case, kind)


@times(0.67)
@given(drawn(), KINDS)
def test_channels_may_turn(case, kind):
    laws.channels_may_turn(da.kernel, *case, kind)


@times(0.67)
@given(drawn(padding=("circular",), strides=False, pools=False), KINDS)
def test_circular_shift_together(case, kind):
    laws.circular_shift_together(da.kernel, *case, kind)


@times(0.67)
@given(drawn(padding=("circular",), strides=False, pools=False, head="gap"), KINDS)
def test_circular_shift_apart(case, kind):
    laws.circular_shift_apart(da.kernel, *case, kind)


@given(
    st.networks(("relu", "erf", "gelu", "abs")),
    st.data_matrices(),
    KINDS,
    hs.integers(1, 3),
    hs.sampled_from([da.Flatten(), da.GlobalAvgPool()]),
)
def test_one_position_is_dense(network, X, kind, size, head):
    laws.one_position_is_dense(da.kernel, network, X, kind, size, head)


@times(0.67)
@given(st.networks(("relu", "erf", "tanh")), KINDS, hs.integers(0, 2**32 - 1))
def test_flattened_first_is_dense(network, kind, seed):
    X = np.random.default_rng(seed).standard_normal((3, 2, 3, 2))
    laws.flattened_first_is_dense(da.kernel, network, X, kind)


@times(0.67)
@given(drawn(names=("relu", "leaky_relu", "abs", "normalized_gaussian"), bias=False, layer_norm=False), KINDS)
def test_homogeneous(case, kind):
    laws.homogeneous(da.kernel, *case, kind)


@times(0.67)
@given(drawn(), KINDS)
def test_is_its_own_diagonal(case, kind):
    laws.is_its_own_diagonal(da.kernel, da.kernel_diag, *case, kind)


@times(0.27)
@given(drawn(), KINDS)
def test_threads_change_no_bit(case, kind):
    network, X = case
    X = np.concatenate([X, 0.5 * X, X + 1.0])
    one, three = (da.kernel(network, X, kind=kind, n_jobs=n) for n in (1, 3))
    assert one.tobytes() == three.tobytes()
