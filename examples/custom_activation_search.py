"""Your own activation in a grid search, next to the ones that come built in.

    python examples/custom_activation_search.py

An activation needs a name and a function. Registered, it is known by its name everywhere: in networks, in a
grid of ``network__activation``, in JSON files, on the command line.
"""

from __future__ import annotations

import tempfile

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import dualact as da


def bent(slope: float = 0.3) -> da.Activation:
    """φ(t) = |t| + slope·t: homogeneous, so one line says all there is to know of its kernel."""
    return da.Activation(
        "bent", lambda t: np.abs(t) + slope * t, breakpoints=(0.0,), homogeneity=1, params={"slope": slope}
    )


def search_in(memory: str) -> None:
    da.register("bent", bent)
    X, y = load_breast_cancer(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    model = Pipeline(
        [
            ("scale", StandardScaler()),
            (
                "sketch",
                da.SketchedNeuralKernel(da.mlp(1, "relu", weight_std=1.5), n_components=256, random_state=0),
            ),
            ("classify", RidgeClassifier()),
        ],
        memory=memory,  # folds that differ in the classifier alone share their features
    )
    grid = {
        "sketch__network__activation": ["relu", "bent"],
        "classify__alpha": [0.1, 1.0, 10.0],
    }
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    table = zip(search.cv_results_["mean_test_score"], search.cv_results_["params"], strict=True)
    for score, params in sorted(table, key=lambda row: -row[0]):
        act, alpha = (params[name] for name in grid)
        print(f"{score:.4f}  {act:6} alpha {alpha}")
    best = search.best_estimator_["sketch"].network
    print(f"\nbest: {best}\ntest accuracy {search.score(X_test, y_test):.3f}")
    assert search.score(X_test, y_test) > 0.93
    assert da.Network.from_dict(best.to_dict()) == best  # written down by name and parameters
    da.unregister("bent")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        search_in(folder)


if __name__ == "__main__":
    main()
