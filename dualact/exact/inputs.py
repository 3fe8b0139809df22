"""Inputs as the recursion needs them: norms and Gram blocks of rows, accurate where angles are small."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_array

from ..errors import DualactError, NetworkError
from ..network.planning import NetworkPlan
from ..nonlinearity.contract import Array
from ..nonlinearity.gaussian_pair import geometric_mean

__all__ = ["as_rows", "gram", "mean_squares", "numbers_only", "refuse_images", "same_width"]

# Below this 1 − |ρ| the Gram entry of a matrix product is replaced by one from the difference of the unit
# vectors: there the rounding of a long sum would be seen in the angle.
_NEAR = 1e-8


def as_rows(X: Any, name: str = "X") -> Any:
    """Return X as a finite float64 array (n, d), or CSR matrix of that shape.

    Raises
    ------
    NetworkError
        For images or sequences.
    DualactError
        For text.
    ValueError
        In the words of scikit-learn: NaN, infinity, complex data, one dimension, no rows or columns.
    """
    refuse_images(X, name)
    with numbers_only(name):
        rows = check_array(
            X, accept_sparse="csr", dtype=np.float64, order="C", input_name=name, accept_large_sparse=True
        )
    if sparse.issparse(rows) and not rows.has_canonical_format:
        rows = rows.copy()  # entries given twice are summed, and the caller's matrix stays as it is
        rows.sum_duplicates()
    return rows


def refuse_images(X: Any, name: str = "X") -> None:
    """Refuse what has positions, where a dense network takes rows."""
    axes = getattr(X, "ndim", None)
    if axes is None:
        axes = np.ndim(X) if isinstance(X, list | tuple) and len(X) and not np.isscalar(X[0]) else 0
    if isinstance(axes, int) and axes > 2:
        shape = tuple(X.shape) if hasattr(X, "shape") else np.shape(X)
        raise NetworkError(
            f"{name} has the shape {shape}, but the network is dense and takes rows (n, d). "
            f"Flatten them, {name}.reshape(len({name}), -1), or take a network for images, "
            "for example cnn(2, 'relu')."
        )


@contextmanager
def numbers_only(owner: str) -> Iterator[None]:
    """Say more than NumPy does where an entry is text."""
    try:
        yield
    except ValueError as error:
        if "could not convert string" not in str(error) and "of bytes/strings" not in str(error):
            raise
        raise DualactError(
            f"{owner} must hold numbers, because kernels multiply them. Got text: {error}. Encode columns "
            "of text first, for example with scikit-learn's OneHotEncoder."
        ) from error


def same_width(plan: NetworkPlan, X: Any, Y: Any = None) -> None:
    """Refuse inputs that do not fit the network or one another."""
    width = X.shape[1]
    if plan.n_features is not None and width != plan.n_features:
        raise NetworkError(
            f"X has {width} features, but the network was made for input_shape=({plan.n_features},)."
        )
    if Y is not None and Y.shape[1] != width:
        raise NetworkError(f"X has {width} features, but Y has {Y.shape[1]}; both need the same number.")


def mean_squares(X: Any) -> Array:
    """Return x·x/d of each row, shape (n,); infinity where it overflows."""
    with np.errstate(over="ignore"):
        if sparse.issparse(X):
            squares = X.copy()
            squares.data = squares.data**2
            sums = np.asarray(squares.sum(axis=1), dtype=np.float64).ravel()
        else:
            # One pairwise sum per row, whatever the row's place: equal rows give equal bits.
            sums = np.concatenate([(X[i : i + 1024] ** 2).sum(axis=1) for i in range(0, len(X), 1024)])
    means: Array = sums / X.shape[1]
    return means


def gram(X: Any, Y: Any, var_u: Array, var_v: Array) -> Array:
    """Return x·y/d for all pairs, shape (n, m), with exact collinearity.

    A pair with 1 − |ρ| < 1e-8 is taken from ρ = ±(1 − |x̂ ∓ ŷ|²/2), so that equal, opposite and
    proportional rows have ρ = ±1 exactly.

    Parameters
    ----------
    X, Y : (n, d), (m, d) arrays or CSR matrices
    var_u, var_v : (n,), (m,) arrays
        Their :func:`mean_squares`.
    """
    raw = X @ Y.T
    product: Array = raw.toarray() if sparse.issparse(raw) else np.asarray(raw)
    product /= X.shape[1]
    bound = np.sqrt(var_u)[:, None] * np.sqrt(var_v)
    near = np.argwhere(np.abs(product) > (1 - _NEAR) * bound)
    length = 1 + max(X.nnz // X.shape[0], Y.nnz // Y.shape[0]) if sparse.issparse(raw) else X.shape[1]
    for part in np.array_split(near, max(1, len(near) * length // 2**20)):
        i, j = part[:, 0], part[:, 1]
        u, v = _unit(X, i), _unit(Y, j)
        sign = np.where(product[i, j] < 0, -1.0, 1.0)
        apart = u - (v.multiply(sign[:, None]) if sparse.issparse(v) else sign[:, None] * v)
        gap = np.asarray((apart * apart).sum(axis=1)).ravel() / 2
        gap[gap < 4 * np.finfo(np.float64).eps] = 0.0
        product[i, j] = sign * geometric_mean(var_u[i], var_v[j]) * (1 - gap)
    return product


def _unit(X: Any, rows: NDArray[np.intp]) -> Any:
    """Return the chosen rows as unit vectors; proportional rows by powers of two agree to the bit."""
    chosen = X[rows]
    if sparse.issparse(chosen):  # and so they stay, however long they are
        owner = np.repeat(np.arange(len(rows)), np.diff(chosen.indptr))
        peak = np.zeros(len(rows))
        np.maximum.at(peak, owner, np.abs(chosen.data))
        data = chosen.data / np.where(peak > 0, peak, 1.0)[owner]
        norm = np.sqrt(np.bincount(owner, data * data, minlength=len(rows)))
        data /= np.where(norm > 0, norm, 1.0)[owner]
        return sparse.csr_array((data, chosen.indices, chosen.indptr), shape=chosen.shape)
    peak = np.abs(chosen).max(axis=1, keepdims=True)
    chosen = chosen / np.where(peak > 0, peak, 1.0)
    norm = np.sqrt((chosen**2).sum(axis=1, keepdims=True))
    unit: Array = chosen / np.where(norm > 0, norm, 1.0)
    return unit
