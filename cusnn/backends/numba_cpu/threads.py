"""Numba's threading layer: which one, how it waits, and what it does not bear."""

import functools
import importlib
import os
import threading
import warnings

import numba

# A thread of GNU OpenMP that waits for the others spins this often before it sleeps: tens of us.
# By default it spins for milliseconds, and where other programs want the processor too, the thread
# that it waits for cannot run meanwhile.
SPINS = "500"

_one_call = threading.Lock()


def prefer_openmp() -> None:
    """Choose OpenMP where it can be loaded and neither user nor program chose a layer.

    A parallel region costs about 1 us on the OpenMP layer and about 80 us on workqueue; the choice
    must be made before the first parallel compilation.
    """
    if numba.config.THREADING_LAYER == "default" and _load_openmp():
        numba.config.THREADING_LAYER = "omp"


def _load_openmp() -> bool:
    """Load Numba's OpenMP layer, which reads its settings now and never again."""
    chosen = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys()
    if not chosen:
        os.environ["GOMP_SPINCOUNT"] = SPINS
    try:
        importlib.import_module("numba.np.ufunc.omppool")
    except ImportError:
        return False
    finally:
        if not chosen:
            del os.environ["GOMP_SPINCOUNT"]
    return True


@functools.cache
def layer() -> str:
    """The threading layer, started if none was: "omp", "tbb" or "workqueue"."""
    numba.get_num_threads()
    name = numba.threading_layer()
    if name == "workqueue" and numba.config.THREADING_LAYER == "default":
        warnings.warn(
            "Numba has no OpenMP layer here: short operations take longer, and calls from several "
            "Python threads wait for each other; install libgomp (Linux) or libomp (macOS)",
            RuntimeWarning,
            stacklevel=2,
        )
    return name


def one_at_a_time(function):
    """The function, for one Python thread at a time where the layer would abort the process."""
    if layer() != "workqueue":
        return function

    @functools.wraps(function)
    def call(*args, **kwargs):
        with _one_call:
            return function(*args, **kwargs)

    return call
