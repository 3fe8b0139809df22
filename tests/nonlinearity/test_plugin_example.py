"""The example distribution in tests/plugin_example, from its metadata to its numbers."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from dualact.errors import PluginError, PluginWarning
from dualact.nonlinearity.discovery import scan
from dualact.nonlinearity.store import Store
from dualact.testing import check_activation


@pytest.fixture
def store(plugin_example):
    return Store(lambda: scan([str(plugin_example)]))


def product_rule(f, cov, var_u, var_v, nodes=80):
    """E f(u, v) by a tensor Gauss-Hermite rule: enough for functions that are entire."""
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    w = w / w.sum()
    u = np.sqrt(var_u) * x[:, None]
    v = cov / np.sqrt(var_u) * x[:, None] + np.sqrt(var_v - cov**2 / var_u) * x[None, :]
    return w @ f(u, v) @ w


@pytest.mark.parametrize("bend", [1.0, 2.0, 4.0])
@pytest.mark.parametrize(("cov", "var_u", "var_v"), [(0.3, 1.0, 0.7), (-0.9, 2.0, 0.5), (0.0, 0.1, 3.0)])
def test_the_closed_duals_of_meander_are_its_integrals(store, bend, cov, var_u, var_v):
    act = store.get("meander", {"bend": bend})
    at = (np.array(cov), np.array(var_u), np.array(var_v))
    assert act.dual(*at) == pytest.approx(product_rule(lambda u, v: act(u) * act(v), *at), rel=1e-12)
    exact = product_rule(lambda u, v: act.phi_prime(u) * act.phi_prime(v), *at)
    assert act.dual_prime(*at) == pytest.approx(exact, rel=1e-12)


def test_meander_keeps_its_accuracy_at_small_and_large_variances(store):
    act = store.get("meander", {})
    tiny = np.array(1e-12)  # φ(x) = x + x² + …, so the dual is c + (pq + 2c²) + …
    assert act.dual(tiny, tiny, tiny) == pytest.approx(1e-12 + 3e-24, rel=1e-14)
    assert act.dual(-tiny, tiny, tiny) + tiny == pytest.approx(3e-24, rel=1e-3)
    huge = np.array(1e6)
    assert act.dual(huge, huge, huge) == pytest.approx(1e6 + 0.375, rel=1e-14)
    assert act.dual_prime(huge, huge, huge) == pytest.approx(1.5)
    assert act.dual(np.array(0.0), np.array(0.0), huge) == 0.0


def test_one_broken_entry_leaves_the_others_alone(store):
    with pytest.warns(PluginWarning) as caught:
        table = store.table(load=True)
    assert any("a_module_that_is_not_installed" in str(w.message) for w in caught)
    row = table["meander"]
    assert (row.dual, row.kernels, row.provider) == ("exact", ("nngp", "ntk"), "dualact-plugin-example")
    assert table["broken_on_import"].error is not None


def test_bent_identity_comes_from_its_expression(store):
    act = store.get("bent_identity", {"slope": 2})
    x = np.linspace(-3, 3, 7)
    np.testing.assert_allclose(act(x), (np.sqrt(x**2 + 1) - 1) / 2 + 2 * x, rtol=1e-14)
    assert (act.name, dict(act.params)) == ("bent_identity", {"slope": 2.0})


@pytest.mark.parametrize(
    ("name", "params"), [("meander", {}), ("meander", {"bend": 0.5}), ("bent_identity", {})]
)
def test_they_pass_the_checks(store, name, params):
    report = check_activation(store.get(name, params))
    assert report.ok, str(report)


def test_the_broken_one_names_its_distribution(store):
    with pytest.raises(
        PluginError,
        match=r"^activation 'broken_on_import' of distribution 'dualact-plugin-example' \(entry point .*\) "
        r"cannot be loaded: ModuleNotFoundError: No module named 'a_module_that_is_not_installed'. Repair, ",
    ):
        store.get("broken_on_import", {})


def test_a_fresh_process_finds_the_plugin_by_itself(plugin_example):
    code = (
        "import sys\n"
        "import dualact as da\n"
        "table = da.activations()\n"
        "assert table['meander'].provider == 'dualact-plugin-example', table\n"
        "assert not table['meander'].loaded\n"
        "assert not [m for m in sys.modules if m.startswith('dualact_plugin_example')]\n"
        "assert 'sympy' not in sys.modules\n"
        "print(da.activation('meander', bend=4))\n"
        "assert 'dualact_plugin_example.bent_identity' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(plugin_example)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "activation('meander', bend=4.0)"
