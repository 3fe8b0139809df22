"""Who offers which activation: the entry points of every installed distribution, read and not imported.

A :class:`Claim` is data: a name, the object it stands for (``module:attribute``) and the distribution
that says so. Reading them touches metadata only; :meth:`Claim.load` imports one, when it is asked for.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from ..errors import PluginError, PluginWarning

__all__ = ["GROUP", "HOUSE", "Claim", "scan"]

GROUP = "dualact.activations"
"""The entry-point group of activations, built-in or not."""

HOUSE = "dualact"
"""The distribution whose activations are the built-ins."""


@dataclass(frozen=True)
class Claim:
    """One distribution's statement that ``name`` is the object at ``value``."""

    name: str
    value: str
    provider: str
    entry: metadata.EntryPoint = field(compare=False, repr=False)

    @property
    def builtin(self) -> bool:
        """Whether dualact itself makes this claim."""
        return _canonical(self.provider) == HOUSE

    @property
    def origin(self) -> str:
        """Where the claim stands, for messages."""
        return f"distribution {self.provider!r} (entry point '{self.name} = {self.value}')"

    def load(self) -> Any:
        """Import the object.

        Raises
        ------
        PluginError
            If the import fails, whatever the reason; the message names the distribution.
        """
        try:
            return self.entry.load()
        except (Exception, SystemExit) as exc:
            raise PluginError(
                f"activation {self.name!r} of {self.origin} cannot be loaded: {type(exc).__name__}: {exc}. "
                f"{self._advice(exc)}"
            ) from exc

    def _advice(self, failed: BaseException) -> str:
        if self.builtin and isinstance(failed, ModuleNotFoundError):
            # A checkout's folder dualact/ hides the installed package, which holds the registry.
            return (
                f"dualact was imported from {Path(__file__).parents[1]}, which lacks the built-in "
                "activations: a source folder in the current directory comes before what is installed. Run "
                "from another directory, or with python -P, or install the checkout by pip install -e."
            )
        return f"Repair, update or uninstall {self.provider!r}; every other activation works without it."


def scan(path: Sequence[str] | None = None) -> dict[str, tuple[Claim, ...]]:
    """Return all claims by name, importing nothing.

    A distribution that is seen several times (an editable install next to its ``egg-info``, say) counts
    as Python itself counts it: the first on the path. Equal values under one name are one claim, the
    house's before anyone else's.

    Parameters
    ----------
    path : sequence of str or None
        Folders to look in; None for ``sys.path``.

    Returns
    -------
    dict of str to tuple of Claim
        More than one claim under a name means that different objects are offered under it.
    """
    where: dict[str, Any] = {} if path is None else {"path": list(path)}
    offered: dict[str, dict[str, Claim]] = {}
    for provider, dist in _distributions(where):
        for claim in _claims(provider, dist):
            by_value = offered.setdefault(claim.name, {})
            by_value[claim.value] = min(claim, by_value.get(claim.value, claim), key=_rank)
    return {name: tuple(sorted(by_value.values(), key=_rank)) for name, by_value in offered.items()}


def _rank(claim: Claim) -> tuple[bool, str, str]:
    return (not claim.builtin, claim.provider, claim.value)


def _distributions(where: dict[str, Any]) -> Iterator[tuple[str, metadata.Distribution]]:
    """Yield the distributions that mention the group, each once, by the rank Python gives them."""
    seen = set()
    for dist in metadata.distributions(**where):
        # The text first: a name costs the parsing of a whole METADATA file, and few mention the group.
        if GROUP not in _entry_text(dist):
            continue
        name = _name(dist)
        if name is None:
            yield f"unnamed distribution in {dist.locate_file('')}", dist
        elif _canonical(name) not in seen:
            seen.add(_canonical(name))
            first = next(iter(metadata.distributions(name=name, **where)), dist)
            if GROUP in _entry_text(first):
                yield name, first


def _claims(provider: str, dist: metadata.Distribution) -> list[Claim]:
    try:
        return [
            Claim(entry.name, _object(entry.value), provider, entry)
            for entry in dist.entry_points
            if entry.group == GROUP
        ]
    except Exception as exc:
        warnings.warn(
            f"distribution {provider!r}: its entry points cannot be read ({type(exc).__name__}: {exc}), so "
            "its activations are left out. Repair or uninstall it; every other activation works without it.",
            PluginWarning,
            stacklevel=2,
        )
        return []


def _entry_text(dist: metadata.Distribution) -> str:
    try:
        return dist.read_text("entry_points.txt") or ""
    except (OSError, UnicodeDecodeError):
        return ""


def _name(dist: metadata.Distribution) -> str | None:
    try:
        name: str | None = dist.metadata["Name"]
    except Exception:  # a folder without METADATA, or with one that is not text
        return None
    return name


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _object(value: str) -> str:
    """Return ``module:attribute`` without extras and spaces, so that equal objects read the same."""
    return re.sub(r"\s", "", value.split("[")[0])
