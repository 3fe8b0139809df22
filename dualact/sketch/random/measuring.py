"""The rows that a design looks at, and the error of a map on them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...exact.matrices import kernel
from ...exact.spatial_matrices import spatial_kernel
from ...network.planning import NetworkPlan
from ..sample import sampled_rows
from ..spatial.state import Array
from .feature_map import RandomMap, as_positions
from .planning import RandomPlan

__all__ = ["measured_error", "sample_rows"]

_ROWS = 256  # of dense data that are looked at
_SAMPLE_POSITIONS, _SAMPLE_ENTRIES = 24_576, 2**22


def sample_rows(checked: NetworkPlan, X: Any) -> tuple[Array, int]:
    """Return rows of X, or rows drawn from N(0, 1), as positions, and their number."""
    assert checked.n_features is not None
    shape = checked.input_shape if checked.spatial else (checked.n_features,)
    assert shape is not None
    entries, positions = math.prod(shape), math.prod(shape[:-1])
    count = min(_ROWS, max(16, min(_SAMPLE_POSITIONS // positions, _SAMPLE_ENTRIES // entries)))
    if X is None:
        X = np.random.Generator(np.random.PCG64(0)).standard_normal((count, *shape))
    rows = as_positions(checked, sampled_rows(X, count))
    return rows, len(rows)


def measured_error(plan: RandomPlan, rows: Array, population: int) -> float:
    """Return the relative error on rows of the sample, its two kinds of pairs weighted as among all rows."""
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    if plan.checked.spatial:
        positions = math.prod(plan.checked.positions)
        few = min(len(flat), max(3, min(32, math.isqrt(2**23 // positions**2))))
        flat = flat[np.linspace(0, len(flat) - 1, few).astype(int)]
        exact = spatial_kernel(plan.shaped_network, flat, None, plan.kind, None, None, False, None)
    else:
        exact = kernel(plan.network, flat, None, plan.kind)
    dtype = np.float32 if plan.checked.spatial else np.float64
    features = RandomMap(plan, dtype).transform(flat.astype(dtype), 1).astype(np.float64)
    size = float(np.abs(exact).max()) or 1.0
    return _relative((features @ features.T - exact) / size, exact / size, population)


def _relative(gap: Array, exact: Array, population: int) -> float:
    n = len(exact)

    def mean(values: Array) -> float:
        own = float(np.mean(np.diagonal(values) ** 2))
        if n == 1:
            return own
        other = (float(np.sum(values**2)) - n * own) / (n * (n - 1))
        return own / population + other * (1 - 1 / population)

    size = mean(exact)
    return math.sqrt(mean(gap) / size) if size > 0 else 0.0
