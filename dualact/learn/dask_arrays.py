"""Dask arrays: features block by block, statistics in a tree; Dask is imported only where one comes in."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone

from ..errors import DualactError
from ..sketch.sample import SAMPLE_ROWS, evenly_spaced

__all__ = ["design_rows", "fit_blocks", "is_dask", "map_rows"]

_FAN_IN = 4  # statistics merged by one task; the shape of the tree fixes the order of the sums


def is_dask(X: Any) -> bool:
    """Whether X is a dask array; nothing is imported."""
    module = sys.modules.get("dask.array")
    return module is not None and isinstance(X, module.Array)


def design_rows(X: Any, rows: int = SAMPLE_ROWS) -> tuple[Any, int | None]:
    """Return rows in memory for the design of a feature map, and how many they stand for.

    Of a dask array a sample of ``rows``; other data as they are, and None: they stand for themselves.
    """
    if not is_dask(X):
        return X, None
    _check_table(X)
    if np.isnan(X.shape[0]):
        raise DualactError(
            "The dask array X does not know its number of rows, and a sample of them is to be drawn. "
            "Call X.compute_chunk_sizes() first, or fit on rows in memory."
        )
    return X[evenly_spaced(X.shape[0], rows)].compute(), X.shape[0]


def map_rows(estimator: Any, X: Any, function: Callable[[Any], Any], columns: int | None, dtype: Any) -> Any:
    """Return the lazy array of a function of each block of rows; ``columns`` None stands for a vector."""
    _check_table(X)
    if X.shape[1] != estimator.n_features_in_:
        raise DualactError(
            f"X has {X.shape[1]} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input."
        )
    X = X.rechunk({1: -1})
    if columns is None:
        return X.map_blocks(function, dtype=dtype, drop_axis=1, meta=np.empty(0, dtype))
    return X.map_blocks(
        function, dtype=dtype, chunks=(X.chunks[0], (columns,)), meta=np.empty((0, columns), dtype)
    )


def fit_blocks(estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
    """Give an estimator the rows of dask arrays: a task per block of rows, merged in a tree.

    Parameters
    ----------
    estimator : StreamingRidge or StreamingRidgeClassifier, without rows
    X : (n, m) dask array
    y, sample_weight : dask or other arrays of n rows
        Cut as the rows of X are.

    Notes
    -----
    Every task is a function of its inputs, which it leaves as they are, so that one that is lost with its
    worker can be run again; the order of the sums depends on the blocks alone. What moves between workers
    is 8m² bytes per merge.
    """
    import dask
    import dask.array as da

    _check_table(X)
    X = X.rechunk({1: -1})

    def cut(values: Any) -> list[Any]:
        if not is_dask(values):
            values = da.from_array(np.asarray(values), chunks=-1)
        if values.shape[0] != X.shape[0] and not np.isnan([values.shape[0], X.shape[0]]).any():
            raise DualactError(
                f"X has {X.shape[0]} rows, and y or sample_weight {values.shape[0]}; they must be equal."
            )
        if np.isnan(X.shape[0]):
            if values.numblocks[0] != X.numblocks[0]:
                raise DualactError(
                    "The dask array X does not know the sizes of its blocks, and y or sample_weight is not "
                    f"cut into as many: {X.numblocks[0]} and {values.numblocks[0]}. Call "
                    "X.compute_chunk_sizes() first."
                )
        else:
            values = values.rechunk({0: X.chunks[0], **dict.fromkeys(range(1, values.ndim), -1)})
        return list(values.to_delayed().ravel())

    blocks, targets = list(X.to_delayed().ravel()), cut(y)
    scalar = sample_weight is None or np.ndim(sample_weight) == 0
    weights = [sample_weight] * len(blocks) if scalar else cut(sample_weight)
    template = dask.delayed(clone(estimator))
    fit_one, merge = dask.delayed(_fit_one, pure=False), dask.delayed(_merge, pure=False)
    tasks = [
        fit_one(template, i, *block) for i, block in enumerate(zip(blocks, targets, weights, strict=True))
    ]
    while len(tasks) > 1:
        tasks = [merge(template, tasks[i : i + _FAN_IN]) for i in range(0, len(tasks), _FAN_IN)]
    (fitted,) = dask.compute(*tasks)
    if not hasattr(fitted, "statistics_"):
        raise DualactError("The dask array X has no rows.")
    estimator.merge(fitted)


def _fit_one(template: Any, index: int, X: Any, y: Any, sample_weight: Any) -> Any:
    model = clone(template)
    if not len(X):
        return model
    try:
        return model.partial_fit(X, y, sample_weight=sample_weight)
    except (ValueError, TypeError) as error:
        raise DualactError(f"block {index} of the rows of X: {str(error).splitlines()[0]}") from error


def _merge(template: Any, models: list[Any]) -> Any:
    total = clone(template)
    for model in models:
        if hasattr(model, "statistics_"):
            total.merge(model)
    return total


def _check_table(X: Any) -> None:
    if X.ndim != 2:
        raise DualactError(f"Expected a dask array of 2 dimensions, rows and columns. Got {X.ndim}.")
