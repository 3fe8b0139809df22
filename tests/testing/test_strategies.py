"""What the strategies draw is what they say, and difficult cases do occur."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import find, given, settings

import dualact as da
from dualact.testing import strategies as st

MANY = settings(max_examples=2000, derandomize=True, database=None)


@given(st.gaussian_pairs(zero=False))
def test_gaussian_pairs_are_covariances(pair):
    assert 1e-6 <= pair.var_u <= 1e4
    assert abs(pair.cov) <= np.sqrt(pair.var_u * pair.var_v)


@given(st.data_matrices(n_features=3))
def test_data_is_finite_and_of_its_shape(X):
    assert X.dtype == np.float64
    assert X.shape[1] == 3
    assert 1 <= len(X) <= 8
    assert np.isfinite(X).all()
    assert np.linalg.norm(X[0]) > 0


@given(st.data_matrices(norms="unit"))
def test_unit_rows(X):
    squares = np.square(X).mean(axis=1)
    np.testing.assert_allclose(squares[squares > 0], 1.0, rtol=1e-9)


def _cosines(X):
    norm = np.linalg.norm(X, axis=1)
    return (X @ X.T / np.maximum(np.outer(norm, norm), 1e-300))[np.triu_indices(len(X), 1)]


def test_difficult_rows_occur():
    three = st.data_matrices(n_features=3)
    find(three, lambda X: not X.all(axis=1).all() and not X[-1].any(), settings=MANY)
    find(
        three,
        lambda X: any(np.array_equal(a, b) and a.any() for a, b in pairwise(X)),
        settings=MANY,
    )
    find(
        three,
        lambda X: any(np.array_equal(a, -b) and a.any() for a, b in pairwise(X)),
        settings=MANY,
    )
    find(three, lambda X: ((_cosines(X) > 1 - 1e-6) & (_cosines(X) < 1 - 1e-14)).any(), settings=MANY)
    find(three, lambda X: np.ptp(np.log10(np.linalg.norm(X[X.any(axis=1)], axis=1))) > 1.5, settings=MANY)


@given(st.networks())
def test_networks_are_legal(network):
    da.plan(network)
    assert da.Network.from_dict(network.to_dict()) == network


def test_every_layer_occurs():
    for kind in (da.LayerNorm, da.Residual):
        find(st.networks(), lambda n, kind=kind: any(isinstance(x, kind) for x in n), settings=MANY)
    find(st.networks(), lambda n: any(isinstance(x, da.Dense) and x.bias_std for x in n), settings=MANY)


@given(st.homogeneous_networks())
def test_homogeneous_networks_have_no_bias(network):
    assert all(x.bias_std == 0 for x in network if isinstance(x, da.Dense))
    assert all(x.activation.homogeneity == 1 for x in network if isinstance(x, da.Act))
