"""Data families of the benchmarks: what ships with scikit-learn, what is drawn, and files by path."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.preprocessing import normalize, scale

DATA = Path(os.environ.get("DUALACT_DATA", "."))


def sparse_rows(n_features: int, rows: int = 1000, nonzeros: int = 100) -> sparse.csr_array:
    """Return unit rows of about ``nonzeros`` counts, in columns of which few are common and many are rare."""
    rng = np.random.default_rng(0)
    share = 1 / (np.arange(n_features) + 10.0)
    columns = rng.choice(n_features, size=(rows, nonzeros), p=share / share.sum())
    pointer = np.arange(0, rows * nonzeros + 1, nonzeros)
    counts = sparse.csr_array((np.ones(rows * nonzeros), columns.ravel(), pointer), (rows, n_features))
    counts.sum_duplicates()
    return normalize(counts)


def family(name: str, rows: int = 1000) -> np.ndarray | None:
    """Return the first rows of a family, or None where its file is not at hand.

    ``digits`` and ``digits centred`` have unit rows; ``gaussian D`` is N(0, 1) in D dimensions; ``protein``
    is the standardised table of that name, ``uci_protein_raw.npz`` in the folder $DUALACT_DATA, or here.
    """
    if name == "digits":
        return normalize(load_digits().data[:rows])
    if name == "digits centred":
        X = load_digits().data
        return normalize((X - X.mean(axis=0))[:rows])
    if name.startswith("gaussian"):
        return np.random.default_rng(0).standard_normal((rows, int(name.split()[1])))
    path = DATA / f"uci_{name}_raw.npz"
    if not path.exists():
        path = DATA / f"uci_{name}.npz"
    if not path.exists():
        return None
    X = np.load(path)["x"].astype(float)
    X = X[np.random.default_rng(0).permutation(len(X))]
    return scale(X[:, X.std(axis=0) > 0])[:rows]
