"""The plan of random features: everything that fixes the map but the dtype, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from ...network.planning import check
from ...network.spec import Network
from ..plans import FeaturePlan, origin
from ..spatial.design import LinearPlan, read_operations
from .activate import RandomActivate
from .design import Ending

__all__ = ["RandomPlan"]


@dataclass(frozen=True, eq=False)
class RandomPlan(FeaturePlan):
    """What a map of random features will do.

    Attributes
    ----------
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

    operations: Mapping[str, LinearPlan | RandomActivate]
    ending: Ending
    used: int
    error: float
    rows: int
    seed: int
    reason: str = ""

    method: ClassVar[str] = "random"
    _stored: ClassVar[str] = method

    @property
    def shaped_network(self) -> Network:
        """The network, with the shape of its inputs, rows among them."""
        return Network(self.network.layers, self.checked.input_shape)

    @property
    def predicted_error(self) -> float:
        """Predicted relative Frobenius error of the Gram matrix."""
        return self.error

    def _data(self) -> dict[str, Any]:
        return {
            "input_shape": None if self.input_shape is None else list(self.input_shape),
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
    def _read(cls, data: Mapping[str, Any], network: Network) -> Self:
        shape = data["input_shape"]
        if shape is None:
            checked = check(network, data["kind"], n_features=int(data["n_features"]))
        else:
            checked = check(network, data["kind"], input_shape=tuple(int(n) for n in shape))
        operations = read_operations(checked, data["operations"], RandomActivate.from_dict)
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

    def __str__(self) -> str:
        head, *rows = self.checked.rows()
        carried = {path: _carried(made, self.kind) for path, made in self.operations.items()}
        leverage = [m.sphere for m in self.operations.values() if isinstance(m, RandomActivate)]
        scores = "everywhere" if all(leverage) else "nowhere" if not any(leverage) else "where homogeneous"
        designed = origin(self.rows, "images" if self.checked.spatial else "rows")
        return self._text(
            "random features of the",
            self.used,
            [(*head, "features"), *((*row, carried.get(row[0], "")) for row in rows)],
            f"layer by layer, designed on {designed}; leverage scores {scores if leverage else 'not needed'}",
            f"predicted relative error {self.predicted_error:.2g} (measured on rows of the sample)",
            self._memory(),
            self.reason,
        )


def _carried(made: LinearPlan | RandomActivate, kind: str) -> str:
    if isinstance(made, LinearPlan):
        return made.columns
    sigma = f"Σ {made.sigma.width} linear, 1, {made.rest} random"
    if kind == "nngp":
        return sigma
    passed = made.widths[1] - made.product - made.slope
    return f"{sigma}; Θ {passed} linear, {made.product} product, {made.slope} random ({made.projection} W)"
