"""Blocks of neurons: their state to and from memory, and their spikes as bits."""

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def pack(spiked, words):
    n = spiked.size
    for word in range(-(-n // 32)):
        bits = np.uint32(0)
        for j in range(min(32, n - 32 * word)):
            bits |= np.uint32(spiked[32 * word + j]) << np.uint32(j)
        words[word] = bits


@numba.njit(cache=True, nogil=True)
def copy(rows, block, out):
    """Rows [S, B, N] of a block of neurons."""
    b, first, _ = block
    for s in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[s, j] = rows[s, b, first + j]


@numba.njit(cache=True, nogil=True)
def copy_back(rows, block, out):
    b, first, _ = block
    for s in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            out[s, b, first + j] = rows[s, j]
