"""More rows than one process should hold: features and ridge on a Dask cluster of processes.

    python examples/dask_cluster.py [rows]

Features stay lazy, each block of rows becomes one set of sums, and the sums are merged in a tree: what moves
between workers is 8m² bytes, whatever the number of rows. The result is that of one process.
"""

from __future__ import annotations

import argparse

import dask.array
import numpy as np
from dask.distributed import Client, LocalCluster

import dualact as da


def rows_of(block: np.ndarray) -> np.ndarray:
    """Rows that are made where they are used: a stand-in for a file on the worker."""
    rng = np.random.default_rng(int(block[0, 0]))
    return rng.standard_normal((len(block), 8)).astype(np.float32)


def target(rows: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(rows[:, 0], rows[:, 1]) * rows[:, 2])


def main(count: int = 20_000) -> None:
    numbers = dask.array.arange(count, chunks=5_000)[:, None]
    X = numbers.map_blocks(rows_of, dtype=np.float32, chunks=(numbers.chunks[0], (8,)))
    y = X.map_blocks(target, dtype=np.float32, drop_axis=1)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        features = da.SketchedNeuralKernel(da.mlp(2, "gelu"), n_components=256, random_state=0).fit(X)
        model = da.StreamingRidge().fit(features.transform(X), y)
    rows, values = X.compute(scheduler="sync"), y.compute(scheduler="sync")
    alone = da.StreamingRidge()
    for i in range(0, count, 5_000):
        alone.partial_fit(features.transform(rows[i : i + 5_000]), values[i : i + 5_000])
    gap = np.abs(model.coef_ - alone.coef_).max() / np.abs(alone.coef_).max()
    print(f"{count} rows in {X.numblocks[0]} blocks, R² {model.score(features.transform(rows), values):.3f}")
    print(f"largest difference from one process: {gap:.1e} of the largest coefficient")
    assert gap < 1e-10


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="?", type=int, default=20_000)
    main(parser.parse_args().rows)
