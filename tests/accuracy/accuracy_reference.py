"""References for docs/accuracy.md, to 17 digits: made once, stored as data.

    python tests/accuracy/accuracy_reference.py            # all; some twenty minutes
    python tests/accuracy/accuracy_reference.py tanh elu   # these alone

Where the papers print a formula, it is evaluated with 60 digits (tests/textbook.py); sinc by its Fourier
integral with 30 digits; the others by quadrature in long double (extended_quadrature.py). Tests hold the
quadrature, and the formulas, against mpmath's.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import accuracy_cases as cases
import extended_quadrature as quadrature
import mpmath as mp
import numpy as np
from accuracy_cases import CASES, DEGREE, FOLDER, Case, Grid
from extended_functions import EXTENDED, Extended, extended
from extended_quadrature import long
from mpmath import mpf

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import textbook

DIGITS = 60

Scalar = Callable[[mpf], mpf]


# ------------------------------------------------------------------------- textbook formulas
def formulas(case: Case):
    """Return (dual, dual_prime or None) of (cov, var_u, var_v), on mpmath numbers."""
    params = dict(case.params)
    make = {
        "abs": lambda: textbook.ab_relu(-1, 1),
        "ab_relu": lambda negative_slope=0.0, positive_slope=1.0: textbook.ab_relu(
            negative_slope, positive_slope
        ),
        "cos": lambda: textbook.cos(1, 1, 0),
        "erf": textbook.erf,
        "exp": lambda amplitude=1.0, rate=1.0: textbook.exp(amplitude, rate),
        "gabor": textbook.gabor,
        "gaussian": lambda amplitude=1.0, rate=-0.5: textbook.gaussian(amplitude, rate),
        "gelu": textbook.gelu,
        "hermite": lambda degree=2: textbook.hermite(degree),
        "identity": lambda: textbook.polynomial([0, 1]),
        "leaky_relu": lambda slope=0.01: textbook.ab_relu(slope, 1),
        "monomial": lambda power=2: textbook.polynomial([0] * power + [1]),
        "normalized_gaussian": lambda gamma=1.0: textbook.normalized_gaussian(gamma),
        "polynomial": lambda coef=(0, 1): textbook.polynomial(list(coef)),
        "prelu": lambda slope=0.25: textbook.ab_relu(slope, 1),
        "rbf": lambda gamma=1.0: textbook.rbf(gamma),
        "rectified_power": lambda power=2: textbook.rectified_power(power),
        "relu": lambda: textbook.ab_relu(0, 1),
        "rrelu": lambda: textbook.ab_relu(11 / 48, 1),
        "sigmoid_erf": lambda scale=2.4020563531719796: textbook.sigmoid_erf(scale),
        "sign": textbook.sign,
        "sin": lambda amplitude=1.0, frequency=1.0, phase=0.0: textbook.sin(amplitude, frequency, phase),
        "snake": lambda a=1.0: textbook.snake(a),
        "squared_relu": lambda: textbook.rectified_power(2),
        "step": textbook.step,
    }
    return make[case.name](**params)


def from_formula(case: Case, at: Grid):
    """Return the reference of a case with a textbook formula."""
    found = {}
    with mp.workdps(DIGITS):
        for key, formula in zip(("dual", "dual_prime"), formulas(case), strict=True):
            scale = key.replace("dual", "scale")
            if formula is None:
                found[key] = found[scale] = None
                continue
            size = {q: mp.sqrt(abs(formula(*[mpf(q)] * 3))) for q in {*at.var_u, *at.var_v, *at.variance}}
            found[key] = [formula(*_exact(case, *t)) for t in at.triples]
            found[scale] = [size[p] * size[q] for _, p, q in at.triples]
            if key == "dual":
                found["norm"] = [size[q] for q in at.variance]
        found["coefficients"] = [coefficients(case, q) for q in at.variance.tolist()]
    return found


def _exact(case: Case, cov: float, var_u: float, var_v: float):
    """The triple as the library takes it: within its bound, and collinear where φ has a kink."""
    c, p, q = mpf(cov), mpf(var_u), mpf(var_v)
    bound = mp.sqrt(p * q)
    if abs(c) > bound or (case.activation.breakpoints and quadrature.collinear(cov, var_u, var_v)):
        c = bound * mp.sign(c)
    return c, p, q


def coefficients(case: Case, variance: float):
    """Return a_0 … a_DEGREE of φ(√variance·z)."""
    params, spread = dict(case.params), mp.sqrt(mpf(variance))
    match case.name:
        case "sin" | "cos":
            turn = 0 if case.name == "sin" else mp.pi / 2
            wave = [params.get(k, d) for k, d in (("amplitude", 1), ("frequency", 1), ("phase", 0))]
            return _wave(wave[0], wave[1] * spread, mpf(wave[2]) + turn)
        case "rbf":
            return _wave(mp.sqrt(2), mp.sqrt(2 * mpf(params.get("gamma", 1))) * spread, mp.pi / 4)
        case "snake":
            a = mpf(params.get("a", 1))
            found = _wave(-1 / (2 * a), 2 * a * spread, mp.pi / 2)
            return [found[0] + 1 / (2 * a), found[1] + spread, *found[2:]]
        case "exp":
            rate = mpf(params.get("rate", 1)) * spread
            scale = mpf(params.get("amplitude", 1)) * mp.exp(rate * rate / 2)
            return [scale * rate**k / mp.sqrt(mp.factorial(k)) for k in range(DEGREE + 1)]
        case "gaussian":
            twice = 2 * mpf(params.get("rate", -0.5)) * mpf(variance)
            found = [mp.mpf(0)] * (DEGREE + 1)
            for j in range(DEGREE // 2 + 1):
                power = (twice / (1 - twice) / 2) ** j / mp.factorial(j)
                found[2 * j] = mp.sqrt(mp.factorial(2 * j) / (1 - twice)) * power
            return found
        case "normalized_gaussian":
            gamma = mpf(params.get("gamma", 1))
            return [spread * mp.sqrt(mp.exp(-gamma) * gamma**k / mp.factorial(k)) for k in range(DEGREE + 1)]
        case "identity" | "monomial" | "polynomial" | "hermite":
            return _of_polynomial(case, spread)
    model = extended_textbook(case)
    return quadrature.coefficients(model, [model.phi], variance, DEGREE)[0]


def _wave(amplitude, rate, phase):
    """a·sin(rate·z + phase): a·Im(e^{i·phase} i^k)·rate^k e^{−rate²/2}/√k!."""
    turns = (mp.sin(phase), mp.cos(phase), -mp.sin(phase), -mp.cos(phase))
    scale = amplitude * mp.exp(-rate * rate / 2)
    return [scale * turns[k % 4] * rate**k / mp.sqrt(mp.factorial(k)) for k in range(DEGREE + 1)]


def _of_polynomial(case: Case, spread):
    """E[t^m h_l(z)] = m!/(2^i i! √l!)·spread^m, m = l + 2i."""
    match case.name:
        case "identity":
            terms = [0, 1]
        case "monomial":
            terms = [0] * case.params.get("power", 2) + [1]
        case "polynomial":
            terms = list(case.params.get("coef", (0, 1)))
        case _:
            terms = textbook.hermite_terms(case.params.get("degree", 2))
    found = [mpf(0)] * (DEGREE + 1)
    for m, term in enumerate(terms):
        for l in range(m % 2, m + 1, 2):
            i = (m - l) // 2
            weight = mp.factorial(m) / (mpf(2) ** i * mp.factorial(i) * mp.sqrt(mp.factorial(l)))
            found[l] += term * weight * spread**m
    return found


def extended_textbook(case: Case) -> Extended:
    """Return φ of a textbook case for one-dimensional quadrature."""
    params = dict(case.params)
    low, high = {
        "abs": (-1, 1),
        "relu": (0, 1),
        "rrelu": (11 / 48, 1),
        "leaky_relu": (params.get("slope", 0.01), 1),
        "prelu": (params.get("slope", 0.25), 1),
        "ab_relu": (params.get("negative_slope", 0.0), params.get("positive_slope", 1.0)),
    }.get(case.name, (0, 0))
    if low or high:
        return Extended(lambda x: low * np.minimum(x.t, 0) + high * np.maximum(x.t, 0), None, (0.0,), ())
    scale = params.get("scale", 2.4020563531719796)
    power = 2 if case.name == "squared_relu" else params.get("power", 2)
    smooth, kink = {"kinks": ()}, {"kinks": (0.0,), "scales": ()}
    functions = {
        "sign": (lambda x: np.sign(x.t), kink),
        "step": (lambda x: np.heaviside(x.t, np.longdouble(0.5)), kink),
        "rectified_power": (lambda x: np.maximum(x.t, 0) ** power, kink),
        "squared_relu": (lambda x: np.maximum(x.t, 0) ** power, kink),
        "gabor": (lambda x: np.exp(-x.t * x.t) * np.sin(x.t), smooth),
        "erf": (lambda x: _on_mpmath(mp.erf, x.t), smooth),
        "sigmoid_erf": (lambda x: _on_mpmath(lambda t: mp.erfc(-t / mpf(scale)) / 2, x.t), smooth),
        "gelu": (lambda x: _on_mpmath(lambda t: t * mp.erfc(-t / mp.sqrt(2)) / 2, x.t), smooth),
    }
    phi, fields = functions[case.name]
    return Extended(phi, None, **fields)


def _on_mpmath(f: Scalar, t):
    with mp.workdps(30):
        return np.array([long(f(mpf(float(x)) + mpf(float(x - np.longdouble(float(x)))))) for x in t])


# ------------------------------------------------------------------------- sinc
def from_fourier(case: Case, at: Grid):
    """sinc t = ½∫_{−1}^{1} cos(πkt) dk, so the dual is ¼∫∫ exp(−π²(k²p − 2klc + l²q)/2) dk dl."""
    with mp.workdps(30):
        size = {}
        for q in sorted({*at.var_u.tolist(), *at.var_v.tolist(), *at.variance.tolist()}):
            size[q] = [mp.sqrt(x) for x in _fourier(q, q, q)]
        both = [_fourier(*t) for t in at.triples]
        scales = [[a * b for a, b in zip(size[p], size[q], strict=True)] for _, p, q in at.triples]
        found = []
        for q in at.variance.tolist():
            root = mp.sqrt(mpf(q))
            k, w = _on_panels([0, *_ends(mp.pi * root), 1], 40)
            weighted = [b * mp.exp(-((mp.pi * a * root) ** 2) / 2) for a, b in zip(k, w, strict=True)]
            row = []
            for n in range(DEGREE + 1):
                sign = (1, 0, -1, 0)[n % 4]
                powers = (b * (mp.pi * a * root) ** n for a, b in zip(k, weighted, strict=True))
                row.append(sign * mp.fsum(powers) / mp.sqrt(mp.factorial(n)) if sign else mpf(0))
            found.append(row)
    return {
        "dual": [b[0] for b in both],
        "dual_prime": [b[1] for b in both],
        "scale": [s[0] for s in scales],
        "scale_prime": [s[1] for s in scales],
        "coefficients": found,
        "norm": [size[q][0] for q in at.variance.tolist()],
    }


def _ends(rate):
    """Where panels end for what decays as e^{−(rate·k)²/2}."""
    return [x / rate for x in (0.5, 1, 2, 3, 4.5, 6, 8, 11, 15) if x < rate]


def _on_panels(ends, n):
    x, w = (list(map(_mp, values)) for values in quadrature.gauss_legendre(n))
    ends = sorted(set(map(mpf, ends)))
    points, weights = [], []
    for low, high in itertools.pairwise(ends):
        half = (high - low) / 2
        points += [low + half * (1 + a) for a in x]
        weights += [half * b for b in w]
    return points, weights


def _mp(x):
    return mpf(float(x)) + mpf(float(x - np.longdouble(float(x))))


def _fourier(cov: float, var_u: float, var_v: float):
    """Return E φφ and E φ′φ′: the inner integral in closed form, the outer one over half of (−1, 1)."""
    q, p, c = mpf(max(var_u, var_v)), mpf(min(var_u, var_v)), mpf(cov)
    gap = max(p * q - c * c, mpf(0)) / q
    root = mp.pi * mp.sqrt(q)
    values = []
    for n in (20, 26):
        ends = [0, *_ends(mp.pi * mp.sqrt(gap)), 1]
        if c:
            # erfc turns where the mean k·c/q passes the end of the interval, over 1/root of the mean
            turn, width = q / abs(c), q / abs(c) / root
            ends += [e for e in (turn - s * width for s in (0, 1, 2, 4, 8, 12)) if 0 < e < 1]
            ends += [e for e in _ends(mp.pi * abs(c) / mp.sqrt(q)) if 0 < e < 1]
        dual = prime = mpf(0)
        for k, w in zip(*_on_panels(ends, n), strict=True):
            w *= mp.exp(-((mp.pi * k) ** 2) * gap / 2)
            mean = k * c / q
            left, right = root * (1 + mean), root * (1 - mean)
            mass = (mp.erf(left / mp.sqrt(2)) + mp.erf(right / mp.sqrt(2))) * mp.sqrt(mp.pi / 2) / root
            tilt = (mp.exp(-left * left / 2) - mp.exp(-right * right / 2)) / root**2
            dual += w * mass / 2
            prime += w * k * (mean * mass + tilt) * mp.pi**2 / 2
        values.append((dual, prime))
    size = mp.sqrt(2 * mp.pi) / (2 * mp.pi) / (1 + mp.sqrt(q))  # about Eφ², from below
    if abs(values[0][0] - values[1][0]) > mpf(10) ** -17 * size:
        raise ArithmeticError(f"orders differ by {values[0][0] - values[1][0]} at {cov=} {var_u=} {var_v=}")
    return values[1]


# ------------------------------------------------------------------------- quadrature
def from_quadrature(group: list[Case], at: Grid):
    """Return the references of cases that share kinks and scales, in long double."""
    models = [extended(case.name, case.activation.params) for case in group]
    functions = [m.phi for m in models] + [m.prime for m in models if m.prime]
    rows = [quadrature.expectations(models[0], functions, *t) for t in at.triples]
    values, scales = (np.array([row[i] for row in rows]).T for i in (0, 1))
    series = [
        quadrature.coefficients(models[0], functions[: len(group)], q, DEGREE) for q in at.variance.tolist()
    ]
    squares = [quadrature.second_moments(models[0], functions[: len(group)], q) for q in at.variance.tolist()]
    found, last = [], len(group)
    for i, model in enumerate(models):
        entry = {"dual": values[i], "scale": scales[i], "dual_prime": None, "scale_prime": None}
        if model.prime:
            entry |= {"dual_prime": values[last], "scale_prime": scales[last]}
            last += 1
        entry["coefficients"] = [part[i] for part in series]
        entry["norm"] = [np.sqrt(part[i]) for part in squares]
        found.append(entry)
    return found


# ------------------------------------------------------------------------- files
def build(names: list[str]) -> None:
    """Compute and store the references of these activations (of all, if none is named)."""
    FOLDER.mkdir(exist_ok=True)
    for low, high in sorted({(case.low, case.high) for case in CASES}):
        path = FOLDER / f"grid_{low:g}_{high:g}.json"
        if not path.exists():
            fields = {key: value.tolist() for key, value in vars(cases.draw(low, high)).items()}
            _write(path, fields)
    groups: dict[tuple, list[Case]] = defaultdict(list)
    stored: dict[str, dict] = defaultdict(dict)
    for case in CASES:
        if names and case.name not in names:
            continue
        at = cases.grid(case.low, case.high)
        if case.name in EXTENDED:
            model = extended(case.name, case.activation.params)
            groups[case.low, case.high, model.kinks, model.scales, model.dead].append(case)
            continue
        start = time.perf_counter()
        stored[case.name][case.label] = (from_fourier if case.name == "sinc" else from_formula)(case, at)
        print(f"{case.label}: {time.perf_counter() - start:.1f} s", flush=True)
    for (low, high, *_), group in groups.items():
        start = time.perf_counter()
        found = from_quadrature(group, cases.grid(low, high))
        for case, entry in zip(group, found, strict=True):
            stored[case.name][case.label] = entry
        print(f"{', '.join(c.label for c in group)}: {time.perf_counter() - start:.1f} s", flush=True)
    for name, entries in stored.items():
        _write(FOLDER / f"{name}.json", entries)


def _write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(_plain(content), separators=(",", ":")) + "\n", encoding="utf-8")


def _plain(value, digits: int = 17):
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict):
        return {k: _plain(v, 4 if k.startswith(("scale", "norm")) else 17) for k, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(v, digits) for v in value]
    return float(f"{float(value):.{digits}g}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="activations (default: all)")
    build(parser.parse_args().names)
