"""From tree to numbers: a tape that NumPy, an arithmetic without overflow, and mpmath all can run.

NumPy runs first. Where its result is not finite (an intermediate exp overflowed, ∞/∞, 0·∞) the same tape runs
again on numbers m·e^s with their own exponent s, so that ``(exp(x) - exp(-x))/(exp(x) + exp(-x))`` is 1 at
x = 1000 and not NaN. Against cancellation the tree was rewritten before: ``exp(u) - 1`` → expm1,
``log(1 + w)`` → log1p, ``1 + erf(u)`` → erfc(−u), ``1 - tanh(u)**2`` → cosh(u)^−2, and the like.
"""

from __future__ import annotations

import numpy as np

from ..contract import Array
from .tape import Tape, TooWild, plain, precise
from .wide_numbers import collapse, wide

__all__ = ["Tape", "TooWild", "log_magnitude", "precise", "values"]


def values(tape: Tape, t: Array) -> Array:
    """Return the function at t: NumPy, and where that overflows the arithmetic without overflow."""
    t = np.asarray(t, dtype=np.float64)
    with np.errstate(all="ignore"):
        out = np.array(np.broadcast_to(tape.run(plain(t)), t.shape), dtype=np.float64)
        bad = ~np.isfinite(out) & np.isfinite(t)
        if bad.any():
            out[bad] = collapse(*tape.run(wide(t[bad])))
    return out


def log_magnitude(tape: Tape, t: Array) -> Array:
    """Return log|function| at t, even where the function itself overflows."""
    with np.errstate(all="ignore"):
        m, s = tape.run(wide(np.asarray(t, dtype=np.float64), phase=1.0))
        return np.asarray(np.log(np.abs(m)) + s, dtype=np.float64)
