"""Threads of BLAS."""

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from dualact.exact.running import one_blas_thread, safe_blas


def threads():
    return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]


@pytest.mark.parametrize(("size", "limited"), [(1, False), (8192, False), (8193, True)])
def test_large_products_run_in_one_thread_where_two_would_crash(size, limited):
    with threadpool_limits(2, user_api="blas"):
        before = threads()
        with safe_blas(size):
            assert threads() == ([1] * len(before) if limited else before)
        assert threads() == before


def test_one_thread_of_ours_leaves_blas_alone():
    before = threads()
    with one_blas_thread(1):
        assert threads() == before
    with one_blas_thread(2):
        assert set(threads()) == {1}
    assert threads() == before
