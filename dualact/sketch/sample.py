"""What the design of a feature map sees of the data: a bounded sample, as norms and cosines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..exact.inputs import gram
from ..nonlinearity.contract import Array
from .sparse_rows import canonical, unit_csr

__all__ = [
    "Sample",
    "can_split",
    "direction_from_data",
    "direction_to_data",
    "draw_sample",
    "evenly_spaced",
    "gaussian_sample",
    "sample_of",
    "sampled_rows",
    "split_along_main_direction",
    "unit_rows",
]

SAMPLE_ROWS = 512
_DIRECTION_FEATURES = 4096  # at most that many entries of a direction are not zero


@dataclass(frozen=True, eq=False)
class Sample:
    """Pairs of a few rows, split along a direction.

    With x̂ = x/|x| = αμ + x⊥ for a unit vector μ (or α = 0, x⊥ = x̂ where there is none):

    Attributes
    ----------
    n_features : int
    norms : (s,) array
        |x|.
    cosines : (s, s) array
        x̂·ŷ.
    along : (s,) array
        α.
    fourth : (s, s) array
        Σ_i (x⊥_i y⊥_i)², which the variance of sketches with random signs depends on.
    direction : (d,) array or None
        μ.
    spread : int
        Slots a coordinate of the sparse leaves that are to be used; 0 for dense leaves.
    population : int or None
        How many rows of data these stand for; None for themselves.
    """

    n_features: int
    norms: Array
    cosines: Array
    along: Array
    fourth: Array
    direction: Array | None = None
    spread: int = 0
    population: int | None = None

    @cached_property
    def mean_squares(self) -> Array:
        """|x|²/d, (s,); infinity where it overflows."""
        with np.errstate(under="ignore", over="ignore"):
            squares: Array = self.norms**2 / self.n_features
        return squares

    @cached_property
    def across(self) -> Array:
        """x⊥·y⊥ of all pairs, (s, s); its diagonal is |x⊥|²."""
        across = self.cosines - np.outer(self.along, self.along)
        np.fill_diagonal(across, np.maximum(across.diagonal(), 0.0))
        return across


def evenly_spaced(n: int, rows: int = SAMPLE_ROWS) -> NDArray[np.int64]:
    """Return the indices of the rows of a sample from n rows."""
    return np.unique(np.linspace(0, n - 1, min(n, rows)).astype(np.int64))


def draw_sample(X: Any, rows: int = SAMPLE_ROWS, population: int | None = None) -> tuple[Sample, Any]:
    """Return the sample of evenly spaced rows of X, and their unit vectors (dense or CSR).

    X stands for ``population`` rows, where it is a sample itself; None: for its own.
    """
    return sample_of(sampled_rows(X, rows), X.shape[0] if population is None else population)


def sample_of(part: Any, population: int | None = None) -> tuple[Sample, Any]:
    """Return the sample of these rows, which stand for ``population`` ones, and their unit vectors."""
    part = canonical(part) if sparse.issparse(part) else np.asarray(part, dtype=np.float64)
    unit, norms = unit_rows(part)
    d = part.shape[1]
    present = (norms > 0) / d
    cosines = gram(unit, unit, present, present) * d
    np.fill_diagonal(cosines, norms > 0)
    sample = Sample(d, norms, cosines, np.zeros(len(norms)), _fourth(unit), population=population)
    return sample, unit


def sampled_rows(X: Any, rows: int = SAMPLE_ROWS) -> Any:
    """Return that many evenly spaced rows of X at most."""
    return X[evenly_spaced(X.shape[0], rows)]


def unit_rows(rows: Any) -> tuple[Any, Array]:
    """Return the rows (dense or CSR) over their norms, and the norms; no square under- or overflows."""
    if sparse.issparse(rows):
        return unit_csr(rows)
    peak = np.abs(rows).max(axis=1)
    unit = rows / np.where(peak > 0, peak, 1.0)[:, None]
    length = np.sqrt((unit * unit).sum(axis=1))
    unit /= np.where(length > 0, length, 1.0)[:, None]
    with np.errstate(over="ignore"):
        return unit, length * peak


def gaussian_sample(n_features: int, rows: int = SAMPLE_ROWS) -> tuple[Sample, Array]:
    """Return a sample of rows N(0, 1), for designs without data."""
    X = np.random.Generator(np.random.PCG64(0)).standard_normal((rows, n_features))
    sample, unit = draw_sample(X)
    return sample, unit


def can_split(sample: Sample, unit: Any) -> bool:
    """Whether the rows can be split: those of sparse leaves always, because the leaves are linear."""
    count, d = unit.shape
    if count < 2 or d < 2 or not (unit.count_nonzero() if sparse.issparse(unit) else unit.any()):
        return False
    return bool(sample.spread or (isinstance(unit, np.ndarray) and d <= _DIRECTION_FEATURES))


def split_along_main_direction(sample: Sample, unit: Any) -> Sample:
    """Return the sample split along the first right singular vector of its unit vectors.

    Where the rows share a direction (pixels and counts are not centred), x⊥ is short, and the powers of
    x⊥·y⊥ that need sketching are small. Of a direction in many dimensions the largest entries are kept.
    """
    if unit.shape[1] <= unit.shape[0]:
        square = unit.T @ unit
        direction = np.linalg.eigh(square.toarray() if sparse.issparse(square) else square)[1][:, -1]
    else:
        direction = unit.T @ np.linalg.eigh(sample.cosines)[1][:, -1]
    if direction.size > _DIRECTION_FEATURES:
        direction[np.argsort(-np.abs(direction), kind="stable")[_DIRECTION_FEATURES:]] = 0.0
    direction /= np.linalg.norm(direction)
    along = unit @ direction
    if along.sum() < 0:
        direction, along = -direction, -along
    return Sample(
        sample.n_features,
        sample.norms,
        sample.cosines,
        along,
        _fourth_across(unit, along, direction),
        direction,
        sample.spread,
        sample.population,
    )


def direction_to_data(direction: Array | None) -> Any:
    """Return a direction as JSON-ready data: its entries, or where most are zero their places as well."""
    if direction is None or 2 * np.count_nonzero(direction) > direction.size:
        return None if direction is None else direction.tolist()
    places = np.flatnonzero(direction)
    return {"places": places.tolist(), "values": direction[places].tolist()}


def direction_from_data(data: Any, n_features: int) -> Array | None:
    """Read back what :func:`direction_to_data` wrote."""
    if not isinstance(data, Mapping):
        return None if data is None else np.asarray(data, dtype=float)
    direction = np.zeros(n_features)
    direction[np.asarray(data["places"], dtype=np.int64)] = data["values"]
    return direction


def _fourth_across(unit: Any, along: Array, direction: Array) -> Array:
    if not sparse.issparse(unit):
        return _fourth(unit - along[:, None] * direction)
    # x⊥ is dense where the direction has entries, and as sparse as x elsewhere.
    there = np.flatnonzero(direction)
    rest = unit @ sparse.diags_array((direction == 0).astype(float))
    return _fourth(unit[:, there].toarray() - along[:, None] * direction[there]) + _fourth(rest)


def _fourth(unit: Any) -> Array:
    squares = unit.power(2) if sparse.issparse(unit) else unit**2
    product = squares @ squares.T
    return product.toarray() if sparse.issparse(product) else np.asarray(product)
