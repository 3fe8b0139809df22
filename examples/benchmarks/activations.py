"""Time per million kernel entries of every registered activation, beside that of ReLU's closed form.

    python examples/benchmarks/activations.py [--quick] [--json FILE] [NAME ...]

Two matrices of n × n entries: all rows of one norm (variance 1), and ragged norms (variances 0.25 … 4).
"first" is the first call, with whatever tables it builds; "again" another one of the same size with
fresh covariances. Every time stands beside that of relu in the same run, in the same shape; compare the
ratios, for times drift with the machine. "dual" is E φφ, "prime" E φ′φ′ (– where φ jumps). Without names,
neural-tangents' ElementwiseNumerical follows, where it can be imported (elementwise_numerical.py).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import elementwise_numerical
import numpy as np

import dualact as da
from dualact.nonlinearity.duals import dual_array, dual_prime_array

PARAMETERS = {"threshold": {"threshold": 1.0, "value": 2.0}}
REPEATS = 3


def matrix(n: int, ragged: bool, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return covariances and variances of n random rows in 30 dimensions."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, 30))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    if ragged:
        rows *= rng.uniform(0.5, 2.0, n)[:, None]
    cov = rows @ rows.T
    var = np.diag(cov).copy() if ragged else np.ones(n)
    np.fill_diagonal(cov, var)
    limit = np.sqrt(np.outer(var, var))
    return np.clip(cov, -limit, limit), var[:, None], var[None]


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(name: str, n: int) -> dict[str, float | None]:
    """Return seconds per million entries."""
    found: dict[str, float | None] = {}
    million = 1e6 / n**2
    for shape, ragged in (("constant", False), ("ragged", True)):
        batches = [matrix(n, ragged, seed) for seed in range(REPEATS + 1)]
        for kind, function in (("dual", dual_array), ("prime", dual_prime_array)):
            act = fresh(name)
            if kind == "prime" and act.without_ntk:
                found[f"{shape} {kind} first"] = found[f"{shape} {kind}"] = None
                continue
            times = [seconds(lambda b=batch: function(act, *b)) for batch in batches]  # noqa: B023
            found[f"{shape} {kind} first"] = times[0] * million
            found[f"{shape} {kind}"] = min(times[1:]) * million
    return found


def fresh(name: str) -> da.Activation:
    """Return the activation without the tables of earlier calls."""
    act = da.activation(name, **PARAMETERS.get(name, {}))
    act._cache.clear()
    for dual in (act.dual, act.dual_prime):
        for table in ("series", "_lines"):
            getattr(dual, "__dict__", {}).pop(table, None)
    return act


def shown(value: float | None, digits: int = 3) -> str:
    return f"{'–':>9}" if value is None else f"{value:9.{digits}f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="activations (default: all)")
    parser.add_argument("--quick", action="store_true", help="matrices of 250 rows instead of 1000")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the seconds as well")
    options = parser.parse_args()
    n = 250 if options.quick else 1000
    table = da.activations(load=True)
    own = [k for k, row in table.items() if row.canonical in (k, None) and row.provider == "dualact"]
    kinds = [f"{shape} {kind}" for shape in ("constant", "ragged") for kind in ("dual", "prime")]
    unit = measure("relu", n)
    print(f"{n} x {n} entries; seconds per million of relu's closed form (again):")
    print("  " + ", ".join(f"{kind} {unit[kind]:.3f}" for kind in kinds))
    print("Times of the others over that of relu; 'first' with the tables it builds, in seconds a million.\n")
    print(f"{'':20}" + "".join(f"{kind:>27}" for kind in kinds))
    print(f"{'':20}" + f"{'first s':>9}{'again s':>9}{'x relu':>9}" * 4)
    results = {}
    for name in options.names or own:
        found = results[name] = measure(name, n)
        cells = []
        for kind in kinds:
            ratio = None if found[kind] is None else found[kind] / unit[kind]
            cells += [shown(found[f"{kind} first"]), shown(found[kind]), shown(ratio, 1)]
        print(f"{name:20}" + "".join(cells), flush=True)
    if not options.names:
        print()
        elementwise_numerical.report(60 if options.quick else 120)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
