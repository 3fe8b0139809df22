"""An activation from a function alone: everything else is computed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DualactError, PluginError
from .coefficients import second_moment
from .contract import Activation, Array, Phi
from .panels import panel_table

__all__ = ["from_function"]

_LARGEST_LOOKED_AT = 30.0


def from_function(name: str, phi: Phi, breakpoints: tuple[float, ...] = (), **fields: Any) -> Activation:
    """Return an activation of which only the function is known; nothing is registered.

    Hermite coefficients, dual and dual_prime are computed from φ, with error estimates.

    Parameters
    ----------
    name : str
        Its name, for messages.
    phi : callable
        φ, vectorised: a float64 array -> a float64 array of the same shape, finite.
    breakpoints : tuple of float
        Every place where φ is not smooth, kinks and jumps alike.
    **fields
        Further fields of :class:`Activation`, such as ``phi_prime``, ``homogeneity`` or ``params``.

    Returns
    -------
    Activation

    Raises
    ------
    PluginError
        If φ is not vectorised, changes the dtype, is not finite, grows so fast that Eφ² is infinite at
        variance 1, or is not smooth at a place that is not declared (the message names it).

    Notes
    -----
    Looked at for \\|t\\| ≤ 32; a kink further out is found when a variance first needs it.

    Examples
    --------
    >>> import numpy as np
    >>> from dualact.nonlinearity.duals import dual
    >>> from dualact.nonlinearity.functions import from_function
    >>> clip = from_function("clip", lambda t: np.clip(t, -1.0, 1.0), breakpoints=(-1.0, 1.0))
    >>> round(float(dual(clip, 0.5, 1.0, 1.0)), 9)
    0.238169166
    """
    act = Activation(name, phi, breakpoints=breakpoints, **fields)
    _check_calls(act)
    try:
        table = panel_table(act)
        second_moment(table, np.array([min(1.0, act.variance_limit / 4)]))
        edges = table.leaves(_reach(act))
    except PluginError:
        raise
    except DualactError as error:
        raise PluginError(
            f"activation {name!r}: E phi(u)^2 cannot be computed at variance 1 ({error}). An activation must "
            "grow slowly enough for Gaussian integrals; set variance_limit if it is finite for small "
            "variances only."
        ) from error
    _check_edges(act, edges)
    return act


def _reach(act: Activation) -> float:
    """How far φ is looked at: less where it overflows early."""
    assert act.phi is not None
    with np.errstate(all="ignore"):
        for far in (_LARGEST_LOOKED_AT, 8.0, 2.0):
            if np.isfinite(np.asarray(act.phi(np.linspace(-32.0, 32.0, 1025) * far / 30))).all():
                return far
    return 1.0


def _check_edges(act: Activation, edges: Array) -> None:
    """Refuse a jump or a kink that is not declared and lies on a panel's edge, where no panel sees it."""
    assert act.phi is not None
    width = np.minimum(np.diff(edges)[:-1], np.diff(edges)[1:])
    wide_enough = width > 1e-3 * np.maximum(1.0, np.abs(edges[1:-1]))
    wide_enough &= ~np.isin(edges[1:-1], act.breakpoints)
    places, width = edges[1:-1][wide_enough], width[wide_enough]
    sides = []
    for h in (1e-4, 1e-6):
        step = h * width  # the panels resolve φ, so this is far below its own scale
        with np.errstate(all="ignore"):
            below, at, above = (np.asarray(act.phi(places + s * step)) for s in (-1.0, 0.0, 1.0))
            size = 1e-9 * np.maximum(np.maximum(np.abs(below), np.abs(above)), np.abs(at))
            sides.append((np.abs(above - below) - size, (np.abs(above - 2 * at + below) - size) / step))
    for wide, narrow in zip(*sides, strict=True):
        # what is smooth shrinks with the step, a jump and a jump of the slope do not
        rough = np.isfinite(narrow) & (narrow > 0) & (narrow > 0.5 * wide)
        if rough.any():
            raise PluginError(
                f"activation {act.name!r}: phi is not smooth near t = {places[rough][0]:.6g}, and no "
                f"breakpoint is declared there (declared: {act.breakpoints}). Kinks and jumps must be "
                "named: pass breakpoints=(...) with this place among them."
            )


def _check_calls(act: Activation) -> None:
    """φ must map arrays to arrays of the same shape and of dtype float64, finite on [−3, 3]."""
    assert act.phi is not None
    # Off the round numbers, where breakpoints tend to lie.
    points = np.linspace(-3.0, 3.0, 60) + 1.3e-3
    for t in (points, points.reshape(5, 12), points[:1], np.zeros(0)):
        try:
            with np.errstate(all="ignore"):
                y = act.phi(t.copy())
        except Exception as error:
            raise PluginError(
                f"activation {act.name!r}: phi must take a float64 array (vectorised); with shape {t.shape} "
                f"it raised {type(error).__name__}: {error}. Use NumPy functions (np.where for branches), or "
                "np.vectorize."
            ) from error
        if not isinstance(y, np.ndarray) or y.shape != t.shape:
            got = f"shape {y.shape}" if isinstance(y, np.ndarray) else type(y).__name__
            raise PluginError(
                f"activation {act.name!r}: phi must return an array of the shape of its input. "
                f"Got {got} for input of shape {t.shape}."
            )
        if y.dtype != np.float64:
            raise PluginError(
                f"activation {act.name!r}: phi must return float64 for float64 input. Got {y.dtype}. "
                "Lower precision or integers inside phi would limit every kernel; compute in float64."
            )
    y = act.phi(points.copy())
    if not np.isfinite(y).all():
        bad = points[~np.isfinite(y)]
        raise PluginError(
            f"activation {act.name!r}: phi must be finite. Got {y[~np.isfinite(y)][0]} at t = {bad[0]:.6g} "
            f"({len(bad)} of {len(points)} points in [-3, 3])."
        )
    whole = act.phi(points[:1].copy())
    if whole[0] != y[0] and not np.isclose(whole[0], y[0], rtol=1e-12, atol=0):
        raise PluginError(
            f"activation {act.name!r}: phi must act on each element alone. At t = {points[0]:.6g} it gives "
            f"{y[0]!r} within an array and {whole[0]!r} alone; a softmax or a normalisation is not an "
            "activation."
        )
