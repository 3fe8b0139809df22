"""Features block by block: the same for any number of threads, zero where a map writes nothing."""

import threading

import numpy as np
import pytest

from dualact.sketch.blocks import BlockMap, row_blocks


class Doubles(BlockMap):
    """Twice the row, in the first columns of one more."""

    block_rows = 4

    def __init__(self):
        self.plan, self.dtype = type("Plan", (), {"n_components": 4}), np.dtype(np.float32)
        self.seen = []

    def _block(self, X, out):
        self.seen.append((len(X), threading.get_ident()))
        out[:, :3] = 2 * X


@pytest.mark.parametrize("n_jobs", [None, -1, 0, 1, 3, 99])
@pytest.mark.parametrize("calls_blas", [True, False])
def test_threads_share_the_blocks(n_jobs, calls_blas):
    X, made = np.arange(33.0).reshape(11, 3), Doubles()
    made.calls_blas = calls_blas
    Z = made.transform(X, n_jobs)
    np.testing.assert_array_equal(Z, np.pad(2 * X, ((0, 0), (0, 1))).astype(np.float32))
    assert Z.dtype == np.float32
    assert sorted(rows for rows, _ in made.seen) == [3, 4, 4]
    if n_jobs == 1:
        assert {thread for _, thread in made.seen} == {threading.get_ident()}


def test_no_rows():
    assert Doubles().transform(np.zeros((0, 3))).shape == (0, 4)
    assert row_blocks(0, 4) == []
