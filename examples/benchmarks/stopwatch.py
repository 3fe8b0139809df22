"""Times of the benchmarks: the best of a few, on one thread unless said."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def seconds(call: Callable[[], object], least: float = 0.3) -> float:
    """Return the shortest time of ``call``, repeated for ``least`` seconds and three times at least."""
    best, start, count = float("inf"), time.perf_counter(), 0
    while count < 3 or time.perf_counter() - start < least:
        before = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - before)
        count += 1
        if best > least:
            break
    return best


@contextmanager
def cores(count: int) -> Iterator[None]:
    """Give this process that many cores at most: what uses all usable ones then uses those."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(before)[-count:]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
