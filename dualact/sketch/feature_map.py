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
from .monomials import monomial_count, monomials
from .planning import SketchPlan
from .polysketch import PolySketch
from .signs import signs
from .terms import Term, mixed, radial_powers

__all__ = ["FeatureMap"]

_MIXING_STREAM = 1  # address of the mixing signs among the streams of a seed; the sketch has its own


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
        widths = {t.degree: t.width for t in plan.terms if t.width}
        self.sketch = PolySketch(plan.n_features, widths, seed=seed, dtype=self.dtype) if widths else None
        self.block_rows = 256 if self.sketch is None else max(1, self.sketch.block_rows)
        self.mixing = {t.degree: _mixing_signs(t, seed) for t in plan.terms if t.width}
        self.columns = dict(zip((t.degree for t in plan.terms), _slices(plan), strict=True))
        self.used = sum(t.columns(plan.n_features) for t in plan.terms)

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
        blocks = [slice(i, min(i + self.block_rows, len(out))) for i in range(0, len(out), self.block_rows)]
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
        rows = X.toarray() if sparse.issparse(X) else X
        unit, mean_squares, along = self._split(np.asarray(rows, dtype=np.float64, order="C"))
        functions = self.plan.basis(mean_squares)
        place = self.columns
        if self.sketch is not None:
            parts = {k: out[:, place[k]][:, -width:] for k, width in self.sketch.widths.items()}
            self.sketch(unit, parts)
        for term in self.plan.terms:
            powers = radial_powers(self.plan.basis, functions, along, term.degree)
            components = mixed(powers, term.mixing)
            mine = out[:, place[term.degree]]
            if term.exact:
                count = monomial_count(self.plan.n_features, term.degree)
                raw = monomials(unit, term.degree)
                for e in range(term.exact):
                    weight = components[:, e, None].astype(self.dtype)
                    np.multiply(raw, weight, out=mine[:, e * count : (e + 1) * count])
            if term.width:
                sketched = mine[:, -term.width :]
                for part in self._mixed(components[:, term.exact :], term.degree):
                    sketched *= part

    def _mixed(self, components: Array, degree: int) -> Iterator[NDArray[Any]]:
        """What multiplies each column of a sketch: one component, or components through random signs."""
        if components.shape[1] == 1:
            yield components.astype(self.dtype)
            return
        total = np.zeros((len(components), self.mixing[degree].shape[1]), dtype=self.dtype)
        for c, sign in enumerate(self.mixing[degree]):
            total += components[:, c, None].astype(self.dtype) * sign.astype(self.dtype)
        yield total

    def _split(self, rows: Array) -> tuple[NDArray[Any], Array, Array]:
        """Return x⊥ (in the map's dtype), |x|²/d and α. Nothing here depends on the other rows."""
        peak = np.abs(rows).max(axis=1)
        safe = np.where(peak > 0, peak, 1.0)
        unit = rows / safe[:, None]
        length = np.sqrt((unit * unit).sum(axis=1))
        unit /= np.where(length > 0, length, 1.0)[:, None]
        with np.errstate(over="ignore"):
            mean_squares = (length * safe) ** 2 / rows.shape[1]
        if not np.all(np.isfinite(mean_squares)):
            raise DualactError("a row of X has a norm whose square overflows; scale X down.")
        mean_squares[peak == 0] = 0.0
        direction = self.plan.direction
        if direction is None:
            return np.ascontiguousarray(unit, dtype=self.dtype), mean_squares, np.zeros(len(rows))
        along = (unit * direction).sum(axis=1)
        unit -= along[:, None] * direction
        return np.ascontiguousarray(unit, dtype=self.dtype), mean_squares, along


def _slices(plan: SketchPlan) -> Iterator[slice]:
    start = 0
    for term in plan.terms:
        stop = start + term.columns(plan.n_features)
        yield slice(start, stop)
        start = stop


def _mixing_signs(term: Term, seed: int) -> NDArray[np.int8]:
    rest = term.mixing.shape[1] - term.exact
    return signs((seed, _MIXING_STREAM, term.degree), rest * term.width).reshape(rest, term.width)
