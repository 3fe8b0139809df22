"""The laws of the streaming ridge."""

from __future__ import annotations

import numpy as np
import ridge_laws as laws
from sklearn.linear_model import Ridge

import dualact as da

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 4)) @ RNG.standard_normal((4, 4)) + 1.0
y = X @ RNG.standard_normal(4) + 0.5 * RNG.standard_normal(40) + 3.0
Y = np.stack([y, np.sin(3 * X[:, 0])], axis=1)
W = RNG.uniform(0.1, 2, 40)
COUNTS = RNG.integers(0, 4, 40)
ALPHAS = (1e-3, 1e-1, 1.0, 10.0, 1e3)


def _is_ridge():
    for alpha in (1e-2, 1.0, 100.0):
        for weights in (None, W):
            for intercept in (True, False):
                laws.is_ridge(X, Y, alpha, weights, fit_intercept=intercept)


def _interpolates():
    """Fewer rows than features and next to no alpha: the solution of least norm."""
    wide = np.random.default_rng(2).standard_normal((5, 12))
    wide[0] *= 1e-3
    for alpha in (1e-6, 1e-2):
        model = laws.new((alpha, 2 * alpha), fit_intercept=False).fit(wide, y[:5])
        want = wide.T @ np.linalg.solve(wide @ wide.T + model.alpha_ * np.eye(5), y[:5])
        np.testing.assert_allclose(model.coef_, want, rtol=1e-6)


def _chunks():
    for weights in (None, W):
        for selection in ("gcv", "holdout"):
            laws.chunks_do_not_count(X, Y, [1, 7, 7, 30], weights, alphas=ALPHAS, selection=selection)


def _gcv():
    for scale in (0.1, 1.0, 10.0):
        noisy = X @ np.ones(4) + scale * np.random.default_rng(1).standard_normal(40)
        for intercept in (True, False):
            laws.gcv_is_its_definition(X, noisy, ALPHAS, intercept)


def _holdout():
    """The alpha of the lowest mean square error on the rows held out; then a fit on all rows."""
    rows = np.argsort(np.argsort(y)) >= 30  # of another mean than the rest
    model = da.StreamingRidge(alphas=ALPHAS, selection="holdout")
    model.partial_fit(X[~rows], y[~rows], holdout=False).partial_fit(X[rows], y[rows], holdout=True)
    errors = [
        np.mean((Ridge(alpha=a).fit(X[~rows], y[~rows]).predict(X[rows]) - y[rows]) ** 2) for a in ALPHAS
    ]
    best = ALPHAS[int(np.argmin(errors))]
    assert model.alpha_ == best
    np.testing.assert_allclose(model.scores_, errors, rtol=1e-8)
    np.testing.assert_allclose(model.predict(X), Ridge(alpha=best).fit(X, y).predict(X), rtol=1e-8)


def _written_down():
    """Statistics as arrays are the statistics, to the bit."""
    from dualact.learn.ridge_statistics import RidgeStatistics

    whole = RidgeStatistics(4, 2).add(X, Y, W)
    again = RidgeStatistics.from_arrays(whole.to_arrays())
    for name, values in whole.to_arrays().items():
        assert values.tobytes() == again.to_arrays()[name].tobytes(), name


def _classifies():
    """Classes that arrive later, in any order: the classifier is the ridge on its indicators."""
    from sklearn.linear_model import RidgeClassifier

    labels = np.where(y > np.quantile(y, 0.6), "b", np.where(y > np.quantile(y, 0.3), "a", "c"))
    order = np.argsort(labels, kind="stable")
    model = da.StreamingRidgeClassifier(alphas=(1.0,))
    for rows in np.array_split(order, 4):
        model.partial_fit(X[rows], labels[rows])
    want = RidgeClassifier(alpha=1.0).fit(X, labels)
    assert (model.predict(X) == want.predict(X)).all()
    np.testing.assert_allclose(model.decision_function(X), want.decision_function(X), rtol=0, atol=1e-8)


CASES = {
    "ridge: is_ridge": _is_ridge,
    "ridge: interpolates": _interpolates,
    "ridge: chunks_do_not_count": _chunks,
    "ridge: merging_is_a_monoid": lambda: laws.merging_is_a_monoid(X, Y, [5, 18]),
    "ridge: order_does_not_count": lambda: laws.order_does_not_count(X, Y, np.arange(40)[::-1]),
    "ridge: weights_are_repetitions": lambda: laws.weights_are_repetitions(X, y, COUNTS, ALPHAS),
    "ridge: targets_are_linear": lambda: laws.targets_are_linear(X, y, Y[:, 1]),
    "ridge: an_offset_does_not_count": lambda: laws.an_offset_does_not_count(X, y, 30.0),
    "ridge: alphas_shrink": lambda: laws.alphas_shrink(X, y),
    "ridge: gcv_is_its_definition": _gcv,
    "ridge: holdout_is_its_definition": _holdout,
    "ridge: deviations": lambda: laws.deviations_are_those_of_the_gaussian_process(X, y, 0.5),
    "ridge: written_down": _written_down,
    "ridge: classifier": _classifies,
}
