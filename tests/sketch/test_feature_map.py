"""The feature map: unbiased, of the variance it says, the same for a row wherever it stands."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from data_families import rows_of
from scipy import sparse

import dualact as da
from dualact.errors import DualactError
from dualact.exact.inputs import mean_squares
from dualact.sketch.feature_map import FeatureMap
from dualact.sketch.planning import plan_features
from dualact.sketch.terms import mixed, radial_powers

NETWORKS = {
    "relu": da.mlp(2, "relu", weight_std=2**0.5),
    "gelu": da.mlp(3, "gelu", weight_std=1.4, bias_std=0.2),
}
CASES = [("digits", "relu"), ("digits centred", "gelu"), ("gaussian 9", "gelu"), ("ragged norms", "relu")]


def plan_of(family, network, m=256, rows=120):
    return plan_features(NETWORKS[network], "ntk", rows_of(family, rows).astype(float), n_components=m)


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request):
    family, network = request.param
    return plan_of(family, network), rows_of(family, 200).astype(float)


def series_kernel(plan, X):
    norms = np.linalg.norm(X, axis=1)
    unit = X / np.where(norms > 0, norms, 1)[:, None]
    along = np.zeros(len(X)) if plan.direction is None else unit @ plan.direction
    across = unit @ unit.T - np.outer(along, along)
    functions = plan.basis(mean_squares(X))
    total = np.zeros((len(X), len(X)))
    for term in plan.terms:
        a = mixed(radial_powers(plan.basis, functions, along, term.degree), term.mixing)
        total += (a @ a.T) * across**term.degree
    return total


def same(features, other):
    """To the bit in the compiled path, to rounding elsewhere."""
    sketch = features.sketch
    if sketch is None or sketch._program is not None:
        return np.array_equal
    return lambda a, b: np.allclose(a, b, rtol=1e-9, atol=1e-9 * np.abs(other).max())


def test_unbiased(case):
    """The mean over 60 seeds is the plan's series: mean of z² over pairs near 1, no |z| beyond 5."""
    plan, X = case
    X = X[:25]
    grams = np.stack([Z @ Z.T for Z in (FeatureMap(plan, s, np.float64).transform(X) for s in range(60))])
    K = series_kernel(plan, X)
    deviation = grams.std(axis=0, ddof=1)
    noisy = deviation > 1e-9 * np.abs(K).max()
    z = (grams.mean(axis=0) - K)[noisy] / deviation[noisy] * 60**0.5
    assert noisy.any()
    assert np.mean(z**2) < 2.5
    assert np.abs(z).max() < 5
    assert np.allclose(grams.mean(axis=0)[~noisy], K[~noisy], rtol=1e-7)


def test_mean_square_error_falls_as_one_over_the_columns():
    """One sketched degree, E φφ = 2c² + pq for φ(t) = t²: error² times columns stays the same."""
    X = rows_of("gaussian 64", 60)
    net = da.Network([da.Dense(), da.Act("monomial", power=2)])
    designed = plan_features(net, "nngp", X, n_components=64, degree=2)
    K = series_kernel(designed, X)
    products = []
    for width in (64, 128, 256):
        terms = tuple(replace(t, width=width if t.width else 0) for t in designed.terms)
        plan = replace(designed, terms=terms, n_components=sum(t.columns(64) for t in terms))
        maps = (FeatureMap(plan, s, np.float64).transform(X) for s in range(20))
        products.append(width * np.mean([np.mean((Z @ Z.T - K) ** 2) for Z in maps]) / np.mean(K**2))
    assert np.ptp(products) < 0.3 * products[-1]
    assert products[-1] > 0.1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_rows_same_features_in_every_chunk(case, dtype):
    plan, X = case
    R = np.concatenate([X, np.zeros((3, X.shape[1])), X[:40] * 1e4, X[:40] * 1e-4]).astype(dtype)
    features = FeatureMap(plan, 5, dtype)
    whole = features.transform(R, 1)
    equal = same(features, whole)
    assert np.all(np.isfinite(whole))
    for size in (1, 7, 100):
        chunks = [FeatureMap(plan, 5, dtype).transform(R[:size], 1)] + [
            features.transform(R[i : i + size], 1) for i in range(size, len(R), size)
        ]
        assert equal(np.concatenate(chunks), whole)
    for jobs in (None, 2, 3):
        assert equal(features.transform(R, jobs), whole)
    assert equal(features.transform(R[::-1], 1)[::-1], whole)


def test_single_precision_is_double_precision_rounded(case):
    plan, X = case
    double = FeatureMap(plan, 1, np.float64).transform(X)
    single = FeatureMap(plan, 1, np.float32).transform(X.astype(np.float32))
    assert single.dtype == np.float32
    size = np.linalg.norm(double, axis=1, keepdims=True)
    assert (np.abs(single - double) / size).max() < 1e-5


def test_seeds_differ_and_repeat(case):
    plan, X = case
    one, again, other = (FeatureMap(plan, s, np.float64).transform(X[:20]) for s in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.allclose(one, other)


@pytest.mark.parametrize("network", ["relu", "gelu"])
def test_sparse_rows(network):
    X = rows_of("sparse", 150)
    plan = plan_features(NETWORKS[network], "ntk", X, n_components=700)
    features = FeatureMap(plan, 0, np.float64)
    dense = features.transform(X.toarray(), 1)
    for form in (X, sparse.csr_array(X)):
        assert np.array_equal(features.transform(form, 1), dense)
        assert np.array_equal(features.transform(form, 2), dense)


@pytest.mark.parametrize("network", ["relu", "gelu"])
def test_rows_of_extreme_norms(network):
    """Outside the grid, down to denormals: finite, right in the diagonal where exact degrees carry it."""
    X = rows_of("gaussian 9", 120)
    net = NETWORKS[network]
    plan = plan_features(net, "ntk", X, n_components=2000)
    u = X[0] / np.linalg.norm(X[0])
    R = np.stack([0 * u, 5e-324 * np.ones(9), 1e-310 * u, 1e-150 * u, 1e-8 * u, 1e8 * u, 1e60 * u])
    Z = FeatureMap(plan, 0, np.float64).transform(R)
    assert np.all(np.isfinite(Z))
    found, expected = (Z**2).sum(axis=1), da.kernel_diag(net, R)
    if network == "relu":
        assert not Z[:3].any()
        assert np.allclose(found[4:], expected[4:], rtol=0.1)
    else:  # with biases every short row is a zero row
        assert np.allclose(found[:5], expected[:5], rtol=0.02)
        assert np.allclose(found[5:], expected[5:], rtol=0.3)
        assert np.all(found <= expected * 1.02)
    single = FeatureMap(plan, 0, np.float32).transform(R[[0, 4, 5]].astype(np.float32))
    assert np.all(np.isfinite(single))


def test_norms_whose_square_overflows():
    plan = plan_of("gaussian 9", "relu")
    with pytest.raises(DualactError, match="norm whose square overflows; scale X down"):
        FeatureMap(plan, 0, np.float64).transform(np.full((2, 9), 1e200))


@pytest.mark.parametrize(
    "form",
    [
        np.asfortranarray,
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: np.repeat(X, 3, axis=0)[::3],
        lambda X: np.ascontiguousarray(X[::-1])[::-1],
    ],
    ids=["fortran", "strided columns", "strided rows", "reversed"],
)
def test_any_memory_layout(case, form):
    plan, X = case
    features = FeatureMap(plan, 0, np.float64)
    assert np.array_equal(features.transform(form(X)), features.transform(X))


def test_read_only_rows_are_left_alone(case):
    plan, X = case
    frozen = X.copy()
    frozen.setflags(write=False)
    expected = FeatureMap(plan, 0, np.float64).transform(X)
    assert np.array_equal(FeatureMap(plan, 0, np.float64).transform(frozen), expected)
    assert np.array_equal(frozen, X)


@pytest.mark.parametrize("rows", [0, 1])
def test_few_rows(case, rows):
    plan, X = case
    Z = FeatureMap(plan, 0, np.float64).transform(X[:rows])
    assert Z.shape == (rows, plan.n_components)
    assert np.array_equal(Z, FeatureMap(plan, 0, np.float64).transform(X)[:rows])


def test_one_feature():
    X = np.array([[-2.0], [-0.5], [0.0], [1.0], [3.0]])
    net = da.mlp(1, "leaky_relu", bias_std=0.0)
    plan = plan_features(net, "ntk", X, n_components=8)
    Z = FeatureMap(plan, 0, np.float64).transform(X)
    assert np.allclose(Z @ Z.T, da.kernel(net, X), rtol=1e-6, atol=1e-12)
    assert not Z[:, 2:].any()


_SCRIPT = """
import hashlib, sys
import dualact as da, numpy as np
from dualact.sketch.feature_map import FeatureMap
from dualact.sketch.planning import plan_features
X = np.random.default_rng(0).standard_normal((30, 20))
plan = plan_features(da.mlp(2, "relu"), "ntk", X, n_components=300)
np.save(sys.argv[1], FeatureMap(plan, 7, np.float64).transform(X))
"""


def test_with_and_without_the_compiled_path(tmp_path):
    """DUALACT_NO_C: NumPy does the work, to rounding the same."""
    results = []
    for name, extra in (("c", {}), ("numpy", {"DUALACT_NO_C": "1"})):
        path = str(tmp_path / f"{name}.npy")
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **extra}
        subprocess.run([sys.executable, "-c", _SCRIPT, path], check=True, env=environment)
        results.append(np.load(path))
    assert np.allclose(*results, rtol=1e-9, atol=1e-10)
