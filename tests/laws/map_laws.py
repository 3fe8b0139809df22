"""What every feature map keeps, dense and spatial."""

from __future__ import annotations

import json

import numpy as np

import dualact as da
from dualact.sketch.terms import mixed, radial_powers, tilted


def features(network, X, kind="ntk", seed=0, method="polysketch", **options):
    options["method"] = method  # by name: a design for comparison takes longer than the map
    found = da.SketchedNeuralKernel(network, kind, random_state=seed, n_jobs=1, **options)
    return found.fit(X)


def _close(got, want, rtol):
    np.testing.assert_allclose(got, want, rtol=0, atol=rtol * max(float(np.abs(want).max(initial=0)), 1e-30))


def rows_do_not_leak(fitted, X, exact=False):
    """The features of a row are the same in every chunking; to the bit for compiled dense maps."""
    Z = fitted.transform(X)
    parts = np.concatenate([fitted.transform(X[i : i + 3]) for i in range(0, len(X), 3)])
    back = fitted.transform(X[::-1])[::-1]
    threads = fitted.set_params(n_jobs=3).transform(X)
    fitted.set_params(n_jobs=1)
    for other in (parts, back, threads):
        if exact:
            assert other.tobytes() == Z.tobytes()
        else:
            _close(other, Z, 1e-5 if Z.dtype == np.float32 else 1e-10)


def is_fixed_by_its_plan(fitted, X):
    """Plan (through JSON), seed and dtype make the same map elsewhere."""
    data = json.loads(json.dumps(fitted.plan_.to_dict()))
    again = da.SketchedNeuralKernel.from_plan(data, fitted.seed_).set_params(n_jobs=1)
    assert again.transform(X).tobytes() == fitted.transform(X).tobytes()


def keeps_the_type(fitted, X):
    """float32 in, float32 out, and close to what float64 gives."""
    wide, narrow = fitted.transform(X.astype(float)), fitted.transform(X.astype(np.float32))
    assert (wide.dtype, narrow.dtype) == (np.float64, np.float32)
    _close(narrow @ narrow.T, wide @ wide.T, 1e-3)


def has_all_its_columns(fitted, X):
    Z = fitted.transform(X)
    assert Z.shape == (len(X), fitted.n_components)
    assert np.isfinite(Z).all()


def approximates(kernel, network, X, kind, n_components, factor=2.5, seeds=3, ceiling=1.0):
    """The relative error of the Gram matrix is what the plan predicts, to a factor on either side, and below
    what has been measured before."""
    K = kernel(network, X, kind=kind)
    errors, predicted = [], []
    for seed in range(seeds):
        fitted = features(network, X, kind, seed, n_components=n_components)
        errors.append(da.metrics.relative_error(K, fitted.transform(X)))
        predicted.append(fitted.plan_.predicted_error)
    assert np.mean(errors) <= factor * np.mean(predicted) + 1e-5, (errors, predicted)
    assert np.mean(predicted) <= factor * np.mean(errors) + 1e-3, (errors, predicted)
    assert np.mean(errors) <= ceiling, (errors, ceiling)


def is_unbiased(network, X, kind, n_components, degree, seeds=60):
    """The mean Gram matrix over seeds is the plan's series, to five standard errors."""
    plan = features(network, X, kind, 0, n_components=n_components, degree=degree).plan_
    grams = []
    for seed in range(seeds):
        Z = da.SketchedNeuralKernel.from_plan(plan, seed).set_params(n_jobs=1).transform(X)
        grams.append(Z @ Z.T)
    K = series_kernel(plan, X)
    spread = np.std(grams, axis=0, ddof=1)
    assert spread.max() > 1e-6 * K.max()  # something is sketched
    off = np.abs(np.mean(grams, axis=0) - K)
    assert (off <= 5 * spread / np.sqrt(seeds) + 1e-9 * K.max()).all(), (off / K.max()).max()


def series_kernel(plan, X):
    """Σ_j ⟨a_j(x), a_j(y)⟩ (x⊥·y⊥)^j, written out from the terms of a plan."""
    norms = np.linalg.norm(X, axis=1)
    unit = X / norms[:, None]
    along = np.zeros(len(X)) if plan.direction is None else unit @ plan.direction
    across = unit @ unit.T - np.outer(along, along)
    functions = plan.basis(norms**2 / X.shape[1])
    total = np.zeros((len(X), len(X)))
    for term in plan.terms:
        a = mixed(radial_powers(plan.basis, functions, along, term.degree), term.mixing)
        if term.tilt != (1.0,):
            a = tilted(a, term.tilt, plan.tail_share(norms))
        total += (a @ a.T) * across**term.degree
    return total


def embeds_a_subspace(kernel, network, X, kind, n_components, ridge):
    """ε ≤ |ZZᵀ − K|_F/λ always, and with the predicted error on average: ε ≤ 3·predicted·|K|_F/λ."""
    K = kernel(network, X, kind=kind)
    fitted = features(network, X, kind, n_components=n_components)
    epsilon = da.metrics.spectral_error(K, fitted.transform(X), ridge)
    bound = fitted.plan_.predicted_error * np.linalg.norm(K) / ridge
    assert epsilon <= 3 * bound + 1e-6


def homogeneous(fitted, X, degree=1.0):
    """Features of a network without biases are homogeneous in each row, far outside of the sample too."""
    Z = fitted.transform(X)
    s = 10.0 ** np.linspace(-3, 3, len(X))
    scaled = fitted.transform(s[:, None] * X) / s[:, None] ** degree
    _close(scaled, Z, 1e-5)


def radial_functions_are_the_series(network, kind, low, high, degree, places):
    """Σ over functions of a degree f(s)f(t) is g_k(s, t), on the grid of norms, beyond it and at zero."""
    from dualact.sketch.radial import radial_basis
    from dualact.sketch.series import expand

    basis = radial_basis(network, kind == "ntk", low, high, degree)
    places = np.asarray(places)
    values = basis(places)
    g = expand(network.layers, places, places, degree, kind == "ntk")
    size = np.sqrt(np.maximum(np.einsum("kii->i", g), 0.0))
    inside = (places == 0) | ((places >= low) & (places <= high))
    # Norms outside are projected on the functions of the grid.
    allowed = np.where(np.outer(inside, inside), 2e-5, 5e-2)
    for k in range(degree + 1):
        mine = values[:, basis.degrees == k]
        gap = np.abs(mine @ mine.T - g[k])
        assert (gap <= allowed * np.outer(size, size) + 1e-300).all(), (k, gap.max())
