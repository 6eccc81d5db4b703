"""Numba on the CPU: the same operations as the reference, compiled and parallel."""

import importlib
import os

import numba

# A thread of GNU OpenMP that waits for the others spins this often before it sleeps: tens of us.
# By default it spins for milliseconds, and where other programs want the processor too, the thread
# that it waits for cannot run meanwhile.
SPINS = "500"


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


# A parallel region costs about 1 us on the OpenMP layer and about 80 us on workqueue; the choice
# must be made before the first parallel compilation, and a choice of the user's stands.
if "NUMBA_THREADING_LAYER" not in os.environ and _load_openmp():
    numba.config.THREADING_LAYER = "omp"
