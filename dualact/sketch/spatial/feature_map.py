"""The feature map of a spatial network: a plan, a seed and a dtype in, rows of features out."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ...exact.images import shaped
from ...exact.running import one_blas_thread
from ...network.layers import Act
from ...network.stages import Stage
from .activate import Activate, Activator
from .design import LinearPlan, build_linear
from .narrow import Narrower
from .planning import SpatialPlan
from .state import Array, State, row_blocks, squares
from .walk import Linear, first_state, output_features, walk

__all__ = ["SpatialMap"]

_BLOCK_POSITIONS = 4096  # of the input, in a block of images


class SpatialMap:
    """Sketched features of a spatial network.

    Parameters
    ----------
    plan : SpatialPlan
    dtype : dtype
        float32 or float64. Plan and dtype fix the map, to rounding.
    """

    def __init__(self, plan: SpatialPlan, dtype: Any) -> None:
        self.plan, self.dtype = plan, np.dtype(dtype)
        self._stages = plan.stages
        self._made: dict[str, Linear | Activator] = {}
        stages, seed = plan.stages_by_path, plan.seed
        for place, (path, made) in enumerate(plan.operations.items()):
            if isinstance(made, Activate):
                layer = stages[path].layer
                assert isinstance(layer, Act)
                self._made[path] = Activator(layer.activation, made, (seed, place), dtype)
            elif isinstance(made, LinearPlan):
                self._made[path] = build_linear(made, seed, place, dtype)
        self._final = Narrower(plan.final, (seed, len(plan.operations)), dtype)

    def linear(self, stage: Stage, state: State) -> Linear:
        """The sums of a Conv or Flatten layer."""
        found = self._made[stage.path]
        assert isinstance(found, Linear)
        return found

    def activator(self, stage: Stage, state: State) -> Activator:
        """The activation of an Act layer."""
        found = self._made[stage.path]
        assert isinstance(found, Activator)
        return found

    def transform(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return the features of images.

        Parameters
        ----------
        X : (n, H, W, C), (n, L, C) or (n, d) array
        n_jobs : int, optional
            Threads over blocks of images; None means one per usable core.

        Returns
        -------
        (n, n_components) array of the map's dtype
        """
        images = shaped(self.plan.checked, X, "X")
        out = np.zeros((len(images), self.plan.n_components), self.dtype)
        step = max(1, _BLOCK_POSITIONS // int(np.prod(images.shape[1:3])))
        blocks = row_blocks(len(images), step)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = min(cores if n_jobs is None or n_jobs < 1 else n_jobs, len(blocks))

        def block(rows: slice) -> None:
            found = self._features(images[rows])
            out[rows, : found.shape[1]] = found

        if workers <= 1:
            for rows in blocks:
                block(rows)
        else:
            with one_blas_thread(workers), ThreadPoolExecutor(workers) as pool:
                list(pool.map(block, blocks))
        return out

    def series_diagonal(self, X: Array, n_jobs: int | None = None) -> Array:
        """Return |z(x)|² of images: what :meth:`transform` has of their kernel's diagonal, noise included."""
        return squares(self.transform(X, n_jobs))

    def _features(self, images: Array) -> Array:
        with_theta = self.plan.kind == "ntk"
        state = walk(self._stages, first_state(images, self.dtype), with_theta, self)
        return self._final(output_features(state, with_theta))
