"""The laws of plans and exact kernels, dense and spatial."""

from __future__ import annotations

import itertools

import kernel_laws as dense
import numpy as np
import plan_laws
import pytest
import spatial_laws as spatial
from oracles import finite_networks
from spatial_networks import IMAGES, LINE, PLANE, WAVES

import dualact as da

X = np.array([[1.0, 2.0, -0.5], [0.3, -1.0, 1.1], [-1.0, -2.0, 0.5], [0.0, 0.0, 0.0], [0.1, 0.2, -0.05]])
Y = np.array([[2.0, 0.1, 0.4], [0.0, -3.0, 1.0], [0.5, 0.5, -0.5], [1.0, 2.0, -0.5], [0.2, 0.0, 0.0]])
GELU = da.mlp(2, "gelu", weight_std=1.2, bias_std=0.5)
RELU = da.mlp(2, "relu", weight_std=1.4)
MIXED = da.Network(
    [
        da.Dense(1.3, 0.4),
        da.LayerNorm(),
        da.Act("erf"),
        da.Dense(0.8, 0.2),
        da.Residual([da.Act("relu"), da.Dense(1.1)]),
        da.Act("tanh"),
        da.Dense(),
    ]
)
SKIP = da.Network([da.Dense(1.1), da.Residual([da.Act("relu"), da.Dense(1.4)]), da.Act("abs"), da.Dense()])
BIASED = da.mlp(1, "relu", weight_std=1.1, bias_std=0.4)
NETWORKS = (GELU, RELU, MIXED, SKIP, BIASED)
KINDS = ("nngp", "ntk")
UNIT = X[[0, 1, 4]] / np.linalg.norm(X[[0, 1, 4]], axis=1)[:, None]


def over(law, networks=NETWORKS, inputs=(X,), kinds=KINDS):
    def run():
        for network in networks:
            for kind in kinds:
                law(da.kernel, network, *inputs, kind)

    return run


def _derivative():
    for network in NETWORKS:
        dense.ntk_is_the_derivative(da.kernel, network, X[0], Y[0])
        dense.ntk_is_the_derivative(da.kernel, network, X[1], Y[1])


def _finite():
    for network in (da.mlp(1, "gelu", weight_std=1.2, bias_std=0.5), SKIP):
        for kind in KINDS:
            mean, error = finite_networks(network, X[:3], kind, 256, 40, 7)
            K = da.kernel(network, X[:3], kind=kind)
            scale = np.sqrt(np.outer(np.diag(K), np.diag(K)))
            assert np.all(np.abs(mean - K) <= 6 * error + 0.03 * scale)


def _composes():
    dense.composes(da.kernel, GELU, RELU, X)
    dense.composes(da.kernel, SKIP, GELU, X)


def _diagonal():
    for network in NETWORKS:
        for kind in KINDS:
            dense.is_its_own_diagonal(da.kernel, da.kernel_diag, network, X, kind)


def _gap():
    for network in NETWORKS:
        dense.ntk_exceeds_nngp(da.kernel, network, X)


def _homogeneous():
    for network in (RELU, SKIP):
        for kind in KINDS:
            dense.homogeneous(da.kernel, network, X[[0, 1, 4]], Y[:3], kind)


def _equal_norms():
    """Rows of one norm take the road by the angle alone; it is the recursion too."""
    for network in (GELU, RELU, SKIP):
        for kind in KINDS:
            dense.is_the_recursion(da.kernel, network, UNIT, UNIT[::-1], kind)


def _many_rows():
    """Several blocks of rows: the symmetric matrix is the plain one."""
    Z = np.random.default_rng(0).standard_normal((700, 2))
    for network in (RELU, GELU):
        K = da.kernel(network, Z, n_jobs=1)
        assert np.abs(K - da.kernel(network, Z, Z.copy(), n_jobs=1)).max() < 1e-7 * np.diag(K).max()
        assert K.tobytes() == np.ascontiguousarray(K.T).tobytes()


ALPHABET = (
    da.Dense(),
    da.Act("relu"),
    da.LayerNorm(),
    da.Residual([da.Act("erf"), da.Dense()]),
    da.Residual([da.LayerNorm()]),
    da.Residual([da.Dense(), da.Act("relu")]),
)


def _grammar():
    for length in (1, 2, 3):
        for layers in itertools.product(ALPHABET, repeat=length):
            plan_laws.accepted_by_the_grammar(list(layers))


def _plan_composes():
    for first, second in itertools.product(NETWORKS, NETWORKS):
        for kind in KINDS:
            plan_laws.composes(first, second, kind)
    layers = [da.Conv(2, 2), da.Act("relu"), da.Conv(3), da.Act("erf"), da.Flatten(), da.Dense()]
    two = da.Network(layers, (5, 4, 2))
    for kind in KINDS:
        plan_laws.composes_in_space(two, two, kind)


def _refusals():
    for layers, kind, words in (
        ([da.Dense(), da.Act("sign"), da.Dense()], "ntk", "jumps at 0"),
        ([da.Dense(), da.Act("relu"), da.Act("relu")], "nngp", "must follow Dense or Conv"),
        ([da.Dense(), da.Residual([])], "nngp", "empty branch"),
    ):
        with pytest.raises(da.NetworkError, match=words):
            da.kernel(da.Network(layers), X, kind=kind)
    spatial_cases = (
        ([da.Conv(3), da.Act("relu")], "ends with positions"),
        ([da.Conv(3), da.Residual([da.Act("relu"), da.Conv(3, 2)]), da.Flatten()], "must keep them"),
        ([da.Conv(3), da.Flatten(), da.Act("relu"), da.Dense()], "must follow"),
        ([da.Flatten(), da.Conv(3)], "needs positions"),
    )
    for layers, words in spatial_cases:
        with pytest.raises(da.NetworkError, match=words):
            da.plan(da.Network(layers, (5, 5, 2)), "nngp")


def _written_down():
    leaky = da.Network([da.Dense(), da.Act("leaky_relu", slope=0.3), da.Dense()])
    for network in (leaky, *NETWORKS, *(da.Network(layers, (4, 3, 2)) for layers in PLANE.values())):
        again = da.Network.from_dict(network.to_dict())
        assert again == network
        assert hash(again) == hash(network)
        assert eval(repr(network), vars(da)) == network


def _geometry():
    """Outputs and padding of Conv, by hand: the convention of JAX and TensorFlow."""
    from dualact.network.geometry import window_of

    for n, k, s, padding, outputs, low, high in (
        (5, 2, 1, "same", 5, 0, 1),
        (5, 3, 2, "same", 3, 1, 1),
        (6, 3, 2, "same", 3, 0, 1),
        (7, 4, 3, "same", 3, 1, 2),
        (5, 3, 2, "valid", 2, 0, 0),
        (5, 2, 1, "circular", 5, 0, 1),
    ):
        window = window_of(da.Conv(k, s, padding), (n,))
        assert (window.outputs, window.low, window.high) == ((outputs,), (low,), (high,)), (n, k, s, padding)


RING = da.Network(
    [
        da.Conv(3, padding="circular", weight_std=1.4),
        da.Act("relu"),
        da.Conv(2, padding="circular", bias_std=0.3),
        da.Act("erf"),
        da.GlobalAvgPool(),
        da.Dense(),
    ]
)
RING_FLAT = da.Network([*RING.layers[:-2], da.Flatten(), da.Dense()])
BARE = da.Network(
    [da.Conv(3), da.Act("relu"), da.AvgPool(2), da.Conv(2), da.Act("abs"), da.GlobalAvgPool(), da.Dense()]
)


def _loops(layers, inputs):
    def run():
        for name, one in layers.items():
            for kind in KINDS if name in ("gap", "residual", "layer norm") else ("ntk",):
                spatial.is_the_double_loop(da.kernel, da.Network(one), inputs[:2], kind)

    return run


def _one_position():
    for network in (GELU, RELU, SKIP):
        for kind in KINDS:
            for size, head in ((1, da.Flatten()), (3, da.GlobalAvgPool())):
                spatial.one_position_is_dense(da.kernel, network, X, kind, size, head)


def _flat_first():
    for kind in KINDS:
        spatial.flattened_first_is_dense(da.kernel, GELU, IMAGES, kind)


def _spatial_diagonal():
    for network in (RING, RING_FLAT, BARE):
        for kind in KINDS:
            spatial.is_its_own_diagonal(da.kernel, da.kernel_diag, network, IMAGES, kind)


CASES = {
    "kernel: symmetric_and_positive": over(dense.symmetric_and_positive),
    "kernel: ntk_exceeds_nngp": _gap,
    "kernel: cauchy_schwarz": over(dense.cauchy_schwarz, inputs=(X, Y)),
    "kernel: rotation_invariant": over(dense.rotation_invariant, inputs=(X, Y)),
    "kernel: rows_do_not_leak": over(dense.rows_do_not_leak, inputs=(X, Y)),
    "kernel: permutation_equivariant": over(dense.permutation_equivariant),
    "kernel: is_the_recursion": over(dense.is_the_recursion, inputs=(X, Y)),
    "kernel: is_the_recursion_of_equal_norms": _equal_norms,
    "kernel: homogeneous": _homogeneous,
    "kernel: composes": _composes,
    "kernel: ntk_is_the_derivative": _derivative,
    "kernel: limit_of_finite_networks": _finite,
    "kernel: is_its_own_diagonal": _diagonal,
    "kernel: sees_values_only": over(dense.sees_values_only, networks=(RELU, GELU)),
    "kernel: blocks_do_not_count": _many_rows,
    "plan: composes": _plan_composes,
    "plan: accepted_by_the_grammar": _grammar,
    "plan: refusals": _refusals,
    "plan: written_down": _written_down,
    "plan: geometry": _geometry,
    "spatial: is_the_double_loop": _loops(PLANE, IMAGES),
    "spatial: is_the_double_loop_of_sequences": _loops(LINE, WAVES),
    "spatial: one_position_is_dense": _one_position,
    "spatial: flattened_first_is_dense": _flat_first,
    "spatial: symmetric_and_positive": over(spatial.symmetric_and_positive, (RING, BARE), (IMAGES,)),
    "spatial: rows_do_not_leak": over(spatial.rows_do_not_leak, (RING, RING_FLAT), (IMAGES,)),
    "spatial: permutation_equivariant": over(spatial.permutation_equivariant, (RING, RING_FLAT), (IMAGES,)),
    "spatial: channels_may_turn": over(spatial.channels_may_turn, (RING, RING_FLAT), (IMAGES,)),
    "spatial: circular_shift_together": over(spatial.circular_shift_together, (RING, RING_FLAT), (IMAGES,)),
    "spatial: circular_shift_apart": over(spatial.circular_shift_apart, (RING,), (IMAGES,)),
    "spatial: homogeneous": over(spatial.homogeneous, (BARE,), (IMAGES,)),
    "spatial: is_its_own_diagonal": _spatial_diagonal,
}
