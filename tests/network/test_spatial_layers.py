"""Conv, AvgPool, GlobalAvgPool, Flatten: what they take, how they show themselves, that they are values."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import dualact as da
from dualact import Act, AvgPool, Conv, Dense, Flatten, GlobalAvgPool, LayerNorm, Network, Residual

NAMES = {
    name: getattr(da, name) for name in ("Conv", "AvgPool", "GlobalAvgPool", "Flatten", "Act", "Residual")
}
ONE_OF_EACH = [
    Conv(3),
    Conv((3, 3)),
    Conv((5,), 2),
    Conv(3, (1, 2)),
    Conv(3, padding="valid"),
    Conv(3, padding="circular", weight_std=2**0.5),
    Conv(3, bias_std=0.1),
    AvgPool(2),
    AvgPool((2, 2)),
    AvgPool(2, 1),
    AvgPool(3, (2, 1), "same"),
    GlobalAvgPool(),
    Flatten(),
    Residual([Act("relu"), Conv(3)]),
]


@pytest.mark.parametrize("layer", ONE_OF_EACH, ids=repr)
def test_layers_are_values(layer):
    for other in (
        eval(repr(layer), dict(NAMES)),
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),
        Network.from_dict(json.loads(json.dumps(Network([layer]).to_dict())))[0],
    ):
        assert other == layer
        assert hash(other) == hash(layer)
        assert repr(other) == repr(layer)
    assert sum(layer == other for other in ONE_OF_EACH) == 1


def test_the_form_is_canonical():
    assert Conv(np.int64(3), [1, 1]) == Conv(3, (1, 1))
    assert AvgPool(2) == AvgPool(2, 2) == AvgPool(2, strides=None)
    assert repr(AvgPool((2, 3), (2, 3))) == "AvgPool((2, 3))"
    assert repr(Conv(3, 1, "same", 1, 0)) == "Conv(3)"
    assert type(Conv(np.int8(3)).kernel_size) is int
    assert Network([Conv((3, 5), strides=2, padding="valid", bias_std=0.5)]).to_dict()["layers"] == [
        {
            "layer": "Conv",
            "kernel_size": [3, 5],
            "strides": 2,
            "padding": "valid",
            "weight_std": 1.0,
            "bias_std": 0.5,
        }
    ]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "3", True, None, (), (3, 0), (3, 3, 3), (3, None), [True]])
def test_sizes_are_checked(wrong):
    sentence = r"must be a positive integer, or one or two of them, such as 3 or \(3, 3\)\. Got "
    with pytest.raises(da.NetworkError, match=f"^Conv: kernel_size {sentence}"):
        Conv(wrong)
    with pytest.raises(da.NetworkError, match=f"^Conv: strides {sentence}"):
        Conv(3, wrong)
    with pytest.raises(da.NetworkError, match=f"^AvgPool: window {sentence}"):
        AvgPool(wrong)
    if wrong is not None:
        with pytest.raises(da.NetworkError, match=f"^AvgPool: strides {sentence}"):
            AvgPool(2, wrong)


@pytest.mark.parametrize("wrong", ["SAME", "", None, 1, ["same"]])
def test_paddings_are_checked(wrong):
    with pytest.raises(
        da.NetworkError, match=r"^Conv: padding must be 'same' or 'valid' or 'circular'\. Got "
    ):
        Conv(3, padding=wrong)
    with pytest.raises(da.NetworkError, match=r"^AvgPool: padding must be 'same' or 'valid'\. Got "):
        AvgPool(3, padding=wrong)
    with pytest.raises(da.NetworkError, match=r"^AvgPool: padding must be .* Got 'circular'\.$"):
        AvgPool(3, padding="circular")


def test_stds_are_checked():
    with pytest.raises(da.NetworkError, match=r"^Conv: weight_std must be a finite number of at least 0"):
        Conv(3, weight_std=-1)
    with pytest.raises(da.NetworkError, match=r"^Conv: bias_std must be a finite number of at least 0"):
        Conv(3, bias_std=np.nan)


def test_dictionaries_with_other_fields_are_refused():
    for layer, field in (("Conv", "dilation"), ("AvgPool", "size"), ("Flatten", "axis")):
        data = {"version": 1, "input_shape": None, "layers": [{"layer": layer, field: 2}]}
        with pytest.raises(
            da.NetworkError, match=rf"layers\[0\]: {layer} does not take these fields: {field}"
        ):
            Network.from_dict(data)


def test_replace_reaches_convolutions():
    network = Network(
        [Conv(3), Residual([Act("relu"), Conv(1, bias_std=0.3)]), AvgPool(2), Flatten(), Dense()]
    )
    changed = network.replace(weight_std=1.5, activation="gelu")
    assert changed == Network(
        [
            Conv(3, weight_std=1.5),
            Residual([Act("gelu"), Conv(1, weight_std=1.5, bias_std=0.3)]),
            AvgPool(2),
            Flatten(),
            Dense(1.5),
        ]
    )
    assert network.replace(bias_std=0.0)[1] == Residual([Act("relu"), Conv(1)])


# ------------------------------------------------------------------------------- architectures


def test_cnn():
    conv = Conv(3, weight_std=2**0.5)
    assert da.cnn(1, "relu") == Network([conv, Act("relu"), GlobalAvgPool(), Dense(2**0.5)])
    block = [Conv((5, 3), weight_std=1.1, bias_std=0.2), Act("gelu")]
    assert da.cnn(5, "gelu", (5, 3), 1.1, 0.2, pool_every=2, head="flatten") == Network(
        [*block, *block, AvgPool(2), *block, *block, AvgPool(2), *block, Flatten(), Dense(1.1, 0.2)]
    )


@pytest.mark.parametrize(
    "arguments",
    [{}, {"pool_every": 1}, {"pool_every": 2, "head": "flatten"}, {"kernel_size": (3, 5), "bias_std": 0.1}],
    ids=repr,
)
def test_depth_of_a_cnn_can_be_replaced(arguments):
    network = Network(da.cnn(4, "relu", **arguments), (32, 32, 3))
    for depth in (1, 2, 3, 6):
        made = network.replace(depth=depth)
        assert made.input_shape == (32, 32, 3)
        if depth >= arguments.get("pool_every", 1):
            assert made == Network(da.cnn(depth, "relu", **arguments), (32, 32, 3))
            assert made.replace(depth=4) == network
    with pytest.raises(da.NetworkError, match=r"^Network\.replace: depth is defined for networks"):
        da.myrtle(5, "relu").replace(depth=3)
    with pytest.raises(da.NetworkError, match=r"^cnn: depth must be an integer between 1 and"):
        network.replace(depth=0)


def test_arguments_of_cnn_are_checked():
    for wrong in (0, 1.5, True, "2", 4000):
        with pytest.raises(
            da.NetworkError, match=r"^cnn: depth must be an integer between 1 and 3332\. Got "
        ):
            da.cnn(wrong, "relu")
    with pytest.raises(
        da.NetworkError, match=r"^cnn: pool_every must be an integer between 1 and 10000\. Got 0"
    ):
        da.cnn(2, "relu", pool_every=0)
    with pytest.raises(da.NetworkError, match=r"^cnn: head must be 'gap' or 'flatten'\. Got 'dense'\.$"):
        da.cnn(2, "relu", head="dense")


@pytest.mark.parametrize(("depth", "blocks"), [(5, (2, 1, 1)), (7, (2, 2, 2)), (10, (3, 3, 3))])
def test_myrtle(depth, blocks):
    conv = [Conv((3, 3), weight_std=1.3), Act("relu")]
    pool = AvgPool((2, 2))
    expected = [
        *conv * blocks[0],
        pool,
        *conv * blocks[1],
        pool,
        *conv * blocks[2],
        GlobalAvgPool(),
        Dense(1.3),
    ]
    assert da.myrtle(depth, "relu", 1.3) == Network(expected)
    steps = da.plan(da.myrtle(depth, "relu"), input_shape=(32, 32, 3)).steps
    assert [s.positions for s in steps if "Pool" in s.layer] == [(16, 16), (8, 8), ()]


@pytest.mark.parametrize("wrong", [4, 5.5, "5", True, None])
def test_depths_of_myrtle(wrong):
    with pytest.raises(da.NetworkError, match=r"^myrtle: depth must be 5, 7 or 10\. Got "):
        da.myrtle(wrong, "relu")


def test_layer_norm_is_a_layer_of_both_worlds():
    network = Network([Conv(3), LayerNorm(), Act("relu"), GlobalAvgPool()], (4, 4, 1))
    assert "Σ, Θ ← / √(variances)" in str(da.plan(network))
