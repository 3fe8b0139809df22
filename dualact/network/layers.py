"""The layers: frozen nouns. What they mean is said by the interpreters (plan, exact, sketch).

The set is closed: every interpreter is one ``match`` that ends in ``assert_never``, so that adding a
layer without saying what it means everywhere is a type error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import NetworkError
from ..nonlinearity import catalog
from ..nonlinearity.contract import Activation
from .scalars import std
from .spatial_layers import AvgPool, Conv, Flatten, GlobalAvgPool

__all__ = [
    "MAX_NESTING",
    "Act",
    "AvgPool",
    "Conv",
    "Dense",
    "Flatten",
    "GlobalAvgPool",
    "Layer",
    "LayerNorm",
    "Residual",
    "as_layers",
    "is_spatial",
]

MAX_NESTING = 50


@dataclass(frozen=True)
class Dense:
    """Fully connected layer in the NTK parameterisation.

    Σ ← weight_std²·Σ + bias_std², Θ ← weight_std²·Θ + Σ(new).

    Parameters
    ----------
    weight_std : float, default 1.0
        Standard deviation of the weights (the 1/√width is part of the parameterisation).
    bias_std : float, default 0.0
        Standard deviation of the biases.

    Examples
    --------
    >>> Dense(2**0.5, bias_std=0.1)
    Dense(weight_std=1.4142135623730951, bias_std=0.1)
    """

    weight_std: float = 1.0
    bias_std: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight_std", std("Dense", "weight_std", self.weight_std))
        object.__setattr__(self, "bias_std", std("Dense", "bias_std", self.bias_std))

    def __repr__(self) -> str:
        shown = [f"weight_std={self.weight_std!r}"] if self.weight_std != 1.0 else []
        shown += [f"bias_std={self.bias_std!r}"] if self.bias_std != 0.0 else []
        return f"Dense({', '.join(shown)})"


@dataclass(frozen=True, init=False)
class Act:
    """Elementwise activation: Σ ← dual(Σ), Θ ← Θ·dual_prime(Σ).

    Parameters
    ----------
    activation : str or Activation
        A registered name, or an activation object.
    **params
        Parameters of the registered activation, e.g. ``Act("leaky_relu", slope=0.1)``.

    Raises
    ------
    UnknownActivationError
        If no activation of that name is registered.
    DualactError
        If the activation has no such parameters.
    """

    activation: Activation

    def __init__(self, activation: str | Activation, **params: Any) -> None:
        if not params:
            found = catalog.resolve(activation)
        elif isinstance(activation, str):
            found = catalog.activation(activation, **params)
        else:
            raise NetworkError(
                f"Act: parameters ({', '.join(params)}) go with a registered name. Got {activation!r}; "
                "make the activation with its parameters and pass it alone."
            )
        object.__setattr__(self, "activation", found)

    def __repr__(self) -> str:
        act = self.activation
        inner = "".join(
            f", {key}={list(value) if isinstance(value, tuple) else value!r}"
            for key, value in act.params.items()
        )
        return f"Act({act.name!r}{inner})" if act.registered else f"Act({act!r})"


@dataclass(frozen=True)
class LayerNorm:
    """Layer normalisation of Gaussian pre-activations: Σ and Θ divided by √(variances), variances to 1.

    In a spatial network it goes over the channels, at each position by itself.
    """

    def __repr__(self) -> str:
        return "LayerNorm()"


@dataclass(frozen=True)
class Residual:
    """Skip connection: ``x + layers(x)``.

    Parameters
    ----------
    layers : sequence of layers
        The branch. It must end in Dense or Conv, else the sum would have cross terms, and keep the
        positions as they are.
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", as_layers(self.layers, "Residual"))
        if _nesting(self) > MAX_NESTING:
            raise NetworkError(f"Residual: branches may be nested {MAX_NESTING} deep, not deeper.")

    def __repr__(self) -> str:
        return f"Residual({list(self.layers)!r})"


Layer = Dense | Conv | Act | AvgPool | GlobalAvgPool | Flatten | LayerNorm | Residual


def is_spatial(layers: tuple[Layer, ...]) -> bool:
    """Whether any of the layers needs to know of positions."""
    return any(
        is_spatial(layer.layers)
        if isinstance(layer, Residual)
        else isinstance(layer, Conv | AvgPool | GlobalAvgPool | Flatten)
        for layer in layers
    )


def as_layers(layers: object, owner: str) -> tuple[Layer, ...]:
    """Return the layers as a tuple, refusing whatever is not one."""
    if isinstance(layers, str | bytes | Mapping) or not isinstance(layers, Iterable):
        hint = " Network.from_dict reads a dictionary." if isinstance(layers, Mapping) else ""
        raise NetworkError(
            f"{owner}: layers must be a sequence of layers such as [Dense(), Act('relu'), Dense()]. "
            f"Got {type(layers).__name__}.{hint}"
        )
    found: list[Layer] = []
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            hint = f" Write {layer.__name__}() with parentheses." if isinstance(layer, type) else ""
            raise NetworkError(
                f"{owner}: layer {i} must be a layer (Dense, Conv, Act, AvgPool, GlobalAvgPool, Flatten, "
                f"LayerNorm, Residual). Got {type(layer).__name__} {layer!r:.80}.{hint}"
            )
        found.append(layer)
    return tuple(found)


def _nesting(layer: Layer) -> int:
    return 1 + max(map(_nesting, layer.layers), default=0) if isinstance(layer, Residual) else 0
