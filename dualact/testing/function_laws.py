"""Laws of φ itself: what the contract says of the function and its derivative."""

from __future__ import annotations

import numpy as np

from ..errors import PluginError
from ..nonlinearity.contract import Activation, Array
from ..nonlinearity.functions import from_function
from .points import needs_phi, refuse
from .verdicts import Broken, NotApplicable, agree, demand, literal

__all__ = [
    "phi_has_the_parity_it_claims",
    "phi_is_homogeneous_as_claimed",
    "phi_is_smooth_between_its_breakpoints",
    "phi_is_vectorised",
    "phi_prime_is_the_slope_of_phi",
]

_T = np.array([0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 0.1, -0.1, 3.7, -3.7, 7.3, -7.3])


def phi_is_vectorised(act: Activation) -> None:
    """φ maps a float64 array of any shape to one of the same shape, element by element, and keeps it."""
    needs_phi(act)
    name = literal(act)
    whole = _values(act, _T, f"print({name}(np.array({_T.tolist()})))")
    for t in (_T[:0], _T[3], _T[:12].reshape(3, 4), _T[:12].reshape(3, 4).T, _T[::-2]):
        t = np.asarray(t)
        line = f"import numpy as np, dualact as da; print(np.shape({name}(np.zeros({t.shape}))))"
        y = _values(act, t, line)
        demand(
            y.shape == t.shape, f"phi of an array of shape {t.shape} has shape {y.shape}, not the same", line
        )
        place = [int(np.flatnonzero(x == _T)[0]) for x in t.ravel()]
        same = "phi of an element differs with the array that it is in"
        scale = 1e-12 * (1.0 + np.abs(whole[place]))
        agree(y.ravel(), whole[place], scale, same, f"print({name}(np.array({{t}})))", {"t": t.ravel()})
    demand(
        bool(np.isfinite(whole).all()),
        f"phi is not finite at t = {_T[~np.isfinite(whole)][:1]}",
        f"print({name}(np.array({_T.tolist()})))",
    )


def phi_is_smooth_between_its_breakpoints(act: Activation) -> None:
    """Every kink and jump of φ within ±30 is among its breakpoints."""
    needs_phi(act)
    assert act.phi is not None
    try:
        from_function(act.name, act.phi, act.breakpoints, variance_limit=act.variance_limit)
    except PluginError as error:
        line = (
            f"import dualact as da; a = {literal(act)}; "
            "da.from_function(a.name, a.phi, a.breakpoints, variance_limit=a.variance_limit)"
        )
        raise Broken(str(error), line) from error


def phi_prime_is_the_slope_of_phi(act: Activation) -> None:
    """φ′, where it is given, is the derivative of φ away from the breakpoints."""
    needs_phi(act)
    refuse(act)
    if act.phi_prime is None:
        raise NotApplicable("no phi_prime is given; it is taken from phi")
    t = np.concatenate([_T + 1.234e-2, np.linspace(-6, 6, 97) + 1.7e-3])
    if act.breakpoints:
        t = t[np.abs(np.subtract.outer(t, np.array(act.breakpoints))).min(axis=1) > 1e-2]
    # Two steps of the sixth-order difference: where they disagree φ is too rough for this test, not wrong.
    slopes, sizes = zip(*(_difference(act, t, h) for h in (2e-3, 1e-3)), strict=True)
    got = np.asarray(act.phi_prime(t), dtype=np.float64)
    demand(
        got.shape == t.shape,
        f"phi_prime of an array of shape {t.shape} has shape {got.shape}, not the same",
        f"import numpy as np, dualact as da; print({literal(act)}.phi_prime(np.zeros(3)).shape)",
    )
    allowed = 1e-9 * (1.0 + np.abs(slopes[1])) + 1e-12 * sizes[1] + 4 * np.abs(slopes[1] - slopes[0])
    line = f"import numpy as np, dualact as da; print({literal(act)}.phi_prime(np.array({{t!r}})))"
    agree(got, slopes[1], allowed, "phi_prime against the slope of phi", line, {"t": t})


def phi_has_the_parity_it_claims(act: Activation) -> None:
    """φ(−t) = φ(t) if parity is "even", −φ(t) if "odd"."""
    needs_phi(act)
    if act.parity is None:
        raise NotApplicable("no parity is claimed")
    sign = 1.0 if act.parity == "even" else -1.0
    t = _T[1:]
    y = _values(act, t, "")
    line = f"import numpy as np, dualact as da; print({literal(act)}(np.array([{{t}}, -{{t}}])))"
    allowed = 1e-13 * (1e-3 + np.abs(y))
    agree(_values(act, -t, ""), sign * y, allowed, f"phi(-t), for {act.parity} phi,", line, {"t": t})


def phi_is_homogeneous_as_claimed(act: Activation) -> None:
    """φ(ct) = c^h φ(t) for every c > 0, if homogeneity h is claimed."""
    needs_phi(act)
    if act.homogeneity is None:
        raise NotApplicable("no homogeneity is claimed")
    t, c = (x.ravel() for x in np.meshgrid(_T, [2.0, 0.25, 3.7]))
    want = c**act.homogeneity * _values(act, t, "")
    line = f"import numpy as np, dualact as da; print({literal(act)}(np.array([{{t}}, {{t}} * {{c}}])))"
    allowed = 1e-12 * np.maximum(np.abs(want), 1e-300)
    what = f"phi(c t), for phi homogeneous of degree {act.homogeneity:g},"
    agree(_values(act, c * t, ""), want, allowed, what, line, {"t": t, "c": c})


def _values(act: Activation, t: Array, line: str) -> Array:
    """Return φ(t), having held φ to its types and to leaving t alone."""
    assert act.phi is not None
    given = t.copy()
    given.setflags(write=False)
    try:
        with np.errstate(all="ignore"):
            y = act.phi(given)
    except Exception as error:
        raise Broken(
            f"phi of a read-only float64 array of shape {t.shape} raised {type(error).__name__}: {error}",
            line,
        ) from error
    kind = getattr(y, "dtype", type(y).__name__)
    demand(kind == np.float64, f"phi of float64 gives {kind}, not float64", line)
    return np.asarray(y)


def _difference(act: Activation, t: Array, h: float) -> tuple[Array, Array]:
    """Return the sixth-order central difference of φ and the size of what is subtracted, over h."""
    step = h * np.maximum(1.0, np.abs(t))
    shift = np.array([1.0, 2.0, 3.0])
    weight = np.array([45.0, -9.0, 1.0]) / 60.0
    up, down = (_values(act, t[:, None] + s * step[:, None] * shift, "") for s in (1.0, -1.0))
    return (up - down) @ weight / step, (np.abs(up) + np.abs(down)).max(axis=1) / step
