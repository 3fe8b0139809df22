"""Sums over windows of positions, on arrays of pairs.

A window is a product of its axes, so that a sum over k×k places is k additions along one axis and k along the
other. For all pairs of positions both sides move together in a convolution (two axes of the array at once),
and by themselves in a pool.
"""

from __future__ import annotations

from dataclasses import replace

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
    assert first[0] == 0
    other, rest = (first[1] - 1,), tuple(a - 1 for a in second)
    shape = list(values.shape)
    for axis, group in enumerate(axes):
        for a in group:
            shape[a] = window.outputs[axis]
    out = np.empty(shape)
    part = np.empty([*shape[1 : second[0]], values.shape[second[0]], *shape[second[0] + 1 : second[1]], values.shape[second[1]]])
    for row, target in enumerate(out):
        started = False
        for p in _order(window, 0):
            i = row * window.strides[0] - window.low[0] + p
            if not 0 <= i < window.inputs[0]:
                continue
            to, of = _places(window, 0, p)
            if not started:
                started = True
                if to != slice(0, window.outputs[0]):
                    part[...] = 0.0
                else:
                    part[...] = values[i][_at(values.ndim - 1, other, of)]
                    continue
            part[_at(part.ndim, other, to)] += values[i][_at(part.ndim, other, of)]
        if not started:
            part[...] = 0.0
        _sum(part, window, 1, rest, target)
    return out


def _sum(values: Array, window: Window, axis: int, group: Axes, out: Array | None = None) -> Array:
    """Sum along one axis of the window; ``values`` itself where there is nothing to do."""
    if window.sizes[axis] == 1 and window.strides[axis] == 1:
        if out is None:
            return values
        out[...] = values
        return out
    if out is None:
        shape = list(values.shape)
        for a in group:
            shape[a] = window.outputs[axis]
        out = np.empty(shape)
    started = False
    for p in _order(window, axis):
        to, of = _places(window, axis, p)
        source = values[_at(values.ndim, group, of)]
        if started:
            out[_at(out.ndim, group, to)] += source
        elif to == slice(0, window.outputs[axis]):
            out[...] = source
        else:
            out[...] = 0.0
            out[_at(out.ndim, group, to)] += source
        started = True
    return out


def _order(window: Window, axis: int) -> list[int]:
    """The places of the window, one that no window has in its padding first: it needs no zeros to add to."""
    places = list(range(window.sizes[axis]))
    whole = slice(0, window.outputs[axis])
    return sorted(places, key=lambda p: _places(window, axis, p)[0] != whole)


def _places(window: Window, axis: int, p: int) -> tuple[slice, slice]:
    """Return outputs whose place ``p`` is not padding, and the inputs there."""
    n, m, s, low = window.inputs[axis], window.outputs[axis], window.strides[axis], window.low[axis]
    start = max(0, -(-(low - p) // s))
    stop = max(start, min(m, (n - 1 + low - p) // s + 1))
    first = start * s - low + p
    return slice(start, stop), slice(first, first + max(0, (stop - start - 1) * s + 1), s) if stop > start else slice(0, 0)


def _at(ndim: int, group: Axes, part: slice) -> tuple[slice, ...]:
    return tuple(part if axis in group else slice(None) for axis in range(ndim))


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
