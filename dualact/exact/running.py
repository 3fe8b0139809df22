"""Blocks of a kernel matrix in threads, with a progress bar."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from ..errors import NetworkError

__all__ = ["one_blas_thread", "run", "safe_blas", "usable_cores"]

Task = TypeVar("Task")

_COLUMNS_A_THREAD = 4096


def one_blas_thread(workers: int) -> AbstractContextManager[Any]:
    """Keep BLAS to one thread while several threads of ours call it: theirs would fight for the cores."""
    if workers <= 1:
        return nullcontext()
    limited: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limited


def safe_blas(size: int) -> AbstractContextManager[Any]:
    """Keep BLAS to one thread for symmetric products and factors of so many columns, where more would crash.

    Measured on two threads: the product AᵀA ends in a segmentation fault with OpenBLAS 0.3.30 at 16,000
    columns and more, not at 12,000, and with 0.3.31 at 16,384; the Cholesky factor with 0.3.30 at 16,384. On
    one thread there is none. The limit of 4096 columns a thread leaves a margin.
    https://github.com/OpenMathLib/OpenBLAS/issues/2562 is of that kind.
    """
    threads = max((int(lib["num_threads"]) for lib in _controller().info()), default=1)
    return one_blas_thread(2) if threads > 1 and size > _COLUMNS_A_THREAD * threads else nullcontext()


@cache
def _controller() -> Any:
    return ThreadpoolController()  # looks through the loaded libraries: once is enough


def run(
    block: Callable[[Task], None], tasks: Sequence[Task], workers: int, progress: bool, unit: str
) -> None:
    """Call ``block`` for each task; the first exception stops the rest.

    Parameters
    ----------
    block : callable
    tasks : sequence
    workers : int
        Threads.
    progress : bool
        Write how many tasks are done, and the time that is left, to standard error.
    unit : str
        What a task is called there.
    """
    start = time.monotonic()
    workers = max(1, min(workers, len(tasks)))
    with one_blas_thread(workers), ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(block, task) for task in tasks]
        try:
            for done, future in enumerate(as_completed(futures), 1):
                future.result()
                if progress:
                    left = (time.monotonic() - start) / done * (len(tasks) - done)
                    print(
                        f"\rkernel: {done}/{len(tasks)} {unit}, {_clock(left)} left ", end="", file=sys.stderr
                    )
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if progress:
        print(file=sys.stderr)


def usable_cores(n_jobs: int | None) -> int:
    """Return the number of threads that ``n_jobs`` stands for.

    Raises
    ------
    NetworkError
        If it is none.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    if n_jobs is None or n_jobs == -1:
        return cores
    if isinstance(n_jobs, bool) or not hasattr(n_jobs, "__index__") or int(n_jobs) < 1:
        raise NetworkError(f"n_jobs must be a positive integer, -1 or None (all cores). Got {n_jobs!r}.")
    return int(n_jobs)


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
