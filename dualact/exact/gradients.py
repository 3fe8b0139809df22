"""The kernel with its derivatives in the network's standard deviations, by forward mode through the layers.

With ∂ the derivative in the logarithm of a hyperparameter; terms in brackets where it is the layer's own:

    Dense      ∂Σ ← w²∂Σ + [2w²Σ] + [2b²]        ∂Θ ← w²∂Θ + ∂Σ + [2w²Θ]
    Act        ∂Σ ← ∂E φφ                          ∂Θ ← ∂Θ·E φ′φ′ + Θ·∂E φ′φ′      (:mod:`.tangents`)
    LayerNorm  ∂Σ ← (∂Σ − Σ·S)/√(v_x v_y), and so Θ; S = ½(∂v_x/v_x + ∂v_y/v_y)
    Residual   ∂Σ ← ∂Σ + ∂branch(Σ), and so Θ
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np

from ..errors import NetworkError
from ..network.layers import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, Layer, LayerNorm, Residual
from ..network.planning import check
from ..network.spec import Network, as_network
from ..network.stds import dense_layers
from ..nonlinearity.contract import Array
from ..nonlinearity.gaussian_pair import geometric_mean
from .inputs import as_rows, gram, mean_squares, same_width
from .recursion import snap_collinear, trace_variances
from .running import one_blas_thread, usable_cores
from .tangents import Moving, added, growth, move_activation

__all__ = ["Move", "kernel_gradient"]

_BLOCK_ENTRIES = 2**16


@dataclass(frozen=True)
class Move:
    """Which hyperparameters a Dense layer follows: their numbers, None for a std that is fixed."""

    weight: int | None
    bias: int | None


def kernel_gradient(
    network: Network | Mapping[str, Any],
    X: Any,
    moves: Sequence[Move],
    kind: str = "ntk",
    n_jobs: int | None = None,
) -> tuple[Array, Array]:
    """Exact kernel matrix, and its derivatives in the logarithms of hyperparameters.

    Parameters
    ----------
    network : Network or its dictionary
    X : (n, d) array or CSR matrix
    moves : sequence of Move
        One per Dense layer, in the order of :func:`~dualact.network.stds.dense_layers`. Hyperparameters
        are numbered from 0; layers that share a number share the hyperparameter.
    kind : {"ntk", "nngp"}
    n_jobs : int, optional
        Threads; None means all usable cores.

    Returns
    -------
    K : (n, n) array
    gradient : (n, n, n_hyperparameters) array
        ∂K/∂log(hyperparameter).

    Raises
    ------
    NetworkError
        If the network is ill-defined, X does not fit it, or ``moves`` do not fit the network.

    Notes
    -----
    Homogeneous activations are differentiated in closed form (about 1e-14 of the kernel), the others by
    differences along the motion of each pair (about 1e-10 of it; see :mod:`dualact.exact.tangents`).
    Where two inputs coincide or oppose one another the derivative is that of the kernel along them.

    Examples
    --------
    A one-layer ReLU network without biases is homogeneous: K ∝ (weight_std)⁴ with two Dense layers.

    >>> import numpy as np, dualact as da
    >>> from dualact.exact.gradients import Move, kernel_gradient
    >>> X = np.array([[3.0, 4.0], [-4.0, 3.0]])
    >>> K, gradient = kernel_gradient(da.mlp(1, "relu"), X, [Move(0, None), Move(0, None)])
    >>> bool(np.allclose(gradient[:, :, 0], 4 * K))
    True
    """
    network = as_network(network)
    plan = check(network, kind)
    if plan.spatial:
        raise NetworkError(
            "gradients of spatial networks are not available; kernel(...) gives their matrices. "
            "Tune their standard deviations by cross-validation."
        )
    dense = len(dense_layers(network.layers))
    if len(moves) != dense:
        raise NetworkError(f"moves must hold one Move per Dense layer, {dense} in all. Got {len(moves)}.")
    count = 1 + max((i for m in moves for i in (m.weight, m.bias) if i is not None), default=-1)
    X = as_rows(X)
    same_width(plan, X)
    squares = mean_squares(X)
    with_theta = plan.kind == "ntk"
    trace_variances(network.layers, squares, with_theta)  # refuses variances that are out of range
    diagonal = _Diagonal([])
    ends = _propagated(network.layers, squares, with_theta, moves, count, diagonal)

    n = X.shape[0]
    K, gradient = np.empty((n, n)), np.empty((count, n, n))

    def block(rows: slice) -> None:
        columns = slice(rows.start, None)
        cov = gram(X[rows], X[columns], squares[rows], squares[columns])
        side = _Pairs(iter(diagonal.record), rows, columns)
        end = _propagated(network.layers, cov, with_theta, moves, count, side)
        _mirrored(K, rows, columns, end.value)
        for matrix, tangent in zip(gradient, end.tangents, strict=True):
            _mirrored(matrix, rows, columns, tangent)

    step = max(1, _BLOCK_ENTRIES // n)
    blocks = [slice(i, min(i + step, n)) for i in range(0, n, step)]
    workers = min(usable_cores(n_jobs), len(blocks))
    with one_blas_thread(workers), ThreadPoolExecutor(workers) as pool:
        list(pool.map(block, blocks))
    np.fill_diagonal(K, ends.value)
    for matrix, tangent in zip(gradient, ends.tangents, strict=True):
        np.fill_diagonal(matrix, 0.0 if tangent is None else tangent)
    return K, np.moveaxis(gradient, 0, -1)


def _mirrored(out: Array, rows: slice, columns: slice, part: Array | None) -> None:
    """Write a block of rows and its mirror image; neither BLAS nor a dual promises symmetry to the bit."""
    if part is None:
        out[rows, columns] = out[columns, rows] = 0.0
        return
    square = part[:, : part.shape[0]]
    out[columns, rows] = part.T
    out[rows, columns] = part
    out[rows, rows] = np.triu(square) + np.triu(square, 1).T


def _propagated(
    layers: tuple[Layer, ...],
    cov: Array,
    with_theta: bool,
    moves: Sequence[Move],
    count: int,
    side: _Diagonal | _Pairs,
) -> Moving:
    still: tuple[None, ...] = (None,) * count
    theta = Moving(np.zeros_like(cov), still) if with_theta else None
    sigma, theta = _walk(layers, Moving(cov, still), theta, side, iter(moves))
    return sigma if theta is None else theta


class _Diagonal:
    """Variances come from the walk itself, and are written down."""

    def __init__(self, record: list[Moving]) -> None:
        self.record = record

    def at(self, sigma: Moving) -> tuple[Moving, Moving]:
        self.record.append(sigma)
        return sigma, sigma

    def clean(self, sigma: Moving, var_u: Moving, var_v: Moving) -> Moving:
        return sigma


class _Pairs:
    """Variances were written down before."""

    def __init__(self, record: Iterator[Moving], rows: slice, columns: slice) -> None:
        self.record, self.rows, self.columns = record, rows, columns

    def at(self, sigma: Moving) -> tuple[Moving, Moving]:
        variance = next(self.record)
        return _part(variance, np.s_[self.rows, None]), _part(variance, np.s_[None, self.columns])

    def clean(self, sigma: Moving, var_u: Moving, var_v: Moving) -> Moving:
        return Moving(snap_collinear(sigma.value, var_u.value, var_v.value), sigma.tangents)


def _part(variance: Moving, index: Any) -> Moving:
    return Moving(variance.value[index], tuple(None if t is None else t[index] for t in variance.tangents))


def _walk(
    layers: tuple[Layer, ...],
    sigma: Moving,
    theta: Moving | None,
    side: _Diagonal | _Pairs,
    moves: Iterator[Move],
) -> tuple[Moving, Moving | None]:
    for layer in layers:
        match layer:
            case Dense():
                sigma, theta = _through_dense(layer, next(moves), sigma, theta)
            case Act():
                var_u, var_v = side.at(sigma)
                sigma = side.clean(sigma, var_u, var_v)
                dual, prime = move_activation(layer.activation, sigma, var_u, var_v, theta is not None)
                sigma = dual
                theta = None if theta is None or prime is None else _product(theta, prime)
            case LayerNorm():
                var_u, var_v = side.at(sigma)
                unit = (sigma.value > 0).astype(np.float64) if isinstance(side, _Diagonal) else None
                still: tuple[None, ...] = (None,) * len(sigma.tangents)
                theta = None if theta is None else _normalised(theta, var_u, var_v)
                sigma = _normalised(sigma, var_u, var_v) if unit is None else Moving(unit, still)
            case Residual():
                branch, branch_theta = _walk(layer.layers, sigma, theta, side, moves)
                sigma = sigma + branch
                theta = None if theta is None or branch_theta is None else theta + branch_theta
            case Conv() | AvgPool() | GlobalAvgPool() | Flatten():
                raise AssertionError(f"{layer!r}: refused by kernel_gradient")
            case _:
                assert_never(layer)
    return sigma, theta


def _through_dense(
    layer: Dense, move: Move, sigma: Moving, theta: Moving | None
) -> tuple[Moving, Moving | None]:
    w2, b2 = layer.weight_std**2, layer.bias_std**2
    own_weight, own_bias = 2 * w2 * sigma.value, np.full_like(sigma.value, 2 * b2)
    tangents = [None if t is None else w2 * t for t in sigma.tangents]
    if move.weight is not None:
        tangents[move.weight] = added(tangents[move.weight], own_weight)
    if move.bias is not None:
        tangents[move.bias] = added(tangents[move.bias], own_bias)
    sigma = Moving(w2 * sigma.value + b2, tuple(tangents))
    if theta is None:
        return sigma, None
    tangents = [None if t is None else w2 * t for t in theta.tangents]
    if move.weight is not None:
        tangents[move.weight] = added(tangents[move.weight], 2 * w2 * theta.value)
    return sigma, Moving(w2 * theta.value, tuple(tangents)) + sigma


def _product(a: Moving, b: Moving) -> Moving:
    tangents = tuple(
        added(None if s is None else s * b.value, None if t is None else a.value * t)
        for s, t in zip(a.tangents, b.tangents, strict=True)
    )
    return Moving(a.value * b.value, tangents)


def _normalised(a: Moving, var_u: Moving, var_v: Moving) -> Moving:
    """a/√(v_x v_y); zero where a variance is."""
    size = geometric_mean(var_u.value, var_v.value)
    scale = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
    value = a.value * scale
    tangents = tuple(
        added(None if t is None else t * scale, None if grown is None else -value * grown)
        for t, grown in zip(a.tangents, growth(var_u, var_v), strict=True)
    )
    return Moving(value, tangents)
