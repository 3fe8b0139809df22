import numpy as np
import pytest
from piecewise_reference import reference, scale, stored

from dualact.nonlinearity.computed.blocks import blockwise
from dualact.nonlinearity.piecewise.exponential import ConditionalPanels
from dualact.nonlinearity.piecewise.function import PiecewiseFunction, Term, poly
from dualact.nonlinearity.piecewise.polynomial import anchor

TABLE = stored()
SIGMOIDAL = PiecewiseFunction(  # 1 − ½e^{−t} right of 0, ½e^t left of it
    (0.0,), ((Term(0.5, 0, 1.0),), (Term(1.0), Term(-0.5, 0, -1.0)))
)


def _panels(function, zone=0.0):
    return blockwise(ConditionalPanels(function, zone).dual, 64)


@pytest.mark.parametrize("name", ["elu", "elu'", "selu", "bumps", "hard_swish", "softshrink", "prelu'"])
def test_thirty_digits(name):
    rows = TABLE[name]
    polynomial = rows.function.polynomial
    zone = anchor(rows.function).dead_zone if polynomial else 0.0
    keep = rows.scale > 1e-290
    got = _panels(rows.function, zone)(rows.cov, rows.var_u, rows.var_v)
    np.testing.assert_array_less(np.abs(got - rows.value)[keep] / rows.scale[keep], 2e-14)


def test_table_against_a_fresh_quadrature():
    rows = TABLE["elu"]
    for i in (7, 18, 25):
        triple = rows.cov[i], rows.var_u[i], rows.var_v[i]
        assert float(reference(rows.function, *triple)) == pytest.approx(rows.value[i], rel=1e-15)
        assert float(scale(rows.function, *triple[1:])) == pytest.approx(rows.scale[i], rel=1e-15)


def test_exponential_moments_in_closed_form():
    """e^{at} cut at arbitrary points has the moments of e^{at}."""
    whole = PiecewiseFunction((-0.3, 1.2), ((Term(1.0, 0, 0.7),),) * 3)
    p, q = np.array([0.01, 1.0, 4.0, 16.0]), np.array([1.0, 1.0, 9.0, 2.0])
    for rho in (-1.0, -0.5, 0.0, 0.9, 1.0):
        c = rho * np.sqrt(p * q)
        exact = np.exp(0.245 * (p + q + 2 * c))
        np.testing.assert_allclose(_panels(whole)(c, p, q), exact, rtol=3e-14)


def test_far_from_the_origin_of_scales():
    """Variances from 1e-300 to 1e12: a smooth step tends to its linear part, and to a step."""
    p = np.array([1e-300, 1e-30, 1e-12, 1e12])
    got = _panels(SIGMOIDAL)(p, p, p)
    np.testing.assert_allclose(got[:3], 0.25, atol=1e-6)
    assert got[3] == pytest.approx(0.5, abs=1e-6)
    elu = PiecewiseFunction((0.0,), ((Term(1.0, rate=1.0), Term(-1.0)), poly(0, 1)))
    np.testing.assert_allclose(_panels(elu)(p, p, p)[:3], p[:3], rtol=2e-6)
    np.testing.assert_allclose(_panels(elu)(-p, p, p)[:3], -p[:3], rtol=2e-6)


def test_zero_variance_sees_the_mean_of_both_sides():
    jump = PiecewiseFunction((0.0,), (poly(1), (Term(3.0, 0, -1.0),)))
    one, zero = np.ones(1), np.zeros(1)
    mean = _panels(jump)(zero, one, zero)[0] / 2.0
    assert _panels(jump)(zero, zero, zero)[0] == pytest.approx(4.0, rel=1e-14)
    # E φ(v) = ½ + 3e^{½}Q(1)
    assert mean == pytest.approx(0.5 + 3 * np.exp(0.5) * 0.15865525393145707, rel=1e-14)


def test_narrow_piece_at_large_variance():
    """A bump of width 2 at σ = 1e4: E[bump²] ≈ n(0)/σ·∫bump²."""
    bump = PiecewiseFunction((-1.0, 1.0), (poly(), poly(1, 0, -1), poly()))
    p = np.array([1e8])
    got = _panels(bump)(p, p, p)[0], _panels(bump)(0 * p, p, p)[0]
    per_length = 1 / np.sqrt(2 * np.pi * 1e8)
    assert got[0] == pytest.approx(per_length * 16 / 15, rel=1e-7)
    assert got[1] == pytest.approx((per_length * 4 / 3) ** 2, rel=1e-7)
