"""The feature map itself: a plan, a seed and a dtype in, rows of features out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..errors import DualactError
from ..nonlinearity.contract import Array
from .monomials import monomial_count
from .planning import SketchPlan
from .polysketch import PolySketch
from .signs import signs
from .sparse_rows import SparseRows, canonical, unit_csr
from .terms import Term, mixed, radial_powers, tilted

__all__ = ["FeatureMap"]

_MIXING_STREAM = 2**31  # address of the mixing signs among the streams of a seed; a sketch uses its degree
_ROWS = 512  # rows whose norms and radial functions are worked out together


class FeatureMap:
    """Sketched features of a dense network: E⟨z(x), z(y)⟩ is the plan's series.

    Parameters
    ----------
    plan : SketchPlan
    seed : int
        Non-negative. Plan, seed and dtype fix the map.
    dtype : numpy dtype
        float32 or float64: of the computation and of the features.
    """

    def __init__(self, plan: SketchPlan, seed: int, dtype: Any) -> None:
        self.plan = plan
        self.dtype = np.dtype(dtype)
        d = plan.n_features
        terms = [t for t in plan.terms if t.degree > 0]
        self.sketch = self._polysketch({t.degree: t.width for t in terms if t.width}, seed)
        counts = {t.degree: monomial_count(d, t.degree) for t in terms if t.exact}
        self.monomials = self._polysketch(counts, seed)
        inner = min((p.block_rows for p in (self.sketch, self.monomials) if p is not None), default=_ROWS)
        self.inner_rows = max(1, min(inner, _ROWS))
        self.mixing = {t.degree: _mixing_signs(t, seed, self.dtype) for t in plan.terms if t.width}
        self.columns = dict(zip((t.degree for t in plan.terms), _slices(plan), strict=True))
        self.used = sum(t.columns(d) for t in plan.terms)

    def transform(self, X: Any, n_jobs: int | None = None) -> NDArray[Any]:
        """Return the features of the rows of X.

        Parameters
        ----------
        X : (n, d) array or CSR matrix
            Finite.
        n_jobs : int, optional
            Threads over blocks of rows; None means one per usable core.

        Returns
        -------
        (n, n_components) array of the map's dtype
        """
        out = np.empty((X.shape[0], self.plan.n_components), dtype=self.dtype)
        out[:, self.used :] = 0
        blocks = [slice(i, min(i + _ROWS, len(out))) for i in range(0, len(out), _ROWS)]
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = cores if n_jobs is None or n_jobs < 1 else n_jobs
        if workers == 1 or len(blocks) <= 1:
            for rows in blocks:
                self._block(X[rows], out[rows])
        else:
            with ThreadPoolExecutor(min(workers, len(blocks))) as pool:
                list(pool.map(lambda rows: self._block(X[rows], out[rows]), blocks))
        return out

    def _block(self, X: Any, out: NDArray[Any]) -> None:
        unit: NDArray[Any] | SparseRows
        if self.plan.spread:
            unit, mean_squares, along = self._split_sparse(canonical(X))
        else:
            rows = X.toarray() if sparse.issparse(X) else X
            unit, mean_squares, along = self._split(np.asarray(rows, dtype=np.float64, order="C"))
        across = along.astype(self.dtype)
        functions = self.plan.basis(mean_squares)
        tail = self.plan.tail(mean_squares)
        components = {}
        for term in self.plan.terms:
            raw = mixed(radial_powers(self.plan.basis, functions, along, term.degree), term.mixing)
            components[term.degree] = tilted(raw, term.tilt, tail).astype(self.dtype)
        for i in range(0, len(out), self.inner_rows):
            part = slice(i, i + self.inner_rows)
            self._inner(unit[part], across[part], {k: c[part] for k, c in components.items()}, out[part])

    def _inner(
        self,
        unit: NDArray[Any] | SparseRows,
        along: NDArray[Any],
        components: dict[int, NDArray[Any]],
        out: NDArray[Any],
    ) -> None:
        """Fill a block that stays in the cache: raw powers first, then their weights in place."""
        place = {t.degree: out[:, self.columns[t.degree]] for t in self.plan.terms}
        if self.monomials is not None:
            outs = {k: place[k][:, :count] for k, count in self.monomials.widths.items()}
            _powers(self.monomials, unit, along, outs)
        if self.sketch is not None:
            outs = {k: place[k][:, -width:] for k, width in self.sketch.widths.items()}
            _powers(self.sketch, unit, along, outs)
        for term in self.plan.terms:
            mine, weights = place[term.degree], components[term.degree]
            if term.degree == 0:
                mine[...] = weights
                continue
            if term.exact:
                count = (mine.shape[1] - term.width) // term.exact
                raw = mine[:, :count]
                for e in reversed(range(term.exact)):
                    np.multiply(raw, weights[:, e, None], out=mine[:, e * count : (e + 1) * count])
            if term.width:
                mine[:, -term.width :] *= self._mixed(weights[:, term.exact :], term.degree)

    def _mixed(self, components: NDArray[Any], degree: int) -> NDArray[Any]:
        """What multiplies each column of a sketch: one component, or components through random signs."""
        if components.shape[1] == 1:
            return components
        total: NDArray[Any] = components[:, 0, None] * self.mixing[degree][0]
        for c in range(1, components.shape[1]):
            total += components[:, c, None] * self.mixing[degree][c]
        return total

    def _split(self, rows: Array) -> tuple[NDArray[Any], Array, Array]:
        """Return x⊥ (in the map's dtype), |x|²/d and α. Nothing here depends on the other rows."""
        peak = np.abs(rows).max(axis=1)
        safe = np.where(peak > 0, peak, 1.0)
        unit = rows / safe[:, None]
        length = np.sqrt((unit * unit).sum(axis=1))
        unit /= np.where(length > 0, length, 1.0)[:, None]
        mean_squares = _mean_squares(length * peak, rows.shape[1])
        direction = self.plan.direction
        if direction is None:
            return np.ascontiguousarray(unit, dtype=self.dtype), mean_squares, np.zeros(len(rows))
        along = (unit * direction).sum(axis=1)
        unit -= along[:, None] * direction
        return np.ascontiguousarray(unit, dtype=self.dtype), mean_squares, along

    def _split_sparse(self, rows: Any) -> tuple[SparseRows, Array, Array]:
        """Return x/|x|, from which the leaves subtract αμ, |x|²/d and α."""
        unit, norms = unit_csr(rows)
        mean_squares = _mean_squares(norms, rows.shape[1])
        along = np.zeros(len(norms))
        if self.plan.direction is not None:
            owner = np.repeat(np.arange(len(norms)), np.diff(unit.indptr))
            along += np.bincount(owner, unit.data * self.plan.direction[unit.indices], minlength=len(norms))
        return SparseRows.of(unit, self.dtype), mean_squares, along

    def _polysketch(self, widths: dict[int, int], seed: int) -> PolySketch | None:
        if not widths:
            return None
        plan = self.plan
        direction = plan.direction if plan.spread else None
        return PolySketch(
            plan.n_features, widths, seed=seed, dtype=self.dtype, spread=plan.spread, direction=direction
        )


def _powers(
    sketch: PolySketch, unit: NDArray[Any] | SparseRows, along: NDArray[Any], outs: dict[int, NDArray[Any]]
) -> None:
    if isinstance(unit, SparseRows):
        sketch.of_nonzeros(unit, outs, along)
    else:
        sketch(unit, outs)


def _mean_squares(norms: Array, n_features: int) -> Array:
    with np.errstate(over="ignore"):
        mean_squares: Array = norms**2 / n_features
    if not np.all(np.isfinite(mean_squares)):
        raise DualactError("a row of X has a norm whose square overflows; scale X down.")
    return mean_squares


def _slices(plan: SketchPlan) -> Iterator[slice]:
    start = 0
    for term in plan.terms:
        stop = start + term.columns(plan.n_features)
        yield slice(start, stop)
        start = stop


def _mixing_signs(term: Term, seed: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    rest = term.mixing.shape[1] - term.exact
    drawn = signs((seed, _MIXING_STREAM, term.degree), rest * term.width)
    return drawn.reshape(rest, term.width).astype(dtype)
