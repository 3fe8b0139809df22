"""φ′ from φ alone, and the panel tables of an activation and of its derivative."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import chebyshev, legendre

from ..errors import DualactError
from .answers import answer
from .contract import Activation, Array
from .panels import NODES, ORDER, TO_COEF, Function, Index, PanelTable

__all__ = ["Slope", "panel_table"]


class Slope:
    """f′ from the panels of f: a piecewise polynomial of degree 13 on eighths of the resolving panels.

    Parameters
    ----------
    table : PanelTable
        The panels of f.
    halvings : int
        How often the resolving panels are halved first.

    Notes
    -----
    One-sided at breakpoints; absolute error near 1e-13·max\\|f\\|/width of the panel; 0.1 µs a point.
    """

    degree = 13
    parts = 4

    def __init__(self, table: PanelTable, halvings: int = 1) -> None:
        self.table = table
        self.halvings = halvings
        self._cells: dict[int, tuple[Array, Array, Array, Index, float]] = {}
        self._octaves = 2.0 ** -np.arange(1, 42, dtype=np.float64)
        self._through_zero = bool((np.abs(table(np.array([-1e-150, 1e-150]))) < 1e-140).all())

    def __call__(self, t: Array) -> Array:
        """Return f′(t)."""
        flat = np.ascontiguousarray(t, dtype=np.float64).ravel()
        out = np.empty_like(flat)
        size = float(np.abs(flat).max(initial=1.0))
        if not np.isfinite(size):
            return np.full(np.shape(t), np.nan)
        top = max(2, int(np.ceil(np.log2(size * (1 + 1e-15)))))
        for i in range(0, len(flat), 1 << 14):
            out[i : i + (1 << 14)] = self._piece(flat[i : i + (1 << 14)], top)
        return out.reshape(np.shape(t))

    def noise(self) -> tuple[Array, Array]:
        """Return extents and the largest error of f′ on \\|t\\| ≤ extent, from comparing two partitions."""
        t = np.sort(np.concatenate([np.geomspace(1e-12, 30.0, 800), np.linspace(0, 8, 700) + 1e-7]))
        other = Slope(self.table, self.halvings + 1)
        gap = np.maximum(np.abs(self(t) - other(t)), np.abs(self(-t) - other(-t)))
        return t, np.maximum.accumulate(gap + 2e-13 * np.maximum(np.abs(other(t)), np.abs(other(-t))))

    def _piece(self, t: Array, octave: int) -> Array:
        edges, half, coef, look_up, inverse = self._build(octave)
        place = ((t + 2.0**octave) * inverse).astype(np.int64)
        cell = look_up[np.clip(place, 0, len(look_up) - 1)]
        last = len(half) - 1
        late = t >= edges[cell + 1]
        if late.any():
            cell = np.minimum(cell + late, last)
            rows = np.flatnonzero(t >= edges[cell + 1])
            cell[rows] = np.clip(np.searchsorted(edges, t[rows], "right") - 1, 0, last)
        x = (t - edges[cell]) / half[cell] - 1
        out: Array = coef[self.degree][cell]
        for k in range(self.degree - 1, -1, -1):
            out *= x
            out += coef[k][cell]
        return out

    def _build(self, octave: int) -> tuple[Array, Array, Array, Index, float]:
        if octave not in self._cells:
            leaves = self.table.leaves(2.0**octave)
            # Halved: there the series ends long before its last terms, which k² would amplify.
            for _ in range(self.halvings):
                leaves = np.sort(np.concatenate([leaves, (leaves[:-1] + leaves[1:]) / 2]))
            if self._through_zero:
                # There f is small near 0 and so is its rounding error: follow it down.
                leaves = np.unique(np.concatenate([leaves, self._octaves, -self._octaves]))
            a, b = leaves[:-1], leaves[1:]
            half = (b - a) / 2
            y = self.table((a + half)[:, None] + half[:, None] * NODES)
            coef = y @ TO_COEF
            # Trailing coefficients that are rounding noise would be amplified by k²: cut them.
            size = np.abs(coef).max(-1, keepdims=True)
            loud = np.abs(coef) > 4e-16 * size * np.arange(1, ORDER + 1)
            keep = ORDER - np.argmax(loud[:, ::-1], axis=1)
            coef *= np.arange(ORDER) < keep[:, None]
            slope = legendre.legder(coef.T, axis=0) / half
            # Chebyshev points of every eighth, then monomials there (they converge fast).
            n = self.degree + 1
            nodes = np.cos(np.pi * (np.arange(n) + 0.5) / n)
            centre = (2 * np.arange(self.parts) + 1) / self.parts - 1
            x = (centre[:, None] + nodes / self.parts).ravel()
            value = legendre.legvander(x, ORDER - 2) @ slope
            value = value.reshape(self.parts, n, -1)
            rows = np.arange(n)[:, None]
            fit = np.cos(rows * np.arccos(nodes)) * np.where(rows == 0, 1.0, 2.0) / n
            monomials = np.array([np.pad(chebyshev.cheb2poly(e), (0, n))[:n] for e in np.eye(n)]).T @ fit
            poly = np.einsum("kn,snc->kcs", monomials, value).reshape(n, -1)
            share = np.arange(self.parts) / self.parts
            edges = np.append((a[:, None] + (b - a)[:, None] * share).ravel(), leaves[-1])
            width = np.repeat(half / self.parts, self.parts)
            count = int(np.clip(2.0 ** (octave + 1) / np.diff(edges).min(), 64, 1 << 16))
            inverse = count / 2.0 ** (octave + 1)
            starts = np.arange(count) / inverse - 2.0**octave
            look_up = np.clip(np.searchsorted(edges, starts, "right") - 2, 0, len(width) - 1)
            look_up = look_up.astype(np.int64)
            self._cells[octave] = (edges, width, np.ascontiguousarray(poly), look_up, inverse)
        return self._cells[octave]


def panel_table(act: Activation, prime: bool = False) -> PanelTable:
    """Return the panel table of φ, or of φ′ (from ``phi_prime``, else by differentiating φ's panels)."""
    key = ("panels", prime)
    if key not in act._cache:
        if act.phi is None:
            raise DualactError(
                f"activation {act.name!r} is a kernel only: it has no function to compute from."
            )
        if not prime:
            _verify(act.phi, act.breakpoints, act.name)
            act._cache[key] = PanelTable(act.phi, act.breakpoints, act.name)
        elif act.phi_prime is not None:
            act._cache[key] = PanelTable(
                act.phi_prime, act.breakpoints, act.name + "'", guide=panel_table(act)
            )
        else:
            slope = Slope(panel_table(act))
            act._cache[key] = PanelTable(
                slope, act.breakpoints, act.name + "'", noise=slope.noise(), guide=panel_table(act)
            )
    table: PanelTable = act._cache[key]
    return table


def _verify(f: Function, breakpoints: tuple[float, ...], name: str) -> None:
    """Raise PluginError if f has a kink or jump on [−32, 32] that is not declared.

    The panels are shifted by an odd number: at the edges of the usual ones (0, ½, 1, …) a kink is invisible.
    """
    shift = 0.0173205080757
    grid = np.linspace(-33.0, 33.0, 1025)
    with np.errstate(all="ignore"):
        finite = np.isfinite(answer(name, "phi", f(grid), grid.shape, nan=True))
    bad = np.abs(grid[~finite]).min(initial=40.0)
    extent = 32.0 if bad > 33 else 2.0 ** np.floor(np.log2(max(bad - 1, 1e-3)))
    moved = tuple(b - shift for b in breakpoints)
    PanelTable(lambda t: f(t + shift), moved, name, shift=shift).leaves(float(extent))
