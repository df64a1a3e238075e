"""Threads for work that numeric libraries would otherwise split inside a single step.

A library's own threads share one step and wait for each other at its end, thousands of times in a small fit, and stall
when another process has a core. A whole piece of work a core has neither trouble.
"""

from concurrent.futures import ThreadPoolExecutor

from joblib import cpu_count
from threadpoolctl import threadpool_limits


def a_thread_a_core() -> ThreadPoolExecutor:
    """A pool of one thread per core this process may use; OpenMP is off in each (its setting is a thread's own)."""
    return ThreadPoolExecutor(cpu_count(), initializer=threadpool_limits, initargs=(1, "openmp"))
