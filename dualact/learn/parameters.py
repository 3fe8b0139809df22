"""What the estimators share: how a network is given, replaced in a search, and a seed drawn."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import validate_data

from ..errors import DualactError, NetworkError
from ..exact.inputs import numbers_only
from ..network.architectures import mlp
from ..network.spec import Network, as_network

__all__ = [
    "NetworkParameter",
    "as_flat_rows",
    "check_at_least_zero",
    "check_choice",
    "check_integer",
    "check_jobs",
    "check_leverage",
    "check_weights",
    "network_of",
    "seed_of",
    "validated",
]

_SEARCHABLE = ("activation", "depth", "weight_std", "bias_std")


def network_of(network: Network | Mapping[str, Any] | None) -> Network:
    """Return the network of an estimator; None stands for ``mlp(2, "relu", weight_std=2**0.5)``."""
    return mlp(2, "relu", weight_std=2**0.5) if network is None else as_network(network)


def seed_of(random_state: Any) -> int:
    """Return an integer seed: the integer itself, or one drawn from a random state."""
    if hasattr(random_state, "__index__") and not isinstance(random_state, bool):
        seed = int(random_state)
        if not 0 <= seed < 2**32:
            raise DualactError(f"random_state must be between 0 and 2**32 − 1. Got {seed}.")
        return seed
    return int(check_random_state(random_state).randint(2**31 - 1))


def check_choice(owner: str, label: str, value: Any, legal: tuple[str, ...]) -> None:
    """Refuse a parameter that is none of the legal words, as scikit-learn would say it."""
    if not isinstance(value, str) or value not in legal:
        raise DualactError(
            f"The {label!r} parameter of {owner} must be one of {', '.join(map(repr, legal))}. "
            f"Got {value!r} instead."
        )


def check_jobs(owner: str, n_jobs: Any) -> None:
    """Refuse a number of threads that is none."""
    whole = hasattr(n_jobs, "__index__") and not isinstance(n_jobs, bool)
    if n_jobs is not None and not (whole and (n_jobs == -1 or n_jobs >= 1)):
        raise DualactError(
            f"The 'n_jobs' parameter of {owner} must be None, -1 or an int in the range [1, inf). "
            f"Got {n_jobs!r} instead."
        )


def check_leverage(owner: str, value: Any) -> None:
    """Refuse what is neither a truth value nor "auto"."""
    if not isinstance(value, bool | np.bool_) and value != "auto":
        raise DualactError(
            f"The 'leverage' parameter of {owner} must be True, False or 'auto'. Got {value!r} instead."
        )


def validated(estimator: Any, *args: Any, **kwargs: Any) -> Any:
    """Return what scikit-learn's ``validate_data`` does, and say more where an entry is text."""
    with numbers_only(f"the data of {type(estimator).__name__}"):
        return validate_data(estimator, *args, **kwargs)


def as_flat_rows(X: Any, shape: tuple[int, ...] | None = None) -> tuple[Any, tuple[int, ...] | None]:
    """Return images or sequences as rows, and the shape that one of them had; rows as they are, and None.

    Parameters
    ----------
    X : array of any dimension, CSR matrix or data frame
    shape : tuple of int, optional
        What the shape must be, where X is not made of rows.

    Raises
    ------
    NetworkError
        If it is another.
    """
    if not hasattr(X, "shape"):
        X = np.asarray(X) if isinstance(X, list | tuple) and np.ndim(X) > 2 else X
    found = tuple(getattr(X, "shape", ()))
    if len(found) <= 2:
        return X, None
    if shape is not None and found[1:] != shape:
        raise NetworkError(f"X must have the shape (n, {', '.join(map(str, shape))}). Got {found}.")
    return X.reshape(found[0], -1), found[1:]


def check_at_least_zero(
    owner: str, label: str, value: Any, infinite: bool = False, why: str | None = None
) -> None:
    """Refuse what is no number of at least 0, finite unless ``infinite``; ``why`` says what for."""
    number = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    if not (number >= 0 and (infinite or number < math.inf)):
        raise DualactError(
            f"The {label!r} parameter of {owner} must be a number in the range "
            f"[0, inf{']' if infinite else ')'}{f', {why}' if why else ''}. Got {value!r:.80} instead."
        )


def check_weights(sample_weight: Any, n: int) -> NDArray[np.float64]:
    """Return weights of n rows; all may be zero, in one chunk of many."""
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n, sample_weight)
    weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.shape != (n,):
        raise DualactError(
            f"sample_weight must have the shape ({n},), one weight a row. Got {weights.shape}."
        )
    if (weights < 0).any():
        raise DualactError(f"Negative values in data passed to `sample_weight`: {weights.min():.3g}.")
    return np.asarray(weights)


def check_integer(owner: str, label: str, value: Any, least: int, either: str = "") -> None:
    """Refuse what is no integer of at least ``least``; ``either`` names what else is legal."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < least:
        raise DualactError(
            f"The {label!r} parameter of {owner} must be {either}an int in the range [{least}, inf). "
            f"Got {value!r} instead."
        )


class NetworkParameter:
    """Mixin: ``set_params(network__activation=...)`` replaces the frozen network by a changed copy."""

    network: Any

    def set_params(self, **params: Any) -> Any:
        """Set parameters; ``network__x=v`` stands for ``network=network.replace(x=v)``.

        Parameters
        ----------
        **params
            Parameters of the estimator, and network__activation, network__depth,
            network__weight_std, network__bias_std.

        Returns
        -------
        self
        """
        prefix = "network__"
        changes = {key[len(prefix) :]: value for key, value in params.items() if key.startswith(prefix)}
        super().set_params(**{k: v for k, v in params.items() if not k.startswith(prefix)})  # type: ignore[misc]
        unknown = sorted(set(changes) - set(_SEARCHABLE))
        if unknown:
            raise NetworkError(
                f"{type(self).__name__}: network__{unknown[0]} is not a parameter of the network. "
                f"There are: {', '.join(prefix + name for name in _SEARCHABLE)}."
            )
        if changes:
            self.network = network_of(self.network).replace(**changes)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the network as text, where it can be written down: plain data."""
        state: dict[str, Any] = dict(super().__getstate__())  # type: ignore[call-overload]
        if isinstance(self.network, Network):
            try:
                text = json.dumps(self.network.to_dict())
            except NetworkError:  # an unregistered function: pickle carries it, if it can be imported
                return state
            del state["network"]
            state["_network"] = text
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_network" in state:
            state = {**state, "network": Network.from_dict(json.loads(state["_network"]))}
            del state["_network"]
        parent = getattr(
            super(), "__setstate__", None
        )  # estimators have one, kernels of Gaussian processes none
        if parent is None:
            self.__dict__.update(state)
        else:
            parent(state)
