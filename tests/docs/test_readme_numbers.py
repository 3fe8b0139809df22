"""Every figure of the README's measurements stands in docs/benchmarks.md, below the command it names."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_measurements_are_those_of_the_benchmark_page():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    table = readme.split("| what | dualact |")[1].split("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    assert len(rows) >= 8
    for what, ours, theirs, command in rows:
        command = f"python examples/benchmarks/{command.strip('` ')}".removesuffix(" --quick")
        assert command in page, f"{what}: {command} is not on the page"
        part = page[page.index(command) :]
        for number in [ours, *re.findall(r"(?:^|, )([\d.,e-]+) \(", theirs)]:
            assert re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", part), (
                f"{what}: no {number} on the page"
            )


def test_the_test_command_stands_as_it_is_run():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = readme.split("<!-- test command -->\n")[1].split("<!-- end -->")[0]
    assert block == (
        "```bash\npython3 -m venv .venv-test && .venv-test/bin/pip install -q -e "
        '".[test]" && .venv-test/bin/python tests/check.py\n```\n'
    )
