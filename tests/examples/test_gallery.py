"""Every script of the gallery runs, draws, and warns of nothing; each asserts what its picture shows."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

GALLERY = Path(__file__).resolve().parents[2] / "examples" / "gallery"
SCRIPTS = sorted(GALLERY.glob("plot_*.py"))
QUICK = ("plot_depth", "plot_hermite_decay", "plot_choose_activation")


def test_there_are_ten():
    assert len(SCRIPTS) == 10
    assert all(path.read_text(encoding="utf-8").startswith('"""\n') for path in SCRIPTS)


@pytest.mark.parametrize("name", QUICK)
def test_quick_scripts_run(name, monkeypatch, capsys):
    pyplot = _pyplot()
    runpy.run_path(str(GALLERY / f"{name}.py"))
    assert capsys.readouterr().out
    assert len(pyplot.get_fignums()) == 1
    pyplot.close("all")


@pytest.mark.slow
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_scripts_run_by_themselves(path, tmp_path):
    _pyplot()
    environment = {**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", str(path)]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout
    assert list(tmp_path.iterdir()) == []


def _pyplot():
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra 'plot')")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot
