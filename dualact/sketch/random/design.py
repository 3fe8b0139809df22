"""Design of random features on a sample: layer after layer, on the features that arrive there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import NetworkError
from ...network.layers import Act
from ...network.stages import Stage
from ...nonlinearity.contract import Activation
from ..monomials import monomial_count
from ..spatial.basis import Basis, leading
from ..spatial.design import LinearPlan, build_linear, some_rows, span_of
from ..spatial.gather import Gather
from ..spatial.narrow import Narrow
from ..spatial.state import Array, State
from ..spatial.walk import Linear, flat_window
from .activate import RandomActivate, RandomActivator
from .merging import Merge, Merger, find_merge
from .projections import kind_for

__all__ = ["PARTS", "Ending", "RandomDesigner", "Widths"]

PARTS = ("sigma", "theta", "rest", "product", "slope")


@dataclass(frozen=True)
class Widths:
    """Columns of the parts of one Act layer: σ and θ passed on (None: all of them), r, S and s."""

    sigma: int | None = None
    theta: int | None = None
    rest: int = 0
    product: int = 0
    slope: int = 0


@dataclass(frozen=True, eq=False)
class Ending:
    """From the features of the last layer to the output columns: copies merged, the surplus sketched."""

    merge: Merge | None
    narrow: Narrow

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        merge = None if self.merge is None else self.merge.to_dict()
        return {"merge": merge, "narrow": self.narrow.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Ending:
        """Read back what :meth:`to_dict` wrote."""
        merge = data["merge"]
        return cls(None if merge is None else Merge.from_dict(merge), Narrow.from_dict(data["narrow"]))


@dataclass
class RandomDesigner:
    """A maker that designs each operation on the state that arrives, and writes it down.

    Parameters
    ----------
    widths : mapping of str to Widths
        By the path of the Act layer.
    with_theta : bool
    sphere : mapping of str to bool
        Whether leverage scores are used.
    seed : int
    dtype : dtype
    projection : str
        "auto" or one of :data:`dualact.sketch.random.projections.KINDS`.
    draws : mapping of str to tuple of int
        Other draws than the first, by path.
    """

    widths: Mapping[str, Widths]
    with_theta: bool
    sphere: Mapping[str, bool]
    seed: int
    dtype: Any
    projection: str = "auto"
    draws: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    made: dict[str, LinearPlan | RandomActivate] = field(default_factory=dict)
    _copies: tuple[int, int] = (0, 0)  # columns of σ that the last Act passed on, and of Θ in all

    def linear(self, stage: Stage, state: State) -> Linear:
        """Design the sums of a Conv or Flatten."""
        window = stage.window if stage.window is not None else flat_window(stage.positions)

        def gather(features: Array) -> Gather:
            length = features.shape[-1]
            if window.count == 1 or window.count * length <= 64:
                return Gather(window, length, None)
            rank = min(length, max(8, min(32, length // window.count)))
            if rank >= length:
                return Gather(window, length, None)
            return Gather(window, length, leading(some_rows(features), rank))

        theta = None if state.theta is None else gather(state.theta)
        plan = LinearPlan(gather(state.sigma), theta)
        self.made[stage.path] = plan
        return build_linear(plan, self.seed, len(self.made) - 1, self.dtype)

    def activator(self, stage: Stage, state: State) -> RandomActivator:
        """Design an activation."""
        assert isinstance(stage.layer, Act)
        act, widths = stage.layer.activation, self.widths[stage.path]
        _check_moments(act, stage.path, state.variance)
        length = state.sigma.shape[-1]
        same = self.with_theta and state.theta is state.sigma
        merge, extra = None, None
        if self.with_theta and not same and state.theta is not None:
            merge = self.merge_of(state)
            rest = state.theta.shape[-1] if merge is None else merge.width - length
            rows = some_rows(state.theta)
            if merge is not None:
                rows = Merger(merge, (self.seed,), rows.dtype)(rows)[:, length:]
            extra = narrowed(rows, rest, widths.theta)
        sigma = narrowed(some_rows(state.sigma), length, widths.sigma)
        product = widths.product
        if same:
            product = min(product, monomial_count(length, 2))
        kind = kind_for(length) if self.projection == "auto" else self.projection
        low, high = span_of(act, state.variance)
        draws = self.draws.get(stage.path, (0,) * len(PARTS))
        made = RandomActivate(
            sigma,
            merge,
            extra,
            same,
            widths.rest,
            product,
            widths.slope,
            kind,
            self.sphere[stage.path],
            low,
            high,
            draws,
        )
        self.made[stage.path] = made
        self._copies = (sigma.width if made.aligned else 0, made.widths[1])
        return RandomActivator(act, made, length, (self.seed, len(self.made) - 1), self.dtype)

    def merge_of(self, state: State) -> Merge | None:
        """How θ's columns are put beside those of σ; None where θ does not end in σ."""
        if state.theta is None or state.theta is state.sigma:
            return None
        sigma, theta = some_rows(state.sigma), some_rows(state.theta)
        other = theta.shape[1] - sigma.shape[1]
        if other < 0 or not np.array_equal(theta[:, other:], sigma):
            return None
        count = self._copies[0] if self._copies[1] == other else 0
        return find_merge(theta, other, min(count, sigma.shape[1]))

    def ending(self, state: State, features: Array, n_components: int) -> Ending:
        """Design the last step."""
        merge = self.merge_of(state) if self.with_theta else None
        if merge is not None and not merge.angles.size:
            merge = None
        rows = self.ended(Ending(merge, Narrow(features.shape[1], None, 0)), features)
        return Ending(merge, narrowed(rows, rows.shape[1], n_components))

    def ended(self, ending: Ending, features: Array) -> Array:
        """Return the features after the merge of the last step."""
        if ending.merge is None:
            return features
        return Merger(ending.merge, (self.seed, len(self.made), 0), features.dtype)(features)


def _check_moments(act: Activation, path: str, variance: Array) -> None:
    """Refuse variances at which features have none: E φ² is finite below a limit, E φ⁴ below half of it."""
    worst = float(variance.max(initial=0.0))
    if worst >= act.variance_limit / 2:
        raise NetworkError(
            f"layer {path} (Act({act.name!r})): E phi^4 is infinite at variances of "
            f"{act.variance_limit / 2:g} and more, so the error of random features would have no bound; the "
            f"sample has {worst:.3g}. Scale X or the weights down, or use method='polysketch'."
        )


def narrowed(rows: Array, length: int, width: int | None) -> Narrow:
    """Return the narrowing of rows to at most ``width`` columns."""
    if width is None or width >= length:
        return Narrow(length, None, 0)
    rank = min(width // 2, 64, max(1, len(rows) // 4))
    basis = leading(rows, rank) if rank else Basis(np.zeros((length, 0), np.float32), ())
    return Narrow(length, basis, width - rank)
