"""PolynomialSketch: unbiased, better than what it replaces, at home in scikit-learn."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.kernel_approximation import PolynomialCountSketch
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline

import dualact as da
from dualact.errors import DualactError
from dualact.sketch.feature_map import FeatureMap

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 8))
DIGITS = load_digits().data[:400] / 55  # norms near 1


def sketch(**params):
    return da.PolynomialSketch(**({"n_components": 100, "random_state": 0} | params))


def kernel(rows, others=None, gamma=1.0, degree=2, coef0=0.0):
    return (gamma * rows @ (rows if others is None else others).T + coef0) ** degree


# Data that the map was not fitted on: another mean, longer and shorter rows, and a zero row.
STRANGERS = np.concatenate([3 * RNG.standard_normal((4, 8)) - 1, 0.01 * X[:4], np.zeros((1, 8)), X[:4]])

UNBIASED = [
    {"degree": 1, "n_components": 3},
    {"degree": 2, "n_components": 7},
    {"degree": 3, "gamma": 0.3, "n_components": 1},
    {"degree": 3, "coef0": 0.5, "n_components": 4},
    {"degree": 4, "coef0": 2.0, "gamma": 0.2, "n_components": 60},
    {"degree": 5, "coef0": 0.1, "gamma": 0.1, "n_components": 150},
    {"degree": 3, "coef0": 0.5, "gamma": 0.2, "n_components": 2},
    {"degree": 2, "coef0": 0.5, "n_components": 25},
]


@pytest.mark.parametrize("shift", [0.0, 1.5], ids=["centred", "shifted"])
@pytest.mark.parametrize("params", UNBIASED, ids=str)
def test_unbiased_for_all_rows(params, shift):
    """The mean over 300 seeds against the kernel itself: no factor, no truncation, no dropped direction."""
    R = STRANGERS + shift
    plan = sketch(**params).fit(X + shift).plan_
    maps = (FeatureMap(plan, s, np.float64) for s in range(300))
    grams = np.stack([Z @ Z.T for Z in (made.transform(plan.extended(R)) for made in maps)])
    asked = {k: v for k, v in params.items() if k != "n_components"}
    K = kernel(R, **asked)
    size = np.sqrt(np.outer(K.diagonal(), K.diagonal()))
    deviation = grams.std(axis=0, ddof=1)
    noisy = deviation > 1e-9 * size
    z = (grams.mean(axis=0) - K)[noisy] / deviation[noisy] * 300**0.5
    assert noisy.sum() == 0 or np.abs(z).max() < 5.5
    assert noisy.sum() == 0 or np.mean(z**2) < 4
    assert np.all(np.abs(grams.mean(axis=0) - K)[~noisy] <= 1e-9 * size[~noisy])


def test_a_split_is_unbiased_too():
    """Some of the shifted data of the test above are split, some of the centred ones are not."""
    split = [
        [sketch(**p).fit(X + shift).plan_.direction is not None for p in UNBIASED] for shift in (0.0, 1.5)
    ]
    assert not all(split[0])
    assert sum(split[1]) >= 2


@pytest.mark.parametrize("coef0", [0.0, 1.0])
@pytest.mark.parametrize("degree", [2, 3, 4, 8, 16])
def test_errors_do_not_explode(degree, coef0):
    """Always below scikit-learn's, from degree 8 by a factor; within 1.5 of the prediction."""
    K = kernel(DIGITS, degree=degree, coef0=coef0)
    ours, theirs = (
        np.mean([da.metrics.relative_error(K, s.fit_transform(DIGITS)) ** 2 for s in maps]) ** 0.5
        for maps in (
            [sketch(degree=degree, coef0=coef0, n_components=1024, random_state=i) for i in range(2)],
            [
                PolynomialCountSketch(degree=degree, coef0=coef0, n_components=1024, random_state=i)
                for i in (0, 1)
            ],
        )
    )
    assert ours < (0.5 if degree < 8 else 0.35) * theirs
    assert ours < 0.2
    predicted = sketch(degree=degree, coef0=coef0, n_components=1024).fit(DIGITS).plan_.predicted_error
    assert 1 / 1.5 < ours / predicted < 1.5


def test_the_prediction_is_for_all_rows():
    """Three in four rows are not in the sample, whose diagonal counts four times as much as that of all."""
    rows = RNG.standard_normal((2048, 40))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    features = sketch(degree=6, coef0=1.0, n_components=1000).fit(rows)
    error = da.metrics.relative_error(kernel(rows, degree=6, coef0=1.0), features.transform(rows))
    assert features.plan_.predicted_error == pytest.approx(error, rel=0.1)
    few = sketch(degree=6, coef0=1.0, n_components=1000).fit(rows[::4]).plan_.predicted_error
    assert few < 0.8 * error


@pytest.mark.parametrize("coef0", [0.0, 0.7])
@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_exact_where_the_monomials_fit(degree, coef0):
    rows = X[:, :4]
    Z = sketch(degree=degree, coef0=coef0, gamma=0.5).fit_transform(rows)
    assert np.allclose(Z @ Z.T, kernel(rows, gamma=0.5, degree=degree, coef0=coef0), rtol=1e-12, atol=1e-12)
    assert Z.shape == (60, 100)


def test_gamma_zero_and_coef0_zero():
    Z = sketch(gamma=0.0, coef0=2.0, degree=3).fit_transform(X)
    assert np.allclose(Z @ Z.T, 8.0)
    assert not sketch(gamma=0.0).fit_transform(X).any()


def test_a_thousand_features_are_as_good_as_the_kernel():
    """Digits, (x·y + 1)⁴: accuracy of a ridge on the features within 1.5 % of that on the kernel."""
    data, target = load_digits(return_X_y=True)
    data = data / 55
    model = make_pipeline(sketch(degree=4, coef0=1.0, n_components=1000), RidgeClassifier(alpha=0.1))
    found = model.fit(data[:1000], target[:1000]).score(data[1000:], target[1000:])
    K = kernel(data[:1000], degree=4, coef0=1.0)
    onehot = 2.0 * (target[:1000, None] == np.arange(10)) - 1
    dual = np.linalg.solve(K + 0.1 * np.eye(1000), onehot)
    scores = kernel(data[1000:], data[:1000], degree=4, coef0=1.0) @ dual
    exact = np.mean(scores.argmax(axis=1) == target[1000:])
    assert exact > 0.95
    assert found > exact - 0.015


# What the map does with rows, whatever their form --------------------------------------------------


@pytest.fixture(scope="module", params=[{"degree": 3, "coef0": 0.5}, {"degree": 6}], ids=str)
def fitted(request):
    return sketch(gamma=0.3, **request.param).fit(X)


def test_int8_does_not_wrap_around():
    rows = np.full((3, 8), 100, dtype=np.int8)
    Z = sketch(degree=2).fit_transform(rows)
    assert np.allclose(Z @ Z.T, 80000.0**2)


def test_sparse_input(fitted):
    rows = X * (RNG.random(X.shape) < 0.3)
    expected = fitted.transform(rows)
    for form in (sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        Z = fitted.transform(form(rows))
        assert np.allclose(Z, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())
    wide = sparse.random(80, 5000, 0.01, format="csr", rng=np.random.default_rng(1))
    K = kernel(wide.toarray(), degree=3, coef0=1.0)
    features = sketch(degree=3, coef0=1.0, n_components=400).fit(wide)
    error = da.metrics.relative_error(K, features.transform(wide))
    assert 1 / 1.5 < error / features.plan_.predicted_error < 1.5
    assert error < 0.5


@pytest.mark.parametrize("degree", [1, 2, 3, 8])
@pytest.mark.parametrize("coef0", [0.0, 1.0])
def test_long_and_short_rows(degree, coef0):
    """Norms of 1e30, and denormal ones: z scales as it must, though no single product of rows would fit."""
    features = sketch(degree=degree, coef0=coef0, n_components=50)
    for scale, small in ((1e30, False), (1e-30, True), (1e-310, True)):
        rows = X * scale
        Z = features.fit(rows).transform(rows)
        assert np.all(np.isfinite(Z))
        if small and coef0:
            assert np.allclose(Z @ Z.T, 1.0, rtol=1e-6)
        elif not small:
            Z = Z / 1e30**degree
            K = kernel(X, degree=degree)
            assert 0.5 < (Z**2).sum() / K.trace() < 2
            assert da.metrics.relative_error(K, Z) < 0.5
        elif degree == 1:
            Z = Z / scale
            assert np.allclose(Z @ Z.T, X @ X.T, atol=1e-6 if scale > 1e-100 else 1e-2)


def test_rows_beyond_the_range_of_a_dtype():
    """1e30 squared does not fit float32: an error that says what does, not infinity."""
    features = sketch(degree=2, n_components=50).fit(X)
    far = (X * 1e30).astype(np.float32)
    with pytest.raises(
        DualactError, match=r"overflow float32: rows have norms of up to \d.*or pass X as float64"
    ):
        features.transform(far)
    assert np.all(np.isfinite(features.transform(far.astype(np.float64))))
    with pytest.raises(DualactError, match=r"overflow float64: .*Scale X down\.$"):
        features.transform(X * 1e170)
    assert sketch(degree=1, n_components=50).fit(far).transform(far).dtype == np.float32


# scikit-learn ---------------------------------------------------------------------------------------


def test_same_parameters_as_what_it_replaces():
    ours, theirs = da.PolynomialSketch().get_params(), PolynomialCountSketch().get_params()
    assert ours == theirs


def test_names_and_frames_out():
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    features = sketch(n_components=20).set_output(transform="pandas")
    out = features.fit_transform(frame)
    assert list(out.columns) == [f"polynomialsketch{i}" for i in range(20)]
    assert features.feature_names_in_.tolist() == list("abcdefgh")
    assert np.array_equal(out.to_numpy(), sketch(n_components=20).fit_transform(X))
    polars = pytest.importorskip("polars")
    out = sketch(n_components=20).set_output(transform="polars").fit_transform(X)
    assert isinstance(out, polars.DataFrame)


def test_from_plan_and_pickle_give_the_same_bits(fitted):
    expected = fitted.transform(X)
    plan = json.loads(json.dumps(fitted.plan_.to_dict()))
    for source in (plan, fitted.plan_):
        again = da.PolynomialSketch.from_plan(source, random_state=fitted.seed_)
        assert np.array_equal(again.transform(X), expected)
        assert again.get_params() == fitted.get_params()
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), expected)
    assert np.array_equal(clone(fitted).fit(X).transform(X), expected)
    with pytest.raises(
        DualactError, match=r"expected the dictionary of a plan with method 'polynomial' and version 1\. Got"
    ):
        da.PolynomialSketch.from_plan({}, random_state=0)
    with pytest.raises(DualactError, match="the data are incomplete: 'terms'"):
        da.PolynomialSketch.from_plan({k: v for k, v in plan.items() if k != "terms"}, random_state=0)


def test_skops_distrusts_the_estimator_alone(fitted):
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    data = skops.dumps(fitted)
    untrusted = skops.get_untrusted_types(data=data)
    assert untrusted == ["dualact.learn.polynomial.PolynomialSketch"]
    assert np.array_equal(skops.loads(data, trusted=untrusted).transform(X), fitted.transform(X))


def test_seeds():
    one, again, other = (sketch(degree=5, random_state=s).fit_transform(X) for s in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.allclose(one, other)
    free = sketch(random_state=None).fit(X)
    repeated = da.PolynomialSketch.from_plan(free.plan_, free.seed_)
    assert np.array_equal(repeated.transform(X), free.transform(X))


def test_the_plan_prints_itself(fitted):
    text = str(fitted.plan_)
    assert text.startswith("sketched (0.3 x·y + ")
    assert "8 features -> 100 components" in text
    assert "predicted relative error" in text


@pytest.mark.parametrize(
    ("params", "match"),
    [
        (
            {"gamma": -1.0},
            r"'gamma' parameter of PolynomialSketch must be a number in the range \[0, inf\).*Got -1.0",
        ),
        ({"gamma": None}, "'gamma' parameter .*Got None instead"),
        (
            {"coef0": -0.5},
            r"'coef0' parameter .* in the range \[0, inf\), or the kernel is not positive semi-",
        ),
        ({"coef0": np.nan}, "'coef0' parameter .*Got nan instead"),
        ({"coef0": np.inf}, "'coef0' parameter .*Got inf instead"),
        ({"degree": 0}, r"'degree' parameter of .* must be an int in the range \[1, inf\). Got 0 instead"),
        ({"degree": 2.5}, "'degree' parameter .*Got 2.5 instead"),
        ({"n_components": 0}, r"'n_components' parameter .* \[1, inf\). Got 0 instead"),
        ({"n_components": True}, "'n_components' parameter .*Got True instead"),
        ({"random_state": -1}, "random_state must be between 0"),
    ],
    ids=str,
)
def test_parameters_that_are_refused(params, match):
    with pytest.raises(DualactError, match=match):
        sketch(**params).fit(X)


@pytest.mark.parametrize("m", [1, 2, 3, 10, 40])
@pytest.mark.parametrize("degree", [1, 3, 9])
def test_any_number_of_components_will_do(degree, m):
    """Fewer columns than powers: one sketch of all powers together, the rows with a constant appended."""
    features = sketch(degree=degree, coef0=1.0, gamma=0.1, n_components=m).fit(X)
    Z = features.transform(X)
    assert Z.shape == (60, m)
    assert np.all(np.isfinite(Z))
    assert np.any(Z, axis=0).sum() >= min(m, 9)
    if degree + 1 > m:
        assert features.plan_.constant == pytest.approx(10**0.5)
        assert "a constant of 3.16" in str(features.plan_)
        again = da.PolynomialSketch.from_plan(features.plan_.to_dict(), 0)
        assert np.array_equal(again.transform(X), Z)
        assert again.coef0 == pytest.approx(1.0)
        assert again.n_features_in_ == 8
        assert np.allclose(features.transform(sparse.csr_array(X)), Z)


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (np.full((3, 8), np.nan), "Input X contains NaN"),
        (np.full((3, 8), np.inf), "Input X contains infinity"),
        (X[0], "Expected 2D array, got 1D array instead"),
        (X[:, :7], "X has 7 features, but PolynomialSketch is expecting 8"),
    ],
)
def test_data_that_are_refused(fitted, rows, match):
    with pytest.raises(ValueError, match=match):
        fitted.transform(rows)


def test_not_fitted():
    with pytest.raises(NotFittedError, match="This PolynomialSketch instance is not fitted yet"):
        sketch().transform(X)


@pytest.mark.parametrize("n", [1, 2, 40])
@pytest.mark.parametrize("d", [1, 2, 300])
def test_the_default_works_on_any_table(n, d):
    table = RNG.standard_normal((n, d)) / d**0.5
    Z = da.PolynomialSketch(random_state=0).fit_transform(table)
    assert Z.shape == (n, 100)
    assert da.metrics.relative_error(kernel(table), Z) < 0.8


def test_rows_of_zeros_alone():
    features = sketch(degree=3, coef0=1.0, n_components=30).fit(np.zeros((5, 8)))
    Z = features.transform(np.zeros((2, 8)))
    assert np.allclose(Z @ Z.T, 1.0)
    assert np.isfinite(features.transform(X)).all()
