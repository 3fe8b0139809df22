"""Duals of whole arrays by their Hermite series, K = Σ_k a_k(p) a_k(q) ρ^k, where its tail is negligible.

A kernel matrix has many correlations and few variances: the coefficients are computed once a variance, and a
term costs nanoseconds. What is cut behind degree D is at most |ρ|^(D+1)·t_D(p)·t_D(q), with
t_D² = Eφ² − Σ_{k ≤ D} a_k². Each entry takes the lowest degree of a ladder for which that bound is below the
tolerance; entries too near to ρ = ±1 are handed back, for another rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..contract import Array, Hermite

__all__ = ["Mehler"]

Index = NDArray[np.intp]

_LADDER = (7, 15, 31, 63, 127, 255, 511, 767)
_FIRST = 5  # rungs for every entry; the others for those alone that need them
_BLOCK = 8192
_BUFFER = 1 << 16
_MOST = 6_000_000  # numbers in one table of coefficients
_KEPT = 6
_SMALLEST = 1e-280  # a norm below leaves nothing to be told apart


@dataclass(frozen=True)
class _Coefficients:
    """a_k/√(Eφ²) at some variances, (degree + 1, n); ln(t_D/√(Eφ²)) at the ladder's rungs, (rungs, n);
    √(Eφ²) and 1/√variance.
    """

    table: Array
    log_tail: Array
    size: Array
    root: Array


@dataclass(frozen=True, eq=False)
class Mehler:
    """The series of one function.

    Parameters
    ----------
    hermite : callable
        ``hermite(variance, degree)`` for variances of shape (n,), as an activation's.
    size : callable
        √(Eφ²) at variances of shape (n,).
    tolerance : float
        Of what is cut, relative to √(Eφ(u)²Eφ(v)²).
    least, repeats : int
        It pays from so many entries on, and so many entries a variance.

    Notes
    -----
    .05 to .2 µs an entry with \\|ρ\\| below .9, 1 µs up to .96. The coefficients of the last few sets of
    variances are kept, since a matrix comes in blocks of rows.
    """

    hermite: Hermite
    size: Callable[[Array], Array]
    tolerance: float = 3e-15
    least: int = 4000
    repeats: int = 24
    _recent: dict[tuple[bytes, int], _Coefficients] = field(default_factory=dict)

    def pays(self, cov: Array, p: Array, q: Array) -> bool:
        """Whether there are so many entries for so few variances that the tables pay."""
        entries = math.prod(np.broadcast_shapes(cov.shape, p.shape, q.shape))
        return entries >= self.least and entries >= self.repeats * (_distinct(p) + _distinct(q))

    def __call__(self, cov: Array, p: Array, q: Array) -> tuple[Array, Index]:
        """Return E φ(u)φ(v) in the broadcast shape, and the flat index of the entries that are left out."""
        left, i = np.unique(p, return_inverse=True)
        right, j = np.unique(q, return_inverse=True)
        i, j = i.reshape(p.shape), j.reshape(q.shape)
        u, v = self._coefficients(left, _FIRST), self._coefficients(right, _FIRST)
        out: Array = np.zeros(np.broadcast_shapes(cov.shape, p.shape, q.shape))
        flat = out.reshape(-1)
        left_out: list[Index] = []
        for where, c, a, b in _walk(cov, i, j, out.shape):
            flat[where], done = self._block(c, u, a, v, b)
            left_out.append(np.flatnonzero(~done) + where.start)
        rest: Index = np.concatenate(left_out) if left_out else np.zeros(0, dtype=np.intp)
        if rest.size:
            some, a = np.unique(np.broadcast_to(i, out.shape).reshape(-1)[rest], return_inverse=True)
            others, b = np.unique(np.broadcast_to(j, out.shape).reshape(-1)[rest], return_inverse=True)
            if rest.size >= 2 * (len(some) + len(others)):
                u, v = self._coefficients(left[some]), self._coefficients(right[others])
                c = np.broadcast_to(cov, out.shape).reshape(-1)[rest]
                flat[rest], done = self._block(c, u, a, v, b)
                rest = rest[~done]
        return out, rest

    def _coefficients(self, variance: Array, rungs: int = len(_LADDER)) -> _Coefficients:
        key = (variance.tobytes(), rungs)
        found = self._recent.get(key)
        if found is None:
            ladder = [d for d in _LADDER[:rungs] if (d + 1) * len(variance) <= _MOST] or [_LADDER[0]]
            size = self.size(variance)
            visible = size > _SMALLEST
            inverse = np.divide(1.0, size, out=np.zeros_like(size), where=visible)
            table = np.ascontiguousarray((self.hermite(variance, ladder[-1]) * inverse[:, None]).T)
            share = np.cumsum(np.square(table), axis=0)[ladder]
            # 1 − Σa² is known to rounding only; when it is down to that, the series has converged at every ρ.
            tail = np.where(visible, np.maximum(1 - share, 0) + 1e-15, 1e-300)
            root = np.divide(1.0, np.sqrt(variance), out=np.zeros_like(size), where=variance > 0)
            found = _Coefficients(table, 0.5 * np.log(tail), np.where(visible, size, 0.0), root)
            for old in list(self._recent)[: -_KEPT + 1]:
                self._recent.pop(old, None)
            self._recent[key] = found
        return found

    def _block(
        self, cov: Array, u: _Coefficients, i: Index, v: _Coefficients, j: Index
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Return K, and whether its truncation error is below the tolerance."""
        rho = np.clip(cov * u.root[i] * v.root[j], -1.0, 1.0)
        value, done = np.zeros(len(rho)), np.zeros(len(rho), dtype=bool)
        with np.errstate(divide="ignore"):
            step = np.log(np.abs(rho))
        todo: Index = np.arange(len(rho))
        for rung in range(min(len(u.log_tail), len(v.log_tail))):
            degree = _LADDER[rung]
            cut = (degree + 1) * step[todo] + u.log_tail[rung][i[todo]] + v.log_tail[rung][j[todo]]
            fits = cut <= math.log(self.tolerance)
            here = todo[fits]
            for start in range(0, len(here), _BLOCK):
                some = here[start : start + _BLOCK]
                value[some] = _horner(rho[some], u.table[: degree + 1], i[some], v.table, j[some])
            done[here] = True
            todo = todo[~fits]
            if not todo.size:
                break
        return value * u.size[i] * v.size[j], done


def _distinct(variance: Array) -> int:
    """An upper bound of the number of distinct variances, exact where a sample has few."""
    flat = variance.ravel()
    if variance.size < 256 or len(np.unique(flat[:: variance.size // 128])) < 64:
        return len(np.unique(flat))
    return int(variance.size)


def _walk(
    cov: Array, i: Index, j: Index, shape: tuple[int, ...]
) -> Iterator[tuple[slice, Array, Index, Index]]:
    """Run through the broadcast entries in blocks, in C order."""
    walk = np.nditer(
        [np.broadcast_to(cov, shape), i, j],
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_flags=[["readonly"]] * 3,
        op_dtypes=[np.float64, np.intp, np.intp],
        order="C",
        buffersize=_BUFFER,
    )
    start = 0
    with walk:
        for c, a, b in walk:
            yield slice(start, start + len(c)), c, a, b
            start += len(c)


def _horner(rho: Array, left: Array, i: Index, right: Array, j: Index) -> Array:
    """Σ_k left[k, i] right[k, j] ρ^k; every second term alone if φ is even or odd."""
    odd = not left[0::2].any()
    stride = 2 if odd or not left[1::2].any() else 1
    first = 1 if odd and stride == 2 else 0
    factor = rho if stride == 1 else rho * rho
    total, term, other = np.zeros_like(rho), np.empty_like(rho), np.empty_like(rho)
    top = len(left) - 1
    for k in range(top - (top - first) % stride, -1, -stride):
        np.take(left[k], i, out=term)
        np.take(right[k], j, out=other)
        term *= other
        total *= factor
        total += term
    return total * rho if first else total
