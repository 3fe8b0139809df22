"""The house: imports point down, names do not collide, the wheel holds what the tree holds."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

import dualact as da

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "dualact"

# A floor may import itself and the floors named after it.
FLOORS = {
    "errors": set(),
    "files": set(),
    "nonlinearity": {"errors"},
    "network": {"nonlinearity", "errors"},
    "exact": {"network", "nonlinearity", "errors"},
    "sketch": {"exact", "network", "nonlinearity", "errors"},
    "metrics": {"errors"},
    "learn": {"sketch", "exact", "network", "nonlinearity", "errors", "files", "metrics"},
    "plotting": {"learn", "sketch", "exact", "network", "nonlinearity", "errors", "metrics"},
}
FREE = {"testing", "cli", "cli_activations", "demo", "__init__", "__main__"}


def _imports(path: Path, package: tuple[str, ...]):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            yield ".".join((*base, *([node.module] if node.module else [])))
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _sources():
    return sorted(p for p in PACKAGE.rglob("*.py") if "__pycache__" not in p.parts)


@pytest.mark.parametrize("path", _sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path):
    place = path.relative_to(PACKAGE).with_suffix("").parts
    if place[0] in FREE:
        return
    assert place[0] in FLOORS, f"{path} is on no floor"
    allowed = FLOORS[place[0]] | {place[0]}
    for name in _imports(path, ("dualact", *place[:-1])):
        parts = name.split(".")
        assert "registry" not in parts, f"{path} imports the registry by path"
        if parts[0] == "dualact" and len(parts) > 1:
            assert parts[1] in allowed, f"{path} imports {name}, which is not below it"


@pytest.mark.parametrize("path", sorted((ROOT / "registry").glob("*.py")), ids=lambda p: p.name)
def test_the_registry_imports_nonlinearity_alone(path):
    for name in _imports(path, ("dualact", "registry")):
        parts = name.split(".")
        if parts[0] == "dualact":
            assert parts[1] in {"nonlinearity", "errors", "registry"}, f"{path} imports {name}"


def test_no_module_has_the_name_of_a_public_function():
    modules = {p.stem if p.stem != "__init__" else p.parent.name for p in _sources()} - {"dualact"}
    public = set(da.__all__) - set(da._MODULES)
    # exact and sketch are floors, and errors, metrics, testing are public as modules
    assert not modules & public


def test_every_public_name_can_be_reached():
    for name in da.__all__:
        assert getattr(da, name) is not None
    assert set(dir(da)) == set(da.__all__)
    with pytest.raises(AttributeError, match=r"'Networks'\. Did you mean 'Network'"):
        _ = da.Networks
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = da.nonsense


def test_packages_are_listed_by_hand_and_complete():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(project["tool"]["setuptools"]["packages"])
    found = {".".join(p.parent.relative_to(ROOT).parts) for p in PACKAGE.rglob("__init__.py")}
    found |= {
        ".".join(("dualact", *p.parent.relative_to(ROOT).parts))
        for p in (ROOT / "registry").rglob("__init__.py")
    }
    assert listed == found


def test_importing_costs_nothing():
    import subprocess
    import sys

    code = (
        "import sys, dualact; print([m for m in ('numpy', 'scipy', 'sklearn', 'sympy') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
