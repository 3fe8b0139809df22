"""The feature map of a spatial network: a plan, a seed and a dtype in, rows of features out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...exact.images import shaped
from ...network.layers import Act
from ..blocks import BlockMap, squares
from .activate import Activate, Activator
from .design import LinearPlan, build_linear
from .narrow import Narrower
from .planning import SpatialPlan
from .state import Array
from .walk import Linear, Made, first_state, output_features, walk

__all__ = ["SpatialMap", "images_a_block"]

_BLOCK_POSITIONS = 4096  # of the input, in a block of images


class SpatialMap(BlockMap):
    """Sketched features of a spatial network.

    Parameters
    ----------
    plan : SpatialPlan
    dtype : dtype
        float32 or float64. Plan and dtype fix the map, to rounding.
    """

    plan: SpatialPlan

    def __init__(self, plan: SpatialPlan, dtype: Any) -> None:
        self.plan, self.dtype = plan, np.dtype(dtype)
        self.block_rows = images_a_block(plan.checked.positions)
        self._stages = plan.checked.stages
        stages, seed = plan.checked.stages_by_path, plan.seed
        linears, activators = dict[str, Linear](), dict[str, Activator]()
        for place, (path, made) in enumerate(plan.operations.items()):
            if isinstance(made, Activate):
                layer = stages[path].layer
                assert isinstance(layer, Act)
                activators[path] = Activator(layer.activation, made, (seed, place), dtype)
            elif isinstance(made, LinearPlan):
                linears[path] = build_linear(made, seed, place, dtype)
        self._made = Made(linears, activators)
        self._final = Narrower(plan.final, (seed, len(plan.operations)), dtype)

    def transform(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return the features of images, (n, H, W, C), (n, L, C) or (n, d), as :meth:`BlockMap.transform`."""
        return super().transform(shaped(self.plan.checked, X, "X"), n_jobs)

    def series_diagonal(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return |z(x)|² of images: what :meth:`transform` has of their kernel's diagonal, noise included."""
        return squares(self.transform(X, n_jobs))

    def _block(self, X: Array, out: Array) -> None:
        with_theta = self.plan.kind == "ntk"
        state = walk(self._stages, first_state(X, self.dtype), with_theta, self._made)
        found = self._final(output_features(state, with_theta))
        out[:, : found.shape[1]] = found


def images_a_block(positions: tuple[int, ...]) -> int:
    """Return how many images make a block."""
    return max(1, _BLOCK_POSITIONS // math.prod(positions))
