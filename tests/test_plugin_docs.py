"""docs/plugins.md does what it says."""

from __future__ import annotations

import re
import sys
import tomllib
import types
from pathlib import Path

import pytest

import dualact as da
from dualact.cli import main

TEXT = (Path(__file__).parent.parent / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(python|toml)\n(.*?)```", TEXT, flags=re.S)


@pytest.fixture
def bump(monkeypatch):
    module = types.ModuleType("my_activations.bump")
    exec(BLOCKS[0][1], module.__dict__)
    monkeypatch.setitem(sys.modules, "my_activations", types.ModuleType("my_activations"))
    monkeypatch.setitem(sys.modules, "my_activations.bump", module)
    return module.bump


def test_the_plugin_passes_in_about_twenty_lines(bump):
    for act in (bump(), bump(width=0.3)):
        report = da.testing.check_activation(act)
        assert report.ok, str(report)
        assert report["closed_forms_are_what_phi_gives"].outcome == "passed"
    assert sum(bool(line.strip()) for line in BLOCKS[0][1].splitlines()) <= 20


def test_its_entry_point_names_it(bump):
    project = tomllib.loads(BLOCKS[1][1])["project"]
    assert project["entry-points"]["dualact.activations"] == {"bump": "my_activations.bump:bump"}
    da.register("bump", bump)
    try:
        assert da.activation("bump", width=2).params == {"width": 2.0}
    finally:
        da.unregister("bump")


def test_its_test_runs_every_law(bump):
    scope: dict = {}
    exec(BLOCKS[2][1], scope)
    (mark,) = scope["test_laws"].pytestmark
    ids = [case.id for case in mark.args[1]]
    assert len(ids) == len(set(ids)) == 2 * len(da.testing.LAWS)
    assert "bump(width=0.3)-price" in ids


def test_the_mistake_is_found(bump, capsys):
    exec(BLOCKS[3][1], {"da": da, "bump": bump})
    assert "bump" in capsys.readouterr().out
    exec(BLOCKS[4][1], {"da": da, "bump": bump})
    outcome, message = capsys.readouterr().out.splitlines()
    assert outcome == "failed"
    assert message.startswith(
        "the integral of dual_prime over cov from 0 to 0.5, against the difference of dual"
    )


def test_its_own_properties_are_drawn():
    scope: dict = {}
    exec(BLOCKS[5][1], scope)
    assert scope["test_mine"].hypothesis
    scope["test_mine"]()


def test_the_shell_finds_it(bump, capsys):
    assert main(["check", "my_activations.bump:bump"]) == 0
    assert "laws hold" in capsys.readouterr().out
