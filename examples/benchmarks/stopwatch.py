"""Times of the benchmarks: the best of a few."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def seconds(call: Callable[[], object], least: float = 0.3, *, wall: bool = False) -> float:
    """Return the shortest time of ``call``, three times at least and for ``least`` seconds (once, if longer).

    Processor time, which other processes disturb less; ``wall`` where several threads work.
    """
    clock = time.perf_counter if wall else time.process_time
    best, start, count = float("inf"), clock(), 0
    while count < 3 or clock() - start < least:
        before = clock()
        call()
        best = min(best, clock() - before)
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
