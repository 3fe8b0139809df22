"""Exact neural kernels before scikit-learn's kernel machines: SVC, KernelRidge, cross-validation, search.

    python examples/exact_kernel_pipelines.py

``ExactNeuralKernel`` turns rows into their kernel against the training rows, so that any estimator with
``kernel="precomputed"`` can follow it; within a pipeline every fold computes its own.
"""

from __future__ import annotations

from sklearn.datasets import load_diabetes, load_digits
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import dualact as da


def main() -> None:
    X, y = load_digits(return_X_y=True)
    X, y = X[::3], y[::3]
    for name, kind in (("gelu", "ntk"), ("sign", "nngp")):
        network = da.mlp(2, name, weight_std=2**0.5, bias_std=0.1)
        model = make_pipeline(da.ExactNeuralKernel(network, kind), SVC(kernel="precomputed", C=10))
        scores = cross_val_score(model, X / 16, y, cv=3)
        print(f"digits, SVC, {kind.upper():4} of {name}: {scores.mean():.3f} ± {scores.std():.3f}")
        assert scores.mean() > 0.85

    X, y = load_diabetes(return_X_y=True)
    model = make_pipeline(
        StandardScaler(),
        da.ExactNeuralKernel(da.mlp(1, "relu", weight_std=2**0.5)),
        KernelRidge(kernel="precomputed"),
    )
    grid = {
        "exactneuralkernel__network__activation": ["relu", "erf"],
        "exactneuralkernel__network__bias_std": [0.0, 1.0],
        "kernelridge__alpha": [3.0, 30.0, 300.0],
    }
    search = GridSearchCV(model, grid, cv=3).fit(X, (y - y.mean()) / y.std())
    print(f"diabetes, KernelRidge: R² {search.best_score_:.3f} with {search.best_params_}")
    assert search.best_score_ > 0.4


if __name__ == "__main__":
    main()
