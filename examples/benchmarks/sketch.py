"""Sketches side by side: error and rows a second, against scikit-learn live and the papers' code.

    python examples/benchmarks/sketch.py [--quick] [--plot FILE.png] [SECTION ...]

Sections: polynomial (PolynomialSketch, PolynomialCountSketch, Nystroem, RBFSampler), ntk (features of a dense
ReLU network), powers (the structures of a single power), hadamard (the transform against a copy), scaling
(times against n, d, m and degree; with --plot, as a picture). All of them without a name.
Errors are relative Frobenius errors of the Gram matrix of 1000 rows, float32 features; rows a second are
those of ``transform`` alone, by the processor time of one thread unless a table says otherwise.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for BLAS, before NumPy; ours by the cores it may use

import argparse
import subprocess
import sys

import numpy as np
from families import family, sparse_rows
from powers import powers
from scaling import scaling
from sklearn.kernel_approximation import Nystroem, PolynomialCountSketch, RBFSampler
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import normalize
from stopwatch import cores, seconds

import dualact as da
from dualact.sketch.hadamard import hadamard, has_compiled

# Research code of the papers, dense ReLU NTK, one thread, on a machine like CI's (BASELINES of this project).
PAPER_SPEED = {  # (hidden layers, d): rows a second at m = 8192
    "NTKRF, 1 hidden layer": (7300, 7500),
    "NTKRF, 2 hidden layers": (750, 730),
    "NTKSketch, degree 2": (2000, 2050),
    "NTKSketch, degree 8": (320, 314),
}
PAPER_ERROR = {  # data: NTKRF (best split), NTKSketch (best degree), m = 8192, 1 hidden layer
    "protein": (0.029, 0.037),
    "gaussian 384": (0.071, 0.082),
}


def tables(name: str, rows: int) -> object:
    """Unit rows, float32."""
    if name.startswith("sparse"):
        return sparse_rows(int(name.split()[1]), rows).astype(np.float32)
    X = family(name, rows)
    assert X is not None
    return normalize(X).astype(np.float32)


def dense(X: object) -> np.ndarray:
    return (X.toarray() if hasattr(X, "toarray") else X).astype(float)


def relative(K: np.ndarray, Z: object) -> float:
    return da.metrics.relative_error(K, dense(Z))


def polynomial(quick: bool) -> None:
    degrees = (2, 4, 8) if quick else (2, 3, 4, 8, 16)
    widths = (1024, 4096) if quick else (1024, 4096, 8192, 16384)
    print("(x·y + 1)^degree, unit rows: relative error, and thousand rows a second")
    print("Nystroem is fitted on rows of its own, as many as it has components, at most 1024")
    print(
        f"{'data':13}{'degree':>7}{'m':>7} │{'sketch':>9}{'pred.':>8}{'krows/s':>9} │{'PCS':>8}{'krows/s':>9}"
        f" │{'Nystr.':>8}{'krows/s':>9} │{'error':>6}{'speed':>7}"
    )
    for name in ("gaussian 9", "digits", "gaussian 384", "sparse 4096"):
        rows = tables(name, 1797 if name == "digits" else 2024)
        X, others = rows[:1000], rows[1000:]
        inner = dense(X) @ dense(X).T
        for degree in degrees:
            K = (inner + 1) ** degree
            for m in widths:
                print(f"{name:13}{degree:7}{m:7} │{compared(X, others, K, degree, m)}", flush=True)
    gaussian_kernel(widths)


def compared(X: object, others: object, K: np.ndarray, degree: int, m: int) -> str:
    """Ours, PolynomialCountSketch, Nystroem; the last two columns are PCS's error and time over ours."""
    options = {"degree": degree, "coef0": 1.0, "n_components": m, "random_state": 0}
    ours = da.PolynomialSketch(**options).fit(X)
    ours.transform(X[:8])  # draws the random signs
    error, speed = measured(ours, X, K)
    cells = f"{error:9.4f}{ours.plan_.predicted_error:8.4f}{speed:9.1f} │"
    their_error, their_speed = measured(PolynomialCountSketch(**options).fit(X), X, K)
    cells += f"{their_error:8.3f}{their_speed:9.2f} │"
    if m <= 1024:
        landmarks = min(m, others.shape[0])
        options = {"kernel": "polynomial", "gamma": 1.0, "degree": degree, "coef0": 1.0, "random_state": 0}
        nystroem = Nystroem(**options, n_components=landmarks).fit(dense(others))
        cells += "{:8.4f}{:9.1f} │".format(*measured(nystroem, dense(X), K))
    else:
        cells += f"{'–':>8}{'–':>9} │"
    return (
        cells + (f"{their_error / error:6.1f}" if error > 1e-6 else " exact") + f"{speed / their_speed:7.0f}"
    )


def measured(features: object, X: object, K: np.ndarray) -> tuple[float, float]:
    """Return the relative error, and thousand rows a second."""
    out = []
    time = seconds(lambda: out.append(features.transform(X)) if not out else features.transform(X))
    return relative(K, out[0]), X.shape[0] / time / 1e3


def gaussian_kernel(widths: tuple[int, ...]) -> None:
    print("\nRBFSampler, exp(−|x−y|²): relative error to its own kernel, thousand rows a second")
    print(f"{'data':13}" + "".join(f"{m:>9}{'krows/s':>9}" for m in widths))
    for name in ("gaussian 9", "digits", "gaussian 384", "sparse 4096"):
        X = tables(name, 1000)
        K, cells = rbf_kernel(dense(X), gamma=1.0), ""
        for m in widths:
            sampler = RBFSampler(gamma=1.0, n_components=m, random_state=0).fit(X)
            cells += "{:9.4f}{:9.1f}".format(*measured(sampler, X, K))
        print(f"{name:13}{cells}", flush=True)


def ntk(quick: bool) -> None:
    m = 8192
    print("Dense ReLU NTK, m = 8192, float32: rows a second, relative error on 1000 rows")
    head = f"{'data':13}{'layers':>7}{'degree':>7}{'one core':>10}{'all':>9}{'error':>9}"
    print(head + "  highest degree, predicted")
    for name in ("gaussian 9", "protein", "gaussian 384"):
        X = family(name, 2048)
        if X is None:
            print(f"{name:13} skipped: its file is not at hand (set DUALACT_DATA)")
            continue
        rows = X.astype(np.float32)
        for depth in (1,) if quick else (1, 2):
            network = da.mlp(depth, "relu", weight_std=2**0.5)
            K = da.kernel(network, X[:1000])
            for degree in (8, "auto"):
                features = da.SketchedNeuralKernel(network, n_components=m, degree=degree, random_state=0)
                Z = features.fit(rows).transform(rows[:1000])
                with cores(1):
                    one = len(rows) / seconds(lambda f=features, r=rows: f.transform(r))
                every = len(rows) / seconds(lambda f=features, r=rows: f.transform(r), 1.0, wall=True)
                top = max(t.degree for t in features.plan_.terms)
                print(
                    f"{name:13}{depth:7}{degree:>7}{one:10,.0f}{every:9,.0f}{relative(K, Z):9.4f}"
                    f"  {top}, {features.plan_.predicted_error:.4f}",
                    flush=True,
                )
    print("research code, measured on a machine like this one, one thread, quiet: rows a second")
    for label, (low, high) in PAPER_SPEED.items():
        print(f"{label:28} d = 9: {low:6,}   d = 384: {high:6,}")
    for data, (features_error, sketch_error) in PAPER_ERROR.items():
        print(f"error on {data:19} NTKRF {features_error:.3f}  NTKSketch {sketch_error:.3f}")


def transform(_: bool) -> None:
    """Print this process's path, then that of one without the compiled code."""
    transform_table()
    if has_compiled():
        command = [sys.executable, __file__, "--only-this-path", "hadamard"]
        subprocess.run(command, check=True, env={**os.environ, "DUALACT_NO_C": "1"})


def transform_table() -> None:
    path = "compiled" if has_compiled() else "NumPy"
    print(f"Hadamard transform, {path} path, float32, µs a row in blocks of 256 KiB, one core")
    print(f"{'n':>7}{'copy':>8}{'transform':>11}{'ratio':>7}")
    for n in (64, 256, 1024, 4096, 16384):
        X = np.zeros((65536 // n, n), np.float32)
        Y = np.empty_like(X)
        copy = seconds(lambda X=X, Y=Y: [np.copyto(Y, X) for _ in range(20)]) / 20
        time = seconds(lambda X=X: [hadamard(X) for _ in range(20)]) / 20
        print(f"{n:7}{copy / len(X) * 1e6:8.3f}{time / len(X) * 1e6:11.3f}{time / copy:7.1f}", flush=True)


SECTIONS = {
    "polynomial": polynomial,
    "ntk": ntk,
    "powers": powers,
    "hadamard": transform,
    "scaling": scaling,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="fewer widths, degrees and depths")
    parser.add_argument("--plot", metavar="FILE.png", help="draw the section scaling (needs matplotlib)")
    parser.add_argument("--only-this-path", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_this_path:
        transform_table()
        sys.exit()
    unknown = sorted(set(options.sections) - set(SECTIONS))
    if unknown:
        parser.error(f"no section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    for section in options.sections or SECTIONS:
        if section == "ntk":
            ntk(options.quick)
        else:
            with cores(1):
                if section == "scaling":
                    scaling(options.quick, options.plot)
                else:
                    SECTIONS[section](options.quick)
        print()
