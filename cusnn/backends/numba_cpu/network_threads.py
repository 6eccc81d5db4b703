"""How many threads may work, and whether a parallel region per step pays."""

import contextlib
import importlib
import warnings

import numba

FAST_LAYERS = {"omp": "numba.np.ufunc.omppool", "tbb": "numba.np.ufunc.tbbpool"}


def regions_are_cheap() -> bool:
    """Whether Numba's threading layer starts a parallel region in microseconds.

    OpenMP and TBB do; workqueue takes as long as a step of a large network.
    """
    try:
        return numba.threading_layer() in FAST_LAYERS
    except ValueError:
        pass  # none is running yet: see which one Numba would take
    wanted = numba.config.THREADING_LAYER
    candidates = [wanted] if wanted in FAST_LAYERS else list(FAST_LAYERS)
    return wanted != "workqueue" and any(_loads(FAST_LAYERS[name]) for name in candidates)


def _loads(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


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
