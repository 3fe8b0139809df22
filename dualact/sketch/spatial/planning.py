"""The plan of a spatial feature map: everything that fixes it but the seed and the dtype, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ...errors import DualactError, NetworkError
from ...exact.images import shaped
from ...network.layers import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, LayerNorm
from ...network.planning import Kind, NetworkPlan, check, render_table
from ...network.spec import Network
from ...network.stages import Stage, every_stage, stages_of
from .activate import Activate
from .basis import leading
from .design import Designer, LinearPlan
from .narrow import Narrow
from .state import Array
from .walk import first_state, output_features, walk

__all__ = ["SpatialPlan", "plan_images"]

VERSION = 1
_SAMPLE_POSITIONS = 24_576
_MOST_IMAGES = 512
_LEAST_IMAGES = 16
_NARROWEST, _WIDEST = 128, 2048


@dataclass(frozen=True, eq=False)
class SpatialPlan:
    """What a spatial feature map will do.

    Attributes
    ----------
    checked : NetworkPlan
    n_components : int
        Output columns.
    operations : mapping of str to LinearPlan or Activate
        By the path of the layer, in the order of the walk.
    final : Narrow
        From the features of the last layer to the output columns, where there are too many.
    truncation : float
        The largest relative error of a layer's series on pairs of positions of the sample.
    sketching : float
        The relative error that the sketches add to the kernel of the sample: measured, two maps against
        each other.
    rows : int
        Images that the design was made from; 0 means images drawn from N(0, 1).
    seed : int
        Of the sketches. It is part of the plan: heavy directions are directions in the coordinates that the
        sketches of earlier layers made.
    """

    checked: NetworkPlan
    n_components: int
    operations: Mapping[str, LinearPlan | Activate]
    final: Narrow
    truncation: float
    sketching: float
    rows: int
    seed: int

    method: ClassVar[str] = "polysketch"

    @property
    def network(self) -> Network:
        """The network."""
        return self.checked.network

    @property
    def kind(self) -> Kind:
        """The kind of kernel."""
        return self.checked.kind

    @property
    def n_features(self) -> int:
        """The number of numbers in one input."""
        assert self.checked.n_features is not None
        return self.checked.n_features

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The layers with their geometry."""
        return stages_of(self.network.layers, self.checked.positions)

    @cached_property
    def stages_by_path(self) -> dict[str, Stage]:
        """All stages, those of branches included."""
        return {s.path: s for s in every_stage(self.stages)}

    @property
    def predicted_error(self) -> float:
        """Predicted relative Frobenius error of the Gram matrix."""
        return math.hypot(self.truncation, self.sketching)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready data.

        Raises
        ------
        NetworkError
            If the network has an activation that cannot be written down.
        """
        return {
            "version": VERSION,
            "method": "spatial",
            "network": self.network.to_dict(),
            "input_shape": list(self.checked.input_shape or ()),
            "kind": self.kind,
            "n_components": self.n_components,
            "operations": {path: made.to_dict() for path, made in self.operations.items()},
            "final": self.final.to_dict(),
            "truncation": self.truncation,
            "sketching": self.sketching,
            "rows": self.rows,
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SpatialPlan:
        """Read back what :meth:`to_dict` wrote; nothing in the data is executed.

        Raises
        ------
        DualactError
            If the data are not those of a plan.
        """
        if not isinstance(data, Mapping) or data.get("version") != VERSION:
            raise DualactError(
                f"SpatialPlan.from_dict: expected the dictionary of a plan of version {VERSION}. "
                f"Got {data.get('version') if isinstance(data, Mapping) else type(data).__name__!r}."
            )
        try:
            network = Network.from_dict(data["network"])
            checked = check(network, data["kind"], input_shape=tuple(int(n) for n in data["input_shape"]))
            stages = {s.path: s for s in every_stage(stages_of(network.layers, checked.positions))}
            operations: dict[str, LinearPlan | Activate] = {}
            for path, made in data["operations"].items():
                stage = stages[path]
                if isinstance(stage.layer, Act):
                    operations[path] = Activate.from_dict(made)
                else:
                    operations[path] = LinearPlan.from_dict(made, stage)
            return cls(
                checked,
                int(data["n_components"]),
                operations,
                Narrow.from_dict(data["final"]),
                float(data["truncation"]),
                float(data["sketching"]),
                int(data["rows"]),
                int(data["seed"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, DualactError):
                raise
            raise DualactError(f"SpatialPlan.from_dict: the data are incomplete: {error!r}.") from error

    def __str__(self) -> str:
        title = {"nngp": "NNGP", "ntk": "NTK"}[self.kind]
        head, first, *rows = self.checked.rows()
        carried = {path: _carried(made) for path, made in self.operations.items()}
        table = [(*head, "features"), (*first, ""), *((*row, carried.get(row[0], "")) for row in rows)]
        origin = f"{self.rows} images of X" if self.rows else "images drawn from N(0, 1)"
        return "\n".join(
            [
                f"sketched {title} of {self.checked.output}: {self.checked.input_shape} -> "
                f"{self.n_components} components",
                render_table(table),
                f"layer by layer, designed on {origin}",
                f"predicted relative error {self.predicted_error:.2g} "
                f"(truncation {self.truncation:.2g}, sketch {self.sketching:.2g})",
                f"memory {4 * self.n_components} bytes an image in float32, {8 * self.n_components} in float64",
            ]
        )


def _carried(made: LinearPlan | Activate) -> str:
    if isinstance(made, LinearPlan):
        return f"{made.sigma.width}" + ("" if made.theta is None else f" + {made.theta.width}")
    sigma = ", ".join(f"{p.degree}: {p.columns}" for p in made.powers)
    theta = ", ".join(f"{p.degree}: {p.columns}" for p in made.slopes)
    return f"Σ {{{sigma}}}" + (f" Θ {{{theta}}}" if theta else "")


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
    stages = stages_of(network.layers, checked.positions)
    columns = _widths(stages, n_components, widths)
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
        None if degree == "auto" else int(degree),
        seed,
        np.float32,
    )
    with_theta = checked.kind == "ntk"
    features = output_features(walk(stages, first_state(images, np.float32), with_theta, designer), with_theta)
    length = features.shape[1]
    final = Narrow(length, None, 0)
    if length > n_components:
        rank = min(n_components // 2, max(1, len(features) // 4))
        final = Narrow(length, leading(features, rank), n_components - rank)
    residual = max(designer.residuals.values(), default=0.0)
    plan = SpatialPlan(
        checked, n_components, dict(designer.made), final, residual, 0.0, 0 if X is None else len(images), seed
    )
    return plan


def _sample(checked: NetworkPlan, X: Array | None) -> Array:
    shape = checked.input_shape
    assert shape is not None
    positions = math.prod(shape[:-1])
    count = min(_MOST_IMAGES, max(_LEAST_IMAGES, _SAMPLE_POSITIONS // positions))
    if X is None:
        return shaped(checked, np.random.default_rng(0).standard_normal((count, *shape)), "X")
    rows = np.unique(np.linspace(0, len(X) - 1, min(count, len(X))).astype(int))
    return shaped(checked, np.asarray(X[rows]), "X")


def _widths(stages: tuple[Stage, ...], n_components: int, widths: str | Sequence[int]) -> dict[str, int]:
    """Columns after each Act; and, for each Conv and Flatten, those of the Act that follows.

    A layer with more positions gets fewer: n·(P_last/P)^¾, between 128 and 2048 and never above n.
    """
    order = list(every_stage(stages))
    acts = [s for s in order if isinstance(s.layer, Act)]
    found: dict[str, int] = {}
    if acts:
        last = max(1, math.prod(acts[-1].positions))
        for s in acts:
            width = n_components * (last / max(1, math.prod(s.positions))) ** 0.75
            found[s.path] = int(min(max(width, _NARROWEST), _WIDEST))
    if not isinstance(widths, str):
        asked = list(widths)
        if len(asked) != max(0, len(acts) - 1):
            raise NetworkError(
                f"widths must have one entry for each Act layer but the last, which n_components is for: "
                f"{max(0, len(acts) - 1)}. Got {len(asked)}."
            )
        found |= {s.path: int(w) for s, w in zip(acts, asked, strict=False)}
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
