"""The feature map itself: a plan, a seed and a dtype in, rows of features out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..errors import DualactError
from ..nonlinearity.contract import Array
from .blocks import BlockMap, row_blocks
from .monomials import monomial_count
from .polysketch import PolySketch
from .signs import signs
from .sparse_rows import SparseRows, canonical, unit_csr
from .terms import Graded, Term, mixed, radial_powers, tilted

__all__ = ["FeatureMap", "MapPlan", "RadialFunctions", "overflow"]

_MIXING_STREAM = 2**31  # address of the mixing signs among the streams of a seed; a sketch uses its degree
_ROOM = 1e-6  # of the largest number of a dtype: larger weights may overflow with what they multiply


class RadialFunctions(Graded, Protocol):
    """The functions f_t of a series K(x, y) = Σ_t f_t(|x|) f_t(|y|) cos^{degree_t}∠(x, y)."""

    def of_norms(self, norms: Array, n_features: int) -> Array:
        """Return f_t of rows with these norms, (n, t); each row depends on its own norm alone."""


class MapPlan(Protocol):
    """What a feature map asks of its plan."""

    @property
    def n_features(self) -> int:
        """Columns of the input."""

    @property
    def n_components(self) -> int:
        """Columns of the output."""

    @property
    def basis(self) -> RadialFunctions:
        """The radial functions."""

    @property
    def direction(self) -> Array | None:
        """The unit vector along which rows are split, if they are."""

    @property
    def terms(self) -> tuple[Term, ...]:
        """The degrees, their weights, and how they are carried."""

    @property
    def spread(self) -> int:
        """Slots a coordinate of sparse leaves; 0 for dense leaves."""

    def tail_share(self, norms: Array) -> Array:
        """Return τ² of rows with these norms, by which terms are tilted."""


class FeatureMap(BlockMap):
    """Sketched features: E⟨z(x), z(y)⟩ is the plan's series.

    Parameters
    ----------
    plan : MapPlan
    seed : int
        Non-negative. Plan, seed and dtype fix the map.
    dtype : numpy dtype
        float32 or float64: of the computation and of the features.
    """

    plan: MapPlan
    block_rows = 512  # whose norms and radial functions are worked out together
    calls_blas = False

    def __init__(self, plan: MapPlan, seed: int, dtype: Any) -> None:
        self.plan = plan
        self.dtype = np.dtype(dtype)
        d = plan.n_features
        terms = [t for t in plan.terms if t.degree > 0]
        self.sketch = self._polysketch({t.degree: t.width for t in terms if t.width}, seed)
        counts = {t.degree: monomial_count(d, t.degree) for t in terms if t.exact}
        self.monomials = self._polysketch(counts, seed)
        inner = (p.block_rows for p in (self.sketch, self.monomials) if p is not None)
        self.inner_rows = max(1, min([self.block_rows, *inner]))
        self.mixing = {t.degree: _mixing_signs(t, seed, self.dtype) for t in plan.terms if t.width}
        self.columns = dict(zip((t.degree for t in plan.terms), _slices(plan), strict=True))

    def series_diagonal(self, X: Any) -> Array:
        """Return E|z(x)|², the diagonal of the plan's series, of the rows of X.

        Parameters
        ----------
        X : (n, d) array or CSR matrix
            Finite.

        Returns
        -------
        (n,) float64 array
        """
        out = np.zeros(X.shape[0])
        for rows in row_blocks(len(out), self.block_rows):
            unit, norms, along = self._split(X[rows])
            length = _squared_lengths(unit, along)
            for degree, components in self._components(norms, along).items():
                out[rows] += (components**2).sum(axis=1) * length**degree
        return out

    def _block(self, X: Any, out: NDArray[Any]) -> None:
        unit, norms, along = self._split(X)
        components = self._components(norms, along)
        size = max((float(np.abs(c).max(initial=0.0)) for c in components.values()), default=0.0)
        largest = float(np.finfo(self.dtype).max)
        if not size <= largest:
            raise overflow(norms, self.dtype)
        leaves = (
            SparseRows.of(unit, self.dtype)
            if self.plan.spread
            else np.ascontiguousarray(unit, dtype=self.dtype)
        )
        across = along.astype(self.dtype)
        weights = {k: c.astype(self.dtype) for k, c in components.items()}
        with np.errstate(over="ignore"):
            for part in row_blocks(len(out), self.inner_rows):
                self._inner(leaves[part], across[part], {k: c[part] for k, c in weights.items()}, out[part])
        if size > _ROOM * largest and not np.all(np.isfinite(out)):
            raise overflow(norms, self.dtype)

    def _components(self, norms: Array, along: Array) -> dict[int, Array]:
        """a_j(x) of each term, (n, c)."""
        functions = self.plan.basis.of_norms(norms, self.plan.n_features)
        found = {}
        with np.errstate(over="ignore", invalid="ignore"):
            for term in self.plan.terms:
                raw = mixed(radial_powers(self.plan.basis, functions, along, term.degree), term.mixing)
                if term.tilt != (1.0,):
                    raw = tilted(raw, term.tilt, self.plan.tail_share(norms))
                found[term.degree] = raw
        return found

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

    def _split(self, X: Any) -> tuple[Any, Array, Array]:
        """Return x⊥, |x| and α. Nothing here depends on the other rows; no square under- or overflows.

        For sparse leaves x/|x| stands for x⊥, a CSR matrix: the leaves subtract αμ themselves.
        """
        if self.plan.spread:
            return self._split_sparse(canonical(X))
        rows = np.asarray(X.toarray() if sparse.issparse(X) else X, dtype=np.float64, order="C")
        peak = np.abs(rows).max(axis=1)
        safe = np.where(peak > 0, peak, 1.0)
        unit = rows / safe[:, None]
        length = np.sqrt((unit * unit).sum(axis=1))
        unit /= np.where(length > 0, length, 1.0)[:, None]
        with np.errstate(over="ignore"):
            norms = length * safe
        direction = self.plan.direction
        if direction is None:
            return unit, norms, np.zeros(len(rows))
        along = (unit * direction).sum(axis=1)
        unit -= along[:, None] * direction
        return unit, norms, along

    def _split_sparse(self, rows: Any) -> tuple[Any, Array, Array]:
        unit, norms = unit_csr(rows)
        along = np.zeros(len(norms))
        if self.plan.direction is not None:
            along = _row_sums(unit, unit.data * self.plan.direction[unit.indices])
        return unit, norms, along

    def _polysketch(self, widths: dict[int, int], seed: int) -> PolySketch | None:
        if not widths:
            return None
        plan = self.plan
        direction = plan.direction if plan.spread else None
        return PolySketch(
            plan.n_features, widths, seed=seed, dtype=self.dtype, spread=plan.spread, direction=direction
        )


def overflow(norms: Array, dtype: np.dtype[Any]) -> DualactError:
    """The error of features that are too large for their dtype."""
    remedy = "" if dtype == np.float64 else ", or pass X as float64"
    return DualactError(
        f"the features of X overflow {dtype.name}: rows have norms of up to {norms.max():.3g}. "
        f"Scale X down{remedy}."
    )


def _powers(
    sketch: PolySketch, unit: NDArray[Any] | SparseRows, along: NDArray[Any], outs: dict[int, NDArray[Any]]
) -> None:
    if isinstance(unit, SparseRows):
        sketch.of_nonzeros(unit, outs, along)
    else:
        sketch(unit, outs)


def _squared_lengths(unit: Any, along: Array) -> Array:
    """|x⊥|² of what :meth:`FeatureMap._split` returned."""
    if sparse.issparse(unit):
        return np.maximum(_row_sums(unit, unit.data**2) - along**2, 0.0)
    lengths: Array = (unit * unit).sum(axis=1)
    return lengths


def _row_sums(rows: Any, values: Array) -> Array:
    """Sums of the values of each row of a CSR matrix, to the bit whatever rows are beside it."""
    owner = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    sums = np.zeros(rows.shape[0])
    sums += np.bincount(owner, values, minlength=rows.shape[0])
    return sums


def _slices(plan: MapPlan) -> Iterator[slice]:
    start = 0
    for term in plan.terms:
        stop = start + term.columns(plan.n_features)
        yield slice(start, stop)
        start = stop


def _mixing_signs(term: Term, seed: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    rest = term.mixing.shape[1] - term.exact
    drawn = signs((seed, _MIXING_STREAM, term.degree), rest * term.width)
    return drawn.reshape(rest, term.width).astype(dtype)
