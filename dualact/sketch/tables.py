"""The randomness of a circuit, drawn once and laid out as the tables that both interpreters read.

For every factor and segment a table of shape (layers, size): entry ``4·index + phase`` puts coordinate
``index``, turned by i**phase, into that slot; −1 leaves it empty. The layers are added (a long input folded
into a short segment), then every run of ``min(order, size)`` slots is transformed. A sparse leaf has no table
but a key (:mod:`dualact.sketch.embedding`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualact.sketch.circuit import Circuit, Factor, Node, Segment
from dualact.sketch.embedding import Embedding, draw_embedding
from dualact.sketch.signs import permutation_blocks, phases

__all__ = ["Table", "Tables", "draw"]

Table = NDArray[np.int32]
Tables = tuple[tuple[tuple[Table | Embedding, ...], ...], ...]  # node, segment, factor


def draw(circuit: Circuit, key: tuple[int, ...], direction: NDArray[Any] | None = None) -> Tables:
    """Draw phases and placements for every transform of a circuit.

    Parameters
    ----------
    circuit : Circuit
        The shape.
    key : tuple of non-negative int
        Name of the random stream: seed first, then the degree.
    direction : (d,) array, optional
        What sparse leaves can subtract.

    Returns
    -------
    Tables
        Indexed by node, segment and factor.
    """
    return tuple(
        tuple(
            tuple(
                draw_embedding((*key, i, g, j), part.size, f.spread, real=node.real, direction=direction)
                if f.spread
                else _table((*key, i, g, j), f, part, node)
                for j, f in enumerate(node.factors)
            )
            for g, part in enumerate(node.segments)
        )
        for i, node in enumerate(circuit.nodes)
    )


def _table(key: tuple[int, ...], factor: Factor, part: Segment, node: Node) -> Table:
    order = factor.order
    block = min(order, part.size)
    copies = part.size // block
    places = permutation_blocks((*key, 0), copies, order)  # the coordinate in each slot; ≥ length: padding
    turns = phases((*key, 1), copies * order).reshape(copies, order).astype(np.int64)
    if node.real:
        turns &= 2
    table = np.where(places < factor.length, 4 * places + turns, -1).astype(np.int32)
    table = table.reshape(copies, order // block, block).swapaxes(0, 1).reshape(order // block, part.size)
    return np.ascontiguousarray(table)
