"""Whole workflows: searches, cached pipelines, persistence, displays, frames."""

import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR

import dualact as da
from dualact.learn import sketched

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 5))
y = X[:, 0] * X[:, 1] + np.abs(X[:, 2])
LABELS = (y > np.median(y)).astype(int)
NET = da.mlp(1, "relu", weight_std=2**0.5)


def sketch_and_ridge(memory=None):
    sketch = da.SketchedNeuralKernel(NET, n_components=64, random_state=0)
    return Pipeline([("sketch", sketch), ("ridge", Ridge())], memory=memory)


# ------------------------------------------------------------------------------- searches


def test_a_grid_over_the_network_of_a_sketch():
    grid = {
        "sketch__network__activation": ["relu", "abs"],
        "sketch__network__depth": [1, 2],
        "sketch__network__weight_std": [1.0, 1.5],
        "sketch__kind": ["nngp"],
        "ridge__alpha": [1e-3, 1.0],
    }
    search = GridSearchCV(sketch_and_ridge(), grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 16
    best = search.best_params_
    names = ("activation", "depth", "weight_std")
    expected = da.mlp(**{"depth": 1, **{n: best[f"sketch__network__{n}"] for n in names}})
    assert search.best_estimator_["sketch"].network == expected
    scores = search.cv_results_["mean_test_score"].reshape(2, -1)
    assert not np.allclose(scores[0], scores[1])
    assert search.estimator["sketch"].network == NET  # a search mutates nothing


def test_a_random_search_over_standard_deviations():
    from scipy.stats import loguniform

    model = make_pipeline(da.ExactNeuralKernel(NET), KernelRidge(kernel="precomputed"))
    space = {
        "exactneuralkernel__network__bias_std": loguniform(1e-2, 1),
        "exactneuralkernel__network__weight_std": loguniform(0.5, 2),
    }
    search = RandomizedSearchCV(model, space, n_iter=4, cv=3, random_state=0, error_score="raise")
    found = search.fit(X, y).best_estimator_["exactneuralkernel"].network
    assert len({(d.weight_std, d.bias_std) for d in found[::2]}) == 1
    assert found[0].bias_std == search.best_params_["exactneuralkernel__network__bias_std"]


def test_a_search_over_whole_networks_in_processes():
    grid = {"sketch__network": [NET, da.mlp(1, "abs").to_dict()]}
    search = GridSearchCV(sketch_and_ridge(), grid, cv=2, n_jobs=2, error_score="raise").fit(X, y)
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])


@pytest.mark.parametrize("last", [SVC(kernel="precomputed"), SVR(kernel="precomputed")], ids=str)
def test_exact_kernels_in_cross_validation(last):
    target = LABELS if isinstance(last, SVC) else y
    model = make_pipeline(StandardScaler(), da.ExactNeuralKernel(NET), last)
    direct = []
    for train, test in ((slice(30, 60), slice(0, 30)), (slice(0, 30), slice(30, 60))):
        scaler = StandardScaler().fit(X[train])
        a, b = scaler.transform(X[train]), scaler.transform(X[test])
        fitted = clone(last).fit(da.kernel(NET, a), target[train])
        direct.append(fitted.predict(da.kernel(NET, b, a)))
    splits = [(np.arange(30, 60), np.arange(30)), (np.arange(30), np.arange(30, 60))]
    assert np.allclose(cross_val_predict(model, X, target, cv=splits), np.concatenate(direct), atol=1e-6)
    assert cross_val_score(model, X, target, cv=splits).shape == (2,)


# ------------------------------------------------------------------------------- caches


@pytest.fixture
def designs(monkeypatch):
    """How often a feature map was designed."""
    calls = []
    design = sketched.plan_map

    def counted(*args, **kwargs):
        calls.append(args)
        return design(*args, **kwargs)

    monkeypatch.setattr(sketched, "plan_map", counted)
    return calls


def test_a_pipeline_with_memory(tmp_path, designs):
    model = sketch_and_ridge(joblib.Memory(tmp_path, verbose=0))
    expected = sketch_and_ridge().fit(X, y).predict(X)
    assert len(designs) == 1
    assert np.array_equal(model.fit(X, y).predict(X), expected)
    assert len(designs) == 2
    for alpha in (0.1, 10.0):
        again = clone(model).set_params(ridge__alpha=alpha, sketch__network=da.mlp(1, "relu", 2**0.5))
        again.fit(X, y)
    assert len(designs) == 2  # an equal network is the same network
    assert np.array_equal(again["sketch"].transform(X), model["sketch"].transform(X))
    for change in ({"network__activation": "abs"}, {"network__weight_std": 1.0}, {"random_state": 1}):
        clone(model).set_params(**{f"sketch__{k}": v for k, v in change.items()}).fit(X, y)
    assert len(designs) == 5


def test_a_search_with_memory(tmp_path, designs):
    grid = {"sketch__network__activation": ["relu", "abs"], "ridge__alpha": [0.1, 1.0, 10.0]}
    GridSearchCV(sketch_and_ridge(str(tmp_path)), grid, cv=2, refit=False, error_score="raise").fit(X, y)
    assert len(designs) == 4  # two networks, two folds; the ridges share them


def test_hashes_agree_between_processes():
    objects = (
        "import dualact as da, joblib; custom = da.from_expression('mine', 'x*tanh(x)');"
        "print(*(joblib.hash(e) for e in (da.SketchedNeuralKernel(da.mlp(2, 'gelu', bias_std=.1)),"
        "da.ExactNeuralKernel(da.mlp(1, custom)), da.NeuralKernel(da.mlp(1, 'erf')))))"
    )
    first, second = (
        subprocess.run([sys.executable, "-c", objects], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert first == second
    assert len(set(first.split())) == 3
    same = joblib.hash(da.SketchedNeuralKernel(da.mlp(2, "gelu", bias_std=0.1)))
    assert same == first.split()[0]


# ------------------------------------------------------------------------------- persistence


def models():
    custom = da.mlp(1, da.from_expression("lean", "abs(x) + x/2"), weight_std=1.5)
    return {
        "features": make_pipeline(StandardScaler(), da.SketchedNeuralKernel(NET, n_components=32), Ridge()),
        "expression": make_pipeline(da.ExactNeuralKernel(custom), KernelRidge(kernel="precomputed")),
        "process": GaussianProcessRegressor(da.NeuralKernel(NET, "nngp") + WhiteKernel(0.1), optimizer=None),
        "flow": da.GradientFlowRegressor(NET, time=10.0),
    }


@pytest.mark.parametrize("name", models())
def test_skops_distrusts_nothing_but_dualact(name):
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    model = models()[name].fit(X, y)
    data = skops.dumps(model)
    untrusted = skops.get_untrusted_types(data=data)
    own = [t for t in untrusted if t.startswith("dualact.learn.")]
    assert len(own) == 1
    # scikit-learn's own kernels of Gaussian processes are not on every skops' list
    assert all(t.startswith("sklearn.gaussian_process.") for t in untrusted if t not in own)
    assert np.allclose(skops.loads(data, trusted=untrusted).predict(X), model.predict(X), rtol=1e-10)


@pytest.mark.parametrize("name", models())
def test_joblib_carries_models_to_another_process(name, tmp_path):
    model = models()[name].fit(X, y)
    joblib.dump((model, X), tmp_path / "model.joblib")
    code = (
        "import sys, joblib, numpy; model, X = joblib.load(sys.argv[1]);"
        "numpy.save(sys.argv[2], model.predict(X))"
    )
    out = tmp_path / "out.npy"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "model.joblib"), str(out)], check=True)
    assert np.allclose(np.load(out), model.predict(X), rtol=1e-12)


# ------------------------------------------------------------------------------- displays and frames


@pytest.mark.parametrize("name", models())
def test_displays(name):
    model = models()[name]
    html = model._repr_html_()
    assert "NeuralKernel" in html or "GradientFlow" in html
    assert "Dense" in html
    assert "object at 0x" not in html + repr(model)
    assert len(repr(model)) < 700


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_through_column_transformers(library):
    module = pytest.importorskip(library)
    frame = module.DataFrame(
        {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "kind": ["red" if v > 0 else "blue" for v in X[:, 3]]}
    )
    columns = ColumnTransformer(
        [
            ("one", OneHotEncoder(sparse_output=False), ["kind"]),
            ("net", da.SketchedNeuralKernel(NET, n_components=20, random_state=0), ["a", "b", "c"]),
        ]
    ).set_output(transform=library)
    out = columns.fit_transform(frame)
    assert isinstance(out, module.DataFrame)
    assert list(out.columns)[:3] == ["one__kind_blue", "one__kind_red", "net__sketchedneuralkernel0"]
    assert list(out.columns) == columns.get_feature_names_out().tolist()
    assert out.shape == (60, 22)


def test_kinds_side_by_side():
    union = FeatureUnion(
        [(k, da.SketchedNeuralKernel(NET, k, n_components=30, random_state=0)) for k in ("ntk", "nngp")]
    )
    Z = union.fit_transform(X)
    total = da.kernel(NET, X) + da.kernel(NET, X, kind="nngp")
    assert da.metrics.relative_error(total, Z) < 0.15
    assert union.get_feature_names_out()[30] == "nngp__sketchedneuralkernel0"


def test_a_frame_end_to_end():
    frame = pd.DataFrame(X, columns=list("abcde"))
    model = make_pipeline(StandardScaler(), da.SketchedNeuralKernel(NET, n_components=256), RidgeClassifier())
    model.set_output(transform="pandas")
    assert model.fit(frame, LABELS).score(frame, LABELS) > 0.9
    assert model[:-1].get_feature_names_out()[0] == "sketchedneuralkernel0"
