"""The outside plugin runs the whole kit as its author would: its own tests, and the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parent / "plugin_example"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package and its metadata in one folder, as an installer leaves them."""
    import shutil
    import tomllib

    place = tmp_path_factory.mktemp("site")
    shutil.copytree(EXAMPLE / "dualact_plugin_example", place / "dualact_plugin_example")
    shutil.copy(EXAMPLE / "test_meander.py", place)
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entries = project["entry-points"]["dualact.activations"]
    info = place / "dualact_plugin_example-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n")
    lines = [f"{name} = {value}" for name, value in entries.items()]
    (info / "entry_points.txt").write_text("\n".join(["[dualact.activations]", *lines, ""]))
    return place


def run(place, *command):
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(place), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_its_own_tests(installed):
    done = run(installed, "pytest", "-q", "-p", "no:cacheprovider", "test_meander.py")
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    assert "failed" not in done.stdout


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (["dualact_plugin_example.meander:meander", "bend=4"], "laws hold"),
        (["dualact_plugin_example.bent_identity:bent_identity"], "laws hold"),
        (["meander"], "laws hold"),
    ],
)
def test_the_command(installed, target, said):
    done = run(installed, "dualact", "check", *target)
    assert done.returncode == 0, done.stdout + done.stderr
    assert said in done.stdout


def test_the_command_imports_what_it_is_told_alone(installed):
    seen = "sorted(m for m in sys.modules if 'plugin_example' in m)"
    (installed / "marked.py").write_text(f"import sys\nprint('imported:', {seen})\n")
    done = run(installed, "dualact", "check", "marked:nothing")
    assert done.returncode == 2
    assert done.stdout.strip() == "imported: []"
    assert "marked has no nothing; write package.module:factory" in done.stderr
