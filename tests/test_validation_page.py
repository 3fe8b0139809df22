"""docs/validation.md names every fault and law that there is, and none is alive in it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
TEXT = (TESTS.parent / "docs" / "validation.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tables():
    """Names of faults and of laws, from a process of its own: the modules there have short names."""
    code = (
        "import json, sys\n"
        f"sys.path[:0] = [{str(TESTS)!r}, {str(TESTS / 'laws')!r}, {str(TESTS / 'mutants')!r}]\n"
        "from cases import CASES; from faults import FAULTS\n"
        "print(json.dumps([{n: f.place for n, f in FAULTS.items()}, list(CASES)]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return json.loads(out)


def test_every_fault_is_there_and_dead(tables):
    faults, _ = tables
    for name, place in faults.items():
        (row,) = [line for line in TEXT.splitlines() if line.startswith(f"| {name} | `{place}` |")]
        assert "●" in row, f"{name} is alive"
    assert f"## {len(faults)} faults, 0 alive" in TEXT


def test_no_law_is_named_that_is_gone(tables):
    _, laws = tables
    named = re.findall(r"^\d+\. (.+)$", TEXT, flags=re.M)
    assert set(named) <= set(laws)
    assert len(set(named)) >= 60


def test_the_stored_table_is_of_these_faults(tables):
    faults, laws = tables
    matrix = json.loads((TESTS / "mutants" / "matrix.json").read_text(encoding="utf-8"))
    assert set(matrix) == set(faults)
    assert all(set(killers) <= set(laws) for killers in matrix.values())
