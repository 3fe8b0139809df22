"""Network: a frozen value that is written down, read back, changed by copy."""

from __future__ import annotations

import copy
import json
import pickle
import re

import numpy as np
import pytest

import dualact as da
from dualact import Act, Dense, LayerNorm, Network, Residual
from dualact.network.spec import MAX_LAYERS, as_network, as_shape

SPACE = {"Network": Network, "Dense": Dense, "Act": Act, "LayerNorm": LayerNorm, "Residual": Residual}
NETWORKS = [
    Network([]),
    Network([Dense()]),
    da.mlp(1, "relu"),
    da.mlp(2, "relu"),
    da.mlp(2, "relu", 2**0.5),
    da.mlp(2, "relu", bias_std=0.1),
    da.mlp(2, da.activation("leaky_relu", slope=0.3)),
    Network(da.mlp(2, "relu"), input_shape=(64,)),
    Network(da.mlp(2, "relu"), input_shape=(8, 8, 1)),
    Network([Dense(), LayerNorm(), Act("polynomial", coef=[0.0, 1.0, 0.5])]),
    Network(
        [Dense(), Residual([Act("elu", alpha=2), Dense(0.5), Residual([LayerNorm(), Act("erf"), Dense()])])]
    ),
]


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_a_network_is_a_value(network):
    again = eval(repr(network), dict(SPACE))
    assert again == network
    assert repr(again) == repr(network)
    twins = [again, copy.copy(network), copy.deepcopy(network), pickle.loads(pickle.dumps(network))]
    twins.append(Network.from_dict(json.loads(json.dumps(network.to_dict()))))
    for twin in twins:
        assert type(twin) is Network
        assert twin == network
        assert hash(twin) == hash(network)
        assert twin.input_shape == network.input_shape
    assert sum(network == other for other in NETWORKS) == 1
    assert network != list(network)


def test_a_network_is_frozen():
    network = da.mlp(1, "relu")
    with pytest.raises(
        AttributeError, match=r"Network is frozen; use replace\(\.\.\.\) to get a changed copy"
    ):
        network.layers = ()
    with pytest.raises(AttributeError, match="Network is frozen"):
        network._layers = ()
    with pytest.raises(AttributeError, match="Network is frozen"):
        del network._layers
    layers = [Dense(), Act("relu")]
    made = Network(layers)
    layers.append(Dense())
    assert len(made) == 2


def test_sequences():
    network = Network(da.mlp(2, "relu"), input_shape=(5,))
    assert len(network) == 5
    assert list(network) == list(network.layers)
    assert network[1] == Act("relu")
    assert network[-1] == network[np.int64(4)] == Dense()
    with pytest.raises(IndexError):
        network[5]
    assert Network(network).input_shape is None
    assert Network(network) == Network(iter(network))


def test_slices_keep_the_input_shape_where_they_begin_at_the_input():
    network = Network(da.mlp(2, "relu"), input_shape=(5,))
    for head in (network[:3], network[0:3], network[-5:3], network[::2], network[:]):
        assert head.input_shape == (5,)
    for tail in (network[1:], network[-2:], network[::-1], network[3:]):
        assert tail.input_shape is None
    assert network[:3] == Network([Dense(), Act("relu"), Dense()], (5,))
    assert network[::-1].layers == network.layers[::-1]
    assert network[:2] + network[2:] == network


def test_addition():
    network = Network([Dense()], input_shape=(5,))
    expected = Network([Dense(), Act("relu"), Dense()], (5,))
    tail = [Act("relu"), Dense()]
    for form in (tail, tuple(tail), Network(tail)):
        assert network + form == expected
    assert len(network) == 1
    with pytest.raises(TypeError):
        network + Dense()
    wrong = [Dense(), "relu"]
    with pytest.raises(da.NetworkError, match="Network: layer 1 must be a layer"):
        network + wrong


# ------------------------------------------------------------------------------- input_shape


@pytest.mark.parametrize(
    ("given", "shape"),
    [((5,), (5,)), ([8, 8, 3], (8, 8, 3)), (7, (7,)), (np.array([4, 2]), (4, 2)), (None, None)],
)
def test_input_shapes(given, shape):
    network = Network([Dense()], input_shape=given)
    assert network.input_shape == shape
    assert shape is None or all(type(n) is int for n in network.input_shape)
    assert Network.from_dict(network.to_dict()) == network


@pytest.mark.parametrize("wrong", [(), (0,), (-3,), (2.0,), (True,), "64", (5, None), ((5,),), 1.5, {}])
def test_input_shapes_are_checked(wrong):
    sentence = (
        r"Network: input_shape must be a tuple of positive integers, such as \(64,\)\. "
        rf"Got {re.escape(repr(wrong))}\."
    )
    with pytest.raises(da.NetworkError, match=sentence):
        Network([Dense()], input_shape=wrong)
    with pytest.raises(da.NetworkError, match=sentence):
        as_shape(wrong)


# ------------------------------------------------------------------------------- replace


def test_replace_returns_a_changed_copy():
    network = Network([Dense(2.0, 0.1), Act("relu"), Residual([Act("erf"), Dense(0.5)]), Dense()], (3,))
    assert network.replace() == network
    assert network.replace(weight_std=1.5) == Network(
        [Dense(1.5, 0.1), Act("relu"), Residual([Act("erf"), Dense(1.5)]), Dense(1.5)], (3,)
    )
    assert network.replace(bias_std=0.0) == Network(
        [Dense(2.0), Act("relu"), Residual([Act("erf"), Dense(0.5)]), Dense()], (3,)
    )
    assert network.replace(activation="gelu") == Network(
        [Dense(2.0, 0.1), Act("gelu"), Residual([Act("gelu"), Dense(0.5)]), Dense()], (3,)
    )
    assert network.layers[1] == Act("relu")


def test_replace_depth():
    network = Network(da.mlp(1, "relu", 1.5, 0.2), input_shape=(4,))
    assert network.replace(depth=3) == Network(da.mlp(3, "relu", 1.5, 0.2), (4,))
    assert network.replace(depth=2, activation="gelu", weight_std=1.0, bias_std=0) == Network(
        da.mlp(2, "gelu"), (4,)
    )
    assert network.replace(depth=3).replace(depth=1) == network
    with pytest.raises(da.NetworkError, match=r"mlp: depth must be an integer between 1 and 4999\. Got 0"):
        network.replace(depth=0)


@pytest.mark.parametrize(
    "network",
    [
        Network([]),
        Network([Dense()]),
        Network([Dense(), Act("relu")]),
        Network([Dense(), Act("relu"), Dense(2.0)]),
        Network([Dense(), Act("relu"), Dense(), Act("erf"), Dense()]),
        Network([Dense(), LayerNorm(), Act("relu"), Dense()]),
        Network([Dense(), Residual([Act("relu"), Dense()])]),
    ],
    ids=repr,
)
def test_depth_is_for_what_mlp_and_cnn_make(network):
    sentence = (
        r"Network\.replace: depth is defined for networks of the form that mlp\(\.\.\.\) or cnn\(\.\.\.\) "
        r"makes: equal hidden layers, then a Dense read-out\. This network differs"
    )
    with pytest.raises(da.NetworkError, match=sentence):
        network.replace(depth=2)


def test_replace_checks_what_it_puts_in():
    network = da.mlp(1, "relu")
    with pytest.raises(da.NetworkError, match="weight_std must be a finite number of at least 0"):
        network.replace(weight_std=-1)
    with pytest.raises(da.UnknownActivationError):
        network.replace(activation="nonsense")
    with pytest.raises(TypeError):
        network.replace("gelu")


# ------------------------------------------------------------------------------- JSON


def test_the_form_of_the_json():
    network = Network([Dense(), Act("leaky_relu", slope=0.1), Residual([LayerNorm(), Act("relu"), Dense(2)])])
    assert network.to_dict() == {
        "version": 1,
        "input_shape": None,
        "layers": [
            {"layer": "Dense", "weight_std": 1.0, "bias_std": 0.0},
            {"layer": "Act", "activation": "leaky_relu", "slope": 0.1},
            {
                "layer": "Residual",
                "layers": [
                    {"layer": "LayerNorm"},
                    {"layer": "Act", "activation": "relu"},
                    {"layer": "Dense", "weight_std": 2.0, "bias_std": 0.0},
                ],
            },
        ],
    }
    assert Network([Dense()], (3, 2)).to_dict()["input_shape"] == [3, 2]


def test_expressions_are_written_down_as_text():
    act = da.from_expression("wave", "sin(b*x) + x", b=2.0)
    network = da.mlp(1, act)
    data = json.loads(json.dumps(network.to_dict()))
    assert data["layers"][1] == {"layer": "Act", "activation": "wave", "expression": "sin(b*x) + x", "b": 2.0}
    again = Network.from_dict(data)
    assert again == network
    X = np.random.default_rng(0).standard_normal((3, 4))
    np.testing.assert_array_equal(da.kernel(again, X), da.kernel(network, X))
    assert pickle.loads(pickle.dumps(network)) == network


def test_functions_cannot_be_written_down():
    for act in (da.from_function("bump", lambda t: np.exp(-(t**4))), da.Activation("bump", np.tanh)):
        network = Network([Dense(), Residual([Act(act), Dense()])])
        sentence = (
            r"Network\.to_dict: the activation 'bump' is an unregistered function and cannot be written "
            r"down\. Register it with register\(name, factory\), or make it with from_expression\."
        )
        with pytest.raises(da.NetworkError, match=sentence):
            network.to_dict()


def test_registered_in_this_process_can_be_written_down():
    def bump(width: float = 1.0) -> da.Activation:
        return da.Activation("bump", lambda t: np.exp(-((t / width) ** 4)))

    da.register("bump", bump)
    try:
        network = da.mlp(1, da.activation("bump", width=2))
        data = network.to_dict()
        assert data["layers"][1] == {"layer": "Act", "activation": "bump", "width": 2.0}
        assert Network.from_dict(data) == network
    finally:
        da.unregister("bump")
    with pytest.raises(da.UnknownActivationError, match=r"Network\.from_dict: layers\[1\]: .*bump"):
        Network.from_dict(data)


def _data(*layers, **other):
    return {"version": 1, "input_shape": None, "layers": list(layers), **other}


DENSE = {"layer": "Dense"}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (None, r"expected a mapping with the keys version, input_shape, layers\. Got NoneType\."),
        ([DENSE], r"expected a mapping .* Got list\."),
        ("{}", r"expected a mapping .* Got str\."),
        ({}, r"version must be 1\. Got None\. A newer dualact may have written it"),
        (_data(DENSE, version=2), r"version must be 1\. Got 2\."),
        (_data(DENSE, version=True), r"version must be 1\. Got True\."),
        (_data(DENSE, version="1"), r"version must be 1\. Got '1'\."),
        (_data(DENSE, extra=1), r"unknown key 'extra'"),
        (_data(DENSE, **{"1": 1}), r"unknown key '1'"),
        ({"version": 1}, r"layers must be a list\. Got NoneType\."),
        (_data(layers={"layer": "Dense"}), r"layers must be a list\. Got dict\."),
        (_data(layers="Dense"), r"layers must be a list\. Got str\."),
        (_data("Dense"), r"layers\[0\] must be a mapping such as {'layer': 'Dense'}\. Got 'Dense'\."),
        (_data(DENSE, None), r"layers\[1\] must be a mapping .* Got None\."),
        (_data({1: 2}), r"layers\[0\] must be a mapping .* Got {1: 2}\."),
        (
            _data({}),
            r"layers\[0\]: layer must be one of 'Dense', 'Conv', 'Act', 'AvgPool', 'GlobalAvgPool', "
            r"'Flatten', 'LayerNorm', 'Residual'\. Got None\.",
        ),
        (_data({"layer": "Conv3D"}), r"layers\[0\]: layer must be one of .* Got 'Conv3D'\."),
        (_data({"layer": ["Dense"]}), r"layers\[0\]: layer must be one of .* Got \['Dense'\]\."),
        (_data({"layer": "dense"}), r"layers\[0\]: layer must be one of .* Got 'dense'\."),
        (_data({**DENSE, "width": 3}), r"layers\[0\]: Dense does not take these fields: width\."),
        (
            _data({"layer": "LayerNorm", "eps": 0.1}),
            r"layers\[0\]: LayerNorm does not take these fields: eps\.",
        ),
        (
            _data({"layer": "Residual", "layers": [], "x": 1}),
            r"layers\[0\]: Residual does not take these fields: x\.",
        ),
        (_data({"layer": "Residual"}), r"layers\[0\]\.layers must be a list\. Got NoneType\."),
        (
            _data(DENSE, {"layer": "Residual", "layers": [DENSE, {"layer": "Nope"}]}),
            r"layers\[1\]\.layers\[1\]: layer must be one of .* Got 'Nope'\.",
        ),
        (
            _data({**DENSE, "weight_std": "2"}),
            r"layers\[0\]: Dense: weight_std must be a finite .* Got '2'\.",
        ),
        (
            _data({**DENSE, "weight_std": float("nan")}),
            r"layers\[0\]: Dense: weight_std must be .* Got nan\.",
        ),
        (_data({**DENSE, "bias_std": None}), r"layers\[0\]: Dense: bias_std must be .* Got None\."),
        (_data({**DENSE, "bias_std": 10**400}), r"layers\[0\]: Dense: bias_std must be .* Got 1000"),
        (_data({"layer": "Act"}), r"layers\[0\]: Act: activation must be a name\. Got None\."),
        (_data({"layer": "Act", "activation": 3}), r"layers\[0\]: Act: activation must be a name\. Got 3\."),
        (_data({"layer": "Act", "activation": "reluu"}), r"layers\[0\]: .*'relu'"),
        (_data({"layer": "Act", "activation": ""}), r"layers\[0\]: "),
        (_data({"layer": "Act", "activation": "relu", "slope": 1}), r"layers\[0\]: .*takes no parameters"),
        (
            _data({"layer": "Act", "activation": "leaky_relu", "slope": "x"}),
            r"layers\[0\]: .*slope must be a number",
        ),
        (
            _data({"layer": "Act", "activation": "leaky_relu", "self": 1}),
            r"layers\[0\]: Act does not take .*self",
        ),
        (_data({"layer": "Act", "activation": "f", "expression": 3}), r"layers\[0\]: .*text"),
        (_data({"layer": "Act", "activation": "f", "expression": "x +"}), r"layers\[0\]: "),
        (_data({"layer": "Act", "activation": "f", "expression": "__import__('os')"}), r"layers\[0\]: "),
        (_data({"layer": "Act", "activation": "f", "expression": "x", "text": 1}), r"layers\[0\]: "),
        (_data(DENSE, input_shape=[0]), r"input_shape must be a tuple of positive integers"),
        (_data(DENSE, input_shape="64"), r"input_shape must be a tuple of positive integers"),
        (_data(DENSE, input_shape=[[64]]), r"input_shape must be a tuple of positive integers"),
        (_data(*[DENSE] * (MAX_LAYERS + 1)), r"layers is too large \(at most 10000 layers, nested 50 deep\)"),
    ],
    ids=lambda v: repr(v)[:40],
)
def test_malformed_json_is_refused_with_the_place(data, sentence):
    with pytest.raises(da.DualactError, match=sentence) as caught:
        Network.from_dict(data)
    assert str(caught.value).startswith("Network")


def test_bottomless_json_is_refused():
    data = DENSE
    for _ in range(400):
        data = {"layer": "Residual", "layers": [data]}
    with pytest.raises(da.NetworkError, match=r"is too large \(at most 10000 layers, nested 50 deep\)"):
        Network.from_dict(_data(data))


def test_deepest_legal_json():
    nested = Dense()
    for _ in range(50):
        nested = Residual([Dense(), nested])
    network = Network([nested])
    assert Network.from_dict(json.loads(json.dumps(network.to_dict()))) == network


def test_too_many_layers():
    with pytest.raises(da.NetworkError, match=r"Network: at most 10000 layers\. Got 10001"):
        Network([Dense()] * 10_001)


def test_as_network():
    network = da.mlp(1, "relu")
    assert as_network(network) is network
    assert as_network(network.to_dict()) == network
    for wrong in (None, "relu", [Dense()], Dense()):
        sentence = (
            r"network must be a Network \(for example mlp\(2, 'relu'\)\) or the dictionary of one\. Got "
        )
        with pytest.raises(da.NetworkError, match=sentence + type(wrong).__name__):
            as_network(wrong)
    with pytest.raises(da.NetworkError, match=r"Got list\. Network\(\[\.\.\.\]\) makes one of layers\."):
        as_network([Dense()])
