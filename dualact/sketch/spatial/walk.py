"""The walk of a block of inputs through the layers, as features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

import numpy as np

from ...exact.recursion import check_range
from ...network.geometry import Window
from ...network.layers import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, LayerNorm, Residual
from ...network.stages import Stage
from ...nonlinearity.contract import Activation
from ...nonlinearity.duals import dual_array
from ..blocks import squares
from .gather import Gatherer
from .state import Array, State

__all__ = ["Linear", "Made", "Maker", "first_state", "flat_window", "output_features", "walk"]


@dataclass(frozen=True)
class Linear:
    """The sums of one Conv or Flatten, for Σ and for Θ (None where Θ is 0 before, or not asked for)."""

    sigma: Gatherer
    theta: Gatherer | None


class Maker(Protocol):
    """Gives the operation of a stage: out of a plan, or designed on the state that arrives there."""

    def linear(self, stage: Stage, state: State) -> Linear:
        """For Conv and Flatten."""
        ...

    def activator(self, stage: Stage, state: State) -> Callable[[State, Array], State]:
        """For Act: from a state and the second moments after the activation to the state after it."""
        ...


@dataclass(frozen=True, eq=False)
class Made:
    """The maker of a plan: what has been made already, by the path of the layer."""

    linears: Mapping[str, Linear]
    activators: Mapping[str, Callable[[State, Array], State]]

    def linear(self, stage: Stage, state: State) -> Linear:
        """The sums of a Conv or Flatten layer."""
        return self.linears[stage.path]

    def activator(self, stage: Stage, state: State) -> Callable[[State, Array], State]:
        """The activation of an Act layer."""
        return self.activators[stage.path]


def first_state(images: Array, dtype: Any) -> State:
    """Return the state of the inputs: Σ⁰ = x(i)·y(i')/channels.

    Parameters
    ----------
    images : (n, h, w, c) array
    dtype : dtype
    """
    features = np.asarray(images, dtype=dtype) * np.dtype(dtype).type(images.shape[-1] ** -0.5)
    return State(features, None, squares(features))


def flat_window(positions: tuple[int, ...]) -> Window:
    """The window of Flatten: all positions."""
    none = (0,) * len(positions)
    one = (1,) * len(positions)
    return Window(positions, one, positions, one, none, none, False)


def walk(stages: tuple[Stage, ...], state: State, with_theta: bool, make: Maker) -> State:
    """Walk a block of inputs through the layers.

    Parameters
    ----------
    stages : tuple of Stage
    state : State
    with_theta : bool
        Whether features of the tangent kernel are wanted.
    make : Maker

    Returns
    -------
    State
    """
    for stage in stages:
        state = _through(stage, state, with_theta, make)
    return state


def _through(stage: Stage, state: State, with_theta: bool, make: Maker) -> State:
    layer = stage.layer
    match layer:
        case Conv():
            assert stage.window is not None
            linear = make.linear(stage, state)
            sums = _window_mean(state.variance, stage.window)
            return _weights(layer, linear.sigma, linear.theta, state, sums, with_theta)
        case Dense():
            return _weights(layer, _scaled, _scaled, state, state.variance, with_theta)
        case Act():
            check_range(state.variance.reshape(len(state.variance), -1), stage.path, layer.activation, "X")
            after = _second_moment(layer.activation, state.variance)
            return make.activator(stage, state)(state, after)
        case LayerNorm():
            return _normalised(state)
        case AvgPool():
            window = stage.window
            assert window is not None
            return _pooled(state, lambda features: _window_mean(features, window))
        case GlobalAvgPool():
            return _pooled(state, lambda features: features.mean(axis=(1, 2), keepdims=True))
        case Flatten():
            linear = make.linear(stage, state)
            theta = None if state.theta is None or linear.theta is None else linear.theta(state.theta)
            return State(linear.sigma(state.sigma), theta, state.variance.mean(axis=(1, 2), keepdims=True))
        case Residual():
            inner = walk(stage.branch, state, with_theta, make)
            return _added(state, inner)
        case _:
            assert_never(layer)


def _scaled(features: Array, scale: float = 1.0, extra: int = 0) -> Array:
    out = np.empty((*features.shape[:-1], features.shape[-1] + extra), features.dtype)
    np.multiply(features, features.dtype.type(scale), out=out[..., : features.shape[-1]])
    return out


_Sum = Callable[[Array, float, int], Array]


def _weights(
    layer: Conv | Dense, sums: _Sum, theta_sums: _Sum | None, state: State, variance: Array, with_theta: bool
) -> State:
    """Σ ← w²·mean Σ + b², Θ ← w²·mean Θ + Σ: a column for b, and Θ's features beside those of Σ."""
    w, b = layer.weight_std, layer.bias_std
    sigma = sums(state.sigma, w, int(b > 0))
    if b > 0:
        sigma[..., -1] = b
    after = w**2 * variance + b**2
    if not with_theta:
        return State(sigma, None, after)
    if state.theta is None or theta_sums is None:
        return State(sigma, sigma, after)
    theta = theta_sums(state.theta, w, sigma.shape[-1])
    theta[..., -sigma.shape[-1] :] = sigma
    return State(sigma, theta, after)


def _window_mean(values: Array, window: Window) -> Array:
    """Mean over the window of (n, h, w, …) values; zeros of the padding count."""
    if window.covers_once and not any(window.low) and not any(window.high):
        parts = [values[:, *window.place(offset)] for offset in window.offsets()]
    else:
        padded = window.padded(values, 1)
        parts = [padded[:, *window.place(offset)] for offset in window.offsets()]
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    total *= values.dtype.type(1 / window.count)
    return total


def _pooled(state: State, pool: Callable[[Array], Array]) -> State:
    sigma = pool(state.sigma)
    theta = state.theta
    if theta is not None:
        theta = sigma if theta is state.sigma else pool(theta)
    return State(sigma, theta, squares(sigma))


def _normalised(state: State) -> State:
    v = state.variance
    inverse = np.zeros_like(v)
    np.divide(1.0, np.sqrt(v), out=inverse, where=v > 0)
    scale = inverse[..., None].astype(state.sigma.dtype)
    sigma = state.sigma * scale
    theta = None if state.theta is None else sigma if state.theta is state.sigma else state.theta * scale
    return State(sigma, theta, (v > 0).astype(np.float64))


def _added(state: State, inner: State) -> State:
    sigma = np.concatenate([state.sigma, inner.sigma], axis=-1)
    parts = [s.theta for s in (state, inner) if s.theta is not None]
    theta = np.concatenate(parts, axis=-1) if parts else None
    return State(sigma, theta, state.variance + inner.variance)


def _second_moment(act: Activation, variance: Array) -> Array:
    flat = variance.ravel()
    return dual_array(act, flat, flat, flat).reshape(variance.shape)


def output_features(state: State, with_theta: bool) -> Array:
    """Return the features at the end of a walk, (n, m); those of Θ, or of Σ."""
    found = state.sigma
    if with_theta:
        found = np.zeros_like(found[..., :0]) if state.theta is None else state.theta
    return found.reshape(len(found), -1)
