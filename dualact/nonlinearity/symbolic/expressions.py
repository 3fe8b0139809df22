"""Activations from a line of text: φ′, kinks, symmetries and, where one exists, the exact dual.

The text is parsed by :mod:`dualact.nonlinearity.symbolic.grammar`, which executes nothing. What it means is
worked out here: the derivative, the breakpoints, parity, homogeneity, the variance up to which E φ² is
finite, and closed forms for everything in the reach of the catalog or of the piecewise engine.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from fractions import Fraction
from typing import final

import numpy as np

from ...errors import AccuracyWarning, PluginError
from ..contract import Activation, Array
from . import algebra as al
from .algebra import Node
from .differentiation import derivative
from .evaluation import Tape, TooWild, log_magnitude, precise, values
from .grammar import parse, shortened
from .landmarks import Patch, survey, unbounded_slope
from .recognition import Closed, closed_form, pieces

__all__ = ["from_expression"]

_TOLERANCE = 1e-10
_LONGEST = 20_000


def from_expression(name: str, text: str, **params: float) -> Activation:
    """Return the activation that a formula in x describes.

    φ is the text; φ′ is derived from it; the rest is found out.

    Parameters
    ----------
    name : str
        Its name. Nothing is registered.
    text : str
        φ as a function of ``x`` (or ``t``): numbers, ``pi``, ``e``, parameters, ``+ - * / ** ^``, comparisons
        within ``where(condition, a, b)`` and ``Piecewise((a, condition), ..., (b, True))``, and the functions
        of :data:`dualact.nonlinearity.symbolic.grammar.FUNCTIONS` (exp, log, tanh, erf, Phi, sigmoid,
        softplus, …).
    **params : float
        Values of the parameters that the text names.

    Returns
    -------
    Activation
        With ``expression`` and ``params`` set, so that it can be stored as text.

    Raises
    ------
    PluginError
        If the text is not an expression of the grammar (naming the token and its column), if φ is not finite
        and real on the whole line, is zero everywhere, or grows so fast that E φ(z)² is infinite.

    Warns
    -----
    AccuracyWarning
        If φ or φ′ loses more than six digits of float64 to cancellation somewhere; with the number.

    Notes
    -----
    The text is data: it is never passed to ``eval``. Evaluation is safe against overflow and against the
    cancellations ``exp(u) - 1``, ``log(1 + w)``, ``1 ± erf``, ``1 ± tanh`` and their like; measured against
    50 digits, softplus, mish, silu, gelu and elu and their derivatives are right to 1e-15.
    A function with infinitely many kinks, such as ``abs(sin(x))``, keeps the 128 nearest to 0.
    Isolated values do not matter: ``where(x == 0, 1, sin(x)/x)`` is ``sin(x)/x``, whose gap is filled.

    Examples
    --------
    >>> import numpy as np
    >>> from dualact.nonlinearity.symbolic.expressions import from_expression
    >>> mish = from_expression("my_mish", "x*tanh(log(1 + exp(x)))")
    >>> mish(np.array([-1000.0, 0.0, 1.0, 1000.0])).round(6).tolist()
    [-0.0, 0.0, 0.865098, 1000.0]
    >>> leaky = from_expression("leaky", "Max(x, a*x)", a=0.1)
    >>> leaky.breakpoints, leaky.homogeneity
    ((0.0,), 1.0)
    """
    tree = parse(text, params)
    label = f"expression {shortened(text)}"
    try:
        return _analysed(name, text, params, tree, label)
    except al.AlgebraError as problem:
        raise PluginError(f"{label}: its derivative or one of its pieces has {problem}.") from None
    except RecursionError:
        raise PluginError(
            f"{label}: nested too deeply; write it with fewer functions within functions."
        ) from None


def _analysed(name: str, text: str, params: dict[str, float], tree: Node, label: str) -> Activation:
    slope = derivative(tree)
    if len(al.walk(slope)) > _LONGEST:
        raise PluginError(f"{label}: its derivative has more than {_LONGEST} terms; write it shorter.")
    landmarks = survey(tree, slope, label)
    phi = _Function(Tape.of(tree), landmarks.patches)
    prime = _Function(Tape.of(slope), landmarks.patches, True)
    limit = _variance_limit(tree, phi.tape)
    if limit <= 1.0:
        raise PluginError(_too_fast(label, limit))
    _check_accuracy(label, phi, prime)
    parts = pieces(tree, landmarks.breakpoints)
    if parts is not None and not any(found for _, _, found in parts):
        raise PluginError(f"{label} is zero everywhere; its kernel would vanish.")
    closed = closed_form(name, tree, parts) or Closed(None, None, None, None, "")
    slope_limit = _variance_limit(slope, prime.tape) if slope != al.ZERO else math.inf
    steep = unbounded_slope(prime, landmarks.breakpoints) is not None
    return Activation(
        name,
        phi,
        dual=closed.dual,
        dual_prime=None if steep else closed.dual_prime,
        hermite=closed.hermite,
        phi_prime=prime,
        breakpoints=landmarks.breakpoints,
        homogeneity=_homogeneity(phi),
        params={key: float(value) for key, value in params.items()},
        source=closed.source,
        formula=text,
        parity=_parity(phi),
        variance_limit=min(limit, closed.limit),
        derivative_limit=0.0 if steep else slope_limit,
        accuracy=closed.accuracy,
        expression=text,
    )


@final
@dataclass(frozen=True)
class _Function:
    """φ or φ′ as a callable."""

    tape: Tape
    patches: tuple[Patch, ...]
    is_slope: bool = False

    def __call__(self, t: Array) -> Array:
        t = np.asarray(t, dtype=np.float64)
        out = values(self.tape, t)
        for patch in self.patches:
            patch.apply(t, out, self.is_slope)
        return out


# ------------------------------------------------------------------------------------------ growth
def _variance_limit(tree: Node, tape: Tape) -> float:
    """Return the q below which E f(√q z)² is finite: 1/(4b) if f grows like e^{bx²}, 0 if faster."""
    rates = []
    for k in (5, 7):
        x = np.concatenate([np.logspace(k, k + 1, 97), -np.logspace(k, k + 1, 97)])
        size = log_magnitude(tape, x)
        if np.any(size > 1e299):
            return 0.0
        rates.append(float(np.max(np.nan_to_num(size, nan=-np.inf) / x**2)))
    before, after = rates
    if after <= 1e-11 or before <= 0:
        return math.inf
    slope = math.log10(after / before) / 2
    if slope < -0.05:
        return math.inf
    if slope > 0.05:
        return 0.0
    square = al.power(al.X, 2.0)
    for node in al.walk(tree):  # the exact coefficient, if the text has it
        if node.head in ("exp", "sinh", "cosh"):
            argument = node.args[0]
            for term in argument.args if argument.head == "add" else (argument,):
                c, f = al.split(term)
                if f == square and math.isclose(abs(c), after, rel_tol=1e-2):
                    return 1.0 / (4.0 * abs(c))
    return 1.0 / (4.0 * after)


def _too_fast(label: str, limit: float) -> str:
    growth = "faster than exp(b x²) for every b" if limit == 0 else f"like exp({1 / (4 * limit):.6g} x²)"
    return (
        f"{label} grows {growth}, so E φ(z)² is infinite for a standard normal z and there is no kernel. "
        "φ may grow like exp(b x²) with b < 1/4 at most; take a smaller factor of x², or a slower function."
    )


# --------------------------------------------------------------------------------------- symmetries
_SAMPLE = np.sort(np.concatenate([np.logspace(-6, 2.5, 120), np.linspace(0.03, 9.7, 120)]))


def _parity(phi: _Function) -> str | None:
    right, left = phi(_SAMPLE), phi(-_SAMPLE)
    good = np.isfinite(right) & np.isfinite(left)
    right, left = right[good], left[good]
    scale = 1e-13 * (np.abs(right) + np.abs(left)) + 1e-15 * np.maximum.accumulate(
        np.abs(right) + np.abs(left)
    )
    if np.all(np.abs(right - left) <= scale):
        return "even"
    return "odd" if np.all(np.abs(right + left) <= scale) else None


def _homogeneity(phi: _Function) -> float | None:
    """Return h with φ(ct) = c^h φ(t): found at c = 2, then tried over twelve decades."""
    one, two = phi(np.array([1.0, -1.0])), phi(np.array([2.0, -2.0]))
    if not (np.all(np.isfinite(one)) and np.all(np.isfinite(two)) and np.any(one)):
        return None
    i = int(np.argmax(np.abs(one)))
    ratio = two[i] / one[i]
    if not ratio > 0:
        return None
    h = math.log2(ratio)
    simple = float(Fraction(h).limit_denominator(60))
    h = simple if abs(h - simple) < 1e-12 else h
    if not abs(h) <= al.MAX_POWER:
        return None
    c = np.concatenate([np.logspace(-6, 6, 37) * 1.0123, [0.3, 1.7, math.pi]])
    for sign, base in ((1.0, one[0]), (-1.0, one[1])):
        with np.errstate(over="ignore", invalid="ignore"):
            value, expected = phi(sign * c), base * c**h
            if not np.all((np.abs(value - expected) <= 1e-11 * np.abs(expected)) | (value == expected)):
                return None
    return h


# ----------------------------------------------------------------------------------------- accuracy
def _check_accuracy(label: str, phi: _Function, prime: _Function) -> None:
    """Compare φ and φ′ with 50 digits at 48 points; warn with the number if float64 is not enough."""
    t = np.logspace(-6, 1.3, 24) * 1.0371
    for function, what in ((phi, "φ"), (prime, "φ′")):
        worst, scale = 0.0, 1e-300
        for point in t:
            for x in (float(point), -float(point)):
                try:
                    exact = float(precise(function.tape, x))
                except (TooWild, OverflowError):
                    continue
                got = float(function(np.array(x)))
                scale = max(scale, abs(exact))
                if function.is_slope:  # where φ′ is flat, φ/x is what its terms are made of
                    scale = max(scale, abs(float(phi(np.array(x))) / x))
                worst = max(worst, abs(got - exact) / scale)
        if worst > _TOLERANCE:
            warnings.warn(
                f"{label}: {what} as written cancels in float64; its relative error reaches {worst:.1e}. "
                "Rewrite it (expm1, log1p, erfc, sigmoid, softplus help), or pass a function to "
                "from_function.",
                AccuracyWarning,
                stacklevel=4,
            )
