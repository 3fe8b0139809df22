"""The compiled code under AddressSanitizer and UndefinedBehaviorSanitizer.

python tests/sanitize.py            # builds the extensions so, and runs the tests that call them: minutes
python tests/sanitize.py -k gather  # arguments go to pytest; files among them in place of the usual ones

Builds into a temporary copy of the package, so that nothing here changes. Exits with 0 and a sentence where
there is no compiler with these sanitizers.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g", "-O1"]
TESTS = [
    "tests/sketch/test_hadamard.py",
    "tests/sketch/test_circuit.py",
    "tests/sketch/test_sparse_leaves.py",
    "tests/sketch/spatial/test_gather.py",
    "tests/sketch/test_native_memory.py",
    "tests/laws/test_drawn_sketches.py",
]


def main(arguments: list[str]) -> int:
    compiler = shutil.which(os.environ.get("CC", "gcc"))
    library = _library(compiler)
    if compiler is None or library is None:
        print("skipped: there is no compiler with AddressSanitizer here (set CC)")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name in ("dualact", "registry", "tests", "pyproject.toml"):
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
            else:
                shutil.copy(source, place / name)
        # Built-ins are found by installed name: here by a folder, as the wheel has it.
        shutil.copytree(place / "registry", place / "dualact" / "registry")
        built = [_build(compiler, place, module) for module in _modules()]
        environment = {
            **os.environ,
            "LD_PRELOAD": library,
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
            "PYTHONPATH": str(place),
            "PYTHONMALLOC": "malloc",
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        }
        check = (
            "import sys, dualact.sketch._circuit as c; "
            f"sys.exit(0 if c.__file__.startswith({str(place)!r}) else 'another build is in the way')"
        )
        subprocess.run([sys.executable, "-c", check], cwd=place, env=environment, check=True)
        print(f"built {', '.join(built)} with {' '.join(FLAGS[:1])}", flush=True)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        if not any(argument.partition("::")[0].endswith(".py") for argument in arguments):
            command += TESTS
        return subprocess.run([*command, *arguments], cwd=place, env=environment, check=False).returncode


def _modules() -> list[dict]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return project["tool"]["setuptools"]["ext-modules"]


def _build(compiler: str, place: Path, module: dict) -> str:
    target = place / (module["name"].replace(".", "/") + sysconfig.get_config_var("EXT_SUFFIX"))
    include = [f"-I{sysconfig.get_path('include')}"]
    command = [compiler, "-shared", "-fPIC", *FLAGS, "-ffp-contract=off", *include, *module["sources"]]
    subprocess.run([*command, "-o", str(target), "-lm"], cwd=place, check=True)
    return module["name"]


def _library(compiler: str | None) -> str | None:
    """The runtime of the sanitizer, which must come before everything else in the process."""
    if compiler is None:
        return None
    command = [compiler, "-print-file-name=libasan.so"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    path = Path(asked.stdout.strip())
    return str(path.resolve()) if path.is_absolute() and path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
