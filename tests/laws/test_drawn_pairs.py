"""Duals of every registered activation at drawn pairs: collinear, of zero, tiny and huge variance."""

from __future__ import annotations

import numpy as np
import pytest
from effort import times
from hypothesis import given
from test_registered_activations import ACTIVATIONS

import dualact as da
from dualact.testing import strategies as st
from dualact.testing.points import wild

# Computed duals take milliseconds each, and seconds where φ oscillates over thousands of panels.
CLOSED = [act for act in ACTIVATIONS if act.dual is not None and (act.dual_prime is not None or act.jumps)]
COMPUTED = [act for act in ACTIVATIONS if act not in CLOSED]


def ident(act):
    return f"{act.name}({','.join(map(str, act.params.values()))})"


def looks_right(act, pair):
    """Symmetric, finite, at most √(Eφ(u)²·Eφ(v)²), and hermite(…)[0] is the mean."""
    for dual in [da.dual] + ([] if act.without_ntk else [da.dual_prime]):
        with np.errstate(over="ignore"):
            value = dual(act, *pair)
            ends = [float(dual(act, v, v, v)) for v in pair[1:]]
        assert not np.isnan(value)
        if np.isinf(ends).any():  # exp at a variance of 1e4 is beyond float64
            return
        bound = np.sqrt(ends[0]) * np.sqrt(ends[1])
        assert abs(value) <= bound * (1 + 1e-8) + 1e-300
        assert abs(dual(act, pair.cov, pair.var_v, pair.var_u) - value) <= 1e-10 * bound + 1e-300
    # uncorrelated: the product of the means
    means = da.hermite(act, pair[1:], 0)[:, 0]
    apart = da.dual(act, 0.0, *pair[1:])
    bound = np.sqrt(float(da.dual(act, *[pair.var_u] * 3)) * float(da.dual(act, *[pair.var_v] * 3)))
    assert abs(apart - means[0] * means[1]) <= 1e-9 * bound + 1e-300


@pytest.mark.parametrize("act", CLOSED, ids=ident)
@times(0.53)
@given(pair=st.gaussian_pairs(1e-10, 1e4))
def test_closed_forms(act, pair):
    try:
        looks_right(act, pair)
    except da.DualactError:  # outside of the domain of this activation
        assert max(pair[1:]) >= act.variance_limit


@pytest.mark.parametrize("act", COMPUTED, ids=ident)
@times(0.2)
@given(pair=st.gaussian_pairs(1e-6, 100.0))
def test_computed(act, pair):
    if wild(act, max(pair[1:])):
        return
    looks_right(act, pair)
