"""Activations that are piecewise exponential-polynomials, with exact duals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...errors import DualactError
from ..coefficients import hermite_array
from ..computed.blocks import blockwise
from ..computed.boxes import Box, build_box
from ..computed.mehler import Mehler
from ..contract import Activation, Array
from ..gaussian_pair import correlation
from ..panels import PanelTable
from .exponential import ConditionalPanels
from .function import Piece, PiecewiseFunction, Term, poly
from .polynomial import Anchored, anchor

__all__ = ["Piece", "PiecewiseDual", "PiecewiseFunction", "Term", "piecewise", "poly"]

_POLYNOMIAL_BLOCK = 8192
_PANEL_BLOCK = 64  # entries; 400 nodes each
_CONDITION = 1e4  # the closed form loses that factor of ε to cancellation; beyond it, panels
_LINE = 300  # entries of one pair of variances from which on a table in θ pays
_ROUNDING = 2e-14
_DEAD = 3.0  # edges of a dead zone beyond so many σ: the tails of the closed form lose relative accuracy


@dataclass(frozen=True)
class PiecewiseDual:
    """E[φ(u)φ(v)] for one piecewise φ: closed form or panels, entry by entry, whichever is accurate.

    Parameters
    ----------
    function : PiecewiseFunction
        φ.

    Notes
    -----
    Calls are pure and keep temporaries under 10 MB, so threads may share an instance.
    """

    function: PiecewiseFunction

    def __reduce__(self) -> tuple[Any, ...]:  # without the tables
        return (PiecewiseDual, (self.function,))

    @cached_property
    def anchored(self) -> Anchored | None:
        """The closed form's data; None if φ has exponentials."""
        return anchor(self.function) if self.function.polynomial else None

    @cached_property
    def panels(self) -> ConditionalPanels:
        """The rule that serves every variance."""
        return ConditionalPanels(self.function, self.anchored.dead_zone if self.anchored else 0.0)

    @cached_property
    def largest_variance(self) -> float:
        """Where cancellation among base and corrections begins to cost the closed form its digits."""
        if self.anchored is None or not any(self.function.edges):
            return np.inf
        variance = 10.0 ** np.arange(-8, 16.25, 0.25)
        norm = self.panels.dual(variance, variance, variance)
        with np.errstate(all="ignore"):
            condition = self.anchored.size(variance) ** 2 / norm
        edge = max(map(abs, self.function.edges))
        bad = variance[(condition > _CONDITION) & (variance > edge * edge)]
        return float(bad[0]) if bad.size else np.inf

    @cached_property
    def series(self) -> Mehler:
        """The Hermite series, for large arrays."""
        return Mehler(self._coefficients, self.size)

    @cached_property
    def _table(self) -> PanelTable:
        return PanelTable(self.function, self.function.edges, "piecewise")

    @cached_property
    def _lines(self) -> dict[tuple[float, float], Box]:
        return {}

    def _coefficients(self, variance: Array, degree: int) -> Array:
        if self.anchored is not None:
            return self.anchored.hermite(variance, degree)
        out = np.zeros((len(variance), degree + 1))
        out[:, 0] = self.size(variance)
        positive = variance > 0
        if positive.any():
            out[positive] = hermite_array(self._table, variance[positive], degree)
        return out

    def size(self, variance: Array) -> Array:
        """Return √(Eφ²)."""
        square = blockwise(self.panels.dual, _PANEL_BLOCK)(variance, variance, variance)
        return np.sqrt(np.maximum(square, 0.0))

    def __call__(self, cov: Array, var_u: Array, var_v: Array) -> Array:
        """Return E[φ(u)φ(v)], in the broadcast shape."""
        growth = self.function.growth
        largest = max(float(np.max(var_u, initial=0.0)), float(np.max(var_v, initial=0.0)))
        if growth and largest > 100 / growth**2:
            raise DualactError(
                f"dual: φ grows like exp({growth:g}|t|), so its moments leave float64 at large variance. "
                f"Expected variances of at most {100 / growth**2:g}, got {largest:g}. Lower weight_std, or "
                "choose a φ of slower growth."
            )
        cov, var_u, var_v = (np.asarray(x, dtype=np.float64) for x in (cov, var_u, var_v))
        if self.function.edges == (0.0,) or not self.series.pays(cov, var_u, var_v):
            return self._entries(cov, var_u, var_v)
        with np.errstate(all="ignore"):
            out, rest = self.series(cov, var_u, var_v)
            if rest.size:
                triples = [np.broadcast_to(x, out.shape).ravel()[rest] for x in (cov, var_u, var_v)]
                out.reshape(-1)[rest] = self._few(*triples)
        return out

    def _few(self, cov: Array, var_u: Array, var_v: Array) -> Array:
        """The entries that the series leaves: by a line in θ where they share their variances."""
        constant = var_u.min() == var_u.max() and var_v.min() == var_v.max() and var_u[0] > 0 < var_v[0]
        if not constant or len(cov) < _LINE:
            return self._entries(cov, var_u, var_v)
        key = (float(var_u[0]), float(var_v[0]))
        line = self._lines.get(key)
        if line is None:
            at = (float(np.log(key[0])), float(np.log(key[1])))
            dead = self.anchored.dead_zone if self.anchored else 0.0
            scale = float(np.sqrt(1 + max(key) + dead**2 / min(key)))
            line = build_box(self._grid, lambda q: self.size(q) ** 2, at, at, scale, tail=1e-14)
            if len(self._lines) > 64:
                self._lines.clear()
            self._lines[key] = line
        if line.error > _ROUNDING:
            return self._entries(cov, var_u, var_v)
        turn = correlation(cov, var_u, var_v)
        sizes = self.size(np.array(key))
        value = line.outer(var_u[:1], var_v[:1], np.arctan2(turn.sine, turn.rho)[None])[0]
        scaled: Array = value * (sizes[0] * sizes[1])
        return scaled

    def _grid(self, p: Array, q: Array, theta: float) -> Array:
        # One pair of variances; ρ and sin θ apart, for cos θ alone does not carry θ near 0 and π.
        at_end = theta in (0.0, np.pi)
        rho = np.full(1, np.sign(np.cos(theta)) if at_end else np.cos(theta))
        sine = np.full(1, 0.0 if at_end else np.sin(theta))
        return self.panels.at(rho, sine, p, q)[:, None]

    def _entries(self, cov: Array, var_u: Array, var_v: Array) -> Array:
        if self.anchored is None:
            return blockwise(self.panels.dual, _PANEL_BLOCK)(cov, var_u, var_v)
        return blockwise(self._block, _POLYNOMIAL_BLOCK)(cov, var_u, var_v)

    def _block(self, cov: Array, var_u: Array, var_v: Array) -> Array:
        closed = self.anchored
        assert closed is not None
        smallest, largest = np.minimum(var_u, var_v), np.maximum(var_u, var_v)
        elsewhere = largest > self.largest_variance
        if closed.dead_zone:
            elsewhere |= smallest * _DEAD**2 < closed.dead_zone**2
        if not elsewhere.any():
            return closed.dual(cov, var_u, var_v)
        out = np.zeros_like(cov)
        here = ~elsewhere
        out[here] = closed.dual(cov[here], var_u[here], var_v[here])
        if closed.dead_zone:  # beyond 40 σ, φ(u) is 0 in float64
            elsewhere &= smallest * 1600 > closed.dead_zone**2
        panels = blockwise(self.panels.dual, _PANEL_BLOCK)
        out[elsewhere] = panels(cov[elsewhere], var_u[elsewhere], var_v[elsewhere])
        return out


def piecewise(
    name: str,
    edges: tuple[float, ...],
    pieces: tuple[Piece, ...],
    *,
    right: tuple[float, ...] = (),
    params: Mapping[str, Any] | None = None,
    source: str = "",
    formula: str = "",
    accuracy: float | None = None,
) -> Activation:
    r"""Return the activation φ(t) = pieces[i](t) between edges[i−1] and edges[i], with its exact duals.

    Parameters
    ----------
    name : str
        The activation's name.
    edges : tuple of float
        Where the pieces meet, ascending; at least one.
    pieces : tuple of Piece
        ``len(edges) + 1`` pieces from left to right; a piece is a tuple of :class:`Term`, c·tⁱ·e^{αt},
        and ``poly(c0, c1, …)`` writes a polynomial one.
    right : tuple of float
        Those edges whose value belongs to the piece on the right (by default, to the left).
    params : mapping, optional
        The parameters that make this member of its family.
    source, formula : str
        Where the definition comes from; φ in one line.
    accuracy : float, optional
        The claimed worst error of duals and coefficients, relative to √(Eφ(u)²·Eφ(v)²).

    Returns
    -------
    Activation
        With φ′, edges, jumps, parity and homogeneity found from the pieces. Where φ jumps, ``dual_prime``
        is None (there is no φ′ to speak of). Exponentials whose only edge is 0 leave ``dual`` None: φ is
        then analytic on each side of 0, and the rule for computed duals is far cheaper than the 30–40 µs
        an entry that this one takes.
        Hermite coefficients are closed for polynomials, else None (computed).

    Raises
    ------
    PluginError
        If edges and pieces do not fit.

    Notes
    -----
    Polynomials: worst error 1e-12 over variances 1e-8 … 1e6 at any ρ, for covariances as given; about 0.1 µs
    an entry if the only edge is 0, .5–2.5 µs else (Owen's T). Where that form would lose digits to
    cancellation (bounded φ, variance beyond about 2000 squared edges) and in dead zones further out than
    3 σ, 15–40 µs and 2e-14 (:mod:`~dualact.nonlinearity.piecewise.exponential`), as exponentials always.
    A zero variance has ρ = 0, and a jump at 0 counts there with the mean of its two sides.

    Examples
    --------
    >>> import numpy as np
    >>> from dualact.nonlinearity.piecewise.duals import piecewise, poly
    >>> ramp = piecewise("ramp", (-1.0, 1.0), (poly(-1), poly(0, 1), poly(1)))
    >>> one = np.array(1.0)
    >>> float(np.round(ramp.dual(one, one, one), 12)), ramp.parity
    (0.51605855..., 'odd')
    """
    function = PiecewiseFunction(tuple(edges), tuple(pieces), tuple(right))
    slope = function.derivative()
    dual, dual_prime = PiecewiseDual(function), PiecewiseDual(slope)
    computed = not function.polynomial and function.edges == (0.0,) and not function.growth
    growth = function.growth
    return Activation(
        name,
        function,
        dual=None if computed else dual,
        dual_prime=None if computed or function.jumps else dual_prime,
        hermite=dual.anchored.hermite if dual.anchored else None,
        phi_prime=slope,
        breakpoints=function.edges,
        homogeneity=function.homogeneity,
        params=params or {},
        source=source,
        formula=formula,
        parity=function.parity,
        variance_limit=100 / growth**2 if growth else np.inf,
        accuracy=accuracy,
    )
