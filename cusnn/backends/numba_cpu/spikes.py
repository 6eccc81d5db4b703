"""Spikes as bytes, as bits and as lists of indices."""

import numba
import numpy as np

BLOCK = 64


@numba.njit(cache=True, parallel=True, nogil=True)
def spike_pack(spikes, packed):
    n = spikes.shape[1]
    whole = n // 32
    for row in numba.prange(spikes.shape[0]):
        for word in range(whole):
            bits = np.uint32(0)
            for j in range(32):
                bits |= np.uint32(spikes[row, 32 * word + j] != 0) << np.uint32(j)
            packed[row, word] = bits
        if whole < packed.shape[1]:
            bits = np.uint32(0)
            for j in range(n - 32 * whole):
                bits |= np.uint32(spikes[row, 32 * whole + j] != 0) << np.uint32(j)
            packed[row, whole] = bits


@numba.njit(cache=True, parallel=True, nogil=True)
def spike_unpack(packed, spikes):
    n = spikes.shape[1]
    whole = n // 32
    for row in numba.prange(spikes.shape[0]):
        for word in range(whole):
            bits = packed[row, word]
            for j in range(32):
                spikes[row, 32 * word + j] = (bits >> np.uint32(j)) & np.uint32(1)
        for neuron in range(32 * whole, n):
            shift = np.uint32(neuron - 32 * whole)
            spikes[row, neuron] = (packed[row, whole] >> shift) & np.uint32(1)


@numba.njit(cache=True, nogil=True)
def compact_row(spikes, indices):
    """Indices of the neurons of one row that fired, ascending; returns how many.

    A block without a spike is passed over at the price of one vector OR; in the others every
    neuron is stored and the end of the list moves on only past those that fired, so that no
    branch has to be guessed.
    """
    n = spikes.size
    found = np.empty(BLOCK, np.int32)
    count = 0
    for first in range(0, n, BLOCK):
        last = min(first + BLOCK, n)
        if last - first == BLOCK:
            any_spike = np.uint8(0)
            for neuron in range(first, first + BLOCK):
                any_spike |= spikes[neuron]
            if any_spike == 0:
                continue
        length = 0
        for neuron in range(first, last):
            found[length] = neuron
            length += spikes[neuron] != 0
        for k in range(length):
            indices[count + k] = found[k]
        count += length
    return count


@numba.njit(cache=True, parallel=True, nogil=True)
def spike_compact(spikes, indices, counts):
    for row in numba.prange(spikes.shape[0]):
        counts[row] = compact_row(spikes[row], indices[row])
