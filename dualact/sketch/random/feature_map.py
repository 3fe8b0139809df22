"""The map of random features: a plan and a dtype in, rows of features out."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from scipy import sparse

from ...exact.images import shaped
from ...exact.running import one_blas_thread
from ...network.layers import Act
from ...network.stages import Stage, every_stage
from ..spatial.design import LinearPlan, build_linear
from ..spatial.narrow import Narrower
from ..spatial.state import Array, State, row_blocks
from ..spatial.walk import Linear, first_state, output_features, walk
from .activate import RandomActivate, RandomActivator
from .merging import Merger
from .planning import RandomPlan

__all__ = ["RandomMap", "as_positions"]

_BLOCK_ROWS = 128  # of dense rows: features of a block stay in the cache
_BLOCK_POSITIONS = 4096  # of the input, in a block of images


def as_positions(plan: Any, X: Any) -> Array:
    """Return rows as an array (n, h, w, channels): one position for a dense network."""
    rows = X.toarray() if sparse.issparse(X) else np.asarray(X)
    if plan.spatial:
        return shaped(plan, rows, "X")
    return rows.reshape(len(rows), 1, 1, -1)


class RandomMap:
    """Random features of a network.

    Parameters
    ----------
    plan : RandomPlan
    dtype : dtype
        float32 or float64. Plan and dtype fix the map, to rounding.
    """

    def __init__(self, plan: RandomPlan, dtype: Any) -> None:
        self.plan, self.dtype = plan, np.dtype(dtype)
        self._stages = plan.stages
        self._linear: dict[str, Linear] = {}
        self._acts: dict[str, RandomActivator] = {}
        stages, seed = {s.path: s for s in every_stage(self._stages)}, plan.seed
        for place, (path, made) in enumerate(plan.operations.items()):
            layer = stages[path].layer
            if isinstance(made, LinearPlan):
                self._linear[path] = build_linear(made, seed, place, dtype)
            elif isinstance(made, RandomActivate) and isinstance(layer, Act):
                key = (seed, place)
                self._acts[path] = RandomActivator(layer.activation, made, made.sigma.length, key, dtype)
        merge, key = plan.ending.merge, (seed, len(plan.operations))
        self._merger = None if merge is None else Merger(merge, (*key, 0), dtype)
        self._final = Narrower(plan.ending.narrow, (*key, 1), dtype)

    def linear(self, stage: Stage, state: State) -> Linear:
        """The sums of a Conv or Flatten layer."""
        return self._linear[stage.path]

    def activator(self, stage: Stage, state: State) -> RandomActivator:
        """The activation of an Act layer."""
        return self._acts[stage.path]

    def transform(self, X: Any, n_jobs: int | None = None) -> Array:
        """Return the features.

        Parameters
        ----------
        X : (n, d) array or CSR matrix; (n, H, W, C) or (n, L, C) array
        n_jobs : int, optional
            Threads over blocks of rows; None means one per usable core.

        Returns
        -------
        (n, n_components) array of the map's dtype
        """
        n = X.shape[0]
        out = np.zeros((n, self.plan.n_components), self.dtype)
        positions = int(np.prod(self.plan.checked.positions)) if self.plan.checked.spatial else 0
        blocks = row_blocks(n, max(1, _BLOCK_POSITIONS // positions) if positions else _BLOCK_ROWS)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = min(cores if n_jobs is None or n_jobs < 1 else n_jobs, len(blocks))

        def block(rows: slice) -> None:
            found = self._features(as_positions(self.plan.checked, X[rows]))
            out[rows, : found.shape[1]] = found

        if workers <= 1:
            for rows in blocks:
                block(rows)
        else:
            with one_blas_thread(workers), ThreadPoolExecutor(workers) as pool:
                list(pool.map(block, blocks))
        return out

    def _features(self, rows: Array) -> Array:
        with_theta = self.plan.kind == "ntk"
        state = walk(self._stages, first_state(rows, self.dtype), with_theta, self)
        found = output_features(state, with_theta)
        if self._merger is not None:
            found = self._merger(found)
        return self._final(found)
