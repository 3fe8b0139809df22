"""Every example in a docstring, by installed name (so that the registry's are found), and the README's."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import dualact

ROOT = Path(__file__).resolve().parent.parent


def _modules():
    names = ["dualact"]
    names += [m.name for m in pkgutil.walk_packages(dualact.__path__, "dualact.")]
    registry = importlib.import_module("dualact.registry")
    names += [m.name for m in pkgutil.iter_modules(registry.__path__, "dualact.registry.")]
    return sorted(n for n in set(names) if not n.endswith("__main__"))


@pytest.mark.parametrize("name", _modules())
def test_examples(name):
    module = importlib.import_module(name)
    with np.printoptions(legacy=False):
        failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert failed == 0


def test_there_are_examples_in_many_modules():
    finder = doctest.DocTestFinder(exclude_empty=True)
    with_examples = [
        name
        for name in _modules()
        if any(test.examples for test in finder.find(importlib.import_module(name)))
    ]
    assert len(with_examples) > 20


def test_the_readme_checks_itself():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for snippet in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(snippet, "README.md", "exec"), {})
