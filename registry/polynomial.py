"""Polynomials: φ(t) = Σ_j c_j t^j; identity, monomials and normalised Hermite polynomials are members.

Dual, with R_l(q) = Σ_i c_{2i+l} (2i+l)!/(2^i i! √l!)·q^i, so that the Hermite coefficients at
variance q are a_l(q) = q^{l/2} R_l(q):
    E[φφ]   = Σ_l R_l(p) R_l(q) c^l
    E[φ′φ′] = Σ_l l R_l(p) R_l(q) c^{l−1}
For h_n = He_n/√n! the multiplication theorem gives R_{n−2i}(q) = √(n!/(n−2i)!)/(2^i i!)·(q − 1)^i
without cancellation.
Hermite coefficients of t³ at unit variance, normalised probabilists', k = 0..5:
    0, 3, 0, 2.449490, 0, 0
Domain    degree to 100; all p, q ≥ 0, |c| ≤ √(pq), finite while E φ(u)² and E φ(v)² are in the range of
          float64.
Accuracy  1.3e-15 of √(Eφ(u)²·Eφ(v)²) for monomials to t^50 and Hermite polynomials to h_20, against 80
          digits; a polynomial whose terms cancel loses what they cancel.
Source    Isserlis 1918; Mehler's formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from dualact.nonlinearity.contract import Activation, Array, Phi
from dualact.nonlinearity.parameters import finite_sequence, whole

__all__ = ["hermite", "identity", "monomial", "polynomial"]

Rows = Callable[[Array], list[Array | None]]
_LARGEST = 100
_SOURCE = "Isserlis 1918; Mehler's formula"


def identity() -> Activation:
    """Return φ(t) = t."""
    return _member("identity", {}, _powers((0.0, 1.0)), _monomial_rows(1), "t", 1.0, "odd")


def monomial(power: int = 2) -> Activation:
    """Return φ(t) = t^power."""
    n = whole("monomial", "power", power, _LARGEST)
    pair = _powers((0.0,) * n + (1.0,))
    return _member("monomial", {"power": n}, pair, _monomial_rows(n), f"t^{n}", float(n), _parity(n))


def hermite(degree: int = 2) -> Activation:
    """Return φ(t) = He_degree(t)/√degree!, of unit norm at unit variance."""
    n = whole("hermite", "degree", degree, _LARGEST)

    def phi(t: Array) -> Array:
        return _hermite_value(n, t)

    def phi_prime(t: Array) -> Array:
        return math.sqrt(n) * _hermite_value(max(n - 1, 0), t)

    homogeneity = float(n) if n < 2 else None
    formula = f"He_{n}(t)/sqrt({n}!)"
    return _member(
        "hermite", {"degree": n}, (phi, phi_prime), _hermite_rows(n), formula, homogeneity, _parity(n)
    )


def polynomial(coef: Iterable[float] = (0.0, 1.0)) -> Activation:
    """Return φ(t) = Σ coef[j] t^j."""
    c = finite_sequence("polynomial", "coef", coef, _LARGEST + 1)
    present = [j for j, value in enumerate(c) if value]
    homogeneity = float(present[0]) if len(present) == 1 else None
    parities = {_parity(j) for j in present}
    parity = parities.pop() if len(parities) == 1 else None
    formula = " + ".join(f"{c[j]:g} t^{j}" for j in present) or "0"
    return _member("polynomial", {"coef": c}, _powers(c), _polynomial_rows(c), formula, homogeneity, parity)


def _member(
    name: str,
    params: dict[str, object],
    functions: tuple[Phi, Phi],
    rows: Rows,
    formula: str,
    homogeneity: float | None,
    parity: str | None,
) -> Activation:
    """Return the activation of value and slope ``functions`` whose coefficients ``rows`` computes."""

    def dual(cov: Array, var_u: Array, var_v: Array) -> Array:
        return _series(rows(var_u), rows(var_v), cov, 0)

    def dual_prime(cov: Array, var_u: Array, var_v: Array) -> Array:
        return _series(rows(var_u), rows(var_v), cov, 1)

    @np.errstate(over="ignore", under="ignore", invalid="ignore")
    def coefficients(variance: Array, degree: int) -> Array:
        q = np.asarray(variance, dtype=np.float64)
        result: Array = np.zeros((*q.shape, degree + 1))
        for l, row in enumerate(rows(q)[: degree + 1]):
            if row is not None:
                result[..., l] = np.where(row == 0.0, 0.0, q ** (l / 2) * row)
        return result

    return Activation(
        name,
        functions[0],
        dual,
        dual_prime,
        coefficients,
        functions[1],
        homogeneity=homogeneity,
        params=params,
        source=_SOURCE,
        formula=formula,
        parity=parity,
        accuracy=3e-15,
    )


def _parity(n: int) -> str:
    return "odd" if n % 2 else "even"


@np.errstate(over="ignore", under="ignore", invalid="ignore")
def _series(rows_u: list[Array | None], rows_v: list[Array | None], cov: Array, first: int) -> Array:
    """Return Σ_l R_l(p) R_l(q) c^l by Horner's rule in c (first = 0), or its derivative in c (first = 1)."""
    shape = np.broadcast_shapes(cov.shape, *(r.shape for r in rows_u + rows_v if r is not None))
    result: Array = np.zeros(shape)
    constant: Array = np.zeros(())
    for l in range(len(rows_u) - 1, first - 1, -1):
        result *= cov
        u, v = rows_u[l], rows_v[l]
        if u is not None and v is not None:
            term = (l * u) * v if first else u * v
            result += term
            if l == first:
                constant = term
    undefined = np.isnan(result)
    if undefined.any():
        # out of range: at c = 0 only the constant term is there (0·∞ = 0 in it); elsewhere ∞ − ∞ is left as ∞
        result[undefined] = np.inf
        undefined &= np.broadcast_to(cov == 0.0, shape)
        result[undefined] = np.broadcast_to(np.where(np.isnan(constant), 0.0, constant), shape)[undefined]
    return result


def _polynomial_rows(c: tuple[float, ...]) -> Rows:
    """Return q -> [R_0(q), …, R_n(q)]; None stands for a row that vanishes identically."""
    table: list[tuple[float, ...]] = []
    for l in range(len(c)):
        row = [
            c[m] * (math.factorial(m) // (2 ** ((m - l) // 2) * math.factorial((m - l) // 2)))
            for m in range(l, len(c), 2)
        ]
        table.append(tuple(value / math.sqrt(math.factorial(l)) for value in row))

    def rows(q: Array) -> list[Array | None]:
        return [_horner(row, q) if any(row) else None for row in table]

    return rows


def _monomial_rows(n: int) -> Rows:
    """Return q -> [R_0(q), …, R_n(q)] of t^n: each row is one power of q."""
    weights = [
        math.factorial(n) // (2**i * math.factorial(i)) / math.sqrt(math.factorial(n - 2 * i))
        for i in range(n // 2 + 1)
    ]
    return _power_rows(n, weights, 0.0)


def _hermite_rows(n: int) -> Rows:
    """Return q -> [R_0(q), …, R_n(q)] of h_n: each row is one power of q − 1."""
    weights = [
        math.sqrt(math.factorial(n) // math.factorial(n - 2 * i)) / (2**i * math.factorial(i))
        for i in range(n // 2 + 1)
    ]
    return _power_rows(n, weights, 1.0)


def _power_rows(n: int, weights: list[float], origin: float) -> Rows:
    def rows(q: Array) -> list[Array | None]:
        result: list[Array | None] = [None] * (n + 1)
        power: Array = np.ones_like(q)
        for i, weight in enumerate(weights):
            result[n - 2 * i] = weight * power
            with np.errstate(over="ignore", under="ignore"):
                power = power * (q - origin)
        return result

    return rows


def _powers(coefficients: tuple[float, ...]) -> tuple[Phi, Phi]:
    """Return Σ c_j t^j and its derivative as functions."""
    slope = tuple(j * c for j, c in enumerate(coefficients))[1:] or (0.0,)

    @np.errstate(over="ignore", under="ignore", invalid="ignore")
    def phi(t: Array) -> Array:
        return _horner(coefficients, t)

    @np.errstate(over="ignore", under="ignore", invalid="ignore")
    def phi_prime(t: Array) -> Array:
        return _horner(slope, t)

    return phi, phi_prime


def _horner(coefficients: tuple[float, ...], x: Array) -> Array:
    result: Array = np.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        result *= x
        if c:
            result += c
    return result


def _hermite_value(n: int, t: Array) -> Array:
    """Return h_n(t) by the three-term recurrence of the normalised polynomials."""
    previous: Array = np.zeros_like(t)
    current: Array = np.ones_like(t)
    for k in range(n):
        previous, current = current, (t * current - math.sqrt(k) * previous) / math.sqrt(k + 1)
    return current
