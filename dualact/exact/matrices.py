"""Exact kernel matrices, in blocks of rows and threads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import NetworkError
from ..network.layers import is_spatial
from ..network.planning import NetworkPlan, check
from ..network.spec import Network, as_network
from ..nonlinearity.contract import Array
from .angular import angular_kernel
from .inputs import as_rows, gram, mean_squares, same_width
from .recursion import Trace, propagate, trace_variances
from .results import as_limit, mirrored, result_array
from .running import run, usable_cores
from .spatial_matrices import spatial_diag, spatial_kernel

__all__ = ["kernel", "kernel_diag"]

_BLOCK_ENTRIES = 2**17  # a block and its few temporaries stay within a few MiB


def kernel(
    network: Network | Mapping[str, Any],
    X: Any,
    Y: Any = None,
    kind: str = "ntk",
    n_jobs: int | None = None,
    max_memory: float | None = None,
    progress: bool = False,
    out: Array | None = None,
) -> Array:
    """Exact kernel matrix of a network.

    Parameters
    ----------
    network : Network or its dictionary
    X : (n, d) array or CSR matrix
        For a spatial network: (n, H, W, C) or (n, L, C), or flattened rows if it knows its input_shape.
    Y : as X, optional
        None means X, with half the work and an exact diagonal.
    kind : {"ntk", "nngp"}
        The tangent kernel, or the covariance at initialisation.
    n_jobs : int, optional
        Threads; None means all usable cores.
    max_memory : float, optional
        Bytes that the run may take beside its inputs; what would take more is refused before anything is
        computed. Dense networks take what the result takes; spatial ones run fewer threads if that helps.
    progress : bool, default False
        Write progress to standard error.
    out : (n, m) float64 array, optional
        Where to put the result, for example a ``numpy.memmap`` where memory does not hold it.

    Returns
    -------
    (n, m) float64 array
        ``out``, if it was given.

    Raises
    ------
    NetworkError
        If the network is ill-defined, X does not fit it, or ``max_memory`` does not suffice.
    ValueError
        For NaN, infinity, complex or one-dimensional data, in scikit-learn's words.

    Notes
    -----
    The convention is the NTK parameterisation with Σ⁰ = x·y/d. Time grows as n·m·(d + layers), memory
    is that of the result. Angles are resolved to rounding: equal rows, opposite rows and rows of zeros
    have their exact values.

    In a spatial network Σ has an entry for each pair of positions, (H·W)² of them, where a pool follows, and
    for equal positions alone where only Flatten does; ``print(plan(network, input_shape=…))`` says which, and
    what a pair of inputs takes in time and memory.

    References
    ----------
    Lee et al., "Deep neural networks as Gaussian processes", ICLR 2018. Jacot, Gabriel, Hongler,
    "Neural tangent kernel", NeurIPS 2018. Novak et al., "Bayesian deep convolutional networks with many
    channels are Gaussian processes", ICLR 2019. Arora et al., "On exact computation with an infinitely wide
    neural net", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np, dualact as da
    >>> X = np.array([[3.0, 4.0], [-4.0, 3.0]])
    >>> da.kernel(da.mlp(1, "relu", weight_std=2**0.5), X, kind="nngp").round(4)
    array([[25.    ,  7.9577],
           [ 7.9577, 25.    ]])
    """
    network = as_network(network)
    if is_spatial(network.layers):
        return spatial_kernel(network, X, Y, kind, n_jobs, max_memory, progress, out)
    plan = check(network, kind)
    X = as_rows(X)
    workers = usable_cores(n_jobs)
    symmetric = Y is None
    Y = X if symmetric else as_rows(Y, "Y")
    same_width(plan, X, Y)
    if out is None:
        _check_memory(X.shape[0], Y.shape[0], max_memory)
    trace_x = _trace(plan, X)
    trace_y = trace_x if symmetric else _trace(plan, Y, "Y")
    squares_x = mean_squares(X)
    squares_y = squares_x if symmetric else mean_squares(Y)
    out = result_array((X.shape[0], Y.shape[0]), out)
    with_theta = plan.kind == "ntk"
    angular = angular_kernel(network.layers, with_theta, (squares_x, squares_y))

    def pairs(rows: slice, columns: slice) -> Array:
        cov = gram(X[rows], Y[columns], squares_x[rows], squares_y[columns])
        if angular is not None:
            return angular(cov, squares_x[rows, None], squares_y[None, columns])
        var_u = tuple(v[rows, None] for v in trace_x.variances)
        var_v = tuple(v[None, columns] for v in trace_y.variances)
        return propagate(network.layers, cov, var_u, var_v, with_theta)

    def block(rows: slice) -> None:
        columns = slice(rows.start, None) if symmetric else slice(None)
        part = pairs(rows, columns)
        if symmetric:
            mirrored(out, part, rows, columns)
        else:
            out[rows, columns] = part

    n, m = out.shape
    step = max(1, min(n, _BLOCK_ENTRIES // max(1, m)))
    blocks = [slice(i, min(i + step, n)) for i in range(0, n, step)]
    run(block, blocks, workers, progress, "blocks of rows")
    if symmetric:
        np.fill_diagonal(out, _end(trace_x))
    return out


def kernel_diag(network: Network | Mapping[str, Any], X: Any, kind: str = "ntk") -> Array:
    """Diagonal of :func:`kernel`, in time linear in n.

    Parameters
    ----------
    network : Network or its dictionary
    X : as for :func:`kernel`
    kind : {"ntk", "nngp"}

    Returns
    -------
    (n,) float64 array

    Raises
    ------
    NetworkError
        As :func:`kernel`.

    Examples
    --------
    >>> import numpy as np, dualact as da
    >>> da.kernel_diag(da.mlp(2, "relu", weight_std=2**0.5), np.array([[3.0, 4.0]]), kind="nngp")
    array([25.])
    """
    network = as_network(network)
    if is_spatial(network.layers):
        return spatial_diag(network, X, kind)
    plan = check(network, kind)
    X = as_rows(X)
    same_width(plan, X)
    return _end(_trace(plan, X))


def _trace(plan: NetworkPlan, X: Any, name: str = "X") -> Trace:
    return trace_variances(plan.network.layers, mean_squares(X), plan.kind == "ntk", name)


def _end(trace: Trace) -> Array:
    return trace.sigma if trace.theta is None else trace.theta


def _check_memory(n: int, m: int, max_memory: object) -> None:
    need = 8 * n * m
    limit = as_limit(max_memory)
    if need > limit:
        raise NetworkError(
            f"the kernel matrix of {n} × {m} rows takes {need / 2**30:.3g} GiB, more than "
            f"max_memory={limit / 2**30:.3g} GiB. Allow more, compute it in parts, or use "
            "SketchedNeuralKernel, whose cost is linear in the number of rows."
        )
