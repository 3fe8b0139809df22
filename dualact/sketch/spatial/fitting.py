"""Making the plan of a spatial feature map: widths, a sample, the design, a check against exact kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...errors import NetworkError
from ...exact.images import shaped
from ...exact.spatial_matrices import spatial_kernel
from ...network.layers import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, LayerNorm
from ...network.planning import NetworkPlan, check
from ...network.spec import Network
from ...network.stages import Stage, every_stage
from ..counts import as_count
from .basis import leading
from .design import Designer
from .feature_map import SpatialMap
from .narrow import Narrow
from .planning import SpatialPlan
from .state import Array
from .walk import first_state, output_features, walk

__all__ = ["layer_widths", "plan_images"]

_SAMPLE_POSITIONS = 24_576
_MOST_IMAGES, _LEAST_IMAGES = 512, 16
_NARROWEST, _WIDEST = 128, 2048
_PAIR_ENTRIES = 2**22  # pairs of positions that the check against exact kernels may cost


def plan_images(
    network: Network,
    kind: str,
    X: Array | None = None,
    *,
    input_shape: tuple[int, ...] | None = None,
    n_features: int | None = None,
    n_components: int,
    degree: int | str = "auto",
    widths: str | Sequence[int] = "auto",
    seed: int = 0,
) -> SpatialPlan:
    """Design the feature map of a spatial network.

    Parameters
    ----------
    network : Network
    kind : {"ntk", "nngp"}
    X : array, optional
        Finite images, (n, H, W, C), (n, L, C), or flattened; some of them are looked at. None: images
        drawn from N(0, 1).
    input_shape, n_features
        Where X is not given.
    n_components : int
        Output columns.
    degree : int or "auto"
        Highest power of the cosine at each Act.
    widths : "auto" or sequence of int
        Columns of Σ after each Act but the last.
    seed : int
        Non-negative.

    Raises
    ------
    NetworkError
        If the network is ill-defined or does not fit the images.
    DualactError
        If a parameter is out of range.
    """
    if X is not None:
        input_shape = X.shape[1:] if X.ndim > 2 else input_shape
        n_features = X.shape[1] if X.ndim == 2 else None
    checked = check(network, kind, input_shape=input_shape, n_features=n_features)
    n_components = as_count("n_components", n_components, 1)
    top = None if degree == "auto" else as_count("degree", degree, 0)
    stages = checked.stages
    columns = layer_widths(stages, n_components, widths)
    acts = [s.path for s in every_stage(stages) if isinstance(s.layer, Act)]
    copies, available = _at_the_end(stages, n_components, checked.kind == "ntk")
    if acts:
        columns[acts[-1]] = available
    images = _sample(checked, X)
    designer = Designer(
        columns,
        acts[-1] if acts else "",
        copies,
        checked.kind == "ntk",
        top,
        seed,
        np.float32,
    )
    with_theta = checked.kind == "ntk"
    features = output_features(
        walk(stages, first_state(images, np.float32), with_theta, designer), with_theta
    )
    length = features.shape[1]
    final = Narrow(length, None, 0)
    if length > n_components:
        rank = min(n_components // 2, max(1, len(features) // 4))
        final = Narrow(length, leading(features, rank), n_components - rank)
    residual = max(designer.residuals.values(), default=0.0)
    rows = 0 if X is None else len(images)
    plan = SpatialPlan(checked, n_components, dict(designer.made), final, residual, math.nan, rows, seed)
    return replace(plan, error=_measured(plan, images))


def _measured(plan: SpatialPlan, images: Array) -> float:
    """The relative error on the first images of the sample: at least three of them, if there are so many."""
    positions = math.prod(images.shape[1:3])
    count = min(len(images), max(3, min(32, math.isqrt(2 * _PAIR_ENTRIES // positions**2))))
    few = images[np.linspace(0, len(images) - 1, count).astype(int)].astype(np.float64)
    few = few.reshape(count, -1)
    exact = spatial_kernel(plan.shaped_network, few, None, plan.kind, None, None, False, None)
    features = SpatialMap(plan, np.float32).transform(few).astype(np.float64)
    size = float(np.linalg.norm(exact))
    return float(np.linalg.norm(features @ features.T - exact)) / size if size > 0 else 0.0


def _sample(checked: NetworkPlan, X: Array | None) -> Array:
    shape = checked.input_shape
    assert shape is not None
    positions = math.prod(shape[:-1])
    count = min(_MOST_IMAGES, max(_LEAST_IMAGES, _SAMPLE_POSITIONS // positions))
    if X is None:
        return shaped(checked, np.random.default_rng(0).standard_normal((count, *shape)), "X")
    rows = np.unique(np.linspace(0, len(X) - 1, min(count, len(X))).astype(int))
    return shaped(checked, np.asarray(X[rows]), "X")


def layer_widths(stages: tuple[Stage, ...], n_components: int, widths: str | Sequence[int]) -> dict[str, int]:
    """Return columns after each Act; and, for each Conv and Flatten, those of the Act that follows.

    A layer with more positions gets fewer: n·(P_last/P)^0.6, between 128 and 2048 and never above n.
    """
    order = list(every_stage(stages))
    acts = [s for s in order if isinstance(s.layer, Act)]
    found: dict[str, int] = {}
    if acts:
        last = max(1, math.prod(acts[-1].positions))
        for s in acts:
            width = n_components * (last / max(1, math.prod(s.positions))) ** 0.6
            found[s.path] = int(min(max(width, _NARROWEST), _WIDEST))
    if not isinstance(widths, str):
        asked = list(widths)
        if len(asked) != max(0, len(acts) - 1):
            raise NetworkError(
                f"widths must have one entry for each Act layer but the last, which n_components is for: "
                f"{max(0, len(acts) - 1)}. Got {len(asked)}."
            )
        found |= {s.path: as_count("widths", w, 1) for s, w in zip(acts, asked, strict=False)}
    following = n_components
    for s in reversed(order):
        if isinstance(s.layer, Act):
            following = found[s.path]
        elif isinstance(s.layer, Conv | Flatten):
            found[s.path] = following
    return found


def _at_the_end(stages: tuple[Stage, ...], n_components: int, with_theta: bool) -> tuple[int, int]:
    """How often Σ's columns after the last Act appear in the output, and how many columns there are for it.

    Where the way to the output is not a plain sum of columns, 1 and all; a last sketch mends the rest.
    """
    ends = [i for i, s in enumerate(stages) if isinstance(s.layer, Act)]
    rest = stages[ends[-1] + 1 :] if ends else stages
    sigma, theta, more = (1, 0), (0, 0), 0
    for stage in rest:
        match stage.layer:
            case Dense(bias_std=b):
                sigma = (sigma[0], sigma[1] + (b > 0))
                theta = (theta[0] + sigma[0], theta[1] + sigma[1])
            case AvgPool() | GlobalAvgPool() | LayerNorm():
                pass
            case _:
                return 1, n_components
    copies, more = theta if with_theta else sigma
    return max(copies, 1), max(1, n_components - more)
