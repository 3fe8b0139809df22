"""Making the plan of random features: a sample, pilot runs, the columns of each part, a check."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import DualactError, NetworkError
from ...network.layers import Act
from ...network.planning import NetworkPlan, check
from ...network.spec import Network
from ...network.stages import Stage, every_stage
from ...nonlinearity.contract import Activation
from ..counts import as_count
from ..monomials import monomial_count
from ..plans import known_features
from ..spatial.fitting import layer_widths
from ..spatial.state import Array
from ..spatial.walk import first_state, output_features, walk
from .activate import RandomActivate
from .budget import Part, share_columns
from .design import PARTS, RandomDesigner, Widths
from .measuring import measured_error, sample_rows
from .planning import RandomPlan
from .remainders import Remainder

__all__ = ["plan_random", "use_sphere"]

_PILOT_ROWS, _PILOT_POSITIONS = 96, 8192
_LEAST_PILOT, _MOST_PILOT = 32, 256
_FREE = 2048  # columns of a part that takes none of the output
_NARROWEST = 3
_WHOLE = 8  # a product is made exact where that takes at most so small a part of the columns
_LEAST = 8  # columns for an activation; with less, parts would be empty
_SMALL = 3  # a row of at most a third of the columns is passed on whole


def plan_random(
    network: Network,
    kind: str,
    X: Any = None,
    *,
    input_shape: tuple[int, ...] | None = None,
    n_features: int | None = None,
    n_components: int,
    leverage: bool | str = "auto",
    widths: str | Sequence[int] = "auto",
    seed: int = 0,
    population: int | None = None,
    projection: str = "auto",
) -> RandomPlan:
    """Design the random features of a network.

    Parameters
    ----------
    network : Network
    kind : {"ntk", "nngp"}
    X : array or CSR matrix, optional
        Finite float rows, or images; some of them are looked at. None: drawn from N(0, 1).
    input_shape, n_features
        Where X is not given.
    n_components : int
        Output columns.
    leverage : bool or "auto"
        Leverage-score sampling; "auto": where φ is homogeneous.
    widths : "auto" or sequence of int
        Of a spatial network: columns of Σ after each Act but the last.
    seed : int
        Non-negative.
    population : int, optional
        How many rows X stands for, where it is a sample itself.
    projection : {"auto", "gaussian", "orthogonal", "structured"}
        How directions are drawn; for comparisons.

    Raises
    ------
    NetworkError
        If the network is ill-defined, does not fit the data, or has no random features.
    DualactError
        If a parameter is out of range, or a width too small for a column of each part.
    """
    if X is not None:
        input_shape = X.shape[1:] if X.ndim > 2 else input_shape
        n_features = X.shape[1] if X.ndim == 2 else None
    checked = check(network, kind, input_shape=input_shape, n_features=n_features)
    n_components = as_count("n_components", n_components, 1)
    known_features(checked)
    _check_widths(widths)
    stages = checked.stages
    acts = [s for s in every_stage(stages) if isinstance(s.layer, Act)]
    sphere = {s.path: use_sphere(_activation(s), s.path, leverage) for s in acts}
    rows, count = sample_rows(checked, X)
    fit = _Fit(checked, stages, acts, rows, n_components, sphere, seed, projection, widths)
    plan = fit.plan(0 if X is None else count)
    n = population if population is not None else X.shape[0] if X is not None else count
    return replace(plan, error=measured_error(plan, rows, n))


def _check_widths(widths: str | Sequence[int]) -> None:
    """Refuse widths with less than a column for each part."""
    few = [] if isinstance(widths, str) else [w for w in widths if as_count("widths", w, 1) < _NARROWEST]
    if few:
        raise DualactError(
            f"a width of {few[0]} would leave a part of the random features empty: a layer has what is "
            f"linear, a constant and what is random. Take widths of at least {_NARROWEST} (a hundred to be "
            "useful)."
        )


def use_sphere(act: Activation, path: str, leverage: bool | str) -> bool:
    """Return whether leverage scores are used for an activation, or refuse.

    Raises
    ------
    NetworkError
        If they are asked for and not known, or there is no function to make features of.
    """
    if act.phi is None:
        raise NetworkError(
            f"layer {path} (Act({act.name!r})): random features are values of phi, and this is a kernel that "
            "no pointwise function makes. Use method='polysketch'."
        )
    if leverage == "auto":
        return act.homogeneity is not None
    if leverage and act.homogeneity is None:
        raise NetworkError(
            f"layer {path} (Act({act.name!r})): leverage-score sampling needs a homogeneous activation "
            "(relu, leaky_relu, abs, rectified_power, monomial), whose scores depend on |w| alone, as "
            "|w|^2h; others' change with the norm of the row. Pass leverage='auto' or False."
        )
    return bool(leverage)


def _activation(stage: Stage) -> Activation:
    assert isinstance(stage.layer, Act)
    return stage.layer.activation


@dataclass
class _Fit:
    """One network, a sample, a number of columns."""

    checked: NetworkPlan
    stages: tuple[Stage, ...]
    acts: list[Stage]
    rows: Array
    n_components: int
    sphere: dict[str, bool]
    seed: int
    projection: str
    widths: str | Sequence[int] = "auto"

    @property
    def with_theta(self) -> bool:
        return self.checked.kind == "ntk"

    @property
    def columns(self) -> int:
        """Columns to share out: where the output has too few for every part, it is sketched from more."""
        return max(self.n_components, _LEAST * (1 + len(self.acts)))

    @property
    def dtype(self) -> Any:
        """Of the design: rows of any norm where that costs little."""
        return np.float32 if self.checked.spatial else np.float64

    def plan(self, count: int) -> RandomPlan:
        """Pilot runs, then the design."""
        names = ("rest", "product", "slope") if self.with_theta else ("rest",)
        slots = [(s.path, name) for s in self.acts for name in names]
        pilot = min(_MOST_PILOT, max(_LEAST_PILOT, self.columns // max(1, 2 * len(slots))))
        keep = self._keep()
        base = {s.path: Widths(sigma=keep.get(s.path), **dict.fromkeys(names, pilot)) for s in self.acts}
        parts, fixed = self._measure(base, slots, pilot)
        left = self.columns - fixed
        given = self.widths != "auto"
        if self.checked.spatial and (given or 2 * left < self.columns):  # positions side by side: Flatten
            base = self._by_layer(base)
            columns = self._shared_by_layer(parts)
        else:
            columns = share_columns(parts, left)
        chosen = dict(base)
        for part, width in zip(parts, columns, strict=True):
            chosen[part.path] = replace(chosen[part.path], **{part.name: width})
        return self._final(chosen, parts, count)

    def _by_layer(self, base: dict[str, Widths]) -> dict[str, Widths]:
        """The widths with less passed on, where the features of all positions are carried to the output."""
        own = layer_widths(self.stages, self.n_components, self.widths)
        return {
            path: replace(w, sigma=max(_LEAST_PILOT, own[path] // 8), theta=max(_LEAST_PILOT, own[path] // 8))
            for path, w in base.items()
        }

    def _shared_by_layer(self, parts: list[Part]) -> list[int]:
        """The columns of each part out of those of its layer, for Σ and for Θ; the output is sketched."""
        own = layer_widths(self.stages, self.n_components, self.widths)
        columns = [0] * len(parts)
        for s in self.acts:
            here = [i for i, p in enumerate(parts) if p.path == s.path]
            groups = [[i for i in here if (parts[i].name == "rest") == sigma] for sigma in (True, False)]
            for group in [here] if s is self.acts[-1] else groups:
                some = [replace(parts[i], cost=1.0) for i in group]
                for i, width in zip(group, share_columns(some, own[s.path]), strict=True):
                    columns[i] = width
        return columns

    def _keep(self) -> dict[str, int]:
        """Columns of x that are passed on, where they are too many for all."""
        d, m = self.rows.shape[-1], self.columns
        parts = len(self.acts) * (4 if self.with_theta else 2)
        if not self.acts or _SMALL * d <= m:
            return {}
        return {self.acts[0].path: max(1, min(m // _SMALL, m - parts))}

    def _measure(
        self, base: dict[str, Widths], slots: list[tuple[str, str]], pilot: int
    ) -> tuple[list[Part], float]:
        """The variance and the cost of each part, and the columns that none of them takes."""
        positions = math.prod(self.rows.shape[1:3])
        count = min(len(self.rows), _PILOT_ROWS, max(8, _PILOT_POSITIONS // positions))
        few = self.rows[np.linspace(0, len(self.rows) - 1, count).astype(int)]
        designer = self._designer(base, {})
        first = self._walked(designer, few)
        squares = self._squares(designer)
        for path, count in squares.items():
            if count <= max(pilot, self.columns // _WHOLE):
                base[path] = replace(base[path], product=count)
                slots.remove((path, "product"))
                first = self._features(base, few)
        gram = first @ first.T
        size = float(np.abs(gram).max()) or 1.0
        parts, paid = [], 0.0
        for path, name in slots:
            act = _activation(next(s for s in self.acts if s.path == path))
            if self._empty(act, path, name):
                parts.append(Part(path, name, 0.0, 0.0, 0))
                continue
            other = self._features(base, few, {path: tuple(int(p == name) for p in PARTS)})
            variance = float(np.mean(((other @ other.T - gram) / size) ** 2)) / 2 * pilot
            wider = {**base, path: replace(base[path], **{name: 2 * pilot})}
            cost = (self._features(wider, few[:2]).shape[1] - first.shape[1]) / pilot
            most = _FREE if cost <= 0 else 2**31
            if name == "product" and path in squares:
                most = min(most, squares[path])
            parts.append(Part(path, name, variance, cost, most))
            paid += cost * pilot
        return parts, first.shape[1] - paid

    def _squares(self, designer: RandomDesigner) -> dict[str, int]:
        """How many columns make the product at an Act layer exact, where θ is σ and there is a product."""
        found = {}
        for s in self.acts:
            made = designer.made[s.path]
            assert isinstance(made, RandomActivate)
            if made.same and not self._empty(_activation(s), s.path, "product"):
                found[s.path] = monomial_count(made.sigma.length, 2)
        return found

    def _empty(self, act: Activation, path: str, name: str) -> bool:
        prime = name != "rest"
        sphere = 4 if self.sphere[path] else None
        remainder = Remainder(act, prime, sphere, 0.5, min(2.0, act.variance_limit / 2))
        if name == "product":
            return bool(np.all(remainder.exact(np.ones(1))[:, 1] == 0))
        return remainder.empty

    def _designer(self, widths: dict[str, Widths], draws: dict[str, tuple[int, ...]]) -> RandomDesigner:
        return RandomDesigner(
            widths, self.with_theta, self.sphere, self.seed, self.dtype, self.projection, draws
        )

    def _features(
        self, widths: dict[str, Widths], rows: Array, draws: dict[str, tuple[int, ...]] | None = None
    ) -> Array:
        """The output of a map of these widths before the last step, its copies merged."""
        return self._walked(self._designer(widths, draws or {}), rows)

    def _walked(self, designer: RandomDesigner, rows: Array) -> Array:
        state = walk(self.stages, first_state(rows, self.dtype), self.with_theta, designer)
        features = output_features(state, self.with_theta)
        ending = designer.ending(state, features, 2**31)
        return designer.ended(ending, features).astype(np.float64)

    def _final(self, widths: dict[str, Widths], parts: list[Part], count: int) -> RandomPlan:
        """Design on the whole sample; what the columns miss or exceed goes to the widest part."""
        for _ in range(3):
            designer = self._designer(widths, {})
            state = walk(self.stages, first_state(self.rows, self.dtype), self.with_theta, designer)
            features = output_features(state, self.with_theta)
            ending = designer.ending(state, features, self.n_components)
            length = ending.narrow.length
            spare = self.columns - length
            best = max((p for p in parts if p.cost > 0), key=lambda p: p.variance, default=None)
            if spare == 0 or best is None:
                break
            now = getattr(widths[best.path], best.name) + int(spare / best.cost)
            if now < 1 or int(spare / best.cost) == 0:
                break
            widths = {**widths, best.path: replace(widths[best.path], **{best.name: now})}
        return RandomPlan(
            self.checked,
            self.n_components,
            dict(designer.made),
            ending,
            min(length, self.n_components),
            math.nan,
            count,
            self.seed,
        )
