"""Sums over windows of positions, on arrays of pairs.

A window is a product of its axes, so that a sum over k×k places is k additions along one axis and k along the
other. For all pairs of positions both sides move together in a convolution (two axes of the array at once),
and by themselves in a pool.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..network.geometry import Window
from ..nonlinearity.contract import Array

__all__ = ["patch_sum", "pool_sum"]

Axes = tuple[int, ...]


def patch_sum(values: Array, window: Window, axes: tuple[Axes, Axes]) -> Array:
    """Sum over the patch, the axes of a group moving together.

    Parameters
    ----------
    values : array
        Not changed.
    window : Window
        Of two axes.
    axes : two tuples of int
        Which axes of ``values`` are the first axis of positions, and which the second: one per side.

    Returns
    -------
    array
        New, with ``window.outputs`` in the place of ``window.inputs``.

    Notes
    -----
    Equal positions and all pairs are added up in the same order, so that the diagonal of the one is the other
    to the bit.
    """
    if window.wrap:
        values, window = _wrapped(values, window, axes)
    if len(axes[0]) == 2 and window.outputs[0] > 1:
        return _patch_sum_of_pairs(values, window, axes)
    values = _sum(_sum(values, window, 0, axes[0]), window, 1, axes[1])
    return values.copy() if window.count == 1 else values


def pool_sum(values: Array, window: Window, axes: tuple[Axes, Axes]) -> Array:
    """Sum over the window on every side by itself; parameters as :func:`patch_sum`."""
    for axis, group in enumerate(axes):
        for one in group:
            values = _sum(values, window, axis, (one,))
    return values.copy() if window.count == 1 else values


def _patch_sum_of_pairs(values: Array, window: Window, axes: tuple[Axes, Axes]) -> Array:
    """One row of outputs on the first side at a time: what is added up stays in the cache."""
    first, second = axes
    within = tuple(a - 1 for a in second)
    out = np.empty(_shape(values.shape, window, axes))
    along = _moves(window, 0, (first[1] - 1,), values.ndim - 1)
    across = _moves(window, 1, within, values.ndim - 1)
    # A row of the first side, with the second side's first axis already that of the outputs.
    part = np.empty(_shape(values.shape[1:], window, ((first[1] - 1,), ())))
    for row, target in enumerate(out):
        here = row * window.strides[0] - window.low[0]
        moves = [(values[here + m.place], m) for m in along if 0 <= here + m.place < window.inputs[0]]
        _add_up(moves, part)
        _add_up([(part, m) for m in across], target)
    return out


def _sum(values: Array, window: Window, axis: int, group: Axes) -> Array:
    """Sum along one axis of the window; ``values`` itself where there is nothing to do."""
    if window.sizes[axis] == 1 and window.strides[axis] == 1:
        return values
    out = np.empty(_shape(values.shape, window, (group, ()) if axis == 0 else ((), group)))
    _add_up([(values, m) for m in _moves(window, axis, group, values.ndim)], out)
    return out


@dataclass(frozen=True)
class _Move:
    """One place of the window: which outputs it is not padding of, and the inputs there."""

    place: int
    to: tuple[slice, ...]
    of: tuple[slice, ...]
    whole: bool


def _add_up(moves: list[tuple[Array, _Move]], out: Array) -> None:
    """Write the sum of all places into ``out``."""
    if not moves or not moves[0][1].whole:
        out[...] = 0.0
    for i, (values, move) in enumerate(moves):
        if i == 0 and move.whole:
            out[...] = values[move.of]
        else:
            out[move.to] += values[move.of]


def _moves(window: Window, axis: int, group: Axes, ndim: int) -> list[_Move]:
    """All places of the window along one axis; one that is no output's padding comes first."""
    n, m, s, low = window.inputs[axis], window.outputs[axis], window.strides[axis], window.low[axis]
    found = []
    for p in range(window.sizes[axis]):
        start = max(0, -(-(low - p) // s))
        stop = min(m, (n - 1 + low - p) // s + 1)
        if stop > start:
            to, first = slice(start, stop), start * s - low + p
            of = slice(first, first + (stop - start - 1) * s + 1, s)
            found.append(_Move(p, _at(ndim, group, to), _at(ndim, group, of), stop - start == m))
    return sorted(found, key=lambda move: not move.whole)


def _at(ndim: int, group: Axes, part: slice) -> tuple[slice, ...]:
    return tuple(part if axis in group else slice(None) for axis in range(ndim))


def _shape(shape: tuple[int, ...], window: Window, axes: tuple[Axes, Axes]) -> list[int]:
    found = list(shape)
    for axis, group in enumerate(axes):
        for a in group:
            found[a] = window.outputs[axis]
    return found


def _wrapped(values: Array, window: Window, axes: tuple[Axes, Axes]) -> tuple[Array, Window]:
    """Return values with the other side of the positions repeated around them, and the window over those."""
    widths = [(0, 0)] * values.ndim
    for axis, group in enumerate(axes):
        for a in group:
            widths[a] = (window.low[axis], window.high[axis])
    inputs = tuple(a + n + b for a, n, b in zip(window.low, window.inputs, window.high, strict=True))
    none = (0,) * len(inputs)
    return np.pad(values, widths, mode="wrap"), replace(
        window, inputs=inputs, low=none, high=none, wrap=False
    )
