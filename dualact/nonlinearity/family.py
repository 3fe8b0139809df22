"""One registered object: a ready-made Activation or a factory, who provides it, and its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

from ..errors import DualactError, PluginError, UnknownActivationError
from .binding import Parameter, bind, describe, parameters_of
from .contract import Activation

__all__ = ["Factory", "Family"]

Factory = Callable[..., Activation]


@final
@dataclass(frozen=True, eq=False)
class Family:
    """An object registered under a name: a ready-made Activation, or a factory with its parameters."""

    name: str
    target: Activation | Factory
    provider: str
    origin: str
    parameters: tuple[Parameter, ...]

    @classmethod
    def of(cls, name: str, target: Any, provider: str, origin: str) -> Family:
        """Check that ``target`` is what the contract asks for, and read its parameters."""
        who = f"activation {name!r} of {origin}"
        if isinstance(target, Activation):
            fixed = (Parameter(key, value, "any", "any", fixed=True) for key, value in target.params.items())
            return cls(name, target, provider, origin, tuple(fixed))
        if not callable(target):
            raise PluginError(
                f"{who}: expected an Activation, or a callable with keyword defaults that returns one. Got "
                f"{target!r} ({type(target).__name__})."
            )
        return cls(name, target, provider, origin, parameters_of(target, who))

    @property
    def subject(self) -> str:
        """How messages to a user name it."""
        return f"activation {self.name!r}"

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters, given or default, in plain form."""
        return bind(self.subject, self.parameters, given)

    def example(self) -> dict[str, Any]:
        """Return a value for each parameter that has no default."""
        return {p.name: p.example(i) for i, p in enumerate(self.parameters) if p.required}

    def make(self, bound: Mapping[str, Any], given: Mapping[str, Any]) -> Activation:
        """Return the Activation as the provider made it; what goes wrong names the provider."""
        if isinstance(self.target, Activation):
            return self.target
        call = f"the factory called with {dict(bound)}" if bound else "the factory"
        try:
            made: object = self.target(**bound)
        except Exception as exc:
            who = f"{self.subject} of {self.origin}"
            if isinstance(exc, PluginError) and str(exc).startswith(who):
                raise  # said already: a factory that asks for its own name comes back here many times
            broken = isinstance(exc, PluginError | UnknownActivationError)
            if given and isinstance(exc, ValueError | TypeError) and not broken:
                # A factory that knows the house's errors has named the activation already.
                named = str(exc).startswith(self.subject)
                prefix = "" if named else f"{self.subject} ({self.provider}) refuses {dict(given)}: "
                raise DualactError(f"{prefix}{_sentence(exc)} {describe(self.parameters)}") from exc
            raise PluginError(
                f"{who}: {call} raised {type(exc).__name__}: {_sentence(exc)} "
                "Repair, update or remove its provider; every other activation works without it."
            ) from exc
        if not isinstance(made, Activation):
            raise PluginError(
                f"{self.subject} of {self.origin}: {call} must return an Activation. Got {made!r} "
                f"({type(made).__name__}). Return Activation(name, phi, ...) from it."
            )
        return made


def _sentence(exc: Exception) -> str:
    text = str(exc)
    return text if text.endswith(".") else text + "."
