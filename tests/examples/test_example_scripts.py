"""Every script in examples/ runs, says something, and finds its own assertions true."""

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def test_there_are_examples():
    assert {path.stem for path in SCRIPTS} >= {
        "custom_activation_search",
        "exact_kernel_pipelines",
        "gaussian_process",
        "tabular_regression",
        "text_classification",
    }


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_example(path, capsys, monkeypatch, tmp_path):
    if "import dask" in path.read_text(encoding="utf-8"):
        pytest.importorskip("dask")
    monkeypatch.setattr(sys, "argv", [str(path)])
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")
    assert len(capsys.readouterr().out.splitlines()) >= 2
