"""Families of rows that differ in what is hard for a sketch."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.datasets import load_digits

FAMILIES = (
    "digits",
    "digits centred",
    "gaussian 9",
    "gaussian 64",
    "gaussian 256",
    "near-collinear",
    "ragged norms",
    "spiky",
    "one heavy coordinate",
    "heavy tails",
    "one-hot",
    "sparse",
    "counts",
)


def rows_of(name: str, n: int = 500):
    rng = np.random.default_rng(5)
    if name == "digits":
        return load_digits().data[:n] / 16
    if name == "digits centred":
        X = load_digits().data
        return (X - X.mean(axis=0))[:n] / 8
    if name.startswith("gaussian"):
        return rng.standard_normal((n, int(name.split()[1])))
    if name == "near-collinear":
        centres = rng.standard_normal((20, 30))
        return centres[rng.integers(0, 20, n)] + 0.05 * rng.standard_normal((n, 30))
    if name == "ragged norms":
        return rng.standard_normal((n, 20)) * 10 ** rng.uniform(-1.5, 1.5, (n, 1))
    if name == "spiky":
        X = rng.standard_normal((n, 64)) * 0.05
        X[np.arange(n), rng.integers(0, 64, n)] += 3 * rng.choice([-1, 1], n)
        return X
    if name == "one heavy coordinate":
        X = rng.standard_normal((n, 64)) * 0.2
        X[:, 0] += 3 * rng.choice([-1, 1], n)
        return X
    if name == "heavy tails":
        return rng.standard_t(1.5, (n, 32))
    if name == "one-hot":
        return np.eye(40)[rng.integers(0, 40, n)]
    if name == "sparse":
        X = sparse.random(n, 500, 0.03, format="csr", rng=np.random.default_rng(1))
        X.data = np.floor(X.data * 5) + 1
        return X
    assert name == "counts"
    return rng.poisson(0.3, (n, 100)) + np.eye(100)[rng.integers(0, 100, n)]
