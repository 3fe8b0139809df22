"""Networks by name."""

from __future__ import annotations

import re

import numpy as np
import pytest

import dualact as da
from dualact import Act, Dense, Network


def test_mlp_is_hidden_layers_and_a_read_out():
    assert da.mlp(1, "relu") == Network([Dense(), Act("relu"), Dense()])
    dense = Dense(1.5, 0.1)
    expected = Network([dense, Act("leaky_relu", slope=0.2), dense, Act("leaky_relu", slope=0.2), dense])
    assert da.mlp(2, da.activation("leaky_relu", slope=0.2), 1.5, 0.1) == expected
    assert da.mlp(depth=np.int64(2), activation="erf", weight_std=1, bias_std=0) == da.mlp(2, "erf")
    assert da.mlp(1, "relu").input_shape is None


def test_the_deepest():
    assert len(da.mlp(4999, "relu")) == 9999


@pytest.mark.parametrize("depth", [0, -1, 5000, 2.0, "2", None, True])
def test_depth_is_checked(depth):
    sentence = rf"mlp: depth must be an integer between 1 and 4999\. Got {re.escape(repr(depth))}\."
    with pytest.raises(da.NetworkError, match=sentence):
        da.mlp(depth, "relu")


def test_the_rest_is_checked_by_the_layers():
    with pytest.raises(da.UnknownActivationError):
        da.mlp(1, "nonsense")
    with pytest.raises(da.NetworkError, match="bias_std must be a finite number of at least 0"):
        da.mlp(1, "relu", bias_std=-1)
