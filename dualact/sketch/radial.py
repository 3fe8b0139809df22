"""The radial functions of the series: g_k(s, t) = Σ_r f_{k,r}(s) f_{k,r}(t).

Each coefficient matrix of the series is positive semi-definite and numerically of low rank on a grid of
norms. Its eigenvectors, interpolated in the logarithm of the norm, are the radial functions. A norm
outside the grid (zero among them) goes through the series itself, against the grid, and is projected on
the same functions: computed, never extrapolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DualactError
from ..exact.recursion import trace_variances
from ..network.layers import Layer
from ..network.spec import Network
from ..nonlinearity.contract import Array
from .series import expand

__all__ = ["RadialBasis", "radial_basis"]

_TOLERANCE = 1e-7  # of the kernel's diagonal: eigenvalues below it are not worth a function
_GRIDS = (2, 6, 10, 16, 24, 36, 48)
_INTERPOLATION = 1e-6
_DIRECT_ROWS = 256


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
    dual_basis : (g, t) array
        What turns a row of coefficients against the nodes into values of the functions.
    """

    network: Network
    with_theta: bool
    degrees: Array
    nodes: Array
    log_scale: Array
    values: Array
    dual_basis: Array

    @property
    def degree(self) -> int:
        """The highest degree."""
        return int(self.degrees[-1])

    def __call__(self, mean_squares: Array) -> Array:
        """Values of all functions.

        Parameters
        ----------
        mean_squares : (n,) array
            |x|²/d.

        Returns
        -------
        (n, t) array
        """
        with np.errstate(divide="ignore"):
            place = np.log(mean_squares)
        out = np.empty((place.size, self.degrees.size))
        low, high = self.nodes[0], self.nodes[-1]
        slack = 1e-9 * (1 + abs(low) + abs(high))
        inside = (place >= low - slack) & (place <= high + slack)
        out[inside] = self._interpolated(place[inside])
        if not inside.all():
            outside, back = np.unique(mean_squares[~inside], return_inverse=True)
            parts = [outside[i : i + _DIRECT_ROWS] for i in range(0, outside.size, _DIRECT_ROWS)]
            out[~inside] = np.concatenate([self._direct(part) for part in parts])[back]
        return out

    def _interpolated(self, place: Array) -> Array:
        weights = _lagrange(self.nodes, place)
        scale = np.zeros_like(place)
        out = np.zeros((place.size, self.degrees.size))
        # One node at a time: each row's sum has the same order whatever rows are beside it.
        for g in range(self.nodes.size):
            scale += weights[:, g] * self.log_scale[g]
            out += weights[:, g, None] * self.values[g]
        out *= np.exp(scale)[:, None]
        return out

    def _direct(self, mean_squares: Array) -> Array:
        # A row that is in the range of the network is asserted by its trace, with an error that names it.
        trace_variances(self.network.layers, mean_squares, self.with_theta)
        series = expand(
            self.network.layers, mean_squares, np.exp(self.nodes), self.degree, self.with_theta
        )
        series /= np.exp(self.log_scale)
        out: Array = np.einsum("trg,gt->rt", series[self.degrees], self.dual_basis)
        return out

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready data (the network and its kind are the plan's)."""
        return {
            "degrees": self.degrees.tolist(),
            "nodes": self.nodes.tolist(),
            "log_scale": self.log_scale.tolist(),
            "values": self.values.tolist(),
            "dual_basis": self.dual_basis.tolist(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any], network: Network, with_theta: bool) -> RadialBasis:
        """Read back what :meth:`to_dict` wrote."""
        return cls(
            network,
            with_theta,
            np.asarray(data["degrees"], dtype=np.int64),
            *(np.asarray(data[key], dtype=float) for key in ("nodes", "log_scale", "values", "dual_basis")),
        )


def radial_basis(
    network: Network, with_theta: bool, low: float, high: float, degree: int
) -> RadialBasis:
    """Return the radial functions of a dense network for |x|²/d in [low, high].

    The grid grows until the functions, interpolated half-way between its nodes, give back the series
    there to 1e-6 of the diagonal.

    Raises
    ------
    DualactError
        If no grid of up to 48 norms does.
    """
    left, right = np.log(low), np.log(high)
    layers = network.layers
    worst = np.inf
    for count in _GRIDS:
        nodes = _chebyshev(left, right, count)
        probes = (nodes[:-1] + nodes[1:]) / 2
        basis = _on_grid(network, with_theta, nodes, degree)
        f = basis(np.exp(probes))
        exact = expand(layers, np.exp(probes), np.exp(nodes), degree, with_theta)
        other = basis.values * np.exp(basis.log_scale)[:, None]
        size = np.exp(basis.log_scale)
        probe_size = np.sqrt(np.maximum((f**2).sum(axis=1), np.finfo(float).tiny))
        worst = 0.0
        for k in range(degree + 1):
            mine = basis.degrees == k
            gap = np.abs(f[:, mine] @ other[:, mine].T - exact[k]) / (probe_size[:, None] * size)
            worst = max(worst, float(gap.max()))
        if worst <= _INTERPOLATION:
            return basis
    if worst > 1e-3:
        raise DualactError(
            f"the norms of X reach from {np.sqrt(low):.3g} to {np.sqrt(high):.3g} (over √d), too far for one grid "
            f"(error {worst:.1e} of the kernel). Scale the rows, for example with sklearn.preprocessing.Normalizer."
        )
    return basis


def _on_grid(network: Network, with_theta: bool, nodes: Array, degree: int) -> RadialBasis:
    series = expand(network.layers, np.exp(nodes), np.exp(nodes), degree, with_theta)
    diagonal = np.maximum(np.einsum("kgg->g", series), np.finfo(float).tiny)
    size = np.sqrt(diagonal)
    degrees, values, duals = [], [], []
    for k in range(degree + 1):
        matrix = series[k] / size[:, None] / size
        eigenvalues, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        # The relative cut keeps 1/√λ of the direct road above the rounding of the matrix.
        keep = np.flatnonzero(eigenvalues > nodes.size * _TOLERANCE)[::-1]
        for r in keep:
            vector = vectors[:, r] * (1.0 if vectors[:, r].sum() >= 0 else -1.0)
            degrees.append(k)
            values.append(vector * np.sqrt(eigenvalues[r]))
            duals.append(vector / np.sqrt(eigenvalues[r]))
    if not degrees:
        degrees, values, duals = [0], [np.zeros(nodes.size)], [np.zeros(nodes.size)]
    return RadialBasis(
        network,
        with_theta,
        np.array(degrees, dtype=np.int64),
        nodes,
        np.log(size),
        np.array(values).T.copy(),
        np.array(duals).T.copy(),
    )


def _chebyshev(left: float, right: float, count: int) -> Array:
    unit = -np.cos(np.pi * np.arange(count) / (count - 1))
    nodes: Array = (left + right) / 2 + (right - left) / 2 * unit
    return nodes


def _lagrange(nodes: Array, place: Array) -> Array:
    """Barycentric Lagrange weights of each place, (n, g), for Chebyshev nodes of the second kind."""
    signs = np.where(np.arange(nodes.size) % 2, -1.0, 1.0)
    signs[0] *= 0.5
    signs[-1] *= 0.5
    gap = place[:, None] - nodes
    hit = gap == 0
    gap[hit] = 1.0
    weights = signs / gap
    total = np.zeros_like(place)
    for g in range(nodes.size):
        total += weights[:, g]
    weights /= total[:, None]
    rows = hit.any(axis=1)
    weights[rows] = hit[rows]
    return weights
