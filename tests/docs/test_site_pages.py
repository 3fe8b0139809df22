"""Every Python block of the start and guide pages runs; every refusal is refused in the words of its page."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS / "start.md", DOCS / "refusals.md", *sorted((DOCS / "guide").glob("*.md"))]
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope: dict = {"__name__": "__main__"}
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S)
    assert len(blocks) >= 4
    for block in blocks:
        if block.startswith(">>>"):
            example = doctest.DocTestParser().get_doctest(block, scope, page.name, str(page), 0)
            runner = doctest.DocTestRunner(optionflags=OPTIONS)
            runner.run(example, clear_globs=False)
            scope.update(example.globs)
            assert runner.summarize(verbose=False).failed == 0
        else:
            exec(compile(block, page.name, "exec"), scope)
