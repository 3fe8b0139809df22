"""The layers: frozen nouns. What they mean is said by the interpreters (plan, exact, sketch).

The set is closed: every interpreter is one ``match`` that ends in ``assert_never``, so that adding a
layer without saying what it means everywhere is a type error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from ..errors import NetworkError
from ..nonlinearity import catalog
from ..nonlinearity.contract import Activation

__all__ = ["MAX_NESTING", "Act", "Dense", "Layer", "LayerNorm", "Residual", "as_layers"]

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
        object.__setattr__(self, "weight_std", _std("Dense", "weight_std", self.weight_std))
        object.__setattr__(self, "bias_std", _std("Dense", "bias_std", self.bias_std))

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
    """Layer normalisation of Gaussian pre-activations: Σ and Θ divided by √(variances), variances to 1."""

    def __repr__(self) -> str:
        return "LayerNorm()"


@dataclass(frozen=True)
class Residual:
    """Skip connection: ``x + layers(x)``.

    Parameters
    ----------
    layers : sequence of layers
        The branch. It must end in Dense, else the sum would have cross terms.
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", as_layers(self.layers, "Residual"))
        if _nesting(self) > MAX_NESTING:
            raise NetworkError(f"Residual: branches may be nested {MAX_NESTING} deep, not deeper.")

    def __repr__(self) -> str:
        return f"Residual({list(self.layers)!r})"


Layer = Dense | Act | LayerNorm | Residual


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
                f"{owner}: layer {i} must be a layer (Dense, Act, LayerNorm, Residual). "
                f"Got {type(layer).__name__} {layer!r:.80}.{hint}"
            )
        found.append(layer)
    return tuple(found)


def _nesting(layer: Layer) -> int:
    return 1 + max(map(_nesting, layer.layers), default=0) if isinstance(layer, Residual) else 0


def _std(owner: str, label: str, value: object) -> float:
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    except OverflowError:  # an integer beyond float64
        number = math.inf
    if not 0 <= number < math.inf:
        raise NetworkError(
            f"{owner}: {label} must be a finite number of at least 0, because it is a standard deviation. "
            f"Got {value!r:.80}."
        )
    if number * number == math.inf:
        raise NetworkError(f"{owner}: the square of {label} overflows, and kernels need it. Got {value!r}.")
    return number + 0.0  # no negative zero
