"""The laws of feature maps over drawn networks, data and images."""

from __future__ import annotations

import map_laws as laws
import numpy as np
import pytest
from effort import times
from hypothesis import given
from hypothesis import strategies as hs
from sketch_laws import no_stream_is_read_twice

import dualact as da
from dualact.sketch.feature_map import FeatureMap
from dualact.sketch.hadamard import has_compiled
from dualact.sketch.spatial.feature_map import SpatialMap
from dualact.testing import strategies as st

KINDS = hs.sampled_from(["nngp", "ntk"])
SMOOTH = st.networks(("relu", "erf", "gelu", "sin"), max_hidden=2)
ROWS = st.data_matrices(n_samples=12, n_features=6, norms="unit")
FEW = times(0.27)


@FEW
@given(SMOOTH, ROWS, KINDS, hs.sampled_from([64, 201]), hs.sampled_from(["f4", "f8"]))
def test_dense_maps(network, X, kind, n, dtype):
    X = X.astype(dtype)
    fitted = laws.features(network, X, kind, n_components=n)
    laws.has_all_its_columns(fitted, X)
    laws.rows_do_not_leak(fitted, X, exact=has_compiled())
    laws.is_fixed_by_its_plan(fitted, X)
    laws.keeps_the_type(fitted, X)
    no_stream_is_read_twice(lambda: FeatureMap(fitted.plan_, 5, np.float32))


@FEW
@given(
    st.spatial_networks(names=("relu", "erf"), max_hidden=1, axes=2).flatmap(
        lambda n: hs.tuples(hs.just(n), st.images(n, max_samples=5))
    ),
    KINDS,
)
def test_spatial_maps(case, kind):
    network, X = case
    fitted = laws.features(network, X, kind, n_components=96)
    laws.has_all_its_columns(fitted, X)
    laws.rows_do_not_leak(fitted, X)
    laws.is_fixed_by_its_plan(fitted, X)
    no_stream_is_read_twice(lambda: SpatialMap(fitted.plan_, np.float32))


DATA = np.random.default_rng(1).standard_normal((60, 12)) + 0.5
NETWORKS = {
    "relu": da.mlp(1, "relu", weight_std=2**0.5),
    "gelu": da.mlp(2, "gelu", weight_std=1.3, bias_std=0.3),
    "tanh": da.mlp(1, "tanh", weight_std=1.5, bias_std=0.2),
}
IMAGES = np.random.default_rng(2).standard_normal((30, 4, 4, 2)) + 0.3
SPATIAL = da.Network(
    [
        da.Conv(3, weight_std=1.4),
        da.Act("relu"),
        da.Conv(3, bias_std=0.2),
        da.Act("gelu"),
        da.AvgPool(2),
        da.Flatten(),
        da.Dense(),
    ],
    (4, 4, 2),
)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("name", NETWORKS)
def test_approximates(name, kind):
    # The exact kernel and the design of a computed dual cost: fewer rows of it, and designs.
    rows, seeds = (DATA[:24], 1) if name == "tanh" else (DATA, 2)
    laws.approximates(da.kernel, NETWORKS[name], rows, kind, 512, seeds=seeds, ceiling=0.06)


@pytest.mark.parametrize(("name", "kind"), [("relu", "ntk"), ("gelu", "ntk"), ("tanh", "nngp")])
def test_is_unbiased(name, kind):
    laws.is_unbiased(NETWORKS[name], DATA[:12], kind, 128, 4, seeds=40)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
def test_spatial_approximates(kind):
    laws.approximates(da.kernel, SPATIAL, IMAGES, kind, 512, factor=3, ceiling=0.05)


@pytest.mark.parametrize("ridge", [0.1, 1.0])
def test_embeds_a_subspace(ridge):
    laws.embeds_a_subspace(da.kernel, NETWORKS["gelu"], DATA, "ntk", 1024, ridge)


@FEW
@given(st.homogeneous_networks(2), ROWS, KINDS)
def test_homogeneous(network, X, kind):
    laws.homogeneous(laws.features(network, X, kind, n_components=100), X)


@FEW
@given(SMOOTH, KINDS, hs.floats(0.1, 1), hs.floats(1, 5))
def test_radial_functions_are_the_series(network, kind, middle, ratio):
    low, high = middle / ratio, middle * ratio * 1.5
    places = np.array([0.0, low / 30, low, (low * high) ** 0.5, high, 20 * high])
    laws.radial_functions_are_the_series(network, kind, low, high, 8, places)
