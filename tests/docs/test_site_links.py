"""Every relative link, heading and ``dualact.x.y`` of the pages leads somewhere; no Sphinx is needed."""

from __future__ import annotations

import importlib
import re
import tomllib
from pathlib import Path

import pytest

import dualact as da

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(p for p in DOCS.rglob("*.md") if "_build" not in p.parts)
WITH_README = [ROOT / "README.md", *PAGES]
NOT_YET = {"validation.md"}  # written by a script
PLACEHOLDERS = [["x"]]
MADE_BY_THE_BUILD = {"gallery/index.rst"}

FENCE = re.compile(r"^```.*?^```", flags=re.S | re.M)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
NAME = re.compile(r"\bdualact((?:\.[A-Za-z_]\w*)+)")


def _identity(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _slugs(page: Path) -> set[str]:
    """Headings as a code host, and MyST, make link targets of them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#{1,3} (.+)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", WITH_README, ids=_identity)
def test_relative_links_lead_somewhere(page):
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, heading = target.partition("#")
        found = (page.parent / place).resolve() if place else page
        inside = str(found.relative_to(DOCS)) if found.is_relative_to(DOCS) else ""
        if inside in MADE_BY_THE_BUILD:
            continue
        assert found.exists(), f"{page.name} links to {target}, which is not there"
        assert not heading or heading in _slugs(found), f"{page.name}: {target} has no such heading"


@pytest.mark.parametrize("page", WITH_README, ids=_identity)
def test_names_exist(page):
    for parts in {name.strip(".") for name in NAME.findall(page.read_text(encoding="utf-8"))}:
        _reach(parts.split("."))


def _reach(parts: list[str]) -> None:
    if parts in PLACEHOLDERS:
        return
    found = da
    for i, part in enumerate(parts):
        if not hasattr(found, part):  # then it has to be a module that nobody has imported yet
            importlib.import_module(".".join(["dualact", *parts[: i + 1]]))
        found = getattr(found, part)


def test_the_reference_has_every_public_name():
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^   dualact\.([\w.]+)$", text, flags=re.M))
    modules = set(da._MODULES)
    public = set(da.__all__) - modules - {"__version__"}
    public |= {f"metrics.{name}" for name in da.metrics.__all__}
    public |= {f"testing.{name}" for name in da.testing.__all__ if name not in ("LAWS", "strategies")}
    assert listed == public


def test_the_index_has_every_page():
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = {
        f"{line}.md"
        for block in re.findall(r"```\{toctree\}\n(.*?)```", text, flags=re.S)
        for line in block.splitlines()
        if line and not line.startswith(":")
    }
    pages = {str(p.relative_to(DOCS)) for p in PAGES} - {"index.md"}
    assert listed - NOT_YET - {"gallery/index.md"} == pages - NOT_YET


def test_the_extra_has_what_the_site_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = " ".join(project["optional-dependencies"]["docs"])
    configuration = (DOCS / "conf.py").read_text(encoding="utf-8")
    for package, sign in {
        "sphinx": "sphinx.ext",
        "pydata-sphinx-theme": "pydata_sphinx_theme",
        "sphinx-gallery": "sphinx_gallery",
        "numpydoc": "numpydoc",
        "myst-parser": "myst_parser",
    }.items():
        assert package in extra
        assert sign in configuration
