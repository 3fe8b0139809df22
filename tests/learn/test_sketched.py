"""SketchedNeuralKernel in scikit-learn's world."""

import io
import json
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline

import dualact as da
from dualact.errors import DualactError

NET = da.mlp(2, "gelu", weight_std=1.4, bias_std=0.1)
RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 8))


def kernel(**params):
    return da.SketchedNeuralKernel(NET, **({"n_components": 100, "random_state": 0} | params))


@pytest.fixture(scope="module")
def fitted():
    return kernel().fit(X)


def test_inner_products_are_the_kernel():
    digits = load_digits().data[:400] / 16
    features = da.SketchedNeuralKernel(NET, n_components=2000, random_state=0)
    Z = features.fit_transform(digits)
    error = da.metrics.relative_error(da.kernel(NET, digits), Z)
    assert error < 0.005
    assert error == pytest.approx(features.plan_.predicted_error, rel=0.3)


def test_digits_as_well_as_the_exact_kernel():
    """Test accuracy of a ridge on 2000 features within 1.5 % of that with the exact kernel (97.4 %)."""
    data, target = load_digits(return_X_y=True)
    train, test = slice(0, 1000), slice(1000, 1797)
    net = da.mlp(2, "relu", weight_std=2**0.5)
    features = da.SketchedNeuralKernel(net, n_components=2000, random_state=0)
    ridge = 1e-2 * float(da.kernel_diag(net, data[train] / 16).mean())
    model = make_pipeline(features, RidgeClassifier(alpha=ridge)).fit(data[train] / 16, target[train])
    found = model.score(data[test] / 16, target[test])
    K = da.kernel(net, data[train] / 16)
    onehot = 2.0 * (target[train, None] == np.arange(10)) - 1
    dual = np.linalg.solve(K + ridge * np.eye(1000), onehot - onehot.mean(axis=0))
    scores = da.kernel(net, data[test] / 16, data[train] / 16) @ dual + onehot.mean(axis=0)
    exact = np.mean(scores.argmax(axis=1) == target[test])
    assert exact > 0.96
    assert found > exact - 0.015


@pytest.mark.parametrize("d", [1, 2, 5, 300])
@pytest.mark.parametrize("n", [1, 2, 40])
def test_the_default_works_on_any_table(n, d):
    table = RNG.standard_normal((n, d))
    Z = da.SketchedNeuralKernel(random_state=0).fit_transform(table)
    assert Z.shape == (n, 2048)
    K = da.kernel(da.mlp(2, "relu", weight_std=2**0.5), table)
    assert da.metrics.relative_error(K, Z) < 0.05


def test_from_plan_gives_the_same_bits(fitted):
    plan = json.loads(json.dumps(fitted.plan_.to_dict()))
    for source in (plan, fitted.plan_):
        again = da.SketchedNeuralKernel.from_plan(source, random_state=fitted.seed_)
        for dtype in (np.float64, np.float32):
            assert np.array_equal(again.transform(X.astype(dtype)), fitted.transform(X.astype(dtype)))
        assert again.n_features_in_ == 8
        assert again.get_feature_names_out()[-1] == "sketchedneuralkernel99"
        assert again.network == NET
    with pytest.raises(DualactError, match="dictionary of a plan"):
        da.SketchedNeuralKernel.from_plan({}, random_state=0)


def test_pickle_joblib_and_clone(fitted):
    expected = fitted.transform(X)
    assert len(pickle.dumps(fitted)) < 500_000
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), expected)
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer)
    buffer.seek(0)
    assert np.array_equal(joblib.load(buffer).transform(X), expected)
    copy = clone(fitted)
    with pytest.raises(NotFittedError):
        copy.transform(X)
    assert np.array_equal(copy.fit(X).transform(X), expected)


def test_skops_distrusts_the_estimator_alone(fitted):
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    data = skops.dumps(fitted)
    untrusted = skops.get_untrusted_types(data=data)
    assert untrusted == ["dualact.learn.sketched.SketchedNeuralKernel"]
    again = skops.loads(data, trusted=untrusted)
    assert np.array_equal(again.transform(X), fitted.transform(X))


def test_random_states():
    by_int = [kernel(random_state=s).fit_transform(X) for s in (1, 1, 2)]
    assert np.array_equal(by_int[0], by_int[1])
    assert not np.allclose(by_int[0], by_int[2])
    state = np.random.RandomState(5)
    features = kernel(random_state=state).fit(X)
    assert features.seed_ == kernel(random_state=np.random.RandomState(5)).fit(X).seed_
    free = kernel(random_state=None).fit(X)
    repeated = da.SketchedNeuralKernel.from_plan(free.plan_, free.seed_)
    assert np.array_equal(repeated.transform(X), free.transform(X))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (">f8", np.float64),
        (np.float16, np.float64),
        (np.int8, np.float64),
        (np.int64, np.float64),
        (np.uint8, np.float64),
        (bool, np.float64),
    ],
)
def test_dtypes(fitted, dtype, expected):
    rows = np.abs(np.round(X * 3)).astype(dtype)
    Z = fitted.transform(rows)
    assert Z.dtype == expected
    assert np.allclose(Z, fitted.transform(rows.astype(np.float64)), rtol=1e-4, atol=1e-4)
    assert kernel().fit_transform(rows).dtype == expected


def test_transform_of_another_dtype_than_fit():
    rows = X.astype(np.float32)
    one, two = kernel().fit(rows), kernel().fit(rows.astype(np.float64))
    assert one.plan_.to_dict() == two.plan_.to_dict()
    assert one.transform(rows).dtype == np.float32
    assert one.transform(rows.astype(np.float64)).dtype == np.float64
    size = np.abs(two.transform(rows)).max()
    assert np.allclose(one.transform(rows), two.transform(rows.astype(np.float64)), atol=1e-5 * size)


def test_object_arrays_of_numbers(fitted):
    assert np.array_equal(fitted.transform(X.astype(object)), fitted.transform(X))


def test_sparse_input(fitted):
    rows = X * (RNG.random(X.shape) < 0.3)
    expected = fitted.transform(rows)
    for form in (sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        assert np.array_equal(fitted.transform(form(rows)), expected)
    assert kernel().fit(sparse.csr_array(rows)).transform(rows).shape == (60, 100)


def test_read_only_input():
    frozen = X.copy()
    frozen.setflags(write=False)
    Z = kernel().fit_transform(frozen)
    assert np.array_equal(Z, kernel().fit_transform(X))
    Z[0, 0] = 1.0  # the result is ours to write to


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (np.full((3, 8), np.nan), "Input X contains NaN"),
        (np.full((3, 8), np.inf), "Input X contains infinity"),
        (X + 1j, "Complex data not supported"),
        (X[0], "Expected 2D array, got 1D array instead"),
        (X[:0], r"Found array with 0 sample\(s\)"),
        (X[:, :0], r"0 feature\(s\)"),
        (X[None], r"X has the shape \(1, \d+, 8\), but the network is dense and takes rows .* Flatten them"),
        (np.array([["a"] * 8]), r"must hold numbers.* Got text: .* Encode columns of text first"),
    ],
    ids=["NaN", "inf", "complex", "1-D", "no rows", "no columns", "3-D", "text"],
)
def test_data_that_are_refused(fitted, rows, match):
    with pytest.raises(ValueError, match=match):
        kernel().fit(rows)
    with pytest.raises(ValueError, match=match):
        fitted.transform(rows)


def test_another_number_of_features(fitted):
    with pytest.raises(ValueError, match="X has 7 features, but SketchedNeuralKernel is expecting 8"):
        fitted.transform(X[:, :7])


def test_names_in_and_out():
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    features = kernel(n_components=20).fit(frame)
    assert features.feature_names_in_.tolist() == list("abcdefgh")
    names = features.get_feature_names_out()
    assert names.tolist() == [f"sketchedneuralkernel{i}" for i in range(20)]
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        features.get_feature_names_out(list("hgfedcba"))
    with pytest.raises(ValueError, match="feature names should match those that were passed during fit"):
        features.transform(frame.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="must be in the same order"):
        features.transform(frame[list("bacdefgh")])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        features.transform(X)
    with pytest.raises(NotFittedError):
        kernel().get_feature_names_out()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_out(library):
    module = pytest.importorskip(library)
    frame = module.DataFrame({name: X[:, i] for i, name in enumerate("abcdefgh")})
    features = kernel(n_components=20).set_output(transform=library)
    out = features.fit_transform(frame)
    assert isinstance(out, module.DataFrame)
    assert list(out.columns) == features.get_feature_names_out().tolist()
    assert np.array_equal(out.to_numpy(), kernel(n_components=20).fit_transform(X))


@pytest.mark.parametrize(
    ("params", "match"),
    [
        (
            {"n_components": 0},
            r"'n_components' parameter of SketchedNeuralKernel must be an int in the range \[1, inf\)",
        ),
        ({"n_components": 10.0}, r"an int in the range \[1, inf\). Got 10.0 instead"),
        ({"n_components": True}, "Got True instead"),
        ({"n_components": None}, "Got None instead"),
        (
            {"degree": -1},
            r"'degree' parameter of .* must be 'auto' or an int in the range \[0, inf\). Got -1",
        ),
        ({"degree": "high"}, "must be 'auto' or an int .*Got 'high' instead"),
        (
            {"method": "magic"},
            "'method' parameter of .* must be one of 'auto', 'polysketch', 'monomials', 'random'. "
            "Got 'magic' instead",
        ),
        ({"method": ["auto"]}, "'method' parameter .*Got .'auto'. instead"),
        ({"random_state": -1}, "random_state must be between 0"),
        ({"n_components": 3, "degree": 5}, "n_components=3 is too small for degree 5.*at least 6"),
    ],
    ids=str,
)
def test_parameters_that_are_refused(params, match):
    with pytest.raises(DualactError, match=match):
        kernel(**params).fit(X)


def test_design_without_fitting():
    features = kernel()
    plan = features.design(X)
    assert not hasattr(features, "plan_")
    assert plan.to_dict() == features.fit(X).plan_.to_dict()


def test_not_fitted():
    with pytest.raises(NotFittedError, match="This SketchedNeuralKernel instance is not fitted yet"):
        kernel().transform(X)


def test_fitting_again_forgets():
    features = kernel(n_components=30).fit(X)
    features.transform(X)
    features.set_params(n_components=20).fit(X[:, :3])
    assert features.transform(X[:, :3]).shape == (60, 20)


# What the series leaves out -------------------------------------------------------------------------

CENTRED = (load_digits().data - load_digits().data.mean(axis=0))[:300] / 16


@pytest.mark.parametrize("degree", [1, 3, "auto"])
@pytest.mark.parametrize("depth", [1, 3])
def test_residual_variance_is_what_the_features_leave_out(degree, depth):
    """K(x, x) minus the mean of |z(x)|² over 200 seeds, to five standard errors."""
    net = da.mlp(depth, "gelu", bias_std=0.1)
    rows = np.concatenate([X, np.zeros((2, 8)), 100 * X[:5], 1e-3 * X[:5]])
    features = da.SketchedNeuralKernel(net, n_components=30, degree=degree, random_state=0).fit(X + 0.5)
    squares = np.stack(
        [
            (da.SketchedNeuralKernel.from_plan(features.plan_, s).transform(rows) ** 2).sum(axis=1)
            for s in range(200)
        ]
    )
    tau, diagonal = features.residual_variance(rows), da.kernel_diag(net, rows)
    expected = diagonal - squares.mean(axis=0)
    error = squares.std(axis=0) / 200**0.5
    assert tau.shape == (72,)
    assert np.all(tau >= 0)
    assert np.all(np.abs(tau - np.maximum(expected, 0)) <= 5 * error + 1e-9 * diagonal)
    assert (tau > 1e-6 * diagonal).any()


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize(("degree", "m"), [(1, 65), (2, 2145)])
def test_truncation_as_a_ridge(degree, m, depth):
    """K ≈ ZZᵀ + diag(τ) where the truncation is what is missing, and so do the predictions of a ridge."""
    net = da.mlp(depth, "relu", weight_std=2**0.5)
    K = da.kernel(net, CENTRED)
    features = da.SketchedNeuralKernel(net, n_components=m, degree=degree, random_state=0)
    Z = features.fit_transform(CENTRED)
    tau = features.residual_variance(CENTRED)
    plain, mended = (np.linalg.norm(K - G) / np.linalg.norm(K) for G in (Z @ Z.T, Z @ Z.T + np.diag(tau)))
    assert mended < 0.95 * plain
    if degree == 2:
        assert mended < 0.75 * plain
    train, test, target = slice(0, 200), slice(200, 300), load_digits().target[:300] - 4.5
    ridge = 1e-3 * K.trace() / len(K)
    exact = K[test, train] @ np.linalg.solve(K[train, train] + ridge * np.eye(200), target[train])
    gaps = []
    for alpha, weights in ((ridge, None), (1.0, 1 / (ridge + tau[train]))):
        model = Ridge(alpha=alpha, fit_intercept=False).fit(Z[train], target[train], sample_weight=weights)
        gaps.append(np.linalg.norm(model.predict(Z[test]) - exact))
    assert gaps[1] < (0.6 if degree == 2 else 0.95) * gaps[0]


def test_residual_variance_of_any_rows(fitted):
    expected = fitted.residual_variance(X)
    assert expected.dtype == np.float64
    single = fitted.residual_variance(X.astype(np.float32))
    assert single.dtype == np.float64
    assert np.allclose(single, expected, rtol=1e-3, atol=1e-5 * expected.max())
    assert np.allclose(fitted.residual_variance(sparse.csr_array(X)), expected, rtol=1e-9)
    assert np.array_equal(fitted.residual_variance(np.asfortranarray(X)), expected)
    assert np.allclose(fitted.residual_variance(X[3:4]), expected[3])
    with pytest.raises(NotFittedError):
        kernel().residual_variance(X)
    with pytest.raises(ValueError, match="X has 7 features"):
        fitted.residual_variance(X[:, :7])
