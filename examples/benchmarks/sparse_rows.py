"""Long sparse rows: rows a second and error, with sparse leaves, with dense ones, and beside scikit-learn.

    python examples/benchmarks/sparse_rows.py [--quick]

Rows are drawn like tf-idf vectors: about a hundred words each, frequent as 1/rank, weighted by their
rarity, of unit length; float32, one thread. First the NTK of two hidden ReLU layers with 4096 features, then
powers of the inner product (x·y)^k alone, each sketched to 4096 columns, beside PolynomialCountSketch with as
many; beyond a minute its rate is extrapolated (~) from fewer features, in which its time is linear.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import sparse
from sklearn.kernel_approximation import PolynomialCountSketch
from sklearn.preprocessing import normalize

import dualact as da
from dualact.sketch.feature_map import FeatureMap
from dualact.sketch.planning import plan_features
from dualact.sketch.polysketch import PolySketch

COLUMNS = 4096
NETWORK = da.mlp(2, "relu", weight_std=2**0.5)
PATIENCE = 60.0  # seconds that a run may take, judged from fewer features


def words(n: int, d: int, seed: int = 0) -> sparse.csr_matrix:
    """Rows like tf-idf vectors, with about a hundred nonzeros."""
    rng = np.random.default_rng(seed)
    frequency = (1 / np.arange(1, d + 1) ** 1.05).cumsum()
    lengths = rng.poisson(140, n) + 1
    chosen = np.searchsorted(frequency / frequency[-1], rng.random(lengths.sum()))
    X = sparse.csr_matrix(
        (np.ones(len(chosen)), (np.repeat(np.arange(n), lengths), rng.permutation(d)[chosen])), (n, d)
    )
    X.sum_duplicates()
    rarity = np.log((1 + n) / np.bincount(X.indices, minlength=d).clip(1))
    X.data = (1 + np.log(X.data)) * rarity[X.indices]
    return normalize(X).astype(np.float32)


def seconds(run: Callable[[], object], repeats: int = 5) -> float:
    """Least time of a few runs: the machine may be busy with others."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
        if best > 2:
            break
    return best


def networks(n: int, lengths: tuple[int, ...]) -> None:
    print(f"NTK of two hidden layers, {COLUMNS} features, {n} rows")
    print(
        f"{'features':>9}{'nonzeros':>10}{'sparse leaves':>26}{'error':>8}{'pred.':>8}"
        f"{'dense leaves':>22}{'error':>8}"
    )
    for d in lengths:
        X = words(n, d)
        plan = plan_features(NETWORK, "ntk", X, n_components=COLUMNS)
        part = X[:500]
        K = da.kernel(NETWORK, part.astype(np.float64))
        cells = []
        for p, rows in ((plan, X), (replace(plan, spread=0, direction=None), X[:256])):
            features = FeatureMap(p, 0, np.float32)
            rate = rows.shape[0] / seconds(lambda features=features, rows=rows: features.transform(rows, 1))
            cells += [
                f"{rate:>15,.0f} rows/s",
                f"{da.metrics.relative_error(K, features.transform(part, 1)):8.4f}",
            ]
        cells.insert(2, f"{plan.predicted_error:8.4f}")
        print(f"{d:>9,}{X.nnz / n:>10.0f}    " + "".join(cells), flush=True)


def powers(n: int, lengths: tuple[int, ...], degrees: tuple[int, ...]) -> None:
    print(f"\n(x·y)^k, {COLUMNS} columns, {n} rows")
    print(
        f"{'features':>9}{'k':>4}{'PolySketch':>22}{'error':>8}{'PolynomialCountSketch':>24}{'error':>8}"
        f"{'ratio':>9}"
    )
    rates: dict[int, float] = {}
    for d in lengths:
        X = words(n, d)
        part = X[:500]
        G = (part @ part.T).toarray().astype(np.float64)
        for k in degrees:
            sketch = PolySketch(d, {k: COLUMNS}, seed=0, spread=4)
            out = np.empty((n, COLUMNS), np.float32)

            def ours(
                sketch: PolySketch = sketch, out: np.ndarray = out, k: int = k, X: sparse.csr_matrix = X
            ) -> None:
                for i in range(0, n, 64):
                    sketch(X[i : i + 64], {k: out[i : i + 64]})

            rate = n / seconds(ours)
            error = da.metrics.relative_error(G**k, out[:500])
            expected = n / rates[k] * d / lengths[0] if k in rates else 0.0
            if expected < PATIENCE:
                peer = PolynomialCountSketch(degree=k, n_components=COLUMNS, random_state=0).fit(X)
                start = time.perf_counter()
                Z = peer.transform(X)
                theirs = n / (time.perf_counter() - start)
                rates.setdefault(k, theirs)
                shown = f"{theirs:>17,.0f} rows/s{da.metrics.relative_error(G**k, Z[:500]):8.3f}"
            else:
                theirs = rates[k] * lengths[0] / d
                shown = f"{f'~{theirs:,.1f}':>17} rows/s{'–':>8}"
            print(f"{d:>9,}{k:>4}{rate:>15,.0f} rows/s{error:8.3f}{shown}{rate / theirs:>8,.0f}×", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer rows and lengths")
    quick = parser.parse_args().quick
    n = 512 if quick else 2048
    lengths = (10**4, 10**5) if quick else (10**4, 10**5, 10**6)
    networks(n, lengths)
    powers(n, lengths, (2,) if quick else (2, 3, 4, 6, 8))


if __name__ == "__main__":
    main()
