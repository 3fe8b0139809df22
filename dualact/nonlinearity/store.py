"""The store behind the catalog: who provides what under which name, and the instances made so far."""

from __future__ import annotations

import contextlib
import difflib
import re
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, final

from ..errors import DualactError, PluginError, PluginWarning, UnknownActivationError
from .contract import Activation
from .discovery import Claim, scan
from .family import Family
from .table import ActivationRow, ActivationTable

__all__ = ["Store"]

_KEPT = 512  # instances; the least recently used go first, for each may carry tables of some megabytes


@final
class Store:
    """Names and what they stand for; the functions of the catalog act on one of these.

    Parameters
    ----------
    find : callable
        Returns the claims by name; :func:`~dualact.nonlinearity.discovery.scan` of what is installed.

    Notes
    -----
    Thread safe. The lock is held only while tables change, never while a plugin's code runs: a plugin that
    itself asks for an activation while it is imported could otherwise wait for this thread's import forever.
    """

    def __init__(self, find: Callable[[], Mapping[str, tuple[Claim, ...]]] = scan) -> None:
        self._find = find
        self._lock = threading.RLock()
        self._claims: Mapping[str, tuple[Claim, ...]] | None = None
        self._loaded: dict[str, Family] = {}  # from entry points
        self._registered: dict[str, Family] = {}  # by register(), on top of them
        self._made: OrderedDict[Any, tuple[Activation, frozenset[str]]] = OrderedDict()

    # -- looking up ----------------------------------------------------------------------------------
    def get(self, name: str, given: Mapping[str, Any]) -> Activation:
        """Return the activation of that name with these parameters, the same object every time."""
        if not isinstance(name, str):
            raise DualactError(
                f"activation: expected the name of an activation. Got {name!r} ({type(name).__name__})."
            )
        family = self.family(name)
        bound = family.bind(given)
        key = _key(name, bound)
        with self._lock:
            if key in self._made and self._current(name) is family:
                self._made.move_to_end(key)
                return self._made[key][0]
        raw = family.make(bound, given)
        made = self._named(family, raw, bound)
        with self._lock:
            if self._current(name) is not family:  # replaced in the meantime, by another thread
                return made
            kept = self._made.setdefault(key, (made, frozenset((name, raw.name, made.name))))
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
            return kept[0]

    def family(self, name: str) -> Family:
        """Return what is registered under a name, loading it if need be."""
        found = self._find_family(name)
        if found is None:
            with self._lock:
                self._scanned(fresh=True)  # perhaps it was installed since
            found = self._find_family(name)
        if found is None:
            raise UnknownActivationError(self._unknown(name))
        return found

    def _find_family(self, name: str) -> Family | None:
        with self._lock:
            current = self._current(name)
            claims = self._scanned().get(name) if current is None else None
        if claims is None:
            return current
        _one_voice(claims)
        claim = claims[0]
        loaded = Family.of(name, claim.load(), claim.provider, claim.origin)
        with self._lock:
            if name in self._registered or self._scanned().get(name) != claims:  # changed in the meantime
                return self._current(name) or loaded
            return self._loaded.setdefault(name, loaded)

    def _current(self, name: str) -> Family | None:
        return self._registered.get(name) or self._loaded.get(name)

    def _scanned(self, fresh: bool = False) -> Mapping[str, tuple[Claim, ...]]:
        if self._claims is None:
            self._claims = dict(self._find())
        elif fresh:
            old, self._claims = self._claims, dict(self._find())
            for name in old.keys() | self._claims.keys():
                if old.get(name) != self._claims.get(name):
                    self._loaded.pop(name, None)
                    self._forget(name)
        return self._claims

    def _named(self, family: Family, raw: Activation, bound: Mapping[str, Any]) -> Activation:
        """Return ``raw`` under the name that it persists by: its own if that leads here too, else ours."""
        if raw.name != family.name:
            with contextlib.suppress(DualactError):
                own = self._find_family(raw.name)
                if own is not None and raw.registered:
                    if self.get(raw.name, raw.params) is raw:
                        return raw
                elif own is not None and _leads_to(raw, own, family, bound):
                    return self.get(raw.name, bound)
        return raw.registered_as(family.name, bound, family.provider)

    def _unknown(self, name: str) -> str:
        known = sorted({*self._registered, *self._scanned()})
        by_letters = {_letters(k): k for k in known}
        near = [by_letters[k] for k in difflib.get_close_matches(_letters(name), by_letters, n=3, cutoff=0.6)]
        hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
        return (
            f"no activation {name!r} is registered. {hint}activations() lists all {len(known)}. "
            "An entry point added to a project counts only after it is installed again (pip install -e .); "
            "what register() adds, counts in this process alone. An activation need not be registered: "
            f"from_function({name!r}, phi) makes one of any function."
        )

    # -- registering ---------------------------------------------------------------------------------
    def register(self, name: str, target: Any, provider: str, overwrite: bool = False) -> None:
        """Put an object under a name."""
        if not isinstance(name, str) or not name or name != name.strip():
            raise PluginError(
                f"register: name must be a non-empty string without spaces around it. Got {name!r}."
            )
        new = Family.of(name, target, provider, f"module {provider!r} (register())")
        with self._lock:
            taken = self._registered.get(name)
            if taken is not None and taken.target is target:
                return
            claims = self._scanned().get(name, ())
        if not overwrite and (taken is not None or claims):
            if taken is None:
                if any(_target(claim) is target for claim in claims):
                    return
                holder = " and ".join(claim.origin for claim in claims)
            else:
                holder = taken.origin
            raise PluginError(
                f"register: activation {name!r} is provided by {holder} already; module {provider!r} offers "
                "a different object under the same name. Choose another name, or pass overwrite=True to "
                "replace it in this process."
            )
        with self._lock:
            if overwrite or self._registered.get(name) is taken:
                self._registered[name] = new
                self._forget(name)
                return
        self.register(name, target, provider)  # another thread was faster: look again

    def unregister(self, name: str) -> None:
        """Take back what :meth:`register` did to a name."""
        with self._lock:
            if self._registered.pop(name, None) is not None:
                self._forget(name)
                return
            claims = self._scanned().get(name, ())
        if not claims:
            raise UnknownActivationError(self._unknown(name))
        holder = " and ".join(claim.origin for claim in claims)
        remedy = (
            "A built-in stays"
            if claims[0].builtin
            else f"To remove it, uninstall the distribution (pip uninstall {claims[0].provider})"
        )
        raise PluginError(
            f"unregister: activation {name!r} was not registered in this process, but is provided by "
            f"{holder}. {remedy}; to replace it in this process, register({name!r}, factory, overwrite=True)."
        )

    def _forget(self, name: str) -> None:
        """Drop the instances that a change under this name may have made stale."""
        for key in [key for key, (_, names) in self._made.items() if name in names]:
            del self._made[key]

    # -- listing -------------------------------------------------------------------------------------
    def table(self, load: bool = False) -> ActivationTable:
        """Return a snapshot of all names; with ``load``, everything is imported and failures warn."""
        with self._lock:
            claims = dict(self._scanned(fresh=True))
            names = {*claims, *self._registered}
        rows = []
        for name in sorted(names):
            rows.append(self._row(name, claims.get(name, ()), load))
        return ActivationTable(rows)

    def _row(self, name: str, claims: tuple[Claim, ...], load: bool) -> ActivationRow:
        error = None
        if load:
            try:
                self._try(name)
            except DualactError as exc:
                error = str(exc)
                warnings.warn(error, PluginWarning, stacklevel=4)
        with self._lock:
            family = self._current(name)
            if family is None:
                contested = len(claims) > 1 and not claims[0].builtin
                provider = " | ".join(c.provider for c in claims) if contested else claims[0].provider
                return ActivationRow(name, provider, loaded=False, error=error)
            example = family.bind(family.example())
            found = self._made.get(_key(name, example))
        row = ActivationRow(name, family.provider, True, family.parameters, error=error)
        if found is None or error is not None:
            return row
        made = found[0]
        return replace(
            row,
            dual="computed" if made.dual is None else "exact",
            kernels=_kernels(made),
            canonical=made.name,
            example=tuple(example.items()),
        )

    def _try(self, name: str) -> None:
        """Load an activation and make one; what it raises is its provider's fault."""
        family = self.family(name)
        example = family.example()
        try:
            made = self.get(name, example)
        except DualactError as exc:
            if example and type(exc) is DualactError:  # the example may be out of its domain
                return
            raise
        try:
            _ = made.without_ntk
        except Exception as exc:
            raise PluginError(
                f"activation {name!r} of {family.origin}: phi raised {type(exc).__name__}: {exc}. "
                "It must take a float64 array and return one of the same shape."
            ) from exc


def _leads_to(raw: Activation, own: Family, family: Family, bound: Mapping[str, Any]) -> bool:
    """Whether the family of raw's own name is the same object, or makes the same object."""
    return own.target is family.target or own.make(own.bind(bound), {}) is raw


def _one_voice(claims: tuple[Claim, ...]) -> None:
    """See that a name means one object: the house's with a warning to others, or there is none."""
    if len(claims) == 1:
        return
    first, *others = claims
    rest = " and ".join(claim.origin for claim in others)
    if first.builtin:
        warnings.warn(
            f"activation {first.name!r} is a built-in of {first.origin}; {rest} offers a different object "
            "under the same name, which is ignored. Rename that entry point, or use "
            f"register({first.name!r}, factory, overwrite=True) to replace the built-in in this process.",
            PluginWarning,
            stacklevel=5,
        )
        return
    raise PluginError(
        f"activation {first.name!r} is offered by {first.origin} and by {rest}, which are different objects. "
        f"Uninstall all but one, or decide with register({first.name!r}, factory, overwrite=True)."
    )


def _target(claim: Claim) -> object:
    """Return a claim's object, or the claim itself (which equals no object) where it cannot be loaded."""
    try:
        return claim.load()
    except PluginError:
        return claim


def _kernels(made: Activation) -> tuple[str, ...] | None:
    """Return which kernels it has: a function without (square-integrable) derivative has no NTK."""
    try:
        return ("nngp",) if made.without_ntk else ("nngp", "ntk")
    except Exception:  # a plugin's phi; a listing goes on
        return None


def _key(name: str, bound: Mapping[str, Any]) -> Any:
    # Types too: True equals 1, and a factory may tell them apart.
    return (name, tuple((k, type(v), v) for k, v in bound.items()))


def _letters(name: str) -> str:
    """Return a name as people mix it up: 'Leaky-ReLU', 'leakyrelu' and 'leaky_relu' are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower()) or name
