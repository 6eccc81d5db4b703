"""Threads of Python that move the tiles inside compiled code, all at once."""

from concurrent.futures import ThreadPoolExecutor

import numba


def workers_for(threads: int, tiles: int) -> int:
    """Number of threads that move so many tiles: never more than Numba would use."""
    return min(threads, tiles, numba.config.NUMBA_NUM_THREADS)


def together(task, workers: int, give_up) -> list:
    """Results of ``task(worker)`` for every worker, each on a thread of its own.

    Tasks wait for each other: where one raises or cannot begin, ``give_up()`` tells the others.
    """
    if workers == 1:
        return [task(0)]

    def begin(worker):
        try:
            return task(worker)
        except BaseException:
            give_up()
            raise

    with ThreadPoolExecutor(workers - 1) as pool:
        try:
            others = [pool.submit(begin, worker) for worker in range(1, workers)]
            return [begin(0), *(other.result() for other in others)]
        except BaseException:
            give_up()
            raise
