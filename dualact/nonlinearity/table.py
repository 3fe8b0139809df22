"""The table of activations that ``activations()`` returns: a read-only mapping that prints itself."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from .binding import Parameter

__all__ = ["ActivationRow", "ActivationTable"]

_COLUMNS = ("name", "parameters", "dual", "kernels", "provider", "loaded")


@final
@dataclass(frozen=True)
class ActivationRow:
    """What is known of one registered activation; fields that need it loaded are None until it is.

    Attributes
    ----------
    name : str
        The registered name.
    provider : str
        The distribution, or the module that called ``register``.
    loaded : bool
        Whether its code has been imported.
    parameters : tuple of Parameter or None
        Name and default of each.
    dual : {"exact", "computed", None}
        Whether it brings its duals in closed form.
    kernels : tuple of str or None
        ``("nngp", "ntk")``, or ``("nngp",)`` where φ jumps or E φ′² is infinite.
    canonical : str or None
        The name it goes by; another one than ``name`` for an alias.
    example : tuple of (str, value) or None
        The parameters for which ``dual``, ``kernels`` and ``canonical`` hold: the defaults, and an
        arbitrary value for each parameter that has none.
    error : str or None
        Why it could not be loaded.
    """

    name: str
    provider: str
    loaded: bool
    parameters: tuple[Parameter, ...] | None = None
    dual: str | None = None
    kernels: tuple[str, ...] | None = None
    canonical: str | None = None
    example: tuple[tuple[str, Any], ...] | None = None
    error: str | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the row as it is printed."""
        alias = f" (= {self.canonical})" if self.canonical not in (None, self.name) else ""
        return (
            self.name + alias,
            ", ".join(map(str, self.parameters or ())),
            self.dual or "",
            ", ".join(self.kernels or ()),
            self.provider,
            "broken" if self.error else "yes" if self.loaded else "no",
        )


@final
class ActivationTable(Mapping[str, ActivationRow]):
    """A read-only snapshot of the registered activations: name -> :class:`ActivationRow`, sorted by name."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Iterable[ActivationRow]) -> None:
        self._rows = {row.name: row for row in sorted(rows, key=lambda row: row.name)}

    def __getitem__(self, name: str) -> ActivationRow:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        grid = [_COLUMNS, *(row.cells() for row in self._rows.values())]
        widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
        lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in grid]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([*lines, self._caption()])

    def _repr_html_(self) -> str:
        head = "".join(f"<th style='text-align:left'>{column}</th>" for column in _COLUMNS)
        body = "".join(
            "<tr>" + "".join(_cell(cell) for cell in row.cells()) + "</tr>" for row in self._rows.values()
        )
        return (
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
            f"<caption>{html.escape(self._caption())}</caption></table>"
        )

    def _caption(self) -> str:
        loaded = sum(row.loaded for row in self._rows.values())
        waiting = any(not row.loaded and row.error is None for row in self._rows.values())
        hint = "; activations(load=True) fills in the rest" if waiting else ""
        return f"{len(self)} activations, {loaded} loaded{hint}"


def _cell(text: str) -> str:
    return f"<td style='text-align:left'>{html.escape(text)}</td>"
