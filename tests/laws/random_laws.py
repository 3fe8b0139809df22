"""What random features keep, part by part and as a map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.stats import chi

import dualact as da
from dualact.nonlinearity.coefficients import hermite_prime
from dualact.sketch.random.budget import share_columns
from dualact.sketch.random.feature_map import RandomMap
from dualact.sketch.random.fitting import plan_random
from dualact.sketch.random.merging import Merger, find_merge
from dualact.sketch.random.projections import Projection, sphere_dimension
from dualact.sketch.random.remainders import Remainder


def within(found, want, sigmas=5.0, floor=1e-9):
    """The mean of found over its first axis is want, to so many standard errors; some of it is random."""
    found = np.asarray(found)
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    size = np.abs(want).max()
    assert error.max() > 1e-9 * size
    off = np.abs(np.mean(found, axis=0) - want)
    assert (off <= sigmas * error + floor * size).all(), (off / (error + floor * size)).max()
    return error


def is_unbiased(network, X, kind, n_components, seeds=60, **options):
    """Of one hidden layer, the mean Gram matrix over seeds is the exact kernel, to five standard errors.

    What is designed on the sample is looked at before anything is drawn, so one design does for every seed.
    """
    plan = plan_random(network, kind, X, n_components=n_components, **options)
    grams = []
    for seed in range(seeds):
        Z = RandomMap(replace(plan, seed=seed), np.float64).transform(X, 1)
        grams.append(Z @ Z.T)
    K = da.kernel(network, X, kind=kind)
    error = within(grams, K, floor=1e-6)
    # Else an error of half the kernel would pass.
    assert np.sqrt(np.mean(error**2)) < 0.03 * np.sqrt(np.mean(K**2))
    return plan


def low_degrees_are_exact(act, prime, dimension, variances):
    """c_0, c_1 are the projections of φ(√v t) on 1 and t, and r is φ(√v t) less these, under the law of t.

    A coordinate of a Gaussian w is normal; one of a w on the sphere of radius √p is √p x/|x|, its density
    ∝ (1 − t²/p)^((p−3)/2), and a feature is φ times √(E|w|^(2h)) over p^(h/2).
    """
    made = Remainder(act, prime, dimension, variances.min(), variances.max())
    t, weight = _rule(act, dimension)
    values, scale = (act.phi_prime if prime else act.phi)(t * np.sqrt(variances)[:, None]), 1.0
    if dimension is not None:
        h = act.homogeneity - prime
        scale = np.sqrt(chi(dimension).moment(2 * h) / dimension**h) if h else 1.0
    values = scale * values
    want = np.stack([values @ weight, (values * t) @ weight], axis=1)
    size = np.sqrt((values**2) @ weight)[:, None]
    low = made.exact(variances)
    assert (np.abs(low - want) <= 2e-6 * size).all(), (low, want)
    rest = made(np.tile(t, (len(variances), 1)), variances)
    gap = rest + low[:, :1] + low[:, 1:] * t - values
    assert (np.abs(gap) <= 1e-10 * (size + np.abs(values))).all(), np.abs(gap).max()
    if dimension is None and not prime:
        np.testing.assert_allclose(low, da.hermite(act, variances, 1), rtol=0, atol=2e-6 * size.max())
    elif dimension is None:
        np.testing.assert_allclose(low, hermite_prime(act, variances, 1), rtol=0, atol=2e-6 * size.max())


def _rule(act, dimension):
    """Nodes and weights of E f(t): Gauss–Legendre between kinks, a few hundred panels."""
    top = 9.0 if dimension is None else np.sqrt(dimension)
    x, w = np.polynomial.legendre.leggauss(20)
    # The angle on a sphere takes the root of the density at its ends away.
    ends = np.linspace(-1, 1, 121)
    half = np.diff(ends)[:, None] / 2
    s = (ends[:-1, None] + half * (1 + x)).ravel()
    s_weight = (half * w).ravel()
    if dimension is None:
        t, density = top * s, np.exp(-((top * s) ** 2) / 2)
    else:
        t, density = top * np.sin(np.pi / 2 * s), np.cos(np.pi / 2 * s) ** (dimension - 2)
    weight = density * s_weight
    return t, weight / weight.sum()


def leverage_scores_are_no_worse(act, x, y, columns=60_000):
    """Features of weighted directions have the mean of Gaussian ones, the dual, and no more variance."""
    rows = np.stack([x / np.linalg.norm(x), y / np.linalg.norm(y)])
    v = np.array([x @ x, y @ y])
    want = float(da.dual(act, x @ y, *v))
    spreads = []
    for sphere in (False, True):
        p = sphere_dimension("gaussian", len(x)) if sphere else None
        made = Remainder(act, False, p, v.min(), v.max())
        t = Projection(len(x), columns, "gaussian", sphere, (7, int(sphere)), np.float64)(rows)
        low = made.exact(v)
        features = low[:, :1] + low[:, 1:] * t + made(t.copy(), v)
        spreads.append(float(within(features[0] * features[1], np.array(want))))
    assert spreads[1] <= 1.03 * spreads[0], spreads


def rows_have_their_law(kind, sphere, length, seeds=40, columns=300):
    """w has the mean 0, the second moments of the identity, and |w|² the law of χ², or is p for sure."""
    eye = np.eye(length)
    p = sphere_dimension(kind, length)
    grams, fourth = [], []
    for seed in range(seeds):
        W = Projection(length, columns, kind, sphere, (seed, 5), np.float64)(eye)
        assert W.shape == (length, columns)
        if kind != "structured":  # signs give few coordinates few values
            directions = np.round(W / np.linalg.norm(W, axis=0), 9)
            assert np.unique(directions, axis=1).shape[1] == columns
        grams.append(W @ W.T / columns)
        fourth.append(np.mean(W**4, axis=1))
        if sphere and p == length:
            np.testing.assert_allclose(np.sum(W**2, axis=0), p, rtol=1e-10)
    if sphere and kind == "orthogonal" and columns % length == 0:
        np.testing.assert_allclose(np.mean(grams, axis=0), eye, rtol=0, atol=1e-9)
    else:
        within(grams, eye, sigmas=5.0)
    # Signs alone reach the fourth moment of the law up to 1/p.
    want = 3 * p / (p + 2) if sphere else 3.0
    slack = 4 / p if kind == "structured" else 0.0
    found = np.mean(fourth)
    error = np.std(np.mean(fourth, axis=1), ddof=1) / np.sqrt(seeds)
    assert abs(found - want) <= 5 * error + slack, (found, want, error)


def merged_copies_keep_products(features, a, b, seeds=60):
    """Columns a·f, b·f and others give ⟨·, ·⟩ again with half the copies: on average, or to rounding where
    b/a is one number."""
    n, k = features.shape
    others = np.random.default_rng(3).standard_normal((n, 4))
    rows = np.concatenate(
        [a[:, None] * features, others[:, :1], b[:, None] * features, others[:, 1:]], axis=1
    )
    want = rows @ rows.T
    made = find_merge(rows, k + 1, k)
    one = np.ptp(b / a) < 1e-6 * np.abs(b / a).max()
    assert made.exact == bool(one)
    out = [Merger(made, (seed,), np.float64)(rows) for seed in range(1 if one else seeds)]
    assert out[0].shape[1] == k + 4
    if one:
        np.testing.assert_allclose(out[0] @ out[0].T, want, rtol=0, atol=1e-6 * np.abs(want).max())
    else:
        within([z @ z.T for z in out], want, floor=1e-6)


def no_exchange_is_better(parts, budget):
    """No column is better spent on another part, and hardly any is left."""
    columns = share_columns(parts, budget)
    paid = [(p, c) for p, c in zip(parts, columns, strict=True) if p.cost > 0 and p.variance > 0]
    spent = sum(p.cost * c for p, c in paid)
    least = sum(p.cost for p, _ in paid)
    assert spent <= max(budget, least) + 1e-9
    free = [(p, c) for p, c in paid if 4 < c < p.most]
    if free and all(c < p.most for p, c in paid):
        assert spent >= budget - sum(p.cost for p, _ in paid) - 1e-9
    # What a little more of the budget would win is the same everywhere: V/(c·D²), to a column either way.
    for p, c in free:
        for q, d in free:
            assert p.variance / (p.cost * (c + 1) ** 2) <= q.variance / (q.cost * (d - 1) ** 2) * 1.0001, (
                p,
                q,
            )
    for p, c in zip(parts, columns, strict=True):
        assert c <= max(p.most, 1)
        assert (c == 0) == (p.variance == 0)


def takes_the_better_road(network, X, kind, n_components):
    """method="auto" predicts what the better of both predicts (to the share that a change must gain), says
    which it is, and has an error to match."""
    plans, errors = {}, {}
    K = da.kernel(network, X, kind=kind)
    for method in ("auto", "polysketch", "random"):
        fitted = da.SketchedNeuralKernel(
            network, kind, n_components=n_components, method=method, random_state=0, n_jobs=1
        ).fit(X)
        plans[method] = fitted.plan_
        errors[method] = da.metrics.relative_error(K, fitted.transform(X))
    better = min(plans["polysketch"].predicted_error, plans["random"].predicted_error)
    assert plans["auto"].predicted_error <= better / 0.79, {m: p.predicted_error for m, p in plans.items()}
    assert errors["auto"] <= 1.5 * min(errors["polysketch"], errors["random"]), errors
    taken = getattr(plans["auto"], "method", "polysketch")
    assert plans["auto"].reason.startswith(f"method {taken}: ")
    return taken


def predicts_its_error(network, X, kind, n_components, ceiling):
    """The error that the plan measured is that of the map on the same rows, and below one seen before."""
    plan = plan_random(network, kind, X, n_components=n_components)
    Z = RandomMap(plan, np.float64).transform(X, 1)
    error = da.metrics.relative_error(da.kernel(network, X, kind=kind), Z)
    assert 0.9 * error <= plan.predicted_error <= 1.1 * error + 1e-6, (error, plan.predicted_error)
    assert error <= ceiling, (error, ceiling)
    assert n_components >= plan.used >= 0.95 * n_components
    return plan
