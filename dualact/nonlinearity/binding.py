"""The parameters of an activation: read off its factory's signature, checked, brought to one plain form.

A value comes in as whatever the caller had (``1``, ``np.float32(1)``, a list) and leaves as the plain Python
value that is persisted, so that equal parameters are the same activation.
"""

from __future__ import annotations

import difflib
import inspect
import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DualactError, PluginError

__all__ = ["REQUIRED", "RESERVED", "Parameter", "bind", "describe", "parameters_of"]

REQUIRED: Any = inspect.Parameter.empty
"""The default of a parameter that has none."""

RESERVED = ("activation", "layer", "name")
"""Keys of a stored network; a parameter of that name could not be told from them."""

_EXPECTED = {
    "float": "a number",
    "int": "an integer",
    "number": "a number",
    "bool": "True or False",
    "str": "a string",
    "tuple": "a sequence of numbers",
    "any": "a number, a string, a bool, None, or a sequence of these",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of an activation.

    Attributes
    ----------
    name : str
    default : number, str, bool, None, tuple or REQUIRED
    kind : {"float", "int", "number", "bool", "str", "tuple", "any"}
        What its values must be: by the factory's annotation, else by its default.
    items : {"float", "int", "number"}
        For a tuple, what its entries must be.
    fixed : bool
        Whether the default is its only value (the parameters of a ready-made Activation).
    """

    name: str
    default: Any = REQUIRED
    kind: str = "any"
    items: str = "any"
    fixed: bool = False

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is REQUIRED

    def __str__(self) -> str:
        return self.name if self.required else f"{self.name}={self.default!r}"

    def example(self, position: int) -> Any:
        """Return the default, or where there is none a value that is not special in any way."""
        if not self.required:
            return self.default
        half = 0.5 * (position + 1)
        pair = (1, 2) if self.items == "int" else (half, 1.0 + half)
        return {"float": half, "bool": True, "str": "", "tuple": pair}.get(self.kind, 2 + position)

    def normalise(self, value: Any) -> Any:
        """Return ``value`` in the plain form that is stored; raise TypeError if it is of the wrong type."""
        return _plain(value, self.kind, self.items)


def parameters_of(factory: Callable[..., Any], origin: str) -> tuple[Parameter, ...]:
    """Read the parameters off a factory.

    Raises
    ------
    PluginError
        If the signature cannot be read, or has anything but named parameters.
    """
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError) as exc:
        raise PluginError(
            f"{origin}: the signature of {factory!r} cannot be read ({exc}), so its parameters are unknown. "
            "Wrap it in a def with named parameters."
        ) from exc
    return tuple(_parameter(p, origin) for p in signature.parameters.values())


def bind(subject: str, legal: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every legal parameter with its value, given or default, in plain form and in order.

    Parameters
    ----------
    subject : str
        Whose parameters they are, to begin a message with.
    legal : sequence of Parameter
    given : mapping of str to object

    Raises
    ------
    DualactError
        For an unknown, a missing or a wrongly typed parameter; the message lists the legal ones.
    """
    names = [p.name for p in legal]
    for name in given:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DualactError(f"{subject} has no parameter {name!r}.{hint} {describe(legal)}")
    missing = [p.name for p in legal if p.required and p.name not in given]
    if missing:
        raise DualactError(f"{subject} needs a value for {' and '.join(missing)}. {describe(legal)}")
    bound = {}
    for p in legal:
        if p.name not in given:
            bound[p.name] = p.default
            continue
        value = given[p.name]
        try:
            bound[p.name] = p.normalise(value)
        except TypeError as exc:
            raise DualactError(
                f"{subject}: {p.name} must be {exc}. Got {value!r} ({type(value).__name__}). "
                f"{describe(legal)}"
            ) from None
        if p.fixed and bound[p.name] == p.default:
            bound[p.name] = p.default
        elif p.fixed:
            raise DualactError(
                f"{subject}: {p.name} is fixed at {p.default!r}, because a ready-made Activation is "
                f"registered under this name. Got {value!r}. Register a function with the "
                f"parameter {p.name} to vary it."
            )
    return bound


def describe(legal: Iterable[Parameter]) -> str:
    """Return the sentence that lists the legal parameters with their defaults."""
    listed = [f"{p} (required)" if p.required else str(p) for p in legal]
    return f"Its parameters: {', '.join(listed)}." if listed else "It takes no parameters."


def _parameter(p: inspect.Parameter, origin: str) -> Parameter:
    if p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
        raise PluginError(
            f"{origin}: the factory's parameter '{p}' is {p.kind.description}; parameters are passed and "
            "stored by name. Give each one a name, and a default where there is a sensible one."
        )
    if p.name in RESERVED:
        raise PluginError(
            f"{origin}: a parameter must not be called {p.name!r}, which is a key of stored "
            "networks. Rename it."
        )
    kind, items = _kind(p)
    if p.default is REQUIRED:
        return Parameter(p.name, REQUIRED, kind, items)
    try:
        default = _plain(p.default, kind, items)
    except TypeError:
        try:  # annotated more strictly than its own default (None, say): then anything storable goes
            kind, items = "any", "any"
            default = _plain(p.default, kind, items)
        except TypeError as exc:
            raise PluginError(
                f"{origin}: the default of the parameter {p.name!r} must be {exc}, because it is stored. "
                f"Got {p.default!r}."
            ) from None
    return Parameter(p.name, default, kind, items)


def _kind(p: inspect.Parameter) -> tuple[str, str]:
    """Return what values and entries of a parameter must be: by annotation, else by default."""
    note = p.annotation
    if note is not REQUIRED:
        text = note if isinstance(note, str) else note.__name__ if isinstance(note, type) else str(note)
        head = text.split("[")[0].rsplit(".", 1)[-1].lower()
        if head in ("float", "int", "bool", "str") and "|" not in text:
            return head, "any"
        if head in ("tuple", "list", "sequence", "iterable", "collection") and "|" not in text:
            return "tuple", "float" if "float" in text else "int" if "int" in text else "number"
        return "any", "any"
    default = p.default
    if isinstance(default, bool | np.bool_):
        return "bool", "any"
    if isinstance(default, numbers.Real):
        return ("number" if isinstance(default, numbers.Integral) else "float"), "any"
    if isinstance(default, str):
        return "str", "any"
    if isinstance(default, list | tuple | np.ndarray):
        whole = all(isinstance(v, numbers.Integral) for v in default)
        return "tuple", "number" if whole else "float"
    return "any", "any"


def _plain(value: Any, kind: str, items: str) -> Any:
    """Return ``value`` as a plain value of that kind; raise TypeError(what was expected)."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if kind == "any":
        if value is None:
            return None
        if isinstance(value, str):
            return str(value)
        if isinstance(value, list | tuple | np.ndarray):
            return tuple(_plain(v, "any", "any") for v in value)
        kind = "bool" if isinstance(value, bool | np.bool_) else "number"
        if not isinstance(value, bool | np.bool_ | numbers.Real):
            raise TypeError(_EXPECTED["any"])
    elif kind == "tuple":
        if not isinstance(value, list | tuple | np.ndarray | range):
            raise TypeError(_EXPECTED["tuple"])
        try:
            return tuple(_plain(v, items, "any") for v in value)
        except TypeError:
            raise TypeError(_EXPECTED["tuple"]) from None
    if kind == "str" and isinstance(value, str):
        return str(value)
    if kind == "bool" and isinstance(value, bool | np.bool_):
        return bool(value)
    if kind in ("float", "int", "number") and _is_real(value):
        number = float(value)
        if kind == "float":
            return number
        # 3 and 3.0 are one parameter; beyond 2**53 a float no longer says which integer was meant.
        if isinstance(value, numbers.Integral) or (number.is_integer() and abs(number) < 2.0**53):
            return int(value)
        if kind == "number":
            return number
    raise TypeError(_EXPECTED[kind])


def _is_real(value: Any) -> bool:
    """Whether it is a real number; a NaN is none (and would equal nothing, itself included)."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return False
    try:
        return not math.isnan(float(value))
    except OverflowError:  # an integer beyond float64
        return False
