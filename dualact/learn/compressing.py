"""The leading directions of features that come in blocks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.linalg.blas import dsymm, ssymm

from ..errors import DualactError
from ..exact.running import safe_blas
from ..sketch.compression import CompressedPlan
from ..sketch.maps import Plan, make_map
from ..sketch.sample import evenly_spaced
from .ridge_statistics import RidgeStatistics

__all__ = ["check_wide", "compressed", "most_rows"]

_MOST_WIDE = 32_768  # columns: their second moments take 8 GiB
_ROWS_A_COLUMN = 4  # bounds the time of a fit on many rows
_BLOCK_ROWS = 1024
_MORE, _STEPS = 64, 3  # of the subspace iteration
_SHARP = 16
_SMALL = 2048


def most_rows(wide: int) -> int:
    """How many rows the directions of ``wide`` columns are taken from, at most."""
    return _ROWS_A_COLUMN * wide


def check_wide(wide: int) -> None:
    """Refuse wide features whose second moments would not fit in common memories."""
    if wide > _MOST_WIDE:
        raise DualactError(
            f"compress · n_components must be at most {_MOST_WIDE}: the second moments of the wide features "
            f"take 8 bytes times its square. Got {wide}, {8 * wide**2 / 2**30:.0f} GiB."
        )


def compressed(wide: Plan, X: Any, seed: int, n_components: int, n_jobs: int | None) -> CompressedPlan:
    """Return the plan that compresses the features of ``wide`` to their leading directions on X.

    Parameters
    ----------
    wide : Plan
    X : (n, d) array or CSR matrix
        Up to four rows for each wide column are looked at, evenly spaced; blocks of them at once.
    seed : int
    n_components : int
    n_jobs : int or None
        Threads.

    Raises
    ------
    DualactError
        If there are fewer rows than directions.
    """
    kept = evenly_spaced(X.shape[0], most_rows(wide.n_components))
    if len(kept) < n_components:
        raise DualactError(
            f"compress takes the n_components={n_components} leading directions of the rows of fit, so there "
            f"must be at least as many rows. Got {len(kept)}. Lower n_components, or leave compress out."
        )
    features = make_map(wide, seed, np.float32)
    moments = RidgeStatistics(wide.n_components, 0, "mixed")
    for start in range(0, len(kept), _BLOCK_ROWS):
        part = kept[start : start + _BLOCK_ROWS]
        moments.add(features.transform(X[part], n_jobs), np.zeros((len(part), 0)))
    scatter = moments.about_zero()
    with safe_blas(len(scatter)):
        directions, values = _leading(scatter, n_components)
    size = _frobenius(scatter)
    # ‖S‖² = Σλ²: what the m leading ones do not have of it.
    lost = math.sqrt(max(size**2 - float(np.sum(values**2)), 0.0)) / size if size > 0 else 0.0
    return CompressedPlan(wide, directions, seed, lost, len(kept))


def _leading(scatter: NDArray[np.float64], count: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The leading eigenvectors and eigenvalues, of the lower triangle; subspace iteration where it is large.

    How close the vectors come matters to what is lost only, and directions near the last one count little.
    """
    width = len(scatter)
    if width <= _SMALL or width <= count + _MORE:
        values, vectors = eigh(scatter, lower=True, subset_by_index=(width - count, width - 1))
        return _signed(vectors[:, ::-1]), values[::-1]
    matrix = np.asfortranarray(scatter, dtype=np.float32)
    start = np.random.default_rng(0).standard_normal((width, count + _MORE), dtype=np.float32)
    found = np.asfortranarray(start)
    for _ in range(_STEPS):
        found = np.asfortranarray(np.linalg.qr(ssymm(1.0, matrix, found, lower=1))[0])
    small = found.T @ ssymm(1.0, matrix, found, lower=1)
    values, turn = np.linalg.eigh(small.astype(np.float64))
    vectors = found @ turn[:, ::-1][:, :count].astype(np.float32)
    values = values[::-1][:count].copy()
    # What is lost is a small difference of squares: the largest values are needed to more digits.
    first = np.asfortranarray(vectors[:, :_SHARP], dtype=np.float64)
    first /= np.linalg.norm(first, axis=0)
    values[:_SHARP] = np.sum(first * dsymm(1.0, scatter, first, lower=1), axis=0)
    return _signed(vectors), values


def _signed(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Each with its largest entry positive."""
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    return np.ascontiguousarray(vectors * np.where(largest < 0, -1.0, 1.0), dtype=np.float32)


def _frobenius(lower: NDArray[np.float64]) -> float:
    """The norm of a symmetric matrix, from its lower triangle."""
    total = sum(2 * float(row[:i] @ row[:i]) + float(row[i]) ** 2 for i, row in enumerate(lower))
    return math.sqrt(total)
