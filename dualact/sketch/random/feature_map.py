"""The map of random features: a plan and a dtype in, rows of features out."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from ...exact.images import shaped
from ...network.layers import Act
from ..blocks import BlockMap
from ..spatial.design import LinearPlan, build_linear
from ..spatial.feature_map import images_a_block
from ..spatial.narrow import Narrower
from ..spatial.state import Array
from ..spatial.walk import Linear, Made, first_state, output_features, walk
from .activate import RandomActivate, RandomActivator
from .merging import Merger
from .planning import RandomPlan

__all__ = ["RandomMap", "as_positions"]

_BLOCK_ROWS = 128  # of dense rows: features of a block stay in the cache


def as_positions(plan: Any, X: Any) -> Array:
    """Return rows as an array (n, h, w, channels): one position for a dense network."""
    rows = X.toarray() if sparse.issparse(X) else np.asarray(X)
    if plan.spatial:
        return shaped(plan, rows, "X")
    return rows.reshape(len(rows), 1, 1, -1)


class RandomMap(BlockMap):
    """Random features of a network.

    Parameters
    ----------
    plan : RandomPlan
    dtype : dtype
        float32 or float64. Plan and dtype fix the map, to rounding.
    """

    plan: RandomPlan

    def __init__(self, plan: RandomPlan, dtype: Any) -> None:
        self.plan, self.dtype = plan, np.dtype(dtype)
        checked, seed = plan.checked, plan.seed
        self.block_rows = images_a_block(checked.positions) if checked.spatial else _BLOCK_ROWS
        self._stages, stages = checked.stages, checked.stages_by_path
        linears, activators = dict[str, Linear](), dict[str, RandomActivator]()
        for place, (path, made) in enumerate(plan.operations.items()):
            layer = stages[path].layer
            if isinstance(made, LinearPlan):
                linears[path] = build_linear(made, seed, place, dtype)
            elif isinstance(made, RandomActivate) and isinstance(layer, Act):
                key = (seed, place)
                activators[path] = RandomActivator(layer.activation, made, made.sigma.length, key, dtype)
        self._made = Made(linears, activators)
        merge, key = plan.ending.merge, (seed, len(plan.operations))
        self._merger = None if merge is None else Merger(merge, (*key, 0), dtype)
        self._final = Narrower(plan.ending.narrow, (*key, 1), dtype)

    def _block(self, X: Any, out: Array) -> None:
        with_theta = self.plan.kind == "ntk"
        rows = as_positions(self.plan.checked, X)
        state = walk(self._stages, first_state(rows, self.dtype), with_theta, self._made)
        found = output_features(state, with_theta)
        if self._merger is not None:
            found = self._merger(found)
        found = self._final(found)
        out[:, : found.shape[1]] = found
