"""One pytest test per activation and law."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ..nonlinearity.catalog import resolve
from ..nonlinearity.contract import Activation
from .laws import LAWS, Law
from .verdicts import NotApplicable

__all__ = ["Check", "parametrize_with_activation_checks"]

F = TypeVar("F", bound=Callable[..., Any])


class Check:
    """One law as a callable of an activation; pytest shows a law that does not apply as skipped."""

    def __init__(self, law: Law) -> None:
        self.law = law
        self.__name__ = law.__name__
        self.__doc__ = law.__doc__

    def __repr__(self) -> str:
        return self.__name__

    def __call__(self, act: Activation) -> None:
        """Try the law."""
        import pytest

        try:
            self.law(act)
        except NotApplicable as reason:
            pytest.skip(str(reason))


def parametrize_with_activation_checks(
    activations: Iterable[Activation | str],
    *,
    expected_failed_checks: Callable[[Activation], Mapping[str, str]] | None = None,
) -> Callable[[F], F]:
    """Decorate a test with arguments ``act`` and ``check``: one case for each activation and law.

    Parameters
    ----------
    activations : iterable of Activation or str
        Activations, or their registered names.
    expected_failed_checks : callable, optional
        Activation -> {name of a law: reason}; those cases are marked xfail.

    Returns
    -------
    decorator

    Notes
    -----
    The cases have stable names such as ``leaky_relu(slope=0.1)-price``; two activations of one name are
    told apart by a number. Needs pytest.

    Examples
    --------
    >>> import dualact as da
    >>> @da.testing.parametrize_with_activation_checks(["relu", da.activation("elu", alpha=2)])
    ... def test_laws(act, check):
    ...     check(act)
    """
    import pytest

    cases = []
    seen: dict[str, int] = {}
    for given in activations:
        act = resolve(given)
        label = _label(act)
        seen[label] = seen.get(label, 0) + 1
        if seen[label] > 1:
            label += f"#{seen[label]}"
        expected = dict(expected_failed_checks(act)) if expected_failed_checks else {}
        for name, law in LAWS.items():
            marks = [pytest.mark.xfail(reason=expected[name])] if name in expected else []
            cases.append(pytest.param(act, Check(law), marks=marks, id=f"{label}-{name}"))

    def decorate(function: F) -> F:
        marked: F = pytest.mark.parametrize(("act", "check"), cases)(function)
        return marked

    return decorate


def _label(act: Activation) -> str:
    inner = ",".join(f"{k}={_short(v)}" for k, v in sorted(act.params.items()))
    return f"{act.name}({inner})" if inner else act.name


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return ":".join(map(_short, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
