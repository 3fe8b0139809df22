"""One power of the inner product: the structures of PolySketch by error and time."""

from __future__ import annotations

import numpy as np
from families import family
from sklearn.kernel_approximation import PolynomialCountSketch
from sklearn.preprocessing import normalize
from stopwatch import seconds

import dualact as da
from dualact.sketch.polysketch import STRUCTURES, PolySketch

FAMILIES = ("digits", "digits centred", "gaussian 256")


def sketched(X: np.ndarray, degree: int, m: int, structure: str) -> tuple[float, float]:
    """Return the relative error over two seeds, and microseconds a row."""
    K, squares, time = (X.astype(float) @ X.T.astype(float)) ** degree, [], 0.0
    for seed in range(2):
        if structure == "TensorSketch":
            peer = PolynomialCountSketch(degree=degree, n_components=m, random_state=seed).fit(X)
            out, call = peer.transform(X), lambda peer=peer: peer.transform(X)
        else:
            sketch = PolySketch(X.shape[1], {degree: m}, seed=seed, structure=structure)
            out = np.empty((len(X), m), np.float32)
            call = lambda sketch=sketch, out=out: sketch(X, {degree: out})  # noqa: E731
            call()
        squares.append(da.metrics.relative_error(K, out.astype(float)) ** 2)
        time = seconds(call, 0.1)
    return float(np.mean(squares)) ** 0.5, time / len(X) * 1e6


def powers(quick: bool) -> None:
    """Print errors and times of (x·y)^degree on unit rows, and error·√time relative to the best of a cell."""
    degrees = (2, 3, 4, 8) if quick else (2, 3, 4, 6, 8, 16)
    widths = (4096,) if quick else (1024, 8192)
    structures = (*STRUCTURES, "TensorSketch")
    print("(x·y)^degree on unit rows, one thread, float32: relative error / µs a row")
    print(f"{'data':15}{'degree':>7}{'m':>6}" + "".join(f"{s:>15}" for s in structures))
    scores: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {k: [] for k in degrees}
    for name in FAMILIES:
        X = normalize(family(name, 1000)).astype(np.float32)
        for degree in degrees:
            for m in widths:
                found = [sketched(X, degree, m, s) for s in structures]
                cells = "".join(f"{f'{error:.4f}/{time:.1f}':>15}" for error, time in found)
                print(f"{name:15}{degree:7}{m:6}{cells}", flush=True)
                errors, times = np.array(found).T
                if errors.min() > 1e-5:  # exact ones have nothing to compare
                    equal_time = errors * times**0.5
                    scores[degree].append((errors / errors.min(), equal_time / equal_time.min()))
    for label, index in (("error·√time (at equal time)", 1), ("error (at equal dimension)", 0)):
        print(f"\n{label} relative to the best of each cell, geometric mean over data and widths")
        print(f"{'degree':>28}" + "".join(f"{s:>15}" for s in structures))
        for degree, cells in scores.items():
            means = np.exp(np.log([cell[index] for cell in cells]).mean(axis=0))
            print(f"{degree:28}" + "".join(f"{mean:15.2f}" for mean in means))
