"""Functions whose derivative is not square-integrable have an NNGP and no NTK, and every floor says so."""

from __future__ import annotations

import math

import numpy as np
import pytest

import dualact as da
from dualact.errors import DualactError, NetworkError, PluginError
from dualact.nonlinearity.coefficients import hermite_prime
from dualact.nonlinearity.contract import Activation

REASON = r"is so steep at 1 that E phi'\(u\)\^2 is infinite"
ROOT = da.from_function("root", lambda t: np.sqrt(np.abs(t - 1)), (1.0,))
CUSP = da.from_function("cusp", lambda t: np.abs(t) ** 0.75, (0.0,))
DECLARED = Activation("declared", np.tanh, derivative_limit=0.0)
LIMITED = Activation("limited", np.tanh, derivative_limit=2.0)


def test_refused_where_it_is_asked_for():
    for call in (lambda: da.dual_prime(ROOT, 0.1, 1.0, 1.0), lambda: hermite_prime(ROOT, 1.0, 3)):
        with pytest.raises(
            DualactError, match=rf"activation 'root' {REASON}; it has no dual_prime and no NTK"
        ):
            call()
    with pytest.raises(DualactError, match=r"'declared' has E phi'\(u\)\^2 = infinity at every variance"):
        da.dual_prime(DECLARED, 0.1, 1.0, 1.0)


def test_refused_when_planning():
    network = da.mlp(2, ROOT)
    with pytest.raises(
        NetworkError,
        match=rf"^layer 1 \(Act\(.*root.*\): 'root' {REASON}, and the network has no NTK\. Ask for",
    ):
        da.plan(network, kind="ntk")
    assert "NNGP" in str(da.plan(network, kind="nngp"))
    assert "NTK" in str(da.plan(da.mlp(1, CUSP), kind="ntk"))


def test_the_nngp_is_there():
    # E |u - 1|: the square of the root
    z = math.erf(1 / math.sqrt(2)) + math.sqrt(2 / math.pi) * math.exp(-0.5)
    assert float(da.dual(ROOT, 1.0, 1.0, 1.0)) == pytest.approx(z, abs=1e-12)


def test_a_finite_limit_bounds_the_derivative_alone():
    assert np.isfinite(da.dual_prime(LIMITED, 0.1, 1.9, 1.0))
    assert np.isfinite(da.dual(LIMITED, 0.1, 3.0, 1.0))
    with pytest.raises(
        DualactError, match=r"E phi'\(u\)\^2 is finite for variances below 2 only. Got var_u 3"
    ):
        da.dual_prime(LIMITED, 0.1, 3.0, 1.0)
    with pytest.raises(PluginError, match=r"derivative_limit must be 0 or more. Got -1"):
        Activation("wrong", np.tanh, derivative_limit=-1)


@pytest.mark.parametrize(
    ("phi", "at", "there_is_none"),
    [
        (lambda t: np.maximum(t, 0), 0.0, False),
        (lambda t: np.abs(t + 2) ** 0.5, -2.0, True),
        (lambda t: 100 + np.maximum(t - 3, 0) ** 0.4, 3.0, True),
        (lambda t: np.maximum(t - 3, 0) ** 0.55, 3.0, False),
        (lambda t: 1e6 * np.tanh(t), 0.0, False),
    ],
)
def test_what_counts_as_too_steep(phi, at, there_is_none):
    act = Activation("mine", phi, breakpoints=(at,))
    assert not act.jumps
    assert ("so steep" in act.without_ntk) == there_is_none


def test_a_jump_is_the_first_reason():
    act = Activation("step", lambda t: (t > 0) * 1.0, breakpoints=(0.0,))
    assert act.without_ntk == "jumps at 0, so it has no derivative"
    assert da.activations(load=True)["sign"].kernels == ("nngp",)
    assert da.activations(load=True)["gelu"].kernels == ("nngp", "ntk")
