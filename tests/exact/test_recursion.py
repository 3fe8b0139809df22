"""The recursion by itself: what is traced, and how pairs are kept collinear."""

from __future__ import annotations

import numpy as np
import pytest

import dualact as da
from dualact import Act, Dense, LayerNorm, Network, Residual
from dualact.exact.recursion import propagate, snap_collinear, trace_variances

DEEP = Network(
    [Dense(2.0, 1.0), LayerNorm(), Act("relu"), Dense(3.0), Residual([Act("abs"), Dense(0.5, 1.0)]), Dense()]
)


def test_the_trace_has_one_variance_for_each_act_and_layer_norm():
    start = np.array([0.0, 0.5, 2.0])
    trace = trace_variances(DEEP.layers, start, True)
    first = 4 * start + 1
    np.testing.assert_allclose(trace.variances[0], first)  # enters LayerNorm
    np.testing.assert_array_equal(trace.variances[1], np.ones(3))  # enters relu
    np.testing.assert_allclose(trace.variances[2], np.full(3, 4.5))  # 9·½ enters abs
    assert len(trace.variances) == 3
    # residual: 4.5 + (¼·4.5 + 1); the read-out keeps it
    np.testing.assert_allclose(trace.sigma, np.full(3, 6.625))
    assert trace_variances(DEEP.layers, start, False).theta is None
    # Θ by hand: Dense 1: v; LayerNorm: 1; relu: ½; Dense: 9/2 + 4.5; branch: |·|' ² = 1, ¼·9 + 2.125; Dense
    np.testing.assert_allclose(trace.theta, np.full(3, 9 + 4.375 + 6.625))
    np.testing.assert_array_equal(start, [0.0, 0.5, 2.0])


def test_pairs_on_the_diagonal_are_the_trace():
    start = np.array([0.1, 0.5, 2.0])
    trace = trace_variances(DEEP.layers, start, True)
    again = propagate(DEEP.layers, start.copy(), trace.variances, trace.variances, True)
    np.testing.assert_allclose(again, trace.theta, rtol=1e-15)
    covariance = propagate(DEEP.layers, start.copy(), trace.variances, trace.variances, False)
    np.testing.assert_allclose(covariance, trace.sigma, rtol=1e-15)


def test_pairs_broadcast():
    rows, columns = np.array([1.0, 2.0]), np.array([0.5, 3.0, 4.0])
    u, v = (trace_variances(DEEP.layers, s, True).variances for s in (rows, columns))
    cov = 0.3 * np.sqrt(np.outer(rows, columns))
    K = propagate(DEEP.layers, cov.copy(), tuple(p[:, None] for p in u), tuple(q[None] for q in v), True)
    assert K.shape == (2, 3)
    one = propagate(
        DEEP.layers, cov[1:, 2:], tuple(p[1:, None] for p in u), tuple(q[None, 2:] for q in v), True
    )
    np.testing.assert_allclose(one[0, 0], K[1, 2], rtol=1e-14)


def test_messages_name_the_input():
    network = Network([Dense(), Act("gaussian", rate=0.25)])
    for name in ("X", "Y"):
        with pytest.raises(da.NetworkError, match=rf"at row 1 of {name}; .* below 1 only\. Scale {name} or"):
            trace_variances(network.layers, np.array([0.5, 1.0]), True, name)


def test_collinear_to_rounding_is_collinear():
    variances = np.array([1.0, 2.0, 1e-300, 1e300, 0.0])
    eps = np.finfo(float).eps
    for factor in (1 - 4 * eps, 1 + 4 * eps):
        snapped = snap_collinear(factor * variances, variances, variances)
        np.testing.assert_array_equal(snapped, variances)
        np.testing.assert_array_equal(snap_collinear(-factor * variances, variances, variances), -variances)


def test_what_is_not_collinear_stays():
    cov = np.array([1 - 1e-14, 0.5, 0.0, -0.3])
    assert snap_collinear(cov, np.ones(4), np.ones(4)) is cov


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_products_of_variances_may_leave_the_range(scale):
    cov = scale * np.array([0.5, 1 - 1e-15, -1.0])
    snapped = snap_collinear(cov, np.full(3, scale), np.full(3, scale))
    np.testing.assert_array_equal(snapped, scale * np.array([0.5, 1.0, -1.0]))
