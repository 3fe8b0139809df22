"""The layers that know of positions: frozen nouns, as those of :mod:`dualact.network.layers`.

Inputs are (L, C) or (H, W, C). A size is an integer, which holds for every axis, or a tuple with one
integer per axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import NetworkError
from .scalars import Size, size, std

__all__ = ["AvgPool", "Conv", "Flatten", "GlobalAvgPool", "Padding"]

Padding = Literal["same", "valid", "circular"]
PoolPadding = Literal["same", "valid"]


@dataclass(frozen=True)
class Conv:
    """Convolution in the NTK parameterisation.

    Σ(i, i′) ← weight_std²·mean_p Σ(i + p, i′ + p) + bias_std², the mean over the patch, and Θ ←
    weight_std²·mean_p Θ(i + p, i′ + p) + Σ(new).

    Parameters
    ----------
    kernel_size : int or tuple of int
        Size of the patch; an integer holds for every axis.
    strides : int or tuple of int, default 1
    padding : {"same", "valid", "circular"}, default "same"
        "same": ⌈n/stride⌉ outputs; zeros are padded, the odd one at the end, and they count in the mean.
        "circular": the same places, with the input wrapped around. "valid": whole patches only.
    weight_std : float, default 1.0
        Standard deviation of the weights (the 1/√(patch·channels) is part of the parameterisation).
    bias_std : float, default 0.0
        Standard deviation of the biases.

    Examples
    --------
    >>> Conv(3, weight_std=2**0.5)
    Conv(3, weight_std=1.4142135623730951)
    >>> Conv((3, 5), strides=2, padding="valid")
    Conv((3, 5), strides=2, padding='valid')
    """

    kernel_size: Size
    strides: Size = 1
    padding: Padding = "same"
    weight_std: float = 1.0
    bias_std: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernel_size", size("Conv", "kernel_size", self.kernel_size))
        object.__setattr__(self, "strides", size("Conv", "strides", self.strides))
        _check_padding("Conv", self.padding, get_args(Padding))
        object.__setattr__(self, "weight_std", std("Conv", "weight_std", self.weight_std))
        object.__setattr__(self, "bias_std", std("Conv", "bias_std", self.bias_std))

    def __repr__(self) -> str:
        defaults = (("strides", 1), ("padding", "same"), ("weight_std", 1.0), ("bias_std", 0.0))
        return _call(
            "Conv", self.kernel_size, [(k, getattr(self, k)) for k, d in defaults if getattr(self, k) != d]
        )


@dataclass(frozen=True)
class AvgPool:
    """Average pooling: Σ and Θ ← their mean over the window, in both positions.

    Parameters
    ----------
    window : int or tuple of int
        An integer holds for every axis.
    strides : int or tuple of int, optional
        None means the window.
    padding : {"valid", "same"}, default "valid"
        "same" pads zeros, which count in the mean.

    Examples
    --------
    >>> AvgPool(2) == AvgPool(2, strides=2)
    True
    >>> AvgPool(3, strides=1, padding="same")
    AvgPool(3, strides=1, padding='same')
    """

    window: Size
    strides: Size | None = None
    padding: PoolPadding = "valid"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", size("AvgPool", "window", self.window))
        strides = self.window if self.strides is None else size("AvgPool", "strides", self.strides)
        object.__setattr__(self, "strides", strides)
        _check_padding("AvgPool", self.padding, get_args(PoolPadding))

    def __repr__(self) -> str:
        defaults = (("strides", self.window), ("padding", "valid"))
        return _call(
            "AvgPool", self.window, [(k, getattr(self, k)) for k, d in defaults if getattr(self, k) != d]
        )


@dataclass(frozen=True)
class GlobalAvgPool:
    """Average over all positions: Σ and Θ ← their mean over all pairs of positions."""

    def __repr__(self) -> str:
        return "GlobalAvgPool()"


@dataclass(frozen=True)
class Flatten:
    """Positions become channels: Σ and Θ ← their mean over equal positions."""

    def __repr__(self) -> str:
        return "Flatten()"


def _check_padding(owner: str, padding: object, allowed: tuple[str, ...]) -> None:
    if not isinstance(padding, str) or padding not in allowed:
        raise NetworkError(
            f"{owner}: padding must be {' or '.join(map(repr, allowed))}. Got {padding!r:.80}."
        )


def _call(name: str, first: object, rest: list[tuple[str, object]]) -> str:
    return f"{name}({', '.join([repr(first), *(f'{key}={value!r}' for key, value in rest)])})"
