"""Threads for work that numeric libraries would otherwise split inside a single step.

A library's own threads share one step and wait for each other at its end, thousands of times in a small fit, and stall
when another process has a core. A whole piece of work a core has neither trouble.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from joblib import cpu_count
from threadpoolctl import threadpool_limits

Batch = TypeVar("Batch")
Result = TypeVar("Result")


def a_thread_a_core() -> ThreadPoolExecutor:
    """A pool of one thread per core this process may use; OpenMP is off in each (its setting is a thread's own)."""
    return ThreadPoolExecutor(cpu_count(), initializer=threadpool_limits, initargs=(1, "openmp"))


def in_order(
    work: Callable[[Batch], Result], batches: Iterable[Batch], *, ahead: int
) -> Iterator[Result]:
    """`work` done to each batch, a batch a core, in the order they came; at most `ahead` wait in memory."""
    waiting: deque[Future[Result]] = deque()
    with a_thread_a_core() as pool:
        try:
            for batch in batches:
                waiting.append(pool.submit(work, batch))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
