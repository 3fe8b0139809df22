"""What plans keep: composition, and acceptance by a grammar written down independently."""

from __future__ import annotations

import re

import numpy as np
import pytest

import dualact as da
from dualact.network.planning import check


def rules(network, kind, **known):
    return [(step.layer, step.rule, step.positions) for step in check(network, kind, **known).steps]


def composes(first, second, kind):
    """plan(A + B) is plan(A), then plan(B), for a B that begins with weights."""
    assert rules(first + second, kind) == rules(first, kind) + rules(second, kind)


def composes_in_space(first, second, kind):
    """The same where A ends with positions: B's input is what A leaves."""
    whole = rules(first, kind)
    body, positions = whole[:-2], whole[-3][2]
    joined = da.Network([*first.layers[:-2], *second], first.input_shape)
    assert rules(joined, kind) == body + rules(da.Network(second.layers, (*positions, 1)), kind)


def _letters(layers):
    names = {da.Dense: "D", da.Act: "A", da.LayerNorm: "L"}
    return "".join(
        f"R({_letters(layer.layers)})" if isinstance(layer, da.Residual) else names[type(layer)]
        for layer in layers
    )


def legal(layers) -> bool:
    """The same language by rewriting: a good branch disappears, then a word must match one expression.

    D weights, A activation, L norm, R(…) branch. A, L and R want weights before them with at most norms and
    branches in between; a branch ends in weights of its own, with at most norms and branches after them.
    """
    text = _letters(layers)
    while True:
        # Innermost branches: "g" for one that may stand after a Gaussian signal and ends as it must.
        shorter = re.sub(r"R\((?:A(?=D)|[Lg](?=[LgAD])|D(?:[Lg]*A(?=D))?)*D[Lg]*\)", "g", text)
        if shorter == text:
            break
        text = shorter
    return bool(re.fullmatch(r"D(?:[LgD]|A(?=D|$))*", text))


def accepted_by_the_grammar(layers, kind="nngp"):
    network = da.Network(layers)
    if legal(layers):
        assert len(check(network, kind).rows()) > len(layers)
        return
    with pytest.raises(da.NetworkError, match=r"must follow|must end|empty branch|comes first"):
        check(network, kind)
    with pytest.raises(da.NetworkError):
        da.kernel(network, np.ones((2, 2)), kind=kind)
