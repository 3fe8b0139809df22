"""Activations beyond ReLU: which one wins where, on tables.

    python examples/benchmarks/papers/activations.py DIRECTORY --tables protein kin40k pol elevators

The claim, of "Fast neural kernel embeddings for general activations" (Han et al. 2022): the best activation
depends on the data, and is often not ReLU. For each table and activation the depth and the bias are chosen by
generalised cross-validation on 8,000 training rows; then all training rows are learnt from. Mean square error
of the test rows, in units of the variance of the target. DIRECTORY as for regression.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from regression import FILES, learned, load, sketch

import dualact as da

ACTIVATIONS = ("relu", "leaky_relu", "abs", "gelu", "silu", "erf", "tanh", "sin", "gaussian")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, nargs="?")
    parser.add_argument("--tables", nargs="+", default=list(FILES), choices=list(FILES))
    parser.add_argument("--activations", nargs="+", default=ACTIVATIONS)
    parser.add_argument("--features", type=int, default=2048)
    options = parser.parse_args()
    if options.directory is None:
        options.tables, options.features = ["diabetes"], 64
    for table in options.tables:
        X, y, X_test, y_test = load(options.directory, table)
        few = np.random.default_rng(0).permutation(len(X))[:8000]
        found = {}
        for activation in options.activations:
            best, score = None, np.inf
            for depth in (1, 3):
                for bias in (0.0, 0.5):
                    network = da.mlp(depth, activation, weight_std=2**0.5, bias_std=bias)
                    tried = learned(
                        sketch(network, min(options.features, 1024)), X[few], y[few]
                    ).scores_.min()
                    if tried < score:
                        best, score = (depth, bias, network), tried
            assert best is not None
            features = sketch(best[2], options.features)
            model = learned(features, X, y)
            error = float(np.mean((model.predict(features.transform(X_test)) - y_test) ** 2))
            found[activation] = error
            print(f"{table:10s} {activation:10s} depth {best[0]}, bias {best[1]:g}: {error:.4f}", flush=True)
        order = sorted(found, key=found.__getitem__)
        print(f"{table}: {', '.join(f'{name} {found[name]:.4f}' for name in order)}")


if __name__ == "__main__":
    main()
