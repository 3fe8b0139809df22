"""Distributions made by hand in a temporary folder: the metadata that pip would write, without pip."""

from __future__ import annotations

import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[1] / "plugin_example"


def write_metadata(folder: Path, name: str, entries: str) -> None:
    """Write the ``dist-info`` of a distribution with these lines in its entry-point file."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entries)


@pytest.fixture(name="write_metadata")
def _write_metadata() -> Callable[[Path, str, str], None]:
    return write_metadata


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder first on ``sys.path``, whose modules are forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def distribution(site: Path) -> Callable[..., None]:
    """Install a distribution: ``distribution("name", modules={"m": "code"}, entry="m:object")``."""

    def install(name: str, modules: dict[str, str] | None = None, **entries: str) -> None:
        lines = "".join(f"{key} = {value}\n" for key, value in entries.items())
        write_metadata(site, name, f"[console_scripts]\nx = y:z\n\n[dualact.activations]\n{lines}")
        for module, code in (modules or {}).items():
            (site / f"{module}.py").write_text(code)

    return install


@pytest.fixture
def plugin_example(site: Path) -> Path:
    """Install tests/plugin_example, with the entry points of its own pyproject.toml."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    entries = project["entry-points"]["dualact.activations"]
    lines = "".join(f"{key} = {value}\n" for key, value in entries.items())
    write_metadata(site, project["name"], f"[dualact.activations]\n{lines}")
    shutil.copytree(PLUGIN / "dualact_plugin_example", site / "dualact_plugin_example")
    return site
