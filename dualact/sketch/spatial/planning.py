"""The plan of a spatial feature map: everything that fixes it but the seed and the dtype, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from ...errors import DualactError
from ...network.layers import Act
from ...network.planning import Kind, NetworkPlan, check, render_table
from ...network.spec import Network
from ...network.stages import Stage, every_stage, stages_of
from .activate import Activate
from .design import LinearPlan
from .narrow import Narrow

__all__ = ["SpatialPlan"]

VERSION = 1


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
    error : float
        Relative Frobenius error on a few images of the sample, measured against their exact kernel.
    rows : int
        Images that the design was made from; 0 means images drawn from N(0, 1).
    seed : int
        Of the sketches. It is part of the plan: heavy directions are directions in the coordinates that the
        sketches of earlier layers made.
    reason : str
        Why this method, where it was chosen.
    """

    checked: NetworkPlan
    n_components: int
    operations: Mapping[str, LinearPlan | Activate]
    final: Narrow
    truncation: float
    error: float
    rows: int
    seed: int
    reason: str = ""

    method: ClassVar[str] = "polysketch"

    @property
    def network(self) -> Network:
        """The network."""
        return self.checked.network

    @property
    def shaped_network(self) -> Network:
        """The network, with the shape of its inputs."""
        return Network(self.network.layers, self.checked.input_shape)

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """The shape of one input."""
        return self.checked.input_shape

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
        return self.error

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
            "error": self.error,
            "rows": self.rows,
            "seed": self.seed,
            "reason": self.reason,
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
                float(data["error"]),
                int(data["rows"]),
                int(data["seed"]),
                str(data.get("reason", "")),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            if isinstance(error, DualactError):
                raise
            raise DualactError(f"SpatialPlan.from_dict: the data are incomplete: {error!r:.200}.") from error

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
                f"predicted relative error {self.predicted_error:.2g} (measured on a few of them; worst "
                f"truncation of a layer {self.truncation:.2g})",
                f"memory {4 * self.n_components} bytes an image in float32, twice that in float64",
                *([self.reason] if self.reason else []),
            ]
        )


def _carried(made: LinearPlan | Activate) -> str:
    if isinstance(made, LinearPlan):
        return f"{made.sigma.width}" + ("" if made.theta is None else f" + {made.theta.width}")
    sigma = ", ".join(f"{p.degree}: {p.columns}" for p in made.powers)
    theta = ", ".join(f"{p.degree}: {p.columns}" for p in made.slopes)
    return f"Σ {{{sigma}}}" + (f" Θ {{{theta}}}" if theta else "")
