"""A Gaussian process whose prior is an infinitely wide network.

    python examples/gaussian_process.py

The standard deviations of weights and biases are found by maximising the marginal likelihood, with exact
gradients; scikit-learn's own kernels take part in the sum. Printed for 120 rows of diabetes: the evidence,
the error on the other rows (in standard deviations of the target), and how many of these fall within two
predicted standard deviations.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

import dualact as da


def main() -> None:
    # A bias_std that runs to its lower bound is one that the data do not ask for.
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = load_diabetes(return_X_y=True)
    X, X_test, y, y_test = train_test_split(scale(X), scale(y), train_size=120, random_state=0)

    noise = WhiteKernel(0.5, (1e-2, 2.0))
    relu = da.mlp(2, "relu", weight_std=1.5, bias_std=0.5)
    gelu = da.mlp(1, "gelu", weight_std=1.5, bias_std=0.5)
    kernels = {
        "RBF": ConstantKernel() * RBF(3.0) + noise,
        "Matérn 3/2": ConstantKernel() * Matern(3.0) + noise,
        "NNGP relu, shared": da.NeuralKernel(relu, kind="nngp") + noise,
        "NNGP gelu, by layer": da.NeuralKernel(gelu, kind="nngp", tie="layer") + noise,
    }
    print(f"{'kernel':20} log evidence  RMSE  within 2 std")
    fitted = {}
    for name, kernel in kernels.items():
        gp = fitted[name] = GaussianProcessRegressor(kernel).fit(X, y)
        mean, std = gp.predict(X_test, return_std=True)
        error = np.sqrt(np.mean((mean - y_test) ** 2))
        inside = np.mean(np.abs(mean - y_test) < 2 * std)
        print(f"{name:20} {gp.log_marginal_likelihood_value_:12.1f} {error:5.3f} {inside:13.1%}")
        assert gp.log_marginal_likelihood_value_ > gp.log_marginal_likelihood(kernel.theta)
        assert error < 0.85
        assert inside > 0.85
    print("\nfound:", fitted["NNGP gelu, by layer"].kernel_)


if __name__ == "__main__":
    main()
