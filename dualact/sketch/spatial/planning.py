"""The plan of a spatial feature map: everything that fixes it but the seed and the dtype, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ...network.planning import check
from ...network.spec import Network
from ..plans import FeaturePlan, origin
from .activate import Activate
from .design import LinearPlan, read_operations
from .narrow import Narrow

__all__ = ["SpatialPlan"]


@dataclass(frozen=True, eq=False)
class SpatialPlan(FeaturePlan):
    """What a spatial feature map will do.

    Attributes
    ----------
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

    operations: Mapping[str, LinearPlan | Activate]
    final: Narrow
    truncation: float
    error: float
    rows: int
    seed: int
    reason: str = ""

    method: ClassVar[str] = "polysketch"
    _stored: ClassVar[str] = "spatial"

    @property
    def predicted_error(self) -> float:
        """Predicted relative Frobenius error of the Gram matrix."""
        return self.error

    def _data(self) -> dict[str, Any]:
        return {
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
    def _read(cls, data: Mapping[str, Any], network: Network) -> Self:
        checked = check(network, data["kind"], input_shape=tuple(int(n) for n in data["input_shape"]))
        operations = read_operations(checked, data["operations"], Activate.from_dict)
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

    def __str__(self) -> str:
        head, first, *rows = self.checked.rows()
        carried = {path: _carried(made) for path, made in self.operations.items()}
        return self._text(
            "sketched",
            None,
            [(*head, "features"), (*first, ""), *((*row, carried.get(row[0], "")) for row in rows)],
            f"layer by layer, designed on {origin(self.rows, 'images')}",
            f"predicted relative error {self.predicted_error:.2g} (measured on a few of them; worst "
            f"truncation of a layer {self.truncation:.2g})",
            f"memory {4 * self.n_components} bytes an image in float32, twice that in float64",
            self.reason,
        )


def _carried(made: LinearPlan | Activate) -> str:
    if isinstance(made, LinearPlan):
        return made.columns
    sigma = ", ".join(f"{p.degree}: {p.columns}" for p in made.powers)
    theta = ", ".join(f"{p.degree}: {p.columns}" for p in made.slopes)
    return f"Σ {{{sigma}}}" + (f" Θ {{{theta}}}" if theta else "")
