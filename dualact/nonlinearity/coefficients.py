"""Hermite coefficients at any variance: a_k(q) = E[φ(√q z) h_k(z)], z ~ N(0, 1).

h_k is the *normalised probabilists'* polynomial (h_0 = 1, h_1 = z, h_2 = (z² − 1)/√2, …), so that
Σ_k a_k(q)² = E φ(√q z)². The integral runs over the panels of :mod:`.panels`: a few dozen nodes a unit of
z resolve h_k·exp(−z²/2) up to the degree, whatever φ does between them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DualactError
from .answers import answer
from .contract import Activation, Array
from .panels import NODES, ORDER, PanelTable, evaluate
from .slopes import panel_table

__all__ = [
    "at_zero",
    "hermite",
    "hermite_array",
    "hermite_prime",
    "reach",
    "refuse_jumps",
    "resolve",
    "second_moment",
]

#: Variances below this take φ′ itself, not a_{k+1}(φ)·√((k+1)/q): φ(0) would swallow the small part.
_SMALL = 1e-2
_FARTHEST = 36.0
_BLOCK = 1 << 15


def resolve(act: Activation | str) -> Activation:
    """Return the activation of that name, or the object itself."""
    if isinstance(act, Activation):
        return act
    from . import catalog

    found: Activation = catalog.resolve(act)
    return found


def reach(table: PanelTable, variance: float, cut: float = 39.0, rate: float = 0.25) -> float:
    """Return the z beyond which \\|φ(√variance·z)\\|·exp(−rate·z²) is below exp(−cut) of its largest."""
    z = np.arange(1, int(_FARTHEST * 4) + 1) / 4.0
    t = math.sqrt(variance) * z
    with np.errstate(all="ignore"):
        both = np.abs(np.asarray(table.f(np.concatenate([t, -t])), dtype=np.float64))
        log = np.log(np.maximum(both[: len(z)], both[len(z) :])) - rate * z * z
    bad = np.flatnonzero(~(log < np.inf))
    end = int(bad[0]) if bad.size else len(z)
    if end == 0:
        evaluate(table.f, np.array([t[0], -t[0]]), table.name)
    top = float(log[:end].max(initial=-math.inf))
    if top == -math.inf:
        return 12.5 if end == len(z) else float(z[max(end - 1, 0)])
    last = int(np.flatnonzero(log[:end] > top - cut)[-1])
    if last >= end - 2 and top > -300:  # below: a dead zone of more than 34 standard deviations, no growth
        raise DualactError(
            f"activation {table.name!r}: E phi(u)^2 cannot be computed at variance {variance:.6g}: "
            f"phi grows so fast that points {z[last]:.3g} standard deviations out "
            f"(t = ±{t[last]:.4g}) still matter. "
            "Ask for a smaller variance, or give the closed form."
        )
    return max(float(z[min(last + 1, len(z) - 1)]), 8.5)


def hermite_array(table: PanelTable, variance: Array, degree: int) -> Array:
    """Return the coefficients for positive variances, shape variance.shape + (degree + 1,)."""
    flat = np.asarray(variance, dtype=np.float64).ravel()
    unique, back = np.unique(flat, return_inverse=True)
    out = np.empty((len(unique), degree + 1))
    step = 16.0 / (math.sqrt(degree) + 6.0)
    levels = np.floor(np.log2(step * np.sqrt(unique))).astype(int)
    for level in np.unique(levels):
        rows = np.flatnonzero(levels == level)
        width = math.ldexp(1.0, int(level))
        # h_k grows like e^(z²/4) at first; the mean alone has all of e^(−z²/2) to itself.
        far = max(reach(table, v, rate=0.25 if degree else 0.5) for v in unique[rows[[0, -1]]])
        panels = math.ceil(far * math.sqrt(unique[rows[-1]]) / width)
        weight = table.block(int(level), -panels, panels)
        right, left = weight[panels:], weight[:panels][::-1, ::-1]
        parts = ((right + left).ravel(), (right - left).ravel())
        t = ((np.arange(panels) + 0.5)[:, None] + NODES / 2).ravel() * width
        share = max(1, _BLOCK // (panels * ORDER))
        for i in range(0, len(rows), share):
            some = rows[i : i + share]
            out[some] = _series(t, parts, np.sqrt(unique[some]), degree)
    full: Array = out[back].reshape((*np.shape(variance), degree + 1))
    return full


def _series(t: Array, parts: tuple[Array, Array], deviation: Array, degree: int) -> Array:
    """Σ_i W_i h_k(t_i/√q) n(t_i/√q)/√q by recurrence over k, for several √q at once."""
    z = t / deviation[:, None]
    out = np.empty((len(deviation), degree + 1))
    older = np.zeros_like(z)
    now = np.exp(-0.5 * z * z) / (math.sqrt(2 * math.pi) * deviation[:, None])
    spare = np.empty_like(z)
    for k in range(degree + 1):
        out[:, k] = now @ parts[k % 2]
        np.multiply(z, now, out=spare)
        older *= math.sqrt(k)
        spare -= older
        spare *= 1 / math.sqrt(k + 1)
        older, now, spare = now, spare, older
    return out


def at_zero(table: PanelTable) -> float:
    """Return f(0), or the mean of its two limits if 0 is a breakpoint."""
    if 0.0 in table.breakpoints:
        sides = table(np.array([-1e-150, 1e-150]))
        # What is left of |t| or √|t| there is no value: divided by itself later, it would be a direction.
        return float(sides.mean()) if np.abs(sides).max() > 1e-35 else 0.0
    return float(table(np.array([0.0]))[0])


def second_moment(table: PanelTable, variance: Array) -> Array:
    """Return E f(√variance·z)², from the panels of f² (f(0)² at variance 0)."""
    flat = np.asarray(variance, dtype=np.float64)
    out: Array = np.full(flat.shape, at_zero(table) ** 2)
    positive = flat > 0
    if positive.any():
        out[positive] = hermite_array(table.squared, flat[positive], 0)[..., 0]
    np.maximum(out, 0.0, out=out)
    return out


def hermite(act: Activation | str, variance: ArrayLike, degree: int) -> Array:
    """Return the Hermite coefficients a_0 … a_degree of φ(√variance·z).

    a_k(q) = E[φ(√q z) h_k(z)] in the normalised probabilists' basis.

    Parameters
    ----------
    act : Activation or str
        The activation, or its registered name.
    variance : array_like
        Variances q ≥ 0, any shape.
    degree : int
        The last degree.

    Returns
    -------
    ndarray, shape variance.shape + (degree + 1,)
        At q = 0: φ(0) (the mean of the two limits if φ jumps there), then zeros.

    Raises
    ------
    DualactError
        If a variance is negative, not finite or beyond ``act.variance_limit``, or φ grows too fast for it.
    PluginError
        If φ turns out not to be smooth at a place that is not among its breakpoints.

    Notes
    -----
    Uses the activation's closed form if it has one. Computed coefficients have an absolute error near
    1e-15·√(Eφ²), 1e-13 at worst (degrees to 300, variances 1e-12 to 1e8); about .3 ms a variance at
    degree 300, after 1 to 3 ms for the panels.

    Examples
    --------
    >>> import numpy as np
    >>> from dualact.nonlinearity.coefficients import hermite
    >>> from dualact.nonlinearity.contract import Activation
    >>> relu = Activation("my_relu", lambda t: np.maximum(t, 0.0), breakpoints=(0.0,))
    >>> hermite(relu, 1.0, 4).round(6) + 0.0
    array([ 0.398942,  0.5     ,  0.282095,  0.      , -0.081434])
    """
    act = resolve(act)
    q = check_variance(act, variance, "hermite")
    order = check_degree(act, degree, "hermite")
    if act.hermite is not None:
        return answer(act.name, "hermite", act.hermite(q, order), (*q.shape, order + 1))
    return _coefficients(panel_table(act), q, order)


def hermite_prime(act: Activation | str, variance: ArrayLike, degree: int) -> Array:
    """Return the Hermite coefficients of φ′(√variance·z): a_k(φ′; q) = √((k+1)/q)·a_{k+1}(φ; q).

    Parameters
    ----------
    act : Activation or str
        The activation, or its registered name; φ must not jump.
    variance : array_like
        Variances q ≥ 0, any shape.
    degree : int
        The last degree.

    Returns
    -------
    ndarray, shape variance.shape + (degree + 1,)
        At q = 0: φ′(0) (the mean of the two slopes at a kink), then zeros.

    Raises
    ------
    DualactError
        As :func:`hermite`; and if φ jumps.

    Notes
    -----
    The identity serves where the coefficients of φ have a closed form, or φ′ has none, and q ≥ 0.01; below,
    where φ(0) would swallow the small part, and elsewhere the panels of φ′ (``phi_prime``, or φ's own panels
    differentiated) are integrated: about 1e-13·√(Eφ′²) at any q.
    """
    act = resolve(act)
    refuse_jumps(act)
    q = check_variance(act, variance, "hermite_prime", prime=True)
    order = check_degree(act, degree, "hermite_prime")
    if act.phi is None:
        direct = np.zeros(q.shape, dtype=bool)
    elif act.hermite is not None or act.phi_prime is None:
        direct = q < _SMALL
    else:
        direct = np.ones(q.shape, dtype=bool)
    out = np.zeros((*q.shape, order + 1))
    if (~direct).any():
        some = q[~direct]
        positive = np.where(some > 0, some, 1.0)
        factor = np.sqrt(np.arange(1, order + 2) / positive[:, None])
        out[~direct] = np.where(some[:, None] > 0, factor * hermite(act, some, order + 1)[:, 1:], 0.0)
    if direct.any():
        out[direct] = _coefficients(panel_table(act, prime=True), q[direct], order)
    return out


def _coefficients(table: PanelTable, q: Array, degree: int) -> Array:
    out = np.zeros((*q.shape, degree + 1))
    zero = q == 0
    if zero.any():
        out[zero, 0] = at_zero(table)
    if not zero.all():
        out[~zero] = hermite_array(table, q[~zero], degree)
    return out


def check_variance(
    act: Activation, variance: ArrayLike, where: str, label: str = "variance", prime: bool = False
) -> Array:
    """Return variances as float64, or raise: they must be finite, ≥ 0 and below the limit of φ (of φ′)."""
    try:
        q = np.asarray(variance, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DualactError(
            f"{where}({act.name!r}): {label} must be real numbers. Got {variance!r}."
        ) from None
    bad = ~np.isfinite(q) | (q < 0)
    if bad.any():
        raise DualactError(
            f"{where}({act.name!r}): {label} must be finite and >= 0. Got {q[bad].ravel()[0]!r} "
            f"({int(bad.sum())} of {q.size} entries)."
        )
    limit = min(act.variance_limit, act.derivative_limit) if prime else act.variance_limit
    if q.size and q.max() >= limit:
        what = "phi(u)" if limit == act.variance_limit else "phi'(u)"
        raise DualactError(
            f"{where}({act.name!r}): E {what}^2 is finite for variances below {limit:.6g} only. "
            f"Got {label} {q.max():.6g}. Scale the input or weight_std down, or take another activation."
        )
    return q


def check_degree(act: Activation, degree: int, where: str) -> int:
    """Return the degree as int, or raise."""
    if isinstance(degree, bool) or not isinstance(degree, int | np.integer) or not 0 <= degree <= 100_000:
        raise DualactError(f"{where}({act.name!r}): degree must be an int >= 0. Got {degree!r}.")
    return int(degree)


def refuse_jumps(act: Activation) -> None:
    """Raise if φ jumps, or φ′ is not square-integrable: then there is no dual_prime and no NTK."""
    if act.jumps:
        places = ", ".join(f"{b:g}" for b in act.jumps)
        raise DualactError(
            f"activation {act.name!r}: phi jumps at t = {places}, so it has no derivative, "
            'no dual_prime and no NTK. Its NNGP exists: use dual, or kind="nngp".'
        )
    if act.without_ntk:
        raise DualactError(
            f"activation {act.name!r} {act.without_ntk}; it has no dual_prime and no NTK. "
            'Its NNGP exists: use dual, or kind="nngp".'
        )
