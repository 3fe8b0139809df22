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

SPARSE_FAMILIES = ("words", "word counts", "topics", "heavy pairs", "categories")  # long rows, few nonzeros


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
    if name in SPARSE_FAMILIES:
        return _long_rows(name, n, rng)
    assert name == "counts"
    return rng.poisson(0.3, (n, 100)) + np.eye(100)[rng.integers(0, 100, n)]


def _long_rows(name: str, n: int, rng: np.random.Generator, d: int = 20_000):
    """About forty nonzeros out of 20 000; words are frequent as 1/rank, tf-idf weighs them."""
    if name == "categories":
        return sparse.csr_matrix(
            (np.ones(3 * n), (np.repeat(np.arange(n), 3), rng.integers(0, 900, 3 * n))), (n, d)
        )
    frequency = (1 / np.arange(1, d + 1)).cumsum()
    lengths = rng.poisson(60, n) + 1
    owner = np.repeat(np.arange(n), lengths)
    words = np.searchsorted(frequency / frequency[-1], rng.random(lengths.sum()))
    if name == "topics":
        topic = 37 * (1 + rng.integers(0, 20, n))[owner]
        words = np.where(rng.random(len(words)) < 0.5, (words + topic) % d, words)
    X = sparse.csr_matrix((np.ones(len(words)), (owner, rng.permutation(d)[words])), (n, d))
    X.sum_duplicates()
    if name == "word counts":
        return X
    found = np.bincount(X.indices, minlength=d)[X.indices]
    X.data = (1 + np.log(X.data)) * np.log((1 + n) / found)
    if name == "heavy pairs":  # two out of six coordinates hold nine tenths of the squared norm
        X.data /= np.repeat(
            np.sqrt(np.bincount(np.repeat(np.arange(n), np.diff(X.indptr)), X.data**2)), np.diff(X.indptr)
        )
        places = np.argsort(rng.random((n, 6)), axis=1)[:, :2] * 1000
        heavy = (2 * rng.standard_normal(2 * n), (np.repeat(np.arange(n), 2), places.ravel()))
        X = (X + sparse.csr_matrix(heavy, (n, d))).tocsr()
    return X
