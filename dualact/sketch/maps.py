"""Plans and feature maps of every kind.

Polynomial sketches take a dense network as one series, a spatial one layer by layer; leading monomials take
the same series of a dense one; random features go layer by layer in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DualactError, NetworkError
from ..network.layers import is_spatial
from ..network.spec import Network
from .choosing import choose
from .compression import CompressedMap, CompressedPlan
from .feature_map import FeatureMap, MapPlan
from .planning import SketchPlan, plan_features
from .principal.feature_map import PrincipalMap
from .principal.fitting import plan_monomials
from .principal.planning import PrincipalPlan
from .random.feature_map import RandomMap
from .random.fitting import plan_random
from .random.planning import RandomPlan
from .spatial.feature_map import SpatialMap
from .spatial.fitting import plan_images
from .spatial.planning import SpatialPlan

__all__ = ["METHODS", "Map", "Plan", "make_map", "plan_map", "read_plan"]

Plan = SketchPlan | SpatialPlan | RandomPlan | PrincipalPlan | CompressedPlan
Map = FeatureMap | SpatialMap | RandomMap | PrincipalMap | CompressedMap
_LONG = 1 << 14  # features of a row beyond which random features, which transform whole rows, are no choice
METHODS = ("auto", "polysketch", "monomials", "random")


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
    method: str = "polysketch",
    leverage: bool | str = "auto",
) -> Plan:
    """Design the feature map of any network.

    See :func:`plan_features`, :func:`plan_images`, :func:`plan_monomials` and :func:`plan_random`;
    ``method="auto"`` takes the sketch or random features, what is predicted to be better, and polynomial
    sketches where a degree or widths are given.

    Raises
    ------
    NetworkError
        If the network is ill-defined or does not fit the data, or ``widths`` does not fit the network.
    DualactError
        If a parameter is out of range.
    """
    spatial = is_spatial(network.layers)
    if widths != "auto" and not spatial:
        raise NetworkError(
            "widths are for spatial networks: a dense one is a single series, whatever its depth. "
            f"Leave widths='auto'. Got {widths!r}."
        )

    def random() -> RandomPlan:
        return plan_random(
            network,
            kind,
            X,
            input_shape=input_shape,
            n_features=n_features,
            n_components=n_components,
            leverage=leverage,
            widths=widths,
            seed=seed,
            population=population,
        )

    if method == "random":
        if degree != "auto":
            raise DualactError(
                "degree is the highest power of a polynomial sketch; random features have none. "
                f"Leave degree='auto', or take method='polysketch'. Got degree={degree!r}."
            )
        return random()

    if method == "monomials":
        return plan_monomials(
            network,
            kind,
            X,
            n_features=n_features,
            n_components=n_components,
            degree=degree,
            population=population,
        )

    def sketched() -> SketchPlan | SpatialPlan:
        if spatial:
            return plan_images(
                network,
                kind,
                X.toarray() if hasattr(X, "toarray") else X,
                input_shape=input_shape,
                n_features=n_features,
                n_components=n_components,
                degree=degree,
                widths=widths,
                seed=seed,
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

    if method == "auto" and degree == "auto" and widths == "auto":
        return choose(sketched, random if X is None or X.ndim > 2 or X.shape[1] <= _LONG else _too_long)
    return sketched()


def _too_long() -> RandomPlan:
    raise DualactError(f"rows have more than {_LONG} features, and those transform whole rows")


def read_plan(data: Plan | Mapping[str, Any]) -> Plan:
    """Return a plan, or read back what its ``to_dict`` wrote.

    Raises
    ------
    DualactError
        If the data are not those of a plan.
    """
    if isinstance(data, SketchPlan | SpatialPlan | RandomPlan | PrincipalPlan | CompressedPlan):
        return data
    method = data.get("method") if isinstance(data, Mapping) else None
    if method == "compressed":
        return CompressedPlan.read(data, read_plan(data.get("wide", {})))
    if method == "random":
        return RandomPlan.from_dict(data)
    if method == "monomials":
        return PrincipalPlan.from_dict(data)
    return SpatialPlan.from_dict(data) if method == "spatial" else SketchPlan.from_dict(data)


def make_map(plan: Plan | MapPlan, seed: int, dtype: Any) -> Map:
    """Return the map that a plan, a seed and a dtype fix.

    Raises
    ------
    DualactError
        If the seed of a plan that holds one is another.
    """
    if isinstance(plan, PrincipalPlan):  # nothing in it is random
        return PrincipalMap(plan, dtype)
    if not isinstance(plan, SpatialPlan | RandomPlan | CompressedPlan):
        return FeatureMap(plan, seed, dtype)
    if seed != plan.seed:
        raise DualactError(
            f"the plan was made for random_state={plan.seed}: its directions are those of "
            f"that map. Got {seed}. Pass {plan.seed}, or fit again."
        )
    if isinstance(plan, CompressedPlan):
        wide: Any = plan.wide
        return CompressedMap(plan, make_map(wide, seed, dtype))
    return RandomMap(plan, dtype) if isinstance(plan, RandomPlan) else SpatialMap(plan, dtype)
