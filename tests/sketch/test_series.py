"""The series against the recursion it stands for, and the arithmetic under it."""

import numpy as np
import pytest

import dualact as da
from dualact.exact.recursion import propagate, trace_variances
from dualact.sketch.series import expand

ACTIVATIONS = ("relu", "gelu", "erf", "tanh", "sin", "hard_tanh")
ROWS = np.array([0.01, 0.3, 1.0, 4.0])
COLUMNS = np.array([0.05, 1.0, 9.0])
DEGREE = 48  # .5^48 is below rounding


def with_branches(activation):
    D, A = da.Dense(1.3, 0.2), da.Act(activation)
    inner = da.Residual([da.LayerNorm(), A, D])
    return da.Network([D, da.Residual([A, D, inner]), da.LayerNorm(), A, D])


def networks():
    for activation in ACTIVATIONS:
        for depth in range(1, 7):
            yield pytest.param(da.mlp(depth, activation, 1.5, bias_std=0.3), id=f"{activation}-{depth}")
        yield pytest.param(with_branches(activation), id=f"{activation}-branches")


def diagonal(network, squares, with_theta):
    trace = trace_variances(network.layers, squares, with_theta)
    return trace.theta if with_theta else trace.sigma


@pytest.mark.parametrize("with_theta", [False, True], ids=["nngp", "ntk"])
@pytest.mark.parametrize("network", list(networks()))
def test_series_is_the_recursion(network, with_theta):
    rho = np.linspace(-0.5, 0.5, 7)
    left = trace_variances(network.layers, ROWS, with_theta)
    right = trace_variances(network.layers, COLUMNS, with_theta)
    cov = rho[:, None, None] * np.sqrt(ROWS)[:, None] * np.sqrt(COLUMNS)
    expected = propagate(
        network.layers, cov, tuple(v[:, None] for v in left.variances), right.variances, with_theta
    )
    series = expand(network.layers, ROWS, COLUMNS, DEGREE, with_theta)
    found = np.einsum("krc,kp->prc", series, rho ** np.arange(DEGREE + 1)[:, None])
    size = np.sqrt(np.outer(diagonal(network, ROWS, with_theta), diagonal(network, COLUMNS, with_theta)))
    assert np.abs((found - expected) / size).max() < 1e-12
    # not the zero map, and the cosine matters
    assert np.ptp(expected / size, axis=0).max() > 1e-2


@pytest.mark.parametrize("with_theta", [False, True], ids=["nngp", "ntk"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_coefficients_are_positive_semidefinite(activation, with_theta):
    network = with_branches(activation)
    squares = np.geomspace(1e-3, 1e3, 9)
    series = expand(network.layers, squares, squares, 16, with_theta)
    size = np.sqrt(diagonal(network, squares, with_theta))
    series /= np.outer(size, size)
    assert np.allclose(series, series.transpose(0, 2, 1), rtol=0, atol=1e-14)
    values = np.linalg.eigvalsh(series)
    assert values.min() > -1e-14
    assert values.max() > 0.1


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_terms_add_up_to_the_diagonal_from_below(activation):
    network = da.mlp(3, activation, 1.5, bias_std=0.3)
    partial = [
        np.einsum("kii->i", expand(network.layers, ROWS, ROWS, degree, True)) for degree in (4, 16, 48)
    ]
    whole = diagonal(network, ROWS, True)
    assert np.all(np.diff(partial, axis=0) >= 0)
    assert np.all(partial[-1] <= whole * (1 + 1e-12))
    # tails of kinks are long: those of Σ′ fall as the root of the degree
    assert np.all(partial[-1] >= 0.7 * whole)


def test_first_coefficients_of_one_relu_layer():
    """The convention by numbers: a_k² at unit variance, and Θ = Σ + ρ Σ′."""
    one = np.ones(1)
    layers = da.mlp(1, "relu").layers
    a = np.array([1 / (2 * np.pi), 0.25, 1 / (4 * np.pi), 0.0, 1 / (48 * np.pi), 0.0])
    assert np.allclose(expand(layers, one, one, 5, False)[:, 0, 0], a, atol=1e-15)
    slopes = np.arange(6) * a  # ρ Σ′ has the coefficients k a_k²
    assert np.allclose(expand(layers, one, one, 5, True)[:, 0, 0], a + slopes, atol=1e-15)


@pytest.mark.parametrize("with_theta", [False, True])
@pytest.mark.parametrize("bias", [0.0, 0.5])
def test_zero_row_has_the_constant_term_alone(with_theta, bias):
    layers = da.mlp(2, "gelu", 1.5, bias_std=bias).layers
    series = expand(layers, np.zeros(1), COLUMNS, 6, with_theta)
    assert not series[1:].any()
    assert np.all(series[0] > 0) if bias else not series.any()


def test_zero_row_of_a_kinked_function_without_closed_forms():
    bent = da.from_function("bent", lambda t: np.abs(t) + 0.3 * t, breakpoints=(0.0,))
    rows = np.array([0.0, 0.01, 1.0, 50.0])
    series = expand(da.mlp(2, bent).layers, rows, rows, 4, True)
    assert np.array_equal(series[:, 0], np.zeros((5, 4)))
    scaled = series[:, 1:, 1:] / np.sqrt(np.outer(rows[1:], rows[1:]))
    assert np.allclose(scaled, scaled[:, :1, :1], rtol=1e-10)


def test_degree_zero():
    layers = da.mlp(2, "sigmoid").layers
    full = expand(layers, ROWS, COLUMNS, 9, True)
    assert np.allclose(expand(layers, ROWS, COLUMNS, 0, True), full[:1], rtol=1e-12)


def test_lower_degrees_do_not_depend_on_the_highest():
    layers = da.mlp(3, "relu", 1.5, bias_std=0.3).layers
    full = expand(layers, ROWS, COLUMNS, 30, True)
    assert np.allclose(expand(layers, ROWS, COLUMNS, 10, True), full[:11], rtol=1e-11)


@pytest.mark.parametrize("depth", [6, 12])
def test_biases_that_swamp_the_input(depth):
    """u_0 close to 1 and a kink: the tail at u_0 is not cut; what remains was measured at 6e-4."""
    network = da.mlp(depth, "relu", 1.4, bias_std=1.0)
    squares, rho = np.array([0.0, 0.01, 1.0]), np.array([-0.5, 0.0, 0.5])
    for with_theta, claim in ((False, 1e-6), (True, 1e-3)):
        trace = trace_variances(network.layers, squares, with_theta)
        cov = rho[:, None, None] * np.sqrt(np.outer(squares, squares))
        sides = tuple(v[:, None] for v in trace.variances), trace.variances
        expected = propagate(network.layers, cov, *sides, with_theta)
        series = expand(network.layers, squares, squares, 32, with_theta)
        found = np.einsum("krc,kp->prc", series, rho ** np.arange(33)[:, None])
        gap = np.abs(found - expected) / expected
        assert gap[:, 0].max() < 1e-8
        assert claim / 100 < gap.max() < claim
