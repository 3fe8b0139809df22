"""CIFAR-10 with the features of a convolutional tangent kernel: accuracy against features and seconds.

    python examples/cifar10.py DIRECTORY --images 10000 --test 2000 --features 1024 4096

DIRECTORY holds ``cifar10_train_1.npz`` to ``cifar10_train_5.npz``, the five training batches, each with ``x``
(n, 32, 32, 3) uint8 and ``y``. Batches 1 to 4 are for training, batch 5 for testing. The ridge is chosen on
held-out training images; the test images are looked at once for each number of features.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

import dualact as da


def load(directory: Path, batches: range, count: int) -> tuple[np.ndarray, np.ndarray]:
    files = [np.load(directory / f"cifar10_train_{i}.npz") for i in batches]
    X = np.concatenate([f["x"] for f in files])[:count]
    y = np.concatenate([f["y"].ravel() for f in files])[:count]
    return X.astype(np.float32) / 255, y


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, nargs="?", help="left out: the 8×8 digits of scikit-learn")
    parser.add_argument("--images", type=int, default=40_000, help="training images")
    parser.add_argument("--test", type=int, default=10_000, help="test images")
    parser.add_argument("--features", type=int, nargs="+", default=[1024, 4096])
    parser.add_argument("--activation", default="relu")
    parser.add_argument("--kind", default="ntk", choices=["ntk", "nngp"])
    parser.add_argument("--depth", type=int, default=5, choices=[5, 7, 10])
    parser.add_argument("--held-out", type=float, default=0.1, help="fraction of the training images")
    parser.add_argument("--chunk", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.directory is None:
        print("no directory given: the digits of scikit-learn, 256 features")
        digits = load_digits()
        images, options.features = digits.images[..., None].astype(np.float32), [256]
        X, y, X_test, y_test = images[:600], digits.target[:600], images[600:900], digits.target[600:900]
    elif options.directory.is_dir():
        X, y = load(options.directory, range(1, 5), options.images)
        X_test, y_test = load(options.directory, range(5, 6), options.test)
    else:
        raise SystemExit(
            f"{options.directory} is not there; the first lines of this script say what it holds."
        )
    network = da.myrtle(options.depth, options.activation)
    print(
        f"{len(X)} training images, {len(X_test)} test images; "
        f"Myrtle-{options.depth}, {options.activation}, {options.kind}"
    )
    start = time.perf_counter()
    prepare = make_pipeline(
        da.ChannelStandardizer(), da.ImageNormalizer(), da.ZCAWhitening(regularization=0.1)
    )
    X = prepare.fit_transform(X)
    X_test = prepare.transform(X_test)
    print(f"preprocessing {time.perf_counter() - start:.0f} s")
    fitted = round(len(X) * (1 - options.held_out))
    print("features  seconds: design  features  ridge   ms/image  alpha/mean  test accuracy")
    for n in options.features:
        start = time.perf_counter()
        features = da.SketchedNeuralKernel(network, options.kind, n, random_state=options.seed).fit(X)
        designed = time.perf_counter()
        Z, Z_test = (
            np.concatenate(
                [features.transform(A[i : i + options.chunk]) for i in range(0, len(A), options.chunk)]
            )
            for A in (X, X_test)
        )
        made = time.perf_counter()
        scale = float(np.mean(np.sum(Z[:1000].astype(float) ** 2, axis=1))) * fitted / n
        factors = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
        best = da.StreamingRidgeClassifier(
            alphas=tuple(f * scale for f in factors), selection="holdout", precision="mixed"
        )
        for i in range(0, len(X), options.chunk):
            cut = min(max(fitted - i, 0), options.chunk)
            for rows, held in ((slice(i, i + cut), False), (slice(i + cut, i + options.chunk), True)):
                if len(Z[rows]):
                    best.partial_fit(Z[rows], y[rows], classes=np.arange(10), holdout=held)
        factor = best.alpha_ / scale
        accuracy = best.score(Z_test, y_test)
        done = time.perf_counter()
        each = (made - designed) / (len(X) + len(X_test)) * 1e3
        seconds = f"{designed - start:15.1f} {made - designed:9.1f} {done - made:6.1f}"
        print(f"{n:8d}  {seconds} {each:10.2f}  {factor:10.0e}  {accuracy:13.4f}", flush=True)


if __name__ == "__main__":
    main()
