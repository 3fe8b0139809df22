"""What will run, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import DualactError
from ..network.planning import NetworkPlan, check
from ..network.spec import Network, as_network
from ..sketch.maps import METHODS, Plan, plan_map

__all__ = ["plan"]


def plan(
    network: Network | Mapping[str, Any],
    kind: str = "ntk",
    input_shape: tuple[int, ...] | None = None,
    n_features: int | None = None,
    n_components: int | None = None,
    degree: int | str = "auto",
    method: str = "auto",
) -> NetworkPlan | Plan:
    """Check a network and say what will be computed for it; ``print`` shows a table.

    Parameters
    ----------
    network : Network or its dictionary
    kind : {"ntk", "nngp"}
    input_shape : tuple of int, optional
        Shape of one input.
    n_features : int, optional
        Number of columns of X.
    n_components : int, optional
        Number of features; given, the plan is that of the feature map, else that of the exact kernel.
    degree : int or "auto"
        Of the feature map.
    method : {"auto", "polysketch", "monomials", "random"}
        Of the feature map; "auto" takes sketches or random features, those with the smaller predicted error,
        and the plan says why.

    Returns
    -------
    NetworkPlan, SketchPlan, SpatialPlan, PrincipalPlan or RandomPlan
        A feature map is designed here for inputs drawn from N(0, 1);
        :class:`SketchedNeuralKernel` designs it for your data.

    Raises
    ------
    NetworkError
        If the network is ill-defined; the message says where, why, and what to do.

    Examples
    --------
    >>> import dualact as da
    >>> print(da.plan(da.mlp(1, "erf"), kind="nngp"))
    exact NNGP of the Gaussian output
    layer              rule
    0      Dense()     Σ ← w²Σ + b²
    1      Act('erf')  Σ ← E φφ (closed form)
    2      Dense()     Σ ← w²Σ + b²
    """
    network = as_network(network)
    if method not in METHODS:
        raise DualactError(f"method must be one of {', '.join(map(repr, METHODS))}. Got {method!r}.")
    checked = check(network, kind, input_shape, n_features)
    if n_components is None:
        return checked
    return plan_map(
        network,
        kind,
        input_shape=input_shape,
        n_features=checked.n_features,
        n_components=n_components,
        degree=degree,
        method=method,
    )
