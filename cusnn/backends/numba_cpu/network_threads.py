"""How many threads may work, and whether a parallel region per step pays."""

import contextlib
import warnings

import numba

from cusnn.backends.numba_cpu.threads import layer


def regions_are_cheap() -> bool:
    """Whether Numba's threading layer, started if none was, begins a region in microseconds.

    OpenMP and TBB do; workqueue takes as long as a step of a large network.
    """
    return layer() != "workqueue"


def threads_for_steps(threads: int, tiles: int) -> int:
    """Threads that move the tiles; one, with a warning, where regions are dear."""
    wanted = min(threads, tiles, numba.config.NUMBA_NUM_THREADS)
    if wanted > 1 and not regions_are_cheap():
        warnings.warn(
            "the network runs on one thread: Numba has no OpenMP layer here (install libgomp or "
            "llvm-openmp; NUMBA_THREADING_LAYER must not name workqueue)",
            RuntimeWarning,
            stacklevel=2,
        )
        return 1
    return wanted


@contextlib.contextmanager
def limited_threads(threads: int):
    """Let Numba's regions use so many threads, then as many as before."""
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        yield
    finally:
        numba.set_num_threads(before)
