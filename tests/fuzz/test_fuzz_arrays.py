"""Arrays of every kind at every public function that takes arrays."""

from __future__ import annotations

import numpy as np
import pytest
from effort import times
from hostile import Refused, arrays, attempt, is_finite, numbers, scalars
from hypothesis import given
from hypothesis import strategies as st

import dualact as da

DENSE = da.mlp(1, "gelu", weight_std=1.2, bias_std=0.1)
KINKED = da.Network([da.Dense(), da.LayerNorm(), da.Act("relu"), da.Dense()])
SPATIAL = da.Network([da.Conv(2), da.Act("relu"), da.AvgPool(1), da.GlobalAvgPool(), da.Dense()])
NETWORKS = (DENSE, KINKED, SPATIAL, da.mlp(2, "relu"))
ANY = arrays()
FINE = np.random.default_rng(0).standard_normal((12, 3))
TARGET = np.arange(12.0)


@times(6)
@given(ANY, st.one_of(st.none(), ANY), st.sampled_from(NETWORKS), st.sampled_from(["nngp", "ntk"]))
def test_kernel(X, Y, network, kind):
    K = attempt(lambda: da.kernel(network, X, Y, kind=kind), X, *([] if Y is None else [Y]))
    if not isinstance(K, Refused):
        assert K.dtype == np.float64
        assert K.ndim == 2
        if Y is None:
            assert K.tobytes() == np.ascontiguousarray(K.T).tobytes()


@times(3)
@given(ANY, st.sampled_from(NETWORKS), st.sampled_from(["nngp", "ntk"]))
def test_kernel_diag(X, network, kind):
    attempt(lambda: da.kernel_diag(network, X, kind=kind), X)


@times(3)
@given(st.one_of(ANY, scalars), st.one_of(numbers, ANY, scalars), st.one_of(numbers, ANY, scalars))
@pytest.mark.parametrize("name", ["relu", "gelu", "sign", "gaussian", "hermite"])
def test_duals(name, cov, p, q):
    attempt(lambda: da.dual(name, cov, p, q), cov, p, q)
    attempt(lambda: da.dual_prime(name, cov, p, q), cov, p, q)
    attempt(lambda: da.dual(name, cov, p, q, return_error=True), cov, p, q)


FEW = st.sampled_from([0.0, 5e-324, 1e-300, 1e-5, 0.5, 1.0, 4.0, 1e6, -1.0, np.nan, np.inf, None, "1"])


@times(2)
@given(FEW, FEW, st.one_of(st.floats(-1, 1), FEW))
@pytest.mark.parametrize("name", ["tanh", "hard_tanh"])
def test_computed_duals(name, p, q, rho):
    """A number of tables for each decade of variances: few of them."""
    numeric = all(isinstance(x, float) for x in (p, q, rho))
    cov = rho * abs(p) ** 0.5 * abs(q) ** 0.5 if numeric else rho
    attempt(lambda: da.dual(name, cov, p, q), cov, p, q)
    attempt(lambda: da.dual_prime(name, cov, p, q), cov, p, q)


@times(3)
@given(st.one_of(ANY, scalars), st.one_of(st.integers(-2, 20), scalars))
@pytest.mark.parametrize("name", ["relu", "softplus"])
def test_hermite(name, variance, degree):
    attempt(lambda: da.hermite(name, variance, degree), variance)


@times(4)
@given(ANY, st.one_of(ANY, scalars), scalars)
def test_metrics(K, Z, ridge):
    attempt(lambda: da.metrics.relative_error(K, Z), K, Z)
    attempt(lambda: da.metrics.spectral_error(K, Z, ridge), K, Z)
    attempt(lambda: da.metrics.effective_dimension(K, ridge), K)


FITTED = {
    "sketched": da.SketchedNeuralKernel(DENSE, n_components=20, random_state=0).fit(FINE),
    "sketched relu": da.SketchedNeuralKernel(da.mlp(1, "relu"), n_components=20, random_state=0).fit(FINE),
    "exact": da.ExactNeuralKernel(DENSE).fit(FINE),
    "polynomial": da.PolynomialSketch(degree=3, n_components=20, random_state=0).fit(FINE),
}


@times(4)
@given(ANY)
@pytest.mark.parametrize("name", FITTED)
def test_transform(name, X):
    Z = attempt(lambda: FITTED[name].transform(X), X)
    if not isinstance(Z, Refused):
        assert Z.shape[0] == np.shape(X)[0]


@times(3)
@given(ANY)
@pytest.mark.parametrize("name", FITTED)
def test_fit(name, X):
    from sklearn.base import clone

    fitted = attempt(lambda: clone(FITTED[name]).fit(X))
    if not isinstance(fitted, Refused):
        Z = attempt(lambda: fitted.transform(X), X)
        assert isinstance(Z, Refused) or np.isfinite(Z).all()


@times(4)
@given(ANY, ANY, st.one_of(st.none(), ANY, scalars))
@pytest.mark.parametrize("make", [da.StreamingRidge, da.StreamingRidgeClassifier])
def test_ridge(make, X, y, weights):
    model = make(alphas=(0.1, 1.0))
    fitted = attempt(lambda: model.fit(X, y, sample_weight=weights))
    if not isinstance(fitted, Refused):
        attempt(lambda: model.predict(X), X)


@times(4)
@given(arrays(max_axes=2), arrays(max_axes=1), st.one_of(st.none(), arrays(max_axes=1), scalars))
def test_a_refused_chunk_leaves_no_trace(X, y, weights):
    """Statistics before a chunk that is refused are those after it; later chunks go on."""
    model = da.StreamingRidge(alphas=(1.0,)).partial_fit(FINE, TARGET)
    before = {k: v.tobytes() for k, v in model.statistics_.to_arrays().items()}
    if isinstance(attempt(lambda: model.partial_fit(X, y, sample_weight=weights)), Refused):
        assert {k: v.tobytes() for k, v in model.statistics_.to_arrays().items()} == before
    assert np.isfinite(model.predict(FINE)).all()


@times(3)
@given(st.one_of(ANY, scalars), scalars)
def test_strange_keywords(value, other):
    attempt(lambda: da.kernel(DENSE, FINE, kind=value))
    attempt(lambda: da.kernel(DENSE, FINE, n_jobs=value, max_memory=other))
    attempt(lambda: da.kernel(DENSE, FINE, out=value))
    attempt(lambda: da.plan(DENSE, n_features=value, n_components=other))
    attempt(lambda: da.plan(DENSE, kind=value, degree=other, n_features=3, n_components=20))


PARAMETERS = {
    da.SketchedNeuralKernel: ("network", "kind", "n_components", "degree", "random_state", "widths"),
    da.ExactNeuralKernel: ("network", "kind"),
    da.PolynomialSketch: ("gamma", "degree", "coef0", "n_components", "random_state"),
    da.StreamingRidge: ("alphas", "fit_intercept", "selection", "precision"),
}


@times(2)
@given(st.one_of(scalars, ANY), st.data())
@pytest.mark.parametrize("make", PARAMETERS)
def test_strange_parameters(make, value, data):
    name = data.draw(st.sampled_from(PARAMETERS[make]))
    if name in ("n_components", "degree") and isinstance(value, int) and abs(value) > 1000:
        value = 7  # legal, and large
    rest = {"n_components": 10} if "n_components" in PARAMETERS[make] and name != "n_components" else {}
    model = make(**rest, **{name: value})
    fitted = attempt(lambda: model.fit(FINE, TARGET) if make is da.StreamingRidge else model.fit(FINE))
    if not isinstance(fitted, Refused) and is_finite(value):
        result = model.predict(FINE) if make is da.StreamingRidge else model.transform(FINE)
        assert not np.isnan(result).any()
