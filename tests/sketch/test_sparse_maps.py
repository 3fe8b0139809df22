"""Feature maps of long sparse rows: which leaves, what error, the same features in every form."""

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from data_families import SPARSE_FAMILIES, rows_of
from scipy import sparse

import dualact as da
from dualact.errors import DualactError
from dualact.exact.inputs import mean_squares
from dualact.sketch.feature_map import FeatureMap
from dualact.sketch.planning import SketchPlan, plan_features
from dualact.sketch.sample import can_split, draw_sample, split_along_main_direction
from dualact.sketch.terms import mixed, radial_powers, tilted

RELU = da.mlp(2, "relu", weight_std=2**0.5)
GELU = da.mlp(1, "gelu", weight_std=1.4, bias_std=0.2)


def short(name, n=200, d=3000):
    """Rows of a family, folded so that they can be made dense."""
    X = rows_of(name, n).tocoo()
    X = sparse.csr_matrix((X.data, (X.row, X.col % d)), (n, d))
    X.sum_duplicates()
    return X


def series_kernel(plan, X):
    X = X.toarray()
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    along = np.zeros(len(X)) if plan.direction is None else unit @ plan.direction
    across = unit @ unit.T - np.outer(along, along)
    functions, tail = plan.basis(mean_squares(X)), plan.tail(mean_squares(X))
    total = np.zeros((len(X), len(X)))
    for term in plan.terms:
        a = mixed(radial_powers(plan.basis, functions, along, term.degree), term.mixing)
        a = tilted(a, term.tilt, tail)
        total += (a @ a.T) * across**term.degree
    return total


@pytest.mark.parametrize("family", SPARSE_FAMILIES)
@pytest.mark.parametrize(("network", "m"), [(RELU, 256), (GELU, 1024)], ids=["relu", "gelu"])
def test_the_predicted_error_is_the_measured_one(family, network, m):
    """Over 8 seeds the root mean square is .99 to 1.04 of it; of one .97 to 1.1, heavy pairs .5 to 2.4."""
    X = rows_of(family)
    plan = plan_features(network, "ntk", X, n_components=m)
    assert plan.spread == 4
    K = da.kernel(network, X)
    seeds = 6 if family == "heavy pairs" else 2
    maps = (FeatureMap(plan, seed, np.float64).transform(X) for seed in range(seeds))
    found = np.sqrt(np.mean([da.metrics.relative_error(K, Z) ** 2 for Z in maps]))
    assert found / 1.5 < plan.predicted_error < 1.5 * found
    assert 0 < plan.truncation < plan.predicted_error < 1


@pytest.mark.parametrize("family", ["words", "word counts"])
def test_unbiased(family):
    """The mean over 60 seeds is the plan's series: mean of z² over pairs near 1, no |z| beyond 5."""
    X = short(family)
    plan = plan_features(RELU, "ntk", X, n_components=300)
    assert (plan.direction is not None) == (family == "word counts")
    X = X[:25]
    grams = np.stack([Z @ Z.T for Z in (FeatureMap(plan, s, np.float64).transform(X) for s in range(60))])
    deviation = grams.std(axis=0, ddof=1)
    z = (grams.mean(axis=0) - series_kernel(plan, X)) / deviation * 60**0.5
    assert np.mean(z**2) < 2.5
    assert np.abs(z).max() < 5


def test_leaves_are_chosen_by_the_data():
    X = short("words")
    assert plan_features(RELU, "ntk", X, n_components=300).spread == 4
    assert (
        plan_features(RELU, "ntk", X, n_components=2000).spread == 0
    )  # too few features for so many columns
    assert plan_features(RELU, "ntk", X.toarray(), n_components=300).spread == 0
    assert plan_features(RELU, "ntk", rows_of("sparse", 100), n_components=64).spread == 4
    assert plan_features(RELU, "ntk", rows_of("sparse", 100), n_components=300).spread == 0


@pytest.mark.parametrize("family", ["words", "word counts"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_features_in_every_form_chunk_and_thread(family, dtype):
    X = short(family, 1100)
    X = sparse.vstack([X, sparse.csr_matrix((3, 3000)), 1e4 * X[:5], 1e-4 * X[:5]], format="csr").astype(
        dtype
    )
    plan = plan_features(GELU, "ntk", X, n_components=200)
    assert plan.spread == 4
    features = FeatureMap(plan, 5, dtype)
    whole = features.transform(X, 1)
    compiled = features.sketch._program is not None
    equal = np.array_equal if compiled else (lambda a, b: np.allclose(a, b, rtol=1e-4, atol=1e-6))
    assert whole.dtype == dtype
    assert np.all(np.isfinite(whole))
    assert whole.any(axis=0).all()
    for form in (X.toarray(), sparse.csr_array(X), X[np.arange(X.shape[0])]):
        assert equal(features.transform(form, 1), whole)
    for jobs in (None, 2, 3):
        assert equal(features.transform(X, jobs), whole)
    for size in (1, 7, 1000):
        rows = range(0, 60 if size == 1 else X.shape[0], size)
        assert equal(
            np.concatenate([features.transform(X[i : i + size], 1) for i in rows]), whole[: rows.stop]
        )
    unsorted = X.copy()
    for start, stop in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        unsorted.indices[start:stop] = X.indices[start:stop][::-1]
        unsorted.data[start:stop] = X.data[start:stop][::-1]
    unsorted.has_sorted_indices = False
    assert equal(features.transform(unsorted, 1), whole)
    wide = sparse.csr_matrix((X.data, X.indices, X.indptr), X.shape)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    assert equal(features.transform(wide, 1), whole)


def test_plan_and_seed_fix_the_map():
    X = rows_of("word counts", 300)
    plan = plan_features(RELU, "ntk", X, n_components=256)
    text = json.dumps(plan.to_dict())
    again = SketchPlan.from_dict(json.loads(text))
    assert (again.spread, again.to_dict()) == (4, plan.to_dict())
    assert np.array_equal(again.direction, plan.direction)
    assert len(text) < 400_000  # the direction with its zeros would be twice as long
    assert np.array_equal(FeatureMap(again, 1, "f4").transform(X), FeatureMap(plan, 1, "f4").transform(X))
    assert "main direction of the data, sparse leaves (4 slots a coordinate)" in str(plan)
    assert "sparse leaves" not in str(replace(plan, spread=0))


def test_sparse_rows_through_dense_leaves_and_back():
    """Whatever the plan says, all forms of a row have its features."""
    X = short("word counts", 60)
    plan = replace(plan_features(RELU, "ntk", X, n_components=256), spread=0)
    features = FeatureMap(plan, 0, np.float64)
    assert np.array_equal(features.transform(X), features.transform(X.toarray()))


def test_exact_degrees_of_sparse_leaves():
    """A plan may have them, though none is made so: they read dense rows."""
    X = rows_of("sparse", 80)
    plan = plan_features(GELU, "ntk", X, n_components=1200)
    assert any(t.exact for t in plan.terms if t.degree)
    sparse_plan = replace(plan, spread=2)
    rows = X[:30]
    K = series_kernel(plan, rows)
    errors = [
        np.linalg.norm(Z @ Z.T - K)
        for Z in (FeatureMap(sparse_plan, s, "f8").transform(rows) for s in (0, 1))
    ]
    assert max(errors) < 0.2 * np.linalg.norm(K)


@pytest.mark.parametrize("family", SPARSE_FAMILIES)
def test_split_of_sparse_rows_is_that_of_dense_ones(family):
    X = short(family, 90)
    sample, unit = draw_sample(X)
    dense, unit_dense = draw_sample(X.toarray())
    assert can_split(replace(sample, spread=4), unit)
    assert not can_split(sample, unit)
    one = split_along_main_direction(replace(sample, spread=4), unit)
    two = split_along_main_direction(dense, unit_dense)
    for name in ("along", "direction", "fourth", "across"):
        assert np.allclose(getattr(one, name), getattr(two, name), atol=1e-9)
    assert one.spread == 4


def test_long_directions_keep_their_largest_entries():
    X = rows_of("word counts", 512)
    sample, unit = draw_sample(X)
    split = split_along_main_direction(replace(sample, spread=4), unit)
    assert np.count_nonzero(split.direction) == 4096
    assert np.linalg.norm(split.direction) == pytest.approx(1)
    rest = unit.toarray() - split.along[:, None] * split.direction
    assert np.allclose(split.fourth, rest**2 @ (rest**2).T, atol=1e-12)
    assert np.allclose(split.across, rest @ rest.T, atol=1e-12)


def test_rows_without_an_entry():
    X = sparse.csr_matrix((20, 5000))
    for network in (RELU, GELU):
        plan = plan_features(network, "ntk", X, n_components=100)
        Z = FeatureMap(plan, 0, np.float64).transform(X)
        assert np.allclose(Z @ Z.T, da.kernel(network, X), rtol=1e-9, atol=1e-12)


def test_memory_of_a_million_features():
    """Output and a block: nothing of the size of a dense row times anything but one."""
    rng = np.random.default_rng(0)
    n, d, m = 1024, 10**6, 256
    indices = rng.integers(0, d, (n, 60)) // (1 + rng.integers(0, 10**5, (n, 60)))
    X = sparse.csr_matrix((np.ones(60 * n, "f4"), indices.ravel(), np.arange(n + 1) * 60), (n, d))
    plan = plan_features(RELU, "ntk", X, n_components=m)
    assert plan.spread == 4
    assert plan.direction is not None
    tracemalloc.start()
    features = FeatureMap(plan, 0, np.float32)
    Z = features.transform(X, 1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < Z.nbytes + 2 * d * 8
    assert da.metrics.relative_error(da.kernel(RELU, X[:200]), Z[:200]) < 2 * plan.predicted_error


def test_estimator():
    X = rows_of("words", 300).astype(np.float32)
    made = da.SketchedNeuralKernel(RELU, n_components=128, random_state=0).fit(X)
    assert made.plan_.spread == 4
    Z = made.transform(X)
    assert Z.dtype == np.float32
    again = da.SketchedNeuralKernel.from_plan(made.plan_.to_dict(), random_state=made.seed_)
    assert np.array_equal(again.transform(X.toarray()), Z)


@pytest.mark.parametrize("params", [{"degree": 4}, {"degree": 3, "coef0": 0.5}, {"degree": 30, "coef0": 0.1}])
@pytest.mark.parametrize("family", ["words", "word counts"])
def test_polynomial_kernels(params, family):
    """Sparse leaves there too: the predicted error, the same features of dense rows and from a plan."""
    X = short(family)
    X = X / np.sqrt(X.multiply(X).sum(axis=1).max())
    made = da.PolynomialSketch(n_components=24 if params["degree"] == 30 else 300, random_state=0, **params)
    Z = made.fit_transform(X)
    plan = made.plan_
    assert plan.spread == 4
    assert (plan.constant > 0) == (params["degree"] == 30)
    assert "sparse leaves (4 slots a coordinate)" in str(plan)
    K = ((X @ X.T).toarray() + params.get("coef0", 0.0)) ** params["degree"]
    assert da.metrics.relative_error(K, Z) < 2 * plan.predicted_error
    again = da.PolynomialSketch.from_plan(json.loads(json.dumps(plan.to_dict())), made.seed_)
    assert np.array_equal(again.transform(X.toarray()), Z)


@pytest.mark.parametrize("family", ["words", "word counts"])
def test_residual_variance(family):
    """K(x, x) less the diagonal of the series, whichever leaves the map has."""
    X = short(family)
    made = da.SketchedNeuralKernel(RELU, n_components=300, random_state=0).fit(X)
    assert made.plan_.spread == 4
    expected = da.kernel_diag(RELU, X) - series_kernel(made.plan_, X).diagonal()
    found = made.residual_variance(X)
    assert np.allclose(found, np.maximum(expected, 0.0), atol=1e-9 * da.kernel_diag(RELU, X).max())
    assert found.any()
    assert np.allclose(made.residual_variance(X.toarray()), found, rtol=1e-9)


def test_long_sparse_rows():
    """Norms that overflow are refused as those of dense rows are; those that do not are no trouble."""
    X = rows_of("words", 60)
    power = da.PolynomialSketch(degree=6, n_components=100, random_state=0).fit(X)
    assert power.plan_.spread == 4
    with pytest.raises(DualactError, match=r"overflow float32: rows have norms of up to .*pass X as float64"):
        power.transform((X * 1e30).astype(np.float32))
    assert np.allclose(power.transform(X * 1e30) / 1e180, power.transform(X), rtol=1e-9)
    network = da.SketchedNeuralKernel(RELU, n_components=100, random_state=0)
    far = 1.7e308 / abs(X).max() * X
    for made in (power, network.fit(X)):
        with pytest.raises(DualactError, match=r"overflow.*[Ss]cale X down"):
            made.transform(far)
    for estimator in (network, da.PolynomialSketch()):
        with pytest.raises(DualactError, match=r"overflows(\. S|; s)cale X "):
            estimator.fit(far)
