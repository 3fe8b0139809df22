"""One subsampled randomised Hadamard transform of rows: E⟨Ra, Rb⟩ = ⟨a, b⟩."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..blocks import row_blocks
from ..circuit import Builder
from ..interpret import run
from ..native import compile_program
from ..tables import draw
from .state import Array

__all__ = ["Srht"]

_ROWS = 256  # a block of the path without compiled code


class Srht:
    """Random signs, a Hadamard transform, some of its rows; more transforms where one has too few rows.

    Unlike a sketch of degree 1, it mixes even where there are more columns than coordinates: products of
    two of them need that.

    Parameters
    ----------
    length, columns : int
    key : tuple of int
        Name of the random stream.
    dtype : dtype
        float32 or float64.
    """

    def __init__(self, length: int, columns: int, key: tuple[int, ...], dtype: Any) -> None:
        self._circuit = Builder(length).output([-1], columns, 1, real=True)
        self._tables = draw(self._circuit, key)
        self._program = compile_program({1: self._circuit}, {1: self._tables}, {}, length, np.dtype(dtype))

    def __call__(self, rows: Array, out: Array) -> None:
        """Write R·row for each of the (n, length) rows into ``out``, (n, columns) of any strides."""
        if self._program is not None:
            self._program(np.ascontiguousarray(rows), {1: out})
            return
        for part in row_blocks(len(rows), _ROWS):
            padded = np.pad(rows[part], [(0, 0), (0, 1)])
            run(self._circuit, self._tables, {1: padded}, out[part])
