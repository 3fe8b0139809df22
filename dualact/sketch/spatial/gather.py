"""Sums over patches: E⟨z(i), z'(i')⟩ = mean over the patch of ⟨f(i + p), f'(i' + p)⟩.

Concatenation is exact and |P| times as wide. Here the leading directions of f are concatenated, and the rest
ℓ is summed through independent random signs, Σ_p ε_p ⊙ ℓ(i + p)/√|P|: unbiased, as wide as ℓ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...network.geometry import Window
from ..compiled import load
from ..signs import signs
from .basis import Basis
from .state import Array

__all__ = ["Gather", "Gatherer"]

_compiled = load("spatial._gather")


@dataclass(frozen=True, eq=False)
class Gather:
    """A sum over patches.

    Attributes
    ----------
    window : Window
    length : int
        Of the features that come in.
    basis : Basis or None
        The directions that are concatenated; None for all of them.
    """

    window: Window
    length: int
    basis: Basis | None

    @property
    def width(self) -> int:
        """Length of the features that come out."""
        if self.window.count == 1:
            return self.length
        if self.basis is None:
            return self.window.count * self.length
        return self.window.count * self.basis.rank + self.length

    def to_dict(self) -> dict[str, Any]:
        """Return what the network does not say, as JSON-ready data."""
        return {"length": self.length, "basis": None if self.basis is None else self.basis.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], window: Window) -> Gather:
        """Read back what :meth:`to_dict` wrote."""
        basis = data["basis"]
        return cls(window, int(data["length"]), None if basis is None else Basis.from_dict(basis))


class Gatherer:
    """A :class:`Gather` with its signs drawn.

    Parameters
    ----------
    gather : Gather
    key : tuple of int
        Name of the random stream.
    dtype : dtype
    """

    def __init__(self, gather: Gather, key: tuple[int, ...], dtype: Any) -> None:
        self.gather = gather
        count = gather.window.count
        self.scale = np.dtype(dtype).type(1 / math.sqrt(count))
        if gather.basis is not None and count > 1:
            self.matrix = gather.basis.matrix.astype(dtype)
            drawn = signs(key, count * gather.length).reshape(count, gather.length)
            self.signs = drawn.astype(dtype) * self.scale

    def __call__(self, features: Array, scale: float = 1.0, extra: int = 0) -> Array:
        """Return ``scale`` times the sums, and ``extra`` columns that are not set.

        Parameters
        ----------
        features : (n, h, w, length) array
        scale : float
        extra : int

        Returns
        -------
        (n, h', w', width + extra) array
        """
        gather, window = self.gather, self.gather.window
        kind = features.dtype.type
        out = np.empty((len(features), *window.outputs, gather.width + extra), features.dtype)
        if window.count == 1:
            offset = next(window.offsets())
            padded = window.padded(features, 1)
            np.multiply(padded[:, *window.place(offset)], kind(scale), out=out[..., : gather.length])
            return out
        heavy, light = features, None
        if gather.basis is not None:
            heavy = features @ self.matrix
            light = features - heavy @ self.matrix.T
        if _compiled is not None:
            self._fast(heavy, light, kind(scale), out)
            return out
        rank = heavy.shape[-1]
        padded = window.padded(heavy, 1)
        for p, offset in enumerate(window.offsets()):
            place = out[..., p * rank : (p + 1) * rank]
            np.multiply(padded[:, *window.place(offset)], kind(scale) * self.scale, out=place)
        if light is not None:
            _signed_sum(light, window, self.signs * kind(scale), out[..., window.count * rank : gather.width])
        return out

    def _fast(self, heavy: Array, light: Array | None, scale: Any, out: Array) -> None:
        window = self.gather.window
        width = 0 if light is None else light.shape[-1]
        weights = self.signs * scale if light is not None else out[:0]
        shape = (
            len(heavy),
            *window.inputs,
            *window.outputs,
            *window.sizes,
            heavy.shape[-1],
            width,
            out.shape[-1],
        )
        _compiled.gather(
            np.ascontiguousarray(heavy),
            out[:0] if light is None else light,
            np.ascontiguousarray(window.indices(0), dtype=np.int64),
            np.ascontiguousarray(window.indices(1), dtype=np.int64),
            weights,
            float(scale * self.scale),
            out,
            shape,
        )


def _signed_sum(values: Array, window: Window, weights: Array, out: Array) -> None:
    """Σ_p weights_p ⊙ values(i + p), input after input, so that one stays in the cache."""
    padded_shape = window.padded(values[:1], 1).shape[1:]
    work = np.empty((*window.outputs, values.shape[-1]), values.dtype)
    for row, target in zip(values, out, strict=True):
        padded = window.padded(row, 0).reshape(padded_shape)
        for p, (offset, weight) in enumerate(zip(window.offsets(), weights, strict=True)):
            part = padded[window.place(offset)]
            if p == 0:
                np.multiply(part, weight, out=target)
            else:
                np.multiply(part, weight, out=work)
                target += work
