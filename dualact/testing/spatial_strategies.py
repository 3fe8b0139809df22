"""Hypothesis strategies of spatial networks and of images (or sequences) for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from ..network.geometry import window_of
from ..network.layers import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, Layer, LayerNorm, Residual
from ..network.spatial_layers import Padding
from ..network.spec import Network
from ..nonlinearity.catalog import resolve
from ..nonlinearity.contract import Activation, Array
from .drawing import CLOSED

__all__ = ["images", "spatial_networks"]


@st.composite
def spatial_networks(
    draw: st.DrawFn,
    names: Sequence[str | Activation] = CLOSED,
    max_hidden: int = 2,
    axes: int | None = None,
    head: str | None = None,
    padding: Sequence[Padding] = ("same", "valid", "circular"),
    strides: bool = True,
    pools: bool = True,
    bias: bool = True,
    layer_norm: bool = True,
    residual: bool = True,
) -> Network:
    """Legal networks of Conv, Act, AvgPool, LayerNorm, Residual and a head, with their input_shape.

    Parameters
    ----------
    draw : callable
        Passed by Hypothesis.
    names : sequence of str or Activation
        The activations to draw from.
    max_hidden : int
        At most this many convolutions after the first, outside of branches.
    axes : {1, 2, None}
        Sequences, images, or either.
    head : {"gap", "flatten", None}
        How the positions end; None draws either.
    padding : sequence of {"same", "valid", "circular"}
        Of the convolutions.
    strides, pools, bias, layer_norm, residual : bool
        Whether those may occur.
    """
    n_axes = axes or draw(st.sampled_from([1, 2]))
    positions = tuple(draw(st.integers(1, 5 if n_axes == 1 else 4)) for _ in range(n_axes))
    shape = (*positions, draw(st.integers(1, 3)))
    layers: list[Layer] = []

    def conv(at: tuple[int, ...], keep: bool) -> Conv:
        allowed = [p for p in padding if p != "valid" or not keep]
        if not keep and "valid" in allowed and draw(st.integers(0, 2)):
            allowed = [p for p in allowed if p != "valid"] or allowed
        how = draw(st.sampled_from(allowed))
        size = draw(st.integers(1, 3 if how != "valid" else min(3, *at)))
        step = draw(st.integers(1, 2)) if strides and not keep else 1
        weight = draw(st.sampled_from([1.0, 2**0.5, 0.7]))
        return Conv(size, step, how, weight, draw(st.sampled_from([0.0, 0.3])) if bias else 0.0)

    def add(layer: Layer) -> None:
        nonlocal positions
        layers.append(layer)
        if isinstance(layer, Conv | AvgPool):
            positions = window_of(layer, positions).outputs

    add(conv(positions, False))
    for _ in range(draw(st.integers(0, max_hidden))):
        if layer_norm and draw(st.integers(0, 4)) == 0:
            add(LayerNorm())
        if residual and draw(st.integers(0, 4)) == 0:
            add(Residual((Act(_activation(draw, names)), conv(positions, True))))
        add(Act(_activation(draw, names)))
        if pools and draw(st.integers(0, 3)) == 0:
            add(AvgPool(draw(st.integers(1, 2)), draw(st.integers(1, 2)), "same"))
        add(conv(positions, False))
    add(Act(_activation(draw, names)))
    end = head or draw(st.sampled_from(["gap", "flatten"]))
    layers += [GlobalAvgPool() if end == "gap" else Flatten(), Dense(1.2, 0.1 if bias else 0.0)]
    return Network(layers, shape)


@st.composite
def images(draw: st.DrawFn, network: Network, max_samples: int = 3) -> Array:
    """Inputs (n, …) for a network that knows its input_shape; zeros and duplicates among them."""
    assert network.input_shape is not None
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = [rng.standard_normal(network.input_shape)]
    for _ in range(draw(st.integers(0, max_samples - 1))):
        how = draw(st.sampled_from(["new", "new", "copy", "antipode", "zero", "part"]))
        row = rng.standard_normal(network.input_shape)
        if how == "part":  # no signal in some places
            row[tuple(slice(0, 1) for _ in network.input_shape[:-1])] = 0.0
        earlier = rows[-1]
        rows.append({"copy": earlier, "antipode": -earlier, "zero": 0.0 * row}.get(how, row))
    return np.array(rows)


def _activation(draw: st.DrawFn, names: Sequence[str | Activation]) -> Activation:
    return resolve(draw(st.sampled_from(list(names))))
