"""The site builds, without network, and warns of nothing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("sphinx", "myst_parser", "numpydoc", "sphinx_gallery", "pydata_sphinx_theme", "matplotlib")


@pytest.mark.slow
@pytest.mark.parametrize("gallery", ["skip", "run"])
def test_the_site_builds_without_warnings(tmp_path, gallery):
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed (extra 'docs')")
    for name in ("docs", "examples/gallery", "dualact", "registry"):  # the build writes beside its sources
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("_build", "generated"))
    shutil.rmtree(tmp_path / "docs" / "gallery", ignore_errors=True)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", "html"]
    environment = {**os.environ, "DUALACT_GALLERY": gallery, "MPLBACKEND": "Agg"}
    built = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert built.returncode == 0, built.stderr[-4000:]
    for page in ("index", "theory", "equations", "api", "guide/images", "generated/dualact.kernel"):
        assert (tmp_path / "html" / f"{page}.html").is_file()
    assert len(list((tmp_path / "html" / "gallery").glob("plot_*.html"))) >= 10
    if gallery == "run":
        assert len(list((tmp_path / "html" / "_images").glob("sphx_glr_plot_*.png"))) >= 10
