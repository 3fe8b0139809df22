"""The commands ``dualact activations``, ``show`` and ``check``."""

from __future__ import annotations

import argparse
import ast
import importlib
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import DualactError, PluginWarning

if TYPE_CHECKING:
    from .nonlinearity.contract import Activation

__all__ = ["add_commands"]

_COEFFICIENTS = 9
_RHOS = 201


def add_commands(commands: Any) -> None:
    """Add the three parsers to the subparsers of :mod:`dualact.cli`."""
    table = commands.add_parser("activations", help="table of the registered activations")
    table.set_defaults(run=_activations)

    show = commands.add_parser("show", help="what is known of one activation")
    show.add_argument("name", help="a registered name")
    show.add_argument("parameters", nargs="*", metavar="param=value", help="for example slope=0.1")
    show.add_argument("--picture", metavar="FILE.png", help="draw it (needs matplotlib)")
    show.set_defaults(run=_show)

    check = commands.add_parser("check", help="hold an activation to the laws; status 1 if one is broken")
    check.add_argument("target", metavar="package.module:factory", help="or a registered name")
    check.add_argument("parameters", nargs="*", metavar="param=value", help="for the factory")
    check.set_defaults(run=_check)


def _activations(options: argparse.Namespace) -> None:
    from .nonlinearity.catalog import activations

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PluginWarning)
        print(activations(load=True))
    for warning in caught:
        print(warning.message, file=sys.stderr)


def _show(options: argparse.Namespace) -> None:
    from .nonlinearity.catalog import activation

    act = activation(options.name, **_parameters(options.parameters))
    if options.picture and not Path(options.picture).absolute().parent.is_dir():
        raise DualactError(f"the folder of {options.picture} does not exist; make it first.")
    print(_description(act))
    if options.picture:
        _draw(act, options.picture)
        print(f"wrote {options.picture}")


def _check(options: argparse.Namespace) -> int:
    from .testing.report import check_activation

    report = check_activation(_target(options.target, _parameters(options.parameters)))
    print(report)
    return 0 if report.ok else 1


def _parameters(texts: list[str]) -> dict[str, Any]:
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (equals and name.isidentifier()):
            raise DualactError(f"parameters are written as name=value, for example slope=0.1. Got {text!r}.")
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value
    return found


def _target(text: str, params: dict[str, Any]) -> Activation:
    from .nonlinearity.catalog import activation
    from .nonlinearity.contract import Activation

    module, colon, name = text.partition(":")
    if not colon:
        return activation(text, **params)
    if "" not in sys.path:
        # as ``python -m`` does: a plugin in the making is found where one stands
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise DualactError(
            f"{module} cannot be imported: {error}. Install it, or run from its folder."
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise DualactError(f"{module} has no {name}; write package.module:factory.")
        found = getattr(found, part)
    made = found if isinstance(found, Activation) else found(**params) if callable(found) else None
    if not isinstance(made, Activation):
        raise DualactError(f"{text} must be an Activation, or a function that returns one. Got {made!r}.")
    return made


def _description(act: Activation) -> str:
    import numpy as np

    from .nonlinearity.coefficients import hermite

    inner = ", ".join(f"{k}={v!r}" for k, v in act.params.items())
    lines = {
        "activation": f"{act.name}({inner})" if inner else act.name,
        "formula": act.formula or act.expression or "",
        "breakpoints": ", ".join(f"{b:g}" for b in act.breakpoints),
        "parity": act.parity or "",
        "homogeneity": "" if act.homogeneity is None else f"degree {act.homogeneity:g}",
        "dual": _source(act.dual),
        "dual_prime": "none: phi jumps" if act.jumps else _source(act.dual_prime),
        "hermite": _source(act.hermite),
        "accuracy": f"{act.accuracy:g} claimed" if act.accuracy is not None else "estimated when computed",
        "variances": f"below {act.variance_limit:g}" if np.isfinite(act.variance_limit) else "",
        "source": act.source,
        "provider": act.provider,
    }
    if act.variance_limit > 1:
        a = hermite(act, 1.0, _COEFFICIENTS - 1)
        lines["a_0 ... a_8"] = ", ".join(f"{x:.6g}" for x in np.where(np.abs(a) < 1e-13, 0.0, a))
    width = max(map(len, lines))
    return "\n".join(f"{label:{width}}  {text}" for label, text in lines.items() if text)


def _source(closed_form: object) -> str:
    return "computed" if closed_form is None else "exact"


def _draw(act: Activation, path: str) -> None:
    """Write φ, its dual over ρ and the decay of its coefficients as one picture, whole or not at all."""
    import numpy as np

    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DualactError("--picture needs matplotlib: pip install dualact[plot].") from error

    from .files import whole_file
    from .nonlinearity.coefficients import hermite
    from .nonlinearity.duals import dual, dual_prime

    variance = 1.0 if act.variance_limit > 1 else act.variance_limit / 2
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    function, kernel, decay = figure.subplots(1, 3)
    t = np.linspace(-4, 4, 801)
    if act.phi is not None:
        with np.errstate(all="ignore"):
            function.plot(t, act(t))
    function.set(title=f"{act.name}: φ(t)", xlabel="t")
    rho = np.linspace(-1, 1, _RHOS)
    kernel.plot(rho, dual(act, rho * variance, variance, variance), label="E φ(u)φ(v)")
    if not act.jumps:
        kernel.plot(rho, dual_prime(act, rho * variance, variance, variance), label="E φ′(u)φ′(v)")
    kernel.set(title=f"duals at variance {variance:g}", xlabel="correlation ρ")
    kernel.legend()
    size = np.abs(hermite(act, variance, 60))
    shown = np.flatnonzero(size > 1e-13)
    decay.semilogy(shown, size[shown], "o", markersize=3)
    decay.set(title=f"|a_k| at variance {variance:g}", xlabel="degree k")
    with whole_file(path) as stream:
        figure.savefig(stream, format="png", dpi=120)
