import pickle
from concurrent.futures import ThreadPoolExecutor

import mpmath as mp
import numpy as np
import pytest
from piecewise_reference import stored

from dualact.errors import DualactError, PluginError
from dualact.nonlinearity.computed.blocks import blockwise
from dualact.nonlinearity.piecewise import PiecewiseDual, PiecewiseFunction, Term, piecewise, poly
from dualact.registry.hard import hard_sigmoid, hard_swish, hard_tanh, relu6
from dualact.registry.prelu import prelu, rrelu, squared_relu
from dualact.registry.shrink import hardshrink, softshrink, threshold
from dualact.registry.sparse import sparse_plus, sparse_sigmoid

TABLE = stored()
ACTS = [relu6, hard_tanh, hard_sigmoid, hard_swish, softshrink(), hardshrink(), threshold(0.5, 1.0)]
ACTS += [prelu(), rrelu, squared_relu, sparse_plus, sparse_sigmoid]
LAPLACE = piecewise("laplace", (-1.0, 0.0, 2.0), ((Term(1.0, 0, 1.0),), poly(0.5), poly(1, -0.5), poly()))

per_activation = pytest.mark.parametrize("act", ACTS, ids=lambda a: a.name)


def _drawn(n, seed, low=-8, high=6):
    """Triples over all variances, half of them close in scale, many next to ρ = ±1."""
    rng = np.random.default_rng(seed)
    p = 10.0 ** rng.uniform(low, high, n)
    q = np.where(rng.random(n) < 0.5, p * 10.0 ** rng.uniform(-1, 1, n), 10.0 ** rng.uniform(low, high, n))
    near = rng.choice([-1, 1], n) * (1 - 10.0 ** rng.uniform(-12, 0, n))
    rho = np.where(rng.random(n) < 0.4, rng.uniform(-1, 1, n), near)
    rho[::15] = np.sign(rho[::15])
    return rho * np.sqrt(p * q), p, q


def _size(dual, p, q):
    return np.sqrt(dual(p, p, p)) * np.sqrt(dual(q, q, q))


def _worst(function, cov, p, q):
    """Worst error against the conditional panels, which the stored table holds to 2e-14."""
    panels = blockwise(PiecewiseDual(function).panels.dual, 64)
    size = _size(panels, p, q)
    error = np.abs(PiecewiseDual(function)(cov, p, q) - panels(cov, p, q))
    return np.max(error / np.where(size > 1e-290, size, np.inf))


@pytest.mark.parametrize("name", TABLE)
def test_thirty_digits(name):
    rows = TABLE[name]
    got = PiecewiseDual(rows.function)(rows.cov, rows.var_u, rows.var_v)
    visible = rows.scale > 1e-290
    np.testing.assert_array_less(np.abs(got - rows.value)[visible] / rows.scale[visible], 1e-12)
    assert not got[~visible].any()


@per_activation
def test_claimed_accuracy_holds_and_is_not_idle(act):
    worst = _worst(act.phi, *_drawn(1500, 0))
    if act.dual_prime is not None:
        worst = max(worst, _worst(act.phi_prime, *_drawn(1500, 1)))
    for name in {act.name, f"{act.name}'"} & TABLE.keys():
        rows = TABLE[name]
        got = PiecewiseDual(rows.function)(rows.cov, rows.var_u, rows.var_v)
        visible = rows.scale > 1e-290
        worst = max(worst, np.max(np.abs(got - rows.value)[visible] / rows.scale[visible]))
    assert worst < act.accuracy
    # in dead zones the panels would be compared with themselves; tests/accuracy holds those claims from below
    if act.name not in ("softshrink", "hardshrink"):
        assert act.accuracy / 100 < worst


@per_activation
def test_price(act):
    """∂dual/∂cov = dual_prime."""
    if act.jumps:
        assert act.dual_prime is None
        return
    rng = np.random.default_rng(2)
    p, q = 10.0 ** rng.uniform(-0.5, 1.5, (2, 100))
    c = rng.uniform(-0.9, 0.9, 100) * np.sqrt(p * q)
    step = 1e-3 * np.sqrt(p * q) * (1 - c * c / (p * q))
    differences = [act.dual(c + k * step, p, q) - act.dual(c - k * step, p, q) for k in (1, 2, 3)]
    slope = (45 * differences[0] - 9 * differences[1] + differences[2]) / (60 * step)
    exact = act.dual_prime(c, p, q)
    size = _size(act.dual_prime, p, q)
    np.testing.assert_array_less(np.abs(slope - exact), 1e-9 * (size + _size(act.dual, p, q)))
    assert np.abs(exact).max() > 1e-3


@per_activation
def test_laws_of_a_kernel(act):
    c, p, q = _drawn(400, 3)
    k = act.dual(c, p, q)
    size = _size(act.dual, p, q)
    assert (np.abs(k) <= size * (1 + 1e-11)).all()
    np.testing.assert_array_less(np.abs(act.dual(c, q, p) - k), 1e-12 * size + 1e-290)
    if act.parity:
        sign = 1 if act.parity == "even" else -1
        np.testing.assert_array_less(np.abs(act.dual(-c, p, q) - sign * k), 1e-12 * size + 1e-290)
    if act.homogeneity is not None:
        np.testing.assert_allclose(act.dual(4 * c, 4 * p, 4 * q), 4**act.homogeneity * k, rtol=1e-12, atol=0)


@per_activation
def test_mehler_sum(act):
    p, q, rho = np.array(0.7), np.array(2.0), 0.6
    a, b = act.hermite(np.array([0.7, 2.0]), 150)
    exact = act.dual(rho * np.sqrt(p * q), p, q)
    assert np.sum(a * b * rho ** np.arange(151)) == pytest.approx(float(exact), rel=1e-13)


@per_activation
def test_finite_everywhere(act):
    v = np.array([0, 5e-324, 1e-300, 1e-160, 1e-30, 1e-8, 1, 1e4, 1e8, 1e30, 1e70])
    p, q = v[:, None], v[None]
    for dual in (act.dual, act.dual_prime):
        for rho in (-1, -1 + 1e-12, -0.3, 0, 0.5, 1 - 1e-12, 1):
            if dual is not None:
                assert np.isfinite(dual(rho * np.sqrt(p) * np.sqrt(q), p, q)).all()
    assert np.isfinite(act.hermite(v, 200)).all()


@per_activation
def test_zero_variances(act):
    """u = 0: φ(0)·E φ(v), with the mean of both sides where φ jumps at 0."""
    q, zero = np.array([0.0, 0.5, 3.0]), np.zeros(3)
    at_zero = float(act.phi(np.array(0.0)))
    np.testing.assert_allclose(act.dual(zero, zero, q), at_zero * act.hermite(q, 0)[:, 0], atol=1e-15)


def test_zero_variance_at_a_kink_and_at_a_jump():
    zero = np.zeros(())
    step = piecewise("step", (0.0,), (poly(), poly(1)))
    assert float(step.dual(zero, zero, zero)) == 0.25
    assert float(step.dual(zero, zero, np.array(2.0))) == 0.25
    assert float(prelu().dual_prime(zero, zero, zero)) == ((1 + 0.25) / 2) ** 2


def test_dead_zone_keeps_relative_accuracy():
    """At 12 σ softshrink's norm is 1e-37 of its argument's; ρ = 0.9 is still told from ρ = 0.8."""
    act = softshrink()
    p = np.full(2, (0.5 / 12) ** 2)
    k = act.dual(np.array([1.0, 0.9]) * p, p, p) / act.dual(p, p, p)
    # one-dimensional tail integral, with t = 12x − 144: 2∫(x − 12)² n(x) dx
    from scipy.special import erfcx

    tail = 145 * erfcx(12 / np.sqrt(2)) * np.sqrt(np.pi / 2) - 12
    exact = 2 * p[0] * tail * np.exp(-72) / np.sqrt(2 * np.pi)
    assert act.dual(p, p, p)[0] == pytest.approx(exact, rel=1e-9)
    assert 0 < k[1] < 0.1 < k[0]


@pytest.mark.parametrize("deviations", [8, 20, 28, 35])
def test_second_moment_in_a_deep_dead_zone(deviations):
    """Where Eφ² is 1e-15 to 1e-270 of the variance; the tails once lost eight digits from 25 σ on."""
    root = mp.mpf(0.5) / deviations
    variance = np.array(float(root) ** 2)
    with mp.workdps(40):
        sigma = mp.sqrt(mp.mpf(float(variance)))
        h = mp.mpf(0.5) / sigma
        tail, bell = mp.erfc(h / mp.sqrt(2)) / 2, mp.npdf(h)
        soft = 2 * sigma**2 * ((1 + h * h) * tail - h * bell)
        hard = 2 * sigma**2 * (tail + h * bell)
        # the exponent h²/2 is rounded: ε·h²/2
        for act, exact in ((softshrink(), soft), (hardshrink(), hard)):
            got = float(act.dual(variance, variance, variance))
            assert abs(got / exact - 1) < 4e-16 * deviations**2


def test_large_inputs_are_cut_into_blocks_and_threads_agree():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(150, 6))
    gram = x @ x.T
    diagonal = np.diag(gram).copy()
    whole = hard_tanh.dual(gram, diagonal[:, None], diagonal[None])
    rows = [(gram[i : i + 10], diagonal[i : i + 10, None], diagonal[None]) for i in range(0, 150, 10)]
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda r: hard_tanh.dual(*r), rows))
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(whole.shape, (150, 150))


def test_what_the_builder_finds():
    assert (hard_tanh.parity, hard_tanh.breakpoints, hard_tanh.jumps) == ("odd", (-1.0, 1.0), ())
    assert hardshrink().jumps == (-0.5, 0.5)
    assert prelu().homogeneity == 1.0
    assert LAPLACE.jumps == (-1.0, 0.0)
    assert LAPLACE.dual_prime is None
    assert LAPLACE.hermite is None
    t = np.linspace(-3, 3, 50)
    np.testing.assert_array_equal(sparse_plus.phi_prime(t), sparse_sigmoid.phi(t))


def test_exponentials_around_other_edges_have_an_exact_dual():
    one = np.array(1.0)
    exact = np.mean(LAPLACE.phi(np.random.default_rng(6).normal(size=400_000)) ** 2)
    assert float(LAPLACE.dual(one, one, one)) == pytest.approx(exact, rel=5e-3)


def test_exponentials_around_0_alone_are_left_to_the_computed_duals():
    elu = piecewise("elu", (0.0,), ((Term(1.0, rate=1.0), Term(-1.0)), poly(0, 1)))
    assert elu.dual is None
    assert elu.dual_prime is None
    assert elu.breakpoints == (0.0,)


def test_growth_is_bounded_and_says_so():
    act = piecewise("half_exp", (0.0,), (poly(), (Term(1.0, 0, 2.0),)))
    assert act.variance_limit == 25.0
    one = np.array(1.0)
    assert float(act.dual(0 * one, one, one)) == pytest.approx(
        (np.exp(2) * 0.9772498680518208) ** 2, rel=1e-13
    )
    message = (
        r"dual: φ grows like exp\(2\|t\|\).* Expected variances of at most 25, got 30\. Lower weight_std"
    )
    with pytest.raises(DualactError, match=message):
        act.dual(one, 30 * one, one)


def test_it_pickles():
    again = pickle.loads(pickle.dumps(hard_swish))
    assert again == hard_swish
    one = np.array(1.0)
    assert again.dual(one, one, one) == hard_swish.dual(one, one, one)


def test_a_wrong_number_of_pieces_is_refused():
    with pytest.raises(PluginError, match=r"piecewise: 1 edges make 2 pieces\. Got 3"):
        piecewise("wrong", (0.0,), (poly(), poly(), poly()))


def test_other_edges_of_the_same_shape():
    """A ramp of any width is hard_tanh in other units."""
    wide = PiecewiseDual(PiecewiseFunction((-4.0, 4.0), (poly(-4), poly(0, 1), poly(4))))
    c, p, q = _drawn(300, 7, high=3)
    exact = hard_tanh.dual(c, p, q)
    np.testing.assert_array_less(
        np.abs(wide(16 * c, 16 * p, 16 * q) / 16 - exact), 1e-12 * _size(hard_tanh.dual, p, q)
    )
