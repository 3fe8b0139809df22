"""Laws of plans over drawn networks, legal and not."""

from __future__ import annotations

import plan_laws as laws
import pytest
from effort import times
from hypothesis import given
from hypothesis import strategies as hs

import dualact as da
from dualact.testing import strategies as st

KINDS = hs.sampled_from(["nngp", "ntk"])
PLAIN = hs.sampled_from([da.Dense(), da.Dense(1.2, 0.1), da.Act("relu"), da.Act("erf"), da.LayerNorm()])
LAYERS = hs.recursive(PLAIN, lambda inner: hs.lists(inner, max_size=4).map(da.Residual), max_leaves=6)


@given(st.networks(), st.networks(), KINDS)
def test_composes(first, second, kind):
    laws.composes(first, second, kind)


@given(st.spatial_networks(axes=2), st.spatial_networks(axes=2, padding=("same", "circular")), KINDS)
def test_composes_in_space(first, second, kind):
    laws.composes_in_space(first, second, kind)


@times(4)
@given(hs.lists(LAYERS, min_size=1, max_size=6))
def test_accepted_by_the_grammar(layers):
    laws.accepted_by_the_grammar(layers)


@pytest.mark.parametrize(
    ("layers", "good"),
    [
        ([da.Dense(), da.Act("relu")], True),
        ([da.Act("relu")], False),
        ([da.Dense(), da.Residual([da.Act("relu"), da.Dense(), da.LayerNorm()])], True),
        ([da.Dense(), da.Residual([da.LayerNorm()])], False),
        ([da.Dense(), da.Residual([da.Residual([da.Dense()])])], False),
        ([da.Dense(), da.Residual([da.Dense(), da.Residual([da.Dense()])]), da.Act("erf")], True),
        ([da.Dense(), da.Act("erf"), da.Residual([da.Dense()])], False),
    ],
)
def test_the_grammar_itself(layers, good):
    assert laws.legal(layers) == good
    laws.accepted_by_the_grammar(layers)
