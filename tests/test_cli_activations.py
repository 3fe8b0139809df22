"""dualact activations, show and check."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

import dualact as da
from dualact.cli import main


@pytest.fixture
def plugin(monkeypatch):
    module = types.ModuleType("a_plugin")
    module.good = da.Activation("good", np.tanh, parity="odd")
    module.bad = lambda scale=1.0: da.Activation("bad", lambda t: scale * t, lambda c, p, q: 2 * scale**2 * c)
    module.number = 3
    monkeypatch.setitem(sys.modules, "a_plugin", module)


def test_table(capsys):
    assert main(["activations"]) == 0
    out = capsys.readouterr().out
    assert "leaky_relu" in out
    assert "slope=0.01" in out
    assert "swish (= silu)" in out


def test_show(capsys):
    assert main(["show", "leaky_relu", "slope=0.1"]) == 0
    lines = {
        label.strip(): text
        for label, text in (x.split("  ", 1) for x in capsys.readouterr().out.splitlines())
    }
    lines = {label: text.strip() for label, text in lines.items()}
    assert lines["activation"] == "leaky_relu(slope=0.1)"
    assert lines["breakpoints"] == "0"
    assert lines["homogeneity"] == "degree 1"
    assert lines["dual"] == "exact"
    assert lines["accuracy"] == "2e-14 claimed"
    assert "Cho & Saul" in lines["source"]
    assert lines["a_0 ... a_8"].split(", ")[:4] == ["0.359048", "0.55", "0.253885", "0"]


def test_show_of_a_jump_and_of_a_computed_dual(capsys):
    assert main(["show", "step"]) == 0
    assert "dual_prime   none: phi jumps" in capsys.readouterr().out
    assert main(["show", "softplus", "beta=2"]) == 0
    assert "dual         computed" in capsys.readouterr().out


def test_picture(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    for name in ("gelu", "sign", "normalized_gaussian"):
        target = tmp_path / f"{name}.png"
        assert main(["show", name, "--picture", str(target)]) == 0
        assert target.read_bytes().startswith(b"\x89PNG")
    assert [p.suffix for p in tmp_path.iterdir()] == [".png"] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "rellu"], "relu"),
        (
            ["show", "leaky_relu", "slope"],
            "parameters are written as name=value, for example slope=0.1. Got 'slope'",
        ),
        (
            ["show", "relu", "--picture", "/no/such/folder/x.png"],
            "the folder of /no/such/folder/x.png does not exist",
        ),
        (["check", "no_such_module:x"], "no_such_module cannot be imported: "),
        (["check", "a_plugin:missing"], "a_plugin has no missing; write package.module:factory."),
        (
            ["check", "a_plugin:number"],
            "a_plugin:number must be an Activation, or a function that returns one. Got None",
        ),
    ],
)
def test_what_is_wrong_is_said(plugin, capsys, arguments, message):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_check(plugin, capsys):
    assert main(["check", "a_plugin:good"]) == 0
    assert "laws hold" in capsys.readouterr().out
    assert main(["check", "a_plugin:bad", "scale=2"]) == 1
    out = capsys.readouterr().out
    assert "Activation('bad')" in out
    assert "FAILED  diagonal_is_the_second_moment" in out
    assert "got 8, expected 4" in out
    assert main(["check", "relu"]) == 0
