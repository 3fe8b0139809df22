"""The laws of dualact.testing, on activations of every make: closed, computed, kinked, even, odd."""

from __future__ import annotations

import numpy as np

import dualact as da
from dualact.testing import check_activation
from dualact.testing.laws import LAWS

NAMES = (
    ("relu", {}),
    ("leaky_relu", {"slope": 0.1}),
    ("erf", {}),
    ("gelu", {}),
    ("sin", {"phase": 0.3}),
    ("exp", {"amplitude": 0.5, "rate": -0.4}),
    ("gaussian", {}),
    ("monomial", {"power": 3}),
    ("hard_tanh", {}),
    ("tanh", {}),
)


def _law(name):
    def run():
        for act, params in NAMES:
            report = check_activation(da.activation(act, **params), laws=[name])
            assert not report.failed, str(report)

    return run


def _names_mean_what_they_say():
    t = np.array([-2.0, -0.5, 0.0, 0.5, 3.0])
    np.testing.assert_allclose(da.activation("leaky_relu", slope=0.1)(t), np.where(t > 0, t, 0.1 * t))
    np.testing.assert_allclose(da.activation("relu")(t), np.maximum(t, 0))
    np.testing.assert_allclose(da.activation("monomial", power=3)(t), t**3)
    np.testing.assert_allclose(da.activation("sin", amplitude=2, phase=0.3)(t), 2 * np.sin(t + 0.3))


def _listed_coefficients():
    """The convention, pinned by values: a_k of ReLU and erf at unit variance."""
    relu = [0.398942, 0.5, 0.282095, 0, -0.081434]
    np.testing.assert_allclose(da.hermite("relu", 1.0, 4), relu, atol=1e-6)
    mine = da.from_function("mine", lambda t: np.maximum(t, 0.0), (0.0,))
    np.testing.assert_allclose(da.hermite(mine, 1.0, 4), relu, atol=1e-6)
    np.testing.assert_allclose(da.hermite("erf", 1.0, 3), [0, 0.651470, 0, -0.177308], atol=1e-6)
    np.testing.assert_allclose(da.hermite(mine, 4.0, 4), 2 * np.array(relu), atol=2e-6)


def _slopes_of_coefficients():
    """a_k(φ′; q) = √(k+1)/√q·a_{k+1}(φ; q), and Σ a_k(φ′)² is E φ′²."""
    from dualact.nonlinearity.coefficients import hermite_prime

    for name in ("relu", "gelu", "erf", "tanh"):
        for q in (0.3, 1.0, 4.0):
            a, b = da.hermite(name, q, 21), hermite_prime(name, q, 20)
            want = np.sqrt(np.arange(1, 22) / q) * a[1:]
            np.testing.assert_allclose(b, want, rtol=0, atol=1e-9)
            assert (b**2).sum() <= da.dual_prime(name, q, q, q) * (1 + 1e-9)


def _pairs_at_the_edges():
    """Zero variances, ρ = ±1, and covariances that are none."""
    import pytest

    for name in ("relu", "erf", "gelu", "tanh", "abs"):
        act = da.activation(name)
        for p, q in ((1.0, 1.0), (1.0, 4.0), (1e-6, 1e4)):
            bound = np.sqrt(p * q)
            together, against = (float(da.dual(act, s * bound, p, q)) for s in (1, -1))
            x, w = np.polynomial.hermite_e.hermegauss(180)
            w = w / w.sum()
            if max(p, q) < 10:
                assert abs(together - w @ (act(np.sqrt(p) * x) * act(np.sqrt(q) * x))) < 2e-3 * bound
                assert abs(against - w @ (act(np.sqrt(p) * x) * act(-np.sqrt(q) * x))) < 2e-3 * bound
        assert abs(da.dual(act, 0.0, 0.0, 1.0) - act(np.zeros(1))[0] * da.hermite(act, 1.0, 0)[0]) < 1e-12
        with pytest.raises(da.DualactError, match="at most sqrt"):
            da.dual(act, 1.1, 1.0, 1.0)
        with pytest.raises(da.DualactError, match="finite and >= 0"):
            da.dual(act, 0.0, -1.0, 1.0)
    jump = da.from_function("jump", lambda t: np.where(t > 0, 1.0, 0.0), (0.0,))
    assert abs(da.dual(jump, 0.0, 0.0, 1.0) - 0.25) < 1e-12
    half = da.dual_prime("relu", 0.0, 0.0, 1.0)  # the slope at a kink is the mean of both sides
    assert abs(half - 0.25) < 1e-12


CASES = {f"activation: {name}": _law(name) for name in LAWS}
CASES |= {
    "activation: names_mean_what_they_say": _names_mean_what_they_say,
    "activation: listed_coefficients": _listed_coefficients,
    "activation: slopes_of_coefficients": _slopes_of_coefficients,
    "activation: pairs_at_the_edges": _pairs_at_the_edges,
}
