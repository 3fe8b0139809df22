"""Laws and oracles that plugin authors inherit; pytest and hypothesis are imported where they are used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOME = {
    "LAWS": "laws",
    "Report": "report",
    "Verdict": "report",
    "check_activation": "report",
    "parametrize_with_activation_checks": "cases",
    "reference_dual": "reference",
    "reference_dual_prime": "reference",
    "reference_hermite": "reference",
}

__all__ = [
    "LAWS",
    "Report",
    "Verdict",
    "check_activation",
    "parametrize_with_activation_checks",
    "reference_dual",
    "reference_dual_prime",
    "reference_hermite",
    "strategies",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    elif name == "strategies":
        try:
            value = importlib.import_module(f"{__name__}.strategies")
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "hypothesis":
                raise
            raise ModuleNotFoundError(
                "dualact.testing.strategies draws with Hypothesis, which is not installed: "
                "pip install hypothesis (or dualact[testing]). The laws themselves do not need it.",
                name=error.name,
            ) from error
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from . import strategies
    from .cases import parametrize_with_activation_checks
    from .laws import LAWS
    from .reference import reference_dual, reference_dual_prime, reference_hermite
    from .report import Report, Verdict, check_activation
