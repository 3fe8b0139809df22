"""Evaluation in blocks that stay in cache."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..contract import Array, Dual

__all__ = ["blockwise"]


def blockwise(block: Callable[[Array, Array, Array], Array], size: int) -> Dual:
    """Return ``block``, a function of three flat arrays, as a dual of broadcasting arrays.

    It is called on at most ``size`` entries at a time, so temporaries stay in cache whatever the input.
    """

    def dual(cov: Array, var_u: Array, var_v: Array) -> Array:
        walk = np.nditer(
            [cov, var_u, var_v, None],
            flags=["external_loop", "buffered", "zerosize_ok"],
            op_flags=[["readonly"], ["readonly"], ["readonly"], ["writeonly", "allocate"]],
            op_dtypes=[np.float64] * 4,
            order="C",
            buffersize=size,
        )
        with walk, np.errstate(all="ignore"):
            for c, p, q, out in walk:
                out[...] = block(c, p, q)
            result: Array = walk.operands[3]
        return result

    return dual
