"""SketchedNeuralKernel on images: shapes, plans, seeds, persistence."""

import json
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

import dualact as da

DIGITS = load_digits()
IMAGES = DIGITS.images[:300, ..., None] / 16
NETWORK = da.cnn(2, "relu", pool_every=1)


@pytest.fixture(scope="module")
def fitted():
    return da.SketchedNeuralKernel(NETWORK, n_components=256, random_state=5, n_jobs=1).fit(IMAGES[:200])


def test_error_and_prediction(fitted):
    K = da.kernel(NETWORK, IMAGES[200:240])
    error = da.metrics.relative_error(K, fitted.transform(IMAGES[200:240]))
    assert error < 0.05
    assert fitted.plan_.predicted_error == pytest.approx(error, rel=0.6)
    assert fitted.n_features_in_ == 64


def test_images_and_flattened_rows_are_the_same(fitted):
    Z = fitted.transform(IMAGES[:9])
    np.testing.assert_allclose(fitted.transform(IMAGES[:9].reshape(9, -1)), Z, atol=1e-12)
    network = da.Network(NETWORK, (8, 8, 1))
    flat = da.SketchedNeuralKernel(network, n_components=256, random_state=5).fit(
        IMAGES[:200].reshape(200, -1)
    )
    np.testing.assert_allclose(flat.transform(IMAGES[:9]), Z, atol=1e-9)


def test_float32_stays(fitted):
    Z = fitted.transform(IMAGES[:5].astype(np.float32))
    assert Z.dtype == np.float32
    np.testing.assert_allclose(Z, fitted.transform(IMAGES[:5]), atol=1e-4)


def test_plan_and_seed(fitted):
    plan = json.loads(json.dumps(fitted.plan_.to_dict()))
    again = da.SketchedNeuralKernel.from_plan(plan, random_state=5)
    assert np.array_equal(again.transform(IMAGES[:5]), fitted.transform(IMAGES[:5]))
    with pytest.raises(
        da.DualactError, match=r"the plan was made for random_state=5: .* Got 6. Pass 5, or fit again."
    ):
        da.SketchedNeuralKernel.from_plan(plan, random_state=6)


def test_persistence(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.transform(IMAGES[:5]), fitted.transform(IMAGES[:5]))
    assert clone(fitted).widths == "auto"


def test_residual_variance(fitted):
    tau = fitted.residual_variance(IMAGES[:5])
    diagonal = da.kernel_diag(NETWORK, IMAGES[:5])
    expected = np.maximum(diagonal - np.sum(fitted.transform(IMAGES[:5]) ** 2, axis=1), 0)
    np.testing.assert_allclose(tau, expected, atol=1e-10)
    assert np.all(tau < 0.1 * diagonal)


def test_widths_and_degree():
    wide = da.SketchedNeuralKernel(NETWORK, n_components=128, widths=(160,), degree=2, random_state=0).fit(
        IMAGES[:50]
    )
    first = wide.plan_.operations["1"]
    assert max(p.degree for p in first.powers) == 2
    assert sum(p.columns for p in first.powers) == 55  # all monomials of the patches: they fit
    with pytest.raises(da.NetworkError, match=r"widths must have one entry for each Act layer but the last"):
        da.SketchedNeuralKernel(NETWORK, widths=(1, 2, 3)).fit(IMAGES[:50])
    with pytest.raises(da.DualactError, match=r"widths must be an integer of at least 1. Got 0"):
        da.SketchedNeuralKernel(NETWORK, widths=(0,)).fit(IMAGES[:50])
    with pytest.raises(
        da.NetworkError, match=r"widths are for spatial networks: a dense one is a single series"
    ):
        da.SketchedNeuralKernel(widths=(8,)).fit(IMAGES[:50].reshape(50, -1))


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (IMAGES[:, :1, :1], "larger than its input"),
        (IMAGES.reshape(300, -1), r"the shape of its inputs is not known. X came as flat rows of 64 numbers"),
        (np.full((4, 8, 8, 1), np.nan), "NaN"),
    ],
)
def test_images_that_are_refused(X, match):
    with pytest.raises(ValueError, match=match):
        da.SketchedNeuralKernel(NETWORK, n_components=32).fit(X)


def test_other_shapes_at_transform(fitted):
    with pytest.raises(da.NetworkError, match=r"X must have the shape \(n, 8, 8, 1\). Got \(2, 4, 4, 4\)"):
        fitted.transform(np.zeros((2, 4, 4, 4)))


def test_classifying_digits():
    X, y = DIGITS.images[..., None] / 16, DIGITS.target
    model = make_pipeline(
        da.SketchedNeuralKernel(NETWORK, n_components=512, random_state=0), da.StreamingRidgeClassifier()
    )
    assert model.fit(X[:800], y[:800]).score(X[800:1200], y[800:1200]) > 0.93
