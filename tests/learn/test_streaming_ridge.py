"""StreamingRidge beside Ridge: in one piece, in chunks, merged."""

import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import DotProduct
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import dualact as da
from dualact.errors import DualactError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((200, 6)) + 2
Y = np.stack([np.sin(X[:, 0]) + X[:, 1], X[:, 2] ** 2, np.full(200, 3.0)], axis=1)
W = RNG.integers(0, 4, 200).astype(float)
CUTS = [slice(0, 3), slice(3, 90), slice(90, 91), slice(91, 200)]


def in_chunks(model, X=X, y=Y, w=None):
    for rows in CUTS:
        model.partial_fit(X[rows], y[rows], sample_weight=None if w is None else w[rows])
    return model


def assert_like(one, other, rtol=1e-9):
    size = np.abs(other.predict(X)).max()
    difference = one.predict(X) - other.predict(X).reshape(one.predict(X).shape)
    assert np.abs(difference).max() < rtol * size


@pytest.fixture(scope="module")
def features():
    data, _ = load_digits(return_X_y=True)
    return da.SketchedNeuralKernel(da.mlp(1, "gelu"), n_components=300, random_state=0).fit_transform(data)


@pytest.mark.parametrize("relative", [1e-6, 1e-3, 1.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_predictions_are_those_of_ridge(features, relative, fit_intercept, offset):
    Z, target = features + offset, np.eye(10)[load_digits().target]
    alpha = relative * (features**2).sum() / 300
    ridge = Ridge(alpha=alpha, fit_intercept=fit_intercept).fit(Z, target)
    size = np.abs(ridge.predict(Z)).max()
    for alphas in (alpha, [alpha] * 9):  # by a Cholesky factor, by eigenvectors
        model = da.StreamingRidge(alphas=alphas, fit_intercept=fit_intercept)
        for rows in np.array_split(np.arange(len(Z)), 7):
            model.partial_fit(Z[rows], target[rows])
        if offset == 0 or fit_intercept:
            assert np.abs(model.predict(Z) - ridge.predict(Z)).max() < 1e-10 * size
        else:  # an offset that nothing takes up: the problem itself has lost digits
            assert np.abs(model.predict(Z) - ridge.predict(Z)).max() < 1e-4 * size


@pytest.mark.parametrize("y", [Y, Y[:, 0], Y[:, :1]], ids=["three", "flat", "one column"])
@pytest.mark.parametrize("weights", [None, W], ids=["plain", "weights"])
@pytest.mark.parametrize("selection", ["gcv", "holdout"])
def test_chunks_and_merges_are_fits(y, weights, selection):
    def new():
        return da.StreamingRidge(selection=selection)

    whole = new().fit(X, y, sample_weight=weights)
    ridge = Ridge(alpha=whole.alpha_).fit(X, y, sample_weight=weights)
    assert_like(whole, ridge)
    assert whole.predict(X).shape == y.shape
    assert whole.coef_.shape == (*y.shape[1:], 6)
    assert np.shape(whole.intercept_) == y.shape[1:]
    parts = in_chunks(new(), y=y, w=weights)
    assert parts.alpha_ == whole.alpha_
    assert_like(parts, whole)
    if selection == "gcv":  # held-out rows are counted anew in each part
        merged = new()
        for rows in CUTS:
            merged.merge(new().partial_fit(X[rows], y[rows], None if weights is None else weights[rows]))
        assert merged.alpha_ == whole.alpha_
        assert_like(merged, whole)
        assert np.allclose(merged.scores_, whole.scores_, rtol=1e-9)


def test_merging_in_any_order():
    parts = [da.StreamingRidge().partial_fit(X[r], Y[r]) for r in CUTS]
    left = clone(parts[0]).merge(parts[0]).merge(parts[1]).merge(parts[2]).merge(parts[3])
    pair = clone(parts[0]).merge(parts[3]).merge(parts[2])
    right = clone(parts[0]).merge(parts[1]).merge(parts[0]).merge(pair)
    assert_like(left, right, rtol=1e-11)
    again = da.StreamingRidge().partial_fit(X[CUTS[0]], Y[CUTS[0]])
    assert np.array_equal(parts[0].coef_, again.coef_)  # merging leaves the other as it was


def test_weights_are_repetitions():
    times = W.astype(int)
    weighted = da.StreamingRidge().fit(X, Y, sample_weight=W)
    repeated = da.StreamingRidge().fit(np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0))
    assert_like(weighted, repeated)
    assert np.allclose(weighted.scores_, repeated.scores_, rtol=1e-9)
    doubled = da.StreamingRidge(alphas=2.0).fit(X, Y, sample_weight=2.0)
    assert_like(doubled, da.StreamingRidge(alphas=1.0).fit(X, Y))


def test_nothing_is_solved_until_it_is_asked_for(monkeypatch):
    calls = []
    monkeypatch.setattr(
        "dualact.learn.streaming.gcv_path", lambda *a, _=da.learn.streaming.gcv_path: calls.append(1) or _(*a)
    )
    model = in_chunks(da.StreamingRidge())
    assert calls == []
    model.predict(X)
    assert model.coef_ is not None
    assert calls == [1]
    model.partial_fit(X, Y)
    assert calls == [1]
    assert model.solve() is model
    assert model.alpha_ is not None
    assert calls == [1, 1]


def test_other_alphas_on_the_same_statistics():
    model = da.StreamingRidge(alphas=1e-3).fit(X, Y)
    before = model.predict(X)
    model.set_params(alphas=1e3)
    assert np.array_equal(model.predict(X), before)
    assert_like(model.solve(), Ridge(alpha=1e3).fit(X, Y))
    model.set_params(fit_intercept=False, alphas=1.0)
    assert_like(model.solve(), Ridge(alpha=1.0, fit_intercept=False).fit(X, Y))


def test_holding_out_named_chunks():
    model = da.StreamingRidge(selection="holdout")
    for i, rows in enumerate(CUTS):
        model.partial_fit(X[rows], Y[rows], holdout=i == 1)
    errors = [
        (
            (
                Ridge(alpha=a).fit(np.delete(X, CUTS[1], 0), np.delete(Y, CUTS[1], 0)).predict(X[CUTS[1]])
                - Y[CUTS[1]]
            )
            ** 2
        ).mean()
        for a in model.alphas
    ]
    assert np.allclose(model.scores_, errors, rtol=1e-8)
    assert_like(model, Ridge(alpha=model.alphas[int(np.argmin(errors))]).fit(X, Y))
    with pytest.raises(DualactError, match=r"holdout=True\) needs selection='holdout'. Got selection='gcv'"):
        da.StreamingRidge().partial_fit(X, Y, holdout=True)
    with pytest.raises(DualactError, match="no row was held out: every tenth is, and 9 came"):
        da.StreamingRidge(selection="holdout").fit(X[:9], Y[:9])


def test_every_tenth_row_is_held_out_however_they_come():
    model = in_chunks(da.StreamingRidge(selection="holdout"))
    assert (model.statistics_.rows, model.held_out_.rows) == (180, 20)
    assert np.allclose(model.held_out_.mean, X[9::10].mean(axis=0))


@pytest.mark.parametrize("y", [Y[:, :2], Y[:, 0]], ids=["two", "flat"])
def test_the_posterior_of_the_feature_model(y):
    net = da.mlp(1, "erf", bias_std=0.1)
    features = da.SketchedNeuralKernel(net, kind="nngp", n_components=400, random_state=0)
    Z = features.fit_transform(X)
    model = da.StreamingRidge(alphas=0.05, fit_intercept=False).fit(Z[:150], y[:150])
    process = GaussianProcessRegressor(DotProduct(0.0, "fixed"), alpha=0.05, optimizer=None)
    expected, deviation = process.fit(Z[:150], y[:150]).predict(Z[150:], return_std=True)
    found, std = model.predict(Z[150:], return_std=True)
    assert np.allclose(found, expected, atol=1e-8)
    assert std.shape == deviation.shape == found.shape
    assert np.allclose(std, deviation, rtol=1e-6)
    # and it is close to that of the NNGP itself
    K = da.kernel(net, X, kind="nngp")
    gain = np.linalg.solve(K[:150, :150] + 0.05 * np.eye(150), K[:150, 150:])
    exact = np.sqrt(K.diagonal()[150:] - np.einsum("ij,ij->j", K[:150, 150:], gain))
    assert np.allclose(std.reshape(50, -1)[:, 0], exact, rtol=0.2)


def test_the_posterior_counts_rows_held_out_and_merged():
    model = da.StreamingRidge(alphas=0.3, selection="holdout").fit(X, Y)
    plain = da.StreamingRidge(alphas=0.3).fit(X, Y)
    assert np.allclose(model.predict(X, return_std=True)[1], plain.predict(X, return_std=True)[1])
    half = plain.predict(X, return_std=True)[1]
    assert (plain.merge(clone(plain).fit(X, Y)).predict(X, return_std=True)[1] < half).all()


def test_residual_variance_is_a_ridge_per_row():
    residual, alpha = RNG.random(200) * 2, 0.4
    model = da.StreamingRidge(alphas=alpha, fit_intercept=False).fit(X, Y, residual_variance=residual)
    dual = np.linalg.solve(X @ X.T + np.diag(alpha + residual), Y)
    assert np.allclose(model.predict(X), X @ (X.T @ dual), rtol=1e-8, atol=1e-8)
    parts = da.StreamingRidge(alphas=alpha, fit_intercept=False)
    for rows in CUTS:
        parts.partial_fit(X[rows], Y[rows], residual_variance=residual[rows])
    assert_like(parts, model)
    weighted = da.StreamingRidge(alphas=alpha).fit(X, Y, W, residual_variance=residual)
    assert_like(weighted, Ridge(alpha=alpha).fit(X, Y, W * alpha / (alpha + residual)))
    zero = da.StreamingRidge(alphas=alpha).fit(X, Y, residual_variance=np.zeros(200))
    assert_like(zero, Ridge(alpha=alpha).fit(X, Y), rtol=1e-12)


def test_residual_variance_that_is_refused():
    with pytest.raises(DualactError, match=r"statistics belong to one alpha. Got 11 alphas; .*GridSearchCV"):
        da.StreamingRidge().fit(X, Y, residual_variance=np.ones(200))
    for wrong in (np.ones(3), -np.ones(200), np.full(200, np.nan)):
        with pytest.raises(DualactError, match="residual_variance must be 200 finite numbers, none negative"):
            da.StreamingRidge(alphas=1.0).fit(X, Y, residual_variance=wrong)
    model = da.StreamingRidge(alphas=1.0).fit(X, Y, residual_variance=np.ones(200))
    with pytest.raises(DualactError, match=r"earlier rows were weighted .* at alpha=1, these would be at 2"):
        model.set_params(alphas=2.0).partial_fit(X, Y, residual_variance=np.ones(200))
    with pytest.raises(DualactError, match=r"weighted by residual_variance at alpha=1; alphas is now 2. Fit"):
        model.solve()
    assert model.fit(X, Y).alpha_ == 2.0


def test_mixed_precision_is_close():
    single = X.astype(np.float32)
    exact, mixed = (da.StreamingRidge(alphas=0.1, precision=p).fit(single, Y) for p in ("float64", "mixed"))
    assert 0 < np.abs(exact.predict(X) - mixed.predict(X)).max() < 1e-5


def test_sparse_and_frames():
    thin = X * (RNG.random(X.shape) < 0.5)
    model = da.StreamingRidge(alphas=0.1).fit(sparse.csr_array(thin), Y)
    dense = da.StreamingRidge(alphas=0.1).fit(thin, Y)
    assert_like(model, dense)
    for return_std in (False, True):
        found, expected = (
            m.predict(x, return_std) for m, x in ((model, sparse.csr_array(thin)), (dense, thin))
        )
        assert np.allclose(found, expected)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    named = da.StreamingRidge().fit(frame, Y[:, 0])
    assert named.feature_names_in_.tolist() == list("abcdef")
    with pytest.raises(ValueError, match="feature names should match"):
        named.partial_fit(frame.rename(columns={"a": "z"}), Y[:, 0])


def test_pickles_copies_and_skops():
    model = in_chunks(da.StreamingRidge())
    for again in (pickle.loads(pickle.dumps(model)), pickle.loads(pickle.dumps(model.solve()))):
        assert np.array_equal(again.predict(X), model.predict(X))
        again.partial_fit(X, Y)
    model.predict(X, return_std=True)
    assert len(pickle.dumps(model)) < 6000
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    assert np.array_equal(joblib.load(buffer).predict(X), model.predict(X))
    with pytest.raises(NotFittedError):
        clone(model).predict(X)
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    data = skops.dumps(model)
    untrusted = skops.get_untrusted_types(data=data)
    assert all(name.startswith("dualact.learn.") for name in untrusted)
    again = skops.loads(data, trusted=untrusted)
    assert np.array_equal(again.partial_fit(X, Y).predict(X), model.partial_fit(X, Y).predict(X))


def test_a_search_over_network_and_alpha():
    model = make_pipeline(da.SketchedNeuralKernel(n_components=64, random_state=0), da.StreamingRidge())
    grid = {
        "sketchedneuralkernel__network__activation": ["relu", "erf"],
        "streamingridge__alphas": [0.1, (1.0, 10.0)],
    }
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(X, Y[:, 0])
    assert search.best_score_ > 0.5


def test_before_fitting():
    model = da.StreamingRidge()
    for name in ("coef_", "intercept_", "alpha_", "scores_"):
        assert not hasattr(model, name)
    for call in (lambda: model.predict(X), model.solve):
        with pytest.raises(NotFittedError, match="This StreamingRidge instance is not fitted yet"):
            call()


def test_fitting_forgets():
    model = da.StreamingRidge().fit(X, Y).fit(X[:, :2], Y[:, 0])
    assert model.coef_.shape == (2,)
    assert model.statistics_.rows == 200


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"alphas": 0.0}, "'alphas' parameter of StreamingRidge must be a positive number, or .*Got 0.0"),
        ({"alphas": []}, "Got .. instead"),
        ({"alphas": (1.0, np.nan)}, "must be a positive number"),
        ({"alphas": "auto"}, "Got 'auto' instead"),
        ({"alphas": [[1.0]]}, "must be a positive number"),
        ({"selection": "loo"}, "'selection' parameter .* must be one of 'gcv', 'holdout'. Got 'loo'"),
        ({"precision": "float32"}, "'precision' parameter .* must be one of 'float64', 'mixed'"),
    ],
    ids=str,
)
def test_parameters_that_are_refused(params, match):
    with pytest.raises(DualactError, match=match):
        da.StreamingRidge(**params).fit(X, Y)


@pytest.mark.parametrize(
    ("rows", "target", "match"),
    [
        (X[:, :4], Y, "X has 4 features, but StreamingRidge is expecting 6"),
        (np.where(X > 3, np.nan, X), Y, "Input X contains NaN"),
        (X, np.where(Y > 3, np.inf, Y), "contains infinity"),
        (X, Y[:, :2], r"y has shape \(200, 2\); the y of earlier chunks was two-dimensional with 3 columns"),
        (X, Y[:, 0], r"y has shape \(200,\); the y of earlier"),
        (X[:3], Y, "inconsistent numbers of samples"),
        (X * 1e200, Y, "X has an entry of magnitude .* leave the range of float64"),
        (X, Y * 1e200, "y has an entry of magnitude"),
        (X[:0], Y[:0], r"Found array with 0 sample"),
    ],
    ids=["width", "NaN", "inf", "columns of y", "flat y", "lengths", "large X", "large y", "empty"],
)
def test_a_chunk_that_is_refused_leaves_everything(rows, target, match):
    model = in_chunks(da.StreamingRidge())
    before = model.statistics_.copy()
    with pytest.raises(ValueError, match=match):
        model.partial_fit(rows, target)
    for name, value in before.to_arrays().items():
        assert np.array_equal(value, getattr(model.statistics_, name))
    assert_like(model.partial_fit(X, Y), in_chunks(da.StreamingRidge()).partial_fit(X, Y), rtol=0 + 1e-15)


def test_weights_that_are_refused():
    with pytest.raises(ValueError, match=r"[Nn]egative values"):
        da.StreamingRidge().fit(X, Y, sample_weight=-W)
    with pytest.raises(DualactError, match="all 200 rows to fit on have weight zero"):
        da.StreamingRidge().fit(X, Y, sample_weight=0.0)


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (lambda: Ridge(), "takes another StreamingRidge. Got Ridge"),
        (lambda: da.StreamingRidge(), "the other estimator has seen no rows"),
        (lambda: da.StreamingRidge().fit(X[:, :2], Y), "differ in features: 6 here, 2 there"),
        (
            lambda: da.StreamingRidge().fit(X, Y[:, 0]),
            r"differ in the shape of y: \(n, 3\) here, \(n,\) there",
        ),
        (lambda: da.StreamingRidge(precision="mixed").fit(X, Y), "differ in precision: float64 here, mixed"),
        (lambda: da.StreamingRidge(selection="holdout").fit(X, Y), "differ in selection"),
        (
            lambda: da.StreamingRidge(alphas=1.0).fit(X, Y, residual_variance=np.ones(200)),
            "differ in the alpha of residual_variance: None here, 1.0 there",
        ),
    ],
    ids=["class", "empty", "width", "y", "precision", "selection", "residuals"],
)
def test_merges_that_are_refused(other, match):
    model = da.StreamingRidge().fit(X, Y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=match):
        model.merge(other())
    assert np.array_equal(model.solve().predict(X), before)


def test_merging_other_column_names():
    one = da.StreamingRidge().fit(pd.DataFrame(X, columns=list("abcdef")), Y)
    with pytest.raises(DualactError, match="differ in feature names"):
        one.merge(da.StreamingRidge().fit(pd.DataFrame(X, columns=list("abcdez")), Y))
    one.merge(da.StreamingRidge().fit(X, Y))
    assert one.statistics_.rows == 400


@pytest.mark.parametrize("wrong", [1.0, -1e300, 10**400, "yes", None, np.ones(2)])
def test_fit_intercept_is_a_truth_value(wrong):
    with pytest.raises(DualactError, match=r"'fit_intercept' parameter of .* must be True or False"):
        da.StreamingRidge(fit_intercept=wrong).fit(X, Y)


def test_an_alpha_beyond_float64_is_refused():
    with pytest.raises(DualactError, match="'alphas' parameter of StreamingRidge must be a positive number"):
        da.StreamingRidge(alphas=10**400).fit(X, Y)
