"""kernel and kernel_diag: against oracles, at the edges of float64, in every form that X may have."""

from __future__ import annotations

import re

import numpy as np
import pytest
from oracles import finite_networks, oracle_kernel
from scipy import sparse

import dualact as da
from dualact import Act, Dense, LayerNorm, Network, Residual
from dualact.exact import matrices

RNG = np.random.default_rng(0)
x, y = RNG.standard_normal((2, 4))
# identical, opposite, proportional rows, and two of zeros
POINTS = np.array([x, x, -x, 3 * x, 0.1 * y, y, np.zeros(4), np.zeros(4)])
NETWORKS = {
    "relu, no bias": da.mlp(1, "relu", 1.4),
    "gelu": da.mlp(2, "gelu", 1.4, 0.3),
    "erf": da.mlp(3, "erf", 1.5, 0.1),
    "linear": Network([Dense(1.3, 0.4), Dense(0.5, 0.2)]),
    "no read-out": Network([Dense(1.2, 0.5), Act("relu")]),
    "layer norms": Network(
        [
            Dense(1.2, 0.5),
            LayerNorm(),
            Act("tanh"),
            Dense(0.7),
            Residual([Act("relu"), Dense(1.1, 0.2)]),
            LayerNorm(),
            Act("elu"),
            Dense(),
        ]
    ),
    "layer norms of nothing": Network(
        [Dense(1.2), LayerNorm(), Act("tanh"), Dense(0.7), LayerNorm(), Act("relu"), Dense()]
    ),
    "nested residuals": Network(
        [
            Dense(1.2, 0.5),
            Residual([Act("relu"), Dense(0.5, 0.1), Residual([LayerNorm(), Act("softplus"), Dense(0.8)])]),
            Act("hard_tanh"),
            Dense(0.9, 0.2),
        ]
    ),
    "pre-norm blocks": Network(
        [
            Dense(),
            Residual([Dense(0.5), Act("leaky_relu", slope=0.2), Dense(1.2, 0.3)]),
            Residual([LayerNorm(), Act("abs"), Dense()]),
            Dense(),
        ]
    ),
}


def assert_close(K, expected, tolerance=1e-10):
    """|K − expected| ≤ tolerance·√(K_ii K_jj); rows of kernel zero must be zero (the oracle's is 1e-300)."""
    root = np.sqrt(expected.diagonal())
    assert np.isfinite(K).all()
    assert np.all(np.abs(K - expected) <= tolerance * np.outer(root, root) + 1e-290)


# ------------------------------------------------------------------------------- values


@pytest.mark.parametrize("name", NETWORKS)
def test_agrees_with_brute_force(name):
    known = {}
    for kind in ("nngp", "ntk"):
        expected = oracle_kernel(NETWORKS[name], POINTS, kind=kind, known=known)
        K = da.kernel(NETWORKS[name], POINTS, kind=kind)
        assert_close(K, expected, 1e-13)
        np.testing.assert_array_equal(K, K.T)
        np.testing.assert_array_equal(K.diagonal(), da.kernel_diag(NETWORKS[name], POINTS, kind=kind))
        assert_close(da.kernel(NETWORKS[name], POINTS, POINTS, kind=kind), expected, 1e-13)
        rectangle = da.kernel(NETWORKS[name], POINTS[:2], POINTS[3:7], kind=kind)
        assert rectangle.shape == (2, 4)
        np.testing.assert_allclose(rectangle, K[:2, 3:7], rtol=1e-13, atol=1e-14)
        assert np.ptp(expected) > 0.1


def _registered():
    return [row for row in da.activations(load=True).values() if row.name == row.canonical]


@pytest.mark.parametrize("row", _registered(), ids=lambda row: row.name)
def test_every_registered_activation(row):
    act = da.activation(row.name, **dict(row.example))
    network = da.mlp(2, act, 1.2, 0.3)
    X = np.random.default_rng(1).standard_normal((3, 3)) * (0.3 if row.name == "exp" else 1.0)
    known = {}
    for kind in row.kernels:
        expected = oracle_kernel(network, X, kind=kind, known=known)
        assert_close(da.kernel(network, X, kind=kind), expected, 1e-12)
    if row.kernels == ("nngp",):
        sentence = rf"layer 1 .*: '{row.canonical}' jumps at .*no derivative.* Ask for kind='nngp', or take a"
        with pytest.raises(da.NetworkError, match=sentence):
            da.kernel(network, X)


@pytest.mark.parametrize(
    ("name", "bias"), [("relu", 0.0), ("gelu", 0.0), ("tanh", 0.0), ("erf", 0.0), ("erf", 0.5)]
)
def test_norms_from_tiny_to_huge(name, bias):
    # With a bias, rows of norm 1e-8 are collinear to rounding: smooth activations alone are conditioned.
    X = np.array([1e-8 * x, 2e-8 * y, 1e8 * x, 1e8 * (x + y)])
    network = da.mlp(2, name, 1.3, bias)
    known = {}
    for kind in ("nngp", "ntk"):
        expected = oracle_kernel(network, X, kind=kind, known=known)
        assert_close(da.kernel(network, X, kind=kind), expected)


@pytest.mark.parametrize(
    ("name", "largest"), [("sin", 10.0), ("cos", 10.0), ("rbf", 10.0), ("exp", 1.5), ("gaussian", 100.0)]
)
def test_norms_where_waves_and_exponentials_are_conditioned(name, largest):
    """Their exponents lose ε·variance; beyond that, waves have a limit and exponentials overflow."""
    X = np.array([1e-8 * x, y / 2, largest * x / np.linalg.norm(x), 0.5 * largest * y / np.linalg.norm(y)])
    network = Network([Dense(), Act(name), Dense(bias_std=0.1)])
    known = {}
    for kind in ("nngp", "ntk"):
        expected = oracle_kernel(network, X, kind=kind, known=known)
        assert_close(da.kernel(network, X, kind=kind), expected)


def test_a_dual_that_cannot_tell_rounding_from_an_angle():
    """Proportional rows reach each activation with ρ = ±1 exactly, so that a plugin need not care."""

    def angle(cov, var_u, var_v):
        return np.arccos(np.clip(cov / np.sqrt(var_u * var_v), -1, 1))

    def dual(cov, var_u, var_v):
        theta = angle(cov, var_u, var_v)
        return np.sqrt(var_u * var_v) * (np.sin(theta) + (np.pi - theta) * np.cos(theta)) / (2 * np.pi)

    textbook = da.Activation(
        "textbook",
        lambda t: np.maximum(t, 0.0),
        dual,
        lambda *c: (np.pi - angle(*c)) / (2 * np.pi),
        breakpoints=(0.0,),
    )
    X = np.outer(np.linspace(0.1, 7, 40), x)
    expected = da.kernel(da.mlp(3, "relu"), X)
    np.testing.assert_allclose(da.kernel(da.mlp(3, textbook), X), expected, rtol=1e-12)


def test_waves_of_huge_rows_are_uncorrelated():
    K = da.kernel(Network([Dense(), Act("sin")]), 1e8 * np.array([x, y, x + y]), kind="nngp")
    np.testing.assert_array_equal(K, np.eye(3) / 2)


@pytest.mark.parametrize("scale", [1e-150, 1e-100, 1e100, 1e150])
def test_homogeneous_networks_scale_without_loss(scale):
    """Products of two variances leave the range of float64 here; the kernel does not."""
    X = np.array([x, y, -y, 2 * x])
    network = da.mlp(2, "relu", 1.4)
    for kind in ("nngp", "ntk"):
        expected = da.kernel(network, X, kind=kind)
        np.testing.assert_allclose(
            da.kernel(network, scale * X, kind=kind) / scale / scale, expected, rtol=1e-12
        )
        np.testing.assert_allclose(da.kernel(network, scale * X, X, kind=kind) / scale, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("name", ["gelu", "layer norms", "nested residuals"])
def test_agrees_with_networks_of_finite_width(name, kind):
    """Random networks of width 256: five standard errors, and 2/width for what finite width itself adds."""
    network, X = NETWORKS[name], POINTS[[0, 3, 5, 6]]
    mean, error = finite_networks(network, X, kind, width=256, draws=40, seed=1)
    K = da.kernel(network, X, kind=kind)
    size = np.sqrt(np.outer(K.diagonal(), K.diagonal()))
    allowed = 5 * error + 2 / 256 * size
    assert np.all(np.abs(mean - K) <= allowed)
    assert np.all(allowed < 0.3 * size)


def test_the_tangent_kernel_counts_biases():
    """Dense, Dense: Θ = w₂²(Σ₁) + Σ₂ = 2w₁²w₂²·Σ⁰ + 2w₂²b₁² + b₂²."""
    X = np.array([[3.0, 4.0], [1.0, 2.0]])
    base = X @ X.T / 2
    network = Network([Dense(2.0, 0.5), Dense(3.0, 0.25)])
    np.testing.assert_allclose(da.kernel(network, X, kind="nngp"), 36 * base + 9 * 0.25 + 0.0625)
    np.testing.assert_allclose(da.kernel(network, X), 72 * base + 18 * 0.25 + 0.0625)


def test_a_dead_network_is_zero():
    network = Network([Dense(0.0), LayerNorm(), Act("relu"), Dense()])
    np.testing.assert_array_equal(da.kernel(network, POINTS), np.zeros((8, 8)))


def test_zero_rows_through_layer_norm_are_zero_for_either_walk():
    network = Network([Dense(), LayerNorm(), Act("cos"), Dense()])
    X = np.array([x, np.zeros(4), np.zeros(4)])
    K = da.kernel(network, X, kind="nngp")
    assert np.all(K[1:, 1:] == 1.0)  # cos(0)²
    np.testing.assert_allclose(K[0, 1:], np.exp(-0.5))
    np.testing.assert_array_equal(da.kernel(network, X, X, kind="nngp")[1:, 1:], K[1:, 1:])


# ------------------------------------------------------------------------------- forms of X


@pytest.fixture(scope="module")
def wide():
    """Rows for several blocks."""
    return np.random.default_rng(3).standard_normal((450, 7))


@pytest.mark.parametrize("name", ["gelu", "layer norms"])
def test_blocks_are_symmetric_to_the_bit(name, wide):
    network = NETWORKS[name]
    assert len(wide) ** 2 > matrices._BLOCK_ENTRIES
    K = da.kernel(network, wide)
    np.testing.assert_array_equal(K, K.T)
    np.testing.assert_array_equal(K.diagonal(), da.kernel_diag(network, wide))
    np.testing.assert_allclose(K, da.kernel(network, wide, wide), rtol=1e-10)
    assert np.linalg.eigvalsh(K).min() > -1e-10 * K.trace()


def test_threads_do_not_change_a_bit(wide, monkeypatch):
    monkeypatch.setattr(matrices, "_BLOCK_ENTRIES", 20 * 450)
    network = NETWORKS["nested residuals"]
    one = da.kernel(network, wide[:200], n_jobs=1)
    for n_jobs in (2, 5, None, -1, np.int64(2)):
        np.testing.assert_array_equal(da.kernel(network, wide[:200], n_jobs=n_jobs), one)
    np.testing.assert_array_equal(
        da.kernel(network, wide[:90], wide, n_jobs=2), da.kernel(network, wide[:90], wide, n_jobs=1)
    )


def test_the_size_of_blocks_does_not_matter(wide, monkeypatch):
    network = NETWORKS["erf"]
    whole = da.kernel(network, wide[:40])
    for entries in (1, 40 * 7, 10**9):
        monkeypatch.setattr(matrices, "_BLOCK_ENTRIES", entries)
        np.testing.assert_allclose(da.kernel(network, wide[:40]), whole, rtol=1e-13)


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
def test_sparse_is_dense(make):
    X = np.where(np.random.default_rng(4).random((30, 12)) < 0.3, 1.7, 0.0) * np.arange(1, 13)
    X[5] = 0.0
    X[6] = X[7]
    network = NETWORKS["gelu"]
    expected = da.kernel(network, X)
    np.testing.assert_allclose(da.kernel(network, make(X)), expected, rtol=1e-13)
    np.testing.assert_allclose(da.kernel(network, make(X[:4]), X), expected[:4], rtol=1e-13)
    np.testing.assert_allclose(da.kernel(network, X[:4], make(X)), expected[:4], rtol=1e-13)
    np.testing.assert_allclose(da.kernel_diag(network, make(X)), expected.diagonal(), rtol=1e-13)


def test_input_is_left_alone(wide):
    X = wide[:9].copy()
    X.setflags(write=False)
    strided = np.asfortranarray(X)
    network = NETWORKS["gelu"]
    expected = da.kernel(network, X)
    np.testing.assert_array_equal(da.kernel(network, strided), expected)
    np.testing.assert_array_equal(da.kernel(network, X.tolist()), expected)
    np.testing.assert_allclose(da.kernel(network, X.astype("float32")), expected, rtol=1e-5)
    np.testing.assert_array_equal(X, wide[:9])


def test_a_dictionary_is_a_network():
    network = NETWORKS["layer norms"]
    np.testing.assert_array_equal(da.kernel(network.to_dict(), POINTS), da.kernel(network, POINTS))
    with pytest.raises(
        da.NetworkError, match=r"network must be a Network .* or the dictionary of one. Got str"
    ):
        da.kernel("relu", POINTS)


# ------------------------------------------------------------------------------- refusals


def test_max_memory_is_refused_with_numbers():
    X = np.ones((4096, 2))
    sentence = (
        r"the kernel matrix of 4096 × 4096 rows takes 0.125 GiB, more than max_memory=0.0625 GiB\. Allow "
        "more, compute it in parts, or use SketchedNeuralKernel, whose cost is linear in the number of rows"
    )
    with pytest.raises(da.NetworkError, match=sentence):
        da.kernel(NETWORKS["gelu"], X, max_memory=2**26)
    assert da.kernel(NETWORKS["gelu"], X[:3], max_memory=72).shape == (3, 3)
    with pytest.raises(da.NetworkError, match=r"kernel matrix of 3 × 4 rows takes"):
        da.kernel(NETWORKS["gelu"], X[:3], X[:4], max_memory=95)
    for wrong in ("1GB", True):
        with pytest.raises(da.NetworkError, match=r"max_memory must be a number of bytes or None\. Got"):
            da.kernel(NETWORKS["gelu"], X[:3], max_memory=wrong)


def test_progress_goes_to_standard_error(capsys, monkeypatch):
    monkeypatch.setattr(matrices, "_BLOCK_ENTRIES", 16)
    da.kernel(NETWORKS["gelu"], POINTS, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.endswith("\rkernel: 4/4 blocks of rows, 0:00:00 left \n")
    assert shown.err.count("\r") == 4
    da.kernel(NETWORKS["gelu"], POINTS)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("n_jobs", [0, -2, 1.5, "2", True])
def test_n_jobs_is_checked(n_jobs):
    sentence = rf"n_jobs must be a positive integer, -1 or None \(all cores\)\. Got {re.escape(repr(n_jobs))}"
    with pytest.raises(da.NetworkError, match=sentence):
        da.kernel(NETWORKS["gelu"], POINTS, n_jobs=n_jobs)


@pytest.mark.parametrize("kind", ["NTK", "cntk", None, ["ntk"]])
def test_kinds_are_two(kind):
    sentence = rf"kind must be 'nngp' or 'ntk'\. Got {re.escape(repr(kind))}"
    for function in (da.kernel, da.kernel_diag):
        with pytest.raises(da.NetworkError, match=sentence):
            function(NETWORKS["gelu"], POINTS, kind=kind)


def test_widths_must_agree():
    network = NETWORKS["gelu"]
    with pytest.raises(da.NetworkError, match="X has 4 features, but Y has 3; both need the same number"):
        da.kernel(network, POINTS, POINTS[:, :3])
    fixed = Network(network, input_shape=(5,))
    for function in (da.kernel, da.kernel_diag):
        with pytest.raises(
            da.NetworkError, match=r"X has 4 features, but the network was made for input_shape=\(5,\)"
        ):
            function(fixed, POINTS)


def test_an_ill_defined_network_is_refused_before_the_data_are_read():
    with pytest.raises(da.NetworkError, match="the network has no layers"):
        da.kernel(Network([]), [[np.nan]])


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([[np.nan, 1.0]], "Input X contains NaN"),
        ([[np.inf, 1.0]], "Input X contains infinity"),
        ([1.0, 2.0], "Expected 2D array, got 1D array"),
        (np.array([[1j, 2.0]]), "Complex data not supported"),
        (np.empty((0, 3)), "Found array with 0 sample"),
        (np.empty((3, 0)), "0 feature"),
        (np.ones((2, 3, 3)), r"[XY] has the shape \(2, 3, 3\), but the network is dense .* Flatten them"),
        ([["a", "b"]], "[XY] must hold numbers.* Got text: could not convert string to float: 'a'. Encode"),
    ],
)
def test_bad_data_in_the_words_of_scikit_learn(X, words):
    network = NETWORKS["gelu"]
    for function in (da.kernel, da.kernel_diag):
        with pytest.raises(ValueError, match=words):
            function(network, X)
    with pytest.raises(ValueError, match=words.replace("Input X", "Input Y")):
        da.kernel(network, [[1.0, 2.0]], X)


def test_images_as_lists_for_a_dense_network():
    with pytest.raises(da.NetworkError, match=r"X has the shape \(1, 2, 2\), but the network is dense"):
        da.kernel(NETWORKS["gelu"], [[[1.0, 2.0], [3.0, 4.0]]])


def test_variance_beyond_what_the_activation_has_moments_for():
    network = Network([Dense(), Act("gaussian", rate=0.1), Dense()])
    X = np.array([[1.0, 1.0], [2.0, 2.0]])
    sentence = (
        r"layer 1 \(Act\('gaussian'\)\): the pre-activation variance is 4 at row 1 of X; E φ² is finite for "
        r"variances below 2\.5 only\. Scale X or the weights down\."
    )
    with pytest.raises(da.NetworkError, match=sentence):
        da.kernel(network, X)
    with pytest.raises(da.NetworkError, match=sentence):
        da.kernel_diag(network, X)
    with pytest.raises(da.NetworkError, match=sentence.replace("of X", "of Y").replace("Scale X", "Scale Y")):
        da.kernel(network, X[:1], X)
    assert np.isfinite(da.kernel(network, X[:1])).all()


def test_overflow_is_a_sentence():
    big = np.array([[1.0, 1.0], [1e200, 1.0]])
    sentence = (
        r"layer 1 \(Act\('relu'\)\): the pre-activation variance is inf at row 1 of X; it overflows\. "
        "Scale X or the weights down"
    )
    with pytest.raises(da.NetworkError, match=sentence):
        da.kernel(da.mlp(1, "relu"), big)
    with pytest.raises(da.NetworkError, match=sentence):
        da.kernel(da.mlp(1, "relu"), sparse.csr_array(big))
    with pytest.raises(
        da.NetworkError, match=r"the variance of the output overflows at row 1 of X\. Scale X or the weights"
    ):
        da.kernel(Network([Dense()]), big)
    with pytest.raises(
        da.NetworkError, match=r"layer 3 \(Act\('exp'\)\): the pre-activation variance is inf"
    ):
        da.kernel(da.mlp(2, "exp"), np.array([[30.0, 40.0]]), kind="nngp")
    with pytest.raises(da.NetworkError, match="the tangent kernel of the output overflows at row 0 of Y"):
        da.kernel(Network([Dense(1e77), Dense(1e77), Dense(0.5)]), [[0.5]], [[1.2]])
    inner = Network([Dense(), Residual([Act("exp"), Dense(), Act("exp"), Dense()]), Dense()])
    with pytest.raises(da.NetworkError, match=r"layer 1\.2 \(Act\('exp'\)\)"):
        da.kernel_diag(inner, np.array([[30.0, 40.0]]))
