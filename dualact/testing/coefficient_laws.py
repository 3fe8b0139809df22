"""Laws of the Hermite coefficients a_k(q) = E[φ(√q z) h_k(z)]."""

from __future__ import annotations

import numpy as np

from ..nonlinearity.coefficients import hermite
from ..nonlinearity.contract import Activation, Array
from ..nonlinearity.duals import dual
from .points import DEGREE, grid, integrals, size, tolerance
from .verdicts import NotApplicable, agree, call, demand

__all__ = [
    "hermite_is_the_integral_of_phi",
    "hermite_knows_parity",
    "hermite_starts_at_phi_of_zero",
    "mehler_sums_to_the_dual",
    "parseval_bounds_the_squares",
    "shapes_of_hermite",
]


def hermite_is_the_integral_of_phi(act: Activation) -> None:
    """a_k(q) is ∫ φ(√q z) h_k(z) over the normal density, h_k normalised probabilists', at every variance."""
    found = integrals(act)
    k = np.arange(DEGREE + 1)
    for q, (want, square) in found.items():
        got = hermite(act, q, DEGREE)
        line = call(act, "hermite", q, DEGREE)
        allowed = tolerance(act) * np.sqrt(square) + 1e-300
        agree(got, want, allowed, f"hermite at variance {q:g} against quadrature of phi", line, {"degree": k})


def parseval_bounds_the_squares(act: Activation) -> None:
    """Σ_{k ≤ N} a_k² ≤ E φ², and what is missing shrinks to nothing as N grows."""
    variances = _moderate(act)
    total = np.square(size(act, variances))
    for q, whole in zip(variances.tolist(), total.tolist(), strict=True):
        squares = np.square(hermite(act, q, 1024))
        left = whole - np.cumsum(squares)[[64, 256, 1024]]
        line = (
            call(act, "hermite", q, 1024).replace("print(", "print((").removesuffix(")")
            + f"**2).sum(), {whole!r})"
        )
        noise = tolerance(act) * whole + 1e-300
        demand(
            bool(left.min() >= -noise),
            f"the squares of hermite at variance {q:g} add up to more than E phi^2 = {whole:.17g}, "
            f"by {-left.min():.3g}",
            line,
        )
        # A jump leaves N^(-1/2), a kink N^(-3/2): four times the degree leaves at most half, with room.
        demand(
            bool(left[2] <= 0.6 * max(left[1], left[0] * 0.6) + noise),
            f"the squares of hermite at variance {q:g} do not add up to E phi^2 = {whole:.17g}: "
            f"beyond degree 64, 256, 1024 there are {', '.join(f'{x:.3g}' for x in left)} left",
            line,
        )


def mehler_sums_to_the_dual(act: Activation) -> None:
    """Σ_k a_k(p) a_k(q) ρ^k is the dual, up to |ρ|^{N+1} times the root of both tails."""
    points = grid(act)
    variances, place = np.unique(np.stack([points.var_u, points.var_v]), return_inverse=True)
    a = hermite(act, variances, 128)
    whole = np.square(size(act, variances))
    # what is left over is known to rounding only, and enters by its root
    tail = np.maximum(whole - np.square(a).sum(-1), 0.0) + max(act.accuracy or 0.0, 1e-15) * whole
    left, right = place.reshape(2, -1)
    powers = points.rho[:, None] ** np.arange(129)
    series = (a[left] * a[right] * powers).sum(-1)
    scale = size(act, points.var_u) * size(act, points.var_v)
    cut = np.abs(points.rho) ** 129 * np.sqrt(tail[left] * tail[right])
    line = call(act, "dual", 0, 1, 2).replace("0, 1, 2", "{cov!r}, {var_u!r}, {var_v!r}")
    agree(
        points.dual,
        series,
        cut * (1 + 1e-9) + tolerance(act) * scale + 1e-300,
        "dual against the sum of a_k(var_u) a_k(var_v) rho^k to degree 128",
        line,
        {"cov": points.cov, "var_u": points.var_u, "var_v": points.var_v},
    )


def hermite_knows_parity(act: Activation) -> None:
    """An even φ has no odd coefficients, an odd one no even ones."""
    if act.parity is None:
        raise NotApplicable("no parity is claimed")
    first = 1 if act.parity == "even" else 0
    variances = np.unique(grid(act).var_u)
    a = hermite(act, variances, DEGREE)[:, first::2]
    allowed = tolerance(act) * size(act, variances)[:, None] + 1e-300
    k = np.arange(first, DEGREE + 1, 2)
    line = call(act, "hermite", 1.0, DEGREE).replace("1.0", "{variance!r}")
    where = {"variance": np.broadcast_to(variances[:, None], a.shape), "degree": np.broadcast_to(k, a.shape)}
    agree(a, 0.0, allowed, f"hermite of an {act.parity} phi", line, where)


def hermite_starts_at_phi_of_zero(act: Activation) -> None:
    """At zero variance a_0 = φ(0), the mean of its limits at a jump, and every other coefficient is 0."""
    got = hermite(act, 0.0, 8)
    want = np.zeros(9)
    if act.phi is not None:
        beside = act.phi(np.array([-1e-150, 1e-150])).mean()
        want[0] = beside if 0.0 in act.breakpoints else act.phi(np.zeros(1))[0]
    else:
        want[0] = np.sign(got[0]) * np.sqrt(dual(act, 0.0, 0.0, 0.0))
    line = call(act, "hermite", 0.0, 8)
    allowed = tolerance(act) * abs(want[0]) + 1e-100
    agree(got, want, allowed, "hermite at variance 0", line, {"degree": np.arange(9)})


def shapes_of_hermite(act: Activation) -> None:
    """hermite(variance, degree) has shape variance.shape + (degree + 1,), and leaves variance alone."""
    if act.hermite is None:
        raise NotApplicable("no hermite is given; it is computed")
    scale = 0.25 if act.variance_limit > 0.25 else act.variance_limit / 2
    for shape in ((), (1,), (0,), (2, 3)):
        for degree in (0, 1, 7):
            q = np.full(shape, scale)
            q.setflags(write=False)
            got = act.hermite(q, degree)
            line = call(act, "hermite", scale, degree)
            want = (*shape, degree + 1)
            demand(
                np.shape(got) == want,
                f"hermite of variances of shape {shape} to degree {degree} has shape {np.shape(got)}, "
                f"not {want}",
                line,
            )
            demand(
                np.asarray(got).dtype == np.float64,
                f"hermite gives {np.asarray(got).dtype}, not float64",
                line,
            )


def _moderate(act: Activation) -> Array:
    """Return the grid's variances at which 1024 coefficients are to hold most of φ."""
    variances = np.unique(grid(act).var_u)
    variances = variances[(variances >= 0.2) & (variances <= 10.0)]
    if not variances.size:
        raise NotApplicable("the dual can be had at none of the variances from 0.2 to 10")
    return variances
