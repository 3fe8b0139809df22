"""CIFAR-10 with the features of a convolutional tangent kernel: accuracy against features and seconds.

    python examples/cifar10.py DIRECTORY --images 10000 --test 2000 --features 1024 4096

DIRECTORY holds ``cifar10_train_1.npz`` to ``cifar10_train_5.npz``, the five training batches, each with ``x``
(n, 32, 32, 3) uint8 and ``y``. Batches 1 to 4 are for training, batch 5 for testing. The ridge is chosen on
held-out training images; the test images are looked at once for each number of features. What else there is
to choose (--kind, --widths, --flips) is compared with --validate, without a look at the test images.
"""

from __future__ import annotations

import argparse
import resource
import sys
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
    parser.add_argument(
        "--validate", type=int, help="so many training images, the last ones, stand in for the test images"
    )
    parser.add_argument("--chunk", type=int, default=1000, help="images whose features are there at once")
    parser.add_argument("--compress", type=int, help="from so many times the features")
    parser.add_argument("--widths", type=int, nargs="+", help="after each Act but the last")
    parser.add_argument("--flips", action="store_true", help="learn from mirror images as well, and ask both")
    parser.add_argument("--progress", action="store_true")
    parser.add_argument("--predictions", type=Path, help="an .npz for the predicted classes")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.directory is None:
        print("no directory given: the digits of scikit-learn, 256 features")
        digits = load_digits()
        images, options.features = digits.images[..., None].astype(np.float32), [256]
        X, y, X_test, y_test = images[:600], digits.target[:600], images[600:900], digits.target[600:900]
    elif options.directory.is_dir():
        X, y = load(options.directory, range(1, 5), options.images)
        if options.validate is None:
            X_test, y_test = load(options.directory, range(5, 6), options.test)
        else:
            X_test, y_test = X[-options.validate :], y[-options.validate :]
            X, y = X[: -options.validate], y[: -options.validate]
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
    print("features  seconds: design  features  ridge  ms/image  alpha/|z|²  accuracy  peak GiB")
    for n in options.features:
        start = time.perf_counter()
        features = da.SketchedNeuralKernel(
            network,
            options.kind,
            n,
            random_state=options.seed,
            compress=options.compress,
            widths=options.widths or "auto",
        ).fit(X)
        designed = time.perf_counter()
        model, seconds = learn(features, X, y, options)
        solved = time.perf_counter()
        parts = [X_test[i : i + options.chunk] for i in range(0, len(X_test), options.chunk)]
        predicted = np.concatenate([predict(model, features, part, options.flips) for part in parts])
        accuracy = np.mean(predicted == y_test)
        if options.predictions is not None:
            np.savez(options.predictions, predicted=predicted, y=y_test)
        seconds += time.perf_counter() - solved
        images = (len(X) + len(X_test)) * (1 + options.flips)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{n:8d} {designed - start:16.1f} {seconds:9.1f} {time.perf_counter() - designed - seconds:6.1f} "
            f"{seconds / images * 1e3:9.2f} {model.alpha_ / mean_square(model):11.0e} {accuracy:9.4f} "
            f"{peak:9.1f}",
            flush=True,
        )


def learn(
    features: da.SketchedNeuralKernel, X: np.ndarray, y: np.ndarray, options: argparse.Namespace
) -> tuple[da.StreamingRidgeClassifier, float]:
    """The ridge classifier of the training images, a chunk at a time, and the seconds that features took."""
    fitted = round(len(X) * (1 - options.held_out))
    ends = [(i, min(i + options.chunk, fitted)) for i in range(0, fitted, options.chunk)]
    ends += [(i, min(i + options.chunk, len(X))) for i in range(fitted, len(X), options.chunk)]
    model = da.StreamingRidgeClassifier(selection="holdout")
    seconds = 0.0
    for first, end in ends:
        part = X[first:end]
        for images in (part, part[:, :, ::-1]) if options.flips else (part,):
            start = time.perf_counter()
            Z = features.transform(np.ascontiguousarray(images))
            seconds += time.perf_counter() - start
            model.partial_fit(Z, y[first:end], classes=np.unique(y), holdout=first >= fitted)
        if options.progress:
            print(f"  {end} images, {seconds:.0f} s", file=sys.stderr, flush=True)
    model.set_params(alphas=tuple(mean_square(model) * f for f in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)))
    return model.solve(), seconds


def predict(
    model: da.StreamingRidgeClassifier, features: da.SketchedNeuralKernel, images: np.ndarray, flips: bool
) -> np.ndarray:
    """Classes of images; with flips by the mean score of an image and its mirror image."""
    scores = model.decision_function(features.transform(images))
    if flips:
        scores = scores + model.decision_function(
            features.transform(np.ascontiguousarray(images[:, :, ::-1]))
        )
    found: np.ndarray = model.classes_[scores.argmax(axis=1)]
    return found


def mean_square(model: da.StreamingRidgeClassifier) -> float:
    """The mean of |z|² over the training images: what alpha is measured by."""
    statistics = model.statistics_
    return float(statistics.scatter.trace() / statistics.weight + statistics.mean @ statistics.mean)


if __name__ == "__main__":
    main()
