"""Numba on the CPU: the same operations as the reference, compiled and parallel.

Processes: with GNU OpenMP a process that was forked after the first parallel operation of its
parent is ended by OpenMP at its own first one. Start processes by "spawn" or "forkserver"
(``multiprocessing.get_context("spawn")``), or before any operation.

Threads: operations may be called from several Python threads. On Numba's workqueue layer, which
would abort the process, they wait for each other.
"""

from cusnn.backends.numba_cpu import cache, threads

cache.install()
threads.prefer_openmp()


def guard(room: str, function):
    """What to call instead of a room's function; the network engine sees to its threads itself."""
    return function if room == "network" else threads.one_at_a_time(function)
