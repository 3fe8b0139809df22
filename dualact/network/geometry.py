"""Where the windows of Conv and AvgPool lie: sizes, padding and indices, for every interpreter.

As in JAX and TensorFlow, "same" gives ⌈n/s⌉ outputs and pads max((⌈n/s⌉−1)s + k − n, 0), half of it rounded
down on the low side. "circular" looks at the same places, wrapped around.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import NetworkError
from .layers import AvgPool, Conv
from .scalars import per_axis

__all__ = ["Window", "window_of"]


@dataclass(frozen=True)
class Window:
    """A window that slides over positions; one entry per axis in every field.

    Attributes
    ----------
    inputs, outputs : tuple of int
        Positions before and after.
    sizes, strides : tuple of int
        Of the window.
    low, high : tuple of int
        Padding before and after the input.
    wrap : bool
        Whether padding repeats the input from the other side; zeros otherwise.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    wrap: bool

    @property
    def count(self) -> int:
        """The number of places in the window, padded ones among them: what means are divided by."""
        return math.prod(self.sizes)

    @property
    def covers_once(self) -> bool:
        """Whether each input lies in one window at most, so that windows are blocks side by side."""
        return all(s >= k for s, k in zip(self.strides, self.sizes, strict=True))

    def offsets(self) -> Iterator[tuple[int, ...]]:
        """All places of the window, in the order of a C array of its sizes."""
        return itertools.product(*map(range, self.sizes))

    def indices(self, axis: int) -> NDArray[np.intp]:
        """Return which input each place of each window looks at, along one axis.

        Returns
        -------
        (outputs[axis], sizes[axis]) array of int
            −1 where it is a zero of the padding.
        """
        starts = np.arange(self.outputs[axis]) * self.strides[axis] - self.low[axis]
        found = starts[:, None] + np.arange(self.sizes[axis])
        n = self.inputs[axis]
        return found % n if self.wrap else np.where((found >= 0) & (found < n), found, -1)

    def coverage(self) -> NDArray[np.float64]:
        """Return the fraction of the window that is input and not padding, shape ``outputs``.

        It is the mean over the window of a constant 1.
        """
        cover = np.ones(())
        for axis, size in enumerate(self.sizes):
            cover = np.multiply.outer(cover, (self.indices(axis) >= 0).sum(axis=1) / size)
        return cover

    def padded(self, values: NDArray[Any], first: int) -> NDArray[Any]:
        """Return values with the padding around them.

        Parameters
        ----------
        values : array
            Its axes ``first``, ``first`` + 1, … are the positions.
        first : int
        """
        if not any(self.low) and not any(self.high):
            return values
        widths = [(0, 0)] * values.ndim
        for axis, pair in enumerate(zip(self.low, self.high, strict=True), first):
            widths[axis] = pair
        return np.pad(values, widths, mode="wrap") if self.wrap else np.pad(values, widths)

    def place(self, offset: tuple[int, ...]) -> tuple[slice, ...]:
        """Return the slices, one per axis, that take one place of every window out of padded values."""
        return tuple(
            slice(p, p + (n - 1) * s + 1, s)
            for p, n, s in zip(offset, self.outputs, self.strides, strict=True)
        )


def window_of(layer: Conv | AvgPool, positions: tuple[int, ...], where: str = "") -> Window:
    """Return the window of a layer over an input with these positions.

    Parameters
    ----------
    layer : Conv or AvgPool
    positions : tuple of int
        (L,) or (H, W).
    where : str
        What to call the layer in a message.

    Raises
    ------
    NetworkError
        If sizes are for another number of axes, or whole windows do not fit into the input.
    """
    where = where or repr(layer)
    label = "kernel_size" if isinstance(layer, Conv) else "window"
    asked = layer.kernel_size if isinstance(layer, Conv) else layer.window
    assert layer.strides is not None
    sizes = per_axis(where, label, asked, len(positions))
    strides = per_axis(where, "strides", layer.strides, len(positions))
    if layer.padding == "valid":
        if any(k > n for k, n in zip(sizes, positions, strict=True)):
            raise NetworkError(
                f"{where}: its window {sizes} is larger than its input, which has positions {positions}. "
                "Use larger inputs, a smaller window, fewer pools before it, or padding='same'."
            )
        outputs = tuple((n - k) // s + 1 for n, k, s in zip(positions, sizes, strides, strict=True))
        none = (0,) * len(positions)
        return Window(positions, outputs, sizes, strides, none, none, False)
    outputs = tuple(-(-n // s) for n, s in zip(positions, strides, strict=True))
    totals = [
        max((m - 1) * s + k - n, 0) for n, m, k, s in zip(positions, outputs, sizes, strides, strict=True)
    ]
    low = tuple(total // 2 for total in totals)
    high = tuple(total - total // 2 for total in totals)
    return Window(positions, outputs, sizes, strides, low, high, layer.padding == "circular")
