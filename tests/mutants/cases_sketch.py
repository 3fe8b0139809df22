"""The laws of series, radial functions, sketches and feature maps."""

from __future__ import annotations

import kernel_laws as dense
import map_laws as maps
import numpy as np
import sketch_laws as laws
from cases_kernel import GELU, KINDS, MIXED, RELU, SKIP, X, Y

import dualact as da
from dualact.sketch.feature_map import FeatureMap
from dualact.sketch.polysketch import PolySketch
from dualact.sketch.spatial.feature_map import SpatialMap
from dualact.sketch.structures import STRUCTURES, choose, variance

U = np.array([0.5, 0.1, -0.3, 0.6, 0.2, -0.1, 0.4, 0.3])
V = np.array([0.4, 0.3, -0.4, 0.5, 0.0, -0.2, 0.5, 0.1])
HEAVY = np.array([0.5, 0, 0, 0, 0.5, 0, 0, 0] * 2)
ROWS = np.random.default_rng(3).standard_normal((7, 8))
WIDTHS = {2: 8, 3: 12}
MEASURED = ("auto", "product", "real_product", "tree")


def _series():
    for network in (GELU, RELU, MIXED, SKIP):
        for kind in KINDS:
            dense.is_its_series(da.kernel, network, X, Y, kind)


def _positive():
    for network in (GELU, MIXED):
        for kind in KINDS:
            dense.series_is_positive(network, np.array([0.0, 0.3, 1.0, 4.0]), kind)


def _truncation():
    for network in (GELU, MIXED, SKIP):
        for kind in KINDS:
            dense.truncation_does_not_count(network, np.array([0.0, 0.3, 1.0, 4.0]), kind)


def _biases():
    """A bias that is no small part of the variance: the outer series must run far beyond the degree."""
    network = da.mlp(3, "relu", weight_std=1.2, bias_std=0.8)
    for kind in KINDS:
        dense.is_its_series(da.kernel, network, X[[0, 1, 4]], Y[:3], kind, degree=12)


def _radial():
    places = np.array([0.0, 0.03, 0.3, 0.7, 2.0, 9.0])
    for network in (GELU, SKIP):
        for kind in KINDS:
            maps.radial_functions_are_the_series(network, kind, 0.3, 2.0, 8, places)


def maker(structure, widths=WIDTHS, d=8, spread=0):
    usable = {k: D for k, D in widths.items() if choose(structure, d, k, D, spread) is not None}

    def make(seed):
        return PolySketch(d, usable, seed=seed, structure=structure, dtype=np.float64, spread=spread)

    return make, usable


def _unbiased(structure, spread=0):
    def run():
        make, _ = maker(structure, {2: 8, 3: 12, 4: 16}, spread=spread)
        laws.unbiased(make, U, V)

    return run


def _variance(structure, x=U, y=V):
    def run():
        make, widths = maker(structure, d=len(x))
        moments = ((x @ x) * (y @ y), x @ y, (x**2) @ (y**2))
        want = {k: float(variance(structure, k, D, len(x), *moments)) for k, D in widths.items()}
        laws.variance_is_as_predicted(make, x, y, want)

    return run


def _uncorrelated():
    for structure in ("auto", "real_product"):
        laws.degrees_are_uncorrelated(maker(structure)[0], U, V)


def _every(law, dtype=np.float64):
    def run():
        for structure in STRUCTURES:
            for spread in (0, 4):
                for widths in ({1: 9, 2: 40, 3: 17}, {2: 20, 5: 33}):
                    law(PolySketch(8, widths, seed=1, structure=structure, dtype=dtype, spread=spread), ROWS)

    return run


def _streams():
    for structure in STRUCTURES:
        for spread in (0, 4):
            laws.no_stream_is_read_twice(
                lambda structure=structure, spread=spread: PolySketch(
                    30, {1: 9, 2: 40, 4: 64, 7: 64}, seed=1, structure=structure, spread=spread
                )
            )


def _streams_of_maps():
    plan = maps.features(GELU, RAGGED, n_components=128, degree=5).plan_
    assert laws.no_stream_is_read_twice(lambda: FeatureMap(plan, 3, np.float64))


def _streams_of_spatial_maps():
    for kind in KINDS:
        plan = maps.features(CONVOLUTIONAL, IMAGES, kind, n_components=128).plan_
        assert laws.no_stream_is_read_twice(lambda plan=plan: SpatialMap(plan, np.float64))


def _compiled():
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        _every(lambda sketch, rows: laws.compiled_is_interpreted(sketch, rows, patch))()


def _embeds():
    Z = np.random.default_rng(5).standard_normal((30, 12)) / np.sqrt(12)
    ridge = np.linalg.eigvalsh((Z @ Z.T) ** 2)[-3]

    def make(seed, columns):
        return PolySketch(12, {2: columns}, seed=seed, structure="product", dtype=np.float64)

    laws.embeds_a_subspace(make, Z, 2, ridge, 0.5)


DATA = np.random.default_rng(1).standard_normal((50, 12)) + 0.5
OFFSET = DATA + 1.5
SPLIT = 0.003
RAGGED = DATA * 10.0 ** np.linspace(-0.7, 0.7, 50)[:, None]
IMAGES = np.random.default_rng(2).standard_normal((24, 4, 4, 2)) + 0.3
CONVOLUTIONAL = da.Network(
    [
        da.Conv(3, weight_std=1.4),
        da.Act("gelu"),
        da.Conv(3, bias_std=0.4),
        da.LayerNorm(),
        da.Act("relu"),
        da.AvgPool(2),
        da.Conv(1),
        da.Residual([da.Act("relu"), da.Conv(1)]),
        da.Act("relu"),
        da.Flatten(),
        da.Dense(1.2, 0.5),
    ],
    (4, 4, 2),
)


def _approximates():
    for network, ceilings in ((GELU, (0.0065, 0.045)), (SKIP, (0.006, 0.055))):
        for data in (DATA, RAGGED):
            for kind, ceiling in zip(KINDS, ceilings, strict=True):
                maps.approximates(da.kernel, network, data, kind, 384, seeds=1, ceiling=ceiling)


def _approximates_split():
    """Rows far from the origin are split along their mean direction."""
    fitted = maps.features(GELU, OFFSET, n_components=384)
    assert fitted.plan_.direction is not None
    K = da.kernel(GELU, OFFSET)
    assert da.metrics.relative_error(K, fitted.transform(OFFSET)) < SPLIT


def _map_unbiased():
    maps.is_unbiased(GELU, RAGGED[:12], "ntk", 128, 4, seeds=40)
    maps.is_unbiased(da.mlp(1, "sin", weight_std=2.0, bias_std=0.4), RAGGED[:12], "nngp", 100, 5, seeds=40)


def _dense(law, **options):
    def run():
        for network in (GELU, RELU):
            law(maps.features(network, RAGGED, "ntk", n_components=200, **options), RAGGED)

    return run


def _spatial(law):
    def run():
        for kind in KINDS:
            law(maps.features(CONVOLUTIONAL, IMAGES, kind, n_components=128), IMAGES)

    return run


def _spatial_approximates():
    for kind, ceiling in zip(KINDS, (0.011, 0.036), strict=True):
        maps.approximates(da.kernel, CONVOLUTIONAL, IMAGES, kind, 400, factor=3, seeds=2, ceiling=ceiling)


def _spatial_exact():
    """Where every width suffices, nothing is random: the features are the kernel, to float32 of the design.

    Powers 0 to 2 of a polynomial activation are all there is of it."""
    square = da.activation("polynomial", coef=[0.5, 1.0, 0.25])
    network = da.Network(
        [da.Conv(2, bias_std=0.3), da.Act(square), da.Flatten(), da.Dense(1.1, 0.2)], (2, 2, 2)
    )
    Z = np.random.default_rng(4).standard_normal((12, 2, 2, 2))
    for kind in KINDS:
        fitted = maps.features(network, Z, kind, n_components=3000)
        assert da.metrics.relative_error(da.kernel(network, Z, kind=kind), fitted.transform(Z)) < 2e-2


def _spatial_unbiased():
    """A polynomial activation has no tail, and Flatten needs no norms of features: the mean is the kernel."""
    square = da.activation("polynomial", coef=[0.5, 1.0, 0.5])
    layers = [da.Conv(3, bias_std=0.3), da.Act(square), da.Conv(2), da.Flatten(), da.Dense(1.1, 0.2)]
    network = da.Network(layers, (4, 4, 2))
    for kind in KINDS:
        K = da.kernel(network, IMAGES[:6], kind=kind)
        grams = []
        for seed in range(30):
            Z = maps.features(network, IMAGES[:6], kind, seed, n_components=60).transform(IMAGES[:6])
            grams.append(Z @ Z.T)
        error = np.std(grams, axis=0, ddof=1) / np.sqrt(len(grams))
        assert error.max() > 1e-4 * K.max()
        assert (np.abs(np.mean(grams, axis=0) - K) <= 5 * error + 0.01 * K.max()).all()


def _residual():
    """K(x, x) = E|z(x)|² + residual_variance, and it is not all there is."""
    fitted = maps.features(GELU, RAGGED, "ntk", n_components=200, degree=2)
    tau = fitted.residual_variance(RAGGED)
    diagonal = da.kernel_diag(GELU, RAGGED)
    series = np.diag(maps.series_kernel(fitted.plan_, RAGGED))
    np.testing.assert_allclose(tau, np.maximum(diagonal - series, 0), rtol=0, atol=1e-6 * diagonal.max())
    assert tau.max() > 1e-4 * diagonal.max()


CASES = {
    "series: is_its_series": _series,
    "series: is_its_series_under_biases": _biases,
    "series: series_is_positive": _positive,
    "series: truncation_does_not_count": _truncation,
    "radial: functions_are_the_series": _radial,
    **{f"sketch: unbiased ({s})": _unbiased(s) for s in STRUCTURES},
    "sketch: unbiased (sparse leaves)": _unbiased("tree", 4),
    **{f"sketch: variance_is_as_predicted ({s})": _variance(s) for s in MEASURED},
    "sketch: variance_is_as_predicted (heavy)": _variance("product", HEAVY, HEAVY),
    "sketch: degrees_are_uncorrelated": _uncorrelated,
    "sketch: no_stream_is_read_twice": _streams,
    "sketch: homogeneous": _every(laws.homogeneous),
    "sketch: rows_do_not_leak": _every(laws.rows_do_not_leak),
    "sketch: strides_do_not_count": _every(laws.strides_do_not_count),
    "sketch: exact_degrees_are_exact": _every(laws.exact_degrees_are_exact),
    "sketch: compiled_is_interpreted": _compiled,
    "sketch: embeds_a_subspace": _embeds,
    "map: approximates": _approximates,
    "map: approximates_split_rows": _approximates_split,
    "map: is_unbiased": _map_unbiased,
    "map: no_stream_is_read_twice": _streams_of_maps,
    "map: rows_do_not_leak": _dense(lambda fitted, rows: maps.rows_do_not_leak(fitted, rows)),
    "map: is_fixed_by_its_plan": _dense(maps.is_fixed_by_its_plan),
    "map: keeps_the_type": _dense(maps.keeps_the_type),
    "map: has_all_its_columns": _dense(maps.has_all_its_columns),
    "map: homogeneous": lambda: maps.homogeneous(maps.features(RELU, DATA, n_components=200), DATA),
    "map: residual_variance": _residual,
    "map: embeds_a_subspace": lambda: maps.embeds_a_subspace(da.kernel, GELU, DATA, "ntk", 512, 1.0),
    "spatial map: approximates": _spatial_approximates,
    "spatial map: no_stream_is_read_twice": _streams_of_spatial_maps,
    "spatial map: exact_where_all_fits": _spatial_exact,
    "spatial map: is_unbiased": _spatial_unbiased,
    "spatial map: rows_do_not_leak": _spatial(maps.rows_do_not_leak),
    "spatial map: is_fixed_by_its_plan": _spatial(maps.is_fixed_by_its_plan),
    "spatial map: has_all_its_columns": _spatial(maps.has_all_its_columns),
}
