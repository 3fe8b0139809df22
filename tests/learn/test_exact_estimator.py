"""ExactNeuralKernel in scikit-learn's world."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

import dualact as da

NET = da.mlp(2, "gelu", weight_std=1.4, bias_std=0.1)
RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((30, 8)), RNG.standard_normal((7, 8))


@pytest.mark.parametrize("kind", ["ntk", "nngp"])
def test_it_is_the_kernel_against_the_training_rows(kind):
    estimator = da.ExactNeuralKernel(NET, kind=kind).fit(X)
    assert np.allclose(estimator.transform(Y), da.kernel(NET, Y, X, kind=kind), rtol=1e-14)
    assert np.allclose(estimator.fit_transform(X), da.kernel(NET, X, kind=kind), rtol=1e-12)
    assert estimator.n_features_in_ == 8
    assert np.array_equal(estimator.X_fit_, X)


def test_the_kinds_differ():
    assert not np.allclose(*(da.ExactNeuralKernel(NET, kind=k).fit_transform(X) for k in ("ntk", "nngp")))


def test_before_a_support_vector_machine():
    data, target = load_digits(return_X_y=True)
    model = make_pipeline(da.ExactNeuralKernel(da.mlp(1, "relu")), SVC(kernel="precomputed"))
    assert cross_val_score(model, data[:300], target[:300], cv=3).mean() > 0.9


def test_before_kernel_ridge():
    target = np.sin(X[:, 0])
    model = make_pipeline(da.ExactNeuralKernel(NET), KernelRidge(alpha=1e-8, kernel="precomputed"))
    assert np.allclose(model.fit(X, target).predict(X), target, atol=1e-4)


def test_sparse_and_frames():
    rows = X * (RNG.random(X.shape) < 0.4)
    expected = da.ExactNeuralKernel(NET).fit(rows).transform(Y)
    for form in (sparse.csr_matrix, sparse.csr_array, sparse.coo_array):
        found = da.ExactNeuralKernel(NET).fit(form(rows))
        assert np.allclose(found.transform(Y), expected, rtol=1e-12)
        assert np.allclose(found.transform(sparse.csr_array(Y)), expected, rtol=1e-12)
    frame = pd.DataFrame(rows, columns=list("abcdefgh"))
    estimator = da.ExactNeuralKernel(NET).fit(frame)
    assert np.allclose(estimator.transform(pd.DataFrame(Y, columns=list("abcdefgh"))), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.transform(frame.rename(columns={"a": "z"}))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_out(library):
    module = pytest.importorskip(library)
    estimator = da.ExactNeuralKernel(NET).set_output(transform=library)
    out = estimator.fit_transform(X)
    assert isinstance(out, module.DataFrame)
    assert list(out.columns) == [f"exactneuralkernel{i}" for i in range(30)]
    assert np.allclose(out.to_numpy(), da.kernel(NET, X))


def test_it_is_always_double_precision():
    for dtype in (np.float32, np.float16, np.int8):
        rows = np.round(X * 4).astype(dtype)
        K = da.ExactNeuralKernel(NET).fit_transform(rows)
        assert K.dtype == np.float64
        assert np.allclose(K, da.kernel(NET, rows.astype(float)), rtol=1e-12)


def test_copies():
    estimator = da.ExactNeuralKernel(NET).fit(X)
    expected = estimator.transform(Y)
    assert np.array_equal(pickle.loads(pickle.dumps(estimator)).transform(Y), expected)
    with pytest.raises(NotFittedError, match="This ExactNeuralKernel instance is not fitted yet"):
        clone(estimator).transform(Y)


def test_joblib_round_trip(tmp_path):
    estimator = da.ExactNeuralKernel(NET).fit(X)
    joblib.dump(estimator, tmp_path / "kernel.joblib")
    assert np.array_equal(joblib.load(tmp_path / "kernel.joblib").transform(Y), estimator.transform(Y))


def test_skops():
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    estimator = da.ExactNeuralKernel(NET).fit(X)
    data = skops.dumps(estimator)
    untrusted = skops.get_untrusted_types(data=data)
    assert untrusted == ["dualact.learn.exact.ExactNeuralKernel"]
    assert np.array_equal(skops.loads(data, trusted=untrusted).transform(Y), estimator.transform(Y))


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (np.full((3, 8), np.nan), "Input X contains NaN"),
        (np.full((3, 8), -np.inf), "Input X contains infinity"),
        (Y + 1j, "Complex data not supported"),
        (Y[0], "Expected 2D array, got 1D array instead"),
        (Y[:0], r"Found array with 0 sample\(s\)"),
    ],
    ids=["NaN", "inf", "complex", "1-D", "no rows"],
)
def test_data_that_are_refused(rows, match):
    with pytest.raises(ValueError, match=match):
        da.ExactNeuralKernel(NET).fit(rows)
    with pytest.raises(ValueError, match=match):
        da.ExactNeuralKernel(NET).fit(X).transform(rows)


def test_another_number_of_features():
    with pytest.raises(ValueError, match="X has 5 features, but ExactNeuralKernel is expecting 8"):
        da.ExactNeuralKernel(NET).fit(X).transform(Y[:, :5])


def test_read_only_rows():
    frozen = X.copy()
    frozen.setflags(write=False)
    estimator = da.ExactNeuralKernel(NET)
    assert np.array_equal(estimator.fit_transform(frozen), estimator.fit_transform(X))


IMAGES = RNG.standard_normal((9, 4, 5, 2))
SPATIAL = da.Network([da.Conv(3), da.Act("relu"), da.AvgPool(2), da.GlobalAvgPool(), da.Dense()])


def test_images_and_their_flattened_rows():
    expected = da.kernel(SPATIAL, IMAGES[5:], IMAGES[:5])
    estimator = da.ExactNeuralKernel(SPATIAL).fit(IMAGES[:5])
    assert (estimator.input_shape_, estimator.n_features_in_) == ((4, 5, 2), 40)
    for form in (IMAGES[5:], IMAGES[5:].tolist(), IMAGES[5:].reshape(4, -1)):
        np.testing.assert_allclose(estimator.transform(form), expected, rtol=1e-13)
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_allclose(again.transform(IMAGES[5:]), expected, rtol=1e-13)
    known = da.Network(SPATIAL, input_shape=(4, 5, 2))
    flat = da.ExactNeuralKernel(known).fit(IMAGES[:5].reshape(5, -1))
    np.testing.assert_allclose(flat.transform(IMAGES[5:]), expected, rtol=1e-13)
    model = make_pipeline(da.ExactNeuralKernel(SPATIAL), SVC(C=1e6, kernel="precomputed"))
    assert model.fit(IMAGES, np.arange(9) % 2).score(IMAGES, np.arange(9) % 2) == 1.0


def test_images_that_do_not_fit():
    with pytest.raises(da.NetworkError, match=r"X came as flat rows of 40 numbers"):
        da.ExactNeuralKernel(SPATIAL).fit(IMAGES.reshape(9, -1))
    estimator = da.ExactNeuralKernel(SPATIAL).fit(IMAGES)
    with pytest.raises(
        da.NetworkError, match=r"^X must have the shape \(n, 4, 5, 2\)\. Got \(9, 5, 4, 2\)\.$"
    ):
        estimator.transform(IMAGES.transpose(0, 2, 1, 3))
    with pytest.raises(
        da.NetworkError, match=r"the network is dense: its input_shape must be \(n_features,\)"
    ):
        da.ExactNeuralKernel(NET).fit(IMAGES)
