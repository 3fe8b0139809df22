"""Hold faults against laws.

python tests/mutants/run.py                 # healthy laws, then every fault against the laws that are for it
python tests/mutants/run.py NAME ...        # those faults
python tests/mutants/run.py --matrix FILE   # every fault against every law of its kind, as JSON; minutes
python tests/mutants/run.py --timing        # seconds of each law
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "laws")]

from cases import CASES  # noqa: E402
from faults import FAULTS  # noqa: E402
from nursery import Nursery  # noqa: E402

# What a fault of an area can be seen by: laws of the floors above it.
SEEN_BY = {
    "activation": ("activation", "kernel", "series"),
    "plan": ("plan", "kernel", "spatial"),
    "exact": ("kernel", "spatial"),
    "radial": ("series", "radial", "map"),
    "polysketch": ("sketch", "map"),
    "spatial": ("spatial", "spatial map", "plan"),
    "random": ("random",),
    "principal": ("principal",),
    "ridge": ("ridge",),
}


def laws_for(area: str) -> list[str]:
    return [name for name in CASES if name.split(":")[0] in SEEN_BY[area]]


def main(arguments: list[str]) -> int:
    nursery = Nursery()
    if arguments[:1] == ["--timing"]:
        for name in CASES:
            start = time.monotonic()
            verdict = nursery.try_out(None, [name])[name]
            print(f"{time.monotonic() - start:6.2f}  {name}: {verdict}", flush=True)
        return 0
    if arguments[:1] == ["--matrix"]:
        path = Path(arguments[1])
        matrix = json.loads(path.read_text()) if path.exists() else {}
        for name, fault in FAULTS.items():
            if name not in matrix or arguments[2:] == ["--again"]:
                found = nursery.try_out(name, laws_for(fault.area))
                matrix[name] = [law for law, verdict in found.items() if verdict.startswith("killed")]
                path.write_text(json.dumps(matrix, indent=1) + "\n")
                print(f"{len(matrix[name]):3}  {name}", flush=True)
        return 0
    alive = 0
    names = arguments or list(FAULTS)
    for name in names:
        for law, verdict in nursery.try_out(name, list(FAULTS[name].killers)).items():
            alive += not verdict.startswith("killed")
            print(f"{verdict[:100]!r:20}  {name}  [{law}]", flush=True)
    print(f"{alive} of {len(names)} alive")
    return min(alive, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
