"""The laws of random features over drawn activations, dimensions and rows."""

from __future__ import annotations

import map_laws as maps
import numpy as np
import pytest
import random_laws as laws
from effort import times
from hypothesis import given
from hypothesis import strategies as hs
from sketch_laws import no_stream_is_read_twice

import dualact as da
from dualact.sketch.random.budget import Part
from dualact.sketch.random.feature_map import RandomMap
from dualact.sketch.random.projections import KINDS as PROJECTIONS
from dualact.testing import strategies as st

KINDS = hs.sampled_from(["nngp", "ntk"])
HOMOGENEOUS = ("relu", "leaky_relu", "abs", "sign", "rectified_power", "monomial")
SMOOTH = ("erf", "gelu", "sin", "gaussian", "tanh")
PARAMS = {"leaky_relu": {"slope": 0.3}, "rectified_power": {"power": 2}, "monomial": {"power": 3}}
NUMBERS = hs.integers(0, 2**31)


def act(name):
    return da.activation(name, **PARAMS.get(name, {}))


def rows(number, n, d):
    rng = np.random.default_rng(number)
    return rng.standard_normal((n, d)) * rng.uniform(0.5, 2.0, (n, 1))


@times(0.2)
@given(
    hs.sampled_from(["relu", "leaky_relu", "abs", "erf", "gelu", "sin"]),
    hs.integers(2, 9),
    hs.booleans(),
    KINDS,
    hs.sampled_from(PROJECTIONS),
    NUMBERS,
)
def test_is_unbiased(name, d, leverage, kind, projection, number):
    network = da.Network([da.Dense(1.3, 0.4), da.Act(act(name)), da.Dense(0.9, 0.2)])
    options = {"leverage": leverage and name in HOMOGENEOUS, "projection": projection}
    laws.is_unbiased(network, rows(number, 10, d), kind, 200, seeds=40, **options)


@times(0.5)
@given(
    hs.sampled_from(HOMOGENEOUS + SMOOTH),
    hs.booleans(),
    hs.integers(3, 300),
    hs.floats(0.1, 3),
    hs.booleans(),
)
def test_low_degrees_are_exact(name, prime, p, v, sphere):
    one = act(name)
    dimension = p if sphere and one.homogeneity is not None else None
    laws.low_degrees_are_exact(one, prime and not one.jumps, dimension, v * np.array([0.5, 1.0, 2.0]))


@times(0.3)
@given(hs.sampled_from(HOMOGENEOUS), hs.integers(2, 12), NUMBERS)
def test_leverage_scores_are_no_worse(name, d, number):
    laws.leverage_scores_are_no_worse(act(name), *rows(number, 2, d))


@pytest.mark.parametrize("sphere", [False, True])
@pytest.mark.parametrize("kind", PROJECTIONS)
def test_rows_have_their_law(kind, sphere):
    for length in (2, 5, 10):
        laws.rows_have_their_law(kind, sphere, length)


@times(0.3)
@given(hs.integers(1, 6), hs.floats(0.1, 3), hs.floats(0, 0.1), NUMBERS)
def test_merged_copies_keep_products(k, ratio, spread, number):
    rng = np.random.default_rng(number)
    a = rng.uniform(0.5, 2, 12)
    laws.merged_copies_keep_products(
        rng.standard_normal((12, k)), a, ratio * a * np.exp(round(spread, 2) * rng.standard_normal(12))
    )


PARTS = hs.builds(
    Part,
    hs.just("1"),
    hs.sampled_from(["rest", "product", "slope"]),
    hs.one_of(hs.just(0.0), hs.floats(1e-3, 1e3)),
    hs.sampled_from([0.5, 1.0, 2.0, 3.5]),
    hs.sampled_from([20, 1000, 10**6]),
)


@given(hs.lists(PARTS, min_size=1, max_size=6), hs.integers(10, 5000))
def test_no_exchange_is_better(parts, budget):
    laws.no_exchange_is_better(parts, budget)


@times(0.2)
@given(
    st.networks(("relu", "erf", "gelu", "sin"), max_hidden=2),
    st.data_matrices(n_samples=12, n_features=6, norms="unit"),
    KINDS,
    hs.sampled_from([64, 201]),
    hs.sampled_from(["f4", "f8"]),
)
def test_maps(network, X, kind, n, dtype):
    X = X.astype(dtype)
    fitted = maps.features(network, X, kind, method="random", n_components=n)
    maps.has_all_its_columns(fitted, X)
    maps.rows_do_not_leak(fitted, X)
    maps.is_fixed_by_its_plan(fitted, X)
    maps.keeps_the_type(fitted, X)
    no_stream_is_read_twice(lambda: RandomMap(fitted.plan_, np.float32))


DATA = np.random.default_rng(1).standard_normal((50, 8)) + 0.5


@pytest.mark.parametrize(("name", "kind"), [("relu", "ntk"), ("gelu", "nngp")])
def test_predicts_its_error(name, kind):
    laws.predicts_its_error(da.mlp(2, name, weight_std=1.4, bias_std=0.1), DATA, kind, 400, 0.2)


def test_takes_the_better_road():
    smooth = da.mlp(1, "gelu", weight_std=1.2, bias_std=0.3)
    assert laws.takes_the_better_road(smooth, DATA, "nngp", 200) == "polysketch"
    images = np.random.default_rng(2).standard_normal((16, 4, 4, 2)) + 0.3
    jumps = da.cnn(2, "sign", head="flatten")
    assert laws.takes_the_better_road(jumps, images, "nngp", 200) == "random"
