"""dual and dual_prime: computed engines against closed forms and each other, edges, refusals."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.special import erf, expit

from dualact.errors import AccuracyWarning, DualactError
from dualact.nonlinearity.catalog import activation
from dualact.nonlinearity.computed.engines import engine
from dualact.nonlinearity.contract import Activation
from dualact.nonlinearity.duals import dual, dual_array, dual_prime, dual_prime_array


def make(name, phi, breakpoints=(), **fields):
    return Activation(name, phi, breakpoints=breakpoints, **fields)


def relu_dual(c, p, q):
    theta = np.arctan2(np.sqrt(np.maximum((np.sqrt(p * q) - c) * (np.sqrt(p * q) + c), 0)), c)
    return (np.sqrt(p * q) * np.sin(theta) + (np.pi - theta) * c) / (2 * np.pi)


RELU = make("relu", lambda t: np.maximum(t, 0), (0.0,))
ERF = make("erf", erf)
TANH = make("tanh", np.tanh)
SILU = make("silu", lambda t: t * expit(t))
HARD = make("hard_tanh", lambda t: np.clip(t, -1, 1), (-1.0, 1.0))
STEP = make("step", lambda t: (t > 0) * 1.0, (0.0,))
WAVE = make("sin", np.sin)
SQUARE = make("square", lambda t: t * t)

RHO = np.array([-1.0, -1 + 1e-12, -0.999, -0.9, -0.3, 0.0, 0.3, 0.9, 0.999, 1 - 1e-12, 1.0])
PAIRS = [(1e-8, 1e-8), (1e-8, 1.0), (1.0, 1.0), (0.3, 20.0), (1e4, 1e4)]


def erf_dual(c, p, q):
    return 2 / np.pi * np.arcsin(2 * c / np.sqrt((1 + 2 * p) * (1 + 2 * q)))


@pytest.mark.parametrize(("p", "q"), PAIRS)
@pytest.mark.parametrize(
    ("act", "exact", "slope"),
    [
        (RELU, relu_dual, None),
        (ERF, erf_dual, lambda c, p, q: 4 / np.pi / np.sqrt((1 + 2 * p) * (1 + 2 * q) - 4 * c * c)),
        (SQUARE, lambda c, p, q: p * q + 2 * c * c, lambda c, p, q: 4 * c),
    ],
    ids=["relu", "erf", "square"],
)
def test_closed_forms(act, exact, slope, p, q):
    c = RHO * math.sqrt(p * q)
    size = math.sqrt(exact(p, p, p) * exact(q, q, q))
    value, error = dual(act, c, p, q, return_error=True)
    off = np.abs(value - exact(c, p, q))
    assert off.max() < 1e-12 * size
    assert (off <= error + 3e-14 * size).all()
    assert error.max() < 1e-10 * size
    if slope is not None:
        size = math.sqrt(slope(p, p, p) * slope(q, q, q))
        # 1 - ρ² is known to 1e-16 only, and erf' depends on it there
        keep = np.abs(RHO) < 0.9999
        assert np.abs(dual_prime(act, c, p, q) - slope(c, p, q))[keep].max() < 1e-11 * size


@pytest.mark.parametrize("act", [TANH, SILU, HARD], ids=lambda a: a.name)
@pytest.mark.parametrize("prime", [False, True])
def test_tables_agree_with_single_entries(act, prime):
    # boxes (ragged), lines (constant) and single triples are three different computations
    f = dual_prime if prime else dual
    rng = np.random.default_rng(3)
    n = 28
    x = rng.normal(size=(n, 3)) * np.geomspace(0.6, 1.2, n)[:, None] / 2
    if act is HARD:
        x = x / np.linalg.norm(x, axis=1)[:, None] * 1.1
    cov, var = x @ x.T, np.einsum("ij,ij->i", x, x)
    if act is HARD:
        var = np.full(n, 1.1**2)
    whole = f(act, cov, var[:, None], var[None])
    i, j = rng.integers(0, n, (2, 40))
    single = np.array([f(act, cov[a, b], var[a], var[b]) for a, b in zip(i[:6], j[:6], strict=True)])
    size = np.sqrt(np.diag(whole))
    assert np.abs(whole[i[:6], j[:6]] - single).max() < 3e-12 * size.max() ** 2
    pairs = f(act, np.tile(cov[i, j], 30), np.tile(var[i], 30), np.tile(var[j], 30))
    assert np.abs(whole[i, j] - pairs[:40]).max() < 3e-12 * size.max() ** 2
    assert np.abs(np.diag(whole) - f(act, var, var, var)).max() < 3e-12 * size.max() ** 2
    assert np.linalg.eigvalsh(whole).min() > -1e-11 * n
    assert (f(act, cov, var[:, None], var[None]) == whole).all()


@pytest.mark.parametrize("constant", [True, False])
def test_tables_near_collinear_pairs_of_a_kinked_function(constant):
    """Rounding inside θ cost E φ′φ′ 1e-11 there, ten times the error that was returned with it."""
    act = make("bent", lambda t: np.where(t > 0, t, 0.1 * t), (0.0,))
    p, q = np.full((2, 800), 1.3) if constant else np.random.default_rng(0).uniform(0.4, 3.0, (2, 800))
    gap = np.tile([1e-12, 3e-11, 1e-9, 1e-5], 200)
    cov = (1 - gap) * np.sqrt(p * q)
    value, error = dual_prime(act, cov, p, q, return_error=True)
    # in exact integers: sin²θ = (pq − c²)/pq
    exact = [Fraction(a) * Fraction(b) - Fraction(c) ** 2 for a, b, c in zip(p, q, cov, strict=True)]
    theta = np.arcsin(np.sqrt([float(d) for d in exact] / (p * q)))
    off = np.abs(value - (0.505 - 0.81 * theta / (2 * np.pi)))
    assert off.max() < 2e-13
    assert (off <= error).all()


def test_the_error_of_a_line_is_told():
    """Two small coefficients in a row once ended this series at 2e-12, with an estimate of 4e-13."""
    act = activation("mish")
    rho = np.linspace(-0.95, 0.95, 400)
    value, error = dual_prime(act, rho, 1.0, 1.0, return_error=True)
    few = np.array([dual_prime(act, r, 1.0, 1.0) for r in rho[::50]])
    off = np.abs(value[::50] - few)
    assert off.max() < 1e-13
    assert (off <= error[::50]).all()


def test_boxes_over_decades_and_zero_rows():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(90, 4)) * np.geomspace(0.1, 30, 90)[:, None]
    x[7] = 0
    cov, var = x @ x.T, np.einsum("ij,ij->i", x, x)
    value = dual_array(ERF, cov, var[:, None], var[None])
    assert np.abs(value - erf_dual(cov, var[:, None], var[None])).max() < 3e-12
    assert (value[7] == 0).all()
    half = dual(ERF, cov[:30], var[:30, None], var[None])
    assert np.abs(half - value[:30]).max() < 3e-12


def test_generic_ragged():
    # sin declared with a false breakpoint goes through conditioning and the Hermite series
    act = make("sin", np.sin, (0.7,))
    rng = np.random.default_rng(6)
    x = rng.normal(size=(20, 3)) * rng.uniform(0.5, 1.5, 20)[:, None]
    cov, var = x @ x.T, np.einsum("ij,ij->i", x, x)
    half = -(var[:, None] + var[None]) / 2
    exact = (np.exp(half + cov) - np.exp(half - cov)) / 2
    value, error = dual(act, cov, var[:, None], var[None], return_error=True)
    assert np.abs(value - exact).max() < 1e-13
    assert (np.abs(value - exact) <= error + 1e-15).all()
    slope = (np.exp(half + cov) + np.exp(half - cov)) / 2
    assert np.abs(dual_prime(act, cov, var[:, None], var[None]) - slope).max() < 1e-11


def test_hard_tanh_against_brute_force():
    z, w = np.polynomial.legendre.leggauss(200)
    for p, q, rho in [(1.0, 1.0, 0.6), (9.0, 0.5, -0.95), (4.0, 4.0, 0.99)]:
        s = math.sqrt(1 - rho * rho)
        total = 0.0
        edges = np.unique(
            np.clip(np.concatenate([np.arange(-9, 9.5, 0.5), [-1 / p**0.5, 1 / p**0.5]]), -9, 9)
        )
        zeros = np.concatenate([(b + np.array([-3, 0, 3]) * s * q**0.5) / (rho * q**0.5) for b in (-1, 1)])
        edges = np.unique(np.concatenate([edges, zeros[np.abs(zeros) < 9]]))
        half = np.diff(edges) / 2
        x = ((edges[:-1] + half)[:, None] + half[:, None] * z[None]).ravel()
        wx = (half[:, None] * w).ravel() * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        m, sd = rho * math.sqrt(q) * x, math.sqrt(q) * s
        a, b = (-1 - m) / sd, (1 - m) / sd
        cdf = lambda t: 0.5 * (1 + erf(t / math.sqrt(2)))  # noqa: E731
        pdf = lambda t: np.exp(-t * t / 2) / math.sqrt(2 * math.pi)  # noqa: E731
        inner = -cdf(a) + cdf(-b) + m * (cdf(b) - cdf(a)) + sd * (pdf(a) - pdf(b))
        total = (wx * np.clip(math.sqrt(p) * x, -1, 1) * inner).sum()
        prime = (wx * (np.abs(math.sqrt(p) * x) < 1) * (cdf(b) - cdf(a))).sum()
        c = rho * math.sqrt(p * q)
        assert dual(HARD, c, p, q) == pytest.approx(total, abs=2e-14)
        assert dual_prime(HARD, c, p, q) == pytest.approx(prime, abs=2e-12)


def test_price():
    c, h = 0.35, 1e-4
    for act in (TANH, SILU, HARD):
        slope = (dual(act, c + h, 0.8, 1.3) - dual(act, c - h, 0.8, 1.3)) / (2 * h)
        assert dual_prime(act, c, 0.8, 1.3) == pytest.approx(slope, abs=1e-7)


def test_homogeneous_line():
    act = make("mine", lambda t: np.maximum(t, 0), (0.0,), homogeneity=1)
    c = np.array([[0.3, -2.0], [0.0, 1e-3]])
    p, q = np.array([[1.0], [50.0]]), np.array([[1e-3, 9.0]])
    c = np.clip(c, -np.sqrt(p * q), np.sqrt(p * q))
    assert dual(act, c, p, q) == pytest.approx(relu_dual(c, p, q), abs=1e-12)
    theta = np.arccos(c / np.sqrt(p * q))
    assert dual_prime(act, c, p, q) == pytest.approx(0.5 - theta / 2 / np.pi, abs=3e-12)


@pytest.mark.parametrize("power", [1.0, 0.5, 0.25])
def test_nothing_is_left_of_a_kink_at_variance_zero(power):
    act = Activation("kink", lambda t: np.abs(t) ** power, breakpoints=(0.0,), homogeneity=power)
    assert dual(act, 0.0, [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]).tolist() == [0.0, 0.0, 0.0]


def test_zero_variance():
    softplus = make("softplus", lambda t: np.logaddexp(0, t))
    mean = dual(softplus, 0.0, 0.0, 2.0)
    assert mean == pytest.approx(math.log(2) * dual(softplus, 0.0, 2.0, 0.0) / math.log(2))
    assert mean > math.log(2) ** 2
    assert dual(STEP, 0.0, 0.0, 0.0) == 0.25
    assert dual_prime(RELU, 0.0, 0.0, 0.0) == pytest.approx(0.25, abs=1e-12)
    assert np.isfinite(dual(TANH, [0.0, 1e-200], [0.0, 1e-200], [1.0, 1e-200])).all()


def test_shapes_and_scalars():
    assert np.shape(dual(TANH, 0.1, 1.0, 1.0)) == ()
    assert dual(TANH, np.zeros((3, 1)), 1.0, np.ones(4)).shape == (3, 4)
    assert dual(TANH, np.zeros((2, 3, 4)), 1.0, 1.0).shape == (2, 3, 4)
    assert dual(TANH, np.zeros((0, 4)), np.ones((0, 1)), np.ones((1, 4))).shape == (0, 4)


def test_closed_forms_of_the_activation_are_used():
    act = make("mine", np.tanh, dual=lambda c, p, q: c + 0 * p * q, dual_prime=lambda c, p, q: c * 0 + 2.0)
    assert dual(act, 0.25, 1.0, 1.0) == 0.25
    assert dual_prime_array(act, np.zeros(2), np.ones(2), np.ones(2)).tolist() == [2.0, 2.0]
    value, error = dual(act, 0.25, 1.0, 1.0, return_error=True)
    assert error >= abs(value - dual(TANH, 0.25, 1.0, 1.0)) * (1 - 1e-9)


def test_refusals():
    with pytest.raises(
        DualactError, match=r"Entry \(1,\) has cov = 1.5, var_u = 1.0, var_v = 2.0.*not a correlation"
    ):
        dual(TANH, [0.1, 1.5], 1.0, 2.0)
    with pytest.raises(
        DualactError, match=r"dual\('tanh'\): var_u must be finite and >= 0. Got np.float64\(-1.0\)"
    ):
        dual(TANH, 0.0, -1.0, 1.0)
    with pytest.raises(DualactError, match=r"cov must be finite. Got np.float64\(nan\)"):
        dual(TANH, math.nan, 1.0, 1.0)
    with pytest.raises(DualactError, match=r"must broadcast. Got shapes \(2,\), \(3,\), \(\)"):
        dual(TANH, np.zeros(2), np.ones(3), 1.0)
    with pytest.raises(DualactError, match=r"phi jumps at t = 0.*kind=\"nngp\""):
        dual_prime(STEP, 0.0, 1.0, 1.0)
    limited = make("g", np.tanh, variance_limit=2.0)
    with pytest.raises(DualactError, match=r"finite for variances below 2 only. Got var_v 3"):
        dual(limited, 0.0, 1.0, 3.0)
    assert dual(TANH, 1 + 1e-12, 1.0, 1.0) == dual(TANH, 1.0, 1.0, 1.0)


def test_warning_with_the_number():
    act = make("rough", lambda t: 1e4 + np.tanh(t))
    with pytest.warns(AccuracyWarning, match=r"dual_prime\('rough'\): estimated error \S+ of sqrt"):
        value, error = dual_prime(act, 0.3, 1.0, 1.0, return_error=True)
    assert abs(value - dual_prime(TANH, 0.3, 1.0, 1.0)) <= error


def test_oscillation_falls_back_to_conditioning():
    act = make("fast", lambda t: np.sin(30 * t))
    assert engine(act)._rule(0, 0) is None
    c = np.array([1.0, 1 - 1e-3, 0.2])
    exact = (np.exp(900 * (c - 1)) - np.exp(-900 * (c + 1))) / 2
    assert np.abs(dual(act, c, 1.0, 1.0) - exact).max() < 1e-12
    # a sine of variance 1 is smooth enough for the polar rule
    assert engine(WAVE)._rule(0, 0) is not None


@pytest.mark.parametrize("name", ["tanh", "hard_tanh"])
def test_variances_up_to_the_largest_number(name):
    """A division by zero came of the decade above the range of float64."""
    assert dual(name, 1.0, 1.7e308, 1.0) == pytest.approx(0.0, abs=1e-14)
    largest = np.sqrt(1.7e308)
    alone = dual(name, largest, 1.7e308, 1.0)
    assert 0.4 < alone < 0.8
    assert dual(name, -largest, 1.7e308, 1.0) == pytest.approx(-alone, rel=1e-9)


def test_integers_beyond_float64_are_refused():
    for arguments in ((10**400, 1, 1), (0, 10**400, 1), (0, 1, -(10**400))):
        with pytest.raises(DualactError, match="must be real numbers"):
            dual("relu", *arguments)
