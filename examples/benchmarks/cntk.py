"""Convolutional tangent kernels: error and seconds of features, seconds of exact pairs, accuracies.

    python examples/benchmarks/cntk.py error --data DIRECTORY
    python examples/benchmarks/cntk.py seconds --data DIRECTORY
    python examples/benchmarks/cntk.py flatten --data DIRECTORY
    python examples/benchmarks/cntk.py subset --data DIRECTORY

``error`` compares features with exact kernels of 8×8 and 16×16 images, ``seconds`` times Myrtle-5 at 32×32
for each image and each exact pair, ``flatten`` exact pairs of a network without pools, ``subset`` shows
accuracies from 1,000 training images, 8×8.

DIRECTORY holds ``cifar10_train_1.npz`` and ``cifar10_train_5.npz``, x (n, 32, 32, 3) and y; left out,
images are smooth noise. Seconds are processor seconds of one thread. "papers" is papers_scheme.py with n/2
complex numbers in every layer: the best of the degrees 2, 4 and 8, each times the scalar that suits it best.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import papers_scheme
from scipy.ndimage import gaussian_filter

import dualact as da
from dualact.sketch.spatial.feature_map import SpatialMap
from dualact.sketch.spatial.fitting import plan_images


def images(directory: Path | None, batch: int, count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Standardised images averaged down to ``size``, and labels."""
    if directory is None:
        noise = np.random.default_rng(batch).standard_normal((count, 32, 32, 3))
        X, y = gaussian_filter(noise, (0, 2, 2, 0)), np.zeros(count, int)
    else:
        data = np.load(directory / f"cifar10_train_{batch}.npz")
        X, y = data["x"][:count] / 255.0, data["y"].ravel()[:count]
    X = (X - X.mean(axis=(0, 1, 2))) / X.std(axis=(0, 1, 2))
    step = 32 // size
    return X.reshape(count, size, step, size, step, 3).mean(axis=(2, 4)), y


def errors(directory: Path | None, widths: list[int], seeds: int) -> None:
    print("relative error of Myrtle-5 features, mean of the seeds")
    print("size  activation           kind  features  papers (degree)     this  predicted")
    for size, count in ((8, 40), (16, 16)):
        X, _ = images(directory, 1, count, size)
        for activation in ("relu", "gelu", "normalized_gaussian"):
            network = da.myrtle(5, activation)
            for kind in ("nngp", "ntk"):
                K = da.kernel(network, X, kind=kind)
                degrees: tuple[int, ...] = (2, 4, 8)
                for n in widths:
                    found, predicted = [], []
                    for seed in range(seeds):
                        plan = plan_images(network, kind, X, n_components=n, seed=seed)
                        found.append(da.metrics.relative_error(K, SpatialMap(plan, np.float32).transform(X)))
                        predicted.append(plan.predicted_error)
                    peers = {d: papers_error(K, X, activation, kind, n, d, seeds) for d in degrees}
                    best = min(peers, key=peers.__getitem__)
                    if n >= 1024:
                        degrees = (best,)  # wider ones take minutes each
                    row = f"{size:4d}  {activation:20s} {kind:4s}  {n:8d} {peers[best]:9.4f} ({best})"
                    print(f"{row} {np.mean(found):13.4f}  {np.mean(predicted):9.4f}", flush=True)


def papers_error(
    K: np.ndarray, X: np.ndarray, activation: str, kind: str, n: int, degree: int, seeds: int
) -> float:
    """Mean error of the papers' scheme, each kernel times the scalar that suits it best."""
    found = []
    for seed in range(seeds):
        G = papers_scheme.kernel(X, activation, kind, n // 2, degree, seed)
        G = G * (np.vdot(G, K) / np.vdot(G, G))
        found.append(np.linalg.norm(G - K) / np.linalg.norm(K))
    return float(np.mean(found))


def seconds(directory: Path | None, widths: list[int]) -> None:
    X, _ = images(directory, 1, 64, 32)
    X = X.astype(np.float32)
    for activation in ("relu", "normalized_gaussian"):
        network = da.myrtle(5, activation)
        start = time.process_time()
        da.kernel(network, X[:4], kind="ntk", n_jobs=1)
        pair = (time.process_time() - start) / 10
        print(f"Myrtle-5, {activation}, NTK, 32×32: {pair:.3f} s an exact pair,", end=" ")
        print(f"60,000 images: {pair * 60_000**2 / 2 / 3600:,.0f} hours")
        for n in widths:
            features = da.SketchedNeuralKernel(network, n_components=n, random_state=0, n_jobs=1).fit(X)
            features.transform(X[:4])
            start = time.process_time()
            features.transform(X)
            each = (time.process_time() - start) / len(X)
            print(
                f"  {n:6d} features: {each * 1e3:6.1f} ms an image, 60,000: {each * 60_000 / 3600:.2f} hours"
            )


def flatten(directory: Path | None) -> None:
    X, _ = images(directory, 1, 256, 32)
    print("ms an exact pair: NTK, three 3×3 convolutions at 32×32, Flatten")
    print("activation            64 images      again  256 images")
    for activation in ("relu", "gelu", "normalized_gaussian", "softplus", "silu", "tanh"):
        network = da.cnn(3, activation, head="flatten")
        line = f"{activation:20s}"
        for n in (64, 64, 256):
            start = time.process_time()
            da.kernel(network, X[:n], n_jobs=1)
            line += f"  {(time.process_time() - start) / (n * (n + 1) / 2) * 1e3:9.2f}"
        print(line, flush=True)


def subset(directory: Path | None, widths: list[int]) -> None:
    if directory is None:
        raise SystemExit("accuracies need images with labels: pass --data DIRECTORY.")
    X, y = images(directory, 1, 1000, 8)
    X_test, y_test = images(directory, 5, 500, 8)
    targets = np.eye(10)[y] - 0.1
    network = da.myrtle(5, "relu")

    def accuracy(K: np.ndarray, K_test: np.ndarray) -> str:
        ridges = (1e-3, 1e-2, 3e-2, 1e-1)
        mean = np.trace(K) / len(K)
        scores = []
        for ridge in ridges:
            predicted = K_test @ np.linalg.solve(K + ridge * mean * np.eye(len(K)), targets)
            scores.append(np.mean(predicted.argmax(axis=1) == y_test))
        return "  ".join(f"{s:.3f}" for s in scores)

    print("accuracy on 500 images from 1,000, 8×8, Myrtle-5 NTK")
    print("ridges of the diagonal: 1e-3, 1e-2, 3e-2, 1e-1")
    start = time.perf_counter()
    line = accuracy(da.kernel(network, X), da.kernel(network, X_test, X))
    print(f"exact           {line}  ({time.perf_counter() - start:.0f} s)", flush=True)
    for n in widths:
        start = time.perf_counter()
        features = da.SketchedNeuralKernel(network, n_components=n, random_state=0).fit(X)
        Z, Z_test = features.transform(X), features.transform(X_test)
        line = accuracy(Z @ Z.T, Z_test @ Z.T)
        print(f"{n:6d} features {line}  ({time.perf_counter() - start:.0f} s)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["error", "seconds", "flatten", "subset"])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--features", type=int, nargs="+")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    if options.part == "error":
        errors(options.data, options.features or [256, 1024, 4096], options.seeds)
    elif options.part == "seconds":
        seconds(options.data, options.features or [512, 1024, 4096, 8192])
    elif options.part == "flatten":
        flatten(options.data)
    else:
        subset(options.data, options.features or [256, 1024, 4096])


if __name__ == "__main__":
    main()
