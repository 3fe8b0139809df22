"""Networks that are asked for by name."""

from __future__ import annotations

from ..errors import NetworkError
from ..nonlinearity.contract import Activation
from .layers import Act, Dense
from .spec import MAX_LAYERS, Network

__all__ = ["mlp"]


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
    limit = (MAX_LAYERS - 1) // 2
    if isinstance(depth, bool) or not hasattr(depth, "__index__") or not 1 <= int(depth) <= limit:
        raise NetworkError(f"mlp: depth must be an integer between 1 and {limit}. Got {depth!r}.")
    dense = Dense(weight_std, bias_std)
    return Network((dense, Act(activation)) * int(depth) + (dense,))
