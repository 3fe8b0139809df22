"""Design of a spatial feature map on a sample: layer after layer, on the features that arrive there.

Of each Act layer it is decided which degrees are carried, with which factors, by non-negative least squares
on pairs of positions of the sample (as for dense networks, theory 4), and how many columns each part gets: a
part of share s of the kernel, sketched into D columns, adds an error of about s/√D, so that D ∝ s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from scipy.optimize import nnls

from ...network.layers import Act
from ...network.planning import NetworkPlan
from ...network.stages import Stage
from ...nonlinearity.contract import Activation
from ...nonlinearity.duals import dual_array, dual_prime_array
from ..monomials import monomial_count
from .activate import Activate, Activator
from .basis import Basis, leading
from .coefficients import Coefficients
from .columns import Shares, spend
from .gather import Gather, Gatherer
from .state import Array, State
from .walk import Linear, flat_window

__all__ = ["Designer", "LinearPlan", "build_linear", "read_operations", "some_rows", "span_of"]

_MAX_DEGREE = 5  # also of φ′; sketches of higher degrees cost more time than they gain
_PAIRS = 300  # positions whose pairs the factors are fitted on
_ROWS = 6000  # positions that the leading directions are taken from
_DIAGONAL = 1e-3  # what the diagonal counts for in the fit, as a share of the pairs
_NEGLIGIBLE = 2e-3
_NOISE = 0.3  # noise of pairs of positions averages out in part where positions are pooled (measured)
_MARGIN = 10.0

_Act = TypeVar("_Act")


@dataclass(frozen=True, eq=False)
class LinearPlan:
    """The sums of a Conv or Flatten layer."""

    sigma: Gather
    theta: Gather | None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {"sigma": self.sigma.to_dict(), "theta": None if self.theta is None else self.theta.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], stage: Stage) -> LinearPlan:
        """Read back what :meth:`to_dict` wrote."""
        window = stage.window if stage.window is not None else flat_window(stage.positions)
        theta = data["theta"]
        return cls(
            Gather.from_dict(data["sigma"], window),
            None if theta is None else Gather.from_dict(theta, window),
        )

    @property
    def columns(self) -> str:
        """How many columns come out, as text: those of Σ, and of Θ."""
        return f"{self.sigma.width}" + ("" if self.theta is None else f" + {self.theta.width}")


def read_operations(
    checked: NetworkPlan, data: Mapping[str, Any], activation: Callable[[Mapping[str, Any]], _Act]
) -> dict[str, LinearPlan | _Act]:
    """Read back the operations of a plan, ``activation`` those of Act layers, by the paths of the layers."""
    stages, found = checked.stages_by_path, dict[str, LinearPlan | _Act]()
    for path, made in data.items():
        stage = stages[path]
        found[path] = activation(made) if isinstance(stage.layer, Act) else LinearPlan.from_dict(made, stage)
    return found


@dataclass
class Designer:
    """A maker that designs each operation on the state that arrives, and writes it down.

    Parameters
    ----------
    widths : mapping of str to int
        Columns of Σ after each Act, by path; for the last one those of Σ and Θ together.
    last : str
        Path of the last Act.
    copies : int
        How often the columns of Σ after the last Act appear in the output.
    with_theta : bool
    max_degree : int or None
    seed : int
    dtype : dtype
    """

    widths: Mapping[str, int]
    last: str
    copies: int
    with_theta: bool
    max_degree: int | None
    seed: int
    dtype: Any
    made: dict[str, LinearPlan | Activate] = field(default_factory=dict)
    residuals: dict[str, float] = field(default_factory=dict)

    def linear(self, stage: Stage, state: State) -> Linear:
        """Design the sums of a Conv or Flatten."""
        window = stage.window if stage.window is not None else flat_window(stage.positions)
        following = self.widths.get(stage.path, 256)  # of the next Act

        def gather(features: Array) -> Gather:
            length = features.shape[-1]
            if window.count == 1 or window.count * length <= max(64, following // 4):
                return Gather(window, length, None)
            rank = min(length, max(8, min(32, following // window.count)))
            if rank >= length:
                return Gather(window, length, None)
            return Gather(window, length, leading(some_rows(features), rank))

        theta = None
        if state.theta is not None:
            theta = gather(state.theta)
        plan = LinearPlan(gather(state.sigma), theta)
        self.made[stage.path] = plan
        return build_linear(plan, self.seed, len(self.made) - 1, self.dtype)

    def activator(self, stage: Stage, state: State) -> Activator:
        """Design an activation."""
        assert isinstance(stage.layer, Act)
        act = stage.layer.activation
        rows = np.random.default_rng(0).permutation(state.variance.size)[:_PAIRS]
        sample = _Sample.of(state, rows)
        span = span_of(act, state.variance)
        top = _MAX_DEGREE if self.max_degree is None else self.max_degree
        same = state.theta is state.sigma
        width = self.widths[stage.path]
        rank = max(8, min(64, width // 8))
        if state.sigma.shape[-1] <= width // 4:
            rank = state.sigma.shape[-1]
        basis = leading(some_rows(state.sigma), rank)
        theta_basis = None if same or state.theta is None else leading(some_rows(state.theta), rank)
        powers, missing = _fit(act, sample, top, False, span, _noise(basis, None, top, width))
        slopes: dict[int, float] = {}
        if self.with_theta:
            noise = _noise(basis, theta_basis or basis, top, width)
            slopes, more = _fit(act, sample, top, True, span, noise)
            missing = max(missing, more)
        self.residuals[stage.path] = missing
        mean = float(sample.v.mean()) or 1.0
        theta = mean if same or sample.theta is None else float(np.diagonal(sample.theta).mean())
        shares = Shares(
            {k: r * _mean_square(act, k, False, sample.v, span) for k, r in powers.items()},
            {k: r * _mean_square(act, k, True, sample.v, span) * theta for k, r in slopes.items()},
        )
        made = spend(
            shares,
            basis,
            theta_basis,
            width,
            self.copies if stage.path == self.last else 0,
        )
        made = replace(
            made,
            powers=tuple(replace(p, factor=powers[p.degree]) for p in made.powers),
            slopes=tuple(replace(p, factor=slopes[p.degree]) for p in made.slopes),
            low=span[0],
            high=span[1],
        )
        self.made[stage.path] = made
        return Activator(act, made, (self.seed, len(self.made) - 1), self.dtype)


def build_linear(plan: LinearPlan, seed: int, place: int, dtype: Any) -> Linear:
    """Return the sums of a plan with their signs drawn."""
    theta = None if plan.theta is None else Gatherer(plan.theta, (seed, place, 1), dtype)
    return Linear(Gatherer(plan.sigma, (seed, place, 0), dtype), theta)


def some_rows(features: Array) -> Array:
    """Return the positions of features as rows, 6000 of them at most."""
    rows = features.reshape(-1, features.shape[-1])
    return rows if len(rows) <= _ROWS else rows[np.random.default_rng(1).permutation(len(rows))[:_ROWS]]


@dataclass(frozen=True, eq=False)
class _Sample:
    """Pairs of positions: cosines of Σ's features, Θ, and the variances."""

    u: Array
    theta: Array | None
    v: Array

    @classmethod
    def of(cls, state: State, rows: Array) -> _Sample:
        v = state.variance.ravel()[rows]
        sigma = state.sigma.reshape(state.variance.size, -1)[rows].astype(np.float64)
        inverse = np.where(v > 0, 1 / np.sqrt(np.where(v > 0, v, 1)), 0)
        psi = sigma * inverse[:, None]
        theta = None
        if state.theta is not None:
            flat = state.theta.reshape(state.variance.size, -1)[rows].astype(np.float64)
            theta = flat @ flat.T
        return cls(np.clip(psi @ psi.T, -1, 1), theta, v)


def _fit(
    act: Activation, sample: _Sample, top: int, prime: bool, span: tuple[float, float], noise: Array
) -> tuple[dict[int, float], float]:
    """Factors r_k ≥ 0 of the degrees worth carrying, and the relative error that is left.

    ``noise`` is the error of a part of degree k beside its share, where all columns are its own.
    """
    degrees = tuple(range(top + 1))
    a = Coefficients(act, degrees, prime, *span)(sample.v)
    i, j = np.triu_indices(sample.v.size, 1)
    root = np.sqrt(sample.v)
    cov = sample.u * np.outer(root, root)
    p, q = sample.v[i], sample.v[j]
    target = dual_prime_array if prime else dual_array
    value = target(act, cov[i, j], p, q)
    own = target(act, sample.v, sample.v, sample.v)
    weight = np.ones(i.size)
    own_weight = np.ones(sample.v.size)
    if prime and sample.theta is not None:
        weight, own_weight = np.abs(sample.theta[i, j]), np.diagonal(sample.theta).copy()
    pairs = max(1, i.size)  # one position alone has no other: its own value is all there is
    balance = math.sqrt(_DIAGONAL * pairs / max(1, sample.v.size))
    goal = np.concatenate([weight * value, balance * own_weight * own])
    u = sample.u[i, j]
    terms = np.stack(
        [
            np.concatenate([weight * a[i, k] * a[j, k] * u**k, balance * own_weight * a[:, k] ** 2])
            for k in degrees
        ],
        axis=1,
    )
    size = float(np.linalg.norm(goal)) or 1.0
    # One row more, for the noise of the sketches: Σ_k r_k·share_k·noise_k, as for dense networks.
    mean = float(np.sqrt(np.mean((weight if i.size else own_weight) ** 2)))
    shares = np.mean(a**2, axis=0) * mean * math.sqrt(pairs)
    terms = np.vstack([terms, shares * noise])
    goal = np.append(goal, 0.0)
    keep = [k for k in degrees if np.linalg.norm(terms[:, k]) > 0]
    factors = _solve(terms[:, keep], goal)
    strength = factors * np.linalg.norm(terms[:, keep], axis=0) / size
    keep = [k for k, s in zip(keep, strength, strict=True) if s > _NEGLIGIBLE] or keep[:1]
    if keep:
        factors = _solve(terms[:, keep], goal)
    found = {k: float(r) for k, r in zip(keep, factors, strict=True) if r > 0}
    missed = terms[:-1, keep] @ factors - goal[:-1]
    return found or {0: 0.0}, float(np.linalg.norm(missed)) / size


def _solve(terms: Array, goal: Array) -> Array:
    """Non-negative least squares through the triangular factor: thousands of rows, few columns."""
    if terms.shape[1] == 0:
        return np.zeros(0)
    scale = np.linalg.norm(terms, axis=0)
    scale[scale == 0] = 1.0
    stacked = np.asarray(np.linalg.qr(np.column_stack([terms / scale, goal]), mode="r"))
    found: Array = nnls(stacked[:, :-1], stacked[:, -1])[0] / scale
    return found


def _noise(basis: Basis, theta: Basis | None, top: int, width: int) -> Array:
    """Error of a part of degree k beside its share, at ``width`` columns; of Θ·u^k, if ``theta`` is given.

    A sketch of u^k has a variance of about (1 + u^{2k})/D or more; heavy directions have none.
    """
    if theta is not None:
        light = [1 - theta.share] + [1.0] * top
    else:
        light = [0.0, 1 - basis.share, 1 - basis.share_of(8) ** 2, *[1.0] * top][: top + 1]
        if basis.length <= 64:
            light = [
                0.0 if 4 * monomial_count(basis.length, k) <= 3 * width else n for k, n in enumerate(light)
            ]
    found: Array = np.array(light) * _NOISE * math.sqrt(2 / width)
    return found


def _mean_square(act: Activation, k: int, prime: bool, v: Array, span: tuple[float, float]) -> float:
    return float(np.mean(Coefficients(act, (k,), prime, *span)(v) ** 2))


def span_of(act: Activation, variance: Array) -> tuple[float, float]:
    """Variances that a spline is made for: those of the sample and a margin, as far as E φ² is finite."""
    v = variance[variance > 0]
    if not v.size:
        return 1 / _MARGIN, min(_MARGIN, 0.5 * act.variance_limit)
    low, high = float(v.min()) / _MARGIN, float(v.max())
    return low, min(high * _MARGIN, 0.5 * (high + act.variance_limit))
