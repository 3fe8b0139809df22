"""SketchedNeuralKernel(method="monomials")."""

import json
import pickle

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline

import dualact as da
from dualact.errors import DualactError, NetworkError
from dualact.sketch.planning import SketchPlan
from dualact.sketch.principal.fitting import ROWS
from dualact.sketch.principal.planning import PrincipalPlan

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = DIGITS[:600] / 16
NET = da.mlp(1, "relu", weight_std=2**0.5, bias_std=0.1)


def made(**options):
    return da.SketchedNeuralKernel(NET, **{"n_components": 128, "method": "monomials"} | options)


FITTED = made(random_state=0).fit(DIGITS)
Z = FITTED.transform(DIGITS)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
def test_features_approximate_the_kernel_from_below(kind):
    fitted = made(kind=kind, n_components=512).fit(DIGITS)
    found, K = fitted.transform(DIGITS[:200]), da.kernel(NET, DIGITS[:200], kind=kind)
    assert isinstance(fitted.plan_, PrincipalPlan)
    assert found.shape == (200, 512)
    assert da.metrics.relative_error(K, found) < 0.02
    assert np.linalg.eigvalsh(K - found @ found.T)[0] > -1e-6 * np.trace(K)


def test_a_saved_plan_makes_the_same_features():
    text = json.dumps(FITTED.plan_.to_dict())
    for seed in (0, 7):
        again = da.SketchedNeuralKernel.from_plan(json.loads(text), random_state=seed)
        assert again.method == "monomials"
        assert again.transform(DIGITS).tobytes() == Z.tobytes()
        assert again.n_features_in_ == 64
    assert str(again.plan_) == str(FITTED.plan_)


def test_pickles(tmp_path):
    again = pickle.loads(pickle.dumps(FITTED))
    assert again.transform(DIGITS).tobytes() == Z.tobytes()
    joblib.dump(FITTED, tmp_path / "features")
    assert joblib.load(tmp_path / "features").transform(DIGITS).tobytes() == Z.tobytes()


def test_no_seed_counts():
    for seed in (None, 1, np.random.RandomState(3)):
        np.testing.assert_array_equal(clone(FITTED).set_params(random_state=seed).fit_transform(DIGITS), Z)


def test_jobs_sparse_rows_and_dtypes():
    np.testing.assert_array_equal(made(n_jobs=1).fit_transform(DIGITS), Z)
    rows = sparse.csr_matrix(DIGITS)
    np.testing.assert_allclose(FITTED.transform(rows), Z, atol=1e-12)
    np.testing.assert_allclose(made().fit_transform(rows), Z, atol=1e-5 * np.abs(Z).max())
    narrow = FITTED.transform(DIGITS.astype(np.float32))
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, Z, atol=1e-5 * np.abs(Z).max())


def test_a_data_frame_and_names():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(DIGITS, columns=[f"pixel {i}" for i in range(64)])
    fitted = made(n_components=5).set_output(transform="pandas").fit(frame)
    found = fitted.transform(frame)
    assert list(found.columns) == [f"sketchedneuralkernel{i}" for i in range(5)]
    assert list(fitted.feature_names_in_) == list(frame.columns)


def test_what_is_left_out_of_the_diagonal():
    left = FITTED.residual_variance(DIGITS)
    diagonal = da.kernel_diag(NET, DIGITS)
    np.testing.assert_allclose(left, diagonal - (Z**2).sum(axis=1), atol=1e-9 * diagonal.max())
    assert left.min() > 0
    more = made(n_components=512).fit(DIGITS).residual_variance(DIGITS)
    assert (more <= left + 1e-9).all()
    assert 1 - left.sum() / diagonal.sum() == pytest.approx(FITTED.plan_.kept, rel=1e-3)


def test_compressed():
    fitted = made(n_components=64, compress=4, random_state=0).fit(DIGITS)
    found = fitted.transform(DIGITS)
    assert isinstance(fitted.plan_.wide, PrincipalPlan)
    assert fitted.plan_.wide.n_components == 256
    K = da.kernel(NET, DIGITS)
    plain = da.metrics.relative_error(K, made(n_components=64).fit_transform(DIGITS))
    assert da.metrics.relative_error(K, found) < 0.7 * plain
    # Compressing is a projection of features that are below the kernel already.
    assert np.linalg.eigvalsh(K - found @ found.T)[0] > -1e-6 * np.trace(K)
    again = da.SketchedNeuralKernel.from_plan(json.loads(json.dumps(fitted.plan_.to_dict())), 0)
    assert again.transform(DIGITS).tobytes() == found.tobytes()
    with pytest.raises(DualactError, match=r"random_state=0.*Got 1"):
        da.SketchedNeuralKernel.from_plan(fitted.plan_, 1)
    assert "compressed to the 64 leading directions" in str(fitted.plan_)


def test_few_columns_learn_better_than_those_of_a_sketch():
    rows, scores = load_digits().data / 16, {}
    for method in ("monomials", "polysketch"):
        features = da.SketchedNeuralKernel(NET, n_components=128, method=method, random_state=0)
        model = make_pipeline(features, RidgeClassifier(alpha=1e-2)).fit(rows[:1000], LABELS[:1000])
        scores[method] = model.score(rows[1000:], LABELS[1000:])
    assert scores["monomials"] > scores["polysketch"] + 0.01
    assert scores["monomials"] > 0.95


def test_auto_takes_none_of_them():
    assert isinstance(made(method="auto", random_state=0).fit(DIGITS).plan_, SketchPlan)


def test_design_without_fitting():
    features = made()
    plan = features.design(DIGITS)
    assert not hasattr(features, "plan_")
    assert plan.to_dict() == FITTED.plan_.to_dict()


@pytest.mark.parametrize("compress", [None, 2])
def test_a_design_looks_at_more_rows(compress):
    assert made(compress=compress)._most_rows() == ROWS
    assert made(method="polysketch")._most_rows() == 512
    assert made(n_components=4096, compress=2)._most_rows() == 4 * 8192


def test_dask_arrays():
    array = pytest.importorskip("dask.array", reason="dask is not installed (extra 'dask')")
    lazy = array.from_array(DIGITS, chunks=(250, 20))
    fitted = made().fit(lazy)
    assert fitted.plan_.to_dict() == FITTED.plan_.to_dict()
    found = fitted.transform(lazy)
    assert found.chunks == ((250, 250, 100), (128,))
    np.testing.assert_allclose(found.compute(scheduler="sync"), Z, atol=1e-12)
    left = FITTED.residual_variance(lazy).compute(scheduler="sync")
    np.testing.assert_allclose(left, FITTED.residual_variance(DIGITS), rtol=1e-9)


def test_a_dask_array_of_more_rows_than_are_looked_at():
    array = pytest.importorskip("dask.array", reason="dask is not installed (extra 'dask')")
    rows = np.random.default_rng(0).standard_normal((ROWS + 3000, 3))
    features = made(n_components=10)
    lazy, whole = features.design(array.from_array(rows, chunks=(4000, 3))), features.design(rows)
    assert lazy.to_dict() == whole.to_dict()
    assert lazy.rows == ROWS


def test_what_it_shows():
    html = made(compress=2)._repr_html_()
    assert "monomials" in html
    assert "object at 0x" not in html
    assert "leading monomials of the NTK" in str(FITTED.plan_)
    assert repr(made()).startswith("SketchedNeuralKernel(method='monomials'")
    plan = da.plan(NET, n_features=5, n_components=30, method="monomials")
    assert "drawn from N(0, 1)" in str(plan)
    assert da.SketchedNeuralKernel.from_plan(plan, 0).transform(DIGITS[:, :5]).shape == (600, 30)


def test_a_function_of_ones_own():
    act = da.from_function("bump", lambda t: np.exp(-(t**2)))
    network = da.mlp(1, act, bias_std=0.2)
    fitted = da.SketchedNeuralKernel(network, n_components=100, method="monomials").fit(DIGITS)
    K = da.kernel(network, DIGITS[:50])
    assert da.metrics.relative_error(K, fitted.transform(DIGITS[:50])) < 0.02
    with pytest.raises(NetworkError):
        fitted.plan_.to_dict()


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"network": da.cnn(1, "relu")}, NetworkError, "method='monomials' is for dense networks"),
        ({"degree": -1}, DualactError, "'degree' parameter .* range .0, inf.. Got -1"),
        ({"widths": [3]}, NetworkError, "widths are for spatial networks"),
        ({"n_components": 0}, DualactError, "'n_components' parameter .*Got 0"),
        ({"network": da.mlp(1, "sign")}, NetworkError, "jumps at 0"),
    ],
)
def test_refusals(options, error, match):
    rows = (
        np.ones((5, 4, 4, 1)) if "network" in options and options["network"] == da.cnn(1, "relu") else DIGITS
    )
    with pytest.raises(error, match=match):
        made().set_params(**options).fit(rows)
