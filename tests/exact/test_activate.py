"""An activation on blocks of pairs: in place, in parts, and by the short way where variances scale out."""

from __future__ import annotations

import numpy as np
import pytest

import dualact as da
from dualact.exact import activate as module
from dualact.exact.activate import activate, scales_out

RNG = np.random.default_rng(0)


def pairs(p, r, c):
    """(p, r, c) covariances and variances of either side; a zero vector and equal ones among them."""
    x, y = RNG.standard_normal((p, r, 5)), RNG.standard_normal((p, c, 5))
    x[0, 0] = 0.0
    y[1 % p, 0] = 3 * x[1 % p, 0]
    cov = x @ y.transpose(0, 2, 1)
    return cov, (x * x).sum(-1)[:, :, None], (y * y).sum(-1)[:, None, :]


@pytest.mark.parametrize("name", ["relu", "normalized_gaussian", "abs", "gelu", "erf", "tanh", "monomial"])
@pytest.mark.parametrize("part", [1, 50, 10**6])
def test_blocks_are_the_dual_of_each_entry(name, part, monkeypatch):
    monkeypatch.setattr(module, "_PART", part)
    act = da.activation(name, **({"power": 2} if name == "monomial" else {}))
    assert scales_out(act) == (name in ("relu", "normalized_gaussian", "abs"))
    for shape in ((4, 3, 5), (1, 6, 4)):
        cov, p, q = pairs(*shape)
        if shape[0] == 1:
            cov, p, q = cov[0], p[0], q[0]
        theta = RNG.standard_normal(cov.shape)
        sigma, slope = cov.copy(), theta.copy()
        activate(act, sigma, slope, p, q)
        size = np.sqrt(da.dual(act, p, p, p) * da.dual(act, q, q, q))
        assert np.all(np.abs(sigma - da.dual(act, cov, p, q)) <= 1e-12 * size)
        np.testing.assert_allclose(slope, theta * da.dual_prime(act, cov, p, q), rtol=1e-6, atol=1e-12)
        again = cov.copy()
        activate(act, again, None, p, q)
        np.testing.assert_array_equal(again, sigma)
