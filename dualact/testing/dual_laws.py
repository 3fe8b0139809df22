"""Laws of the dual activations E φ(u)φ(v) and E φ′(u)φ′(v)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DualactError
from ..nonlinearity.coefficients import hermite, hermite_prime
from ..nonlinearity.contract import Activation, Array
from ..nonlinearity.duals import dual, dual_prime
from .points import grid, integrals, primes, quietly, refuse, size, slope_size, tolerance, wild
from .verdicts import NotApplicable, agree, call, demand, literal

__all__ = [
    "cauchy_schwarz",
    "diagonal_is_the_second_moment",
    "duals_are_homogeneous_as_claimed",
    "duals_are_symmetric",
    "duals_broadcast",
    "duals_have_the_parity_claimed",
    "duals_stay_numbers_at_the_edges",
    "gram_matrices_are_positive",
    "price",
    "zero_variance",
]

Place = dict[str, Array]
_NODES = 12
# Pairs of variances, and entries, at which computed duals are looked at where each costs.
_FEW = 3


def price(act: Activation) -> None:
    """∂dual/∂cov = dual_prime: its integral over cov is the difference of the dual."""
    refuse(act)
    points = grid(act)
    pairs = list(dict.fromkeys(zip(points.var_u.tolist(), points.var_v.tolist(), strict=True)))
    if act.dual is None or act.dual_prime is None:
        pairs = pairs[:_FEW]
    edges = np.pi * np.array([0.5, 1 / 3, 0.0, 2 / 3, 1.0])
    ends = ((0, 1), (1, 2), (0, 3), (3, 4))
    settled = False
    for p, q in pairs:
        bound = float(np.sqrt(p * q))
        # c = √(pq) cos θ takes the square roots at ρ = ±1 away
        theta, weight = zip(*(_angles(edges[i], edges[j]) for i, j in ends), strict=True)
        cos, sin = np.cos(np.concatenate(theta)), np.sin(np.concatenate(theta))
        slope = quietly(dual_prime, act, bound * cos, p, q) * bound * sin
        parts = [w * part for w, part in zip(weight, np.split(slope, len(ends)), strict=True)]
        covs = bound * np.round(np.cos(edges), 15)
        values = quietly(dual, act, covs, p, q)
        unit = np.array([p, q])
        scale = np.prod(size(act, unit)) + bound * np.prod(slope_size(act, unit))
        allowed = tolerance(act) * scale + 1e-300
        for (i, j), part in zip(ends, parts, strict=True):
            coarse, fine = part[: 2 * _NODES].sum(), part[2 * _NODES :].sum()
            if abs(coarse - fine) > 0.1 * allowed:
                continue
            settled = True
            agree(
                -fine,
                values[j] - values[i],
                allowed,
                f"the integral of dual_prime over cov from {covs[i]:.6g} to {covs[j]:.6g}, against the "
                "difference of dual,",
                call(act, "dual_prime", float((covs[i] + covs[j]) / 2), p, q),
                {"var_u": p, "var_v": q},
            )
    if not settled:
        raise NotApplicable("the integral of dual_prime over cov does not settle at any variance tried")


def duals_are_symmetric(act: Activation) -> None:
    """dual(c, p, q) = dual(c, q, p), and so for dual_prime."""
    points = grid(act)
    for function, values, scale in _both(act):
        swapped = quietly(function, act, points.cov, points.var_v, points.var_u)
        line = _at(act, function)
        what = f"{function.__name__} with the variances swapped"
        agree(swapped, values, 1e-3 * tolerance(act) * scale + 1e-300, what, line, _place(act))


def cauchy_schwarz(act: Activation) -> None:
    """|dual(c, p, q)|² ≤ dual(p, p, p)·dual(q, q, q), and so for dual_prime."""
    for function, values, scale in _both(act):
        what = f"the size of {function.__name__}, at most the root of both ends of the diagonal,"
        allowed = tolerance(act) * scale + 1e-300
        agree(np.maximum(np.abs(values), scale), scale, allowed, what, _at(act, function), _place(act))


def diagonal_is_the_second_moment(act: Activation) -> None:
    """dual(q, q, q) = E φ(√q z)², by plain quadrature of φ."""
    found = integrals(act)
    q = np.array(list(found))
    want = np.array([square for _, square in found.values()])
    got = quietly(dual, act, q, q, q)
    line = call(act, "dual", 0, 1, 2).replace("0, 1, 2", "{variance!r}, {variance!r}, {variance!r}")
    allowed = tolerance(act) * want + 1e-300
    agree(got, want, allowed, "dual on the diagonal against quadrature of phi^2", line, {"variance": q})


def gram_matrices_are_positive(act: Activation) -> None:
    """Matrices of dual and dual_prime over points of the plane and of space are positive semi-definite."""
    variances = np.unique(grid(act).var_u)
    few = variances[(variances >= 0.1) & (variances <= 10.0)][:3]
    few = few if few.size else variances[:1]
    rng = np.random.default_rng(0)
    unit = rng.standard_normal((12, 3))
    unit[1], unit[2], unit[3], unit[4] = unit[0], -unit[0], unit[0] + 1e-7 * unit[5], 0.0
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-300)
    norm = np.sqrt(few[np.arange(12) % few.size])
    rows = unit * norm[:, None]
    squares = np.square(rows).sum(axis=1)
    # equal norms to the last bit, so that the engines see few variances
    squares = np.where(squares > 0, few[np.abs(np.subtract.outer(squares, few)).argmin(axis=1)], 0.0)
    bound = np.sqrt(np.outer(squares, squares))
    cov = np.clip(rows @ rows.T, -bound, bound)
    np.fill_diagonal(cov, squares)
    for function, _, _ in _both(act):
        matrix = quietly(function, act, cov, squares[:, None], squares[None, :])
        least = float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[0])
        trace = float(np.trace(matrix))
        # a kinked derivative carries √ε of the covariances' own rounding at |ρ| = 1
        allowed = (tolerance(act) + (1e-7 if function is dual_prime else 0.0)) * trace
        demand(
            least >= -allowed,
            f"the matrix of {function.__name__} over 12 points (duplicates, antipodes and the origin among "
            f"them) has the eigenvalue {least:.6g} (trace {trace:.6g}), expected at least {-allowed:.2g}",
            f"import dualact as da; print(da.testing.check_activation({literal(act)}, "
            "laws=['gram_matrices_are_positive']))",
        )


def duals_are_homogeneous_as_claimed(act: Activation) -> None:
    """dual(stc, s²p, t²q) = (st)^h dual(c, p, q); dual_prime has h − 1."""
    if act.homogeneity is None:
        raise NotApplicable("no homogeneity is claimed")
    points = grid(act)
    s, t = 0.5, 4.0
    for function, values, scale in _both(act):
        power = act.homogeneity - (1.0 if function is dual_prime else 0.0)
        factor = (s * t) ** power
        got = quietly(function, act, s * t * points.cov, s * s * points.var_u, t * t * points.var_v)
        allowed = factor * scale * tolerance(act) + 1e-300
        what = f"{function.__name__}({s * t} c, {s * s} p, {t * t} q) for homogeneity {act.homogeneity:g}"
        agree(got, factor * values, allowed, what, _at(act, function), _place(act))


def duals_have_the_parity_claimed(act: Activation) -> None:
    """dual(−c) = ±dual(c) for even and odd φ; dual_prime has the other sign."""
    if act.parity is None:
        raise NotApplicable("no parity is claimed")
    points = grid(act)
    for function, values, scale in _both(act):
        sign = 1.0 if (act.parity == "even") == (function is dual) else -1.0
        got = quietly(function, act, -points.cov, points.var_u, points.var_v)
        what = f"{function.__name__}(-c), for {act.parity} phi,"
        agree(got, sign * values, tolerance(act) * scale + 1e-300, what, _at(act, function), _place(act))


def zero_variance(act: Activation) -> None:
    """Without variance φ is φ(0): dual(0, 0, q) = φ(0)·E φ(√q z), and dual_prime likewise of φ′."""
    points = grid(act)
    q = np.unique(points.var_u)
    zero = hermite(act, 0.0, 0)[0]
    mean = hermite(act, q, 0)[:, 0]
    line = call(act, "dual", 0.0, 0.0, 1.0).replace("1.0", "{variance!r}")
    allowed = tolerance(act) * abs(zero) * size(act, q) + 1e-290
    for got in (quietly(dual, act, 0.0, 0.0, q), quietly(dual, act, 0.0, q, 0.0)):
        agree(got, zero * mean, allowed, "dual(0, 0, q) against phi(0)·E phi", line, {"variance": q})
    both = quietly(dual, act, 0.0, 0.0, 0.0)
    line = call(act, "dual", 0.0, 0.0, 0.0)
    agree(both, zero * zero, tolerance(act) * zero * zero + 1e-290, "dual(0, 0, 0) against phi(0)^2", line)
    if not act.jumps:
        for arguments in ((0.0, 0.0, 0.0), (0.0, 0.0, 1e-3), (0.0, 1e-3, 0.0)):
            value = quietly(dual_prime, act, *arguments)
            demand(
                bool(np.isfinite(value)),
                f"dual_prime{arguments} is {value}",
                call(act, "dual_prime", *arguments),
            )
    if act.jumps or act.phi is None:
        return
    slope, slopes = hermite_prime(act, 0.0, 0)[0], hermite_prime(act, q, 0)[:, 0]
    line = call(act, "dual_prime", 0.0, 0.0, 1.0).replace("1.0", "{variance!r}")
    got = quietly(dual_prime, act, 0.0, 0.0, q)
    # A slope that has to be taken from the values of φ is good for 1e-12 of φ.
    allowed = 10 * tolerance(act) * (abs(slope) + 1e-3) * (slope_size(act, q) + size(act, q)) + 1e-290
    what = "dual_prime(0, 0, q) against phi'(0)·E phi' (the mean of both slopes at a kink)"
    agree(got, slope * slopes, allowed, what, line, {"variance": q})


def duals_broadcast(act: Activation) -> None:
    """Arrays of any shapes broadcast: one entry's value does not depend on its company, nor inputs change."""
    scale = 0.5 if act.variance_limit > 4.0 else act.variance_limit / 8.0
    p, q = np.array([[1.0], [2.0], [0.5]]) * scale, np.array([[1.5, 1.0]]) * scale
    c = 0.4 * np.sqrt(p * q)
    c[0, 1] = -c[0, 1]
    for function, _, _ in _both(act):
        closed = getattr(act, function.__name__)
        run = closed or (lambda *a, f=function: quietly(f, act, *a))
        name = function.__name__
        line = call(act, name, c.tolist(), p.tolist(), q.tolist())
        kept = [x.copy() for x in (c, p, q)]
        for x in (c, p, q):
            x.setflags(write=False)
        whole = np.asarray(run(c, p, q))
        demand(
            whole.shape == (3, 2), f"{name} of shapes (3, 2), (3, 1), (1, 2) has shape {whole.shape}", line
        )
        demand(whole.dtype == np.float64, f"{name} of float64 gives {whole.dtype}", line)
        demand(
            all(np.array_equal(a, b) for a, b in zip(kept, (c, p, q), strict=True)),
            f"{name} changes its input",
            line,
        )
        bound = np.abs(whole).max()
        for i, j in list(itertools.product(range(3), range(2)))[: None if closed else _FEW]:
            alone = np.asarray(run(np.array(c[i, j]), np.array(p[i, 0]), np.array(q[0, j])))
            demand(alone.shape == (), f"{name} of three numbers has shape {alone.shape}", line)
            agree(
                alone,
                whole[i, j],
                1e-10 * bound,
                f"{name} of an entry alone, against the same in a matrix",
                line,
            )
        flipped = np.asarray(run(np.asfortranarray(c), p, q))
        agree(flipped, whole, 1e-14 * bound, f"{name} of an array in Fortran order", line)
        empty = np.asarray(run(c[:0], p[:0], q))
        demand(
            empty.shape == (0, 2), f"{name} of shapes (0, 2), (0, 1), (1, 2) has shape {empty.shape}", line
        )
        scalar = np.asarray(run(np.zeros((3, 2)), p, np.array(scale)))
        demand(scalar.shape == (3, 2), f"{name} of shapes (3, 2), (3, 1), () has shape {scalar.shape}", line)


def duals_stay_numbers_at_the_edges(act: Activation) -> None:
    """No NaN at ρ = ±1, next to it and at 0, for variances zero, tiny and huge (within the limit)."""
    top = min(0.999 * act.variance_limit, 0.5)
    closed = act.dual is not None and (act.dual_prime is not None or bool(act.jumps))
    several = [0.0, 5e-324, 1e-300, 1e-12, 0.5, 1e4, 1e150] if closed else [0.0, 1e-12, 0.5, 1e4]
    if not closed:
        several = [v for v in several if not wild(act, v)]
    variances = list(dict.fromkeys(v if v < act.variance_limit else top for v in several))
    pairs = [(v, w) for v in variances for w in variances if closed or w in (0.0, v, top)]
    if not pairs:
        raise NotApplicable("the dual can be had at none of the variances tried")
    rho = np.repeat([0.0, 1.0, -1.0, 1 - 1e-16, -(1 - 1e-16)], len(pairs))
    p, q = np.tile(np.array(pairs).T, 5)
    bound = np.sqrt(p) * np.sqrt(q)
    cov = np.clip(rho * bound, -bound, bound)
    for function, _, _ in _both(act):
        refused = np.zeros(p.shape, dtype=bool)
        value = np.zeros(p.shape)
        if getattr(act, function.__name__) is not None:
            value = quietly(function, act, cov, p, q)
        else:
            # computed: refusing a variance is legitimate, and is one error for the whole call
            for v, w in pairs:
                rows = (p == v) & (q == w)
                try:
                    value[rows] = quietly(function, act, cov[rows], p[rows], q[rows])
                except DualactError:
                    refused |= rows
        bad = np.flatnonzero(np.isnan(value) & ~refused)
        if bad.size:
            i = bad[0]
            arguments = (float(cov[i]), float(p[i]), float(q[i]))
            demand(
                False,
                f"{function.__name__}{arguments} is NaN ({bad.size} of {p.size} points)",
                call(act, function.__name__, *arguments),
            )


def _both(act: Activation) -> list[tuple[Callable[..., Any], Array, Array]]:
    """Return (function, values on the grid, their scale) of dual, and of dual_prime if there is one."""
    points = grid(act)
    found: list[tuple[Callable[..., Any], Array, Array]] = [
        (dual, points.dual, size(act, points.var_u) * size(act, points.var_v))
    ]
    if not act.jumps:
        scale = slope_size(act, points.var_u) * slope_size(act, points.var_v)
        found.append((dual_prime, primes(act), scale))
    return found


def _place(act: Activation) -> Place:
    points = grid(act)
    return {"cov": points.cov, "var_u": points.var_u, "var_v": points.var_v}


def _at(act: Activation, function: Callable[..., Any]) -> str:
    return call(act, function.__name__, 0, 1, 2).replace("0, 1, 2", "{cov!r}, {var_u!r}, {var_v!r}")


def _angles(a: float, b: float) -> tuple[Array, Array]:
    """Return the nodes and weights on [a, b] of two Gauss–Legendre rules, of 2 and 3 panels."""
    nodes, weights = [], []
    x, w = np.polynomial.legendre.leggauss(_NODES)
    for pieces in (2, 3):
        cuts = np.linspace(a, b, pieces + 1)
        half = np.diff(cuts)[:, None] / 2
        nodes.append((cuts[:-1, None] + half * (1 + x)).ravel())
        weights.append((half * w).ravel())
    return np.concatenate(nodes), np.concatenate(weights)
