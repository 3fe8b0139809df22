import json

import numpy as np

from dualact.sketch.random.merging import Merge, Merger, find_merge

rng = np.random.default_rng(0)
F = rng.standard_normal((30, 6))
REST = rng.standard_normal((30, 3))


def _rows(alpha, beta):
    return np.concatenate([alpha * F, REST, beta * F, REST[:, :1]], axis=1)


def test_copies_in_one_ratio_lose_nothing():
    rows = _rows(0.6 * (s := rng.uniform(1, 2, (30, 1))), 0.8 * s)
    merge = find_merge(rows, 9, 6)
    assert merge.exact
    merged = Merger(merge, (0,), np.float64)(rows)
    assert merged.shape == (30, 10)
    np.testing.assert_allclose(merged @ merged.T, rows @ rows.T, rtol=1e-6)


def test_copies_in_ratios_of_their_own_are_unbiased():
    alpha = rng.uniform(0.9, 1.1, (30, 1))
    rows = _rows(alpha, 0.7 / alpha)
    merge = find_merge(rows, 9, 6)
    assert not merge.exact
    assert len(merge.angles) == 6
    exact = rows @ rows.T
    grams = []
    for seed in range(400):
        merged = Merger(merge, (seed,), np.float64)(rows)
        grams.append(merged @ merged.T)
    spread = np.std(grams, axis=0) / 20
    assert (np.abs(np.mean(grams, axis=0) - exact) < 5 * spread + 1e-5 * np.abs(exact).max()).all()
    assert spread.max() > 0


def test_columns_that_are_no_copies_stay_apart():
    rows = np.concatenate([F, rng.standard_normal((30, 6))], axis=1)
    merge = find_merge(rows, 6, 6)
    assert merge.width == 12
    merged = Merger(merge, (0,), np.float64)(rows)
    np.testing.assert_array_equal(merged, np.concatenate([rows[:, 6:], rows[:, :6]], axis=1))


def test_round_trip():
    merge = find_merge(_rows(1.0, 0.5), 9, 6)
    again = Merge.from_dict(json.loads(json.dumps(merge.to_dict())))
    rows = _rows(1.0, 0.5)
    np.testing.assert_array_equal(*(Merger(m, (1,), np.float64)(rows) for m in (merge, again)))
