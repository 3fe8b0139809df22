"""The duals as the papers print them, evaluated with mpmath: unstable in float64, exact in 80 digits.

Independent of dualact: none of the rearrangements that keep float64 accurate is used here.
"""

import math

import mpmath as mp
import numpy as np

DIGITS = 80

VARIANCES = (1e-8, 1e-4, 0.3, 1.0, 7.3, 100.0, 9.95e3, 1e4)
CORRELATIONS = (-1.0, -1 + 1e-12, -0.9, -0.3, -1e-6, 0.0, 1e-6, 0.3, 0.9, 0.999, 1 - 1e-12, 1.0)


def _angle(c, p, q):
    return mp.acos(max(-1, min(1, c / mp.sqrt(p * q))))


def _det(c, p, q):
    return max(p * q - c * c, mp.mpf(0))


@mp.workdps(DIGITS)
def ab_relu(a, b):
    f = (mp.mpf(a) - b) ** 2 / (2 * mp.pi)

    def prime(c, p, q):
        return (mp.mpf(a) ** 2 + mp.mpf(b) ** 2) / 2 - f * _angle(c, p, q)

    return lambda c, p, q: f * mp.sqrt(_det(c, p, q)) + c * prime(c, p, q), prime


def sign():
    return lambda c, p, q: 1 - 2 * _angle(c, p, q) / mp.pi, None


def step():
    return lambda c, p, q: (1 - _angle(c, p, q) / mp.pi) / 2, None


def rectified_power(n):
    """By the recurrence of the moments E[u₊^m v₊^n] at unit variances (Stein's identity)."""

    def unit(m, k, rho, table):
        if (m, k) not in table:
            if m == 0 and k == 0:
                value = mp.mpf(1) / 4 + mp.asin(rho) / (2 * mp.pi)
            elif m == 0:
                value = unit(k, 0, rho, table)
            else:
                first = edge(k, rho) if m == 1 else (m - 1) * unit(m - 2, k, rho, table)
                second = edge(m - 1, rho) if k == 0 else k * unit(m - 1, k - 1, rho, table)
                value = first + rho * second
            table[m, k] = value
        return table[m, k]

    def edge(k, rho):
        s = mp.sqrt(1 - rho * rho)
        half = mp.mpf(1) / 2 if k == 0 else mp.mpf(2) ** (mp.mpf(k) / 2 - 1) * mp.gamma((k + mp.mpf(1)) / 2)
        moment = half if k == 0 else half / mp.sqrt(mp.pi)
        return s**k * moment / mp.sqrt(2 * mp.pi)

    def dual(order):
        def value(c, p, q):
            rho = max(mp.mpf(-1), min(mp.mpf(1), c / mp.sqrt(p * q)))
            return mp.sqrt(p * q) ** order * unit(order, order, rho, {})

        return value

    if n == 0:
        return step()
    lower = dual(n - 1)
    return dual(n), lambda c, p, q: n * n * lower(c, p, q)


def erf():
    def root(c, p, q):
        return mp.sqrt((1 + 2 * p) * (1 + 2 * q) - 4 * c * c)

    return (
        lambda c, p, q: 2 / mp.pi * mp.asin(2 * c / mp.sqrt((1 + 2 * p) * (1 + 2 * q))),
        lambda c, p, q: 4 / (mp.pi * root(c, p, q)),
    )


@mp.workdps(DIGITS)
def sigmoid_erf(scale):
    k, prime = erf()
    s = mp.mpf(scale) ** 2
    return (
        lambda c, p, q: (1 + k(c / s, p / s, q / s)) / 4,
        lambda c, p, q: prime(c / s, p / s, q / s) / (4 * s),
    )


def gelu():
    def dual(c, p, q):
        d = mp.sqrt((1 + p) * (1 + q) - c * c)
        rest = (c * c + p * q * d * d) / ((1 + p) * (1 + q) * d) + c * mp.atan2(c, d)
        return rest / (2 * mp.pi) + c / 4

    def prime(c, p, q):
        d = mp.sqrt((1 + p) * (1 + q) - c * c)
        bracket = 1 / d**2 + (1 - p * q) / ((1 + p) * (1 + q)) + 1
        return mp.mpf(1) / 4 + mp.atan2(c, d) / (2 * mp.pi) + c / (2 * mp.pi * d) * bracket

    return dual, prime


@mp.workdps(DIGITS)
def sin(a, b, f):
    a, b = mp.mpf(a), mp.mpf(b)
    cosine = mp.cos(2 * mp.mpf(f))

    def waves(c, p, q):
        return mp.exp(b * b * (c - (p + q) / 2)), mp.exp(b * b * (-c - (p + q) / 2))

    def dual(c, p, q):
        plus, minus = waves(c, p, q)
        return a * a / 2 * (plus - minus * cosine)

    def prime(c, p, q):
        plus, minus = waves(c, p, q)
        return a * a * b * b / 2 * (plus + minus * cosine)

    return dual, prime


@mp.workdps(DIGITS)
def cos(a, b, f):
    return sin(a, b, mp.mpf(f) + mp.pi / 2)


def rbf(gamma):
    k = lambda c, p, q: mp.exp(mp.mpf(gamma) * (2 * c - p - q))  # noqa: E731
    return k, lambda c, p, q: 2 * mp.mpf(gamma) * k(c, p, q)


def exp(a, b):
    k = lambda c, p, q: mp.mpf(a) ** 2 * mp.exp(mp.mpf(b) ** 2 * ((p + q) / 2 + c))  # noqa: E731
    return k, lambda c, p, q: mp.mpf(b) ** 2 * k(c, p, q)


@mp.workdps(DIGITS)
def gaussian(a, b):
    a, b = mp.mpf(a), mp.mpf(b)

    def d(c, p, q):
        return (1 - 2 * b * p) * (1 - 2 * b * q) - 4 * b * b * c * c

    return (
        lambda c, p, q: a * a / mp.sqrt(d(c, p, q)),
        lambda c, p, q: 4 * a * a * b * b * c * d(c, p, q) ** mp.mpf(-1.5),
    )


def gabor():
    def parts(c, p, q):
        s, delta = p + q, 4 * _det(c, p, q)
        d = 2 * s + delta + 1
        return s, delta, d, mp.exp(-(s + delta + 2 * c) / (2 * d)), mp.exp(2 * c / d)

    def dual(c, p, q):
        _, _, d, envelope, grow = parts(c, p, q)
        return envelope * (grow - 1) / (2 * mp.sqrt(d))

    def prime(c, p, q):
        s, delta, d, envelope, grow = parts(c, p, q)
        h, tau = 1 + 2 * s + 4 * (c * c + p * q), 4 * c * (delta + 3 * s + 2)
        return envelope * ((h - tau) + grow * (h + tau)) / (2 * d ** mp.mpf(2.5))

    return dual, prime


def normalized_gaussian(gamma):
    def decay(c, p, q):
        return mp.exp(mp.mpf(gamma) * (max(-1, min(1, c / mp.sqrt(p * q))) - 1))

    return lambda c, p, q: mp.sqrt(p * q) * decay(c, p, q), lambda c, p, q: gamma * decay(c, p, q)


@mp.workdps(DIGITS)
def snake(a):
    a = mp.mpf(a)
    cosines, _ = cos(1, 2 * a, 0)

    def dual(c, p, q):
        means = 1 - mp.exp(-2 * a * a * p) - mp.exp(-2 * a * a * q)
        return c + (means + cosines(c, p, q)) / (4 * a * a)

    sines, _ = sin(1, 2 * a, 0)
    return dual, lambda c, p, q: 1 + sines(c, p, q)


def polynomial(coefficients):
    """By Isserlis: E u^i v^j = Σ_l i! j! c^l p^{(i−l)/2} q^{(j−l)/2}/(l! ((i−l)/2)! ((j−l)/2)! 2^{…})."""

    def moment(i, j, c, p, q):
        total = mp.mpf(0)
        for l in range(i % 2, min(i, j) + 1, 2):
            m, n = (i - l) // 2, (j - l) // 2
            weight = mp.factorial(i) * mp.factorial(j) / (mp.factorial(l) * mp.factorial(m) * mp.factorial(n))
            total += weight * c**l * p**m * q**n / mp.mpf(2) ** (m + n)
        return total

    def dual(coef):
        def value(c, p, q):
            return mp.fsum(
                x * y * moment(i, j, c, p, q)
                for i, x in enumerate(coef)
                for j, y in enumerate(coef)
                if x and y and (i - j) % 2 == 0
            )

        return value

    slope = [j * c for j, c in enumerate(coefficients)][1:] or [mp.mpf(0)]
    return dual(coefficients), dual(slope)


@mp.workdps(DIGITS)
def hermite_terms(n):
    """Return the coefficients of He_n(t)/√n!, ascending."""
    coefficients = [mp.mpf(0)] * (n + 1)
    for i in range(n // 2 + 1):
        coefficients[n - 2 * i] = (
            (-1) ** i
            * mp.sqrt(mp.factorial(n))
            / (mp.factorial(i) * mp.factorial(n - 2 * i) * mp.mpf(2) ** i)
        )
    return coefficients


def hermite(n):
    return polynomial(hermite_terms(n))


def worst_error(act, formulas, variances=VARIANCES):
    """Return the worst errors of dual and dual_prime, relative to √(K(u,u)·K(v,v)).

    Pairs of a kinked φ that count as collinear by convention (pq − c² ≤ 16ε·pq) are compared with ρ = ±1.
    """
    p, q, rho = (a.ravel() for a in np.meshgrid(variances, variances, CORRELATIONS, indexing="ij"))
    root = np.sqrt(p * q)
    cov = np.clip(rho * root, -root, root)
    worst = []
    with mp.workdps(DIGITS):
        for mine, formula in zip((act.dual, act.dual_prime), formulas, strict=True):
            if formula is None:
                assert mine is None
                continue
            got = mine(cov, p, q)
            assert got.shape == cov.shape
            sizes = {float(v): mp.sqrt(formula(*[mp.mpf(float(v))] * 3)) for v in variances}
            errors = []
            for g, *point in zip(got, cov, p, q, strict=True):
                c, x, y = (mp.mpf(float(v)) for v in point)
                limit = mp.sqrt(x * y)
                if abs(c) > limit or (act.breakpoints and limit**2 - c * c <= 16 * 2.0**-52 * limit**2):
                    c = limit * mp.sign(c)
                error = abs(mp.mpf(float(g)) - formula(c, x, y))
                errors.append(float(error / (sizes[float(x)] * sizes[float(y)] or 1)))
                assert math.isfinite(errors[-1])
            worst.append(max(errors))
    return worst
