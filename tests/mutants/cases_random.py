"""The laws of random features."""

from __future__ import annotations

import map_laws as maps
import numpy as np
import random_laws as laws
from cases_kernel import KINDS, SKIP
from sketch_laws import no_stream_is_read_twice

import dualact as da
from dualact.sketch.random.budget import Part
from dualact.sketch.random.feature_map import RandomMap
from dualact.sketch.random.projections import KINDS as PROJECTIONS

RNG = np.random.default_rng(5)
ROWS = RNG.standard_normal((10, 6)) * RNG.uniform(0.5, 2.0, (10, 1))
DATA = np.random.default_rng(1).standard_normal((50, 8)) + 0.5
RAGGED = DATA * 10.0 ** np.linspace(-0.4, 0.4, 50)[:, None]
VARIANCES = np.array([0.3, 1.0, 2.5])
RELU = da.mlp(1, "relu", weight_std=1.3, bias_std=0.4)
GELU = da.mlp(2, "gelu", weight_std=1.2, bias_std=0.5)
PARTS = [
    Part("1", "rest", 4.0, 1.0, 10**6),
    Part("1", "slope", 1.0, 3.0, 10**6),
    Part("3", "rest", 0.25, 1.0, 10**6),
    Part("3", "product", 0.0, 1.0, 10**6),
    Part("3", "slope", 0.04, 0.5, 12),
]


def _unbiased(kind):
    def run():
        for name in ("relu", "gelu"):
            network = da.mlp(1, name, weight_std=1.3, bias_std=0.4)
            for projection in PROJECTIONS:
                laws.is_unbiased(network, ROWS, kind, 160, seeds=50, projection=projection)

    return run


def _low_degrees():
    for name in ("relu", "gelu", "erf"):
        for prime in (False, True):
            laws.low_degrees_are_exact(da.activation(name), prime, None, VARIANCES)
    for name, params in (("relu", {}), ("leaky_relu", {"slope": 0.3}), ("rectified_power", {"power": 2})):
        for p in (5, 256):
            for prime in (False, True):
                laws.low_degrees_are_exact(da.activation(name, **params), prime, p, VARIANCES)


def _leverage():
    for name, params in (("relu", {}), ("rectified_power", {"power": 2}), ("monomial", {"power": 3})):
        for d in (3, 8):
            laws.leverage_scores_are_no_worse(da.activation(name, **params), ROWS[0, :d], 0.7 * ROWS[1, :d])


def _rows():
    for kind in PROJECTIONS:
        for sphere in (False, True):
            laws.rows_have_their_law(kind, sphere, 5)


def _merged():
    a = RNG.uniform(0.5, 2, 10)
    laws.merged_copies_keep_products(ROWS, a, 0.7 * a)
    laws.merged_copies_keep_products(ROWS, a, 0.7 * a * np.exp(0.1 * np.linspace(-1, 1, 10)))


def _exchange():
    for budget in (20, 300, 5000):
        laws.no_exchange_is_better(PARTS, budget)


def _fitted(law):
    def run():
        for network in (GELU, SKIP):
            for kind in KINDS:
                law(maps.features(network, RAGGED, kind, method="random", n_components=200), RAGGED)

    return run


def _streams():
    for kind in KINDS:
        plan = maps.features(GELU, RAGGED, kind, method="random", n_components=200).plan_
        assert no_stream_is_read_twice(lambda plan=plan: RandomMap(plan, np.float64))


def _predicts():
    for network, kind, ceiling in NETWORKS:
        laws.predicts_its_error(network, RAGGED, kind, 400, ceiling)


NETWORKS = ((GELU, "nngp", 0.04), (GELU, "ntk", 0.12), (SKIP, "ntk", 0.25), (RELU, "ntk", 0.03))


def _predicts_long_rows():
    """Rows with more features than there are columns, most of them in a few directions."""
    rows = np.random.default_rng(4).standard_normal((60, 80)) * 0.85 ** np.arange(80)
    laws.predicts_its_error(da.mlp(1, "relu"), rows, "nngp", 64, LONG)


LONG = 0.12


def _smooth_road():
    smooth = da.mlp(1, "gelu", weight_std=1.2, bias_std=0.3)
    assert laws.takes_the_better_road(smooth, DATA, "nngp", 200) == "polysketch"


def _rough_road():
    images = np.random.default_rng(2).standard_normal((16, 4, 4, 2)) + 0.3
    rough = da.cnn(2, "sign", head="flatten")
    assert laws.takes_the_better_road(rough, images, "nngp", 200) == "random"


CASES = {
    **{f"random: is_unbiased ({kind})": _unbiased(kind) for kind in KINDS},
    "random: low_degrees_are_exact": _low_degrees,
    "random: leverage_scores_are_no_worse": _leverage,
    "random: rows_have_their_law": _rows,
    "random: no_stream_is_read_twice": _streams,
    "random: merged_copies_keep_products": _merged,
    "random: no_exchange_is_better": _exchange,
    "random: predicts_its_error": _predicts,
    "random: predicts_its_error_of_long_rows": _predicts_long_rows,
    "random: takes_the_better_road (polysketch)": _smooth_road,
    "random: takes_the_better_road (random)": _rough_road,
    "random: rows_do_not_leak": _fitted(maps.rows_do_not_leak),
    "random: is_fixed_by_its_plan": _fitted(maps.is_fixed_by_its_plan),
    "random: keeps_the_type": _fitted(maps.keeps_the_type),
    "random: has_all_its_columns": _fitted(maps.has_all_its_columns),
}
