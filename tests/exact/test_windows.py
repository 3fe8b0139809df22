"""Sums over windows: against padding by NumPy and a loop over the places."""

from __future__ import annotations

import numpy as np
import pytest

from dualact import AvgPool, Conv
from dualact.exact.windows import patch_sum, pool_sum
from dualact.network.geometry import window_of

RNG = np.random.default_rng(0)
BOTH = ((0, 3), (1, 4))


def padded(values, window, axes=(0, 1, 3, 4)):
    widths = [(0, 0)] * values.ndim
    for axis, a in zip((0, 1, 0, 1), axes, strict=False):
        widths[a] = (window.low[axis], window.high[axis])
    return np.pad(values, widths, mode="wrap" if window.wrap else "constant")


@pytest.mark.parametrize("shape", [(1, 5), (4, 6), (3, 3), (7, 2)])
@pytest.mark.parametrize("padding", ["same", "valid", "circular"])
@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("s", [1, 2, 3])
def test_sums_over_windows(shape, padding, k, s):
    if padding == "valid" and k > min(shape):
        return
    window = window_of(Conv(k, s, padding), shape)
    values = RNG.standard_normal((*shape, 2, *shape))
    before = values.copy()
    around = padded(values, window)
    places = [window.place(p) for p in window.offsets()]
    found = patch_sum(values, window, BOTH)
    np.testing.assert_allclose(found, sum(around[(*p, slice(None), *p)] for p in places), atol=1e-13)
    assert found.flags.c_contiguous
    assert not np.shares_memory(found, values)
    # equal positions alone: the diagonal, to the bit
    diagonal = np.einsum("hwchw->hwc", values)[:, :, None].copy()
    np.testing.assert_array_equal(
        patch_sum(diagonal, window, ((0,), (1,)))[:, :, 0], np.einsum("hwchw->hwc", found)
    )
    if padding != "circular":
        pool = window_of(AvgPool(k, s, padding), shape)
        expected = sum(around[(*p, slice(None), *q)] for p in places for q in places)
        found = pool_sum(values, pool, BOTH)
        np.testing.assert_allclose(found, expected, atol=1e-12)
        assert not np.shares_memory(found, values)
    np.testing.assert_array_equal(values, before)
