"""Three witnesses: the same functions in ``numpy_ref``, ``numba_cpu`` and ``cuda``.

Backends receive arrays that the front door has checked and allocated, and write outputs in place.
"""
