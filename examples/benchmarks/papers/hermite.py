"""Dual kernels of one hidden layer by Hermite expansion, against Monte Carlo: degree 1 to 20.

    python examples/benchmarks/papers/hermite.py

The claim, of "Fast neural kernel embeddings for general activations" (Han et al. 2022): a truncated Hermite
expansion approximates the dual kernel of any activation better than random neurons do, at a fraction of the
cost. Rows are from N(0, I/d), so that variances scatter around 1. "fixed" are the coefficients at variance 1,
with the cosine in place of the covariance, as in the paper's code; "exact" are those of each row's variance.
Figures are relative Frobenius errors of the kernel matrix.
"""

from __future__ import annotations

import argparse

import numpy as np

import dualact as da
from dualact.nonlinearity.coefficients import hermite

ACTIVATIONS = ("relu", "abs", "sin", "gaussian", "erf", "gelu")
DEGREES = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20)


def monte_carlo(activation: str, X: np.ndarray, neurons: int) -> np.ndarray:
    act = da.activation(activation)
    rng = np.random.default_rng(1)
    total = np.zeros((len(X), len(X)))
    for start in range(0, neurons, 4096):
        assert act.phi is not None
        features = act.phi(X @ rng.standard_normal((X.shape[1], min(4096, neurons - start))))
        total += features @ features.T
    return total / neurons


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--neurons", type=int, nargs="+", default=[4096, 65_536])
    options = parser.parse_args()
    X = np.random.default_rng(0).standard_normal((options.rows, 256)) / 16
    C = X @ X.T
    v = np.diagonal(C).copy()
    rho = np.clip(C / np.sqrt(np.outer(v, v)), -1, 1)
    np.fill_diagonal(rho, 1)
    print("activation  coefficients " + "".join(f"{k:>9d}" for k in DEGREES) + "   Monte Carlo")
    for name in ACTIVATIONS:
        act = da.activation(name)
        K = np.asarray(da.dual(act, C, v[:, None], v[None, :]))
        norm = np.linalg.norm(K)
        told = ", ".join(
            f"{np.linalg.norm(monte_carlo(name, X, count) - K) / norm:.1e} ({count})"
            for count in options.neurons
        )
        for label, coefficients, scale in (
            ("fixed", hermite(act, np.ones(1), max(DEGREES)).repeat(len(v), axis=0), act.homogeneity),
            ("exact", hermite(act, v, max(DEGREES)), None),
        ):
            stretch = v ** (scale / 2) if scale is not None else np.ones_like(v)
            terms = np.zeros_like(C)
            row = []
            for k in range(max(DEGREES) + 1):
                a = coefficients[:, k] * stretch
                terms += np.outer(a, a) * rho**k
                if k in DEGREES:
                    row.append(np.linalg.norm(terms - K) / norm)
            print(f"{name:10s}  {label:12s} " + "".join(f"{e:9.1e}" for e in row) + f"   {told}", flush=True)
            told = ""


if __name__ == "__main__":
    main()
