"""Tables: mean square error on test rows against features and seconds, beside RBFSampler and Nystroem.

    python examples/benchmarks/papers/regression.py DIRECTORY --tables protein kin40k pol elevators

DIRECTORY holds ``uci_protein_raw.npz`` with x and y (a fifth of the rows is for testing), ``uci_kin40k.npz``
and so on with x, y and test_mask, whose first split is taken; left out, diabetes stands in. Columns and
targets are standardised on the training rows, 1 is the error of the mean. Network and gamma are chosen by
generalised cross-validation on 8,000 training rows, all alphas on every tenth training row held out: nobody
sees the test rows. Seconds are those of fit, transforms and ridge. "NTK at landmarks" is Nyström's method of
the same exact NTK; "Nystroem" and "RBFSampler" are scikit-learn's, of the Gaussian kernel.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.kernel_approximation import Nystroem, RBFSampler

import dualact as da

FACTORS = np.logspace(-7, 0, 15)  # alpha over the mean |z|²
FILES = {name: f"uci_{name}.npz" for name in ("kin40k", "pol", "elevators")} | {
    "protein": "uci_protein_raw.npz"
}


def load(directory: Path | None, table: str) -> tuple[np.ndarray, ...]:
    if directory is None:
        X, y = load_diabetes(return_X_y=True)
        test = np.arange(len(X)) % 5 == 0
    else:
        data = np.load(directory / FILES[table])
        X, y = data["x"].astype(float), data["y"].astype(float).ravel()
        test = np.random.default_rng(0).random(len(X)) < 0.2
        if "test_mask" in data:
            test = data["test_mask"][:, 0]
    moving = X[~test].std(axis=0) > 0
    X, X_test, y, y_test = X[~test][:, moving], X[test][:, moving], y[~test], y[test]
    X, X_test = ((a - X.mean(axis=0)) / X.std(axis=0) for a in (X, X_test))
    y, y_test = ((a - y.mean()) / y.std() for a in (y, y_test))
    return X.astype(np.float32), y, X_test.astype(np.float32), y_test


def learned(features: Any, X: np.ndarray, y: np.ndarray, selection: str = "gcv") -> da.StreamingRidge:
    features.fit(X)
    model = da.StreamingRidge(selection=selection)
    for i in range(0, len(X), 4096):
        model.partial_fit(features.transform(X[i : i + 4096]), y[i : i + 4096])
    statistics = model.statistics_
    size = statistics.scatter.trace() / statistics.weight
    return model.set_params(alphas=tuple(FACTORS * size)).solve()


def networks() -> dict[str, da.Network]:
    found = {}
    for activation in ("relu", "gelu", "erf", "abs"):
        for depth in (1, 2, 3, 5):
            for bias in (0.0, 0.5):
                found[f"{activation}, depth {depth}, bias_std {bias:g}"] = da.mlp(
                    depth, activation, weight_std=2**0.5, bias_std=bias
                )
    return found


def sketch(network: da.Network, m: int, compress: int | None = None) -> da.SketchedNeuralKernel:
    return da.SketchedNeuralKernel(network, n_components=m, compress=compress, random_state=0)


def monomials(network: da.Network, m: int) -> da.SketchedNeuralKernel:
    return da.SketchedNeuralKernel(network, n_components=m, method="monomials")


def choose(X: np.ndarray, y: np.ndarray, m: int) -> tuple[da.Network, float]:
    rows = np.random.default_rng(0).permutation(len(X))[:8000]
    X, y = X[rows], y[rows]
    scores = {
        name: float(learned(sketch(network, m), X, y).scores_.min()) for name, network in networks().items()
    }
    best = min(scores, key=scores.__getitem__)
    gammas = dict.fromkeys(2.0 ** np.arange(-7, 3) * 4 / X.shape[1], 0.0)
    for g in gammas:
        gammas[g] = min(float(learned(f, X, y).scores_.min()) for f in peers(g, min(m, 1024)).values())
    gamma = min(gammas, key=gammas.__getitem__)
    print(f"  NTK of {best} ({scores[best]:.4f}), gamma {gamma:.3g} ({gammas[gamma]:.4f})", flush=True)
    return networks()[best], gamma


class Landmarks:
    """Nyström's method of the exact kernel, landmarks drawn at random as scikit-learn's."""

    def __init__(self, network: da.Network, m: int) -> None:
        self.network, self.m = network, m

    def fit(self, X: np.ndarray) -> None:
        self.marks = X[np.random.default_rng(0).permutation(len(X))[: self.m]]
        values, vectors = np.linalg.eigh(da.kernel(self.network, self.marks))
        keep = values > 1e-10 * values[-1]
        self.root = vectors[:, keep] / np.sqrt(values[keep])

    def transform(self, X: np.ndarray) -> np.ndarray:
        return (da.kernel(self.network, X, self.marks) @ self.root).astype(np.float32)


def peers(gamma: float, m: int) -> dict[str, Any]:
    return {
        "RBFSampler": RBFSampler(gamma=gamma, n_components=m, random_state=0),
        "Nystroem": Nystroem(gamma=gamma, n_components=m, random_state=0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, nargs="?")
    parser.add_argument("--tables", nargs="+", default=["protein"], choices=list(FILES))
    parser.add_argument("--features", type=int, nargs="+", default=[512, 1024, 2048, 4096])
    parser.add_argument(
        "--compress", type=int, default=4, help="from so many times the columns; 0: not at all"
    )
    parser.add_argument(
        "--methods", nargs="+", default=[""], help="those whose names have one of these words"
    )
    parser.add_argument("--network", nargs=3, help="activation, depth and bias_std, not to choose again")
    parser.add_argument("--gamma", type=float, help="with --network")
    options = parser.parse_args()
    if options.directory is None:
        options.tables, options.features = ["diabetes"], [64]
    for table in options.tables:
        X, y, X_test, y_test = load(options.directory, table)
        print(f"{table}: {len(X)} rows to learn from, {len(X_test)} to test on, {X.shape[1]} columns")
        if options.network:
            network = networks()["{}, depth {}, bias_std {}".format(*options.network)]
            gamma = options.gamma
        else:
            network, gamma = choose(X, y, min(1024, max(options.features)))
        print("features  method                      MSE  seconds")
        for m in options.features:
            methods = {"sketched NTK": sketch(network, m)}
            if options.compress:
                methods[f"compressed from {options.compress * m}"] = sketch(network, m, options.compress)
            methods |= {"leading monomials": monomials(network, m), "NTK at landmarks": Landmarks(network, m)}
            methods |= peers(gamma, m)
            for name, features in methods.items():
                if not any(word in name for word in options.methods):
                    continue
                start = time.perf_counter()
                model = learned(features, X, y, "holdout")
                parts = [X_test[i : i + 4096] for i in range(0, len(X_test), 4096)]
                predicted = np.concatenate([model.predict(features.transform(part)) for part in parts])
                seconds = time.perf_counter() - start
                error = float(np.mean((predicted - y_test) ** 2))
                print(f"{m:8d}  {name:22s} {error:8.4f} {seconds:8.1f}", flush=True)


if __name__ == "__main__":
    main()
