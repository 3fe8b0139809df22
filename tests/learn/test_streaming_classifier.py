"""StreamingRidgeClassifier beside RidgeClassifier; classes that come late."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

import dualact as da
from dualact.errors import DualactError

X, DIGITS = load_digits(return_X_y=True)
X, DIGITS = X[:500] / 16, DIGITS[:500]
NAMES = np.array(["nought", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
W = np.random.default_rng(0).integers(0, 3, 500).astype(float)
ORDER = np.argsort(DIGITS, kind="stable")[::-1]  # each class is first seen late, the highest first


def assert_like(one, other, rtol=1e-9):
    assert np.array_equal(one.classes_, other.classes_)
    found, expected = one.decision_function(X), other.decision_function(X)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < rtol * np.abs(expected).max()
    assert np.array_equal(one.predict(X), other.predict(X))
    assert one.coef_.shape == (len(one.classes_) if len(one.classes_) > 2 else 1, 64)


@pytest.mark.parametrize(
    "y",
    [DIGITS, NAMES[DIGITS], NAMES[DIGITS].astype(object), DIGITS > 4, DIGITS % 2 * 2.0],
    ids=lambda y: str(y.dtype),
)
@pytest.mark.parametrize("weights", [None, W], ids=["plain", "weights"])
def test_it_is_the_ridge_classifier(y, weights):
    model = da.StreamingRidgeClassifier(alphas=0.7).fit(X, y, weights)
    theirs = RidgeClassifier(alpha=0.7).fit(X, y, weights)
    assert_like(model, theirs)
    assert model.score(X, y) == theirs.score(X, y) > 0.85


@pytest.mark.parametrize("weight", [{3: 5.0}, "balanced", {k: 0.5 + k for k in range(10)}], ids=str)
def test_class_weights(weight):
    rows = np.flatnonzero((DIGITS != 3) | (np.arange(500) % 4 == 0))
    model = da.StreamingRidgeClassifier(alphas=0.7, class_weight=weight).fit(X[rows], DIGITS[rows])
    full = dict.fromkeys(range(10), 1.0) | weight if isinstance(weight, dict) else weight
    assert_like(model, RidgeClassifier(alpha=0.7, class_weight=full).fit(X[rows], DIGITS[rows]))
    assert not np.allclose(
        model.coef_, da.StreamingRidgeClassifier(alphas=0.7).fit(X[rows], DIGITS[rows]).coef_, rtol=1e-3
    )


@pytest.mark.parametrize("y", [DIGITS, NAMES[DIGITS]], ids=["int", "str"])
@pytest.mark.parametrize("selection", ["gcv", "holdout"])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_classes_first_seen_late(y, selection, size):
    model = da.StreamingRidgeClassifier(selection=selection)
    for start in range(0, 500, size):
        rows = ORDER[start : start + size]
        model.partial_fit(X[rows], y[rows])
    assert_like(model, da.StreamingRidgeClassifier(selection=selection).fit(X[ORDER], y[ORDER]), rtol=1e-7)


def test_merging_models_of_other_classes():
    parts = [DIGITS < 3, (DIGITS > 1) & (DIGITS < 8), DIGITS == 9, DIGITS == 8]
    models = [da.StreamingRidgeClassifier().partial_fit(X[p], DIGITS[p]) for p in parts]
    merged = clone(models[0])
    for model in models:
        merged.merge(model)
    rows = np.concatenate([np.flatnonzero(p) for p in parts])
    assert_like(merged, da.StreamingRidgeClassifier().fit(X[rows], DIGITS[rows]))
    assert models[2].classes_.tolist() == [9]
    assert_like(clone(merged).merge(models[3]).merge(merged.merge(merged)), merged.merge(models[3]))


def test_classes_named_beforehand():
    rows = DIGITS < 9
    model = da.StreamingRidgeClassifier(alphas=1.0).partial_fit(X[rows], DIGITS[rows], classes=np.arange(10))
    assert model.classes_.tolist() == list(range(10))
    assert np.allclose(model.decision_function(X)[:, 9], -1.0)
    assert_like(model.partial_fit(X[~rows], DIGITS[~rows]), RidgeClassifier(alpha=1.0).fit(X, DIGITS))
    early = da.StreamingRidgeClassifier(alphas=1.0).partial_fit(X[rows], DIGITS[rows], classes=[3])
    assert early.classes_.tolist() == list(range(9))


def test_two_classes_of_which_one_is_late():
    y = np.where(DIGITS > 4, "b", "a")
    model = da.StreamingRidgeClassifier(alphas=1.0).partial_fit(X[y == "b"], y[y == "b"])
    assert set(model.predict(X)) == {"b"}
    assert model.decision_function(X).shape == (500,)
    assert_like(model.partial_fit(X[y == "a"], y[y == "a"]), RidgeClassifier(alpha=1.0).fit(X, y))


def test_alpha_is_chosen_over_all_classes():
    model = da.StreamingRidgeClassifier().fit(X, DIGITS)
    ridge = da.StreamingRidge().fit(X, 2.0 * (DIGITS[:, None] == np.arange(10)) - 1)
    assert np.allclose(model.scores_, ridge.scores_)
    assert model.alpha_ == ridge.alpha_


def test_pickles_and_skops():
    model = da.StreamingRidgeClassifier().fit(X, NAMES[DIGITS])
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(X), model.predict(X))
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    data = skops.dumps(model)
    untrusted = skops.get_untrusted_types(data=data)
    assert all(name.startswith("dualact.learn.") for name in untrusted)
    assert np.array_equal(skops.loads(data, trusted=untrusted).predict(X), model.predict(X))


def test_labels_that_are_refused():
    model = da.StreamingRidgeClassifier().partial_fit(X, DIGITS)
    before = model.decision_function(X)
    with pytest.raises(
        DualactError, match=r"labels are <U6 here, and int64 elsewhere. Give all chunks labels"
    ):
        model.partial_fit(X, NAMES[DIGITS])
    with pytest.raises(DualactError, match=r"labels are .* elsewhere"):
        model.partial_fit(X, DIGITS, classes=["a", "b"])
    with pytest.raises(DualactError, match=r"labels are .* elsewhere"):
        model.merge(da.StreamingRidgeClassifier().fit(X, NAMES[DIGITS]))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        model.partial_fit(X, X[:, 2])
    with pytest.raises(ValueError, match="y should be a 1d array"):
        model.partial_fit(X, np.eye(10)[DIGITS])
    with pytest.raises(ValueError, match="contains NaN"):
        model.partial_fit(X, np.where(DIGITS == 3, np.nan, DIGITS))
    assert np.array_equal(model.solve().decision_function(X), before)


@pytest.mark.parametrize("weight", [{0: -1.0}, {0: "much"}, 3.0, "even", {0: np.inf}], ids=str)
def test_class_weights_that_are_refused(weight):
    with pytest.raises(
        DualactError, match=r"'class_weight' parameter of .* must be None, 'balanced' or a dict"
    ):
        da.StreamingRidgeClassifier(class_weight=weight).fit(X, DIGITS)


def test_balanced_is_not_for_chunks():
    model = da.StreamingRidgeClassifier(class_weight="balanced")
    with pytest.raises(
        DualactError, match=r"class_weight='balanced' needs all labels .*compute_class_weight"
    ):
        model.partial_fit(X, DIGITS)
    with pytest.raises(DualactError, match="needs all labels"):
        model.fit(X, DIGITS).merge(clone(model).fit(X, DIGITS))
    with pytest.raises(DualactError, match="needs all labels"):
        model.fit_chunks([(X, DIGITS)])
    with pytest.raises(DualactError, match=r"differ in class_weight: None here, .0: 2. there"):
        da.StreamingRidgeClassifier().fit(X, DIGITS).merge(
            da.StreamingRidgeClassifier(class_weight={0: 2}).fit(X, DIGITS)
        )
