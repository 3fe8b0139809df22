"""An activation by random features, position by position.

With σ and θ the features that arrive, ψ = σ/|σ|, v the exact variance and c_k, r as in
:mod:`dualact.sketch.random.remainders` (d_k, s for φ′),

    Σ:  [c_1/√v · σ,  c_0,  r(Wψ)/√m]
    Θ:  [d_0 · θ,  d_1/√v · S(θ ⊗ σ),  (Rθ) ⊙ s(W'ψ)]

S a sketch of degree 2, R an SRHT. Each column of the last part has a w of its own: that is the degree-2
sketch of θ ⊗ s(W'ψ) with no features in between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...nonlinearity.contract import Activation
from ..blocks import row_blocks, squares
from ..polysketch import PolySketch
from ..signs import number_of
from ..spatial.narrow import Narrow, Narrower
from ..spatial.srht import Srht
from ..spatial.state import Array, State
from .merging import Merge, Merger
from .projections import Projection, sphere_dimension
from .remainders import Remainder

__all__ = ["RandomActivate", "RandomActivator"]


@dataclass(frozen=True, eq=False)
class RandomActivate:
    """What is done at one Act layer.

    Attributes
    ----------
    sigma : Narrow
        From σ to what is passed on of it.
    merge : Merge or None
        Of θ, where it ends in σ; None where it is not asked for, or σ itself.
    extra : Narrow or None
        From those columns of θ that stand for themselves to what is passed on of them.
    same : bool
        Whether θ is σ.
    rest, product, slope : int
        Columns of r, of S, and of s.
    projection : {"gaussian", "orthogonal", "structured"}
    sphere : bool
        Leverage scores.
    low, high : float
        Range of variances of the sample, with a margin.
    draws : tuple of int
        Which draw of each part: (σ narrowed, θ narrowed, r, S, s).
    """

    sigma: Narrow
    merge: Merge | None
    extra: Narrow | None
    same: bool
    rest: int
    product: int
    slope: int
    projection: str
    sphere: bool
    low: float
    high: float
    draws: tuple[int, ...] = (0, 0, 0, 0, 0)

    @property
    def widths(self) -> tuple[int, int]:
        """Columns of Σ and of Θ that come out; 0 of Θ where it is not asked for."""
        sigma = self.sigma.width + 1 + self.rest
        if not self.same and self.extra is None:
            return sigma, 0
        more = 0 if self.extra is None else self.extra.width
        return sigma, self.sigma.width * self.aligned + more + self.product + self.slope

    @property
    def aligned(self) -> bool:
        """Whether θ begins with columns that stand beside those of σ."""
        return self.same or self.merge is not None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "sigma": self.sigma.to_dict(),
            "merge": None if self.merge is None else self.merge.to_dict(),
            "extra": None if self.extra is None else self.extra.to_dict(),
            "same": self.same,
            "columns": [self.rest, self.product, self.slope],
            "projection": self.projection,
            "sphere": self.sphere,
            "low": self.low,
            "high": self.high,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RandomActivate:
        """Read back what :meth:`to_dict` wrote."""
        merge, extra = data["merge"], data["extra"]
        rest, product, slope = (int(n) for n in data["columns"])
        return cls(
            Narrow.from_dict(data["sigma"]),
            None if merge is None else Merge.from_dict(merge),
            None if extra is None else Narrow.from_dict(extra),
            bool(data["same"]),
            rest,
            product,
            slope,
            str(data["projection"]),
            bool(data["sphere"]),
            float(data["low"]),
            float(data["high"]),
        )


class RandomActivator:
    """A :class:`RandomActivate` with its randomness drawn.

    Parameters
    ----------
    act : Activation
    made : RandomActivate
    length : int
        Columns of σ.
    key : tuple of int
        Name of the random stream.
    dtype : dtype
    """

    def __init__(
        self, act: Activation, made: RandomActivate, length: int, key: tuple[int, ...], dtype: Any
    ) -> None:
        self.made, self.dtype = made, np.dtype(dtype)
        draws = made.draws
        self.sigma = Narrower(made.sigma, (*key, 0, draws[0]), dtype)
        self.merger = None if made.merge is None else Merger(made.merge, (*key, 1, draws[1]), dtype)
        self.extra = None if made.extra is None else Narrower(made.extra, (*key, 2, draws[1]), dtype)
        self.with_theta = made.widths[1] > 0
        self.rest = _drawn(act, False, made, length, made.rest, (*key, 3, draws[2]), dtype)
        if not self.with_theta:
            return
        theta = length
        if not made.same:
            assert made.extra is not None
            theta = made.extra.length if made.merge is None else made.merge.width
        self.slope = _drawn(act, True, made, length, made.slope, (*key, 4, draws[4]), dtype)
        self.left = Srht(theta, made.slope, (*key, 5, draws[4]), dtype) if made.slope else None
        self.square: PolySketch | None = None
        self.pair: tuple[Srht, Srht] | None = None
        if made.product and made.same:
            seed = number_of((*key, 6, draws[3]))
            self.square = PolySketch(length, {2: made.product}, seed=seed, dtype=dtype)
        elif made.product:
            left, right = (
                Srht(n, made.product, (*key, 6 + i, draws[3]), dtype) for i, n in enumerate((theta, length))
            )
            self.pair = left, right

    def __call__(self, state: State, variance: Array) -> State:
        """Return the state after the activation.

        Parameters
        ----------
        state : State
        variance : (n, h, w) array
            E φ² at the variances of the state.
        """
        made, shape = self.made, state.sigma.shape[:-1]
        v = state.variance.ravel()
        sigma = state.sigma.reshape(v.size, -1)
        unit = sigma * _inverse(np.sqrt(squares(sigma)))[:, None].astype(self.dtype)
        columns, slopes = made.widths
        out = np.empty((v.size, columns), self.dtype)
        kept, weight = self.sigma(sigma), self.rest.exact(v)
        scale = weight[:, 1] * _inverse(np.sqrt(v))
        k = kept.shape[1]
        np.multiply(kept, scale[:, None].astype(self.dtype), out=out[:, :k])
        out[:, k] = weight[:, 0]
        if made.rest:
            out[:, k + 1 :] = self.rest(unit, v, 1 / math.sqrt(made.rest))
        theta = None
        if slopes:
            theta = self._theta(state, sigma, kept, unit, v, slopes).reshape(*shape, slopes)
        return State(out.reshape(*shape, columns), theta, variance)

    def _theta(self, state: State, sigma: Array, kept: Array, unit: Array, v: Array, width: int) -> Array:
        made, length = self.made, sigma.shape[1]
        weight = self.slope.exact(v)
        constant = weight[:, 0, None].astype(self.dtype)
        out = np.empty((v.size, width), self.dtype)
        if made.same:
            theta = sigma
            np.multiply(kept, constant, out=out[:, : kept.shape[1]])
            start = kept.shape[1]
        else:
            assert state.theta is not None
            theta = state.theta.reshape(v.size, -1)
            start = 0
            if self.merger is not None:
                theta = self.merger(theta)
                passed = self.sigma(theta[:, :length])
                start = passed.shape[1]
                np.multiply(passed, constant, out=out[:, :start])
            if self.extra is not None:
                more = self.extra(theta[:, length:] if self.merger is not None else theta)
                np.multiply(more, constant, out=out[:, start : start + more.shape[1]])
                start += more.shape[1]
        if made.product:
            place = out[:, start : start + made.product]
            # By σ/√v, of norm about 1: a product of two rows of large norm would overflow.
            root = np.sqrt(v)
            psi = sigma * _inverse(root)[:, None].astype(self.dtype)
            self._product(theta, psi, place)
            factor = weight[:, 1] * root if made.same else weight[:, 1]
            place *= factor[:, None].astype(self.dtype)
            start += made.product
        if self.left is not None:
            place = out[:, start:]
            self.left(theta, place)
            place *= self.slope(unit, v, 1.0)
        return out

    def _product(self, theta: Array, psi: Array, place: Array) -> None:
        if self.square is not None:
            for part in row_blocks(len(psi), self.square.block_rows):
                self.square(np.ascontiguousarray(psi[part]), {2: place[part]})
        elif self.pair is not None:
            self.pair[0](theta, place)
            other = np.empty(place.shape, self.dtype)
            self.pair[1](psi, other)
            other *= self.dtype.type(math.sqrt(self.made.product))
            place *= other


class _Drawn:
    """A remainder with its projection."""

    def __init__(self, remainder: Remainder, projection: Projection | None) -> None:
        self.exact, self.remainder, self.projection = remainder.exact, remainder, projection

    def __call__(self, unit: Array, v: Array, scale: float) -> Array:
        assert self.projection is not None
        found = self.remainder(self.projection(unit), v)
        if scale != 1.0:
            found *= found.dtype.type(scale)
        return found


def _drawn(
    act: Activation,
    prime: bool,
    made: RandomActivate,
    length: int,
    columns: int,
    key: tuple[int, ...],
    dtype: Any,
) -> _Drawn:
    projection = Projection(length, columns, made.projection, made.sphere, key, dtype) if columns else None
    dimension = sphere_dimension(made.projection, length) if made.sphere else None
    return _Drawn(Remainder(act, prime, dimension, made.low, made.high), projection)


def _inverse(values: Array) -> Array:
    found = np.zeros_like(values)
    np.divide(1.0, values, out=found, where=values > 0)
    return found
