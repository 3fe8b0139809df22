"""The shape of one input, as the network, the caller and the data know it."""

from __future__ import annotations

import math

from ..errors import NetworkError
from .spec import Network, as_shape

__all__ = ["dense_features", "spatial_shape"]


def spatial_shape(
    network: Network, input_shape: tuple[int, ...] | None, n_features: int | None
) -> tuple[int, ...]:
    """Return the shape of one input of a spatial network, from wherever it is known.

    Raises
    ------
    NetworkError
        If it is not known, is none of images or sequences, or what is known disagrees.
    """
    shape = _agreed_shape(network, input_shape)
    if shape is None:
        came = "" if n_features is None else f" X came as flat rows of {n_features} numbers."
        raise NetworkError(
            f"the network is spatial and the shape of its inputs is not known.{came} Give the network an "
            "input_shape, (L, C) or (H, W, C), or X one axis for each of them."
        )
    if not 2 <= len(shape) <= 3:
        missing = " Grey images need a channel axis too: X[..., None]." if len(shape) == 1 else ""
        raise NetworkError(
            f"the network is spatial: its input_shape must be (L, C) or (H, W, C). Got {shape}.{missing}"
        )
    width = _width(n_features)
    if width is not None and width != math.prod(shape):
        raise NetworkError(
            f"X has rows of {width} numbers, but the network was made for input_shape={shape}, which "
            f"flattened is {math.prod(shape)}."
        )
    return shape


def _agreed_shape(network: Network, input_shape: tuple[int, ...] | None) -> tuple[int, ...] | None:
    own = network.input_shape
    asked = None if input_shape is None else as_shape(input_shape)
    if own is not None and asked is not None and asked != own:
        axis = " The channel axis is missing: X[..., None]." if (*asked, 1) == own else ""
        raise NetworkError(f"input_shape is {asked}, but the network was made for {own}.{axis}")
    return own if own is not None else asked


def _width(n_features: int | None) -> int | None:
    if n_features is None:
        return None
    if isinstance(n_features, bool) or not hasattr(n_features, "__index__") or int(n_features) < 1:
        raise NetworkError(f"n_features must be a positive integer. Got {n_features!r}.")
    return int(n_features)


def dense_features(
    network: Network, input_shape: tuple[int, ...] | None, n_features: int | None
) -> int | None:
    """Return the number of features of a dense network's inputs, or None where it is not known.

    Raises
    ------
    NetworkError
        If what is known disagrees, or is not one axis.
    """
    shape = _agreed_shape(network, input_shape)
    width = _width(n_features)
    if shape is not None and len(shape) != 1:
        raise NetworkError(
            f"the network is dense: its input_shape must be (n_features,). Got {shape}. "
            "Flatten the input, one row per sample, or put Flatten() before the first layer."
        )
    if shape is not None and width is not None and shape[0] != width:
        raise NetworkError(f"X has {width} features, but the network was made for input_shape={shape}.")
    return width if shape is None else shape[0]
