import numpy as np
import pytest

from dualact.errors import PluginError
from dualact.nonlinearity.piecewise.function import PiecewiseFunction, Term, poly

T = np.linspace(-4, 4, 801)
ELU = PiecewiseFunction((0.0,), ((Term(1.0, rate=1.0), Term(-1.0)), poly(0, 1)))


def test_values_of_each_kind_of_piece():
    f = PiecewiseFunction(
        (-1.0, 2.0), ((Term(3.0, 2, 0.5),), poly(1, 0, -2), (Term(1.0, 1, -1.0), Term(2.0)))
    )
    outer = np.where(T > 2, T * np.exp(-T) + 2, 1 - 2 * T**2)
    np.testing.assert_allclose(f(T), np.where(T <= -1, 3 * T**2 * np.exp(T / 2), outer), rtol=1e-14)


def test_exponential_less_its_constant_keeps_relative_accuracy():
    tiny = np.array([-1e-12, -1e-3, -1.0])
    np.testing.assert_allclose(ELU(tiny), np.expm1(tiny), rtol=1e-15)


def test_a_piece_never_sees_other_intervals():
    with np.errstate(all="raise", under="ignore"):
        assert ELU(np.array([1e6, -1e6])).tolist() == [1e6, -1.0]


def test_edges_belong_to_the_left_piece_unless_named():
    steps = (poly(-1), poly(0), poly(1))
    edges = np.array([-1.0, 1.0])
    assert PiecewiseFunction((-1.0, 1.0), steps)(edges).tolist() == [-1.0, 0.0]
    assert PiecewiseFunction((-1.0, 1.0), steps, right=(-1.0,))(edges).tolist() == [0.0, 0.0]


def test_shape_and_floating_type_are_kept_and_nan_passes():
    assert ELU(np.ones((2, 3), dtype=np.float32)).dtype == np.float32
    assert ELU(np.ones((2, 3), dtype=np.float32)).shape == (2, 3)
    assert ELU(np.arange(3)).dtype == np.float64
    step = PiecewiseFunction((0.0,), (poly(), poly(1)))
    assert np.isnan(step(np.array([np.nan, 1.0]))).tolist() == [True, False]


def test_derivative_agrees_with_differences():
    f = PiecewiseFunction(
        (-1.0, 2.0), ((Term(3.0, 2, 0.5),), poly(1, 0, -2), (Term(1.0, 1, -1.0), Term(2.0)))
    )
    t = T[(np.abs(T + 1) > 1e-3) & (np.abs(T - 2) > 1e-3)]
    np.testing.assert_allclose(f.derivative()(t), (f(t + 1e-6) - f(t - 1e-6)) / 2e-6, atol=1e-8)


def test_jumps_are_exact():
    assert ELU.jumps == ()
    assert ELU.derivative().jumps == ()
    third = PiecewiseFunction((0.1, 0.7), (poly(0.1 / 3), poly(0, 1 / 3), poly(0.7 / 3 + 1e-12)))
    assert third.jumps == (0.7,)


@pytest.mark.parametrize(
    ("edges", "pieces", "parity", "homogeneity"),
    [
        ((0.0,), (poly(0, -1), poly(0, 1)), "even", 1.0),
        ((0.0,), (poly(-1), poly(1)), "odd", 0.0),
        ((0.0,), (poly(), poly(0, 0, 1)), None, 2.0),
        ((-1.0, 1.0), (poly(-1), poly(0, 1), poly(1)), "odd", None),
        ((-1.0, 2.0), (poly(-1), poly(0, 1), poly(2)), None, None),
        ((0.0,), ((Term(1.0, 0, 1.0),), (Term(1.0, 0, -1.0),)), "even", None),
        ((0.0,), (poly(0, 1), poly(0, 0, 1)), None, None),
    ],
)
def test_symmetries_are_found(edges, pieces, parity, homogeneity):
    f = PiecewiseFunction(edges, pieces)
    assert (f.parity, f.homogeneity) == (parity, homogeneity)


def test_growth_looks_outwards_only():
    assert ELU.growth == 0.0
    assert PiecewiseFunction((0.0,), (poly(), (Term(1.0, 0, 2.0),))).growth == 2.0
    assert PiecewiseFunction((0.0,), ((Term(1.0, 0, -3.0),), poly())).growth == 3.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Term(1.0, -1), r"Term: power must be an integer of 0 or more\. Got -1\."),
        (lambda: Term(np.inf), r"Term: coefficient and rate must be finite numbers\. Got coefficient=inf"),
        (
            lambda: PiecewiseFunction((1.0, 0.0), (poly(), poly(), poly())),
            r"piecewise: edges must be one or more finite numbers in ascending order, none twice\. Got \(1",
        ),
        (lambda: PiecewiseFunction((), (poly(),)), r"edges must be one or more finite numbers .* Got \(\)"),
        (
            lambda: PiecewiseFunction((0.0,), (poly(),)),
            r"piecewise: 1 edges make 2 pieces\. Got 1; give one piece for each interval",
        ),
        (lambda: PiecewiseFunction((0.0,), (poly(), (1.0,))), r"a piece is a tuple of Term\. Got 1\.0 in it"),
        (
            lambda: PiecewiseFunction((0.0,), (poly(), poly(1)), right=(2.0,)),
            r"piecewise: right must name edges of \(0\.0,\)\. Got \(2\.0,\)\.",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(PluginError, match=message):
        make()
