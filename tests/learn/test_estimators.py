"""The scikit-learn contract: its own checks, and what they leave out."""

from __future__ import annotations

import json
import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

import dualact as da

X = load_diabetes().data[:60, :4] * 20
SMALL = da.mlp(1, "relu")


@parametrize_with_checks([da.SketchedNeuralKernel(n_components=24), da.ExactNeuralKernel()])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def sketched(**options):
    return da.SketchedNeuralKernel(SMALL, n_components=32, random_state=0, **options)


def test_feature_names_out():
    fitted = sketched().fit(X)
    names = fitted.get_feature_names_out()
    assert len(names) == 32
    assert names[0] == "sketchedneuralkernel0"
    assert len(da.ExactNeuralKernel(SMALL).fit(X).get_feature_names_out()) == len(X)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_set_output(container):
    frame = (pd if container == "pandas" else pl).DataFrame({f"c{i}": X[:, i] for i in range(4)})
    fitted = sketched().set_output(transform=container).fit(frame)
    out = fitted.transform(frame)
    assert isinstance(out, pd.DataFrame if container == "pandas" else pl.DataFrame)
    assert list(out.columns) == list(fitted.get_feature_names_out())
    np.testing.assert_array_equal(out.to_numpy(), sketched().fit_transform(X))


def test_columns_are_held_to_their_names():
    frame = pd.DataFrame(X, columns=list("abcd"))
    fitted = sketched().fit(frame)
    assert list(fitted.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.transform(frame.rename(columns={"a": "z"}))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"n_components": 0}, "'n_components' parameter of {} must be an int in the range [1, inf). Got 0"),
        (
            {"n_components": 2.5},
            "'n_components' parameter of {} must be an int in the range [1, inf). Got 2.5",
        ),
        ({"degree": -1}, "'degree' parameter of {} must be 'auto' or an int in the range [0, inf). Got -1"),
        ({"kind": "rbf"}, "'kind' parameter of {} must be one of 'ntk', 'nngp'. Got 'rbf'"),
        ({"method": "magic"}, "'method' parameter of {} must be one of 'auto', 'polysketch'. Got 'magic'"),
        ({"network": "relu"}, "network must be a Network (for example mlp(2, 'relu')) or the dictionary"),
        ({"degree": 8, "n_components": 3}, "n_components=3 is too small for degree 8"),
        ({"random_state": -1}, "random_state must be between 0 and 2**32 − 1. Got -1"),
    ],
)
def test_parameters_are_refused_in_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence.format("SketchedNeuralKernel"))):
        da.SketchedNeuralKernel(**options).fit(X)


@pytest.mark.parametrize("make", [sketched, lambda: da.ExactNeuralKernel(SMALL)])
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.array([[1.0, np.nan]]), "contains NaN"),
        (np.array([[1.0, np.inf]]), "contains infinity"),
        (np.ones(3), "Expected 2D array, got 1D array"),
        (np.ones((0, 3)), "Found array with 0 sample"),
        (np.ones((3, 0)), "0 feature"),
        (np.ones((3, 2)) * 1j, "Complex data not supported"),
        (np.array([["a", "b"]], dtype=object), "could not convert string"),
    ],
)
def test_data_are_refused_in_scikit_learns_words(make, data, sentence):
    with pytest.raises(ValueError, match=sentence):
        make().fit(data)


def test_a_network_made_for_other_data_is_refused():
    network = da.Network([da.Dense()], input_shape=(7,))
    with pytest.raises(
        da.NetworkError, match=r"X has 4 features, but the network was made for input_shape=\(7,\)"
    ):
        da.SketchedNeuralKernel(network, n_components=8).fit(X)


def test_a_jump_has_no_ntk_and_the_nngp_is_offered():
    with pytest.raises(da.NetworkError, match=r"'sign' jumps at 0.*Ask for kind='nngp'"):
        da.SketchedNeuralKernel(da.mlp(1, "sign")).fit(X)
    assert da.SketchedNeuralKernel(da.mlp(1, "sign"), kind="nngp", n_components=64).fit(X).plan_ is not None


@pytest.mark.parametrize(
    "convert", [np.asfortranarray, lambda a: a[::2][::1], lambda a: a.astype(np.float16)]
)
def test_layouts_and_small_floats(convert):
    data = convert(X)
    expected = sketched().fit_transform(np.array(data, dtype=np.float64, order="C"))
    np.testing.assert_array_equal(sketched().fit_transform(data), expected)


def test_objects_that_are_numbers_and_integers_become_float64():
    whole = np.round(X).astype(np.int8)
    expected = sketched().fit_transform(whole.astype(np.float64))
    assert expected.dtype == np.float64
    for data in (whole, whole.astype(object)):
        np.testing.assert_array_equal(sketched().fit_transform(data), expected)


def test_float32_stays_float32_and_agrees_with_float64():
    single = sketched().fit_transform(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, sketched().fit_transform(X), rtol=0, atol=1e-5 * np.abs(single).max())


def test_read_only_and_sparse_input():
    frozen = X.copy()
    frozen.flags.writeable = False
    expected = sketched().fit_transform(X)
    np.testing.assert_array_equal(sketched().fit_transform(frozen), expected)
    rows = sparse.csr_matrix(X)
    K = da.kernel(SMALL, X)
    assert da.metrics.relative_error(K, sketched().fit_transform(rows)) < 0.05
    np.testing.assert_allclose(da.ExactNeuralKernel(SMALL).fit_transform(rows), K, rtol=1e-12)


def test_the_plan_the_seed_and_the_dtype_fix_the_map():
    fitted = sketched().fit(X)
    document = json.loads(json.dumps(fitted.plan_.to_dict()))
    repeated = da.SketchedNeuralKernel.from_plan(document, random_state=fitted.seed_)
    np.testing.assert_array_equal(repeated.transform(X), fitted.transform(X))
    other = da.SketchedNeuralKernel.from_plan(document, random_state=fitted.seed_ + 1)
    assert np.abs(other.transform(X) - fitted.transform(X)).max() > 0


def test_pickle_and_clone():
    fitted = sketched().fit(X)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "plan_")


def test_any_random_state():
    first = da.SketchedNeuralKernel(SMALL, n_components=16, random_state=np.random.RandomState(3)).fit(X)
    second = da.SketchedNeuralKernel(SMALL, n_components=16, random_state=np.random.RandomState(3)).fit(X)
    free = da.SketchedNeuralKernel(SMALL, n_components=16).fit(X)
    assert first.seed_ == second.seed_
    np.testing.assert_array_equal(free.transform(X), free.transform(X))


def test_a_search_over_the_network_mutates_nothing():
    network = da.mlp(1, "relu")
    pipe = Pipeline(
        [("sketch", da.SketchedNeuralKernel(network, n_components=32, random_state=0)), ("ridge", Ridge())]
    )
    grid = {"sketch__network__activation": ["relu", "gelu"], "sketch__network__depth": [1, 2]}
    found = GridSearchCV(pipe, grid, cv=2).fit(X, X[:, 0] * X[:, 1])
    assert network == da.mlp(1, "relu")
    best = found.best_estimator_["sketch"].network
    expected = found.best_params_
    assert best == da.mlp(expected["sketch__network__depth"], expected["sketch__network__activation"])
    with pytest.raises(da.NetworkError, match=r"network__width is not a parameter.*There are: network__act"):
        pipe["sketch"].set_params(network__width=3)


def test_the_default_network_is_searched_too():
    estimator = da.SketchedNeuralKernel().set_params(network__weight_std=1.0, degree=2)
    assert estimator.network == da.mlp(2, "relu")
    assert estimator.degree == 2


def test_exact_kernel_in_a_pipeline():
    data, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(data))
    train, test = order[:600], order[600:1000]
    model = make_pipeline(da.ExactNeuralKernel(da.mlp(2, "gelu")), SVC(kernel="precomputed"))
    assert model.fit(data[train], labels[train]).score(data[test], labels[test]) > 0.95
    fitted = da.ExactNeuralKernel(SMALL).fit(X[:20])
    np.testing.assert_allclose(fitted.transform(X), da.kernel(SMALL, X, X[:20]), rtol=1e-14)
