"""How a law speaks: it returns, or says why it does not apply, or shows where it is broken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..nonlinearity.contract import Activation

__all__ = ["Broken", "NotApplicable", "agree", "call", "demand", "literal"]


class NotApplicable(Exception):
    """The law says nothing about this activation; the message is the reason."""


class Broken(AssertionError):
    """The law does not hold.

    Parameters
    ----------
    message : str
        What was expected, and what came.
    line : str
        One line of Python that shows it, given the activation as ``act``.
    """

    def __init__(self, message: str, line: str) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def literal(act: Activation) -> str:
    """Return Python text that makes ``act``, or ``act`` itself where only its author can."""
    if not act.registered:
        return "act"
    inner = "".join(
        f", {k}={list(v) if isinstance(v, tuple) else v!r}" for k, v in sorted(act.params.items())
    )
    return f"da.activation({act.name!r}{inner})"


def call(act: Activation, function: str, *arguments: Any) -> str:
    """Return the call ``da.function(act, *arguments)`` as Python text."""
    inner = ", ".join(repr(a.item() if isinstance(a, np.generic) else a) for a in arguments)
    return f"import dualact as da; print(da.{function}({literal(act)}, {inner}))"


def demand(condition: bool, message: str, line: str) -> None:
    """Raise :class:`Broken` unless ``condition`` holds."""
    if not condition:
        raise Broken(message, line)


def agree(
    got: ArrayLike,
    want: ArrayLike,
    allowed: ArrayLike,
    what: str,
    line: str,
    at: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Raise :class:`Broken` unless \\|got − want\\| ≤ allowed everywhere.

    Parameters
    ----------
    got, want, allowed : array_like
        They broadcast.
    what : str
        What is compared, for the message.
    line : str
        Python text with the names of ``at`` in braces.
    at : mapping of str to array_like, optional
        Where: the coordinates of each entry. The *first* entry that disagrees is shown, so the caller puts
        simple ones first; the number of entries and the worst of all are told as well.
    """
    arrays = np.broadcast_arrays(got, want, allowed, *(at or {}).values())
    g, w, a = (np.asarray(x, dtype=np.float64).ravel() for x in arrays[:3])
    with np.errstate(invalid="ignore"):
        off = np.where(g == w, 0.0, np.abs(g - w))
        bad = np.flatnonzero(~(off <= a))
    if not bad.size:
        return
    i = int(bad[0])
    names = list(at or {})
    place = {n: float(x.ravel()[i]) for n, x in zip(names, arrays[3:], strict=True)}
    where = ", ".join(f"{n} = {v:.17g}" for n, v in place.items())
    ratio = np.where(np.isnan(off[bad]), np.inf, off[bad] / np.maximum(a[bad], 1e-300))
    raise Broken(
        f"{what}{' at ' + where if where else ''}: got {g[i]:.17g}, expected {w[i]:.17g} ± {a[i]:.2g} "
        f"({bad.size} of {g.size} points disagree, by up to {ratio.max():.3g} times what is allowed).",
        line.format(**place),
    )
