"""What is done to images before a kernel sees them."""

import pickle

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import dualact as da

RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((40, 4, 3, 2)) @ np.array([[2.0, 0.5], [0.0, 0.3]]) + np.array([10.0, -3.0])
ALL = [da.ChannelStandardizer(), da.ImageNormalizer(), da.ZCAWhitening()]


# ------------------------------------------------------------------------------- all of them


@pytest.mark.parametrize("transformer", ALL, ids=lambda t: type(t).__name__)
def test_images_and_rows_and_dtypes(transformer):
    if isinstance(transformer, da.ChannelStandardizer):
        transformer = da.ChannelStandardizer(n_channels=2)
    flat = IMAGES.reshape(40, -1)
    Z = transformer.fit_transform(IMAGES)
    assert Z.shape == IMAGES.shape
    np.testing.assert_allclose(transformer.transform(flat), Z.reshape(40, -1), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(transformer.fit_transform(flat), Z.reshape(40, -1), rtol=1e-12, atol=1e-12)
    single = transformer.fit_transform(IMAGES.astype("float32"))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, Z, rtol=1e-3, atol=1e-4)
    for dtype in ("float16", "int16", "uint8"):
        assert transformer.fit_transform(np.abs(20 * IMAGES).astype(dtype)).dtype == np.float64
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(transformer.fit(IMAGES))).transform(IMAGES), Z)
    waves = IMAGES.reshape(40, 12, 2)
    np.testing.assert_allclose(transformer.fit_transform(waves).reshape(Z.shape), Z, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("transformer", ALL, ids=lambda t: type(t).__name__)
def test_constant_images_and_channels_are_not_nan(transformer):
    for X in (np.zeros((3, 4, 4, 2)), np.full((3, 4, 4, 2), 0.1), np.full((1, 4, 4, 2), 7.3e5)):
        for dtype in ("float64", "float32"):
            Z = transformer.fit_transform(X.astype(dtype))
            np.testing.assert_allclose(Z, 0.0, atol=1e-6)
    X = IMAGES.copy()
    X[3] = 0.7
    X[..., 1] = 0.3
    assert np.isfinite(transformer.fit_transform(X)).all()


@pytest.mark.parametrize("transformer", ALL, ids=lambda t: type(t).__name__)
def test_the_size_of_chunks_does_not_matter(transformer, monkeypatch):
    Z = transformer.fit_transform(IMAGES)
    monkeypatch.setattr("dualact.learn.images._CHUNK", 7)
    np.testing.assert_allclose(transformer.fit_transform(IMAGES), Z, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("transformer", ALL, ids=lambda t: type(t).__name__)
def test_images_of_another_shape_are_refused(transformer):
    transformer.fit(IMAGES)
    with pytest.raises(
        da.NetworkError, match=r"^X must have the shape \(n, 4, 3, 2\)\. Got \(40, 3, 4, 2\)\.$"
    ):
        transformer.transform(IMAGES.transpose(0, 2, 1, 3))
    with pytest.raises(ValueError, match="X has 7 features"):
        transformer.transform(np.ones((2, 7)))
    with pytest.raises(ValueError, match="NaN"):
        transformer.fit(np.full((2, 2, 2, 1), np.nan))


def test_a_pipeline_of_the_field():
    X = RNG.standard_normal((30, 6, 6, 3)).astype("float32")
    steps = make_pipeline(da.ChannelStandardizer(), da.ImageNormalizer(), da.ZCAWhitening(0.1))
    Z = steps.fit_transform(X)
    assert (Z.shape, Z.dtype) == (X.shape, np.float32)
    K = da.kernel(da.cnn(1, "relu"), Z)
    assert np.linalg.eigvalsh(K).min() > 0


# ------------------------------------------------------------------------------- each by itself


def test_channels_have_mean_zero_and_variance_one():
    transformer = da.ChannelStandardizer().fit(IMAGES)
    Z = transformer.transform(IMAGES)
    np.testing.assert_allclose(Z.mean(axis=(0, 1, 2)), 0, atol=1e-13)
    np.testing.assert_allclose(Z.std(axis=(0, 1, 2)), 1, rtol=1e-13)
    np.testing.assert_allclose(transformer.mean_, IMAGES.mean(axis=(0, 1, 2)), rtol=1e-13)
    np.testing.assert_allclose(transformer.scale_, IMAGES.std(axis=(0, 1, 2)), rtol=1e-12)
    rows = IMAGES[:, 0, 0]  # every column a channel: scikit-learn's own
    found = da.ChannelStandardizer(n_channels=2).fit_transform(rows)
    np.testing.assert_allclose(found, StandardScaler().fit_transform(rows), rtol=1e-12)


def test_a_large_offset_does_not_cancel():
    X = 1e8 + RNG.standard_normal((50, 3, 3, 1))
    assert abs(da.ChannelStandardizer().fit(X).scale_[0] / X.std() - 1) < 1e-7


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "3", True])
def test_numbers_of_channels_are_checked(wrong):
    with pytest.raises(
        da.DualactError,
        match=r"^The 'n_channels' parameter of ChannelStandardizer must be None or an int in the",
    ):
        da.ChannelStandardizer(wrong).fit(IMAGES)


def test_numbers_of_channels_that_do_not_fit():
    with pytest.raises(
        da.DualactError,
        match=r"^ChannelStandardizer: n_channels=3 does not fit images of shape \(4, 3, 2\)\.$",
    ):
        da.ChannelStandardizer(3).fit(IMAGES)
    with pytest.raises(da.DualactError, match=r"n_channels=5 does not fit rows of 24 numbers\.$"):
        da.ChannelStandardizer(5).fit(IMAGES.reshape(40, -1))


@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e200])
def test_images_have_mean_zero_and_norm_one(scale):
    X = IMAGES * scale
    flat = da.ImageNormalizer().fit_transform(X).reshape(40, -1)
    np.testing.assert_allclose(flat.mean(axis=1), 0, atol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(flat, axis=1), 1, rtol=1e-14)
    rms = da.ImageNormalizer(norm="rms").fit_transform(X).reshape(40, -1)
    np.testing.assert_allclose(rms, flat * np.sqrt(24), rtol=1e-13)
    raw = da.ImageNormalizer(center=False).fit_transform(X).reshape(40, -1)
    expected = IMAGES.reshape(40, -1)
    np.testing.assert_allclose(raw, expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-13)


def test_parameters_of_the_normaliser_are_checked():
    with pytest.raises(
        da.DualactError, match=r"The 'norm' parameter of ImageNormalizer must be one of 'unit'"
    ):
        da.ImageNormalizer(norm="max").fit(IMAGES)
    with pytest.raises(
        da.DualactError, match=r"^The 'center' parameter of ImageNormalizer must be a bool\. Got 1 instead\.$"
    ):
        da.ImageNormalizer(center=1).fit(IMAGES)


def test_whitening_by_its_definition():
    flat = IMAGES.reshape(40, -1)
    for r in (0.1, 1.0, 0.0):
        transformer = da.ZCAWhitening(r).fit(flat)
        covariance = np.cov(flat.T, bias=True)
        values, vectors = np.linalg.eigh(covariance)
        W = vectors @ np.diag(1 / np.sqrt(values + r * values.mean())) @ vectors.T
        np.testing.assert_allclose(transformer.components_, W, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(transformer.transform(flat), (flat - flat.mean(axis=0)) @ W, atol=1e-8)
    np.testing.assert_allclose(np.cov(transformer.transform(flat).T, bias=True), np.eye(24), atol=1e-8)


def test_whitening_fewer_images_than_pixels():
    flat = IMAGES.reshape(40, -1)[:10]
    Z = da.ZCAWhitening(0.0).fit_transform(flat)
    values = np.linalg.eigvalsh(np.cov(Z.T, bias=True))
    np.testing.assert_allclose(values, [0.0] * 15 + [1.0] * 9, atol=1e-8)


@pytest.mark.parametrize("wrong", [-0.1, np.nan, np.inf, "0.1", True, None])
def test_regularization_is_checked(wrong):
    with pytest.raises(
        da.DualactError,
        match=r"^The 'regularization' parameter of ZCAWhitening must be a float in the range \[0, ",
    ):
        da.ZCAWhitening(wrong).fit(IMAGES)
