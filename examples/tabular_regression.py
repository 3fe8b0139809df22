"""A table by neural kernels: the exact kernel, a network in training, and features for many rows.

    python examples/tabular_regression.py [path/to/uci_protein_raw.npz]

Without a path the table is diabetes (442 rows, ships with scikit-learn). With the path of an ``.npz`` file
that holds ``x`` and ``y``, such as UCI's Protein (45,730 rows), the exact kernels learn from 2000 rows, the
features from all.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import dualact as da

EXACT_ROWS = 2000


def main(path: str | None = None) -> None:
    if path is None:
        X, y = load_diabetes(return_X_y=True)
    else:
        with np.load(path) as data:
            X, y = data["x"].astype(float), data["y"].astype(float)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    few = slice(0, EXACT_ROWS)
    many = len(X) > EXACT_ROWS

    network = da.mlp(2, "relu", weight_std=2**0.5)
    features = da.SketchedNeuralKernel(network, n_components=2048 if many else 256, random_state=0)
    alpha = 1.0 if many else 30.0
    models = {
        "linear": (Ridge(), slice(None)),
        "exact kernel ridge": (
            make_pipeline(da.ExactNeuralKernel(network), KernelRidge(alpha=alpha, kernel="precomputed")),
            few,
        ),
        "network in training": (da.GradientFlowRegressor(network, time=200.0 if many else 15.0), few),
        "features and ridge": (make_pipeline(features, Ridge(alpha=alpha)), slice(None)),
    }
    print(f"{'model':30}    rows     R²  seconds")
    scores = {}
    for name, (model, rows) in models.items():
        start = time.perf_counter()
        whole = TransformedTargetRegressor(
            make_pipeline(StandardScaler(), model), transformer=StandardScaler()
        )
        scores[name] = whole.fit(X[rows], y[rows]).score(X_test, y_test)
        seconds = time.perf_counter() - start
        print(f"{name:30} {len(X[rows]):7d} {scores[name]:6.3f} {seconds:8.2f}")
    best = max(scores, key=lambda name: scores[name])
    print(f"best: {best}")
    if many:
        assert best != "linear"
    assert min(scores.values()) > 0.2


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", help="an .npz file with x and y; without: diabetes")
    main(parser.parse_args().file)
