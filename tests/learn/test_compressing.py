"""compress: the leading directions of wider features."""

import json
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

import dualact as da
from dualact.learn import compressing

DIGITS = load_digits().data.astype(np.float32)[:600]
NETWORK = da.mlp(1, "relu")


def fitted(**parameters):
    parameters = {"n_components": 64, "compress": 8, "random_state": 0} | parameters
    return da.SketchedNeuralKernel(NETWORK, **parameters).fit(DIGITS)


def wide(**parameters):
    return da.SketchedNeuralKernel(NETWORK, n_components=512, random_state=0, **parameters).fit(DIGITS)


def test_what_is_lost_is_the_tail_of_the_spectrum_of_the_wide_features():
    features = fitted()
    Z, W = features.transform(DIGITS), wide().transform(DIGITS).astype(float)
    K = W @ W.T
    values = np.linalg.eigvalsh(K)[::-1]
    best = np.sqrt(np.sum(values[64:] ** 2) / np.sum(values**2))
    assert features.plan_.lost == pytest.approx(best, rel=1e-2)
    assert da.metrics.relative_error(K, Z) == pytest.approx(best, rel=1e-2)
    assert features.plan_.rows == len(DIGITS)


def test_subspace_iteration_comes_close(monkeypatch):
    exact = fitted().plan_
    monkeypatch.setattr(compressing, "_SMALL", 0)
    iterated = fitted().plan_
    assert not np.array_equal(iterated.directions, exact.directions)
    assert iterated.lost <= 1.05 * exact.lost
    np.testing.assert_allclose(iterated.directions.T @ iterated.directions, np.eye(64), atol=1e-5)


def test_half_of_the_columns_by_iteration(monkeypatch):
    exact = fitted(n_components=256, compress=2).plan_
    monkeypatch.setattr(compressing, "_SMALL", 0)
    iterated = fitted(n_components=256, compress=2).plan_
    assert not np.array_equal(iterated.directions, exact.directions)
    assert iterated.lost <= 1.1 * exact.lost + 1e-7


def test_features_of_few_columns_keep_more_of_the_kernel():
    K = da.kernel(NETWORK, DIGITS[:300])
    plain = da.SketchedNeuralKernel(NETWORK, n_components=64, random_state=0).fit(DIGITS)
    error = da.metrics.relative_error(K, fitted().transform(DIGITS[:300]))
    assert error < 0.8 * da.metrics.relative_error(K, plain.transform(DIGITS[:300]))
    assert error < 2 * fitted().plan_.predicted_error


def test_plan_seed_and_dtype_fix_the_map():
    features = fitted()
    Z = features.transform(DIGITS)
    assert Z.dtype == np.float32
    text = json.dumps(features.plan_.to_dict())
    again = da.SketchedNeuralKernel.from_plan(json.loads(text), 0)
    assert again.method == features.plan_.wide.method == "polysketch"
    np.testing.assert_array_equal(again.transform(DIGITS), Z)
    assert again.compress == 8
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(features)).transform(DIGITS), Z)
    np.testing.assert_array_equal(clone(features).fit(DIGITS).transform(DIGITS), Z)
    with pytest.raises(da.DualactError, match=r"random_state=0.*Got 1"):
        da.SketchedNeuralKernel.from_plan(json.loads(text), 1)
    np.testing.assert_allclose(features.transform(DIGITS.astype(float)), Z, atol=1e-5 * abs(Z).max())
    np.testing.assert_allclose(features.transform(DIGITS[3:4])[0], Z[3], atol=1e-5 * abs(Z).max())
    assert "compressed to the 64 leading directions of 600 rows" in str(features.plan_)


def test_images():
    images = np.random.default_rng(0).standard_normal((80, 6, 6, 2)).astype(np.float32)
    network = da.cnn(2, "relu")
    features = da.SketchedNeuralKernel(network, n_components=40, compress=4, random_state=0).fit(images)
    K = da.kernel(network, images[:20])
    assert features.transform(images).shape == (80, 40)
    assert da.metrics.relative_error(K, features.transform(images[:20])) < 0.1
    assert np.all(features.residual_variance(images[:5]) >= 0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"compress": 1}, "'compress' parameter of SketchedNeuralKernel must be None or an int in the range"),
        ({"compress": 2.0}, "'compress' parameter"),
        ({"n_components": 16_384, "compress": 4}, r"at most 32768.*Got 65536, 32 GiB"),
        ({"n_components": 601, "compress": 2}, "at least as many rows. Got 600"),
    ],
)
def test_refusals(parameters, message):
    with pytest.raises(da.DualactError, match=message):
        fitted(**parameters)


def test_damaged_plans_are_refused():
    data = fitted().plan_.to_dict()
    with pytest.raises(da.DualactError, match="version"):
        da.SketchedNeuralKernel.from_plan(data | {"version": 9}, 0)
    with pytest.raises(da.DualactError, match="not the data of a compressed plan"):
        da.SketchedNeuralKernel.from_plan({k: v for k, v in data.items() if k != "lost"}, 0)
    narrow = {**data, "wide": da.SketchedNeuralKernel(NETWORK, n_components=100).fit(DIGITS).plan_.to_dict()}
    with pytest.raises(da.DualactError, match="do not fit 100 wide features"):
        da.SketchedNeuralKernel.from_plan(narrow, 0)
