"""How well sketched features of dense networks match the exact ReLU NTK, at equal dimension.

    python examples/benchmarks/dense_error.py [--quick]

Relative Frobenius error of the Gram matrix of 1000 rows, mean and worst over seeds, beside that of the
research code of the papers: NTKRF (Han et al. 2021, random features) and NTKSketch (Zandieh et al. 2021),
their best split or degree. Those figures were measured on the same families of data (one to five seeds;
differences under 20 % are not resolved); a dash means that none was measured. Then the spectral error,
and the truncation of the series alone.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from families import family

import dualact as da

PEERS = {  # (family, depth): {m: (NTKRF, NTKSketch)}
    ("protein", 1): {1024: (0.087, 0.075), 4096: (0.049, 0.050), 8192: (0.029, 0.037)},
    ("protein", 2): {1024: (0.098, 0.070), 4096: (0.060, 0.044), 8192: (0.052, 0.027)},
    ("digits", 1): {1024: (0.134, None), 4096: (0.029, 0.029), 8192: (0.024, 0.024)},
    ("digits", 3): {1024: (0.088, None), 4096: (0.064, None)},
    ("digits centred", 1): {1024: (0.138, None), 4096: (0.069, None)},
    ("digits centred", 3): {1024: (0.195, None), 4096: (0.105, None)},
    ("gaussian 9", 1): {1024: (0.158, None), 4096: (0.058, None)},
    ("gaussian 9", 3): {1024: (0.204, None), 4096: (0.118, None)},
    ("gaussian 256", 3): {1024: (0.183, None), 4096: (0.105, None)},
    ("gaussian 384", 1): {1024: (0.191, 0.216), 4096: (0.100, 0.109), 8192: (0.071, 0.082)},
}
FAMILIES = ("digits", "digits centred", "gaussian 9", "gaussian 256", "gaussian 384", "protein")


def shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def row(name: str, *cells: object) -> str:
    return f"{name:15}" + "".join(f"{cell!s:>{max(7, len(str(cell)) + 2)}}" for cell in cells)


def errors(seeds: int, widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
    print(
        "ReLU NTK, relative Frobenius error: ours is mean and worst over seeds, ratio is ours over the best"
    )
    print("peer's; the spectral errors are at ridges of 1e-2 and 1e-3 of the mean diagonal")
    head = ("depth", "m", "NTKRF", "NTKSk.", "ours", "worst", "pred.", "ratio", "1e-2", "1e-3", "seconds")
    print(row("family", *head))
    for name in FAMILIES:
        X = family(name)
        if X is None:
            print(f"{name:15} skipped: its file is not at hand (set DUALACT_DATA)")
            continue
        for depth in depths:
            network = da.mlp(depth, "relu", weight_std=2**0.5)
            K = da.kernel(network, X)
            for m in widths:
                print(
                    row(
                        name,
                        depth,
                        m,
                        *measured(network, X, K, seeds, m, PEERS.get((name, depth), {}).get(m)),
                    )
                )
                sys.stdout.flush()


def measured(
    network: da.Network,
    X: np.ndarray,
    K: np.ndarray,
    seeds: int,
    m: int,
    peers: tuple[float | None, float | None] | None,
) -> list[str]:
    found, start = [], time.perf_counter()
    for seed in range(seeds):
        features = da.SketchedNeuralKernel(network, n_components=m, random_state=seed)
        Z = features.fit_transform(X)
        found.append(da.metrics.relative_error(K, Z))
    seconds = (time.perf_counter() - start) / seeds
    scale = np.trace(K) / len(K)
    spectral = [da.metrics.spectral_error(K, Z, ridge * scale) for ridge in (1e-2, 1e-3)]
    known = [p for p in peers or () if p is not None]
    return [
        *(shown(p) for p in peers or (None, None)),
        f"{np.mean(found):.4f}",
        f"{max(found):.4f}",
        f"{features.plan_.predicted_error:.4f}",
        f"{np.mean(found) / min(known):.2f}" if known else "–",
        *(f"{value:.3f}" for value in spectral),
        f"{seconds:.2f}",
    ]


def truncation() -> None:
    print("\nNTK series without sketch, refitted: relative Frobenius error on 512 rows, d = 20")
    print(f"{'activation':11}{'depth':>6}  norms            degree 8  degree 16")
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((512, 20))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) / 20**0.5
    ragged = rows * 10 ** rng.uniform(-1, 1, size=(512, 1))
    cases = {"0.1√d": rows * 0.1, "√d": rows, "10√d": rows * 10, "0.1√d … 10√d": ragged}
    for activation in ("relu", "gelu", "tanh", "erf"):
        for depth in (1, 3):
            network = da.mlp(depth, activation, weight_std=1.5, bias_std=0.1)
            for label, X in cases.items():
                # So many columns that every degree is exact: what is left is the truncation.
                maps = [da.SketchedNeuralKernel(network, n_components=10**12, degree=q) for q in (8, 16)]
                found = [f"{made.design(X).truncation:.1e}" for made in maps]
                print(f"{activation:11}{depth:>6}  {label:15}  {found[0]}   {found[1]}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, two widths, two depths")
    if parser.parse_args().quick:
        errors(1, (1024, 4096), (1, 3))
    else:
        errors(5, (1024, 4096, 8192), (1, 2, 3, 5))
    truncation()
