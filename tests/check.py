"""Everything a change must pass: linter, formatter, type checker, doctests and tests.

python tests/check.py            # minutes
python tests/check.py -m slow    # arguments go to pytest
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    # Processes share the cores; threads inside each would only get in one another's way.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**threads, **os.environ}
    python = [sys.executable, "-m"]
    commands = [
        [*python, "ruff", "check", "."],
        [*python, "ruff", "format", "--check", "."],
        [*python, "mypy"],
        [*python, "pytest", "-q", "-n", str(min(4, os.cpu_count() or 1)), *sys.argv[1:]],
    ]
    for command in commands:
        print("$", " ".join(["python", *command[1:]]), flush=True)
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
