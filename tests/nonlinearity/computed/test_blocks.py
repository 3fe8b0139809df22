import numpy as np
import pytest

from dualact.nonlinearity.computed.blocks import blockwise


@pytest.mark.parametrize("size", [1, 7, 1024])
def test_blockwise_broadcasts_in_blocks(size):
    rng = np.random.default_rng(1)
    c, p, q = rng.normal(size=(13, 11)), rng.normal(size=(13, 1)), rng.normal(size=(1, 11))
    seen = []

    def block(a, b, d):
        seen.append(len(a))
        return a + 10 * b + 100 * d

    np.testing.assert_array_equal(blockwise(block, size)(c, p, q), c + 10 * p + 100 * q)
    assert max(seen) <= size
    assert sum(seen) == 143


def test_blockwise_of_scalars_and_of_nothing():
    total = blockwise(lambda a, b, c: a + b + c, 8)
    assert total(np.array(1.0), np.array(2.0), np.array(3.0)).shape == ()
    assert total(np.zeros((0, 3)), np.zeros((0, 1)), np.zeros((1, 3))).shape == (0, 3)
