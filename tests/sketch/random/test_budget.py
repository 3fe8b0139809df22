import numpy as np
import pytest

from dualact.sketch.random.budget import Part, share_columns


def _parts(variances, costs=None, most=10**6):
    return [
        Part("1", "rest", v, c, most) for v, c in zip(variances, costs or [1.0] * len(variances), strict=True)
    ]


def test_columns_follow_the_root_of_the_variance():
    found = share_columns(_parts([9.0, 1.0, 4.0]), 6000)
    assert found == [3000, 1000, 2000]


@pytest.mark.parametrize("seed", range(5))
def test_no_exchange_of_columns_is_better(seed):
    rng = np.random.default_rng(seed)
    variance, cost = rng.uniform(0.1, 9, 4), rng.choice([1.0, 2.0], 4)
    columns = np.array(share_columns(_parts(variance, list(cost)), 5000), dtype=float)
    assert columns @ cost <= 5000
    error = (variance / columns).sum()
    for i in range(4):
        for j in range(4):
            other = columns.copy()
            other[i] += 40 / cost[i]
            other[j] -= 40 / cost[j]
            assert (variance / other).sum() > error - 1e-4 * error


def test_limits():
    assert share_columns(_parts([4.0, 1.0], most=10), 100) == [10, 10]
    assert share_columns(_parts([1e9, 1e-3]), 100)[1] == 1
    assert share_columns(_parts([1.0, 0.0]), 100) == [100, 0]
    assert share_columns([Part("1", "rest", 1.0, 0.0, 77), Part("3", "rest", 1.0, 1.0, 500)], 100) == [
        77,
        100,
    ]
