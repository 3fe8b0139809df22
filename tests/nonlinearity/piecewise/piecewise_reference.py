"""E[φ(u)φ(v)] of piecewise exponential-polynomials in thirty digits, and the stored table of it.

``python tests/nonlinearity/piecewise/piecewise_reference.py`` rebuilds the table (some minutes).
The inner integral is closed in erfc, in 34 digits, so that no cancellation matters; the outer one is
mpmath's adaptive tanh-sinh rule between the edges and around the layer where the inner one turns.
"""

import itertools
import json
import sys
from pathlib import Path
from typing import NamedTuple

import mpmath as mp
import numpy as np

TABLE = Path(__file__).with_name("piecewise_reference.json")
DIGITS = 34
EPS = 2.0**-52

VARIANCES = [(1e-8, 1e-8), (1e-8, 3e-3), (0.02, 0.03), (0.3, 0.3), (1.0, 1.0), (2.0, 0.25), (40.0, 7.0)]
VARIANCES += [(1e4, 1.0), (1e4, 9e3), (1e6, 1e6)]
CORRELATIONS = [1.0, -1.0, 1 - 1e-12, -(1 - 1e-12), 0.9999, 0.0, -0.6, 0.35]


def triples():
    """(cov, var_u, var_v) as float64: every pair of variances with half of the correlations."""
    out = []
    for i, (p, q) in enumerate(VARIANCES):
        for rho in CORRELATIONS[i % 2 :: 2]:
            out.append((rho * float(np.sqrt(p * q)), p, q))
    return out


def _moment(term, low, high, mean, sigma):
    """E[c·vⁱ·e^{αv}; low < v < high], v ~ N(mean, σ²)."""
    rate = mp.mpf(term.rate)
    shifted = mean + rate * sigma**2
    scale = mp.mpf(term.coefficient) * mp.exp(rate * mean + rate**2 * sigma**2 / 2)
    a, b = (low - shifted) / sigma, (high - shifted) / sigma
    # ∫ zʲ n(z) dz over (a, b), from the tail that is farther from 0
    zero = (mp.erfc(a / mp.sqrt(2)) - mp.erfc(b / mp.sqrt(2))) / 2
    if b < 0:
        zero = (mp.erfc(-b / mp.sqrt(2)) - mp.erfc(-a / mp.sqrt(2))) / 2
    moments = [zero]
    for j in range(1, term.power + 1):
        ends = [e ** (j - 1) * mp.npdf(e) if mp.isfinite(e) else mp.mpf(0) for e in (a, b)]
        moments.append((j - 1) * (moments[j - 2] if j > 1 else 0) + ends[0] - ends[1])
    i = term.power
    return scale * sum(mp.binomial(i, j) * shifted ** (i - j) * sigma**j * moments[j] for j in range(i + 1))


def _at(piece, t):
    return sum((mp.mpf(s.coefficient) * t**s.power * mp.exp(mp.mpf(s.rate) * t) for s in piece), mp.mpf(0))


def _intervals(function):
    edges = [-mp.inf, *map(mp.mpf, function.edges), mp.inf]
    return list(zip(edges[:-1], edges[1:], function.pieces, strict=True))


def _smoothed(function, mean, sigma):
    if sigma == 0:
        values = [_at(f, mean) for low, high, f in _intervals(function) if low <= mean <= high]
        return sum(values) / len(values)
    return sum((_moment(t, *ends, mean, sigma) for *ends, f in _intervals(function) for t in f), mp.mpf(0))


def reference(function, cov, var_u, var_v):
    """Return E[φ(u)φ(v)] as an mpf; at zero variance and at pq − c² ≤ 16ε·pq by the library's conventions."""
    with mp.workdps(DIGITS):
        p, q, c = mp.mpf(max(var_u, var_v)), mp.mpf(min(var_u, var_v)), mp.mpf(cov)
        if q == 0:
            return _smoothed(function, mp.mpf(0), mp.mpf(0)) * _smoothed(function, mp.mpf(0), mp.sqrt(p))
        determinant = p * q - c * c
        if determinant <= 16 * EPS * p * q:
            determinant, rho = mp.mpf(0), mp.sign(c)
        else:
            rho = c / mp.sqrt(p * q)
        sine = mp.sqrt(determinant / (p * q))
        sigma = sine * mp.sqrt(q)
        reach = mp.mpf(14)
        zone = min((abs(b) for b in function.edges), default=0) / mp.sqrt(q)
        ends = [mp.mpf(e) for e in (-10, -8, -6, -4.5, -3, -2, -1, 0, 1, 2, 3, 4.5, 6, 8, 10)] + [
            mp.mpf(zone),
            -mp.mpf(zone),
        ]
        reach = min(max(reach, zone + 8), mp.mpf(60))
        for b in map(mp.mpf, function.edges):
            ends += [b / mp.sqrt(p) + f for f in (-1, -0.2, 0, 0.2, 1)]
            if rho:
                ends += [b / (mp.sqrt(q) * rho) + f * sine / rho for f in (-20, -8, -3, -1, 0, 1, 3, 8, 20)]
                ends += [b * rho / mp.sqrt(q) + f * sine for f in (-8, -2, 0, 2, 8)]
            for rate in {abs(t.rate) for f in function.pieces for t in f if t.rate}:
                ends += [b / mp.sqrt(p) + f / (rate * mp.sqrt(p)) for f in (-40, -10, -2, 2, 10, 40)]
                if rho:
                    widths = [f / (rate * mp.sqrt(q) * rho) for f in (-40, -10, -2, 2, 10, 40)]
                    ends += [b / (mp.sqrt(q) * rho) + w for w in widths]
        ends = sorted({e for e in ends if abs(e) < reach} | {-reach, reach})
        total = mp.mpf(0)
        for low, high in itertools.pairwise(ends):
            middle = mp.sqrt(p) * (low + high) / 2
            piece = next(f for a, b, f in _intervals(function) if a <= middle <= b)
            if piece and high - low > mp.mpf(10) ** -30:
                total += mp.quad(
                    lambda x, f=piece: (
                        _at(f, mp.sqrt(p) * x) * _smoothed(function, rho * mp.sqrt(q) * x, sigma) * mp.npdf(x)
                    ),
                    [low, high],
                    method="gauss-legendre",
                    maxdegree=4,
                )
        return total


def scale(function, var_u, var_v):
    """Return √(Eφ(u)²·Eφ(v)²) as an mpf."""
    product = mp.mpf(1)
    with mp.workdps(DIGITS):
        for variance in (var_u, var_v):
            second = mp.mpf(0)
            for low, high, piece in _intervals(function):
                for a in piece:
                    for b in piece:
                        both = type(a)(a.coefficient * b.coefficient, a.power + b.power, a.rate + b.rate)
                        second += _moment(both, low, high, mp.mpf(0), mp.sqrt(mp.mpf(variance)))
            product *= second
        return mp.sqrt(product)


def functions():
    """Return the functions of the table, by name."""
    from dualact.nonlinearity.piecewise import PiecewiseFunction, Term, poly
    from dualact.registry.exponential_linear import elu, selu
    from dualact.registry.hard import hard_sigmoid, hard_swish, hard_tanh, relu6
    from dualact.registry.prelu import prelu, squared_relu
    from dualact.registry.shrink import hardshrink, softshrink, threshold
    from dualact.registry.sparse import sparse_plus

    acts = [relu6, hard_tanh, hard_sigmoid, hard_swish, softshrink(), hardshrink(), threshold(0.5, 1.0)]
    acts += [prelu(), squared_relu, sparse_plus, elu(), selu]
    table = {act.name: act.phi for act in acts}
    table |= {f"{act.name}'": act.phi_prime for act in acts if not act.phi.jumps and act.name != "selu"}
    table["bumps"] = PiecewiseFunction(
        (-1.0, 0.5),
        ((Term(1.0, rate=2.0), Term(0.5, 1, 2.0)), poly(0.2, 0, 1), (Term(-1.0, rate=-0.5), Term(1.0))),
    )
    return table


class Rows(NamedTuple):
    """The stored values of one function: arrays over the triples."""

    function: object
    cov: np.ndarray
    var_u: np.ndarray
    var_v: np.ndarray
    value: np.ndarray
    scale: np.ndarray


def stored():
    """Return the table: name -> Rows."""
    known = functions()
    table = {}
    for name, rows in json.loads(TABLE.read_text()).items():
        triple = np.array([[float.fromhex(x) for x in row[:3]] for row in rows]).T
        result = np.array([[float(x) for x in row[3:]] for row in rows]).T
        table[name] = Rows(known[name], *triple, *result)
    return table


def build(names=()):
    """Compute and store the rows of these names (of all, if none is given)."""
    rows = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    for name, function in functions().items():
        if names and name not in names:
            continue
        rows[name] = []
        for triple in triples():
            value, size = reference(function, *triple), scale(function, *triple[1:])
            rows[name].append([*(x.hex() for x in triple), mp.nstr(value, 20), mp.nstr(size, 20)])
        print(name, flush=True)
        TABLE.write_text(
            "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in rows.items()) + "\n}\n"
        )


if __name__ == "__main__":
    build(sys.argv[1:])
