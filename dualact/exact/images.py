"""Inputs of spatial networks: (n, L, C), (n, H, W, C), or flattened rows where the shape is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.utils import check_array

from ..errors import NetworkError
from ..network.planning import NetworkPlan, check
from ..network.spec import Network
from ..nonlinearity.contract import Array
from .inputs import numbers_only

__all__ = ["as_images", "plan_for", "shaped"]


def plan_for(network: Network, kind: str, X: Any) -> tuple[NetworkPlan, Array]:
    """Return the plan of a spatial network for these inputs, and the inputs as :func:`as_images` gives them.

    Raises
    ------
    NetworkError
        If the network is ill-defined, or the inputs do not fit it.
    ValueError
        In the words of scikit-learn: NaN, infinity, complex data, no samples.
    """
    values = _finite(X, "X")
    if values.ndim > 2:
        plan = check(network, kind, input_shape=values.shape[1:])
    else:
        plan = check(network, kind, n_features=values.shape[1])
    return plan, shaped(plan, values, "X")


def as_images(plan: NetworkPlan, X: Any, name: str = "X") -> Array:
    """Return X as a finite float64 array (n, H, W, C); an axis of length 1 is put before that of sequences.

    Raises
    ------
    NetworkError
        If X does not fit the plan.
    ValueError
        As :func:`plan_for`.
    """
    return shaped(plan, _finite(X, name), name)


def _finite(X: Any, name: str) -> Array:
    with numbers_only(name):
        found: Array = check_array(X, dtype=np.float64, order="C", allow_nd=True, input_name=name)
    return found


def shaped(plan: NetworkPlan, values: Array, name: str) -> Array:
    """Return an array of any dtype as (n, H, W, C); an axis of length 1 is put before that of sequences.

    Raises
    ------
    NetworkError
        If it does not fit the plan.
    """
    shape = plan.input_shape
    assert shape is not None
    flat = values.ndim == 2 and values.shape[1] == math.prod(shape)
    if not flat and values.shape[1:] != shape:
        raise NetworkError(
            f"{name} must have the shape (n, {', '.join(map(str, shape))}), or rows of {math.prod(shape)} "
            f"numbers. Got {values.shape}."
        )
    return values.reshape(len(values), *((1,) if len(shape) == 2 else ()), *shape)
