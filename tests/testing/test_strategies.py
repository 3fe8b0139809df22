"""What the strategies draw is what they say, and difficult cases do occur."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import numpy as np
from hypothesis import find, given, settings
from hypothesis import strategies as hs
from scipy import sparse

import dualact as da
from dualact.sketch.structures import STRUCTURES
from dualact.testing import strategies as st

HEADS = hs.sampled_from(["gap", "flatten"]).flatmap(
    lambda head: hs.tuples(hs.just(head), st.spatial_networks(head=head))
)
MANY = settings(max_examples=2000, derandomize=True, database=None)


@given(st.gaussian_pairs(zero=False))
def test_gaussian_pairs_are_covariances(pair):
    assert 1e-6 <= pair.var_u <= 1e4
    assert abs(pair.cov) <= np.sqrt(pair.var_u * pair.var_v)


@given(st.data_matrices(n_features=3))
def test_data_is_finite_and_of_its_shape(X):
    assert X.dtype == np.float64
    assert X.shape[1] == 3
    assert 1 <= len(X) <= 8
    assert np.isfinite(X).all()
    assert np.linalg.norm(X[0]) > 0


@given(st.data_matrices(norms="unit"))
def test_unit_rows(X):
    squares = np.square(X).mean(axis=1)
    np.testing.assert_allclose(squares[squares > 0], 1.0, rtol=1e-9)


def _cosines(X):
    norm = np.linalg.norm(X, axis=1)
    return (X @ X.T / np.maximum(np.outer(norm, norm), 1e-300))[np.triu_indices(len(X), 1)]


def test_difficult_rows_occur():
    three = st.data_matrices(n_features=3)
    find(three, lambda X: not X.all(axis=1).all() and not X[-1].any(), settings=MANY)
    find(
        three,
        lambda X: any(np.array_equal(a, b) and a.any() for a, b in pairwise(X)),
        settings=MANY,
    )
    find(
        three,
        lambda X: any(np.array_equal(a, -b) and a.any() for a, b in pairwise(X)),
        settings=MANY,
    )
    find(three, lambda X: ((_cosines(X) > 1 - 1e-6) & (_cosines(X) < 1 - 1e-14)).any(), settings=MANY)
    find(three, lambda X: np.ptp(np.log10(np.linalg.norm(X[X.any(axis=1)], axis=1))) > 1.5, settings=MANY)


@given(st.networks())
def test_networks_are_legal(network):
    da.plan(network)
    assert da.Network.from_dict(network.to_dict()) == network


def test_every_layer_occurs():
    for kind in (da.LayerNorm, da.Residual):
        find(st.networks(), lambda n, kind=kind: any(isinstance(x, kind) for x in n), settings=MANY)
    find(st.networks(), lambda n: any(isinstance(x, da.Dense) and x.bias_std for x in n), settings=MANY)


@given(st.homogeneous_networks())
def test_homogeneous_networks_have_no_bias(network):
    assert all(x.bias_std == 0 for x in network if isinstance(x, da.Dense))
    assert all(x.activation.homogeneity == 1 for x in network if isinstance(x, da.Act))


@given(st.gaussian_pairs(1e-12, 1e8))
def test_gaussian_pairs_of_a_wide_range_are_covariances(pair):
    assert all(v == 0 or 1e-12 <= v <= 1e8 for v in pair[1:])
    assert abs(pair.cov) <= np.sqrt(pair.var_u * pair.var_v)


def test_difficult_pairs_occur():
    pairs = st.gaussian_pairs(1e-12, 1e8)

    def rho(p):
        return p.cov / np.sqrt(p.var_u * p.var_v) if p.var_u * p.var_v else np.nan

    wanted = [
        lambda p: rho(p) == 1 and p.var_u != p.var_v,
        lambda p: rho(p) == -1,
        lambda p: 1 - 3e-16 < abs(rho(p)) < 1,
        lambda p: rho(p) == 0,
        lambda p: p.var_u == 0 < p.var_v,
        lambda p: p.var_u < 1e-9 and p.var_v > 1e6,
    ]
    for condition in wanted:
        find(pairs, condition, settings=MANY)


@given(st.spatial_networks().flatmap(lambda n: hs.tuples(hs.just(n), st.images(n))))
def test_spatial_networks_are_legal(case):
    network, X = case
    da.plan(network)
    assert da.Network.from_dict(network.to_dict()) == network
    assert X.shape[1:] == network.input_shape
    assert np.isfinite(X).all()


def test_every_spatial_layer_and_padding_occurs():
    seen = set()

    @settings(max_examples=120, derandomize=True, database=None)
    @given(st.spatial_networks())
    def look(network):
        seen.update(type(layer) for layer in network)
        seen.update(x.padding for x in network if isinstance(x, da.Conv) and x.kernel_size > 1)
        seen.update("strides" for x in network if isinstance(x, da.Conv) and x.strides > 1)
        seen.add(f"{len(network.input_shape) - 1} axes")

    look()
    layers = {da.Conv, da.Act, da.AvgPool, da.GlobalAvgPool, da.Flatten, da.LayerNorm, da.Residual, da.Dense}
    assert seen == layers | {"same", "valid", "circular", "strides", "1 axes", "2 axes"}


@settings(max_examples=10)
@given(HEADS)
def test_the_head_is_as_asked(case):
    head, network = case
    assert isinstance(network[-2], da.GlobalAvgPool if head == "gap" else da.Flatten)


@given(st.sketches())
def test_sketches_are_what_they_say(sketch):
    assert sketch.dtype in (np.float32, np.float64)
    rows = np.ones((2, sketch.n_features), sketch.dtype)
    outs = {k: np.full((2, D), np.nan, sketch.dtype) for k, D in sketch.widths.items()}
    sketch(sparse.csr_array(rows) if sketch.spread else rows, outs)
    assert all(np.isfinite(z).all() for z in outs.values())


def test_every_structure_occurs():
    seen = set()

    @settings(max_examples=120, derandomize=True, database=None)
    @given(st.sketches())
    def look(sketch):
        seen.update({sketch.structure, sketch.dtype.name, f"spread {sketch.spread}"})
        seen.update(["exact"] * bool(sketch.exact) + ["sketched"] * bool(sketch.circuits))

    look()
    leaves = {"spread 0", "spread 1", "spread 4"}
    assert seen >= {*STRUCTURES, "float32", "float64", "exact", "sketched"} | leaves


def test_without_hypothesis_the_message_says_what_to_install():
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import dualact as da\n"
        "assert da.testing.check_activation('relu').ok\n"
        "try: da.testing.strategies\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "draws with Hypothesis, which is not installed: pip install hypothesis" in done.stdout
