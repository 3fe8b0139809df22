"""MNIST: accuracy against features and seconds, beside RBFSampler and Nystroem.

    python examples/benchmarks/papers/mnist.py FILE --choose 2048 4096
    python examples/benchmarks/papers/mnist.py FILE --features 1024 2048 4096 8192 16384

FILE is an .npz with x_train (60000, 28, 28) uint8, y_train, x_test, y_test; left out, the digits of
scikit-learn stand in. Every method learns with the same StreamingRidgeClassifier, whose alpha is chosen on
every tenth training row. Depths, the degree of the sketch and the gammas of the peers are what ``--choose``
finds best on 2,000 of 12,000 training rows, without a look at the test rows; those are looked at once for
each line. Seconds are those of fit and both transforms, and of the ridge.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.kernel_approximation import Nystroem, RBFSampler

import dualact as da

FACTORS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)  # alpha over the mean |z|²


def load(file: Path | None) -> tuple[np.ndarray, ...]:
    """Rows of unit length."""
    if file is None:
        digits = load_digits()
        X, y = digits.data, digits.target
        parts: tuple[np.ndarray, ...] = (X[:1200], y[:1200], X[1200:], y[1200:])
    else:
        data = np.load(file)
        parts = tuple(data[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    X, y, X_test, y_test = parts
    X, X_test = (a.reshape(len(a), -1).astype(np.float32) for a in (X, X_test))
    X, X_test = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (X, X_test))
    return X, y.ravel(), X_test, y_test.ravel()


def accuracy(features: Any, X: np.ndarray, y: np.ndarray, X_test: np.ndarray, y_test: np.ndarray) -> Any:
    """Accuracy, seconds of the features, seconds of the ridge, and alpha over the mean |z|²."""
    start = time.perf_counter()
    features.fit(X)
    made = time.perf_counter() - start
    model = da.StreamingRidgeClassifier(selection="holdout", precision="mixed")
    rows = 4000
    start, transforms = time.perf_counter(), 0.0
    for i in range(0, len(X), rows):
        before = time.perf_counter()
        Z = features.transform(X[i : i + rows])
        transforms += time.perf_counter() - before
        model.partial_fit(Z, y[i : i + rows], classes=np.unique(y))
    statistics = model.statistics_
    size = float(statistics.scatter.trace() / statistics.weight + statistics.mean @ statistics.mean)
    model.set_params(alphas=tuple(f * size for f in FACTORS)).solve()
    found = []
    for i in range(0, len(X_test), rows):
        before = time.perf_counter()
        Z = features.transform(X_test[i : i + rows])
        transforms += time.perf_counter() - before
        found.append(model.predict(Z))
    whole = time.perf_counter() - start
    score = float(np.mean(np.concatenate(found) == y_test))
    return score, made + transforms, whole - transforms, model.alpha_ / size


def peers(gammas: Sequence[float], m: int, n: int) -> dict[str, Any]:
    """RBFSampler and, where its SVD is affordable, Nystroem."""
    found: dict[str, Any] = {"RBFSampler": RBFSampler(gamma=gammas[0], n_components=m, random_state=0)}
    if m <= min(4096, n // 2):
        found["Nystroem"] = Nystroem(gamma=gammas[1], n_components=m, random_state=0)
    return found


def ours(method: str, depth: int, m: int, **options: Any) -> da.SketchedNeuralKernel:
    network = da.mlp(depth, "relu", weight_std=2**0.5)
    return da.SketchedNeuralKernel(network, n_components=m, method=method, random_state=0, **options)


def choose(X: np.ndarray, y: np.ndarray, m: int) -> None:
    """Print what each choice reaches on held-out training rows."""
    order = np.random.default_rng(0).permutation(len(X))[:12_000]
    cut = 5 * len(order) // 6
    data = X[order[:cut]], y[order[:cut]], X[order[cut:]], y[order[cut:]]
    tried: dict[str, Any] = {f"monomials, depth {d}": ours("monomials", d, m) for d in (1, 3, 6, 10)}
    for d in (1, 3):
        for k in (2, 4, "auto"):
            tried[f"polysketch, depth {d}, degree {k}"] = ours("polysketch", d, m, degree=k)
    for gamma in (0.12, 0.25, 0.5, 1.0, 2.0, 4.0):
        tried |= {f"{name}, gamma {gamma:g}": made for name, made in peers((gamma, gamma), m, cut).items()}
    for name, features in tried.items():
        print(f"{m:8d}  {name:35s} {accuracy(features, *data)[0]:9.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--features", type=int, nargs="+", default=[1024, 2048, 4096, 8192, 16_384])
    parser.add_argument("--methods", nargs="+", help="only those whose names begin like this")
    parser.add_argument("--compress", type=int, default=4)
    parser.add_argument("--choose", type=int, nargs="+", help="compare choices at these numbers of features")
    parser.add_argument("--depth", type=int, default=6, help="of monomials")
    parser.add_argument("--degree", type=int, default=2, help="of the sketch, whose depth is 1")
    parser.add_argument("--gammas", type=float, nargs=2, default=[0.25, 1.0], help="RBFSampler, Nystroem")
    options = parser.parse_args()
    X, y, X_test, y_test = load(options.file)
    if options.file is None:
        options.features = [256]
    for m in options.choose or ():
        choose(X, y, m)
    if options.choose:
        return
    print(f"{len(X)} rows")
    print("features  method                               accuracy  seconds: features  ridge     all  alpha")
    for m in options.features:
        label = f"polysketch, degree {options.degree}"
        methods: dict[str, Any] = {f"monomials, depth {options.depth}": ours("monomials", options.depth, m)}
        methods[label] = ours("polysketch", 1, m, degree=options.degree)
        if options.compress * m <= 16_384:
            wide, factor = f", from {options.compress * m}", options.compress
            methods[label + wide] = ours("polysketch", 1, m, degree=options.degree, compress=factor)
            methods[f"monomials, depth {options.depth}{wide}"] = ours(
                "monomials", options.depth, m, compress=factor
            )
        for name, features in (methods | peers(options.gammas, m, len(X))).items():
            if options.methods and not name.startswith(tuple(options.methods)):
                continue
            score, made, ridge, alpha = accuracy(features, X, y, X_test, y_test)
            print(
                f"{m:8d}  {name:35s} {score:9.4f} {made:18.1f} {ridge:6.1f} {made + ridge:7.1f}  {alpha:.0e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
