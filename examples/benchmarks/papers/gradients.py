"""MNIST: NTK features against the gradient features of a finite network, the papers' baseline.

    python examples/benchmarks/papers/gradients.py FILE --features 1024 4096 16384

The claim, of "Scaling neural tangent kernels via sketching and random features" (Zandieh et al. 2021): at
equal dimension NTK features classify better than the gradients of a finite network at initialisation, whose
inner products tend to the NTK only with the width. Here the network has one hidden layer of ReLU; its
gradients with respect to both layers are m = width·(d + 1) numbers, so that few neurons are left for a given
m. FILE as for mnist.py; random features, polynomial sketches and leading monomials of the same network.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from mnist import accuracy, load

import dualact as da


class GradientFeatures:
    """∂f/∂(a, W) of f(x) = Σ_j a_j relu(w_j·x √2/√d)/√width at a random network; no more than m numbers."""

    def __init__(self, m: int) -> None:
        self.m = m

    def fit(self, X: np.ndarray) -> GradientFeatures:
        d = X.shape[1]
        self.width = max(1, self.m // (d + 1))
        rng = np.random.default_rng(0)
        self.W = rng.standard_normal((d, self.width)).astype(np.float32)
        self.a = rng.standard_normal(self.width).astype(np.float32)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        scale = np.float32((2 / X.shape[1]) ** 0.5)
        before = scale * (X @ self.W)
        moved = (before > 0) * self.a
        inner = moved[:, :, None] * (scale * X)[:, None, :]
        parts = [np.maximum(before, 0), inner.reshape(len(X), -1)]
        found: np.ndarray = np.concatenate(parts, axis=1) / np.float32(self.width**0.5)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--features", type=int, nargs="+", help="default 1024 4096 16384; without FILE 256")
    options = parser.parse_args()
    data = load(options.file)
    if options.file is None:
        options.features = options.features or [256]
    network = da.mlp(1, "relu", weight_std=2**0.5)
    print("features  method                   accuracy  seconds")
    for m in options.features or (1024, 4096, 16_384):
        methods: dict[str, Any] = {"gradients": GradientFeatures(m)} | {
            method: da.SketchedNeuralKernel(network, n_components=m, method=method, random_state=0)
            for method in ("random", "polysketch", "monomials")
        }
        for name, features in methods.items():
            score, made, ridge, _ = accuracy(features, *data)
            print(f"{m:8d}  {name:22s} {score:10.4f} {made + ridge:8.1f}", flush=True)


if __name__ == "__main__":
    main()
