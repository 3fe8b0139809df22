"""The radial functions of the series: g_k(s, t) = Σ_r f_{k,r}(s) f_{k,r}(t).

Each coefficient matrix of the series is positive semi-definite and numerically of low rank on a grid of
norms. Its eigenvectors, interpolated in the logarithm of the norm, are the radial functions. The zero row is
one more row of that matrix. Any other norm outside the grid goes through the series itself, against
the grid and the zero row, and is projected on the same functions: computed, never extrapolated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import DualactError
from ..exact.recursion import trace_variances
from ..network.spec import Network
from ..nonlinearity.contract import Array
from .chebyshev import chebyshev_nodes, interpolate
from .series import expand

__all__ = ["RadialBasis", "radial_basis"]

_TOLERANCE = 1e-7  # of the kernel's diagonal: eigenvalues below it are not worth a function
_GRIDS = (2, 6, 10, 16, 24, 36, 48)
_INTERPOLATION = 1e-6
_HIGHEST = 10_000  # degree that a stored plan may have
_TINY = float(np.finfo(np.float64).tiny)
_PANEL = math.log(4.0)  # width of the panels outside the grid, in log |x|²
_PANEL_NODES = 10


@dataclass(frozen=True, eq=False)
class Tail:
    """The share τ² of K(x, x) that the series has beyond a degree, as a function of the norm.

    Attributes
    ----------
    nodes : (g,) array
        Logarithms of |x|²/d.
    share : (g,) array
        τ² there. Norms beyond the nodes have that of the nearest one.
    """

    nodes: Array
    share: Array

    @property
    def spread(self) -> float:
        """How much the share changes over the norms."""
        return float(self.share.max() - self.share.min())

    def __call__(self, mean_squares: Array) -> Array:
        """Return τ² of rows with these |x|²/d, (n,)."""
        with np.errstate(divide="ignore"):
            places = np.clip(np.log(mean_squares), self.nodes[0], self.nodes[-1])
        flat = np.zeros_like(self.nodes)
        return np.clip(interpolate(self.nodes, flat, self.share[:, None], places)[:, 0], 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class RadialBasis:
    """Functions f_t(|x|) with a degree each, so that K(x, y) ≈ Σ_t f_t(|x|) f_t(|y|) cos^{degree_t}.

    Attributes
    ----------
    network : Network
    with_theta : bool
    degrees : (t,) int array
        The power of the cosine that goes with each function, ascending.
    nodes : (g,) array
        Logarithms of |x|²/d, a Chebyshev grid of the second kind, ascending.
    log_scale : (g,) array
        Logarithm of the size of all functions together at the nodes; taken out before interpolation, so
        that a homogeneous network's functions are constants.
    values : (g, t) array
        The functions at the nodes over the scale.
    zero : (t,) array
        The functions at the zero row.
    dual_basis : (g + 1, t) array
        What turns a row of coefficients against the nodes and the zero row into values of the functions.
    diagonal : (g,) array
        K(x, x) at the nodes.
    """

    network: Network
    with_theta: bool
    degrees: Array
    nodes: Array
    log_scale: Array
    values: Array
    zero: Array
    dual_basis: Array
    diagonal: Array
    _panels: dict[int, tuple[Array, Array, Array]] = field(default_factory=dict, init=False, repr=False)

    @property
    def degree(self) -> int:
        """The highest degree."""
        return int(self.degrees[-1])

    def up_to(self, degree: int) -> RadialBasis:
        """Return the functions whose degree is at most that."""
        keep = self.degrees <= degree
        return replace(
            self,
            degrees=self.degrees[keep],
            values=self.values[:, keep],
            zero=self.zero[keep],
            dual_basis=self.dual_basis[:, keep],
        )

    def tail(self, degree: int) -> Tail:
        """Return the share of K(x, x) beyond a degree, as a function of the norm."""
        below = (self.values[:, self.degrees <= degree] ** 2).sum(axis=1) * np.exp(2 * self.log_scale)
        share = 1 - below / np.maximum(self.diagonal, _TINY)
        return Tail(self.nodes, np.clip(share, 0.0, 1.0))

    def __call__(self, mean_squares: Array) -> Array:
        """Values of all functions.

        Parameters
        ----------
        mean_squares : (n,) array
            |x|²/d.

        Returns
        -------
        (n, t) array
            Each row depends on its own norm alone, to the bit.

        Raises
        ------
        NetworkError
            If a norm is out of the range of the network.
        """
        out = np.empty((mean_squares.size, self.degrees.size))
        out[mean_squares == 0] = self.zero
        places = np.log(np.where(mean_squares > 0, mean_squares, 1.0))
        low, high = self.nodes[0], self.nodes[-1]
        slack = 1e-9 * (1 + abs(low) + abs(high))
        inside = (places >= low - slack) & (places <= high + slack) & (mean_squares > 0)
        out[inside] = interpolate(self.nodes, self.log_scale, self.values, places[inside])
        outside = ~inside & (mean_squares > 0)
        if outside.any():
            # A norm that the network cannot take is refused here, with an error that names the layer.
            trace_variances(self.network.layers, mean_squares[outside], self.with_theta)
            out[outside] = self._outside(places[outside])
        return out

    def of_norms(self, norms: Array, n_features: int) -> Array:
        """Values of all functions at rows with these norms |x|, (n, t).

        Raises
        ------
        DualactError
            If a norm is out of the range of the network, or its square overflows.
        """
        with np.errstate(over="ignore", under="ignore"):
            mean_squares = norms**2 / n_features
        if not np.all(np.isfinite(mean_squares)):
            raise DualactError("a row of X has a norm whose square overflows; scale X down.")
        return self(mean_squares)

    def _outside(self, places: Array) -> Array:
        out = np.empty((places.size, self.degrees.size))
        panels = np.floor(places / _PANEL).astype(np.int64)
        for panel in np.unique(panels):
            mine = panels == panel
            out[mine] = self._on_panel(int(panel), places[mine])
        return out

    def _on_panel(self, panel: int, places: Array) -> Array:
        """Interpolate between norms that were computed directly: many rows cost little more than one."""
        if panel not in self._panels:
            nodes = chebyshev_nodes(panel * _PANEL, (panel + 1) * _PANEL, _PANEL_NODES)
            try:
                functions = self._direct(np.exp(nodes))
                log_scale = np.log(np.maximum(np.linalg.norm(functions, axis=1), _TINY))
            except DualactError:  # the panel reaches beyond the range of the network, these rows do not
                return np.concatenate([self._direct(np.exp(place[None])) for place in places])
            self._panels[panel] = nodes, log_scale, functions / np.exp(log_scale)[:, None]
        return interpolate(*self._panels[panel], places)

    def _direct(self, mean_squares: Array) -> Array:
        anchors = np.append(np.exp(self.nodes), 0.0)
        series = expand(self.network.layers, mean_squares, anchors, self.degree, self.with_theta)
        out: Array = np.einsum("trg,gt->rt", series[self.degrees], self.dual_basis)
        return out

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready data (the network and its kind are the plan's)."""
        return {key: getattr(self, key).tolist() for key in ("degrees", *_ARRAYS)}

    @classmethod
    def from_dict(cls, data: dict[str, Any], network: Network, with_theta: bool) -> RadialBasis:
        """Read back what :meth:`to_dict` wrote.

        Raises
        ------
        DualactError
            If the arrays do not fit together, or hold anything but numbers of a sensible size.
        """
        degrees: Array = np.asarray(data["degrees"], dtype=np.int64)
        arrays = {key: np.asarray(data[key], dtype=float) for key in _ARRAYS}
        g, t = arrays["nodes"].size, degrees.size
        shapes = ((g,), (g,), (g, t), (t,), (g + 1, t), (g,))
        for (key, array), shape in zip(arrays.items(), shapes, strict=True):
            if array.shape != shape or not np.isfinite(array).all():
                raise DualactError(
                    f"the radial functions do not fit together: {key} must be finite, of shape {shape}. "
                    f"Got shape {array.shape}."
                )
        if g < 2 or not (np.diff(arrays["nodes"]) > 0).all():
            raise DualactError("the radial functions need two nodes at least, in ascending order.")
        ascend = degrees.shape == (t,) and t > 0 and bool((np.diff(degrees, prepend=0) >= 0).all())
        if not ascend or degrees[-1] > _HIGHEST:
            raise DualactError(f"the degrees of radial functions ascend from 0 to {_HIGHEST} at most.")
        return cls(network, with_theta, degrees, *arrays.values())


_ARRAYS = ("nodes", "log_scale", "values", "zero", "dual_basis", "diagonal")


def radial_basis(network: Network, with_theta: bool, low: float, high: float, degree: int) -> RadialBasis:
    """Return the radial functions of a dense network for |x|²/d in [low, high].

    The grid grows until the functions, interpolated half-way between its nodes, give back the series
    there to 1e-6 of the diagonal.

    Parameters
    ----------
    network : Network
    with_theta : bool
        True for the tangent kernel, False for the covariance.
    low, high : float
        0 < low < high.
    degree : int
        The highest power of the cosine.

    Returns
    -------
    RadialBasis

    Raises
    ------
    DualactError
        If no grid of up to 48 norms does.
    """
    left, right = math.log(low), math.log(high)
    worst = math.inf
    for count in _GRIDS:
        nodes = chebyshev_nodes(left, right, count)
        probes = (nodes[:-1] + nodes[1:]) / 2
        anchors = np.append(np.exp(nodes), 0.0)
        rows = np.concatenate([anchors, np.exp(probes)])
        series = expand(network.layers, rows, anchors, degree, with_theta)
        trace = trace_variances(network.layers, np.exp(nodes), with_theta)
        diagonal = trace.sigma if trace.theta is None else trace.theta
        basis = _factorised(network, with_theta, nodes, series[:, : count + 1], diagonal)
        worst = _interpolation_error(basis, probes, series[:, count + 1 :, :count])
        if worst <= _INTERPOLATION:
            return basis
    if worst > 1e-3:
        raise DualactError(
            f"the norms of X reach from {math.sqrt(low):.3g} to {math.sqrt(high):.3g} (over √d), too far for "
            f"one grid (error {worst:.1e} of the kernel). Scale the rows, for example with "
            "sklearn.preprocessing.Normalizer."
        )
    return basis


def _factorised(network: Network, with_theta: bool, nodes: Array, series: Array, whole: Array) -> RadialBasis:
    """The functions of the series on nodes and zero row, (degree + 1, g + 1, g + 1)."""
    diagonal = np.einsum("kgg->g", series)
    size = np.sqrt(np.maximum(diagonal, _TINY))
    weight = np.where(diagonal > _TINY, 1 / size, 0.0)  # a zero row without a kernel takes no part
    degrees, values, duals = [], [], []
    for k, coefficients in enumerate(series):
        matrix = coefficients * weight[:, None] * weight
        eigenvalues, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        # The relative cut keeps 1/√λ of the direct road above the rounding of the matrix.
        for r in np.flatnonzero(eigenvalues > nodes.size * _TOLERANCE)[::-1]:
            vector = vectors[:, r] * (1.0 if vectors[:, r].sum() >= 0 else -1.0)
            degrees.append(k)
            values.append(vector * math.sqrt(eigenvalues[r]))
            duals.append(vector * weight / math.sqrt(eigenvalues[r]))
    if not degrees:
        degrees, values, duals = [0], [np.zeros(size.size)], [np.zeros(size.size)]
    table = np.array(values).T.copy()
    return RadialBasis(
        network,
        with_theta,
        np.array(degrees, dtype=np.int64),
        nodes,
        np.log(size[:-1]),
        table[:-1],
        table[-1] * size[-1] * (weight[-1] > 0),
        np.array(duals).T.copy(),
        whole,
    )


def _interpolation_error(basis: RadialBasis, probes: Array, series: Array) -> float:
    """Worst error of the functions at the probes against the nodes, of the kernel's diagonal."""
    here = basis(np.exp(probes))
    there = basis.values * np.exp(basis.log_scale)[:, None]
    size = np.sqrt(np.maximum((here**2).sum(axis=1), _TINY))[:, None] * np.exp(basis.log_scale)
    worst = 0.0
    for k, coefficients in enumerate(series):
        mine = basis.degrees == k
        gap = here[:, mine] @ there[:, mine].T - coefficients
        worst = max(worst, float((np.abs(gap) / size).max()))
    return worst
