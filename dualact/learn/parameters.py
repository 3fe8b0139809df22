"""What the estimators share: how a network is given, replaced in a search, and a seed drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.utils import check_random_state

from ..errors import DualactError, NetworkError
from ..network.architectures import mlp
from ..network.spec import Network, as_network

__all__ = ["NetworkParameter", "network_of", "seed_of"]

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
