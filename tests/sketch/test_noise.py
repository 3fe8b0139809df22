"""The rate of a sketch's noise against sketches."""

import numpy as np
import pytest
from data_families import rows_of

from dualact.sketch.noise import NoisePairs, _shares
from dualact.sketch.pairs import packed
from dualact.sketch.polysketch import PolySketch
from dualact.sketch.sample import draw_sample
from dualact.sketch.signs import signs


def measured(unit, degree, columns, components, seeds=12):
    """Root mean square over pairs and seeds of the error of a sketch, times √columns."""
    total = 0.0
    expected = (components @ components.T) * (unit @ unit.T) ** degree
    for seed in range(seeds):
        out = np.empty((len(unit), columns))
        PolySketch(unit.shape[1], {degree: columns}, seed=seed, dtype=np.float64)(unit, {degree: out})
        c = components.shape[1]
        mixing = signs((seed, 1, degree), c * columns).reshape(c, columns) if c > 1 else np.ones((1, columns))
        Z = out * (components @ mixing)
        total += np.mean((Z @ Z.T - expected) ** 2)
    return np.sqrt(total / seeds * columns)


@pytest.mark.parametrize("family", ["digits", "digits centred", "gaussian 64", "spiky"])
@pytest.mark.parametrize(("degree", "columns"), [(2, 256), (3, 512), (5, 512)])
@pytest.mark.parametrize("count", [1, 3])
def test_rates_are_what_sketches_show(family, degree, columns, count):
    X = rows_of(family, 90)
    sample, unit = draw_sample(X)
    components = np.random.default_rng(1).standard_normal((90, count)) * 0.3 ** np.arange(count)
    kernel = packed(np.ones((90, 90)))
    rate = NoisePairs.of(sample, kernel).rates(components, degree, columns)[0]
    assert 1 / 1.3 < measured(unit, degree, columns, components) / rate < 1.3


def test_rates_fall_as_components_become_exact():
    sample, _ = draw_sample(rows_of("digits", 60))
    components = np.random.default_rng(1).standard_normal((60, 3)) * np.array([1.0, 0.3, 0.1])
    pairs = NoisePairs.of(sample, packed(np.ones((60, 60))))
    rates = pairs.rates(components, 4, 200)
    assert np.all(np.diff(rates) < 0)
    assert rates[-1] == 0
    assert not pairs.rates(components, 0, 200).any()


def test_a_degree_without_noise_still_asks_for_a_column():
    sample, _ = draw_sample(np.array([[1.0], [-2.0], [3.0]]))
    rates = NoisePairs.of(sample, packed(np.ones((3, 3)))).rates(np.ones((3, 1)), 1, 1)
    assert 0 < rates[0] < 1e-8


def test_shares_are_probabilities_that_add_up():
    sizes = np.array([1e6, 1.0, 1.0, 0.0] + [1.0] * 96)
    share = _shares(sizes, 20)
    assert share.sum() == pytest.approx(20)
    assert share[0] == 1.0
    assert share.min() > 0
    assert share.max() <= 1
    assert np.array_equal(_shares(sizes, 200), np.ones(100))
    assert np.allclose(_shares(np.zeros(100), 20), 0.2)


def test_weights_make_means_of_the_whole_sample():
    """Heavy tails: a fifth of the rows, weighted, gives the sum of K² that all rows give."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 6)) * np.exp(1.5 * rng.standard_normal((500, 1)))
    sample, _ = draw_sample(X)
    sizes = sample.mean_squares
    kernel = sample.cosines * np.sqrt(np.outer(sizes, sizes))
    pairs = NoisePairs.of(sample, packed(kernel))
    assert pairs.rows.size == 128
    few = kernel[pairs.rows[pairs.first], pairs.rows[pairs.second]]
    assert pairs.weights @ few**2 == pytest.approx(np.mean(kernel**2), rel=0.1)
    assert pairs.weights.sum() == pytest.approx(1.0, rel=0.2)
