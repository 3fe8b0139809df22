"""Where the laws look: variances and correlations, simple ones first, and values shared between laws."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..errors import AccuracyWarning, DualactError, PluginError
from ..nonlinearity.coefficients import hermite
from ..nonlinearity.contract import Activation, Array
from ..nonlinearity.duals import dual, dual_prime
from ..nonlinearity.slopes import panel_table
from .quadrature import moments
from .verdicts import Broken, NotApplicable, call

__all__ = [
    "DEGREE",
    "Grid",
    "bare",
    "grid",
    "integrals",
    "needs_phi",
    "primes",
    "quietly",
    "refuse",
    "size",
    "slope_size",
    "tolerance",
    "wild",
]

#: The last Hermite coefficient that laws look at.
DEGREE = 40

_PAIRS = (
    (1.0, 1.0),
    (1.0, 2.0),
    (0.25, 0.25),
    (9.0, 1.0),
    (0.01, 4.0),
    (100.0, 100.0),
    (1e-6, 1e-6),
    (1e4, 0.3),
)
_RHOS = (0.0, 0.5, -0.5, 1.0, -1.0, 0.9, -0.9, 0.99, -0.99, 0.1, 1 - 1e-6)

# Beyond, the engines take seconds for what oscillates.
_WIDEST_COMPUTED = 100.0
_MOST_PANELS = 80

T = TypeVar("T")


class Grid(NamedTuple):
    """Flat arrays of covariances and variances, and the dual there."""

    cov: Array
    var_u: Array
    var_v: Array
    rho: Array
    dual: Array


def grid(act: Activation) -> Grid:
    """Return the points at which the dual can be had, with their values."""
    return _once(act, "grid", lambda: _grid(act))


def primes(act: Activation) -> Array:
    """Return dual_prime on the :func:`grid`."""
    refuse(act)
    points = grid(act)
    return _once(act, "primes", lambda: quietly(dual_prime, act, *points[:3]))


def integrals(act: Activation) -> dict[float, tuple[Array, float]]:
    """Return, for the grid's variances, the moments of φ by plain quadrature where that settles."""
    needs_phi(act)
    found = _once(act, "integrals", lambda: _integrals(act))
    if not found:
        raise NotApplicable("plain quadrature of phi does not settle at any of the variances tried")
    return found


def bare(act: Activation) -> Activation:
    """Return the activation without its closed forms: everything is computed from φ."""
    needs_phi(act)
    return _once(
        act, "bare", lambda: dataclasses.replace(act, dual=None, dual_prime=None, hermite=None, accuracy=None)
    )


def size(act: Activation, variance: Array) -> Array:
    """Return √(E φ²) = √dual(q, q, q)."""
    return np.sqrt(np.maximum(_diagonal(act, dual, variance), 0.0))


def slope_size(act: Activation, variance: Array) -> Array:
    """Return √(E φ′²)."""
    return np.sqrt(np.maximum(_diagonal(act, dual_prime, variance), 0.0))


def tolerance(act: Activation) -> float:
    """What identities between values of this activation are held to, relative to √(Eφ(u)²·Eφ(v)²)."""
    return max(10 * (act.accuracy or 0.0), 1e-10)


def needs_phi(act: Activation) -> None:
    """Raise NotApplicable for a kernel without a function."""
    if act.phi is None:
        raise NotApplicable("a kernel only: it has no pointwise function")


def refuse(act: Activation) -> None:
    """Raise NotApplicable where φ jumps and so has no derivative."""
    if act.jumps:
        raise NotApplicable("phi jumps, so it has no derivative dual")


def _grid(act: Activation) -> Grid:
    usable: list[tuple[float, float]] = []
    closed = act.dual is not None and (act.dual_prime is not None or bool(act.jumps))
    widest = np.inf if closed else _WIDEST_COMPUTED
    for p, q in _PAIRS:
        if max(p, q) > widest or (not closed and wild(act, max(p, q))):
            continue
        try:
            ends = quietly(dual, act, [p, q], [p, q], [p, q])
            hermite(act, [p, q], 1)
        except PluginError:  # what came is no array of numbers: not for lack of an integral
            raise
        except DualactError:
            continue
        if np.isfinite(ends).all():
            usable.append((p, q))
    if not usable and act.dual is not None:
        line = call(act, "dual", 0.0, 1e-6, 1e-6)
        raise Broken("dual in closed form is finite at none of the variances tried", line)
    if not usable:
        raise NotApplicable("the dual can be had at none of the variances tried")
    # correlations outermost: the first point that fails is then the simplest
    rho = np.repeat(_RHOS, len(usable))
    p, q = np.tile(np.array(usable).T, len(_RHOS))
    bound = np.sqrt(p * q)
    cov = np.where(np.abs(rho) == 1.0, np.copysign(bound, rho), rho * bound)
    return Grid(cov, p, q, rho, quietly(dual, act, cov, p, q))


def wild(act: Activation, variance: float) -> bool:
    """Whether φ needs so many panels at this variance that a grid of duals would take minutes."""
    try:
        return act.phi is not None and len(panel_table(act).leaves(9.0 * np.sqrt(variance))) > _MOST_PANELS
    except DualactError:
        return True


def _integrals(act: Activation) -> dict[float, tuple[Array, float]]:
    points = grid(act)
    variances = dict.fromkeys([*points.var_u.tolist(), *points.var_v.tolist()])
    found = {q: moments(act, q, DEGREE) for q in variances}
    return {q: value for q, value in found.items() if value is not None}


def _diagonal(act: Activation, function: Callable[..., Any], variance: Array) -> Array:
    unique, back = np.unique(variance, return_inverse=True)
    key = f"{function.__name__} of {unique.tobytes()!r}"
    return _once(act, key, lambda: quietly(function, act, unique, unique, unique))[back]


def quietly(function: Callable[..., Any], *arguments: Any) -> Array:
    """Call without warnings of accuracy or overflow: laws that mind look at the numbers."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", AccuracyWarning)
        return np.asarray(function(*arguments), dtype=np.float64)


def _once(act: Activation, key: str, compute: Callable[[], T]) -> T:
    """Keep a value with the activation object that it belongs to."""
    label = ("testing", key)
    if label not in act._cache:
        act._cache[label] = compute()
    found: T = act._cache[label]
    return found
