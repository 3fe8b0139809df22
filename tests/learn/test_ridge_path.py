"""One decomposition against one solver call per alpha; choice of alpha; the posterior."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct
from sklearn.linear_model import Ridge, RidgeCV

from dualact.errors import DualactError
from dualact.learn import ridge_path
from dualact.learn.ridge_path import gcv_path, holdout_path, posterior_precision
from dualact.learn.ridge_statistics import RidgeStatistics

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((80, 12)) * np.logspace(0, -3, 12) + 2
Y = np.stack([np.sin(3 * Z[:, 0]) + 0.1 * RNG.standard_normal(80), Z[:, 3] * 40], axis=1)
W = RNG.integers(0, 4, 80).astype(float)
GRID = [10.0**k for k in range(-8, 3)]


def of(Z, Y, weights=None):
    return RidgeStatistics(Z.shape[1], Y.shape[1]).add(Z, Y, weights)


def gcv_by_definition(Z, Y, alpha, w, fit_intercept):
    """With the hat matrix of the rows, repeated by weight."""
    Z, Y = np.repeat(Z, w.astype(int), axis=0), np.repeat(Y, w.astype(int), axis=0)
    n = len(Z)
    if fit_intercept:
        Z = Z - Z.mean(axis=0)
    hat = Z @ np.linalg.solve(Z.T @ Z + alpha * np.eye(Z.shape[1]), Z.T) + (1 / n if fit_intercept else 0)
    rest = Y - hat @ Y
    return np.trace(hat), (rest**2).sum() / n / (1 - np.trace(hat) / n) ** 2


@pytest.mark.parametrize("count", [1, 4, 11], ids=["one", "few", "many"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weights", [np.ones(80), W], ids=["ones", "weights"])
def test_scores_are_generalised_cross_validation(count, fit_intercept, weights):
    alphas = GRID[-count:]
    found = gcv_path(of(Z, Y, weights), alphas, fit_intercept)
    expected = [gcv_by_definition(Z, Y, a, weights, fit_intercept) for a in alphas]
    assert np.allclose(found.degrees_of_freedom, [e[0] for e in expected], rtol=1e-7)
    assert np.allclose(found.scores, [e[1] for e in expected], rtol=1e-6)
    assert found.alpha == alphas[int(np.argmin([e[1] for e in expected]))]
    ridge = Ridge(alpha=found.alpha, fit_intercept=fit_intercept).fit(Z, Y, weights)
    assert np.allclose(Z @ found.coef.T + found.intercept, ridge.predict(Z), rtol=1e-9, atol=1e-9)


def test_both_ways_agree(monkeypatch):
    statistics = of(Z, Y, W)
    alphas = [1e-4, 1e-2, 1.0]
    by_factor = gcv_path(statistics, alphas, True)
    monkeypatch.setattr(ridge_path, "_FEW", 0)
    by_vectors = gcv_path(statistics, alphas, True)
    for name in ("scores", "degrees_of_freedom", "coef", "intercept"):
        assert np.allclose(getattr(by_factor, name), getattr(by_vectors, name), rtol=1e-7), name


def test_one_alpha_takes_no_eigenvectors(monkeypatch):
    monkeypatch.setattr(ridge_path, "eigh", lambda *a, **k: pytest.fail("an eigendecomposition"))
    gcv_path(of(Z, Y), [1.0], True)


@pytest.mark.parametrize("table", ["diabetes", "digits", "wide"])
def test_the_choice_of_ridge_cv(table):
    """scikit-learn's is leave-one-out; on a grid of decades both choose alike, or as well."""
    if table == "wide":
        X = np.random.default_rng(1).standard_normal((60, 90))
        y = X[:, 0] + 2 * np.random.default_rng(2).standard_normal(60)
    else:
        X, y = (load_diabetes if table == "diabetes" else load_digits)(return_X_y=True)
    grid = 10.0 ** np.arange(-4, 6)
    theirs = RidgeCV(alphas=grid, store_cv_results=True).fit(X, y)
    left_out = theirs.cv_results_.reshape(len(y), -1).mean(axis=0)
    chosen = gcv_path(of(X, y[:, None].astype(float)), grid.tolist(), True).alpha
    if table == "digits":  # pixels that are seldom inked have leverages far from the mean
        assert left_out[grid == chosen] < 1.001 * left_out.min() < 0.7 * left_out.max()
    else:
        assert chosen == theirs.alpha_
        assert grid[0] < chosen < grid[-1]


def test_fewer_rows_than_features_tends_to_interpolation():
    X, y = RNG.standard_normal((20, 50)), RNG.standard_normal((20, 1))
    found = gcv_path(of(X, y), [1e-14, 1e-10, 1e-6, 1e-2, 1e2], True)
    limit = found.scores[2]
    assert np.isfinite(found.scores).all()
    assert np.allclose(found.scores[:2], limit, rtol=1e-3)
    kernel = (X - X.mean(0)) @ (X - X.mean(0)).T
    values, vectors = np.linalg.eigh(kernel)
    turned = (vectors[:, 1:].T @ (y - y.mean()))[:, 0] / values[1:]
    assert limit == pytest.approx(
        (turned**2).mean() * 19 / 20 / (np.mean(1 / values[1:]) * 19 / 20) ** 2, rel=1e-3
    )


def test_exactly_linear_targets():
    y = Z @ RNG.standard_normal((12, 1))
    found = gcv_path(of(Z, y), GRID, True)
    assert np.isfinite(found.scores).all()
    assert found.alpha <= 1e-6
    assert np.allclose(Z @ found.coef.T + found.intercept, y, atol=1e-6)


@pytest.mark.parametrize("alphas", [[1.0], [1.0, 2.0], GRID], ids=["one", "two", "many"])
@pytest.mark.parametrize("n", [1, 2])
def test_one_row_and_two(n, alphas):
    found = gcv_path(of(Z[:n], Y[:n]), alphas, True)
    assert np.isfinite(found.coef).all()
    assert np.allclose(Z[:n].mean(0) @ found.coef.T + found.intercept, Y[:n].mean(0))


def test_weights_too_small_to_count():
    with pytest.raises(DualactError, match=r"Σ weights = 0.8 for 80 rows is no more than .*mean of 1"):
        gcv_path(of(Z, Y, np.full(80, 0.01)), [1e-8, 1e-7], True)
    assert gcv_path(of(Z, Y, np.full(80, 0.01)), [1e-3], True).alpha == 1e-3


@pytest.mark.parametrize("alphas", [GRID, [1e-3, 1e-1]], ids=["many", "few"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_held_out_rows(fit_intercept, alphas):
    out = np.arange(80) % 4 == 0
    found = holdout_path(of(Z[~out], Y[~out], W[~out]), of(Z[out], Y[out], W[out]), alphas, fit_intercept)
    errors = []
    for alpha in alphas:
        ridge = Ridge(alpha=alpha, fit_intercept=fit_intercept).fit(Z[~out], Y[~out], W[~out])
        errors.append(np.average((ridge.predict(Z[out]) - Y[out]) ** 2, axis=0, weights=W[out]).mean())
    assert np.allclose(found.scores, errors, rtol=1e-7)
    assert found.alpha == alphas[int(np.argmin(errors))]
    every = Ridge(alpha=found.alpha, fit_intercept=fit_intercept).fit(Z, Y, W)
    assert np.allclose(Z @ found.coef.T + found.intercept, every.predict(Z), rtol=1e-8)


@pytest.mark.parametrize("alpha", [1e-13, 0.01, 3.0])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_posterior_is_that_of_a_gaussian_process(fit_intercept, alpha):
    rows = Z - 2  # so that a prior variance of 1e6 is a flat one
    kernel = DotProduct(sigma_0=0, sigma_0_bounds="fixed")
    if fit_intercept:
        kernel = kernel + ConstantKernel(1e6, "fixed")
    variance = posterior_precision(of(rows[:60], Y[:60]), alpha, fit_intercept).variance(rows[60:])
    assert variance.min() > 0
    if alpha > 1e-9:
        process = GaussianProcessRegressor(kernel, alpha=alpha, optimizer=None).fit(rows[:60], Y[:60, :1])
        _, expected = process.predict(rows[60:], return_std=True)
        assert np.allclose(np.sqrt(variance), expected, rtol=1e-4)
    else:
        assert np.sqrt(variance).max() < 1e-4


def test_no_alpha_is_lost_in_directions_without_data():
    """Where the rows say nothing, the posterior is the prior."""
    rows = np.zeros((10, 3))
    rows[:, 0] = RNG.standard_normal(10)
    for alpha in (1e-14, 1e-3):
        variance = posterior_precision(of(rows, rows[:, :1]), alpha, False).variance(np.eye(3))
        assert variance[1:] == pytest.approx([1.0, 1.0])
        assert variance[0] == pytest.approx(alpha / (rows[:, 0] @ rows[:, 0] + alpha))
