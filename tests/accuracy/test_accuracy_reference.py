"""The stored references: their functions, their triples, and their values against mpmath's quadrature."""

import json

import mpmath as mp
import numpy as np
import pytest
from accuracy_cases import CASES, FOLDER, SPECIAL, Grid, draw, grid, reference
from extended_functions import EXTENDED, Points, extended
from extended_quadrature import expectations

from dualact.nonlinearity.contract import Activation
from dualact.testing.reference import reference_dual

COMPUTED = [case for case in CASES if case.name in EXTENDED]
RANGES = sorted({(case.low, case.high) for case in CASES})

long_double = pytest.mark.skipif(
    np.finfo(np.longdouble).eps > 2e-19, reason="long double has no 64-bit mantissa here"
)


def _logistic(t):
    return 1 / (1 + mp.exp(-t))


def _between(low, high):
    return lambda t: min(max(t, low), high)


# φ as their papers print it, at the parameters of the first case of each name
PRINTED = {
    "arctan": mp.atan,
    "celu": lambda t: t if t > 0 else mp.expm1(t),
    "elu": lambda t: t if t > 0 else mp.expm1(t),
    "gelu_tanh": lambda t: t / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (t + mp.mpf(0.044715) * t**3))),
    "hard_sigmoid": lambda t: _between(0, 1)(t / 6 + mp.mpf(1) / 2),
    "hard_swish": lambda t: t * _between(0, 6)(t + 3) / 6,
    "hard_tanh": _between(-1, 1),
    "hardshrink": lambda t: t if abs(t) > 0.5 else 0 * t,
    "log_sigmoid": lambda t: -mp.log1p(mp.exp(-t)),
    "mish": lambda t: t * mp.tanh(mp.log1p(mp.exp(t))),
    "quick_gelu": lambda t: t * _logistic(mp.mpf(1.702) * t),
    "relu6": _between(0, 6),
    "selu": lambda t: (
        mp.mpf("1.050700987355480493419") * (t if t > 0 else mp.mpf("1.673263242354377284817") * mp.expm1(t))
    ),
    "sigmoid": _logistic,
    "silu": lambda t: t * _logistic(t),
    "softplus": lambda t: mp.log1p(mp.exp(t)),
    "softshrink": lambda t: mp.sign(t) * max(abs(t) - mp.mpf(0.5), 0),
    "softsign": lambda t: t / (1 + abs(t)),
    "sparse_plus": lambda t: 0 * t if t < -1 else (t + 1) ** 2 / 4 if t < 1 else t,
    "sparse_sigmoid": lambda t: _between(0, 1)((t + 1) / 2),
    "squareplus": lambda t: (t + mp.sqrt(t * t + 4)) / 2,
    "tanh": mp.tanh,
    "tanhshrink": lambda t: t - mp.tanh(t),
    "threshold": lambda t: t if t > 1 else 2 + 0 * t,
}
FIRST = {case.name: case for case in reversed(COMPUTED)}


def test_every_case_has_a_reference_and_every_reference_a_case():
    stored = {
        label
        for path in FOLDER.glob("*.json")
        if not path.name.startswith("grid")
        for label in json.loads(path.read_text())
    }
    assert stored == {case.label for case in CASES}
    assert PRINTED.keys() == EXTENDED.keys() == FIRST.keys()


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_the_triples_are_those_of_the_seed_and_are_difficult(low, high):
    at, again = grid(low, high), draw(low, high)
    np.testing.assert_allclose(at.cov, again.cov, rtol=1e-14)
    some = slice(0, Grid.spread)
    p, q, rho = at.var_u[some], at.var_v[some], at.rho[some]
    assert all(np.sum(rho == special) >= 20 for special in SPECIAL)
    assert np.sum(p == q) >= 40
    assert np.sum((p != q) & (abs(p / q - 1) < 0.1)) >= 40
    assert np.sum((abs(rho) < 1) & (abs(rho) > 1 - 1e-6)) >= 60
    for variance in (p, q):
        assert low <= variance.min() < 100 * low
        assert high / 10 < variance.max() <= high
    assert np.all(np.abs(at.cov) <= np.sqrt(at.var_u * at.var_v))
    assert np.all(at.var_u[-20:] == 1)


@long_double
@pytest.mark.parametrize("case", COMPUTED, ids=lambda c: c.label)
def test_functions_are_those_of_the_registry(case):
    act, functions = case.activation, extended(case.name, case.activation.params)
    assert functions.kinks == act.breakpoints
    assert (functions.prime is None) == bool(act.jumps)
    t = np.concatenate([np.linspace(-12, 12, 801) + 1e-3, [1e-9, -1e-5, -60.0, 300.0]])
    # polynomials cancel where their pieces meet
    allowed = 2e-14 * np.abs(act.phi(t)) + (1e-30 if functions.scales else 1e-15)
    assert np.all(np.abs(functions.phi(Points(t)) - act.phi(t)) <= allowed)
    if functions.prime:
        step = np.longdouble(2.0**-16)
        far = np.min(np.abs(t[:, None] - np.array([*functions.kinks, 1e9])), axis=1) > 1e-4
        right, left = functions.phi(Points(t + step)), functions.phi(Points(t - step))
        slope = functions.prime(Points(t))
        np.testing.assert_allclose(
            slope[far].astype(float), ((right - left) / (2 * step))[far].astype(float), rtol=0, atol=3e-10
        )


def _agrees(name, cov, var_u, var_v):
    """Long double against 20 digits of mpmath, with the φ that the paper prints."""
    model = extended(name, FIRST[name].activation.params)
    printed = Activation(name, lambda t: t, breakpoints=model.kinks)
    value, size = (x[0] for x in expectations(model, [model.phi], cov, var_u, var_v))
    want = reference_dual(printed, cov, var_u, var_v, dps=20, phi=PRINTED[name])
    assert abs(mp.mpf(float(value)) - want) < 3e-16 * float(size)
    assert float(size) > 0


@long_double
@pytest.mark.parametrize("name", ["tanh", "threshold", "relu6", "elu"])
def test_quadrature_agrees_with_another(name):
    act = FIRST[name].activation
    model = extended(name, act.params)
    for cov in (-0.9, -1.0, 0.3):
        value, size = (float(x[0]) for x in expectations(model, [model.phi], cov, 0.5, 2.0))
        assert abs(value - float(reference_dual(act, cov, 0.5, 2.0))) < 3e-14 * size


@long_double
@pytest.mark.slow
@pytest.mark.parametrize("name", PRINTED)
@pytest.mark.parametrize("triple", [(-3.9, 40.0, 0.4), (0.0999, 0.1, 0.1), (0.9, 0.5, 2.0)])
def test_every_function_agrees_with_mpmath(name, triple):
    _agrees(name, *triple)


@long_double
@pytest.mark.parametrize("name", ["tanh", "hard_swish", "softsign", "elu"])
def test_stored_values_are_what_the_generator_gives(name):
    case = FIRST[name]
    at, known = grid(case.low, case.high), reference(case)
    model = extended(name, case.activation.params)
    for i in (3, 50, 120, 190, 230):
        values, sizes = expectations(model, [model.phi, model.prime], *at.triples[i])
        expected = [known.dual[i], known.dual_prime[i]]
        np.testing.assert_allclose(values.astype(float), expected, rtol=0, atol=float(2e-16 * sizes.max()))
        np.testing.assert_allclose(sizes.astype(float), [known.scale[i], known.scale_prime[i]], rtol=2e-3)
