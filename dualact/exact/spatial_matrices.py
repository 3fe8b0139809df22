"""Exact kernel matrices of spatial networks, in blocks of pairs and threads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import NetworkError
from ..network.costs import PairCost, pair_cost
from ..network.layers import Act, LayerNorm
from ..network.planning import NetworkPlan
from ..network.spec import Network
from ..network.stages import Stage, every_stage, stages_of
from ..nonlinearity.contract import Array
from .images import as_images, plan_for
from .results import as_limit, mirrored, result_array
from .running import run, usable_cores
from .spatial import Block, OneInput, TwoSides, Variances, first_block, walk

__all__ = ["spatial_diag", "spatial_kernel"]

_BLOCK_ENTRIES = 2**17  # of a block, where inputs are small enough for more than one pair
_COMPUTED_ENTRIES = 2**22  # where computed duals are tabulated for a matrix of pairs at each position
_SCRATCH = 2**23  # bytes that activations take for themselves, a thread


@dataclass(frozen=True)
class _Inputs:
    """One side: images, and their variances once they are known."""

    images: Array
    name: str
    variances: Variances
    diagonal: Array | None

    def side(self, rows: slice) -> dict[str, Array]:
        return {path: values[rows] for path, values in self.variances.items()}


def spatial_kernel(
    network: Network,
    X: Any,
    Y: Any,
    kind: str,
    n_jobs: int | None,
    max_memory: object,
    progress: bool,
    out: Array | None,
) -> Array:
    """Exact kernel matrix of a spatial network; parameters as :func:`dualact.kernel`.

    Parameters
    ----------
    network : Network
    X : (n, H, W, C) or (n, L, C) array, or (n, d) where the network knows its input_shape
    Y : (m, …) array or None
    kind, n_jobs, max_memory, progress, out
        As in :func:`dualact.kernel`.

    Returns
    -------
    (n, m) float64 array
    """
    plan, images = plan_for(network, kind, X)
    workers = usable_cores(n_jobs)
    symmetric = Y is None
    others = images if symmetric else as_images(plan, Y, "Y")
    with_theta = plan.kind == "ntk"
    stages = plan.stages
    cost = pair_cost(stages, with_theta)
    tile = _tile(stages, cost, len(images), len(others))
    workers = _fitting(
        stages, cost, tile, (len(images), len(others)), symmetric, workers, max_memory, out is None
    )
    out = result_array((len(images), len(others)), out)
    # Only where no pair of different positions counts, the diagonal is a by-product.
    flat = stages[0].before == "equal"
    left = _walked(plan, images, "X", workers, output=symmetric and flat)
    right = left if symmetric else _walked(plan, others, "Y", workers, output=False)

    def block(place: tuple[slice, slice]) -> None:
        rows, columns = place
        sides = TwoSides(left.side(rows), right.side(columns))
        with np.errstate(over="ignore", invalid="ignore"):
            first = first_block(left.images[rows], right.images[columns], stages[0].before)
            part = _end(walk(stages, first, with_theta, sides), with_theta)
        _check_finite(part, rows, columns, left.name, right.name)
        if symmetric:
            mirrored(out, part, rows, columns)
        else:
            out[rows, columns] = part

    tasks = list(_tiles(len(images), len(others), tile, symmetric))
    run(block, tasks, workers, progress, "blocks of pairs")
    if left.diagonal is not None:
        np.fill_diagonal(out, left.diagonal)
    return out


def spatial_diag(network: Network, X: Any, kind: str) -> Array:
    """Diagonal of :func:`spatial_kernel`.

    Parameters
    ----------
    network : Network
    X : array
        As for :func:`spatial_kernel`.
    kind : {"ntk", "nngp"}

    Returns
    -------
    (n,) float64 array
    """
    plan, images = plan_for(network, kind, X)
    found = _walked(plan, images, "X", usable_cores(None), output=True).diagonal
    assert found is not None
    return found


def _walked(plan: NetworkPlan, images: Array, name: str, workers: int, output: bool) -> _Inputs:
    """Walk each input with itself: its variances, and the diagonal of the kernel if ``output``."""
    stages = stages_of(plan.network.layers, plan.positions, variances=True, output=output)
    with_theta = output and plan.kind == "ntk"
    n, first = len(images), stages[0].before
    variances = {
        s.path: np.empty((n, math.prod(s.positions)))
        for s in every_stage(stages)
        if isinstance(s.layer, Act | LayerNorm)
    }
    diagonal = np.empty(n) if output else None

    def block(rows: slice) -> None:
        record: dict[str, Array] = {}
        part = images[rows]
        with np.errstate(over="ignore", invalid="ignore"):
            start = first_block(part, part, "all" if first == "all" else "equal", paired=True)
            end = walk(stages, start, with_theta, OneInput(record, rows.start, name))
        for path, values in record.items():
            variances[path][rows] = values
        if diagonal is not None:
            diagonal[rows] = _end(end, with_theta).ravel()
            _check_finite(diagonal[rows, None], rows, slice(rows.start, None), name, name)

    if first != "none":
        step = 1 if first == "all" else max(1, _BLOCK_ENTRIES // math.prod(images.shape[1:3]))
        run(block, [slice(i, min(i + step, n)) for i in range(0, n, step)], workers, False, "inputs")
    return _Inputs(images, name, variances, diagonal)


def _end(block: Block, with_theta: bool) -> Array:
    """The kernel; the tangent kernel of a network without weights is zero."""
    if not with_theta:
        return block.sigma
    return np.zeros_like(block.sigma) if block.theta is None else block.theta


def _tile(stages: tuple[Stage, ...], cost: PairCost, n: int, m: int) -> tuple[int, int]:
    """How many inputs of either side make a block."""
    if stages[0].before == "all":
        return 1, min(m, max(1, _BLOCK_ENTRIES // cost.entries))
    acts = [s.layer.activation for s in every_stage(stages) if isinstance(s.layer, Act)]
    computed = any(act.dual is None or act.dual_prime is None for act in acts)
    pairs = max(1, (_COMPUTED_ENTRIES if computed else _BLOCK_ENTRIES) // cost.entries)
    side = max(1, math.isqrt(pairs))
    rows = min(n, side)
    return rows, min(m, max(1, pairs // rows))


def _tiles(n: int, m: int, tile: tuple[int, int], symmetric: bool) -> Iterator[tuple[slice, slice]]:
    for i in range(0, n, tile[0]):
        rows = slice(i, min(i + tile[0], n))
        for j in range(i if symmetric else 0, m, tile[1]):
            yield rows, slice(j, min(j + tile[1], m))


def _fitting(
    stages: tuple[Stage, ...],
    cost: PairCost,
    tile: tuple[int, int],
    shape: tuple[int, int],
    symmetric: bool,
    workers: int,
    max_memory: object,
    own_result: bool,
) -> int:
    """Return how many threads fit into the memory; refuse if not even one does."""
    n, m = shape
    inputs = n if symmetric else n + m
    places = sum(math.prod(s.positions) for s in every_stage(stages) if isinstance(s.layer, Act | LayerNorm))
    fixed = 8 * (n * m if own_result else 0) + 8 * inputs * places
    each = cost.memory * tile[0] * tile[1] + _SCRATCH
    limit = as_limit(max_memory)
    if fixed + each > limit:
        pairs = n * (n + 1) // 2 if symmetric else n * m
        raise NetworkError(
            f"the kernel matrix of {n} × {m} inputs takes {_size(fixed + each)}, more than "
            f"max_memory={_size(limit)}: {_size(fixed)} for the result and the variances, {_size(each)} a "
            f"thread for blocks of {cost.entries * tile[0] * tile[1]} pairs of positions. It would take "
            f"about {_duration(cost.seconds * pairs / workers)}. Allow more, compute it in parts with out=, "
            "take smaller inputs, or a network that ends in Flatten without pools."
        )
    return int(max(1, min(workers, (limit - fixed) // max(1, each)))) if math.isfinite(limit) else workers


def _check_finite(part: Array, rows: slice, columns: slice, left: str, right: str) -> None:
    good = np.isfinite(part)
    if not good.all():
        i, j = np.unravel_index(int(np.argmin(good)), part.shape)
        raise NetworkError(
            f"the kernel overflows at row {rows.start + int(i)} of {left} and row {columns.start + int(j)} "
            f"of {right}. Scale {left} or the weights down."
        )


def _size(nbytes: float) -> str:
    return f"{nbytes / 2**30:.3g} GiB" if nbytes >= 2**27 else f"{nbytes / 2**20:.3g} MiB"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"
