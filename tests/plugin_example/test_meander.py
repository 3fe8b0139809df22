"""What the author of a plugin writes: two lines for every law, and drawn networks for what is special."""

from __future__ import annotations

import numpy as np
from dualact_plugin_example.bent_identity import bent_identity
from dualact_plugin_example.meander import meander
from hypothesis import given, settings

import dualact as da
from dualact.testing import strategies as st

ACTIVATIONS = [meander(), meander(bend=0.5), bent_identity(), bent_identity(slope=0.1)]


def not_yet(act):
    """The checks that are known to fail, and why; none."""
    return {}


@da.testing.parametrize_with_activation_checks(ACTIVATIONS, expected_failed_checks=not_yet)
def test_laws(act, check):
    check(act)


@settings(max_examples=10, deadline=None)
@given(st.gaussian_pairs(1e-6, 1e2))
def test_the_slope_is_at_most_two(pair):
    """0 ≤ φ′ ≤ 2 for meander, so E φ′φ′ is in [0, 4]."""
    assert 0 <= da.dual_prime(meander(), *pair) <= 4


@settings(max_examples=5, deadline=None)
@given(st.networks([meander(), "relu"], max_hidden=2), st.data_matrices(n_features=3))
def test_networks(network, X):
    K = da.kernel(network, X)
    assert np.linalg.eigvalsh(K)[0] >= -1e-7 * np.trace(K)


def test_it_is_found_by_name():
    assert da.activation("meander", bend=4) == meander(bend=4) or da.activation("meander").registered
