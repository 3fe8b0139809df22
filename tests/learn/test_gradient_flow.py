"""GradientFlowRegressor: against integrated dynamics, a wide network in training, and its limits."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.integrate import solve_ivp
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import dualact as da
from dualact.errors import DualactError, NetworkError

RNG = np.random.default_rng(0)
NET = da.mlp(2, "erf", weight_std=1.4, bias_std=0.3)
X, NEW = RNG.standard_normal((12, 3)), RNG.standard_normal((5, 3))
y = np.sin(X[:, 0]) + 0.5 * X[:, 1]
TWO = np.column_stack([y, X[:, 2] ** 2])
KINDS = ["ntk", "nngp"]
PLAIN = da.mlp(1, "relu", weight_std=1.4)  # a sketch of a homogeneous network is designed at once


def integrated(kind, time, alpha):
    """f_t at X and NEW as a linear map of f_0 there and of y, from the differential equation itself.

    ω̇ = −∇L gives ḟ = −Θ(·, X)(f(X) − y)/n − (α/n)(f − f_0), for L = (Σ(f − y)² + α|ω − ω_0|²)/2n.
    """
    both = np.vstack([X, NEW])
    n, N = len(X), len(both)
    theta = da.kernel(NET, both, X, kind=kind)

    def speed(_, f, start, target):
        f, start = f.reshape(N, -1), start.reshape(N, -1)
        return (-(theta @ (f[:n] - target) + alpha * (f - start)) / n).ravel()

    def flow(start, target):
        solution = solve_ivp(
            speed, (0, time), start.ravel(), args=(start, target), method="LSODA", rtol=1e-10, atol=1e-12
        )
        return solution.y[:, -1].reshape(start.shape)

    of_start = flow(np.eye(N), np.zeros((n, N)))
    of_target = flow(np.zeros((N, n)), np.eye(n))
    return both, of_start, of_target


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_the_differential_equation(kind, alpha):
    time = 40.0
    both, of_start, of_target = integrated(kind, time, alpha)
    model = da.GradientFlowRegressor(NET, kind, time=time, alpha=alpha).fit(X, y)
    mean, cov = model.predict(both, return_cov=True)
    K = da.kernel(NET, both, kind="nngp")
    expected = of_start @ K @ of_start.T
    assert np.allclose(mean, of_target @ y, atol=1e-7)
    assert np.allclose(cov, expected, atol=1e-7)
    assert np.abs(mean[:12] - y).max() > 0.01  # the time is neither 0 nor infinite
    _, std = model.predict(both, return_std=True)
    assert np.allclose(std, np.sqrt(expected.diagonal()), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wide_network_in_training(kind):
    """Width 8192, gradient descent from its own f_0: f_t − f_0 = A(y − f_0(X)) up to 1/√width."""
    width, rate, steps = 8192, 0.05, 400
    net = da.mlp(1, "erf", weight_std=1.2, bias_std=0.4)
    from scipy.special import erf

    W, b = RNG.standard_normal((3, width)), RNG.standard_normal(width)
    v, c = RNG.standard_normal(width), RNG.standard_normal()

    def outputs(rows):
        hidden = erf(1.2 * rows @ W / np.sqrt(3) + 0.4 * b)
        return 1.2 * hidden @ v / np.sqrt(width) + 0.4 * c

    first, first_new = outputs(X), outputs(NEW)
    for _ in range(steps):
        pre = 1.2 * X @ W / np.sqrt(3) + 0.4 * b
        hidden = erf(pre)
        gap = (1.2 * hidden @ v / np.sqrt(width) + 0.4 * c - y) / len(X)
        back = gap[:, None] * (1.2 * v / np.sqrt(width)) * (2 / np.sqrt(np.pi) * np.exp(-(pre**2)))
        v -= rate * 1.2 / np.sqrt(width) * gap @ hidden
        c -= rate * 0.4 * gap.sum()
        if kind == "ntk":
            W -= rate * 1.2 / np.sqrt(3) * X.T @ back
            b -= rate * 0.4 * back.sum(axis=0)
    model = da.GradientFlowRegressor(net, kind, time=rate * steps).fit(X, y - first)
    moved = outputs(NEW) - first_new
    assert np.abs(moved).max() > 0.2
    assert np.allclose(model.predict(NEW), moved, atol=0.04)
    other = da.GradientFlowRegressor(net, {"ntk": "nngp", "nngp": "ntk"}[kind], time=rate * steps)
    gap, wrong = (np.abs(m.predict(NEW) - moved).max() for m in (model, other.fit(X, y - first)))
    assert wrong > 3 * gap


# ------------------------------------------------------------------------------- limits


@pytest.mark.parametrize("kind", KINDS)
def test_before_training(kind):
    mean, cov = da.GradientFlowRegressor(NET, kind, time=0.0).fit(X, y).predict(NEW, return_cov=True)
    assert np.array_equal(mean, np.zeros(5))
    assert np.allclose(cov, da.kernel(NET, NEW, kind="nngp"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_moment_of_training(kind):
    time = 1e-6
    mean = da.GradientFlowRegressor(NET, kind, time=time).fit(X, y).predict(NEW)
    assert np.allclose(mean, time / 12 * da.kernel(NET, NEW, X, kind=kind) @ y, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_convergence_is_interpolation(kind):
    model = da.GradientFlowRegressor(NET, kind).fit(X, y)
    mean, std = model.predict(X, return_std=True)
    assert np.allclose(mean, y, atol=1e-8)
    assert np.all(std < 1e-5)
    gram = da.kernel(NET, X, kind=kind)
    assert np.allclose(model.predict(NEW), da.kernel(NET, NEW, X, kind=kind) @ np.linalg.solve(gram, y))
    long = da.GradientFlowRegressor(NET, kind, time=1e7).fit(X, y)
    assert np.allclose(long.predict(NEW), model.predict(NEW), rtol=1e-6)


def test_the_last_layer_to_convergence_is_a_gaussian_process():
    gp = GaussianProcessRegressor(da.NeuralKernel(NET, "nngp"), alpha=1e-12, optimizer=None).fit(X, y)
    mean, cov = da.GradientFlowRegressor(NET, "nngp").fit(X, y).predict(NEW, return_cov=True)
    expected, posterior = gp.predict(NEW, return_cov=True)
    assert np.allclose(mean, expected, atol=1e-7)
    assert np.allclose(cov, posterior, atol=1e-8)


def test_a_penalty_to_convergence_is_kernel_ridge():
    ridge = make_pipeline(da.ExactNeuralKernel(NET), KernelRidge(alpha=0.3, kernel="precomputed"))
    model = da.GradientFlowRegressor(NET, alpha=0.3).fit(X, TWO)
    assert np.allclose(model.predict(NEW), ridge.fit(X, TWO).predict(NEW), rtol=1e-8)


def test_rows_given_twice_are_learnt_as_their_mean():
    doubled, targets = np.vstack([X, X]), np.concatenate([y, y + 0.2])
    model = da.GradientFlowRegressor(NET).fit(doubled, targets)
    assert np.allclose(model.predict(X), y + 0.1, atol=1e-6)
    assert (model.eigenvalues_ == 0).sum() == 12
    again = da.GradientFlowRegressor(NET, time=30.0).fit(doubled, targets).predict(NEW)
    once = da.GradientFlowRegressor(NET, time=30.0).fit(X, y + 0.1).predict(NEW)
    assert np.allclose(again, once, atol=1e-8)  # times do not depend on the number of rows


# ------------------------------------------------------------------------------- several times and outputs


def test_several_times_from_one_fit():
    model = da.GradientFlowRegressor(NET).fit(X, TWO)
    times = [0, 1.0, 50.0, np.inf]
    means = model.predict_at(NEW, times)
    assert means.shape == (4, 5, 2)
    for time, mean in zip(times, means, strict=True):
        expected = da.GradientFlowRegressor(NET, time=time).fit(X, TWO).predict(NEW)
        assert np.allclose(mean, expected, rtol=1e-12)
    assert model.predict_at(NEW, []).shape == (0, 5, 2)
    with pytest.raises(DualactError, match=r"'times' parameter .* in the range \[0, inf\]. Got -1"):
        model.predict_at(NEW, [1.0, -1])


def test_outputs_are_independent():
    model = da.GradientFlowRegressor(NET, time=20.0).fit(X, TWO)
    mean, std = model.predict(NEW, return_std=True)
    assert mean.shape == (5, 2)
    assert std.shape == (5,)
    for k in range(2):
        alone = da.GradientFlowRegressor(NET, time=20.0).fit(X, TWO[:, k])
        assert np.allclose(mean[:, k], alone.predict(NEW))


# ------------------------------------------------------------------------------- features


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("time", "alpha"), [(20.0, 0.0), (np.inf, 0.5)])
def test_features_follow_the_exact_kernel(kind, time, alpha):
    exact = da.GradientFlowRegressor(PLAIN, kind, time, alpha).fit(X, y)
    sketch = da.GradientFlowRegressor(PLAIN, kind, time, alpha, n_components=1024, random_state=0).fit(X, y)
    (mean, cov), (near, near_cov) = (m.predict(NEW, return_cov=True) for m in (exact, sketch))
    assert np.allclose(near, mean, atol=0.03)
    assert np.allclose(near_cov, cov, atol=0.03)
    assert np.allclose(sketch.predict(NEW, return_std=True)[1], np.sqrt(near_cov.diagonal()))
    assert (sketch.prior_features_ is sketch.features_) == (kind == "nngp")


def test_features_are_exact_for_their_own_kernel(monkeypatch):
    from dualact.learn import gradient_flow

    monkeypatch.setattr(gradient_flow, "_ROWS", 5)
    model = da.GradientFlowRegressor(PLAIN, time=7.0, alpha=0.1, n_components=40, random_state=3).fit(X, TWO)
    Z, z = (model.features_.transform(rows) for rows in (X, NEW))
    values, vectors = np.linalg.eigh(Z @ Z.T)
    smoother = z @ Z.T @ vectors * (1 - np.exp(-(values + 0.1) * 7 / 12)) / (values + 0.1) @ vectors.T
    assert np.allclose(model.predict(NEW), smoother @ TWO)
    prior, new_prior = (model.prior_features_.transform(rows) for rows in (X, NEW))
    rest = new_prior - smoother @ prior
    assert np.allclose(model.predict(NEW, return_cov=True)[1], rest @ rest.T)


def test_fitting_again_forgets():
    model = da.GradientFlowRegressor(PLAIN, n_components=32, random_state=0).fit(X, y)
    model.set_params(n_components=None, network__depth=2).fit(X[:, :2], y)
    assert not hasattr(model, "features_")
    assert np.allclose(model.predict(X[:, :2]), y, atol=1e-6)


# ------------------------------------------------------------------------------- scikit-learn


def test_early_stopping_in_a_search():
    data, target = load_diabetes(return_X_y=True)
    data, target = data[:100], (target[:100] - 150) / 80
    model = make_pipeline(StandardScaler(), da.GradientFlowRegressor(da.mlp(1, "relu", 2**0.5, 0.1)))
    name = "gradientflowregressor"
    grid = {f"{name}__time": [1.0, 30.0, np.inf], f"{name}__network__activation": ["relu", "erf"]}
    search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(data, target)
    assert search.best_params_[f"{name}__time"] == 30.0
    assert search.best_score_ > 0.15


def test_sparse_rows_and_frames():
    rows = X * (RNG.random(X.shape) < 0.6)
    expected = da.GradientFlowRegressor(PLAIN, time=9.0).fit(rows, y).predict(NEW)
    for n_components, tolerance in ((None, 1e-8), (256, 0.05)):
        model = da.GradientFlowRegressor(PLAIN, time=9.0, n_components=n_components, random_state=0)
        found = model.fit(sparse.csr_array(rows), y).predict(sparse.csr_array(NEW))
        assert np.allclose(found, expected, atol=tolerance)
        assert np.allclose(found, model.predict(NEW), rtol=1e-8)
    frame = pd.DataFrame(rows, columns=list("abc"))
    model = da.GradientFlowRegressor(PLAIN, time=9.0).fit(frame, pd.Series(y))
    assert np.allclose(model.predict(pd.DataFrame(NEW, columns=list("abc"))), expected)


@pytest.mark.parametrize("n_components", [None, 32])
def test_copies(n_components):
    model = da.GradientFlowRegressor(PLAIN, time=5.0, n_components=n_components, random_state=0).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    for a, b in zip(again.predict(NEW, return_std=True), model.predict(NEW, return_std=True), strict=True):
        assert np.array_equal(a, b)
    with pytest.raises(NotFittedError):
        clone(model).predict(NEW)


@pytest.mark.parametrize("n_components", [None, 32])
def test_skops(n_components):
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    model = da.GradientFlowRegressor(PLAIN, time=5.0, n_components=n_components, random_state=0).fit(X, y)
    data = skops.dumps(model)
    untrusted = skops.get_untrusted_types(data=data)
    assert all(name.startswith("dualact.learn.") for name in untrusted)
    assert np.allclose(skops.loads(data, trusted=untrusted).predict(NEW), model.predict(NEW))


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"time": -1.0}, r"'time' parameter of GradientFlowRegressor must be .* \[0, inf\]. Got -1.0"),
        ({"time": np.nan}, "'time' parameter .*Got nan instead"),
        ({"time": "long"}, "'time' parameter .*Got 'long' instead"),
        ({"time": True}, "'time' parameter .*Got True instead"),
        ({"alpha": -0.5}, r"'alpha' parameter .* in the range \[0, inf\). Got -0.5 instead"),
        ({"alpha": np.inf}, r"'alpha' parameter .* in the range \[0, inf\). Got inf instead"),
        ({"kind": "cntk"}, "'kind' parameter of GradientFlowRegressor must be one of 'ntk', 'nngp'"),
        ({"n_jobs": 0}, "'n_jobs' parameter of GradientFlowRegressor"),
        ({"n_components": 0}, "'n_components' parameter of SketchedNeuralKernel must be an int"),
        ({"n_components": 2.5}, "'n_components' parameter .*Got 2.5 instead"),
    ],
    ids=str,
)
def test_parameters_that_are_refused(params, match):
    with pytest.raises(DualactError, match=match):
        da.GradientFlowRegressor(NET, **params).fit(X, y)


def test_other_refusals():
    with pytest.raises(NetworkError, match=r"layer 1 .*step.*no NTK"):
        da.GradientFlowRegressor(da.mlp(1, "step")).fit(X, y)
    with pytest.raises(DualactError, match="predict returns one of std and cov"):
        da.GradientFlowRegressor(NET).fit(X, y).predict(X, return_std=True, return_cov=True)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        da.GradientFlowRegressor(NET).fit(X, y * np.nan)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        da.GradientFlowRegressor(NET).fit(X, y[:-1])
