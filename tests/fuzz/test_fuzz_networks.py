"""Networks from hostile constructors and malformed JSON: refused with the place, quickly; nothing runs."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from effort import times
from hostile import Refused, arrays, attempt, limit, scalars
from hypothesis import given
from hypothesis import strategies as st

import dualact as da
from dualact.testing import strategies as dst

LEAVES = st.one_of(
    scalars,
    st.text(max_size=8),
    st.sampled_from(["Dense", "Act", "Conv", "Residual", "relu", "__class__", "os:system", "same", "x**x"]),
)
FIELDS = ["layer", "layers", "activation", "expression", "weight_std", "bias_std", "version", "slope"]
FIELDS += ["input_shape", "kernel_size"]
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)


@times(10)
@given(TREES)
def test_any_tree(tree):
    network = attempt(lambda: da.Network.from_dict(tree))
    if not isinstance(network, Refused):
        assert isinstance(network, da.Network)
        attempt(lambda: da.plan(network))


@st.composite
def damaged(draw, documents):
    """A legal document with one value replaced, one key lost, or one key too many."""
    document = copy.deepcopy(draw(documents))
    places = list(_places(document))
    owner, key = draw(st.sampled_from(places))
    match draw(st.sampled_from(["replace", "lose", "add"])):
        case "replace":
            owner[key] = draw(TREES)
        case "lose":
            del owner[key]
        case "add":
            if isinstance(owner, dict):
                owner[draw(st.text(max_size=6))] = draw(TREES)
            else:
                owner.insert(0, draw(TREES))
    return document


def _places(tree):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        yield tree, key
        yield from _places(value)


NETWORKS = st.one_of(dst.networks(), dst.spatial_networks()).map(da.Network.to_dict)


@times(10)
@given(damaged(NETWORKS))
def test_damaged_networks(document):
    network = attempt(lambda: da.Network.from_dict(document))
    if not isinstance(network, Refused):
        again = da.Network.from_dict(json.loads(json.dumps(network.to_dict())))
        assert again == network
        attempt(lambda: da.plan(network))
        attempt(lambda: da.kernel(network, np.ones((2, 3))))


X = np.random.default_rng(0).standard_normal((8, 3))
IMAGES = np.random.default_rng(0).standard_normal((6, 3, 3, 2))
CONV = da.Network([da.Conv(2), da.Act("relu"), da.Flatten(), da.Dense()], (3, 3, 2))
DENSE_PLAN = da.SketchedNeuralKernel(da.mlp(1, "erf"), n_components=12, random_state=0).fit(X).plan_.to_dict()
MONOMIAL_PLAN = (
    da.SketchedNeuralKernel(da.mlp(1, "erf"), n_components=12, method="monomials").fit(X).plan_.to_dict()
)
SPATIAL_PLAN = da.SketchedNeuralKernel(CONV, n_components=12, random_state=0).fit(IMAGES).plan_.to_dict()


@times(8)
@given(damaged(st.sampled_from([DENSE_PLAN, MONOMIAL_PLAN, SPATIAL_PLAN])))
def test_damaged_plans(document):
    """A plan is refused when it is read or when its map is first used, or its features are numbers."""

    def use():
        made = da.SketchedNeuralKernel.from_plan(document, 0)
        return made.transform(X if made.n_features_in_ == 3 else IMAGES[: made.n_features_in_])

    attempt(use)


CONSTRUCTORS = {
    "Dense": (da.Dense, ("weight_std", "bias_std")),
    "Conv": (da.Conv, ("kernel_size", "strides", "padding", "weight_std", "bias_std")),
    "AvgPool": (da.AvgPool, ("window", "strides", "padding")),
    "Residual": (da.Residual, ("layers",)),
    "Act": (da.Act, ("activation", "slope")),
    "Network": (da.Network, ("layers", "input_shape")),
    "mlp": (da.mlp, ("depth", "activation", "weight_std", "bias_std")),
    "cnn": (da.cnn, ("depth", "activation", "kernel_size", "pool_every", "head")),
    "myrtle": (da.myrtle, ("depth", "activation", "weight_std")),
}


@times(6)
@given(st.data())
@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_constructors(name, data):
    make, names = CONSTRUCTORS[name]
    given_ = data.draw(st.dictionaries(st.sampled_from(names), st.one_of(scalars, arrays(max_axes=2))))
    made = attempt(lambda: make(**given_))
    if not isinstance(made, Refused):
        assert eval(repr(made), vars(da)) == made or "object" in repr(made)


def nested(depth):
    document = {"layer": "Dense"}
    for _ in range(depth):
        document = {"layer": "Residual", "layers": [document]}
    return {"version": 1, "layers": [document]}


@pytest.mark.parametrize("depth", [51, 900, 100_000])
def test_bottomless_nesting(depth):
    with limit(10), pytest.raises(da.NetworkError, match="nested 50 deep"):
        da.Network.from_dict(nested(depth))


def test_cycles():
    cycle: dict = {"layer": "Residual", "layers": []}
    cycle["layers"].append(cycle)
    with limit(10), pytest.raises(da.NetworkError, match="nested 50 deep"):
        da.Network.from_dict({"version": 1, "layers": [cycle]})
    endless: list = [{"layer": "Dense"}]
    endless.append(endless)
    with limit(10), pytest.raises(da.NetworkError, match="must be a mapping"):
        da.Network.from_dict({"version": 1, "layers": endless})


def test_a_million_layers():
    with limit(20), pytest.raises(da.NetworkError, match=r"at most 10000 layers|too large"):
        da.Network.from_dict({"version": 1, "layers": [{"layer": "Dense"}] * 10**6})
    with limit(20), pytest.raises(da.NetworkError, match="at most 10000 layers"):
        da.Network([da.Dense()] * 10**6)
    with limit(20), pytest.raises(da.NetworkError, match=r"10000|depth"):
        da.mlp(10**6, "relu")


def test_a_thousand_layers_run():
    deep = da.Network([da.Dense(), *[da.Act("relu"), da.Dense(2**0.5)] * 500])
    with limit(60):
        assert np.isfinite(da.kernel(deep, X[:3])).all()


def test_json_that_names_code_runs_none(tmp_path, monkeypatch):
    """Names are looked up among what is registered, expressions are parsed: nothing is imported or run."""
    import builtins
    import os
    import subprocess

    da.from_expression("warm_up", "x")  # imports of the library itself
    da.StreamingRidge(), da.kernel(da.mlp(1, "tanh"), X)

    def forbidden(*arguments, **_):
        raise AssertionError(f"executed: {arguments!r:.100}")

    # (exec is what imports themselves use)
    for module, name in ((os, "system"), (subprocess, "Popen"), (builtins, "eval")):
        monkeypatch.setattr(module, name, forbidden)
    texts = [
        "os:system",
        "builtins:eval",
        "__import__('os').system('true')",
        "().__class__.__bases__[0].__subclasses__()",
        "lambda x: x",
        "x.__class__",
        "exec('1')",
        "[c for c in ()]",
        "f'{x}'",
        "open('/etc/passwd').read()",
        "x; import os",
        "x if True else x",
        "getattr(x, 'real')",
        "9**9**9**9",
    ]
    for text in texts:
        for layer in (
            {"layer": "Act", "activation": text},
            {"layer": "Act", "activation": "mine", "expression": text},
            {"layer": text},
            {"layer": "Act", "activation": "relu", text: 1},
        ):
            with limit(10), pytest.raises(da.DualactError):
                da.Network.from_dict({"version": 1, "layers": [{"layer": "Dense"}, layer]})
    # estimators and statistics: no pickles
    path = tmp_path / "evil.npz"
    np.savez(path, head=np.array([da.Dense()], dtype=object))
    with pytest.raises(da.DualactError):
        da.StreamingRidge().fit_chunks(iter([(X, X[:, 0])]), checkpoint=path)
    plan = json.loads(json.dumps(DENSE_PLAN))
    plan["network"]["layers"][1]["activation"] = "__import__('os')"
    with pytest.raises(da.DualactError):
        da.SketchedNeuralKernel.from_plan(plan, 0)
