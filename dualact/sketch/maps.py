"""Plans and feature maps of every kind: a dense network is one series, a spatial one goes layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DualactError, NetworkError
from ..network.layers import is_spatial
from ..network.spec import Network
from .compression import CompressedMap, CompressedPlan
from .feature_map import FeatureMap, MapPlan
from .planning import SketchPlan, plan_features
from .spatial.feature_map import SpatialMap
from .spatial.fitting import plan_images
from .spatial.planning import SpatialPlan

__all__ = ["Map", "Plan", "make_map", "plan_map", "read_plan"]

Plan = SketchPlan | SpatialPlan | CompressedPlan
Map = FeatureMap | SpatialMap | CompressedMap


def plan_map(
    network: Network,
    kind: str,
    X: Any = None,
    *,
    input_shape: tuple[int, ...] | None = None,
    n_features: int | None = None,
    n_components: int,
    degree: int | str = "auto",
    widths: str | Sequence[int] = "auto",
    seed: int = 0,
    population: int | None = None,
) -> Plan:
    """Design the feature map of any network; see :func:`plan_features` and :func:`plan_images`.

    Raises
    ------
    NetworkError
        If the network is ill-defined or does not fit the data, or ``widths`` does not fit the network.
    DualactError
        If a parameter is out of range.
    """
    if is_spatial(network.layers):
        if hasattr(X, "toarray"):
            X = X.toarray()
        return plan_images(
            network,
            kind,
            X,
            input_shape=input_shape,
            n_features=n_features,
            n_components=n_components,
            degree=degree,
            widths=widths,
            seed=seed,
        )
    if widths != "auto":
        raise NetworkError(
            "widths are for spatial networks: a dense one is a single series, whatever its depth. "
            f"Leave widths='auto'. Got {widths!r}."
        )
    return plan_features(
        network,
        kind,
        X,
        n_features=n_features,
        n_components=n_components,
        degree=degree,
        population=population,
    )


def read_plan(data: Plan | Mapping[str, Any]) -> Plan:
    """Return a plan, or read back what its ``to_dict`` wrote.

    Raises
    ------
    DualactError
        If the data are not those of a plan.
    """
    if isinstance(data, SketchPlan | SpatialPlan | CompressedPlan):
        return data
    if isinstance(data, Mapping) and data.get("method") == "compressed":
        return CompressedPlan.read(data, read_plan(data.get("wide", {})))
    spatial = isinstance(data, Mapping) and data.get("method") == "spatial"
    return SpatialPlan.from_dict(data) if spatial else SketchPlan.from_dict(data)


def make_map(plan: Plan | MapPlan, seed: int, dtype: Any) -> Map:
    """Return the map that a plan, a seed and a dtype fix.

    Raises
    ------
    DualactError
        If the seed of a plan that holds one is another.
    """
    if not isinstance(plan, SpatialPlan | CompressedPlan):
        return FeatureMap(plan, seed, dtype)
    if seed != plan.seed:
        raise DualactError(
            f"the plan was made for random_state={plan.seed}: its directions are those of "
            f"that map. Got {seed}. Pass {plan.seed}, or fit again."
        )
    if isinstance(plan, CompressedPlan):
        return CompressedMap(plan, make_map(plan.wide, seed, dtype))
    return SpatialMap(plan, dtype)
