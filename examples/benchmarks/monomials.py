"""Leading monomials beside polynomial sketches and Nyström's method, of the same kernel.

    python examples/benchmarks/monomials.py            # a few minutes; --quick: one

For half of the rows the features are designed on, and for both halves: the relative Frobenius error of the
Gram matrix, the share of its trace that the features have, the spectral error at a ridge of 1e-2 of the mean
diagonal, and how far the predictions of a kernel ridge regression (that ridge, random smooth target) on the
other half are from those with the exact kernel. Nyström's method is that of the exact kernel, landmarks drawn
at random. ``protein`` needs uci_protein_raw.npz, ``mnist`` mnist.npz in the folder that DUALACT_DATA names.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from families import DATA
from sklearn.datasets import load_digits

import dualact as da

NETWORKS = {
    "relu 1": da.mlp(1, "relu", weight_std=2**0.5),
    "relu 3": da.mlp(3, "relu", weight_std=2**0.5),
    "gelu 3": da.mlp(3, "gelu", weight_std=2**0.5, bias_std=0.1),
}


def families(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found = {"digits": load_digits().data / 16, "gaussian 9": rng.standard_normal((count, 9))}
    found["gaussian 256"] = rng.standard_normal((count, 256))
    found["decaying 256"] = rng.standard_normal((count, 256)) / np.arange(1, 257)
    if (DATA / "uci_protein_raw.npz").exists():
        X = np.load(DATA / "uci_protein_raw.npz")["x"]
        found["protein"] = (X - X.mean(axis=0)) / X.std(axis=0)
    if (DATA / "mnist.npz").exists():
        found["mnist"] = np.load(DATA / "mnist.npz")["x_train"].reshape(60_000, -1) / 255.0
    return {name: X[rng.permutation(len(X))[:count]] for name, X in found.items()}


def nystroem(network: da.Network, X: np.ndarray, Y: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
    marks = X[np.random.default_rng(0).permutation(len(X))[:m]]
    values, vectors = np.linalg.eigh(da.kernel(network, marks))
    keep = values > 1e-10 * values[-1]
    root = vectors[:, keep] / np.sqrt(values[keep])
    return da.kernel(network, X, marks) @ root, da.kernel(network, Y, marks) @ root


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--features", type=int, nargs="+", default=[256, 1024])
    options = parser.parse_args()
    count = 800 if options.quick else 3000
    print("rows          network      m  features      Frobenius    trace  spectral  predictions  seconds")
    for family, X in families(count).items():
        X, Y = X[: len(X) // 2], X[len(X) // 2 :]
        for label, network in NETWORKS.items():
            K, cross = da.kernel(network, X), da.kernel(network, Y, X)
            ridge = 1e-2 * np.trace(K) / len(K)
            rng = np.random.default_rng(1)
            target = np.tanh(2 * X @ rng.standard_normal((X.shape[1], 1)) / np.linalg.norm(X, axis=1).mean())
            want = cross @ np.linalg.solve(K + ridge * np.eye(len(K)), target)
            for m in options.features:
                for name in ("monomials", "polysketch", "compressed", "Nyström"):
                    start = time.perf_counter()
                    if name == "Nyström":
                        Z, Z_other = nystroem(network, X, Y, m)
                    else:
                        features = da.SketchedNeuralKernel(
                            network,
                            n_components=m,
                            random_state=0,
                            method="monomials" if name == "monomials" else "polysketch",
                            compress=4 if name == "compressed" else None,
                        )
                        if name == "compressed" and m > len(X):
                            continue
                        Z = features.fit(X).transform(X)
                        Z_other = features.transform(Y)
                    took = time.perf_counter() - start
                    G = Z @ Z.T
                    error = np.linalg.norm(G - K) / np.linalg.norm(K)
                    kept = np.trace(G) / np.trace(K)
                    spectral = da.metrics.spectral_error(K, Z, ridge)
                    found = (Z_other @ Z.T) @ np.linalg.solve(G + ridge * np.eye(len(K)), target)
                    away = np.linalg.norm(found - want) / np.linalg.norm(want)
                    row = f"{family:13s} {label:8s} {m:5d}  {name:12s} {error:10.4f} {kept:8.4f}"
                    print(f"{row} {spectral:9.3f} {away:12.4f} {took:8.2f}", flush=True)


if __name__ == "__main__":
    main()
