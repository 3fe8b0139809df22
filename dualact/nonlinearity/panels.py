"""Panels: integrals ∫φ(t)g(t)dt against any smooth g, with φ resolved once and for all.

On the panel [jh, (j+1)h], h = 2^level, φ is replaced by *product weights* W_i = ∫ φ(t) ℓ_i(t) dt, where
ℓ_i are the Lagrange polynomials of the 32 Gauss–Legendre nodes x_i. Then ∫ φ g = Σ W_i g(x_i) for every g
that 32 nodes interpolate, however rough φ is: its kinks, jumps and oscillations are inside the weights.
Where 32 nodes resolve φ itself, W_i = w_i φ(x_i); elsewhere the panel is halved (or cut at a declared
breakpoint), and the weights of the parts are carried to the whole by interpolation.

So a Gaussian expectation at any variance costs the resolution of the Gaussian, not that of φ.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from ..errors import DualactError, PluginError
from .contract import Array

__all__ = ["NODES", "ORDER", "TO_COEF", "Function", "Index", "PanelTable", "evaluate", "gauss_legendre"]

Index = NDArray[np.int64]
Function = Callable[[Array], Array]


def gauss_legendre(n: int) -> tuple[Array, Array]:
    """Return nodes and weights on [−1, 1]; Newton steps in long double save the last two digits."""
    x: NDArray[Any] = legendre.leggauss(n)[0].astype(np.longdouble)
    for _ in range(2):
        older, now = np.ones_like(x), x
        for k in range(1, n):
            older, now = now, ((2 * k + 1) * x * now - k * older) / (k + 1)
        slope = n * (older - x * now) / (1 - x * x)
        x = x - now / slope
    weight = 2 / ((1 - x * x) * slope * slope)
    return x.astype(np.float64), weight.astype(np.float64)


ORDER = 32
NODES, _RULE = gauss_legendre(ORDER)
#: Orthonormal Legendre coefficients from nodal values; the last few tell whether φ is resolved.
_ANALYSIS = (legendre.legvander(NODES, ORDER - 1) * _RULE[:, None]) * np.sqrt(np.arange(ORDER) + 0.5)
_TAIL = np.ascontiguousarray(_ANALYSIS[:, -5:])
_BODY = np.ascontiguousarray(_ANALYSIS[:, 8:13])
TO_COEF = _ANALYSIS * np.sqrt(np.arange(ORDER) + 0.5)
_GAPS = np.diff(NODES)
_EPS = float(np.finfo(np.float64).eps)
_BARY = (-1.0) ** np.arange(ORDER) * np.sqrt((1 - NODES**2) * _RULE)

#: Resolved means a tail below this fraction of max|φ| between 0 and the panel.
_RESOLVED = 3e-15
#: A tail that halving does not lower, in a spectrum as flat as noise (that of a kink falls by 8 from the
#: body to the tail), is rounding noise of φ, accepted up to this fraction.
_NOISE = 1e-10
#: Narrowest panel away from breakpoints, as a fraction of min(1, top panel)·max(1, |t|).
_NARROWEST = 2.0**-24
#: Panels refined at once (bounds memory), and in one request altogether (bounds time).
_CHUNK = 4096
#: Within ±_CENTRE no panel is wider than _START.
_CENTRE, _START = 8.0, 0.5
_MOST = 3_000_000


def _lagrange(x: Array) -> Array:
    """Return ℓ_i(x) of the 32 nodes, shape x.shape + (32,)."""
    gap = x[..., None] - NODES
    hit = gap == 0
    ratio = _BARY / np.where(hit, 1.0, gap)
    value: Array = ratio / ratio.sum(-1, keepdims=True)
    return np.where(hit.any(-1, keepdims=True), hit.astype(np.float64), value)


_LEFT = _lagrange((NODES - 1) / 2)
_RIGHT = _lagrange((NODES + 1) / 2)


def evaluate(f: Function, t: Array, name: str) -> Array:
    """Return f(t) as float64; a non-finite value is an error that names the place."""
    with np.errstate(all="ignore"):
        y = np.asarray(f(t), dtype=np.float64)
    if y.shape != t.shape:
        raise PluginError(
            f"activation {name!r}: phi must map an array to an array of the same shape. "
            f"Got shape {y.shape} for input of shape {t.shape}."
        )
    if not np.isfinite(y).all():
        bad = t[~np.isfinite(y)]
        worst = bad[np.argmin(np.abs(bad))]
        raise DualactError(
            f"activation {name!r}: phi is not finite at t = {worst:.6g}, which the Gaussian integral at this "
            "variance needs. Ask for a smaller variance, or write phi so that it does not overflow."
        )
    return y


class PanelTable:
    """Product weights of one function, level by level, computed on demand.

    Parameters
    ----------
    f : callable
        The function, vectorised.
    breakpoints : tuple of float
        Where it is not smooth.
    name : str
        Whose function it is, for messages.
    noise : pair of ndarray or None
        Extents and the error of f itself on \\|t\\| up to them, if it is larger than rounding.
    guide : PanelTable or None
        A table whose panels f needs at least (φ's own, for φ′).
    shift : float
        f(t) stands for φ(t + shift); messages name places of φ.
    """

    def __init__(
        self,
        f: Function,
        breakpoints: tuple[float, ...],
        name: str,
        noise: tuple[Array, Array] | None = None,
        guide: PanelTable | None = None,
        shift: float = 0.0,
    ) -> None:
        self.f = f
        self.shift = shift
        self.guide = guide
        self._noise = noise
        self.name = name
        self.breakpoints = np.array(sorted(breakpoints), dtype=np.float64)
        self._levels: dict[int, tuple[int, int, Array]] = {}
        self._leaves: dict[int, Array] = {}
        self._coarse: dict[int, Array] = {}
        self._profile: dict[int, float] = {}
        self._work = 0

    def __call__(self, t: Array) -> Array:
        """Return f(t), checked finite."""
        return evaluate(self.f, t, self.name)

    @cached_property
    def squared(self) -> PanelTable:
        """The panels of f²."""
        return PanelTable(lambda t: np.square(self(t)), tuple(self.breakpoints.tolist()), self.name)

    def noise(self, extent: Array) -> Array:
        """Return the absolute error of f itself on \\|t\\| ≤ extent (0 if it is only rounding)."""
        if self._noise is None:
            return np.zeros(np.shape(extent))
        place = np.searchsorted(self._noise[0], extent)
        return np.asarray(self._noise[1][np.minimum(place, len(self._noise[1]) - 1)])

    def height(self, extent: float) -> float:
        """Return max \\|f\\| on a sample of \\|t\\| ≤ extent: the scale errors are measured against."""
        top = int(np.clip(np.floor(np.log2(max(extent, 1e-30))), -80, 200))
        best = 0.0
        for octave in range(top, top - 24, -1):
            if octave not in self._profile:
                t = np.ldexp(1 + np.arange(16) / 16.0, octave - 1)
                self._profile[octave] = float(np.abs(self(np.concatenate([t, -t]))).max())
            best = max(best, self._profile[octave])
        return best

    def block(self, level: int, low: int, high: int) -> Array:
        """Return the weights of panels low ≤ j < high of a level, shape (high − low, 32); cached."""
        have = self._levels.get(level)
        if have is None or have[0] > low or have[1] < high:
            lo, hi = (low, high) if have is None else (min(low, have[0]), max(high, have[1]))
            table = self.weights(level, np.arange(lo, hi, dtype=np.int64))
            have = (lo, hi, table)
            self._levels[level] = have
        return have[2][low - have[0] : high - have[0]]

    def weights(self, level: int, index: Index) -> Array:
        """Return the weights of the panels [j, j+1]·2^level, shape (len(index), 32)."""
        width = math.ldexp(1.0, level)
        a: Array = index.astype(np.float64) * width
        self._work = 0
        parts = [
            self._weights(a[i : i + _CHUNK], a[i : i + _CHUNK] + width, width)
            for i in range(0, len(a), _CHUNK)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, ORDER))

    def leaves(self, extent: float) -> Array:
        """Return the edges of panels that resolve f on [−extent, extent] (rounded up to a power of two)."""
        level = int(np.ceil(np.log2(max(extent, 1e-30)))) - 2
        if level not in self._leaves:
            width = math.ldexp(1.0, level)
            a: Array = np.arange(-4.0, 4.0) * width
            found: list[Array] = []
            self._work = 0
            self._weights(a, a + width, width, found)
            self._leaves[level] = np.unique(np.concatenate([*found, [4 * width]]))
        return self._leaves[level]

    def coarse(self, extent: float) -> Array:
        """Return the edges of panels that degree 15 is enough for: leaves, joined or halved."""
        level = int(np.ceil(np.log2(max(extent, 1e-30)))) - 2
        if level not in self._coarse:
            edges = self.leaves(extent)
            scale = self.height(float(np.abs(edges).max()))

            def enough(low: Array, high: Array) -> NDArray[np.bool_]:
                half = (high - low)[:, None] / 2
                tail = np.abs(self(low[:, None] + half * (1 + NODES)) @ _ANALYSIS[:, 16:])
                return np.asarray(tail.max(-1) <= 1e-13 * scale)

            for _ in range(3):
                rough = ~enough(edges[:-1], edges[1:])
                edges = np.sort(np.concatenate([edges, (edges[:-1] + edges[1:])[rough] / 2]))
            kept, narrowest = [edges[0]], edges[1] - edges[0]
            for left, right in itertools.pairwise(edges[1:]):
                narrowest = min(narrowest, right - left)
                # A narrow leaf has a narrow feature, which must not fall between the nodes of a wide one.
                joins = left not in self.breakpoints and right - kept[-1] <= 20 * narrowest
                if not (joins and enough(np.array([kept[-1]]), np.array([right]))[0]):
                    kept.append(left)
                    narrowest = right - left
            self._coarse[level] = np.array([*kept, edges[-1]])
        return self._coarse[level]

    def _weights(self, a: Array, b: Array, top: float, found: list[Array] | None = None) -> Array:
        outer = np.maximum(np.abs(a), np.abs(b))
        floor = np.array([self.height(x) for x in np.unique(outer)])
        scale = floor[np.unique(outer, return_inverse=True)[1]]
        unknown = np.full(len(a), np.inf)
        return self._refine(a, b, scale, (unknown, unknown), top, found)

    def _refine(
        self,
        a: Array,
        b: Array,
        scale: Array,
        older: tuple[Array, Array],
        top: float,
        found: list[Array] | None,
    ) -> Array:
        """Weights of the intervals [a, b]; ``older`` are the tails of parent and grandparent."""
        if len(a) > _CHUNK:
            cuts = range(0, len(a), _CHUNK)
            pieces = [slice(i, i + _CHUNK) for i in cuts]
            return np.concatenate(
                [self._refine(a[s], b[s], scale[s], (older[0][s], older[1][s]), top, found) for s in pieces]
            )
        self._count(len(a), a, b)
        half = (b - a) / 2
        y = self((a + half)[:, None] + half[:, None] * NODES)
        tail = np.abs(y @ _TAIL).max(-1, initial=0.0)
        scale = np.maximum(scale, np.abs(y).max(-1, initial=0.0))
        first = np.searchsorted(self.breakpoints, a, "right")
        inside = np.searchsorted(self.breakpoints, b, "left") - first
        touching = np.isin(a, self.breakpoints) | np.isin(b, self.breakpoints)
        size = np.maximum(np.abs(a), np.abs(b))
        # t itself is rounded: φ cannot be smoother than ε·|t|·|φ′|.
        rounding = _EPS * size * np.abs(np.diff(y) / _GAPS).max(-1, initial=0.0) / half
        fine = tail <= np.maximum(_RESOLVED * scale, self.noise(size)) + rounding
        body = np.abs(y @ _BODY).max(-1, initial=0.0)
        fine |= (tail <= _NOISE * scale) & (tail > 0.5 * older[1]) & (body <= 4 * tail)
        fine |= touching & (tail * (b - a) <= _RESOLVED * scale * top)
        fine |= touching & (b - a <= 64 * _EPS * size)
        fine &= inside == 0
        # A narrow feature near 0, or one that φ's own panels show to φ′, must not fall between the nodes.
        fine &= (b - a <= _START) | (b <= -_CENTRE) | (a >= _CENTRE)
        if self.guide is not None:
            known = self.guide.leaves(float(size.max()))
            fine &= np.searchsorted(known, b, "left") <= np.searchsorted(known, a, "right") + 1
        lost = (
            ~fine & (inside == 0) & ~touching & (b - a < _NARROWEST * min(1.0, top) * np.maximum(1.0, size))
        )
        if lost.any():
            where = np.flatnonzero(lost)[np.argmax(tail[lost])]
            place = round(float((a + half)[where] + self.shift), 6) + 0.0  # found by bisection, not exactly
            raise PluginError(
                f"activation {self.name!r}: phi is not smooth near t = {place:.6g}, "
                "and no breakpoint is declared there (declared: "
                f"{tuple((self.breakpoints + self.shift).tolist())}). "
                "Kinks and jumps must be named: pass breakpoints=(...) with this place among them."
            )
        out = half[:, None] * _RULE * y
        if found is not None:
            found.append(a[fine])
        todo = np.flatnonzero(~fine)
        if todo.size:
            single = inside[todo] == 1
            cut = (a + half)[todo]
            cut[single] = self.breakpoints[first[todo[single]]]
            history = (np.tile(tail[todo], 2), np.tile(older[0][todo], 2))
            parts = self._refine(
                np.concatenate([a[todo], cut]),
                np.concatenate([cut, b[todo]]),
                np.tile(scale[todo], 2),
                history,
                top,
                found,
            )
            left, right = parts[: todo.size], parts[todo.size :]
            merged = left @ _LEFT + right @ _RIGHT
            for i in np.flatnonzero(single):
                share = (cut[i] - a[todo[i]]) / (b[todo[i]] - a[todo[i]])
                merged[i] = left[i] @ _lagrange(share * (NODES + 1) - 1)
                merged[i] += right[i] @ _lagrange(1 - (1 - share) * (1 - NODES))
            out[todo] = merged
        return out

    def _count(self, panels: int, a: Array, b: Array) -> None:
        self._work += panels
        if self._work > _MOST:
            raise DualactError(
                f"activation {self.name!r}: phi needs more than {_MOST} panels of 32 points (the last "
                f"ones near t = {a[0]:.6g}, width {b[0] - a[0]:.2g}): "
                "it oscillates too fast for this variance. "
                "Give a closed form (dual, hermite), or ask for a smaller variance."
            )
