"""From a network to a checked plan: everything ill-defined is refused here, before anything runs.

A plan is a walk over the layers that tracks one bit (is the signal Gaussian at initialisation?) and, in a
spatial network, the positions; it writes one row per layer: what it does, and whether by a closed form or a
computed one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from ..errors import NetworkError
from ..nonlinearity.contract import Activation
from .costs import pair_cost
from .geometry import window_of
from .layers import (
    Act,
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Layer,
    LayerNorm,
    Residual,
    is_spatial,
)
from .shapes import dense_features, spatial_shape
from .spec import Network
from .stages import Stage, every_stage, stages_of

__all__ = ["Kind", "NetworkPlan", "Step", "check", "render_table"]

Kind = Literal["nngp", "ntk"]


@dataclass(frozen=True)
class Step:
    """One row of a plan: which layer, what the recursion does there, and what positions are left.

    ``positions`` is (L,) or (H, W), () once they are gone, None in a dense network.
    """

    path: str
    layer: str
    rule: str
    positions: tuple[int, ...] | None = None


@dataclass(frozen=True)
class NetworkPlan:
    """A network that has passed every check, with what will be done for each layer.

    Attributes
    ----------
    network : Network
    kind : {"nngp", "ntk"}
    steps : tuple of Step
        One row per layer, those of branches included.
    output : str
        What the kernel is the kernel of.
    n_features : int or None
        The number of input features, where known; of a flattened row in a spatial network.
    input_shape : tuple of int or None
        Shape of one input, where known; always known of a spatial network.
    """

    network: Network
    kind: Kind
    steps: tuple[Step, ...]
    output: str
    n_features: int | None = None
    input_shape: tuple[int, ...] | None = None

    @property
    def spatial(self) -> bool:
        """Whether the network knows of positions."""
        return is_spatial(self.network.layers)

    @property
    def positions(self) -> tuple[int, ...]:
        """The positions of the input: (L,) or (H, W); () of a dense network."""
        return self.input_shape[:-1] if self.spatial and self.input_shape is not None else ()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The layers with their geometry."""
        return stages_of(self.network.layers, self.positions)

    @property
    def stages_by_path(self) -> dict[str, Stage]:
        """All stages, those of branches included."""
        return {s.path: s for s in every_stage(self.stages)}

    def rows(self) -> list[tuple[str, ...]]:
        """The steps as rows of a table, the first of them its head."""
        if not self.spatial:
            return [("layer", "", "rule"), *((s.path, s.layer, s.rule) for s in self.steps)]
        stages = self.stages
        pairs = {s.path: "" if s.after == "flat" else s.after for s in every_stage(stages)}
        steps = ((s.path, s.layer, _show(s.positions or ()), pairs[s.path], s.rule) for s in self.steps)
        head = ("layer", "", "positions", "pairs", "rule")
        return [head, ("", "input", _show(self.positions), stages[0].before, ""), *steps]

    def __str__(self) -> str:
        table = f"exact {self.kind.upper()} of {self.output}\n{render_table(self.rows())}"
        if not self.spatial:
            return table
        cost = pair_cost(self.stages, self.kind == "ntk")
        return (
            f"{table}\na pair of inputs takes {cost.entries} pairs of positions, "
            f"{cost.memory / 2**20:.3g} MiB and about {1e3 * cost.seconds:.2g} ms on one core"
        )


def _show(positions: tuple[int, ...]) -> str:
    return "×".join(map(str, positions)) or "-"


def check(
    network: Network,
    kind: str = "ntk",
    input_shape: tuple[int, ...] | None = None,
    n_features: int | None = None,
) -> NetworkPlan:
    """Return the checked plan of a network.

    Parameters
    ----------
    network : Network
    kind : {"ntk", "nngp"}
    input_shape : tuple of int, optional
        Shape of one input; must agree with the network's own.
    n_features : int, optional
        Number of columns of X; must agree with the input shape.

    Raises
    ------
    NetworkError
        If the network is ill-defined for this kind; the message says where, why, and what to do.
    """
    if kind not in ("nngp", "ntk"):
        raise NetworkError(f"kind must be 'nngp' or 'ntk'. Got {kind!r}.")
    if len(network) == 0:
        raise NetworkError("the network has no layers; it needs at least one Dense().")
    steps: list[Step] = []
    spatial = is_spatial(network.layers)
    features: int | None
    shape: tuple[int, ...] | None
    if spatial:
        shape = spatial_shape(network, input_shape, n_features)
        features, start = math.prod(shape), _Signal(False, False, shape[:-1])
    else:
        features = dense_features(network, input_shape, n_features)
        shape, start = None if features is None else (features,), _Signal(False, False, ())
    end = _Walk(kind, steps, spatial).layers(network.layers, "", start, "the input")
    output = (
        "the Gaussian output" if end.gaussian else "the activations of the last layer (there is no read-out)"
    )
    if end.positions:
        raise NetworkError(
            f"the network ends with positions {end.positions}; a kernel is of one vector per input. Append "
            "GlobalAvgPool() or Flatten(), and Dense()."
        )
    return NetworkPlan(network, "nngp" if kind == "nngp" else "ntk", tuple(steps), output, features, shape)


@dataclass(frozen=True)
class _Signal:
    """What is known of the signal between two layers.

    Fresh means that every path to it goes through weights of the layers at hand, so that it is uncorrelated
    with what came in.
    """

    gaussian: bool
    fresh: bool
    positions: tuple[int, ...]


@dataclass(frozen=True)
class _Walk:
    """The walk over the layers; it appends a step for each."""

    kind: str
    steps: list[Step]
    spatial: bool

    def layers(self, layers: tuple[Layer, ...], prefix: str, signal: _Signal, before: str) -> _Signal:
        signal = replace(signal, fresh=False)
        for i, layer in enumerate(layers):
            path = f"{prefix}{i}"
            here = f"layer {path} ({layer!r:.60})"
            signal = self._layer(layer, path, here, signal, before)
            before = here
        return signal

    def _step(self, path: str, layer: str, rule: str, positions: tuple[int, ...]) -> None:
        self.steps.append(Step(path, layer, rule, positions if self.spatial else None))

    def _layer(self, layer: Layer, path: str, here: str, signal: _Signal, before: str) -> _Signal:
        at = signal.positions
        both = "Σ, Θ" if self.kind == "ntk" else "Σ"
        match layer:
            case Dense():
                if at:
                    raise NetworkError(
                        f"{here} has positions {at} before it; Dense is for one vector per input. Insert "
                        f"Flatten() or GlobalAvgPool() before layer {path}, or use Conv(1) to mix the "
                        "channels of each position."
                    )
                rule = "Σ ← w²Σ + b²" + (", Θ ← w²Θ + Σ" if self.kind == "ntk" else "")
                signal = _Signal(True, True, at)
            case Conv():
                _needs_positions(signal, here, before, path)
                window = window_of(layer, at, here)
                rule = "Σ ← w²·mean over patch + b²" + (", Θ ← w²·mean + Σ" if self.kind == "ntk" else "")
                signal = _Signal(True, True, window.outputs)
            case Act():
                self._needs_gaussian(signal, here, before, path, "an activation", "its dual")
                _check_activation(layer.activation, here, self.kind)
                rule = _act_rule(layer.activation, self.kind)
                signal = replace(signal, gaussian=False)
            case AvgPool():
                _needs_positions(signal, here, before, path)
                rule = f"{both} ← mean over window"
                signal = replace(signal, positions=window_of(layer, at, here).outputs)
            case GlobalAvgPool():
                _needs_positions(signal, here, before, path)
                rule = f"{both} ← mean over all pairs"
                signal = replace(signal, positions=())
            case Flatten():
                _needs_positions(signal, here, before, path)
                rule = f"{both} ← mean over equal positions"
                # One vector per input, but not of independent, equally distributed entries.
                signal = replace(signal, gaussian=False, positions=())
            case LayerNorm():
                self._needs_gaussian(signal, here, before, path, "LayerNorm", "the normalisation")
                rule = f"{both} ← / √(variances)"
            case Residual():
                return self._residual(layer, path, here, signal, before)
            case _:
                assert_never(layer)
        self._step(path, repr(layer), rule, signal.positions)
        return signal

    def _residual(self, layer: Residual, path: str, here: str, signal: _Signal, before: str) -> _Signal:
        self._needs_gaussian(signal, here, before, path, "Residual", "the sum")
        last = "Conv(...)" if signal.positions else "Dense()"
        if not layer.layers:
            raise NetworkError(f"{here} has an empty branch; give it layers that end in {last}.")
        self._step(path, "Residual", "x + branch(x)", signal.positions)
        inner = self.layers(layer.layers, f"{path}.", signal, before)
        if inner.positions != signal.positions:
            raise NetworkError(
                f"{here}: the branch turns positions {signal.positions} into {inner.positions}; it must "
                "keep them, because the sum x + branch(x) is taken at each position. Use strides=1, "
                "padding='same' and no pools, or put them outside."
            )
        if not (inner.gaussian and inner.fresh):
            ends = f"it must end in {'Conv' if signal.positions else 'Dense'}"
            raise NetworkError(
                f"{here}: the branch ends in {layer.layers[-1]!r:.40}; {ends}, because otherwise the sum "
                f"x + branch(x) has cross terms. Append {last} to the branch."
            )
        return signal

    def _needs_gaussian(
        self, signal: _Signal, here: str, before: str, path: str, what: str, why: str
    ) -> None:
        if signal.gaussian:
            return
        follows = "comes first" if before == "the input" else f"follows {before}"
        insert = "Conv(...)" if signal.positions else "Dense()"
        raise NetworkError(
            f"{here} {follows}; {what} must follow Dense or Conv, because {why} needs Gaussian "
            f"pre-activations. Insert {insert} before layer {path}."
        )


def _needs_positions(signal: _Signal, here: str, before: str, path: str) -> None:
    if not signal.positions:
        raise NetworkError(
            f"{here} follows {before}; it needs positions, and there are none after Flatten or "
            f"GlobalAvgPool. Remove layer {path}, or put it before them."
        )


def _check_activation(act: Activation, here: str, kind: str) -> None:
    if kind == "ntk" and act.jumps:
        places = ", ".join(f"{b:g}" for b in act.jumps)
        raise NetworkError(
            f"{here}: {act.name!r} jumps at {places}, so it has no derivative and the network no NTK. "
            "Ask for kind='nngp', or take a continuous activation."
        )
    if kind == "ntk" and act.without_ntk:
        raise NetworkError(
            f"{here}: {act.name!r} {act.without_ntk}, and the network has no NTK. "
            "Ask for kind='nngp', or take an activation with a square-integrable derivative."
        )


def _act_rule(act: Activation, kind: str) -> str:
    closed = act.dual is not None and (kind == "nngp" or act.dual_prime is not None)
    how = "closed form" if closed else "computed"
    return f"Σ ← E φφ ({how})" + (", Θ ← Θ·E φ′φ′" if kind == "ntk" else "")


def render_table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows as left-aligned columns; the first row is the head."""
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
