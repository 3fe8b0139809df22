"""The standard deviations of a network as one list: read out, and put back in changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from ..errors import NetworkError
from .layers import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, Layer, LayerNorm, Residual
from .spec import Network

__all__ = ["dense_layers", "with_dense_layers"]


def dense_layers(layers: Sequence[Layer]) -> tuple[Dense, ...]:
    """Return the Dense layers in the order in which a signal meets them, those of branches included.

    Parameters
    ----------
    layers : sequence of layers

    Returns
    -------
    tuple of Dense

    Examples
    --------
    >>> import dualact as da
    >>> dense_layers(da.mlp(1, "relu", bias_std=0.1).layers)
    (Dense(bias_std=0.1), Dense(bias_std=0.1))
    """
    found: list[Dense] = []
    for layer in layers:
        match layer:
            case Dense():
                found.append(layer)
            case Residual():
                found.extend(dense_layers(layer.layers))
            case Act() | LayerNorm() | Conv() | AvgPool() | GlobalAvgPool() | Flatten():
                pass
            case _:
                assert_never(layer)
    return tuple(found)


def with_dense_layers(network: Network, dense: Sequence[Dense]) -> Network:
    """Return a copy of the network whose Dense layers are these, in the order of :func:`dense_layers`.

    Parameters
    ----------
    network : Network
    dense : sequence of Dense
        As many as the network has.

    Returns
    -------
    Network

    Raises
    ------
    NetworkError
        If their number is another.
    """
    expected = len(dense_layers(network.layers))
    if len(dense) != expected:
        raise NetworkError(
            f"the network has {expected} Dense layers. Got {len(dense)} to put in their place."
        )
    return Network(_replaced(network.layers, iter(dense)), network.input_shape)


def _replaced(layers: Sequence[Layer], dense: Iterator[Dense]) -> tuple[Layer, ...]:
    found: list[Layer] = []
    for layer in layers:
        match layer:
            case Dense():
                found.append(next(dense))
            case Residual():
                found.append(Residual(_replaced(layer.layers, dense)))
            case Act() | LayerNorm() | Conv() | AvgPool() | GlobalAvgPool() | Flatten():
                found.append(layer)
            case _:
                assert_never(layer)
    return tuple(found)
