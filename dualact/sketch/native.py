"""Lay a set of circuits out for the compiled interpreter ``_circuit``."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualact.sketch.circuit import Circuit
from dualact.sketch.compiled import load
from dualact.sketch.embedding import Embedding
from dualact.sketch.monomials import monomial_count, monomial_weights
from dualact.sketch.sparse_rows import SparseRows
from dualact.sketch.tables import Table, Tables

__all__ = ["Program", "compile_program"]

Array = NDArray[Any]
_compiled = load("_circuit")
_VECTOR_BYTES = 64
_MONOMIALS, _NODE, _EXACT = 0, 1, 2
_local = threading.local()  # one scratch space a thread, kept between calls


class Program:
    """Circuits of several degrees as flat arrays: what ``_circuit.run`` reads.

    Parameters
    ----------
    circuits : mapping of int to Circuit
        By degree.
    tables : mapping of int to Tables
        Their randomness.
    exact : mapping of int to int
        Columns of the degrees that are written as monomials.
    n_features : int
        Length of the rows.
    dtype : dtype
        float32 or float64.
    """

    def __init__(
        self,
        circuits: Mapping[int, Circuit],
        tables: Mapping[int, Tables],
        exact: Mapping[int, int],
        n_features: int,
        dtype: np.dtype[Any],
    ) -> None:
        self.degrees = (*exact, *circuits)
        self._top = 0
        self._records: list[int] = []
        self._weights: list[Array] = []
        self._tables: list[Table] = []
        self._table_top = self._weight_top = 1

        powers = {p for c in circuits.values() for p in c.powers}
        self.n_features = n_features if exact or powers else 0  # sparse leaves need no dense rows
        x = self._reserve(self.n_features + 1)
        largest = max((s.size for c in circuits.values() for n in c.nodes for s in n.segments), default=0)
        buffers = [self._reserve(largest) for _ in range(4)]
        sources = self._monomials(x, max([1, *exact, *powers]))
        for output, (k, columns) in enumerate(exact.items()):
            self._records += [_EXACT, sources[k], monomial_count(n_features, k), columns, output]
        operations = len(sources) - 1 + len(exact)
        top = self._top
        peak = top
        for output, (k, circuit) in enumerate(circuits.items(), start=len(exact)):
            self._top = top  # the degrees run one after the other: they share the space of their nodes
            self._nodes(circuit, tables[k], sources, output)
            operations += len(circuit.nodes)
            peak = max(peak, self._top)
        self.program = np.array([operations, x, *buffers, *self._records], dtype=np.int64)
        self.tables = np.concatenate([np.zeros(1, np.int64), *self._tables]).astype(np.int32)
        self.weights = np.concatenate([np.ones(1), *self._weights]).astype(dtype)
        del self._records, self._tables, self._weights
        self.scratch_bytes = (peak + 1) * _VECTOR_BYTES

    def __call__(self, U: Array, outs: Mapping[int, Array]) -> None:
        """Fill ``outs`` for the contiguous rows U."""
        targets = tuple(outs[k] for k in self.degrees)
        space = _scratch(self.scratch_bytes)
        _compiled.run(self.program, self.tables, self.weights, U, self.n_features, space, targets)

    def of_nonzeros(self, rows: SparseRows, outs: Mapping[int, Array], along: Array | None) -> None:
        """Fill ``outs`` for sparse rows, less ``along`` times the direction."""
        targets = tuple(outs[k] for k in self.degrees)
        space = _scratch(self.scratch_bytes)
        along = np.zeros(len(rows), rows.values.dtype) if along is None else np.ascontiguousarray(along)
        _compiled.run_sparse(
            self.program,
            self.tables,
            self.weights,
            rows.values,
            rows.indices,
            rows.starts,
            along,
            space,
            targets,
        )

    def _reserve(self, vectors: int) -> int:
        # Five lines more, so that equal indices of two buffers do not fall into the same cache set.
        offset = self._top
        self._top += vectors + 5
        return offset

    def _weight(self, values: Array) -> int:
        offset = self._weight_top
        self._weights.append(np.atleast_1d(values))
        self._weight_top += self._weights[-1].size
        return offset

    def _monomials(self, x: int, highest: int) -> dict[int, int]:
        sources = {1: x}
        for k in range(2, highest + 1):
            sources[k] = self._reserve(monomial_count(self.n_features, k) + 1)
            weights = self._weight(monomial_weights(self.n_features, k))
            widths = [monomial_count(i + 1, k - 1) for i in range(self.n_features)]
            self._records += [_MONOMIALS, sources[k - 1], sources[k], weights, *widths]
        return sources

    def _shift(self, leaf: Embedding) -> int:
        """Where the embedded direction lies among the weights; 0 for none."""
        return 0 if leaf.shift is None else self._weight(leaf.shift.ravel())

    def _nodes(self, circuit: Circuit, tables: Tables, sources: dict[int, int], output: int) -> None:
        places: list[tuple[int, int]] = []
        for node, parts in zip(circuit.nodes, tables, strict=True):
            inner = node.degree == 0
            target = (0, 0)
            if inner:
                re = self._reserve(node.rows + 1)
                target = (re, -1 if node.real else self._reserve(node.rows + 1))
            places.append(target)
            self._records += [_NODE, len(node.factors), len(node.segments), int(node.real)]
            self._records += [*(max(t, 0) for t in target), -1 if inner else output, node.columns, node.rows]
            self._records.append(self._weight(np.array(node.scale)))
            for segment, drawn in zip(node.segments, parts, strict=True):
                self._records += [segment.size, segment.used]
                for factor, table in zip(node.factors, drawn, strict=True):
                    if isinstance(table, Embedding):
                        self._records += [table.spread, 0, self._shift(table), *_signed(table.key)]
                        continue
                    place = (sources[-factor.source], -1) if factor.source < 0 else places[factor.source]
                    self._records += [min(factor.order, segment.size), len(table), self._table_top, *place]
                    self._tables.append(np.where(table < 0, 4 * factor.length, table).ravel())
                    self._table_top += table.size


def _signed(key: tuple[int, int]) -> list[int]:
    """The same 64 bits as int64."""
    return [int(k) for k in np.array(key, dtype=np.uint64).view(np.int64)]


def _scratch(size: int) -> Array:
    space: Array | None = getattr(_local, "space", None)
    if space is None or space.nbytes < size + _VECTOR_BYTES:
        space = np.empty(size + _VECTOR_BYTES, np.uint8)
        _local.space = space
    return space


def compile_program(
    circuits: Mapping[int, Circuit],
    tables: Mapping[int, Tables],
    exact: Mapping[int, int],
    n_features: int,
    dtype: np.dtype[Any],
) -> Program | None:
    """Return the program for the compiled interpreter, or None where there is none."""
    if _compiled is None:
        return None
    return Program(circuits, tables, exact, n_features, dtype)
