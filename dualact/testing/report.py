"""``check_activation``: every law on one activation, and a report that can be read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, final

from ..errors import DualactError
from ..nonlinearity.catalog import resolve
from ..nonlinearity.contract import Activation
from .laws import LAWS, statement
from .verdicts import Broken, NotApplicable

__all__ = ["Report", "Verdict", "check_activation"]


@final
@dataclass(frozen=True)
class Verdict:
    """What became of one law.

    Attributes
    ----------
    law : str
        Its name.
    outcome : {"passed", "failed", "skipped"}
    message : str
        Why it failed, with the counterexample, or why it was skipped; empty if it passed.
    line : str
        One line of Python that shows a failure (``act`` is the activation, where only its author can
        make it); else empty.
    seconds : float
        How long it took.
    """

    law: str
    outcome: Literal["passed", "failed", "skipped"]
    message: str = ""
    line: str = ""
    seconds: float = 0.0


@final
@dataclass(frozen=True)
class Report:
    """The verdicts on one activation, in the order of the laws. ``print`` it.

    Attributes
    ----------
    activation : Activation
    verdicts : tuple of Verdict
    """

    activation: Activation
    verdicts: tuple[Verdict, ...]

    @property
    def ok(self) -> bool:
        """Whether no law failed."""
        return not self.failed

    @property
    def passed(self) -> tuple[Verdict, ...]:
        """The laws that hold."""
        return self._with("passed")

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The laws that are broken."""
        return self._with("failed")

    @property
    def skipped(self) -> tuple[Verdict, ...]:
        """The laws that say nothing here."""
        return self._with("skipped")

    def _with(self, outcome: str) -> tuple[Verdict, ...]:
        return tuple(v for v in self.verdicts if v.outcome == outcome)

    def __bool__(self) -> bool:
        return self.ok

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    def __getitem__(self, law: str) -> Verdict:
        for verdict in self.verdicts:
            if verdict.law == law:
                return verdict
        raise KeyError(law)

    def __str__(self) -> str:
        marks = {"passed": "ok    ", "failed": "FAILED", "skipped": "-     "}
        width = max((len(v.law) for v in self.verdicts), default=0)
        lines = [f"{self.activation!r}: {self._summary()}"]
        for v in self.verdicts:
            said = statement(LAWS[v.law]) if v.outcome == "passed" else v.message
            lines.append(f"  {marks[v.outcome]}  {v.law:{width}}  {said}")
            if v.outcome == "failed":
                lines += [f"          law:  {statement(LAWS[v.law])}", f"          try:  {v.line}"]
        return "\n".join(lines)

    def _summary(self) -> str:
        counts = f"{len(self.passed)} laws hold, {len(self.skipped)} do not apply"
        return counts if self.ok else f"{len(self.failed)} laws are broken, {counts}"


def check_activation(
    act: Activation | str, raise_on_failure: bool = False, laws: Iterable[str] | None = None
) -> Report:
    """Hold an activation to the laws that every activation keeps.

    Parameters
    ----------
    act : Activation or str
        The activation, or its registered name.
    raise_on_failure : bool, default False
        Raise AssertionError with the report if a law is broken.
    laws : iterable of str, optional
        The names of those to try; None means all. ``dualact.testing.LAWS`` lists them.

    Returns
    -------
    Report
        True where every law holds or does not apply; ``print`` it to see each, with the simplest
        counterexample found and a line that shows it.

    Raises
    ------
    AssertionError
        With ``raise_on_failure``, if a law is broken.
    DualactError
        If there is no law, or no activation, of a given name.

    Notes
    -----
    The laws look at variances from 1e-6 to 1e4 and correlations from −1 to 1, those of the edges and beyond
    included, where φ² can be integrated. Everything is deterministic. A tenth of a second for closed forms,
    one to five seconds for what is computed.

    Examples
    --------
    >>> import numpy as np, dualact as da
    >>> cube = da.Activation("cube", lambda t: t**3, homogeneity=3, parity="odd")
    >>> da.testing.check_activation(cube).ok
    True
    >>> square = da.Activation("square", lambda t: t**2, dual=lambda c, p, q: p * q + c * c)
    >>> report = da.testing.check_activation(square)
    >>> print(report["diagonal_is_the_second_moment"].message[:83])
    dual on the diagonal against quadrature of phi^2 at variance = 1: got 2, expected 3
    """
    act = resolve(act)
    chosen = list(LAWS) if laws is None else list(laws)
    for name in chosen:
        if name not in LAWS:
            raise DualactError(f"there is no law {name!r}; the laws are {', '.join(LAWS)}.")
    report = Report(act, tuple(_try(act, name) for name in chosen))
    if raise_on_failure and not report.ok:
        raise AssertionError(str(report))
    return report


def _try(act: Activation, name: str) -> Verdict:
    start = time.perf_counter()
    outcome: Literal["passed", "failed", "skipped"]
    try:
        LAWS[name](act)
        outcome, message, line = "passed", "", ""
    except NotApplicable as reason:
        outcome, message, line = "skipped", str(reason), ""
    except Broken as broken:
        outcome, message, line = "failed", broken.message, broken.line
    except Exception as error:  # a plugin's own code may raise anything; the report goes on
        outcome, message = "failed", f"raised {type(error).__name__}: {error}"
        line = f"import dualact as da; da.testing.LAWS[{name!r}](act)"
    return Verdict(name, outcome, message, line, time.perf_counter() - start)
