"""Spikes as bytes, as bits and as lists of indices."""

import numba
import numpy as np

from cusnn.backends.numba_cpu.words import word_of, write_word

BLOCK = 64


def spike_pack(spikes, packed, others):
    _pack(spikes, packed, np.empty(0, np.uint8) if others is None else others)


@numba.njit(cache=True, parallel=True, nogil=True)
def _pack(spikes, packed, others):
    n = spikes.shape[1]
    flat = spikes.reshape(spikes.size)
    for row in numba.prange(spikes.shape[0]):
        wrong = np.uint32(0)
        for word in range(n // 32):
            bits, other = word_of(flat, row * n + 32 * word)
            packed[row, word] = bits
            wrong |= other
        if n % 32 > 0:
            bits = np.uint32(0)
            for j in range(n % 32):
                x = spikes[row, n // 32 * 32 + j]
                bits |= np.uint32(x != 0) << np.uint32(j)
                wrong |= np.uint32((x != 0) & (x != 1))
            packed[row, n // 32] = bits
        if others.size > 0:
            others[row] = wrong != 0


@numba.njit(cache=True, parallel=True, nogil=True)
def spike_unpack(packed, spikes):
    n = spikes.shape[1]
    flat = spikes.reshape(spikes.size)
    for row in numba.prange(spikes.shape[0]):
        for word in range(n // 32):
            write_word(packed[row, word], flat, row * n + 32 * word)
        for j in range(n % 32):
            bits = packed[row, n // 32]
            spikes[row, n // 32 * 32 + j] = (bits >> np.uint32(j)) & np.uint32(1)


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
