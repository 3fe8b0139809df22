"""What every streaming ridge keeps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from sklearn.linear_model import Ridge

import dualact as da


def new(alphas=(1.0,), **options):
    return da.StreamingRidge(alphas=alphas, **options)


def _agree(one, other, X, rtol=1e-8):
    a, b = one.predict(X), other.predict(X)
    np.testing.assert_allclose(a, b, rtol=0, atol=rtol * max(float(np.abs(b).max()), 1e-30))


def is_ridge(X, y, alpha, weights=None, **options):
    """The regression of scikit-learn."""
    model = new((alpha,), **options).fit(X, y, sample_weight=weights)
    _agree(model, Ridge(alpha=alpha, solver="cholesky", **options).fit(X, y, sample_weight=weights), X)


def chunks_do_not_count(X, y, cuts, weights=None, **options):
    """partial_fit of any chunks is fit."""
    whole, parts = new(**options).fit(X, y, sample_weight=weights), new(**options)
    for rows in np.split(np.arange(len(X)), sorted(cuts)):
        if rows.size:
            parts.partial_fit(X[rows], y[rows], sample_weight=None if weights is None else weights[rows])
    _agree(parts, whole, X)


def _of(X, y, rows):
    return new().partial_fit(X[rows], y[rows])


def merging_is_a_monoid(X, y, cuts):
    """(a + b) + c = a + (b + c) = c + b + a = fit, and merging leaves its argument alone."""
    first, second, third = np.split(np.arange(len(X)), sorted(cuts))
    left = _of(X, y, first).merge(_of(X, y, second)).merge(_of(X, y, third))
    right = _of(X, y, first).merge(_of(X, y, second).merge(_of(X, y, third)))
    turned = _of(X, y, third).merge(_of(X, y, second)).merge(_of(X, y, first))
    argument = _of(X, y, second)
    before = {name: values.tobytes() for name, values in argument.statistics_.to_arrays().items()}
    _of(X, y, first).merge(argument)
    assert {name: a.tobytes() for name, a in argument.statistics_.to_arrays().items()} == before
    for other in (left, right, turned):
        _agree(other, new().fit(X, y), X)


def order_does_not_count(X, y, order):
    _agree(new().fit(X[order], y[order]), new().fit(X, y), X)


def weights_are_repetitions(X, y, counts, alphas=(1.0,)):
    """Integer weights are rows written down so many times; rows of weight zero are not there."""
    again = np.repeat(np.arange(len(X)), counts)
    weighted = new(alphas).fit(X, y, sample_weight=counts.astype(float))
    _agree(weighted, new(alphas).fit(X[again], y[again]), X)


def targets_are_linear(X, y, z):
    """Predictions are linear in the targets, of one alpha."""
    both = new().fit(X, 2.0 * y - z).predict(X)
    apart = 2.0 * new().fit(X, y).predict(X) - new().fit(X, z).predict(X)
    np.testing.assert_allclose(both, apart, rtol=0, atol=1e-8 * max(float(np.abs(apart).max()), 1e-30))


def an_offset_does_not_count(X, y, offset):
    """With an intercept: moving the rows changes nothing, moving the targets moves predictions."""
    moved = new().fit(X + offset, y + 7.0)
    np.testing.assert_allclose(moved.predict(X + offset) - 7.0, new().fit(X, y).predict(X), rtol=0, atol=1e-7)


def alphas_shrink(X, y):
    """The norm of the coefficients falls with alpha."""
    norms = [np.linalg.norm(new((alpha,)).fit(X, y).coef_) for alpha in (1e-3, 1e-1, 1e1, 1e3)]
    assert all(a >= b * (1 - 1e-9) for a, b in pairwise(norms))
    assert norms[0] > norms[-1]


def gcv_is_its_definition(X, y, alphas, fit_intercept):
    """The score is n·RSS/(n − tr H)², H by definition, and the alpha that of the lowest."""
    model = new(alphas, fit_intercept=fit_intercept).fit(X, y)
    n = len(X)
    Z = X - X.mean(axis=0) if fit_intercept else X
    t = y - y.mean() if fit_intercept else y
    scores = []
    for alpha in alphas:
        H = Z @ np.linalg.solve(Z.T @ Z + alpha * np.eye(Z.shape[1]), Z.T)
        scores.append(n * np.sum((t - H @ t) ** 2) / (n - np.trace(H) - fit_intercept) ** 2)
    assert model.alpha_ == alphas[int(np.argmin(scores))], (model.alpha_, scores)
    np.testing.assert_allclose(model.scores_, np.array(scores), rtol=1e-7)


def deviations_are_those_of_the_gaussian_process(X, y, alpha):
    """Posterior deviation of the linear-kernel Gaussian process, without intercept."""
    model = new((alpha,), fit_intercept=False).fit(X, y)
    K = X @ X.T
    variance = np.diag(K - K @ np.linalg.solve(K + alpha * np.eye(len(X)), K))
    std = model.predict(X, return_std=True)[1]
    np.testing.assert_allclose(std**2, variance, rtol=0, atol=1e-9 * np.diag(K).max())
