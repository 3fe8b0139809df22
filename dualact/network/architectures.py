"""Networks that are asked for by name."""

from __future__ import annotations

from ..errors import NetworkError
from ..nonlinearity.contract import Activation
from .layers import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, Layer
from .scalars import Size
from .spec import MAX_LAYERS, Network

__all__ = ["cnn", "mlp", "myrtle", "with_depth"]

_MYRTLE = {5: (2, 1, 1), 7: (2, 2, 2), 10: (3, 3, 3)}


def mlp(depth: int, activation: str | Activation, weight_std: float = 1.0, bias_std: float = 0.0) -> Network:
    """Multilayer perceptron: ``depth`` hidden layers Dense, Act; then a Dense read-out.

    Parameters
    ----------
    depth : int
        Number of hidden layers, at least 1.
    activation : str or Activation
        The activation of every hidden layer.
    weight_std, bias_std : float
        Of every Dense layer, the read-out included.

    Returns
    -------
    Network

    Examples
    --------
    >>> import dualact as da
    >>> da.mlp(1, "erf", bias_std=0.1)
    Network([Dense(bias_std=0.1), Act('erf'), Dense(bias_std=0.1)])
    """
    depth = _count("mlp", "depth", depth, (MAX_LAYERS - 1) // 2)
    dense = Dense(weight_std, bias_std)
    return Network((dense, Act(activation)) * depth + (dense,))


def cnn(
    depth: int,
    activation: str | Activation,
    kernel_size: Size = 3,
    weight_std: float = 2**0.5,
    bias_std: float = 0.0,
    pool_every: int | None = None,
    head: str = "gap",
) -> Network:
    """Convolutional network: ``depth`` hidden layers Conv, Act; a head; then a Dense read-out.

    Parameters
    ----------
    depth : int
        Number of hidden layers, at least 1.
    activation : str or Activation
        The activation of every hidden layer.
    kernel_size : int or tuple of int
        Of every Conv layer; padding is "same".
    weight_std, bias_std : float
        Of every Conv layer, and of the read-out.
    pool_every : int, optional
        An AvgPool(2) after every so many hidden layers; None means no pool.
    head : {"gap", "flatten"}
        GlobalAvgPool or Flatten before the read-out. Exact kernels of the former need all pairs of positions,
        those of the latter (without pools) equal positions alone.

    Returns
    -------
    Network

    Examples
    --------
    >>> import dualact as da
    >>> da.cnn(1, "relu", weight_std=1.0)
    Network([Conv(3), Act('relu'), GlobalAvgPool(), Dense()])
    """
    depth = _count("cnn", "depth", depth, (MAX_LAYERS - 2) // 3)
    every = None if pool_every is None else _count("cnn", "pool_every", pool_every, MAX_LAYERS)
    if head not in ("gap", "flatten"):
        raise NetworkError(f"cnn: head must be 'gap' or 'flatten'. Got {head!r:.80}.")
    conv = Conv(kernel_size, weight_std=weight_std, bias_std=bias_std)
    layers: list[Layer] = []
    for i in range(1, depth + 1):
        layers += [conv, Act(activation)]
        if every is not None and i % every == 0:
            layers.append(AvgPool(2))
    return Network([*layers, GlobalAvgPool() if head == "gap" else Flatten(), Dense(weight_std, bias_std)])


def myrtle(depth: int, activation: str | Activation, weight_std: float = 2**0.5) -> Network:
    """Myrtle network for images: three blocks of 3×3 convolutions, pooled in between and at the end.

    Blocks of [2, 1, 1], [2, 2, 2] or [3, 3, 3] hidden layers (Conv 3×3 same, Act) for depth 5, 7 and 10; an
    AvgPool of 2×2 after the first and the second block, GlobalAvgPool after the third, then Dense.

    Parameters
    ----------
    depth : {5, 7, 10}
    activation : str or Activation
    weight_std : float
        Of every Conv layer, and of the read-out.

    Returns
    -------
    Network

    References
    ----------
    Shankar, Fang, Guo, Fridovich-Keil, Schmidt, Ragan-Kelley, Recht, "Neural kernels without tangents",
    ICML 2020.

    Examples
    --------
    >>> import dualact as da
    >>> da.myrtle(5, "relu", weight_std=1.0)[:5]
    Network([Conv((3, 3)), Act('relu'), Conv((3, 3)), Act('relu'), AvgPool((2, 2))])
    """
    if isinstance(depth, bool) or not hasattr(depth, "__index__") or int(depth) not in _MYRTLE:
        raise NetworkError(f"myrtle: depth must be 5, 7 or 10. Got {depth!r:.80}.")
    # Two-dimensional by name: grey images without a channel axis are refused, not read as sequences.
    first, second, third = (
        (Conv((3, 3), weight_std=weight_std), Act(activation)) * n for n in _MYRTLE[int(depth)]
    )
    pool = AvgPool((2, 2))
    return Network([*first, pool, *second, pool, *third, GlobalAvgPool(), Dense(weight_std)])


def with_depth(layers: tuple[Layer, ...], depth: int) -> tuple[Layer, ...] | None:
    """Return the layers of the mlp or cnn with another depth; None where ``layers`` is neither."""
    acts = [layer for layer in layers if isinstance(layer, Act)]
    if not acts:
        return None
    act, first, before = acts[0].activation, layers[0], len(acts)
    if isinstance(first, Dense):
        if mlp(before, act, first.weight_std, first.bias_std).layers == layers:
            return mlp(depth, act, first.weight_std, first.bias_std).layers
    elif isinstance(first, Conv) and len(layers) > 2:
        pools = [i for i, layer in enumerate(layers) if isinstance(layer, AvgPool)]
        every = pools[0] // 2 if pools else None
        head = "flatten" if isinstance(layers[-2], Flatten) else "gap"
        rest = (act, first.kernel_size, first.weight_std, first.bias_std, every or None, head)
        if cnn(before, *rest).layers == layers:
            return cnn(depth, *rest).layers
    return None


def _count(owner: str, label: str, value: object, limit: int) -> int:
    number = 0 if isinstance(value, bool) or not hasattr(value, "__index__") else int(value.__index__())
    if not 1 <= number <= limit:
        raise NetworkError(f"{owner}: {label} must be an integer between 1 and {limit}. Got {value!r:.80}.")
    return number
