"""From a network to a checked plan: everything ill-defined is refused here, before anything runs.

A plan is a walk over the layers that tracks one bit (is the signal Gaussian at initialisation?) and
writes one row per layer: what it does, and whether by a closed form or a computed one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from ..errors import NetworkError
from ..nonlinearity.contract import Activation
from .layers import Act, Dense, Layer, LayerNorm, Residual
from .spec import Network, as_shape

__all__ = ["Kind", "NetworkPlan", "Step", "check", "render_table"]

Kind = Literal["nngp", "ntk"]


@dataclass(frozen=True)
class Step:
    """One row of a plan: which layer, and what the recursion does there."""

    path: str
    layer: str
    rule: str


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
        The number of input features, where known.
    """

    network: Network
    kind: Kind
    steps: tuple[Step, ...]
    output: str
    n_features: int | None = None

    def __str__(self) -> str:
        rows = [("layer", "", "rule"), *((s.path, s.layer, s.rule) for s in self.steps)]
        title = {"nngp": "NNGP", "ntk": "NTK"}[self.kind]
        return f"exact {title} of {self.output}\n{render_table(rows)}"


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
    features = _features(network, input_shape, n_features)
    steps: list[Step] = []
    gaussian, _ = _walk(network.layers, "", False, "the input", kind, steps)
    output = "the Gaussian output" if gaussian else "the activations of the last layer (there is no read-out)"
    return NetworkPlan(network, "nngp" if kind == "nngp" else "ntk", tuple(steps), output, features)


def _features(network: Network, input_shape: tuple[int, ...] | None, n_features: int | None) -> int | None:
    own = network.input_shape
    asked = None if input_shape is None else as_shape(input_shape)
    if own is not None and asked is not None and asked != own:
        raise NetworkError(f"input_shape is {asked}, but the network was made for {own}.")
    shape = own if own is not None else asked
    if n_features is not None:
        if isinstance(n_features, bool) or not hasattr(n_features, "__index__") or int(n_features) < 1:
            raise NetworkError(f"n_features must be a positive integer. Got {n_features!r}.")
        n_features = int(n_features)
    if shape is not None and len(shape) != 1:
        raise NetworkError(
            f"the network is dense: its input_shape must be (n_features,). Got {shape}. "
            "Flatten the input, one row per sample."
        )
    if shape is not None and n_features is not None and shape[0] != n_features:
        raise NetworkError(f"X has {n_features} features, but the network was made for input_shape={shape}.")
    return n_features if shape is None else shape[0]


def _walk(
    layers: tuple[Layer, ...], prefix: str, gaussian: bool, before: str, kind: str, steps: list[Step]
) -> tuple[bool, bool]:
    """Append a step per layer; return whether the signal after them is Gaussian, and whether it is fresh.

    Fresh means that every path to it goes through weights of these layers, so that it is uncorrelated
    with what came in.
    """
    fresh = False
    for i, layer in enumerate(layers):
        path = f"{prefix}{i}"
        here = f"layer {path} ({layer!r:.60})"
        match layer:
            case Dense():
                steps.append(
                    Step(path, repr(layer), "Σ ← w²Σ + b²" + (", Θ ← w²Θ + Σ" if kind == "ntk" else ""))
                )
                gaussian = fresh = True
            case Act():
                _needs_gaussian(gaussian, here, before, path, "an activation", "its dual")
                _check_activation(layer.activation, here, kind)
                steps.append(Step(path, repr(layer), _act_rule(layer.activation, kind)))
                gaussian = False
            case LayerNorm():
                _needs_gaussian(gaussian, here, before, path, "LayerNorm", "the normalisation")
                both = "Σ, Θ" if kind == "ntk" else "Σ"
                steps.append(Step(path, repr(layer), f"{both} ← / √(variances)"))
            case Residual():
                _needs_gaussian(gaussian, here, before, path, "Residual", "the sum")
                if not layer.layers:
                    raise NetworkError(f"{here} has an empty branch; give it layers that end in Dense().")
                steps.append(Step(path, "Residual", "x + branch(x)"))
                inner = _walk(layer.layers, f"{path}.", True, before, kind, steps)
                if inner != (True, True):
                    raise NetworkError(
                        f"{here}: the branch ends in {layer.layers[-1]!r:.40}; it must end in Dense, because "
                        "otherwise the sum x + branch(x) has cross terms. Append Dense() to the branch."
                    )
            case _:
                assert_never(layer)
        before = f"layer {path} ({layer!r:.60})"
    return gaussian, fresh


def _needs_gaussian(gaussian: bool, here: str, before: str, path: str, what: str, why: str) -> None:
    if gaussian:
        return
    follows = "comes first" if before == "the input" else f"follows {before}"
    raise NetworkError(
        f"{here} {follows}; {what} must follow Dense or Conv, because {why} needs Gaussian pre-activations. "
        f"Insert Dense() before layer {path}."
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
