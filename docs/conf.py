"""The documentation site: Sphinx reads this file.

    pip install -e ".[docs]"
    sphinx-build -W --keep-going -b html docs docs/_build/html

needs no network. External links have a builder of their own, which does: ``-b linkcheck``.
"""

from __future__ import annotations

import os
import re
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

project = "dualact"
author = "the dualact developers"
copyright = f"2026, {author}"
release = version = installed_version("dualact")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery/*.ipynb", "gallery/*.py", "gallery/*.zip", "gallery/*.md5"]
suppress_warnings = ["config.cache"]  # the gallery's settings hold functions
written_by_scripts = ("validation",)  # pages that need not be there yet

# Pages are Markdown that reads well on a code host too; headings are link targets as they are there.
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

autosummary_generate = True
# On a file system that does not tell cases apart, Activation and activation would be one page.
autosummary_filename_map = {"dualact.Activation": "dualact.Activation-class"}
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "plot_gallery": os.environ.get("DUALACT_GALLERY", "run") != "skip",
    "abort_on_example_error": True,
    "show_memory": False,
    "reference_url": {"dualact": None},
    "doc_module": (),
    "remove_config_comments": True,
    "min_reported_time": 1e9,
}

html_theme = "pydata_sphinx_theme"
html_title = "dualact"
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 8,
}
html_show_sourcelink = False


def plain_text(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Let |x| in a docstring be a norm, and references into scikit-learn's own site be their text."""
    for i, line in enumerate(lines):
        line = re.sub(r":ref:`([^`<]*?)\s*<[^`>]*>`", r"\1", line)
        parts = re.split(r"(``.*?``)", line)
        lines[i] = "".join(p if p.startswith("``") else re.sub(r"(?<!\\)\|", r"\\|", p) for p in parts)


def without_missing_pages(app: Any, page: str, source: list[str]) -> None:
    """Leave pages out of the index that their script has not written."""
    if page == "index":
        for name in written_by_scripts:
            if not (Path(app.srcdir) / f"{name}.md").exists():
                source[0] = source[0].replace(f"\n{name}\n", "\n")


def setup(app: Any) -> None:
    """Register what is done to docstrings and pages."""
    app.connect("autodoc-process-docstring", plain_text, priority=900)
    app.connect("source-read", without_missing_pages)
