"""Plugins that raise or return garbage: the error names them, and nothing of it is taken for numbers."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from hostile import Refused, attempt

import dualact as da
from dualact.nonlinearity.discovery import scan
from dualact.nonlinearity.store import Store


def raises(error):
    def f(*_):
        raise error

    return f


GARBAGE = {
    "raises": raises(RuntimeError("out of cheese")),
    "raises KeyError": raises(KeyError("k")),
    "exits": raises(SystemExit(3)),
    "None": lambda *a: None,
    "text": lambda *a: "five",
    "object": lambda *a: object(),
    "scalar": lambda *a: 1.0,
    "list": lambda *a: [1.0],
    "complex": lambda *a: np.asarray(a[0]) * 1j,
    "NaN": lambda *a: np.asarray(a[0], dtype=float) * np.nan,
    "infinite": lambda *a: np.asarray(a[0], dtype=float) + np.inf,
    "one short": lambda *a: np.asarray(a[0]).ravel()[:-1],
    "one axis more": lambda *a: np.asarray(a[0])[..., None],
    "float32": lambda *a: np.asarray(a[0], dtype=np.float32),
    "ragged": lambda *a: [[1.0], [1.0, 2.0]],
    "no arguments": lambda: 1.0,
}
X = np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.1]])


@pytest.mark.parametrize("kind", GARBAGE)
@pytest.mark.parametrize("slot", ["phi", "dual", "dual_prime", "hermite", "phi_prime"])
def test_garbage(slot, kind):
    good = {"phi": np.tanh}
    act = attempt(lambda: da.Activation("mine", **{**good, slot: GARBAGE[kind]}))
    if isinstance(act, Refused):
        return
    network = da.mlp(1, act)
    calls = {
        "dual": lambda: da.dual(act, [0.5, 0.2], 1.0, 1.0),
        "dual_prime": lambda: da.dual_prime(act, [0.5, 0.2], 1.0, 1.0),
        "hermite": lambda: da.hermite(act, 1.0, 3),
        "kernel": lambda: da.kernel(network, X, n_jobs=1),
        "features": lambda: da.SketchedNeuralKernel(network, n_components=8, degree=2).fit_transform(X),
    }
    for name, call in calls.items():
        try:
            result = attempt(call)
        except (RuntimeError, KeyError, SystemExit):
            # A plugin's own exception comes through, unless the library has better words for it.
            assert kind.startswith(("raises", "exits"))
            continue
        if not isinstance(result, Refused):
            assert not np.isnan(result).any(), (name, slot, kind)
    if slot in ("phi", "dual", "dual_prime") and kind != "exits":
        law = {"phi": "phi_is_vectorised", "dual": "duals_are_symmetric", "dual_prime": "price"}[slot]
        some = ("duals_broadcast", law)
        assert not da.testing.check_activation(act, laws=some).ok


HANGING = """
import time
open({started!r}, "w").close()
while True:
    time.sleep(0.01)
"""


@pytest.fixture
def hanging(tmp_path, monkeypatch):
    """A distribution with one entry that never finishes its import, and one that is fine."""
    package = tmp_path / "hanging_plugin"
    package.mkdir()
    started = tmp_path / "started"
    (package / "__init__.py").write_text("")
    (package / "endless.py").write_text(HANGING.format(started=str(started)))
    (package / "fine.py").write_text("import numpy, dualact\nfine = dualact.Activation('fine', numpy.sin)\n")
    info = tmp_path / "hanging_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hanging-plugin\nVersion: 1.0\n")
    entries = "endless = hanging_plugin.endless:endless\nfine = hanging_plugin.fine:fine\n"
    (info / "entry_points.txt").write_text(f"[dualact.activations]\n{entries}")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path, started


def test_a_plugin_that_hangs_on_import_blocks_only_who_asks_for_it(hanging):
    folder, started = hanging
    code = f"""
    import sys, threading, time, os
    sys.path.insert(0, {str(folder)!r})
    import dualact as da
    assert "endless" in da.activations()
    threading.Thread(target=lambda: da.activation("endless"), daemon=True).start()
    while not os.path.exists({str(started)!r}):
        time.sleep(0.01)
    print(da.activation("relu"), da.activation("fine"), da.dual("gelu", 0.5, 1.0, 1.0) > 0)
    print(da.activations()["endless"].loaded, "fine" in da.activations())
    da.register("mine", da.from_function("mine", abs, (0.0,)))
    print(da.activation("mine"))
    sys.stdout.flush()
    os._exit(0)  # the thread never ends
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    said = "activation('relu') activation('fine') True False True activation('mine')"
    assert " ".join(done.stdout.split()) == said, done.stderr


def test_nobody_imports_it_unasked(hanging):
    folder, started = hanging
    store = Store(lambda: scan([str(folder)]))
    table = store.table()
    assert not table["endless"].loaded
    assert not started.exists()
    answer = []
    thread = threading.Thread(target=lambda: answer.append(store.get("fine", {})))
    thread.start()
    thread.join(20)
    assert answer[0].name == "fine"
