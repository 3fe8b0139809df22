"""Dual activations E[φ(u)φ(v)] and E[φ′(u)φ′(v)]: the closed form if there is one, else computed.

The public functions check their input; ``dual_array`` and ``dual_prime_array`` do not (they are for the
kernel recursion, which knows its covariances to be right).
"""

from __future__ import annotations

import warnings
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from ..errors import AccuracyWarning, DualactError
from .answers import answer
from .coefficients import check_variance, hermite, hermite_prime, refuse_jumps, resolve
from .computed.engines import engine
from .contract import Activation, Array
from .gaussian_pair import geometric_mean

__all__ = ["TOLERANCE", "dual", "dual_array", "dual_prime", "dual_prime_array", "hermite", "hermite_prime"]

#: Estimated errors above this, relative to √(Eφ(u)²Eφ(v)²), are reported by an AccuracyWarning.
TOLERANCE = 1e-10
_SLACK = 1e-9


@overload
def dual(
    act: Activation | str,
    cov: ArrayLike,
    var_u: ArrayLike,
    var_v: ArrayLike,
    return_error: Literal[False] = False,
) -> Array: ...
@overload
def dual(
    act: Activation | str, cov: ArrayLike, var_u: ArrayLike, var_v: ArrayLike, return_error: Literal[True]
) -> tuple[Array, Array]: ...
def dual(
    act: Activation | str, cov: ArrayLike, var_u: ArrayLike, var_v: ArrayLike, return_error: bool = False
) -> Array | tuple[Array, Array]:
    r"""Return the dual activation E[φ(u)φ(v)], (u, v) ~ N(0, [[var_u, cov], [cov, var_v]]).

    Parameters
    ----------
    act : Activation or str
        The activation, or its registered name.
    cov, var_u, var_v : array_like
        Covariances and variances; they broadcast against one another. \|cov\| ≤ √(var_u·var_v), up to 1e-9
        of it (then clipped).
    return_error : bool
        Whether to return an estimate of the absolute error as well.

    Returns
    -------
    ndarray of the broadcast shape, or (value, error)

    Raises
    ------
    DualactError
        If an entry is not finite, a variance is negative or too large for this φ, or \|cov\| too large.
    PluginError
        If φ breaks the contract (a kink that is not declared, for instance).

    Warns
    -----
    AccuracyWarning
        If the estimated error exceeds 1e-10·√(Eφ(u)²·Eφ(v)²).

    Notes
    -----
    A zero variance gives φ(0)·Eφ(v), φ(0) being the mean of the two limits if φ jumps there. Computed
    duals: worst error measured 4e-14 relative to √(Eφ(u)²·Eφ(v)²) for eleven functions, variances 1e-8 to
    1e4 and every correlation, ±1 included (boxes, for many entries: 2e-12). A matrix takes .05 to .3 s a
    million entries after tables are built (.1 to 1 s). Where φ has breakpoints other than 0 and the variances
    all differ: 5 s a million for \|ρ\| up to .9, .5 to 1.5 ms an entry nearer to ±1.

    Examples
    --------
    >>> import numpy as np
    >>> from dualact.nonlinearity.contract import Activation
    >>> from dualact.nonlinearity.duals import dual
    >>> relu = Activation("my_relu", lambda t: np.maximum(t, 0.0), breakpoints=(0.0,))
    >>> value, error = dual(relu, [0.0, 1.0], 1.0, 1.0, return_error=True)
    >>> bool(np.all(np.abs(value - [1 / (2 * np.pi), 0.5]) <= error + 1e-15))
    True
    """
    act = resolve(act)
    return _public(act, "dual", False, cov, var_u, var_v, return_error)


@overload
def dual_prime(
    act: Activation | str,
    cov: ArrayLike,
    var_u: ArrayLike,
    var_v: ArrayLike,
    return_error: Literal[False] = False,
) -> Array: ...
@overload
def dual_prime(
    act: Activation | str, cov: ArrayLike, var_u: ArrayLike, var_v: ArrayLike, return_error: Literal[True]
) -> tuple[Array, Array]: ...
def dual_prime(
    act: Activation | str, cov: ArrayLike, var_u: ArrayLike, var_v: ArrayLike, return_error: bool = False
) -> Array | tuple[Array, Array]:
    """Return E[φ′(u)φ′(v)] = ∂dual/∂cov.

    Parameters
    ----------
    act : Activation or str
        The activation, or its registered name; φ must not jump.
    cov, var_u, var_v : array_like
        As for :func:`dual`.
    return_error : bool
        Whether to return an estimate of the absolute error as well.

    Returns
    -------
    ndarray of the broadcast shape, or (value, error)

    Raises
    ------
    DualactError
        As :func:`dual`; and if φ jumps, or E φ′² is infinite.

    Notes
    -----
    φ′ is ``phi_prime`` if the activation has it, else the derivative of φ's own panels (pointwise about
    1e-12). Worst error measured: 5e-12 of √(Eφ′(u)²·Eφ′(v)²); with ``phi_prime`` 6e-13, at ρ = ±1 where
    rounding moves the kinks. A zero variance gives φ′(0)·Eφ′(v), φ′(0) being the mean of the two slopes
    at a kink.

    Examples
    --------
    >>> import numpy as np
    >>> from dualact.nonlinearity.contract import Activation
    >>> from dualact.nonlinearity.duals import dual_prime
    >>> relu = Activation("my_relu", lambda t: np.maximum(t, 0.0), breakpoints=(0.0,))
    >>> dual_prime(relu, [-1.0, 0.0, 1.0], 1.0, 1.0).round(9) + 0.0
    array([0.  , 0.25, 0.5 ])
    """
    act = resolve(act)
    refuse_jumps(act)
    return _public(act, "dual_prime", True, cov, var_u, var_v, return_error)


def dual_array(act: Activation, cov: Array, var_u: Array, var_v: Array, tabulate: bool = False) -> Array:
    """Return E[φ(u)φ(v)] without checks, for float64 arrays that broadcast.

    Fast for cov (n, m), var_u (n, 1), var_v (1, m). ``tabulate`` builds tables for few entries as well, for
    those who will ask many times.
    """
    if act.dual is not None:
        shape = np.broadcast_shapes(cov.shape, var_u.shape, var_v.shape)
        return answer(act.name, "dual", act.dual(cov, var_u, var_v), shape)
    value, error = engine(act)(cov, var_u, var_v, tabulate=tabulate)
    _warn(act, "dual", error)
    return value


def dual_prime_array(
    act: Activation, cov: Array, var_u: Array, var_v: Array, tabulate: bool = False
) -> Array:
    """Return E[φ′(u)φ′(v)] without checks, as :func:`dual_array`."""
    if act.dual_prime is not None:
        shape = np.broadcast_shapes(cov.shape, var_u.shape, var_v.shape)
        return answer(act.name, "dual_prime", act.dual_prime(cov, var_u, var_v), shape)
    refuse_jumps(act)
    value, error = engine(act, prime=True)(cov, var_u, var_v, tabulate=tabulate)
    _warn(act, "dual_prime", error)
    return value


def _public(
    act: Activation,
    where: str,
    prime: bool,
    cov: ArrayLike,
    var_u: ArrayLike,
    var_v: ArrayLike,
    return_error: bool,
) -> Array | tuple[Array, Array]:
    c, p, q = _checked(act, where, prime, cov, var_u, var_v)
    closed = act.dual_prime if prime else act.dual
    if closed is not None:
        shape = np.broadcast_shapes(c.shape, p.shape, q.shape)
        value = answer(act.name, where, closed(c, p, q), shape)
        if not return_error:
            return value[()]
        error = _closed_error(act, prime, value, c, p, q)
    else:
        tables = engine(act, prime)
        value, relative = tables(c, p, q, every_error=return_error)
        _warn(act, where, relative)
        if not return_error:
            return value[()]
        error = relative * (tables.size(p) * tables.size(q)) + np.spacing(np.abs(value))
    return value[()], error[()]


def _closed_error(act: Activation, prime: bool, value: Array, c: Array, p: Array, q: Array) -> Array:
    """Return the claimed error of a closed form, or its distance from the computed value."""
    if act.phi is None:
        return np.full(value.shape, act.accuracy or 1e-14) * np.maximum(np.abs(value), 1e-300)
    tables = engine(act, prime)
    if act.accuracy is not None:
        return act.accuracy * np.broadcast_to(tables.size(p) * tables.size(q), value.shape)
    other, relative = tables(c, p, q, every_error=True)
    return np.abs(value - other) + relative * (tables.size(p) * tables.size(q))


def _checked(
    act: Activation, where: str, prime: bool, cov: ArrayLike, var_u: ArrayLike, var_v: ArrayLike
) -> tuple[Array, Array, Array]:
    p = check_variance(act, var_u, where, "var_u", prime)
    q = check_variance(act, var_v, where, "var_v", prime)
    try:
        c = np.asarray(cov, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DualactError(f"{where}({act.name!r}): cov must be real numbers. Got {cov!r}.") from None
    try:
        shape = np.broadcast_shapes(c.shape, p.shape, q.shape)
    except ValueError:
        raise DualactError(
            f"{where}({act.name!r}): cov, var_u and var_v must broadcast. "
            f"Got shapes {c.shape}, {p.shape}, {q.shape}."
        ) from None
    if not np.isfinite(c).all():
        raise DualactError(
            f"{where}({act.name!r}): cov must be finite. Got {c[~np.isfinite(c)].ravel()[0]!r}."
        )
    bound = geometric_mean(p, q)
    excess = np.broadcast_to(np.abs(c) - bound * (1 + _SLACK), shape)
    if (excess > 0).any():
        at = np.unravel_index(int(np.argmax(excess)), shape)
        worst = [float(np.broadcast_to(x, shape)[at]) for x in (c, p, q)]
        raise DualactError(
            f"{where}({act.name!r}): |cov| must be at most sqrt(var_u * var_v). Entry {tuple(map(int, at))} "
            f"has cov = {worst[0]!r}, var_u = {worst[1]!r}, var_v = {worst[2]!r}. "
            "cov is a covariance, not a correlation: multiply a correlation by sqrt(var_u * var_v)."
        )
    return np.clip(c, -bound, bound), p, q


def _warn(act: Activation, where: str, relative: Array) -> None:
    worst = float(relative.max(initial=0.0))
    if worst > TOLERANCE:
        warnings.warn(
            f"{where}({act.name!r}): estimated error {worst:.2g} of sqrt(E phi(u)^2 E phi(v)^2), "
            f"above {TOLERANCE:g}.",
            AccuracyWarning,
            stacklevel=4,
        )
