"""Radial functions: on the grid, off it, at zero; and the interpolation under them."""

import json

import numpy as np
import pytest

import dualact as da
from dualact.errors import DualactError, NetworkError
from dualact.exact.recursion import trace_variances
from dualact.sketch.chebyshev import chebyshev_nodes, interpolate
from dualact.sketch.radial import RadialBasis, radial_basis
from dualact.sketch.series import expand

CASES = [("relu", 1), ("relu", 3), ("gelu", 3), ("erf", 1), ("tanh", 3), ("hard_tanh", 1), ("sigmoid", 2)]
LOW, HIGH, DEGREE = 0.05, 20.0, 12
INSIDE = np.exp(np.random.default_rng(0).uniform(np.log(LOW), np.log(HIGH), 25))


def diagonal(network, squares, with_theta):
    trace = trace_variances(network.layers, squares, with_theta)
    return trace.theta if with_theta else trace.sigma


def series_of(network, rows, columns, with_theta=True):
    return expand(network.layers, rows, columns, DEGREE, with_theta)


def cross_error(basis, rows, columns):
    """Worst error over degrees against the series, of the kernel's diagonal."""
    network, theta = basis.network, basis.with_theta
    series = series_of(network, rows, columns, theta)
    size = np.sqrt(np.outer(diagonal(network, rows, theta), diagonal(network, columns, theta)))
    f, g = basis(rows), basis(columns)
    gaps = [f[:, basis.degrees == k] @ g[:, basis.degrees == k].T - series[k] for k in range(len(series))]
    return float((np.abs(gaps) / np.maximum(size, 1e-300)).max())


@pytest.fixture(scope="module", params=CASES, ids=str)
def basis(request):
    activation, depth = request.param
    return radial_basis(da.mlp(depth, activation, 1.5, bias_std=0.3), True, LOW, HIGH, DEGREE)


def test_inside_the_grid(basis):
    assert cross_error(basis, INSIDE, INSIDE) < 2e-6
    assert cross_error(basis, np.array([LOW, HIGH]), INSIDE) < 2e-6


def test_inside_the_grid_nngp():
    network = da.mlp(2, "gelu", 1.5, bias_std=0.3)
    assert cross_error(radial_basis(network, False, LOW, HIGH, DEGREE), INSIDE, INSIDE) < 2e-6


@pytest.mark.parametrize("square", [0.0, 1e-16, LOW / 100, LOW / 2, HIGH * 2, HIGH * 100, 1e16])
def test_outside_the_grid(basis, square):
    """Projected, so never above the diagonal; against rows inside to 2e-5 of it."""
    place = np.array([square])
    assert cross_error(basis, place, INSIDE) < 2e-5
    partial = float(series_of(basis.network, place, place)[:, 0, 0].sum())
    found = float((basis(place) ** 2).sum())
    assert found <= partial * (1 + 1e-6)
    # measured: 6 % at worst (relu), between zero and the grid
    assert found >= partial * (0.93 if 0 < square < LOW else 0.99)


def test_zero_row_is_exact(basis):
    zero = np.zeros(1)
    f = basis(zero)
    assert f[0, basis.degrees == 0] @ f[0, basis.degrees == 0] == pytest.approx(
        float(diagonal(basis.network, zero, True)[0]), rel=1e-5
    )
    assert np.allclose(f[0, basis.degrees > 0], 0.0, atol=1e-12)


def test_zero_row_without_a_kernel():
    basis = radial_basis(da.mlp(2, "gelu"), True, LOW, HIGH, DEGREE)
    assert not basis(np.zeros(2)).any()
    assert np.all(np.isfinite(basis(np.array([1e-300, 1e-30]))))


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs", "identity", "monomial"])
def test_homogeneous_networks_have_one_function_a_degree(activation):
    params = {"power": 3} if activation == "monomial" else {}
    network = da.Network([da.Dense(1.5), da.Act(activation, **params), da.Dense(1.5)])
    basis = radial_basis(network, True, 1e-6, 1e6, DEGREE)
    assert basis.nodes.size == 2
    assert np.all(np.diff(basis.degrees) > 0)
    squares = np.array([1e-12, 1e-6, 1.0, 1e6, 1e12])
    assert cross_error(basis, squares, squares) < 1e-12


@pytest.mark.parametrize("depth", [2, 5])
def test_deep_homogeneous_networks(depth):
    basis = radial_basis(da.mlp(depth, "relu", weight_std=2**0.5), True, 1e-3, 1e3, DEGREE)
    assert basis.nodes.size == 2
    assert basis.degrees.tolist() == list(range(DEGREE + 1))


def test_layer_norm_forgets_the_norm():
    network = da.Network([da.Dense(), da.LayerNorm(), da.Act("gelu"), da.Dense(bias_std=0.1)])
    basis = radial_basis(network, False, 1e-2, 1e2, DEGREE)
    assert basis.nodes.size == 2
    assert np.allclose(basis(np.array([0.01])), basis(np.array([70.0])))


def test_rows_do_not_see_one_another(basis):
    squares = np.concatenate([[0.0, 1e-9, LOW / 7, HIGH * 3, HIGH * 1e5], INSIDE[:8], [HIGH * 3.01, 0.0]])
    together = basis(squares)
    fresh = RadialBasis.from_dict(basis.to_dict(), basis.network, True)
    for i in reversed(range(squares.size)):
        assert np.array_equal(fresh(squares[i : i + 1])[0], together[i])


def test_json_round_trip_to_the_bit(basis):
    again = RadialBasis.from_dict(json.loads(json.dumps(basis.to_dict())), basis.network, True)
    squares = np.concatenate([INSIDE, [0.0, 1e-5, 1e5]])
    assert np.array_equal(again(squares), basis(squares))


def test_up_to_drops_the_higher_degrees(basis):
    cut = basis.up_to(4)
    assert cut.degree == 4
    squares = np.concatenate([INSIDE, [0.0, 1e-5, 1e5]])
    assert np.allclose(cut(squares), basis(squares)[:, basis.degrees <= 4], rtol=1e-9, atol=1e-12)


def test_norms_too_far_apart_for_one_grid():
    with pytest.raises(DualactError, match=r"norms of X reach from 0\.1 to 100 .*too far for one grid"):
        radial_basis(da.mlp(1, "sin", 3.0), True, 1e-2, 1e4, DEGREE)


def test_a_norm_out_of_range_is_named():
    network = da.Network([da.Dense(), da.Act("gaussian", amplitude=1.0, rate=0.05), da.Dense()])
    limit = network[1].activation.variance_limit
    basis = radial_basis(network, False, 0.1, 0.5, 8)
    with pytest.raises(NetworkError, match=r"layer 1 \(Act\('gaussian'\)\).*row 1"):
        basis(np.array([limit / 3, limit * 2]))


def test_a_panel_that_reaches_beyond_the_range_is_computed_row_by_row():
    network = da.Network([da.Dense(), da.Act("gaussian", amplitude=1.0, rate=0.05), da.Dense()])
    limit = network[1].activation.variance_limit
    basis = radial_basis(network, False, 0.1, 0.5, 8)
    squares = np.array([limit * 0.6, limit * 0.3])
    assert cross_error_of(basis, squares) < 1e-3
    assert np.array_equal(basis(squares)[1], basis(squares[1:])[0])


def cross_error_of(basis, squares):
    series = expand(basis.network.layers, squares, np.array([0.2]), basis.degree, basis.with_theta)
    found = basis(squares) * basis(np.array([0.2]))
    gap = [found[:, basis.degrees == k].sum(axis=1) - series[k, :, 0] for k in range(basis.degree + 1)]
    return float(np.abs(gap).max())


def test_chebyshev_nodes_and_interpolation():
    nodes = chebyshev_nodes(-1.0, 3.0, 9)
    assert nodes[0] == -1.0
    assert nodes[-1] == 3.0
    assert np.all(np.diff(nodes) > 0)
    values = np.stack([nodes**8, np.ones(9)], axis=1)
    places = np.array([-1.0, 0.1, nodes[3], 2.9])
    found = interpolate(nodes, 2.0 * nodes, values, places)
    assert np.allclose(found, np.exp(2 * places)[:, None] * np.stack([places**8, np.ones(4)], axis=1))
