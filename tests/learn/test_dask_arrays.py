"""Dask arrays: lazy features, statistics in a tree, a worker that dies."""

import os
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone

import dualact as da
from dualact.errors import DualactError

array = pytest.importorskip("dask.array", reason="dask is not installed (extra 'dask')")
distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed (extra 'dask')")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((240, 5))
y = np.sin(X @ np.arange(5.0))
W = RNG.random(240)
LABELS = np.array(["low", "mid", "high"])[np.digitize(y, [-0.5, 0.5])]
FEATURES = da.SketchedNeuralKernel(da.mlp(1, "relu"), n_components=40, random_state=0).fit(X)
LAZY = array.from_array(X, chunks=(50, 5))


def relative(found, expected):
    return np.abs(np.asarray(found) - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("cut", [(50, 5), (1000, 5), (70, 2), ((1, 100, 139), 5)], ids=str)
def test_features_are_lazy_and_cut_as_the_rows(dtype, cut):
    rows = np.round(3 * X).astype(dtype)
    Z = FEATURES.transform(array.from_array(rows, chunks=cut))
    expected = FEATURES.transform(rows)
    assert isinstance(Z, array.Array)
    assert Z.shape == expected.shape
    assert Z.dtype == expected.dtype
    assert Z.chunks == (array.from_array(rows, chunks=cut).chunks[0], (40,))
    assert np.array_equal(Z.compute(scheduler="sync"), expected)


def test_nothing_is_computed_before_it_is_asked_for():
    def never(block):
        raise AssertionError("computed")

    lazy = LAZY.map_blocks(never, dtype=float, meta=np.empty((0, 0)))
    Z = FEATURES.transform(lazy)
    prediction = da.StreamingRidge().fit(FEATURES.transform(X), y).predict(Z)
    assert prediction.shape == (240,)
    with pytest.raises(AssertionError, match="computed"):
        Z.compute(scheduler="sync")


def test_a_map_is_designed_on_the_same_rows():
    again = da.SketchedNeuralKernel(da.mlp(1, "relu"), n_components=40, random_state=0)
    assert again.design(LAZY).to_dict() == FEATURES.plan_.to_dict()
    assert again.fit(LAZY).plan_.to_dict() == FEATURES.plan_.to_dict()
    assert np.array_equal(again.transform(X), FEATURES.transform(X))


@pytest.mark.parametrize(
    "maker",
    [
        da.PolynomialSketch(degree=3, coef0=0.5, n_components=40, random_state=0),
        da.SketchedNeuralKernel(da.mlp(1, "relu"), n_components=40, random_state=0),
    ],
    ids=["polynomial", "network"],
)
def test_a_sample_stands_for_all_rows(maker):
    """More rows than the design looks at: it knows of how many they are a sample."""
    rows = np.concatenate([X * s for s in (1.0, 0.5, 2.0, 3.0)])
    lazy = array.from_array(rows, chunks=(200, 3))
    made, whole = clone(maker).fit(lazy), clone(maker).fit(rows)
    assert made.plan_.to_dict() == whole.plan_.to_dict()
    Z = made.transform(lazy)
    assert Z.chunks == ((200,) * 4 + (160,), (40,))
    assert np.array_equal(Z.compute(scheduler="sync"), whole.transform(rows))


def test_residual_variances_are_lazy():
    found = FEATURES.residual_variance(LAZY)
    assert isinstance(found, array.Array)
    assert found.chunks == (LAZY.chunks[0],)
    assert np.array_equal(found.compute(scheduler="sync"), FEATURES.residual_variance(X))


@pytest.mark.parametrize(
    "weights", [None, W, 2.0, array.from_array(W, chunks=100)], ids=["no", "np", "one", "dask"]
)
@pytest.mark.parametrize("rows", [17, 240])
@pytest.mark.parametrize("target", [y, np.stack([y, X[:, 0]], axis=1)], ids=["flat", "two"])
def test_a_tree_is_a_fit(rows, weights, target):
    Z = FEATURES.transform(array.from_array(X, chunks=(rows, 5)))
    plain = np.asarray(weights) if isinstance(weights, array.Array) else weights
    whole = da.StreamingRidge(alphas=1e-3).fit(np.asarray(Z), target, plain)
    for lazy in (target, array.from_array(target, chunks=-1)):
        tree = da.StreamingRidge(alphas=1e-3).fit(Z, lazy, weights)
        assert relative(tree.predict(FEATURES.transform(X)), whole.predict(FEATURES.transform(X))) < 1e-10
    again = da.StreamingRidge(alphas=1e-3).fit(Z, target, weights)
    assert np.array_equal(again.coef_, tree.coef_)  # the order of the sums is fixed
    prediction = tree.predict(Z)
    assert isinstance(prediction, array.Array)
    assert prediction.shape == target.shape
    assert relative(prediction, whole.predict(np.asarray(Z))) < 1e-10


@pytest.mark.parametrize("labels", [LABELS, LABELS == "low"], ids=["three", "two"])
def test_classifiers(labels):
    Z = FEATURES.transform(LAZY)
    whole = da.StreamingRidgeClassifier(alphas=1e-2).fit(np.asarray(Z), labels)
    tree = da.StreamingRidgeClassifier(alphas=1e-2).fit(Z, array.from_array(labels, chunks=50))
    assert np.array_equal(tree.classes_, whole.classes_)
    assert relative(tree.decision_function(Z), whole.decision_function(np.asarray(Z))) < 1e-10
    lazy = tree.predict(Z)
    assert lazy.dtype == labels.dtype
    assert np.array_equal(lazy.compute(), whole.predict(np.asarray(Z)))
    ordered = np.argsort(labels, kind="stable")  # blocks that lack classes
    late = da.StreamingRidgeClassifier(alphas=1e-2).fit(Z.compute()[ordered], labels[ordered])
    assert relative(late.coef_, whole.coef_) < 1e-9


def test_unknown_and_empty_blocks():
    known = LAZY[:, 0] > 0
    rows, target = LAZY[known], array.from_array(y, chunks=50)[known]
    whole = da.StreamingRidge(alphas=1.0).fit(X[X[:, 0] > 0], y[X[:, 0] > 0])
    assert relative(da.StreamingRidge(alphas=1.0).fit(rows, target).coef_, whole.coef_) < 1e-12
    with pytest.raises(
        DualactError, match=r"does not know the sizes of its blocks.* 5 and 1. Call X.compute_chunk"
    ):
        da.StreamingRidge().fit(rows, y[X[:, 0] > 0])
    with pytest.raises(DualactError, match=r"does not know its number of rows.*compute_chunk_sizes"):
        da.SketchedNeuralKernel().fit(rows)
    assert FEATURES.transform(rows).compute().shape == ((X[:, 0] > 0).sum(), 40)
    some = array.concatenate([LAZY[:0], LAZY])
    assert (
        relative(
            da.StreamingRidge(alphas=1.0).fit(some, y).coef_, da.StreamingRidge(alphas=1.0).fit(X, y).coef_
        )
        < 1e-12
    )
    with pytest.raises(DualactError, match="The dask array X has no rows"):
        da.StreamingRidge().fit(LAZY[:0], y[:0])


def test_arrays_that_are_refused():
    spoilt = X.copy()
    spoilt[120, 0] = np.nan
    model = da.StreamingRidge()
    with pytest.raises(DualactError, match="block 2 of the rows of X: Input X contains NaN"):
        model.fit(array.from_array(spoilt, chunks=(50, 5)), y)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        FEATURES.transform(array.from_array(spoilt, chunks=(50, 5))).compute(scheduler="sync")
    with pytest.raises(DualactError, match="X has 3 features, but SketchedNeuralKernel is expecting 5"):
        FEATURES.transform(LAZY[:, :3])
    with pytest.raises(DualactError, match=r"Expected a dask array of 2 dimensions.* Got 1"):
        FEATURES.transform(LAZY[:, 0])
    with pytest.raises(DualactError, match="X has 240 rows, and y or sample_weight 239"):
        model.fit(LAZY, y[:-1])
    with pytest.raises(DualactError, match="residual_variance is not taken with dask arrays"):
        da.StreamingRidge(alphas=1.0).fit(LAZY, y, residual_variance=W)
    with pytest.raises(DualactError, match=r"return_std=True\) takes no dask array"):
        model.fit(LAZY, y).predict(LAZY, return_std=True)
    with pytest.raises(DualactError, match="needs all labels at once"):
        da.StreamingRidgeClassifier(class_weight="balanced").fit(LAZY, LABELS)


def slow_and_once_deadly(block, flag):
    """Takes its time; on the fourth block to come it kills its worker, once."""
    time.sleep(0.05)
    with (flag.parent / "calls").open("a") as calls:
        calls.write(".")
    if len((flag.parent / "calls").read_text()) >= 4 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), 9)
    return block


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_worker_killed_during_the_run(tmp_path):
    rows = array.from_array(np.tile(X, (5, 1)), chunks=(60, 5))
    target = np.tile(y, 5)
    whole = da.StreamingRidge(alphas=1e-3).fit(FEATURES.transform(np.tile(X, (5, 1))), target)
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(tmp_path),
        ) as cluster,
        distributed.Client(cluster),
    ):
        flag = tmp_path / "died"
        lazy = FEATURES.transform(rows).map_blocks(slow_and_once_deadly, Path(flag), dtype=float)
        model = da.StreamingRidge(alphas=1e-3).fit(lazy, target)
        assert flag.exists()
    found, expected = (m.predict(FEATURES.transform(X)) for m in (model, whole))
    assert relative(found, expected) < 1e-12


def part(rows):
    return da.StreamingRidge(alphas=1e-3).partial_fit(FEATURES.transform(X[rows]), y[rows])


def deadly(rows, flag):
    if rows.start == 120 and not os.path.exists(flag):
        Path(flag).touch()
        os.kill(os.getpid(), 9)
    return part(rows)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_joblib_and_a_worker_lost(tmp_path):
    cuts = [slice(i, i + 40) for i in range(0, 240, 40)]
    parts = Parallel(n_jobs=2)(delayed(part)(rows) for rows in cuts)
    model = da.StreamingRidge(alphas=1e-3)
    for one in parts:
        model.merge(one)
    whole = da.StreamingRidge(alphas=1e-3).fit(FEATURES.transform(X), y)
    assert relative(model.coef_, whole.coef_) < 1e-9
    flag = tmp_path / "died"
    with pytest.raises(joblib.externals.loky.process_executor.TerminatedWorkerError):
        Parallel(n_jobs=2)(delayed(deadly)(rows, str(flag)) for rows in cuts)
    parts = Parallel(n_jobs=2)(delayed(deadly)(rows, str(flag)) for rows in cuts)
    again = da.StreamingRidge(alphas=1e-3)
    for one in parts:
        again.merge(one)
    assert np.array_equal(again.coef_, model.coef_)
