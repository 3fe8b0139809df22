"""CIFAR-10: features of a convolutional kernel against dimension, and against the exact kernel's cost.

    python examples/benchmarks/papers/cifar10.py DIRECTORY --features 512 1024 2048 4096

The claims: features match the exact kernel "while achieving 150× speedup" ("Scaling neural tangent kernels
via sketching and random features", Zandieh et al. 2021), 106× for Myrtle-5 ("Fast neural kernel embeddings
for general activations", Han et al. 2022). Here: for each number of features the seconds of an image and the
accuracy, and for the exact kernel the seconds of a pair, on the same machine in the same run; the speed-up is
that of the features of ``--rows`` images over all their pairs.
DIRECTORY as for examples/cifar10.py, whose preparation, regression and choice of alpha these are; left out,
the 8×8 digits of scikit-learn stand in.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from pathlib import Path
from types import ModuleType

import numpy as np
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

import dualact as da


def example() -> ModuleType:
    """examples/cifar10.py."""
    place = Path(__file__).resolve().parents[2] / "cifar10.py"
    spec = importlib.util.spec_from_file_location("cifar10_example", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, nargs="?")
    parser.add_argument("--images", type=int, default=10_000, help="training images of the accuracies")
    parser.add_argument("--test", type=int, default=10_000, help="test images")
    parser.add_argument("--features", type=int, nargs="+", default=[512, 1024, 2048, 4096])
    parser.add_argument("--kind", default="nngp", choices=["ntk", "nngp"])
    parser.add_argument("--rows", type=int, default=60_000, help="images of the speed-up")
    parser.add_argument("--pairs", type=int, default=16, help="images whose exact kernel is timed")
    options = parser.parse_args()
    options.held_out, options.chunk, options.flips, options.progress = 0.1, 1000, False, False
    script = example()
    if options.directory is None:
        digits = load_digits()
        images, options.features = digits.images[..., None].astype(np.float32), [256]
        X, y, X_test, y_test = images[:600], digits.target[:600], images[600:900], digits.target[600:900]
    else:
        X, y = script.load(options.directory, range(1, 5), options.images)
        X_test, y_test = script.load(options.directory, range(5, 6), options.test)
    prepare = make_pipeline(
        da.ChannelStandardizer(), da.ImageNormalizer(), da.ZCAWhitening(regularization=0.1)
    )
    X, X_test = prepare.fit_transform(X), prepare.transform(X_test)
    network, n = da.myrtle(5, "relu"), options.rows
    start, few = time.perf_counter(), X[: options.pairs]
    da.kernel(network, few, kind=options.kind)
    pair = (time.perf_counter() - start) / (len(few) * (len(few) + 1) / 2)
    hours = pair * n * (n + 1) / 2 / 3600
    print(f"Myrtle-5, relu, {options.kind}: {pair * 1e3:.1f} ms an exact pair; {n} images {hours:,.0f} hours")
    print(f"accuracies from {len(X)} images on {len(X_test)}")
    print("features  ms/image  accuracy  speed-up over the exact kernel (papers: 150, 106)")
    for m in options.features:
        features = da.SketchedNeuralKernel(network, options.kind, m, random_state=0).fit(X)
        model, seconds = script.learn(features, X, y, options)
        parts = [X_test[i : i + options.chunk] for i in range(0, len(X_test), options.chunk)]
        predicted = np.concatenate([script.predict(model, features, part, False) for part in parts])
        each = seconds / len(X)
        speed = hours * 3600 / (each * n)
        print(f"{m:8d} {each * 1e3:9.2f} {np.mean(predicted == y_test):9.4f}  {speed:,.0f}", flush=True)


if __name__ == "__main__":
    main()
