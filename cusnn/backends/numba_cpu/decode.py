"""Spikes as values: how many, and when the first."""

import numpy as np
from numba import njit, prange

from cusnn.backends.numba_cpu.chosen_rows import inner

CHUNK = 1024  # elements of a task
MOST_IN_A_BYTE = 255
BETWEEN_CHECKS = 32  # steps
NEVER = np.int32(-1)


@inner
def add_spikes(row, sums):
    for k in range(sums.size):
        sums[k] += np.uint8(row[k] != 0)


@njit(cache=True, parallel=True, nogil=True)
def decode_count(spikes, counts):
    """Counted in bytes, sixteen and more to a vector, and added up before a byte overflows."""
    steps, elements = spikes.shape[0], counts.size
    rows, flat = spikes.reshape(steps, elements), counts.reshape(elements)
    for chunk in prange(-(-elements // CHUNK)):
        first = chunk * CHUNK
        last = min(first + CHUNK, elements)
        _count(rows, first, last, flat[first:last])


@inner
def _count(rows, first, last, total):
    steps = rows.shape[0]
    for k in range(total.size):
        total[k] = 0
    for start in range(0, steps, MOST_IN_A_BYTE):
        sums = np.zeros(last - first, np.uint8)
        for t in range(start, min(start + MOST_IN_A_BYTE, steps)):
            add_spikes(rows[t, first:last], sums)
        for k in range(sums.size):
            total[k] += np.int32(sums[k])


@inner
def wait(row, seen, waited):
    """Mark who fired, and count the step for those who have not fired yet."""
    for k in range(seen.size):
        seen[k] |= np.uint8(row[k] != 0)
        waited[k] += np.uint8(1) - seen[k]


@njit(cache=True, parallel=True, nogil=True)
def decode_first_spike(spikes, steps):
    """The step of the first spike is the number of steps waited for it, counted in bytes.

    A chunk is done when all its elements have fired.
    """
    length, elements = spikes.shape[0], steps.size
    rows, flat = spikes.reshape(length, elements), steps.reshape(elements)
    for chunk in prange(-(-elements // CHUNK)):
        first = chunk * CHUNK
        last = min(first + CHUNK, elements)
        own = flat[first:last]
        own[:] = 0
        seen = np.zeros(last - first, np.uint8)
        start = 0
        while start < length and not seen.all():
            stop = min(start + BETWEEN_CHECKS, length)
            waited = np.zeros(last - first, np.uint8)
            for t in range(start, stop):
                wait(rows[t, first:last], seen, waited)
            for k in range(waited.size):
                own[k] += np.int32(waited[k])
            start = stop
        for k in range(seen.size):
            own[k] = own[k] if seen[k] else NEVER
