"""Laws of closed forms: they are what the function itself gives, as accurately as they claim."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import AccuracyWarning, DualactError
from ..nonlinearity.coefficients import hermite
from ..nonlinearity.contract import Activation, Array
from ..nonlinearity.duals import dual, dual_prime
from .points import DEGREE, bare, grid, needs_phi, primes, size, slope_size, tolerance
from .verdicts import NotApplicable, agree, call, demand

__all__ = ["accuracy_is_as_claimed", "closed_forms_are_what_phi_gives"]

# What the computed values themselves are good for.
_ENGINE = 1e-11
_CLEAR = 1e-9
# Pointwise error of a slope that is taken from the values of φ, relative to φ.
_SLOPE = 2e-12
# Beyond, what oscillates takes the engines seconds.
_WIDEST = 10.0


def closed_forms_are_what_phi_gives(act: Activation) -> None:
    """dual, dual_prime and hermite in closed form equal what is computed from φ alone."""
    needs_phi(act)
    if act.dual is None and act.dual_prime is None and act.hermite is None:
        raise NotApplicable("no closed form is given; everything is computed")
    points = grid(act)
    place = {"cov": points.cov, "var_u": points.var_u, "var_v": points.var_v}
    compared = 0
    for function, values, scale in _closed(act):
        want, error = _computed(act, function)
        error = error + _slope_noise(act, function)
        allowed = np.where(error < 1e-6 * scale, tolerance(act) * scale + 2 * error + 1e-290, np.inf)
        compared += int(np.isfinite(allowed).sum())
        line = call(act, function.__name__, 0, 1, 2).replace("0, 1, 2", "{cov!r}, {var_u!r}, {var_v!r}")
        what = f"{function.__name__} in closed form against what is computed from phi"
        agree(values, want, allowed, what, line, place)
    if act.hermite is not None:
        variances = np.unique(points.var_u)
        for q in variances.tolist():
            try:
                want = hermite(bare(act), q, DEGREE)
            except DualactError:
                continue
            compared += 1
            allowed = tolerance(act) * size(act, np.array([q]))[0] + 1e-290
            what = f"hermite in closed form at variance {q:g} against what is computed from phi"
            where = {"degree": np.arange(DEGREE + 1)}
            agree(hermite(act, q, DEGREE), want, allowed, what, call(act, "hermite", q, DEGREE), where)
    if not compared:
        raise NotApplicable("nothing can be computed from phi at the variances tried")


def accuracy_is_as_claimed(act: Activation) -> None:
    """The error of the closed forms is at most the claim, and no claim is a hundred times too modest."""
    needs_phi(act)
    if act.accuracy is None:
        raise NotApplicable("no accuracy is claimed")
    worst = 0.0
    points = grid(act)
    place = {"cov": points.cov, "var_u": points.var_u, "var_v": points.var_v}
    for function, values, scale in _closed(act):
        want, error = _computed(act, function)
        error = error + _slope_noise(act, function)
        known = (error < _CLEAR * scale) & (scale > 1e-290)
        allowed = np.where(known, act.accuracy * scale + _ENGINE * scale + 2 * error, np.inf)
        line = call(act, function.__name__, 0, 1, 2).replace("0, 1, 2", "{cov!r}, {var_u!r}, {var_v!r}")
        agree(values, want, allowed, f"{function.__name__}, for a claim of {act.accuracy:g},", line, place)
        worst = max(worst, float((np.abs(values - want)[known] / scale[known]).max(initial=0.0)))
    if act.dual is None and act.dual_prime is None:
        raise NotApplicable("no dual is given in closed form")
    # Finer claims than this are below what can be told from here.
    demand(
        act.accuracy <= max(_CLEAR, 100 * worst),
        f"an accuracy of {act.accuracy:g} is claimed, but the worst error found is {worst:.2g}: claim that",
        f"import dualact as da; print({call(act, 'x').split('da.x(')[1].split(', )')[0]}.accuracy)",
    )


def _closed(act: Activation) -> list[tuple[Callable[..., Any], Array, Array]]:
    points = grid(act)
    found: list[tuple[Callable[..., Any], Array, Array]] = []
    if act.dual is not None:
        found.append((dual, points.dual, size(act, points.var_u) * size(act, points.var_v)))
    if act.dual_prime is not None and not act.jumps:
        found.append((dual_prime, primes(act), slope_size(act, points.var_u) * slope_size(act, points.var_v)))
    return found


def _slope_noise(act: Activation, function: Callable[..., Any]) -> Array:
    """Return what dual_prime owes to the rounding of φ, where the slope has to be taken from φ."""
    points = grid(act)
    if function is dual or act.phi_prime is not None:
        return np.zeros(points.cov.shape)
    u, v = slope_size(act, points.var_u), slope_size(act, points.var_v)
    noise = _SLOPE * (size(act, points.var_u) + u), _SLOPE * (size(act, points.var_v) + v)
    return np.asarray(noise[0] * v + noise[1] * u + noise[0] * noise[1])


def _computed(act: Activation, function: Callable[..., Any]) -> tuple[Array, Array]:
    """Return what is computed from φ at the grid's points, and its error (infinite where it is refused)."""
    key = ("testing", f"{function.__name__} computed")
    if key not in act._cache:
        points = grid(act)
        value, error = np.zeros(points.cov.shape), np.full(points.cov.shape, np.inf)
        pairs = np.stack([points.var_u, points.var_v])
        for p, q in np.unique(pairs, axis=1).T:
            if max(p, q) > _WIDEST:
                continue
            rows = (points.var_u == p) & (points.var_v == q)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AccuracyWarning)
                try:
                    value[rows], error[rows] = function(bare(act), points.cov[rows], p, q, return_error=True)
                except DualactError:
                    continue
        act._cache[key] = (value, error)
    found: tuple[Array, Array] = act._cache[key]
    return found
