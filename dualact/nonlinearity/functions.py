"""An activation from a function alone: everything else is computed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DualactError, PluginError
from .coefficients import second_moment
from .contract import Activation, Phi
from .slopes import panel_table

__all__ = ["from_function"]


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
        If φ is not vectorised, changes its input or the dtype, is not finite, grows so fast that Eφ² is
        infinite at variance 1, or is not smooth at a place that is not declared (the message names it).

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
        if act.variance_limit > 1:
            second_moment(table, np.ones(1))
    except PluginError:
        raise
    except DualactError as error:
        raise PluginError(
            f"activation {name!r}: E phi(u)^2 cannot be computed at variance 1 ({error}). "
            "An activation must grow slowly enough for Gaussian integrals; set variance_limit if "
            "it is finite for small variances only."
        ) from error
    return act


def _check_calls(act: Activation) -> None:
    """φ must map arrays to arrays of the same shape and of dtype float64, finite on [−3, 3]."""
    assert act.phi is not None
    # Off the round numbers, where breakpoints tend to lie.
    points = np.linspace(-3.0, 3.0, 60) + 1.3e-3
    for t in (points, points.reshape(5, 12), points[:1], np.zeros(0)):
        given = t.copy()
        try:
            with np.errstate(all="ignore"):
                y = act.phi(given)
        except Exception as error:
            raise PluginError(
                f"activation {act.name!r}: phi must take a float64 array (vectorised); "
                f"with shape {t.shape} it raised {type(error).__name__}: {error}. "
                "Use NumPy functions (np.where for branches), or np.vectorize."
            ) from error
        if not isinstance(y, np.ndarray) or y.shape != t.shape:
            got = f"shape {y.shape}" if isinstance(y, np.ndarray) else type(y).__name__
            raise PluginError(
                f"activation {act.name!r}: phi must return an array of the shape of its input. "
                f"Got {got} for input of shape {t.shape}."
            )
        if not np.array_equal(given, t):
            raise PluginError(
                f"activation {act.name!r}: phi must not change its input, which is its caller's. "
                f"At t = {t[given != t][0]:.6g} it wrote {given[given != t][0]:.6g} into it. "
                "Leave out=t and t[...] = away, or work on t.copy()."
            )
        if y.dtype != np.float64:
            raise PluginError(
                f"activation {act.name!r}: phi must return float64 for float64 input. Got {y.dtype}. "
                "Lower precision or integers inside phi would limit every kernel; compute in float64."
            )
    with np.errstate(all="ignore"):
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
            f"activation {act.name!r}: phi must act on each element alone. At t = {points[0]:.6g} "
            f"it gives {y[0]!r} within an array and {whole[0]!r} alone; "
            "a softmax or a normalisation is not an activation."
        )
