"""Spikes as values: how many, and when the first."""

import numpy as np
from numba import njit, prange

CHUNK = 1024  # elements of a task
MOST_IN_A_BYTE = 255


@njit(cache=True, nogil=True)
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
        total = flat[first:last]
        total[:] = 0
        for start in range(0, steps, MOST_IN_A_BYTE):
            sums = np.zeros(last - first, np.uint8)
            for t in range(start, min(start + MOST_IN_A_BYTE, steps)):
                add_spikes(rows[t, first:last], sums)
            for k in range(sums.size):
                total[k] += np.int32(sums[k])


@njit(cache=True, nogil=True)
def mark_new(row, seen):
    """Mark the elements that fired; returns how many for the first time."""
    new = 0
    for k in range(seen.size):
        first = np.uint8(row[k] != 0) & (seen[k] ^ np.uint8(1))
        seen[k] |= first
        new += first
    return new


@njit(cache=True, nogil=True)
def note_step(row, steps, t):
    for k in range(steps.size):
        steps[k] = t if (row[k] != 0) & (steps[k] < 0) else steps[k]


@njit(cache=True, parallel=True, nogil=True)
def decode_first_spike(spikes, steps):
    """A chunk is done when all its elements have fired."""
    length, elements = spikes.shape[0], steps.size
    rows, flat = spikes.reshape(length, elements), steps.reshape(elements)
    for chunk in prange(-(-elements // CHUNK)):
        first = chunk * CHUNK
        last = min(first + CHUNK, elements)
        own = flat[first:last]
        own[:] = -1
        seen = np.zeros(last - first, np.uint8)
        missing = last - first
        t = 0
        while t < length and missing > 0:
            row = rows[t, first:last]
            new = mark_new(row, seen)
            if new > 0:
                note_step(row, own, np.int32(t))
            missing -= new
            t += 1
