"""The plan of random features: everything that fixes the map but the dtype, as data."""

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
from ..spatial.design import LinearPlan
from .activate import RandomActivate
from .design import Ending

__all__ = ["RandomPlan"]

VERSION = 1


@dataclass(frozen=True, eq=False)
class RandomPlan:
    """What a map of random features will do.

    Attributes
    ----------
    checked : NetworkPlan
    n_components : int
        Output columns.
    operations : mapping of str to LinearPlan or RandomActivate
        By the path of the layer, in the order of the walk.
    ending : Ending
    used : int
        Columns that are not zero.
    error : float
        Relative Frobenius error on rows of the sample, measured against their exact kernel.
    rows : int
        Rows (or images) that the design was made from; 0 means rows drawn from N(0, 1).
    seed : int
        Of the map; part of the plan, because heavy directions are directions in coordinates that it made.
    reason : str
        Why this method, where it was chosen.
    """

    checked: NetworkPlan
    n_components: int
    operations: Mapping[str, LinearPlan | RandomActivate]
    ending: Ending
    used: int
    error: float
    rows: int
    seed: int
    reason: str = ""

    method: ClassVar[str] = "random"

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
        """The shape of one input, if it has one."""
        return self.checked.input_shape if self.checked.spatial else None

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
        shape = self.checked.input_shape
        return {
            "version": VERSION,
            "method": self.method,
            "network": self.network.to_dict(),
            "input_shape": None if shape is None or not self.checked.spatial else list(shape),
            "n_features": self.n_features,
            "kind": self.kind,
            "n_components": self.n_components,
            "operations": {path: made.to_dict() for path, made in self.operations.items()},
            "ending": self.ending.to_dict(),
            "used": self.used,
            "error": self.error,
            "rows": self.rows,
            "seed": self.seed,
            "reason": self.reason,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RandomPlan:
        """Read back what :meth:`to_dict` wrote; nothing in the data is executed.

        Raises
        ------
        DualactError
            If the data are not those of a plan.
        """
        if not isinstance(data, Mapping) or data.get("version") != VERSION:
            raise DualactError(
                f"RandomPlan.from_dict: expected the dictionary of a plan of version {VERSION}. "
                f"Got {data.get('version') if isinstance(data, Mapping) else type(data).__name__!r}."
            )
        try:
            network = Network.from_dict(data["network"])
            shape = data["input_shape"]
            if shape is None:
                checked = check(network, data["kind"], n_features=int(data["n_features"]))
            else:
                checked = check(network, data["kind"], input_shape=tuple(int(n) for n in shape))
            stages = {s.path: s for s in every_stage(stages_of(network.layers, checked.positions))}
            operations: dict[str, LinearPlan | RandomActivate] = {}
            for path, made in data["operations"].items():
                stage = stages[path]
                if isinstance(stage.layer, Act):
                    operations[path] = RandomActivate.from_dict(made)
                else:
                    operations[path] = LinearPlan.from_dict(made, stage)
            return cls(
                checked,
                int(data["n_components"]),
                operations,
                Ending.from_dict(data["ending"]),
                int(data["used"]),
                float(data["error"]),
                int(data["rows"]),
                int(data["seed"]),
                str(data["reason"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, DualactError):
                raise
            raise DualactError(f"RandomPlan.from_dict: the data are incomplete: {error!r}.") from error

    def __str__(self) -> str:
        title = {"nngp": "NNGP", "ntk": "NTK"}[self.kind]
        head, first, *rows = self.checked.rows()
        carried = {path: _carried(made, self.kind) for path, made in self.operations.items()}
        table = [(*head, "features"), *((*row, carried.get(row[0], "")) for row in (first, *rows))]
        what = "images" if self.checked.spatial else "rows"
        origin = f"{self.rows} {what} of X" if self.rows else f"{what} drawn from N(0, 1)"
        leverage = [m.sphere for m in self.operations.values() if isinstance(m, RandomActivate)]
        scores = "everywhere" if all(leverage) else "nowhere" if not any(leverage) else "where homogeneous"
        lines = [
            f"random features of the {title} of {self.checked.output}: "
            f"{self.checked.input_shape if self.checked.spatial else f'{self.n_features} features'} -> "
            f"{self.n_components} components ({self.used} used)",
            render_table(table),
            f"layer by layer, designed on {origin}; leverage scores {scores if leverage else 'not needed'}",
            f"predicted relative error {self.predicted_error:.2g} (measured on rows of the sample)",
            f"memory {4 * self.n_components} bytes a row in float32, {8 * self.n_components} in float64",
        ]
        return "\n".join(lines + ([self.reason] if self.reason else []))


def _carried(made: LinearPlan | RandomActivate, kind: str) -> str:
    if isinstance(made, LinearPlan):
        return f"{made.sigma.width}" + ("" if made.theta is None else f" + {made.theta.width}")
    sigma = f"Σ {made.sigma.width} linear, 1, {made.rest} random"
    if kind == "nngp":
        return sigma
    passed = made.widths[1] - made.product - made.slope
    return f"{sigma}; Θ {passed} linear, {made.product} product, {made.slope} random ({made.projection} W)"
