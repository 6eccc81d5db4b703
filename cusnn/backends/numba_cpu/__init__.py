"""Numba on the CPU: the same operations as the reference, compiled and parallel."""

import os

import numba

# A parallel region costs about 1 us on the OpenMP layer and about 80 us on workqueue; the choice
# must be made before the first parallel compilation, and a choice of the user's stands.
if "NUMBA_THREADING_LAYER" not in os.environ:
    numba.config.THREADING_LAYER = "omp"
