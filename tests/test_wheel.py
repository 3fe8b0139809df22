"""What is shipped: sdist and wheel, built and installed as a stranger would, with and without a compiler.

Each of these takes a minute, most of it for pip. Interpreters to install into are those of ``python3.11`` to
``python3.14`` that are on the path, or those that DUALACT_PYTHONS names (separated as PATH is).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import textwrap
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

STRANGER = """
import importlib.metadata, importlib.util, pathlib, sys
import numpy as np
import dualact as da

assert pathlib.Path(da.__file__).is_relative_to(sys.prefix), da.__file__
assert (pathlib.Path(da.__file__).parent / "py.typed").is_file()
assert da.__version__ == importlib.metadata.version("dualact")
assert {row.provider for row in da.activations(load=True).values()} == {"dualact"}
assert not [name for name, row in da.activations(load=True).items() if row.error]
X = np.random.default_rng(0).standard_normal((200, 20))
network = da.mlp(2, "gelu", weight_std=2**0.5)
Z = da.SketchedNeuralKernel(network, n_components=512, random_state=0).fit_transform(X)
assert da.metrics.relative_error(da.kernel(network, X), Z) < 0.05
images = da.SketchedNeuralKernel(da.cnn(1, "relu"), n_components=64, random_state=0)
assert images.fit_transform(X[:30, :16].reshape(30, 4, 4, 1)).shape == (30, 64)
compiled = importlib.util.find_spec("dualact.sketch._circuit") is not None
print("compiled" if compiled else "NumPy")
"""

TYPED = """
import dualact as da
import numpy as np

network: da.Network = da.mlp(2, "relu")
value: np.ndarray = da.kernel(network, np.eye(3))
features = da.SketchedNeuralKernel(network).fit(np.eye(3))
reveal_type(da.activation("gelu"))
"""


def _run(*command, **options):
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what is built from: a build leaves traces, which must not lie in the checkout."""
    place = tmp_path_factory.mktemp("source")
    tree = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    names = tree.split() or [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()]
    for name in names:
        if name.startswith(("dualact/", "registry/")) or "/" not in name:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes((ROOT / name).read_bytes())
    return place


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A fresh environment with what dualact depends on, and nothing else."""
    return _environment(tmp_path_factory.mktemp("environment"), sys.executable)


def _environment(place, interpreter):
    _run(interpreter, "-m", "venv", place)
    python = place / "bin" / "python"
    _run(python, "-m", "pip", "install", "-q", "setuptools>=77", *PROJECT["dependencies"])
    return python


@pytest.fixture(scope="module")
def sdist(source, environment, tmp_path_factory):
    place = tmp_path_factory.mktemp("sdist")
    build = f"import setuptools.build_meta as backend; backend.build_sdist({str(place)!r})"
    _run(environment, "-c", build, cwd=source)
    (archive,) = place.glob("dualact-*.tar.gz")
    return archive


def _installed(python, archive, tmp_path, compiler=True):
    switch = {} if compiler else {"CC": "false", "CXX": "false"}
    _run(python, "-m", "pip", "uninstall", "-q", "-y", "dualact")
    command = ["-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-cache-dir", archive]
    _run(python, *command, env={**os.environ, **switch})
    outside = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    said = _run(python, "-c", STRANGER, cwd=tmp_path, env=outside).strip()
    assert "dualact       " + PROJECT["version"] in _run(python, "-m", "dualact", "info", cwd=tmp_path)
    assert _run(python.parent / "dualact", "activations", cwd=tmp_path).startswith("name")
    return said


@pytest.mark.slow
def test_the_wheel_holds_the_tree(source, environment, tmp_path):
    _run(environment, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, source)
    (wheel,) = tmp_path.glob("dualact-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    packed = {n for n in names if n.endswith(".py")}
    expected = {str(p.relative_to(source)) for p in (source / "dualact").rglob("*.py")}
    expected |= {f"dualact/{p.relative_to(source)}" for p in (source / "registry").rglob("*.py")}
    assert packed == expected
    assert "dualact/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_the_sdist_holds_the_sources(sdist, source):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder in ("dualact", "registry"):
        for path in (source / folder).rglob("*"):
            if path.suffix in (".py", ".c", ".h", ".typed"):
                assert str(path.relative_to(source)) in names
    assert {"README.md", "LICENSE", "pyproject.toml"} <= names


@pytest.mark.slow
def test_a_stranger_installs_it_with_a_compiler(sdist, environment, tmp_path):
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler on the path")
    assert _installed(environment, sdist, tmp_path) == "compiled"


@pytest.mark.slow
def test_a_stranger_installs_it_without_a_compiler(sdist, environment, tmp_path):
    assert _installed(environment, sdist, tmp_path, compiler=False) == "NumPy"


@pytest.mark.slow
def test_a_stranger_sees_its_types(sdist, environment, tmp_path):
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed (extra 'test')")
    _installed(environment, sdist, tmp_path, compiler=False)
    (tmp_path / "user.py").write_text(textwrap.dedent(TYPED), encoding="utf-8")
    check = [sys.executable, "-m", "mypy", "--no-error-summary", "--python-executable", environment]
    said = _run(*check, "--check-untyped-defs", "--cache-dir", tmp_path / "cache", "user.py", cwd=tmp_path)
    assert 'Revealed type is "dualact.nonlinearity.contract.Activation"' in said


def _others():
    named = os.environ.get("DUALACT_PYTHONS")
    found = (
        named.split(os.pathsep) if named else [shutil.which(f"python3.{minor}") for minor in range(11, 15)]
    )
    return [path for path in found if path]


@pytest.mark.slow
@pytest.mark.parametrize("interpreter", _others() or [None])
def test_it_runs_on_other_pythons(interpreter, sdist, tmp_path):
    if interpreter is None:
        pytest.skip("no interpreters on the path; name some in DUALACT_PYTHONS")
    version = "import sys; print(sys.version_info[:2] >= (3, 11) and sys.version_info[:2] != %r)"
    asked = [interpreter, "-c", version % (sys.version_info[:2],)]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    if answer != "True":
        pytest.skip(f"{interpreter} does not start, is this version, or is not supported")
    python = _environment(tmp_path / "environment", interpreter)
    assert _installed(python, sdist, tmp_path) in ("compiled", "NumPy")


def test_what_is_said_of_the_package_agrees():
    import dualact

    assert PROJECT["version"] == dualact.__version__
    assert PROJECT["requires-python"] == ">=3.11"
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {PROJECT['version']}" in citation
    assert f"license: {PROJECT['license']}" in citation
    assert (ROOT / "dualact" / "py.typed").is_file()
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)} <= set(
        PROJECT["classifiers"]
    )
