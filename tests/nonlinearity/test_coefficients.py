"""Hermite coefficients: convention, closed values, extremes of the variance, derivatives, refusals."""

import math

import mpmath
import numpy as np
import pytest
from scipy.special import erf, expit

from dualact.errors import DualactError
from dualact.nonlinearity.coefficients import hermite, hermite_prime, second_moment
from dualact.nonlinearity.contract import Activation
from dualact.nonlinearity.panels import PanelTable


def make(name, phi, breakpoints=(), **fields):
    return Activation(name, phi, breakpoints=breakpoints, **fields)


RELU = make("relu", lambda t: np.maximum(t, 0), (0.0,))
TANH = make("tanh", np.tanh)
ELU = make("elu", lambda t: np.where(t > 0, t, np.expm1(np.minimum(t, 0))), (0.0,))
HARD = make("hard_tanh", lambda t: np.clip(t, -1, 1), (-1.0, 1.0))
STEP = make("step", lambda t: (t > 0) * 1.0, (0.0,))
SILU = make("silu", lambda t: t * expit(t))
SOFTPLUS = make("softplus", lambda t: np.logaddexp(0, t))
SHARP = make("sharp", lambda t: np.tanh(20 * t))
VARIANCES = [1e-12, 1e-6, 1e-2, 1.0, 30.0, 1e4, 1e8]


def test_convention_is_pinned():
    # normalised probabilists' basis: E relu(z) h_k(z)
    listed = [0.3989422804014327, 0.5, 0.28209479177387814, 0.0, -0.08143375198381998]
    assert hermite(RELU, 1.0, 4) == pytest.approx(listed, abs=2e-16)
    cube = hermite(make("cube", lambda t: t * t * t), 1.0, 5)
    assert cube == pytest.approx([0, 3, 0, math.sqrt(6), 0, 0], abs=1e-14)


@pytest.mark.parametrize("q", VARIANCES)
def test_exponential_like_closed_forms(q):
    # E e^{t} h_k = e^{q/2} q^{k/2}/√k!; E sin: the odd part of it with alternating signs
    k = np.arange(41)
    if q <= 30:
        log = q / 2 + k / 2 * math.log(q) - np.array([math.lgamma(j + 1) / 2 for j in k])
        assert np.abs(hermite(make("exp", np.exp), q, 40) - np.exp(log)).max() < 1e-13 * math.exp(q)
    if q <= 1e4:
        log = -q / 2 + k / 2 * math.log(q) - np.array([math.lgamma(j + 1) / 2 for j in k])
        exact = np.where(k % 2, np.exp(log) * (-1.0) ** (k // 2), 0)
        size = math.sqrt(-math.expm1(-2 * q) / 2)
        assert np.abs(hermite(make("sin", np.sin), q, 40) - exact).max() < 1e-13 * size


@pytest.mark.parametrize("q", VARIANCES)
def test_homogeneous_scales(q):
    assert hermite(RELU, q, 300) == pytest.approx(
        math.sqrt(q) * hermite(RELU, 1.0, 300), abs=1e-14 * math.sqrt(q)
    )


@pytest.mark.parametrize("q", [1e-12, 0.01, 1.0, 1e4, 1e8])
@pytest.mark.parametrize("act", [TANH, ELU, SILU, SOFTPLUS, SHARP, HARD], ids=lambda a: a.name)
def test_against_high_precision(act, q):
    forms = {
        "tanh": mpmath.tanh,
        "elu": lambda t: t if t > 0 else mpmath.expm1(t),
        "silu": lambda t: t / (1 + mpmath.exp(-t)),
        "softplus": lambda t: mpmath.log1p(mpmath.exp(t)) if t < 60 else t + mpmath.exp(-t),
        "sharp": lambda t: mpmath.tanh(20 * t),
        "hard_tanh": lambda t: max(-1, min(1, t)),
    }
    f = forms[act.name]
    with mpmath.workdps(25):
        root = mpmath.sqrt(q)
        scale = [s * mpmath.mpf(2) ** e for e in range(-6, 7, 2) for s in (-1, 1)] + [-1, 1, 0]
        edges = sorted({mpmath.mpf(z) for z in (-14, -9, -6, -3, 0, 3, 6, 9, 14)} | {t / root for t in scale})
        edges = [z for z in edges if abs(z) <= 14]
        for k in (0, 1, 2, 7):
            coef = np.polynomial.hermite_e.HermiteE.basis(k).convert(kind=np.polynomial.Polynomial).coef
            h = [mpmath.mpf(round(c)) / mpmath.sqrt(mpmath.factorial(k)) for c in coef]

            def term(z, h=h):
                return f(root * z) * mpmath.polyval(h[::-1], z) * mpmath.npdf(z)

            exact = mpmath.quad(term, edges, maxdegree=5)
            size = mpmath.sqrt(mpmath.quad(lambda z: f(root * z) ** 2 * mpmath.npdf(z), edges, maxdegree=5))
            assert abs(hermite(act, q, 7)[k] - exact) < 1e-13 * size


@pytest.mark.parametrize("act", [TANH, SILU, HARD, STEP, SHARP], ids=lambda a: a.name)
def test_parseval_and_consistency_of_degrees(act):
    q = np.geomspace(1e-6, 10, 7)
    long = hermite(act, q, 300)
    assert long.shape == (7, 301)
    assert np.abs(hermite(act, q, 31) - long[:, :32]).max() < 1e-13
    table = PanelTable(act.phi, act.breakpoints, act.name)
    total = (long**2).sum(-1)
    moment = second_moment(table, q)
    assert (total <= moment * (1 + 1e-13)).all()
    assert total[3] == pytest.approx(moment[3], rel=0.03)


def test_floor_like():
    act = make("floor", lambda t: np.clip(np.floor(t), -3, 3), tuple(range(-2, 4)))
    mean = -3 + sum(0.5 * (1 + erf(-b / math.sqrt(2))) for b in range(-2, 4))
    assert hermite(act, 1.0, 3)[0] == pytest.approx(mean, abs=1e-15)
    first = sum(math.exp(-b * b / 2) / math.sqrt(2 * math.pi) for b in range(-2, 4))
    assert hermite(act, 1.0, 3)[1] == pytest.approx(first, abs=2e-15)


def test_shapes_and_zero_variance():
    q = np.array([[0.0, 1.0, 2.0], [0.5, 0.0, 1e-300]])
    out = hermite(STEP, q, 2)
    assert out.shape == (2, 3, 3)
    assert out[0, 0].tolist() == [0.5, 0.0, 0.0]  # the mean of the two limits
    assert hermite(SOFTPLUS, 0.0, 2) == pytest.approx([math.log(2), 0, 0])
    assert hermite(SOFTPLUS, 1e-300, 2)[0] == pytest.approx(math.log(2))
    assert np.isfinite(hermite(TANH, 1e-300, 5)).all()


@pytest.mark.parametrize("q", [1e-14, 1e-6, 0.3, 100.0])
@pytest.mark.parametrize("act", [TANH, SOFTPLUS, ELU, HARD], ids=lambda a: a.name)
def test_prime(act, q):
    slopes = {
        "tanh": lambda t: 1 / np.cosh(np.clip(t, -300, 300)) ** 2,
        "softplus": expit,
        "elu": lambda t: np.where(t > 0, 1, np.exp(np.minimum(t, 0))),
        "hard_tanh": lambda t: (np.abs(t) < 1) * 1.0,
    }
    direct = hermite(make("prime", slopes[act.name], act.breakpoints), q, 20)
    size = math.sqrt((direct**2).sum())
    assert np.abs(hermite_prime(act, q, 20) - direct).max() < 3e-12 * size
    given = make("given", act.phi, act.breakpoints, phi_prime=slopes[act.name])
    assert np.abs(hermite_prime(given, q, 20) - direct).max() < 1e-15 * size
    assert np.abs(direct).max() > 0.05


def test_prime_at_zero_variance():
    assert hermite_prime(RELU, 0.0, 1) == pytest.approx([0.5, 0.0], abs=1e-12)
    assert hermite_prime(SILU, [0.0, 0.0], 0) == pytest.approx(np.full((2, 1), 0.5), abs=1e-12)


def test_closed_form_is_used():
    act = make("mine", np.tanh, hermite=lambda q, n: np.full((*q.shape, n + 1), 7.0))
    assert hermite(act, 2.0, 1).tolist() == [7.0, 7.0]


def test_refusals():
    with pytest.raises(
        DualactError, match=r"hermite\('tanh'\): variance must be finite and >= 0. Got np.float64\(-1.0\)"
    ):
        hermite(TANH, [1.0, -1.0], 3)
    with pytest.raises(DualactError, match=r"degree must be an int >= 0. Got 2.5"):
        hermite(TANH, 1.0, 2.5)
    limited = make("g", np.tanh, variance_limit=2.0)
    with pytest.raises(DualactError, match=r"finite for variances below 2 only. Got variance 2"):
        hermite(limited, [1.0, 2.0], 3)
    with pytest.raises(DualactError, match=r"phi jumps at t = 0, so it has no derivative.*use dual"):
        hermite_prime(STEP, 1.0, 3)
    with pytest.raises(DualactError, match=r"E phi\(u\)\^2 cannot be computed at variance 1000"):
        hermite(make("exp", np.exp), 1000.0, 3)
    with pytest.raises(DualactError, match="must be real numbers"):
        hermite(TANH, "a", 3)
