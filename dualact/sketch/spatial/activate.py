"""An activation, position by position: Σ ← Σ_k a_k a'_k u^k, Θ ← Θ·Σ_k b_k b'_k u^k, with u = Σ/√(v v').

With ψ = sigma/√v, features of u^k are

    k = 0    1
    k = 1    ψ itself
    k = 2    all products of two leading coordinates ψ_h, and for the rest of u² = u_h² + u_l(2u_h + u_l) one
             product sketch, R ψ_l ⊙ R'[√2 ψ_h, ψ_l]
    k ≥ 3    a PolySketch of ψ

and of Θ·u^k the product of an SRHT of theta with a sketch of u^k, both with signs of their own; theta itself
for k = 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...nonlinearity.contract import Activation
from ..blocks import row_blocks
from ..monomials import monomial_count, monomials
from ..polysketch import PolySketch
from ..signs import number_of
from .coefficients import Coefficients
from .narrow import Narrow, Narrower
from .srht import Srht
from .state import Array, State

__all__ = ["Activate", "Activator", "Power"]


@dataclass(frozen=True)
class Power:
    """One degree: the factor its coefficients are multiplied by, and the columns that carry it."""

    degree: int
    factor: float
    columns: int

    def to_list(self) -> list[Any]:
        """Return JSON-ready data."""
        return [self.degree, self.factor, self.columns]

    @classmethod
    def from_list(cls, data: Any) -> Power:
        """Read back what :meth:`to_list` wrote."""
        degree, factor, columns = data
        return cls(int(degree), float(factor), int(columns))


@dataclass(frozen=True, eq=False)
class Activate:
    """What is done at one Act layer.

    Attributes
    ----------
    sigma, theta : Narrow
        What comes before; ``theta`` is None where Θ is not asked for, ``same`` says that it is sigma.
    heavy : int
        Leading coordinates of ψ whose products are exact.
    powers, slopes : tuple of Power
        For Σ and for Θ.
    low, high : float
        Range of variances of the sample, with a margin.
    """

    sigma: Narrow
    theta: Narrow | None
    same: bool
    heavy: int
    powers: tuple[Power, ...]
    slopes: tuple[Power, ...]
    low: float
    high: float

    @property
    def widths(self) -> tuple[int, int]:
        """Columns of Σ and of Θ that come out."""
        return sum(p.columns for p in self.powers), sum(p.columns for p in self.slopes)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "sigma": self.sigma.to_dict(),
            "theta": None if self.theta is None else self.theta.to_dict(),
            "same": self.same,
            "heavy": self.heavy,
            "powers": [p.to_list() for p in self.powers],
            "slopes": [p.to_list() for p in self.slopes],
            "low": self.low,
            "high": self.high,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Activate:
        """Read back what :meth:`to_dict` wrote."""
        theta = data["theta"]
        return cls(
            Narrow.from_dict(data["sigma"]),
            None if theta is None else Narrow.from_dict(theta),
            bool(data["same"]),
            int(data["heavy"]),
            tuple(map(Power.from_list, data["powers"])),
            tuple(map(Power.from_list, data["slopes"])),
            float(data["low"]),
            float(data["high"]),
        )


class Activator:
    """An :class:`Activate` with its randomness drawn.

    Parameters
    ----------
    act : Activation
    made : Activate
    key : tuple of int
        Name of the random stream.
    dtype : dtype
    """

    def __init__(self, act: Activation, made: Activate, key: tuple[int, ...], dtype: Any) -> None:
        self.made, self.dtype = made, np.dtype(dtype)
        self.sigma = Narrower(made.sigma, (*key, 0), dtype)
        self.theta = None if made.theta is None else Narrower(made.theta, (*key, 1), dtype)
        d = made.sigma.width
        span = (made.low, made.high)
        self.a = Coefficients(act, tuple(p.degree for p in made.powers), False, *span)
        self.sketches = {
            p.degree: _sketch(p, d, made.heavy, (*key, 2, p.degree), dtype)
            for p in made.powers
            if p.degree > 1
        }
        self.products: dict[int, tuple[Srht, _Sketch]] = {}
        if made.slopes:
            self.b = Coefficients(act, tuple(p.degree for p in made.slopes), True, *span)
            length = d if made.same else made.theta.width if made.theta is not None else 0
            for p in made.slopes:
                if p.degree > 0:
                    left = Srht(length, p.columns, (*key, 3, p.degree), dtype)
                    right = _mixed(p, d, (*key, 4, p.degree), dtype)
                    self.products[p.degree] = left, right

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
        sigma = self.sigma(state.sigma.reshape(v.size, -1))
        inverse = np.zeros_like(v)
        np.divide(1.0, np.sqrt(v), out=inverse, where=v > 0)
        psi = sigma * inverse[:, None].astype(self.dtype)
        columns, slopes = made.widths
        out = np.empty((v.size, columns), self.dtype)
        weights = self.a(v) * np.sqrt([p.factor for p in made.powers])
        start = 0
        for p, weight in zip(made.powers, weights.T.astype(self.dtype), strict=True):
            place = out[:, start : start + p.columns]
            start += p.columns
            if p.degree == 0:
                place[:, 0] = weight
            elif p.degree == 1:
                np.multiply(psi, weight[:, None], out=place)
            else:
                self.sketches[p.degree](psi, place)
                place *= weight[:, None]
        theta = None
        if made.slopes:
            theta = self._theta(state, sigma, psi, v, slopes).reshape(*shape, slopes)
        return State(out.reshape(*shape, columns), theta, variance)

    def _theta(self, state: State, sigma: Array, psi: Array, v: Array, width: int) -> Array:
        before = sigma
        if not self.made.same:
            assert self.theta is not None
            assert state.theta is not None
            before = self.theta(state.theta.reshape(v.size, -1))
        out = np.empty((v.size, width), self.dtype)
        weights = self.b(v) * np.sqrt([p.factor for p in self.made.slopes])
        start = 0
        for p, weight in zip(self.made.slopes, weights.T.astype(self.dtype), strict=True):
            place = out[:, start : start + p.columns]
            start += p.columns
            if p.degree == 0:
                np.multiply(before, weight[:, None], out=place)
                continue
            left, right = self.products[p.degree]
            left(before, place)
            other = np.empty((v.size, p.columns), self.dtype)
            right(psi, other)
            other *= weight[:, None] * self.dtype.type(math.sqrt(p.columns))
            place *= other
        return out


class _Sketch:
    """Features of u^k, k ≥ 1."""

    def __call__(self, psi: Array, out: Array) -> None:
        raise NotImplementedError


class _Poly(_Sketch):
    def __init__(self, length: int, degree: int, columns: int, key: tuple[int, ...], dtype: Any) -> None:
        self.degree = degree
        self.sketch = PolySketch(length, {degree: columns}, seed=number_of(key), dtype=dtype)

    def __call__(self, psi: Array, out: Array) -> None:
        for part in row_blocks(len(psi), self.sketch.block_rows):
            self.sketch(psi[part], {self.degree: out[part]})


class _Mixed(_Sketch):
    """Of degree 1, for a factor of a product: never the row itself."""

    def __init__(self, length: int, columns: int, key: tuple[int, ...], dtype: Any) -> None:
        self.srht = Srht(length, columns, key, dtype)

    def __call__(self, psi: Array, out: Array) -> None:
        self.srht(psi, out)


class _Square(_Sketch):
    def __init__(self, length: int, heavy: int, columns: int, key: tuple[int, ...], dtype: Any) -> None:
        self.heavy, self.exact = heavy, monomial_count(heavy, 2)
        self.rest = columns - self.exact
        self.left = Srht(length - heavy, self.rest, (*key, 0), dtype)
        self.right = Srht(length, self.rest, (*key, 1), dtype)

    def __call__(self, psi: Array, out: Array) -> None:
        h = self.heavy
        monomials(np.ascontiguousarray(psi[:, :h]), 2, out[:, : self.exact])
        light = out[:, self.exact :]
        self.left(psi[:, h:], light)
        doubled = psi.copy()
        doubled[:, :h] *= psi.dtype.type(math.sqrt(2))
        other = np.empty((len(psi), self.rest), psi.dtype)
        self.right(doubled, other)
        other *= psi.dtype.type(math.sqrt(self.rest))
        light *= other


def _sketch(p: Power, length: int, heavy: int, key: tuple[int, ...], dtype: Any) -> _Sketch:
    exact, all_of_them = monomial_count(heavy, 2) if heavy else 0, monomial_count(length, 2)
    if p.degree == 2 and exact > 0 and heavy < length and 2 * exact <= p.columns < all_of_them:
        return _Square(length, heavy, p.columns, key, dtype)
    return _Poly(length, p.degree, p.columns, key, dtype)


def _mixed(p: Power, length: int, key: tuple[int, ...], dtype: Any) -> _Sketch:
    """A sketch whose columns are all mixtures, for the product with theta."""
    if p.degree == 1:
        return _Mixed(length, p.columns, key, dtype)
    if monomial_count(length, p.degree) <= p.columns:
        return _MixedMonomials(length, p.degree, p.columns, key, dtype)
    return _Poly(length, p.degree, p.columns, key, dtype)


class _MixedMonomials(_Sketch):
    """Monomials that would fit, mixed by an SRHT."""

    def __init__(self, length: int, degree: int, columns: int, key: tuple[int, ...], dtype: Any) -> None:
        self.degree, self.count = degree, monomial_count(length, degree)
        self.srht = Srht(self.count, columns, key, dtype)

    def __call__(self, psi: Array, out: Array) -> None:
        exact = np.empty((len(psi), self.count), psi.dtype)
        monomials(psi, self.degree, exact)
        self.srht(exact, out)
