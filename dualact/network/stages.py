"""Which pairs of positions the exact kernel of a spatial network needs, layer by layer.

Σ and Θ of two inputs have an entry for every pair of positions (i, i′). A backward pass finds what is
needed of it: Flatten asks for equal positions alone, GlobalAvgPool and AvgPool for all pairs; Conv, Act and
LayerNorm for before themselves what is needed after. Where only Flatten follows, a kernel costs H·W entries
and not (H·W)².
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from .geometry import Window, window_of
from .layers import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, Layer, LayerNorm, Residual

__all__ = ["Pairs", "Stage", "every_stage", "stages_of"]

Pairs = Literal["none", "flat", "equal", "all"]
_ORDER: tuple[Pairs, ...] = ("none", "flat", "equal", "all")


@dataclass(frozen=True)
class Stage:
    """A layer with its geometry, and the pairs of positions that are needed before and after it.

    Attributes
    ----------
    layer : Layer
    path : str
        Its place, as in the plan.
    positions : (int, int) or ()
        Before the layer; an axis of length 1 is put before that of sequences. () once they are gone.
    outputs : (int, int) or ()
        After it.
    window : Window or None
        Of Conv and AvgPool.
    before, after : {"none", "flat", "equal", "all"}
        Pairs of positions; "flat" once there are none, "none" where nothing is needed any more.
    branch : tuple of Stage
        Of Residual.
    """

    layer: Layer
    path: str
    positions: tuple[int, ...]
    outputs: tuple[int, ...]
    window: Window | None = None
    before: Pairs = "flat"
    after: Pairs = "flat"
    branch: tuple[Stage, ...] = ()


def stages_of(
    layers: tuple[Layer, ...], positions: tuple[int, ...], *, variances: bool = False, output: bool = True
) -> tuple[Stage, ...]:
    """Return the layers of a checked network as stages.

    Parameters
    ----------
    layers : tuple of layers
    positions : tuple of int
        (L,) or (H, W).
    variances : bool
        For an input with itself: every Act and LayerNorm needs to know its variances, on equal positions.
    output : bool
        Whether the kernel at the end is wanted; if not, stages after the last variance need nothing.
    """
    return _backward(_forward(layers, "", positions), "flat" if output else "none", variances)


def every_stage(stages: tuple[Stage, ...]) -> Iterator[Stage]:
    """All stages, those of branches after their Residual."""
    for stage in stages:
        yield stage
        yield from every_stage(stage.branch)


def _forward(layers: tuple[Layer, ...], prefix: str, positions: tuple[int, ...]) -> tuple[Stage, ...]:
    found = []
    for i, layer in enumerate(layers):
        path, at, window = f"{prefix}{i}", positions, None
        branch: tuple[Stage, ...] = ()
        match layer:
            case Conv() | AvgPool():
                window = window_of(layer, at)
                positions = window.outputs
                window = _lifted(window)
            case GlobalAvgPool() | Flatten():
                positions = ()
            case Residual():
                branch = _forward(layer.layers, f"{path}.", at)
            case Dense() | Act() | LayerNorm():
                pass
            case _:
                assert_never(layer)
        found.append(Stage(layer, path, _plane(at), _plane(positions), window, branch=branch))
    return tuple(found)


def _backward(stages: tuple[Stage, ...], after: Pairs, variances: bool) -> tuple[Stage, ...]:
    found = []
    for stage in reversed(stages):
        branch: tuple[Stage, ...] = ()
        before: Pairs
        layer = stage.layer
        match layer:
            case Dense() | Conv():
                before = after
            case Act() | LayerNorm():
                own: Pairs = "none" if not variances else "flat" if not stage.positions else "equal"
                before = max(after, own, key=_ORDER.index)
            case AvgPool():
                before = after if after == "none" or _trivial(stage.window) else "all"
            case GlobalAvgPool():
                before = "none" if after == "none" else "all"
            case Flatten():
                before = "none" if after == "none" else "equal"
            case Residual():
                branch = _backward(stage.branch, after, variances)
                before = max(after, branch[0].before, key=_ORDER.index)
            case _:
                assert_never(layer)
        found.append(replace(stage, before=before, after=after, branch=branch))
        after = before
    return tuple(reversed(found))


def _trivial(window: Window | None) -> bool:
    """Whether each window is one input."""
    return window is None or window.count == 1


def _plane(positions: tuple[int, ...]) -> tuple[int, ...]:
    return (1, *positions) if len(positions) == 1 else positions


def _lifted(window: Window) -> Window:
    if len(window.inputs) == 2:
        return window
    return Window(
        (1, *window.inputs),
        (1, *window.outputs),
        (1, *window.sizes),
        (1, *window.strides),
        (0, *window.low),
        (0, *window.high),
        window.wrap,
    )
