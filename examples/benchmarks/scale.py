"""Out of core: peak memory against the number of rows, rates of one core, and what 10⁹ rows would cost.

    python examples/benchmarks/scale.py [--quick]

First a run over a .npy file for each number of rows, in a process of its own, whose peak resident memory is
read at the end. Then the rates of one core (processor time, so that other work on the machine does not
count): reading, features, sums, merging, solving. Last what these rates make of 10⁹ rows.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import dualact as da
from dualact.learn.ridge_path import gcv_path
from dualact.learn.ridge_statistics import RidgeStatistics

COLUMNS = 16
WIDTHS = (1024, 4096, 16384)
NETWORK = da.mlp(2, "relu", weight_std=2**0.5)


def write_table(folder: Path, rows: int) -> None:
    """Rows of N(0, 1) in float32, and a smooth function of them."""
    rng = np.random.default_rng(0)
    shape = {"X": (rows, COLUMNS), "y": (rows,)}
    files = {k: np.lib.format.open_memmap(folder / f"{k}.npy", "w+", np.float32, s) for k, s in shape.items()}
    for start in range(0, rows, 100_000):
        part = slice(start, min(start + 100_000, rows))
        files["X"][part] = rng.standard_normal((part.stop - start, COLUMNS), dtype=np.float32)
        files["y"][part] = np.sin(files["X"][part] @ np.linspace(-1, 1, COLUMNS))


def stream(folder: Path, m: int) -> None:
    """One run; prints rows, seconds and peak resident memory of this process in MB."""
    X = np.load(folder / "X.npy", mmap_mode="r")
    features = da.SketchedNeuralKernel(NETWORK, n_components=m, random_state=0).fit(np.array(X[:1000]))
    rows = len(X)
    del X
    start = time.perf_counter()
    chunks = da.chunks(folder / "X.npy", folder / "y.npy")
    with threadpool_limits(1):  # products this small gain nothing by threads
        model = da.StreamingRidge().fit_chunks(chunks, transformer=features, checkpoint=folder / "run.ckpt")
        assert model.solve().statistics_.rows == rows
    seconds = time.perf_counter() - start
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    print(f"{rows:>12,} {seconds:9.1f} {rows / seconds:10,.0f} {peak:10.0f}", flush=True)


def memory(sizes: list[int], m: int) -> None:
    print(f"{COLUMNS} columns, {m} features, chunks of 8192 rows, checkpoints on; one process per line")
    print(f"{'rows':>12} {'seconds':>9} {'rows/s':>10} {'peak MB':>10}", flush=True)
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write_table(Path(folder), rows)
            subprocess.run([sys.executable, __file__, "--stream", folder, "--features", str(m)], check=True)


def cpu(call, least: float = 0.5) -> float:
    """Processor seconds of a call, the best of those that fit into some time."""
    best, spent = np.inf, 0.0
    while spent < least:
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
        spent += max(best, 1e-4)
    return best


def rates(quick: bool) -> dict[str, object]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2048, COLUMNS), dtype=np.float32)
    found: dict[str, object] = {}
    with threadpool_limits(1):
        per_row = {}
        for m in WIDTHS:
            features = da.SketchedNeuralKernel(NETWORK, n_components=m, random_state=0, n_jobs=1).fit(X)
            features.transform(X)
            per_row[m] = cpu(lambda f=features: f.transform(X)) / len(X)
        m = 2048
        for precision in ("float64", "mixed"):
            Z = rng.standard_normal((2048, m), dtype=np.float32)
            statistics = RidgeStatistics(m, 1, precision)
            seconds = cpu(lambda s=statistics, Z=Z: s.add(Z, np.zeros((len(Z), 1))), 2.0)
            found[precision] = len(Z) * m * m / seconds
        other = statistics.copy()
        found["merge"] = 8 * m * m / cpu(lambda: statistics.merge(other))
        size = 1024 if quick else 2048
        Z = rng.standard_normal((3 * size, size))
        statistics = RidgeStatistics(size, 1).add(Z, Z[:, :1])
        grid = [10.0**k for k in range(-8, 3)]
        found["path"] = cpu(lambda: gcv_path(statistics, grid, True)) / size**3
        found["one alpha"] = cpu(lambda: gcv_path(statistics, [1.0], True)) / size**3
    found["features"] = per_row
    print("\nrates of one core")
    for m, seconds in per_row.items():
        print(f"features, m = {m:6}:         {1 / seconds:12,.0f} rows/s")
    print(f"sums, float64:               {found['float64'] / 1e9:12.1f} Gflop/s")
    print(f"sums, mixed:                 {found['mixed'] / 1e9:12.1f} Gflop/s")
    print(f"merging:                     {found['merge'] / 1e9:12.2f} GB/s of statistics")
    print(f"a path of 11 alphas:         {found['path'] * 1e9:12.2f} ns · m³")
    print(f"one alpha:                   {found['one alpha'] * 1e9:12.2f} ns · m³")
    return found


def cost(found: dict[str, object], rows: int = 10**9, columns: int = 100, workers: int = 256) -> None:
    print(f"\n{rows:,} rows of {columns} float32 columns on {workers} cores, computed from these rates")
    print(
        "(features as above: their cost grows with m and hardly with the columns; one worker a core; merged\n"
        "pairwise, so that log2 of the workers merges follow one another)"
    )
    print(f"{'':34}" + "".join(f"{f'm = {m}':>14}" for m in WIDTHS))
    lines: dict[str, list[str]] = {}
    for m in WIDTHS:
        transform = rows * found["features"][m]
        sums = {p: rows * m * m / found[p] for p in ("float64", "mixed")}
        cells = {
            "bytes read, GB": f"{rows * columns * 4 / 1e9:,.0f}",
            "features, never stored, TB": f"{rows * m * 4 / 1e12:,.0f}",
            "features, core-hours": f"{transform / 3600:,.0f}",
            "sums in float64, core-hours": f"{sums['float64'] / 3600:,.0f}",
            "sums mixed, core-hours": f"{sums['mixed'] / 3600:,.0f}",
            "statistics of a worker, GB": f"{8 * m * m / 1e9:,.3f}",
            "moved when merging, GB": f"{(workers - 1) * 8 * m * m / 1e9:,.0f}",
            "merging, seconds one after another": f"{np.log2(workers) * 8 * m * m / found['merge']:,.1f}",
            "a path of 11 alphas, core-minutes": f"{found['path'] * m**3 / 60:,.1f}",
            "one alpha, core-minutes": f"{found['one alpha'] * m**3 / 60:,.1f}",
            "hours on these cores, float64": f"{(transform + sums['float64']) / workers / 3600:,.1f}",
            "hours on these cores, mixed": f"{(transform + sums['mixed']) / workers / 3600:,.1f}",
        }
        for label, cell in cells.items():
            lines.setdefault(label, []).append(cell)
    for label, values in lines.items():
        print(f"{label:34}" + "".join(f"{value:>14}" for value in values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="up to 10⁶ rows")
    parser.add_argument("--features", type=int, default=128)
    parser.add_argument("--stream", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stream:
        stream(options.stream, options.features)
        return
    memory([10**4, 10**5, 10**6] if options.quick else [10**5, 10**6, 10**7], options.features)
    cost(rates(options.quick))


if __name__ == "__main__":
    main()
