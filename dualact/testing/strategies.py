"""Hypothesis strategies: Gaussian pairs, variances, difficult data, activations, networks, sketches.

Examples
--------
>>> from hypothesis import given
>>> from dualact.testing import strategies as st
>>> @given(st.networks(), st.data_matrices(n_features=4))
... def test_my_kernel(network, X): ...
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from ..network.layers import Act, Dense, Layer, LayerNorm, Residual
from ..network.spec import Network
from ..nonlinearity.catalog import resolve
from ..nonlinearity.contract import Activation, Array
from .drawing import CLOSED, HOMOGENEOUS, USUAL
from .sketch_strategies import sketches
from .spatial_strategies import images, spatial_networks

__all__ = [
    "CLOSED",
    "HOMOGENEOUS",
    "USUAL",
    "GaussianPair",
    "activations",
    "data_matrices",
    "gaussian_pairs",
    "homogeneous_networks",
    "images",
    "networks",
    "sketches",
    "spatial_networks",
    "variances",
]

_CORRELATIONS = (0.0, 0.5, 1.0, -1.0, 1 - 1e-16, -(1 - 1e-16), 1e-300)


class GaussianPair(NamedTuple):
    """Covariance and variances of (u, v)."""

    cov: float
    var_u: float
    var_v: float


def variances(smallest: float = 1e-6, largest: float = 1e4, zero: bool = True) -> st.SearchStrategy[float]:
    """Variances, uniform in the logarithm: 1 the simplest, both ends, and 0 unless ``zero`` is False."""
    low, high = math.log10(smallest), math.log10(largest)
    spread = st.floats(low, high).map(lambda x: float(min(max(10.0**x, smallest), largest)))
    simple = [1.0, 2.0, 0.5] if smallest <= 0.5 and largest >= 2 else []
    return st.one_of(st.sampled_from([*simple, *([0.0] if zero else []), smallest, largest]), spread)


@st.composite
def gaussian_pairs(
    draw: st.DrawFn, smallest: float = 1e-6, largest: float = 1e4, zero: bool = True
) -> GaussianPair:
    """(cov, var_u, var_v) with \\|cov\\| ≤ √(var_u·var_v); correlations 0, ±1 and ±(1 − 1e-16) among them."""
    p = draw(variances(smallest, largest, zero))
    q = draw(st.one_of(st.just(p), variances(smallest, largest, zero)))
    gaps = st.floats(-15, 0).map(lambda x: 1 - 10.0**x)
    rho = draw(st.one_of(st.sampled_from(_CORRELATIONS), st.floats(-1, 1), gaps, gaps.map(lambda x: -x)))
    bound = math.sqrt(p * q)
    return GaussianPair(max(-bound, min(bound, rho * bound)), p, q)


@st.composite
def data_matrices(
    draw: st.DrawFn,
    n_samples: int | st.SearchStrategy[int] | None = None,
    n_features: int | st.SearchStrategy[int] | None = None,
    norms: str | None = None,
) -> Array:
    """Data matrices (n, d) of float64 with rows that are difficult for kernels.

    Parameters
    ----------
    draw : callable
        Passed by Hypothesis.
    n_samples, n_features : int or strategy, optional
        Shape; by default 1 to 8 rows and 1 to 6 columns.
    norms : {"unit", "ragged", None}
        Mean square 1 in every row but zero rows, or three decades of norms; None draws either.

    Notes
    -----
    A row is drawn at random or made from an earlier one: a duplicate, the antipode, a multiple, a
    near-collinear copy (1e-2 to 1e-9 away), or zeros.
    """
    n = _int(draw, n_samples, 1, 8)
    d = _int(draw, n_features, 1, 6)
    kind = norms or draw(st.sampled_from(["unit", "ragged"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows: list[Array] = []
    for i in range(n):
        how = draw(st.sampled_from(["new", "new", "copy", "antipode", "near", "zero"])) if i else "new"
        row = rng.standard_normal(d)
        if how != "new":
            earlier = rows[draw(st.integers(0, i - 1))]
            distance = 10.0 ** draw(st.integers(-9, -2)) if how == "near" else 0.0
            row = {"copy": earlier, "antipode": -earlier, "near": earlier + distance * row}.get(
                how, 0.0 * row
            )
        if how in ("new", "near"):
            norm = float(np.sqrt(np.mean(np.square(row)))) or 1.0
            scale = 1.0 if kind == "unit" else 10.0 ** draw(st.floats(-1.5, 1.5))
            row = row * (scale / norm)
        rows.append(row)
    return np.array(rows)


def activations(names: Sequence[str | Activation] = USUAL) -> st.SearchStrategy[Activation]:
    """Activations of these names, with their default parameters."""
    return st.sampled_from(list(names)).map(resolve)


@st.composite
def networks(
    draw: st.DrawFn,
    names: Sequence[str | Activation] = USUAL,
    max_hidden: int = 3,
    bias: bool = True,
    layer_norm: bool = True,
    residual: bool = True,
) -> Network:
    """Legal dense networks of Dense, Act, LayerNorm and Residual; the last layer is Dense.

    Parameters
    ----------
    draw : callable
        Passed by Hypothesis.
    names : sequence of str or Activation
        The activations to draw from.
    max_hidden : int
        At most this many activations outside of branches.
    bias, layer_norm, residual : bool
        Whether those may occur.
    """
    layers: list[Layer] = [draw(_dense(bias))]
    for _ in range(draw(st.integers(1, max_hidden))):
        if layer_norm and draw(st.integers(0, 4)) == 0:
            layers.append(LayerNorm())
        if residual and draw(st.integers(0, 3)) == 0:
            layers.append(Residual((Act(draw(activations(names))), draw(_dense(bias)))))
        layers += [Act(draw(activations(names))), draw(_dense(bias))]
    return Network(layers)


def homogeneous_networks(max_hidden: int = 3) -> st.SearchStrategy[Network]:
    """Networks without bias whose activations are homogeneous of degree 1: so is their kernel, per side."""
    return networks(HOMOGENEOUS, max_hidden, bias=False, layer_norm=False)


def _dense(bias: bool) -> st.SearchStrategy[Dense]:
    weight = st.sampled_from([1.0, 2**0.5, 0.5, 1.3])
    return st.builds(Dense, weight, st.sampled_from([0.0, 0.1, 1.0]) if bias else st.just(0.0))


def _int(draw: st.DrawFn, given: int | st.SearchStrategy[int] | None, low: int, high: int) -> int:
    if isinstance(given, int):
        return given
    return draw(st.integers(low, high) if given is None else given)
