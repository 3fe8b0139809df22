"""The recursion over positions: Σ and Θ of pairs of inputs with an entry for each pair of positions.

    Conv           Σ(i, i′) ← w²·mean_p Σ(i + p, i′ + p) + b²     Θ ← w²·mean_p Θ(i + p, i′ + p) + Σ
    AvgPool        the mean over the window, in both positions
    GlobalAvgPool  the mean over all pairs of positions
    Flatten        the mean over equal positions
    Act, LayerNorm, Dense, Residual: at each pair of positions, as in :mod:`dualact.exact.recursion`

How an array of pairs is laid out says which pairs of positions it has:

    all     (H, W, c, H′, W′)   one input on the left, c on the right
    equal   (H, W, r, c)        r inputs on the left, c on the right
    flat    (r, c)

Sources: Novak et al. 2019 (NNGP of convolutional networks), Arora et al. 2019 (CNTK).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from ..network.layers import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, LayerNorm, Residual
from ..network.stages import Pairs, Stage
from ..nonlinearity.contract import Array
from .activate import activate
from .recursion import check_range, inverse_root
from .windows import patch_sum, pool_sum

__all__ = ["Block", "OneInput", "TwoSides", "Variances", "first_block", "walk"]

#: Variances before each Act and LayerNorm, by its path: (n, H·W), or (n, 1) once there are no positions.
Variances = Mapping[str, Array]


@dataclass(frozen=True)
class Block:
    """Σ and Θ of a block of pairs; Θ is None where it is zero, or not asked for."""

    pairs: Pairs
    sigma: Array
    theta: Array | None = None


@dataclass(frozen=True)
class TwoSides:
    """Pairs of two inputs: their variances are known from walks of the inputs alone."""

    left: Variances
    right: Variances

    def variances(self, stage: Stage, block: Block) -> tuple[Array, Array]:
        """Return the variances of either side, shaped to broadcast against :func:`_matrix`."""
        left, right = self.left[stage.path], self.right[stage.path]
        match block.pairs:
            case "all":
                return left.T, right.reshape(1, -1)
            case "equal":
                return left.T[:, :, None], right.T[:, None, :]
            case _:
                return left, right.T


@dataclass(frozen=True)
class OneInput:
    """Inputs with themselves: their variances are the diagonal, and are written down in ``record``.

    Blocks are (H, W, 1, H′, W′), or (H, W, n, 1), or (n, 1).
    """

    record: dict[str, Array]
    first_row: int = 0
    name: str = "X"

    def variances(self, stage: Stage, block: Block) -> tuple[Array, Array]:
        """Return the variances of either side, shaped to broadcast against :func:`_matrix`."""
        values = _matrix(block)
        if block.pairs == "all":
            found = np.diagonal(values)[None].copy()
        else:
            found = (values[..., 0].T if block.pairs == "equal" else values).copy()
        if isinstance(stage.layer, Act):
            check_range(found, stage.path, stage.layer.activation, self.name, self.first_row)
        self.record[stage.path] = found
        if block.pairs == "all":
            return found.T, found
        shaped = found.T[:, :, None] if block.pairs == "equal" else found
        return shaped, shaped


_AXES: dict[Pairs, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "all": ((0, 3), (1, 4)),
    "equal": ((0,), (1,)),
}

Side = TwoSides | OneInput


def first_block(left: Array, right: Array, pairs: Pairs, paired: bool = False) -> Block:
    """Return Σ⁰ = x(i)·y(i′)/channels.

    Parameters
    ----------
    left, right : (r, H, W, C), (c, H, W, C) arrays
    pairs : {"all", "equal"}
        For "all", r = 1.
    paired : bool
        Pair each of ``left`` with itself; ``right`` is not looked at.
    """
    h, w, channels = left.shape[1:]
    if pairs == "all":
        right = left if paired else right
        flat = left[0].reshape(-1, channels) @ right.reshape(-1, channels).T
        flat /= channels
        return Block(pairs, flat.reshape(h, w, len(right), h, w))
    # Channel by channel, whatever the shape of the block: equal inputs give equal bits.
    x = left.transpose(3, 1, 2, 0)[..., None]
    y = x if paired else right.transpose(3, 1, 2, 0)[:, :, :, None, :]
    sigma = np.multiply(x[0], y[0], order="C")
    for a, b in zip(x[1:], y[1:], strict=True):
        sigma += a * b
    sigma /= channels
    return Block(pairs, sigma)


def walk(stages: tuple[Stage, ...], block: Block, with_theta: bool, side: Side) -> Block:
    """Walk a block of pairs through the layers.

    Parameters
    ----------
    stages : tuple of Stage
    block : Block
        Overwritten.
    with_theta : bool
        Whether the tangent kernel is wanted.
    side : TwoSides or OneInput

    Returns
    -------
    Block
        At the end, or where nothing is needed any more.
    """
    for stage in stages:
        if stage.before == "none":
            break
        block = _through(stage, block, with_theta, side)
        if block.pairs == "all" and stage.after == "equal":
            block = _equal_positions(block)
    return block


def _matrix(block: Block) -> Array:
    """View Σ with one axis of positions for each side: (p, c·p), (p, r, c) or (r, c)."""
    sigma = block.sigma
    match block.pairs:
        case "all":
            return sigma.reshape(sigma.shape[0] * sigma.shape[1], -1)
        case "equal":
            return sigma.reshape(-1, *sigma.shape[2:])
        case _:
            return sigma


def _each(block: Block, change: Callable[[Array], Array], pairs: Pairs | None = None) -> Block:
    theta = None if block.theta is None else change(block.theta)
    return Block(pairs or block.pairs, change(block.sigma), theta)


def _equal_positions(block: Block) -> Block:
    return _each(block, lambda v: np.einsum("hwchw->hwc", v)[:, :, None, :].copy(), "equal")


def _added(one: Block, other: Block) -> Block:
    theta = (
        one.theta if other.theta is None else other.theta if one.theta is None else one.theta + other.theta
    )
    return Block(one.pairs, one.sigma + other.sigma, theta)


def _through(stage: Stage, block: Block, with_theta: bool, side: Side) -> Block:
    layer, sigma, theta = stage.layer, block.sigma, block.theta
    match layer:
        case Dense() | Conv():
            scale = layer.weight_std**2
            if isinstance(layer, Conv):
                assert stage.window is not None
                scale /= stage.window.count
                axes = _AXES[block.pairs]
                sigma = patch_sum(sigma, stage.window, axes)
                theta = None if theta is None else patch_sum(theta, stage.window, axes)
            sigma *= scale
            if layer.bias_std:
                sigma += layer.bias_std**2
            if theta is not None:
                theta *= scale
                theta += sigma
            elif with_theta:
                theta = sigma.copy()
            return Block(block.pairs, sigma, theta)
        case Act():
            p, q = side.variances(stage, block)
            if stage.after != "none":
                flat = _matrix(block)
                activate(layer.activation, flat, None if theta is None else theta.reshape(flat.shape), p, q)
            return block
        case LayerNorm():
            p, q = side.variances(stage, block)
            for value in (sigma, theta):
                if value is not None:
                    flat = value.reshape(_matrix(block).shape)
                    flat *= inverse_root(p)
                    flat *= inverse_root(q)
            if isinstance(side, OneInput):  # exactly 1, but for signals of variance zero
                flat = _matrix(block)
                if block.pairs == "all":
                    np.fill_diagonal(flat, q > 0)
                else:
                    flat[...] = p > 0
            return block
        case AvgPool():
            window = stage.window
            assert window is not None
            return _each(block, lambda v: pool_sum(v, window, _AXES[block.pairs]) / window.count**2)
        case GlobalAvgPool():
            return _each(block, lambda v: v.mean(axis=(0, 1, 3, 4))[None, :], "flat")
        case Flatten():
            return _each(block, lambda v: v.mean(axis=(0, 1)), "flat")
        case Residual():
            inner = walk(stage.branch, _each(block, np.copy), with_theta, side)
            if stage.after == "none":
                return inner
            if block.pairs == "all" and stage.after == "equal":
                block = _equal_positions(block)
            return _added(block, inner)
        case _:
            assert_never(layer)
