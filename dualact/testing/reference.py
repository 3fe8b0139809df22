"""Slow and trustworthy: duals and Hermite coefficients by quadrature to as many digits as asked for.

E φ(u)φ(v) is integrated as E_u[φ(u) E[φ(v) | u]], both on graded Gauss–Legendre panels: cut at every
breakpoint of φ (and at the points of u where the conditional mean of v crosses one), dyadically wider
away from them. Every value is computed with two numbers of points; disagreement raises, so that no
reference is silently wrong.

With ``phi`` in mpmath (or an activation made from an expression) the result has ``dps`` digits. Without,
φ itself is evaluated in float64, and the result is as good as those values: about 1e-14 relative to
√(Eφ(u)²·Eφ(v)²).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np

from ..errors import DualactError
from ..nonlinearity.contract import Activation

__all__ = ["reference_dual", "reference_dual_prime", "reference_hermite"]

Scalar = Callable[[Any], Any]


def reference_dual(
    act: Activation, cov: float, var_u: float, var_v: float, dps: int = 30, phi: Scalar | None = None
) -> Any:
    """Return E[φ(u)φ(v)] for (u, v) ~ N(0, [[var_u, cov], [cov, var_v]]) as an mpmath number.

    Parameters
    ----------
    act : Activation
        Its breakpoints cut the panels; its φ is used where ``phi`` is not given.
    cov, var_u, var_v : float
        Taken as exact. A \\|cov\\| above √(var_u·var_v) counts as collinear.
    dps : int
        Digits. At most the 15 of float64 are reached without ``phi``.
    phi : callable, optional
        φ on mpmath numbers.

    Returns
    -------
    mpmath.mpf

    Raises
    ------
    DualactError
        When two orders of quadrature disagree: φ has structure (kinks, poles near the real line, many
        oscillations) that the panels do not know of.

    Notes
    -----
    One to ten seconds at 30 digits, .1 s in float64; both grow with the logarithm of the variances for
    functions of one scale, and without use for those that oscillate at variances above 100.

    Examples
    --------
    >>> import mpmath
    >>> from dualact.nonlinearity.contract import Activation
    >>> identity = Activation("identity", lambda t: t)
    >>> print(mpmath.nstr(reference_dual(identity, 0.5, 1.0, 2.0), 10))
    0.5
    """
    return _checked(act, _Engine(act, dps, phi or _expression(act)), cov, var_u, var_v)


def reference_dual_prime(
    act: Activation, cov: float, var_u: float, var_v: float, dps: int = 30, phi_prime: Scalar | None = None
) -> Any:
    """Return E[φ′(u)φ′(v)]; as :func:`reference_dual`, with φ′ (``phi_prime``, or the activation's own)."""
    if phi_prime is None and act.phi_prime is None:
        raise DualactError(
            f"reference_dual_prime: activation {act.name!r} has no phi_prime; pass phi_prime as a function "
            "of mpmath numbers."
        )
    slope = Activation(f"{act.name}'", act.phi_prime or _unused, breakpoints=act.breakpoints)
    return _checked(slope, _Engine(slope, dps, phi_prime), cov, var_u, var_v)


def reference_hermite(
    act: Activation, variance: float, degree: int, dps: int = 30, phi: Scalar | None = None
) -> list[Any]:
    """Return a_0 … a_degree of φ(√variance·z) in the normalised probabilists' basis, as mpmath numbers."""
    engine = _Engine(act, dps, phi or _expression(act))
    with mpmath.workdps(engine.dps + 15):
        coarse, fine = (engine.coefficients(variance, degree, n) for n in engine.orders)
        scale = mpmath.sqrt(sum(a * a for a in fine)) or mpmath.mpf(1)
        for k, (a, b) in enumerate(zip(coarse, fine, strict=True)):
            engine.compare(a, b, scale, f"coefficient {k} at variance {variance}")
        return fine


def _checked(act: Activation, engine: _Engine, cov: float, var_u: float, var_v: float) -> Any:
    where = f"cov={cov}, var_u={var_u}, var_v={var_v}"
    with mpmath.workdps(engine.dps + 15):
        coarse, fine = (engine.dual(cov, var_u, var_v, n) for n in engine.orders)
        n = engine.orders[0]
        scale = mpmath.sqrt(abs(engine.dual(var_u, var_u, var_u, n) * engine.dual(var_v, var_v, var_v, n)))
        engine.compare(coarse, fine, scale or mpmath.mpf(1), where)
        return fine


class _Engine:
    """Panels and nodes in one arithmetic: mpmath numbers in object arrays, or float64."""

    def __init__(self, act: Activation, dps: int, phi: Scalar | None) -> None:
        self.name = act.name
        self.exact = phi is not None
        self.dps = dps if self.exact else 15
        # the last is the answer, the first its check
        self.orders = (8 + 2 * self.dps // 3, 10 + self.dps)
        self.breakpoints = tuple(sorted({0.0, *act.breakpoints}))
        # e^{−reach²/2} is below the precision, with room for what φ grows
        self.reach = math.sqrt(2 * math.log(10) * self.dps) + 2.0
        if phi is not None:
            self.phi: Scalar = np.frompyfunc(phi, 1, 1)
            self.exp: Scalar = np.frompyfunc(mpmath.exp, 1, 1)
        else:
            self.phi = act
            self.exp = np.exp

    def number(self, value: Any) -> Any:
        return mpmath.mpf(value) if self.exact else float(value)

    def dual(self, cov: float, var_u: float, var_v: float, n: int) -> Any:
        p, q, c = (mpmath.mpf(x) for x in (max(var_u, var_v), min(var_u, var_v), cov))
        zero = self.phi(np.array([self.number(0.0)]))[0]
        if p == 0:
            return mpmath.mpf(zero) ** 2
        if q == 0:
            return mpmath.mpf(zero) * mpmath.mpf(self._expect(self.phi, 0, p, n))
        root_p, root_q = mpmath.sqrt(p), mpmath.sqrt(q)
        gap = p * q - c * c
        if gap <= 0:
            partner = root_q / root_p * mpmath.sign(c)
            ratio = self.number(partner)
            images = [b / partner for b in self.breakpoints]
            return mpmath.mpf(self._expect(lambda x: self.phi(x) * self.phi(ratio * x), 0, p, n, images))
        return mpmath.mpf(self._nested(p, c, gap, n))

    def _nested(self, p: Any, c: Any, gap: Any, n: int) -> Any:
        """Return E_u[φ(u)·E[φ(v) | u]] with v | u ~ N(c/p·u, gap/p)."""
        slope, spread = c / p, mpmath.sqrt(gap / p)
        points = [(b, 0.0) for b in self.breakpoints]
        if slope:
            points += [(b / slope, float(spread / abs(slope))) for b in self.breakpoints]
        z, weights = self._panels(mpmath.mpf(0), mpmath.sqrt(p), points, n)
        u = self.number(mpmath.sqrt(p)) * z
        inner = [self._expect(self.phi, mean, gap / p, n) for mean in self.number(slope) * u]
        return np.sum(weights * self.phi(u) * np.array(inner))

    def _expect(self, f: Scalar, mean: Any, variance: Any, n: int, images: Iterable[Any] = ()) -> Any:
        """Return E f(mean + √variance·z)."""
        spread = mpmath.sqrt(variance)
        z, weights = self._panels(mean, spread, [(b, 0.0) for b in (*self.breakpoints, *images)], n)
        return np.sum(weights * f(self.number(mean) + self.number(spread) * z))

    def _panels(self, mean: Any, spread: Any, points: list[tuple[Any, float]], n: int) -> tuple[Any, Any]:
        """Return nodes z and weights (normal density included) for t = mean + spread·z.

        The panels are cut at every point (position, width) in t, and at the width times 1, 3, 9, … beyond
        it; at 1, 3, 9, … where the width is 0: the scale of the functions themselves.
        """
        mean, spread = (mpmath.mpf(mean), spread) if self.exact else (float(mean), float(spread))
        cuts = {-self.reach, -2.5, 0.0, 2.5, self.reach}
        fixed: dict[float, Any] = {}
        centres = [0.0]
        for position, width in points:
            z = (position - mean) / spread
            centre, step = float(z), (width or 1.0) / float(spread)
            cuts.add(centre)
            centres.append(centre)
            if width == 0.0 and abs(centre) < self.reach:
                fixed[centre] = z
            # a scale far below the panels' own need not be followed to its end
            while step < abs(centre) + self.reach:
                cuts |= {centre - step, centre + step}
                step *= 3.0
        edges = [-self.reach]
        for cut in sorted({*cuts, *fixed}):
            if -self.reach < cut <= self.reach:
                # cuts of two points that all but coincide, seen from every point, only cost nodes
                apart = cut - edges[-1] > 0.1 * min(1.0, *(abs(cut - centre) for centre in centres))
                if apart or cut in fixed or cut == self.reach:
                    edges.append(cut)
        ends = [self.number(fixed.get(edge, edge)) for edge in edges]
        x, w = _gauss_legendre(n, self.dps + 5)
        if not self.exact:
            x, w = x.astype(np.float64), w.astype(np.float64)
        low, high = np.array(ends[:-1]), np.array(ends[1:])
        half = (high - low) / 2
        z = (np.add.outer(low, 0 * x) + np.multiply.outer(half, x + 1)).ravel()
        weights = np.multiply.outer(half, w).ravel()
        return z, weights * self.exp(-z * z / 2) * self.number(1 / mpmath.sqrt(2 * mpmath.pi))

    def coefficients(self, variance: float, degree: int, n: int) -> list[Any]:
        """Return a_0 … a_degree by the recurrence of h_k at the nodes."""
        if not variance:
            zero = mpmath.mpf(self.phi(np.array([self.number(0.0)]))[0])
            return [zero] + [mpmath.mpf(0)] * degree
        spread, plain = mpmath.sqrt(mpmath.mpf(variance)), self.reach
        # h_k reaches out to 2√k and oscillates there with a period of about 3/√k
        self.reach += 2 * math.sqrt(degree)
        points = [(b, 0.0) for b in self.breakpoints]
        points += [(float(spread) * i, 1e300) for i in range(-int(self.reach), int(self.reach) + 1, 2)]
        z, weights = self._panels(mpmath.mpf(0), spread, points, n + int(2 * math.sqrt(degree)))
        self.reach = plain
        product = weights * self.phi(self.number(spread) * z)
        previous, current = 0 * z, 0 * z + self.number(1)
        result = []
        for k in range(degree + 1):
            result.append(mpmath.mpf(np.sum(product * current)))
            root, following = (self.number(mpmath.sqrt(mpmath.mpf(i))) for i in (k, k + 1))
            previous, current = current, (z * current - root * previous) / following
        return result

    def compare(self, coarse: Any, fine: Any, scale: Any, where: str) -> None:
        tolerance = mpmath.mpf(10) ** (-self.dps + 3)
        error = abs(coarse - fine) / scale
        if not error <= tolerance:
            raise DualactError(
                f"reference for activation {self.name!r} at {where}: two orders of quadrature differ by "
                f"{mpmath.nstr(error, 3)} of the scale, more than {mpmath.nstr(tolerance, 3)}. "
                "Name the breakpoints of phi, or use smaller variances."
            )


@lru_cache(maxsize=32)
def _gauss_legendre(n: int, dps: int) -> tuple[Any, Any]:
    """Return nodes and weights on [−1, 1], in arrays of mpmath numbers, by Newton's method on P_n."""
    with mpmath.workdps(dps + 5):
        nodes, weights = [], []
        for start in np.polynomial.legendre.leggauss(n)[0]:
            x, slope = mpmath.mpf(float(start)), mpmath.mpf(1)
            for _ in range(2 + int(math.log2(dps))):
                before, value = mpmath.mpf(1), x
                for k in range(2, n + 1):
                    before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
                slope = n * (x * value - before) / (x * x - 1)
                step = value / slope
                x -= step
                if abs(step) < mpmath.mpf(10) ** (-dps - 2):
                    break
            nodes.append(x)
            weights.append(2 / ((1 - x * x) * slope * slope))
        return np.array(nodes, dtype=object), np.array(weights, dtype=object)


def _expression(act: Activation) -> Scalar | None:
    """Return φ on mpmath numbers from the text the activation was made from, if there is one."""
    if act.expression is None:
        return None
    import sympy

    x = sympy.Symbol("x", real=True)
    parsed = sympy.sympify(act.expression, locals={"x": x, "t": x})
    parsed = parsed.subs({sympy.Symbol(k): sympy.Float(repr(v)) for k, v in act.params.items()})
    function: Scalar = sympy.lambdify(x, parsed, "mpmath")
    return function


def _unused(t: Any) -> Any:
    raise AssertionError("never called: phi_prime is given")
