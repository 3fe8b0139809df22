"""A process that has the library loaded and nothing computed, and forks a child for each trial.

    nursery = Nursery()
    nursery.try_out("a fault", ["kernel: …"])   # {"kernel: …": "killed" | "alive" | "error …"}

A child plants the fault (or none), runs the cases, and dies with all its caches.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIMIT = 60.0  # seconds of computing a trial; a mutant that hangs is killed as well


class Nursery:
    def __init__(self) -> None:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(HERE / "nursery.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **threads},
        )

    def try_out(self, fault: str | None, cases: list[str]) -> dict[str, str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([fault, cases]) + "\n")
        self.process.stdin.flush()
        found: dict[str, str] = json.loads(self.process.stdout.readline())
        return found

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=LIMIT)


def _serve() -> None:
    for folder in (HERE, HERE.parent, HERE.parent / "laws"):
        sys.path.insert(0, str(folder))
    import faults

    _warm_up()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what cases print is no answer
    for line in sys.stdin:
        fault, names = json.loads(line)
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(read)
            with os.fdopen(write, "w") as pipe:
                _trial(None if fault is None else faults.FAULTS[fault], names, pipe)
            os._exit(0)
        os.close(write)
        verdicts: dict[str, str] = {}
        with os.fdopen(read) as pipe:
            for answer in pipe:
                name, verdict = json.loads(answer)
                verdicts[name] = verdict
        os.waitpid(child, 0)
        for name in names:  # the child is gone: it hung or crashed there, and those after it were not tried
            if name not in verdicts:
                verdicts[name] = "killed: no answer" if fault is not None else "no answer"
                break
        answers.write(json.dumps(verdicts) + "\n")
        answers.flush()


def _warm_up() -> None:
    """Import what takes long; of the cases nothing, for they make activations."""
    import importlib
    import pkgutil

    import pytest  # noqa: F401
    import sklearn.linear_model  # noqa: F401

    import dualact

    for module in pkgutil.walk_packages(dualact.__path__, "dualact."):
        if not module.name.endswith(("__main__", "strategies")):
            importlib.import_module(module.name)


def _trial(fault, names, pipe) -> None:
    import signal

    from planting import plant

    try:
        if fault is not None:
            plant(fault)
    except Exception as error:
        for name in names:
            pipe.write(json.dumps([name, f"not planted: {type(error).__name__}: {error}"]) + "\n")
        return
    from cases import CASES as known

    for name in names:
        signal.setitimer(signal.ITIMER_PROF, LIMIT)  # its default action ends the child
        try:
            known[name]()
            verdict = "alive"
        except AssertionError as error:
            verdict = f"killed: {str(error).strip()[:200]}"
        except BaseException as error:  # the code may break as well; pytest's failures are no Exceptions
            verdict = f"killed: {type(error).__name__}: {str(error)[:200]}"
        pipe.write(json.dumps([name, verdict]) + "\n")
        pipe.flush()


if __name__ == "__main__":
    _serve()
