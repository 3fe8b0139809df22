"""Write docs/validation.md: what the laws are, what they are run on, and which faults each of them kills.

python tests/mutants/run.py --matrix tests/mutants/matrix.json   # first: every fault against every law (minutes)
python tests/write_validation.py                                 # then the page, from that and from the tests
"""

# ruff: noqa: E501 (tables)

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "laws"), str(HERE / "mutants")]

from cases import CASES  # noqa: E402
from faults import FAULTS  # noqa: E402
from run import SEEN_BY, laws_for  # noqa: E402

PAGE = HERE.parent / "docs" / "validation.md"
MATRIX = HERE / "mutants" / "matrix.json"
NEURAL_TANGENTS = (
    "dense networks of ten activations, residual, layer norm, convolutions of every padding, strides"
)


def counts(profile: str) -> dict[str, tuple[int, int]]:
    """Folder -> (tests, drawn examples), as pytest collects them under a profile."""
    code = (
        "import sys, pytest\n"
        "class Count:\n"
        "    def pytest_collection_finish(self, session):\n"
        "        for item in session.items:\n"
        "            f = getattr(item, 'obj', None)\n"
        "            s = getattr(f, '_hypothesis_internal_use_settings', None)\n"
        "            drawn = s.max_examples if s is not None and hasattr(f, 'hypothesis') else 0\n"
        "            print('@', item.nodeid.split('::')[0], drawn)\n"
        "pytest.main(['--collect-only', '-q', '-m', '', *sys.argv[1:]], plugins=[Count()])\n"
    )
    folders = ["tests/laws", "tests/fuzz", "tests/testing", "tests/mutants"]
    done = subprocess.run(
        [sys.executable, "-c", code, *folders],
        cwd=HERE.parent,
        env={**os.environ, "HYPOTHESIS_PROFILE": profile},
        capture_output=True,
        text=True,
        check=True,
    )
    found = dict.fromkeys(folders, (0, 0))
    for line in done.stdout.splitlines():
        if line.startswith("@ "):
            _, path, drawn = line.split()
            folder = "/".join(path.split("/")[:2])
            tests, examples = found[folder]
            found[folder] = (tests + 1, examples + int(drawn))
    return found


def page() -> str:
    matrix = json.loads(MATRIX.read_text(encoding="utf-8"))
    dev, ci, nightly = (counts(profile) for profile in ("dev", "ci", "nightly"))
    rows = [
        f"| {folder} | {dev[folder][0]} | {dev[folder][1]} | {ci[folder][1]} | {nightly[folder][1]} |"
        for folder in dev
    ]
    alive = [name for name in FAULTS if not matrix.get(name)]
    text = [
        "# Validation",
        "",
        "Written by `python tests/write_validation.py`; the table of faults by `python tests/mutants/run.py "
        "--matrix tests/mutants/matrix.json`.",
        "",
        "A claim of this library is a law that you can run. Laws of activations are in `dualact.testing` and "
        "hold for plugins alike ([plugins](plugins.md)); those of plans, kernels, series, sketches, feature maps "
        "and ridges are plain functions in `tests/laws/*_laws.py`, held over drawn networks and data by the "
        "tests beside them. A law is worth what it can see: every one is held against planted faults, and the "
        "suite fails if one survives.",
        "",
        "| tests | collected | drawn examples, profile dev | ci | nightly |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "`HYPOTHESIS_PROFILE` chooses the profile (dev if it is not set). dev and ci draw the same examples "
        "every time; nightly draws new ones, `HYPOTHESIS_EXAMPLES` times as given. A failure ends with one line "
        "that runs it again.",
        "",
        "| what else | how |",
        "|---|---|",
        "| the compiled code under AddressSanitizer and UndefinedBehaviorSanitizer | `python tests/sanitize.py` |",
        f"| neural-tangents beside it ({NEURAL_TANGENTS}) | `python tests/compare_neural_tangents.py`, in an "
        "environment that has it. Measured with jax 0.4.36: at most 1e-15 of the diagonal, but for 5e-12 with "
        "layer norm (its ε) and 4e-10 on the diagonal of a strided ReLU NTK (its angle near 0) |",
        "| duals to 1e-11 at every variance | [accuracy](accuracy.md) |",
        "| laws that no fault needs, and the rest of the slow tests | `python tests/check.py -m slow` |",
        "",
        f"## {len(FAULTS)} faults, {len(alive)} alive",
        "",
        f"Each is one snippet of one function, replaced in a process of its own; {sum(f.rule for f in FAULTS.values())} "
        "of them are the ones that the house rules name. A ● says that the law kills the fault; laws are "
        "tried against the faults of their own floor and those below it.",
        "",
    ]
    for area in SEEN_BY:
        faults = [fault for fault in FAULTS.values() if fault.area == area]
        if faults:
            text += table(area, faults, matrix)
    text += ["## Faults of single activations", ""]
    from test_mutants import MUTANTS

    text += ["A second table lives in `tests/laws/test_mutants.py`: one fault at least for each law of", ""]
    text[-2] += " `dualact.testing`."
    text += ["| fault | killed by |", "|---|---|"]
    text += [f"| {name} | {law} |" for name, (_, _, law) in MUTANTS.items()]
    return "\n".join(text) + "\n"


def table(area: str, faults: list, matrix: dict[str, list[str]]) -> list[str]:
    killers = [law for law in laws_for(area) if any(law in matrix.get(f.name, ()) for f in faults)]
    numbers = {law: i for i, law in enumerate(killers, 1)}
    head = ["fault", "where", *map(str, numbers.values())]
    lines = [f"### {area}", "", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for fault in faults:
        marks = ["●" if law in matrix.get(fault.name, ()) else "" for law in killers]
        lines.append(f"| {fault.name} | `{fault.place}` | {' | '.join(marks)} |")
    return [*lines, "", *(f"{i}. {law}" for law, i in numbers.items()), ""]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{len(FAULTS)} faults, {len(CASES)} cases of laws -> {PAGE}")
