"""Run a circuit with NumPy: the reference for the compiled interpreter, and the path where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualact.sketch.circuit import Circuit, Factor, Node
from dualact.sketch.embedding import Embedding
from dualact.sketch.hadamard import hadamard
from dualact.sketch.sparse_rows import SparseRows
from dualact.sketch.tables import Table, Tables

__all__ = ["run"]

Array = NDArray[Any]
Value = tuple[Array, Array | None]  # real and imaginary part, each with a column of zeros appended


def run(
    circuit: Circuit,
    tables: Tables,
    sources: dict[int, Array],
    out: Array,
    rows: SparseRows | None = None,
    along: Array | None = None,
) -> None:
    """Fill ``out`` with the output of a circuit.

    Parameters
    ----------
    circuit : Circuit
        The shape.
    tables : Tables
        Its randomness.
    sources : dict of int to ndarray, shapes (b, C(d + p − 1, p) + 1)
        For each power p of ``circuit.powers`` the monomials, with a column of zeros appended.
    out : ndarray, shape (b, columns)
        Written.
    rows : SparseRows, optional
        What sparse leaves read.
    along : ndarray, shape (b,), optional
        How much of the tables' direction they subtract.
    """
    values: list[Value] = []
    for node, parts in zip(circuit.nodes, tables, strict=True):
        pieces = []
        for segment, drawn in zip(node.segments, parts, strict=True):
            terms = []
            for factor, table in zip(node.factors, drawn, strict=True):
                if isinstance(table, Embedding):
                    assert rows is not None
                    re, im = table(rows, along)
                    used = segment.used
                    terms.append((hadamard(re)[:, :used], None if im is None else hadamard(im)[:, :used]))
                    continue
                value = (sources[-factor.source], None) if factor.source < 0 else values[factor.source]
                terms.append(_transform(value, factor, table, segment.used, node.real))
            pieces.append(_product(terms))
        if node.degree:
            _write(node, pieces, out)
        else:
            values.append(_join(node, pieces))


def _transform(value: Value, factor: Factor, table: Table, used: int, real: bool) -> Value:
    re, im = value
    index = table >> 2  # an empty slot, −1, stays −1: the appended zero
    cos = np.array([1, 0, -1, 0], re.dtype)[table & 3]
    sin = np.array([0, 1, 0, -1], re.dtype)[table & 3]
    a = re[:, index]
    if real:
        return _finish(a * cos, factor, used), None
    if im is None:
        return _finish(a * cos, factor, used), _finish(a * sin, factor, used)
    b = im[:, index]
    return _finish(a * cos - b * sin, factor, used), _finish(b * cos + a * sin, factor, used)


def _finish(slots: Array, factor: Factor, used: int) -> Array:
    folded = np.ascontiguousarray(slots[:, 0] if slots.shape[1] == 1 else slots.sum(axis=1))
    n, size = folded.shape
    block = min(factor.order, size)
    return hadamard(folded.reshape(n, size // block, block)).reshape(n, size)[:, :used]


def _product(terms: list[Value]) -> Value:
    re, im = terms[0]
    for a, b in terms[1:]:
        if im is None or b is None:
            re = re * a
        else:
            re, im = re * a - im * b, re * b + im * a
    return re, im


def _join(node: Node, pieces: list[Value]) -> Value:
    def joined(parts: list[Array]) -> Array:
        zero = np.zeros((len(parts[0]), 1), parts[0].dtype)
        return np.concatenate([*(p * p.dtype.type(node.scale) for p in parts), zero], axis=1)

    re = joined([p[0] for p in pieces])
    return re, None if node.real else joined([p[1] for p in pieces if p[1] is not None])


def _write(node: Node, pieces: list[Value], out: Array) -> None:
    """Real parts first, then imaginary ones: all but the last if the number of columns is odd."""
    scale = out.dtype.type(node.scale)
    start = 0
    for re, im in pieces:
        stop = start + re.shape[1]
        np.multiply(re, scale, out=out[:, start:stop])
        if im is not None:
            first = node.rows + start
            width = min(im.shape[1], node.columns - first)
            np.multiply(im[:, :width], scale, out=out[:, first : first + width])
        start = stop
