"""Distinct random numbers: element j of a row is the image of j under the row's permutation.

An alternating Feistel network with cycle walking; the keys of a row are computed for some rows at
a time, and a stretch of a row goes through the rounds in flat loops of 32-bit numbers.
"""

import numpy as np
from numba import njit

from cusnn.backends.numba_cpu.philox import philox

LEAST_BITS = 6
ROWS_AT_A_TIME = 16
# Multipliers found by C. Wellons (lowbias32, 2018) to spread every bit.
MIX_1, MIX_2 = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
SHIFT_1, SHIFT_2 = np.uint32(15), np.uint32(16)
ONE, TWO = np.uint64(1), np.uint64(2)


@njit(cache=True, nogil=True, error_model="numpy")
def row_keys(seed, stream, first_row, zero, keys):
    """The eight keys of rows from ``first_row`` on, uint32 [8, ROWS_AT_A_TIME]."""
    for r in range(ROWS_AT_A_TIME):
        c0, c1, c2, c3 = philox(seed, stream, np.uint64(first_row + r), zero + ONE)
        keys[0, r], keys[1, r], keys[2, r], keys[3, r] = c0, c1, c2, c3
    for r in range(ROWS_AT_A_TIME):
        c0, c1, c2, c3 = philox(seed, stream, np.uint64(first_row + r), zero + TWO)
        keys[4, r], keys[5, r], keys[6, r], keys[7, r] = c0, c1, c2, c3


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def mix(x):
    x = np.uint32(x * MIX_1)
    x = np.uint32(x ^ (x >> SHIFT_1))
    x = np.uint32(x * MIX_2)
    return np.uint32(x ^ (x >> SHIFT_2))


@njit(cache=True, nogil=True, error_model="numpy")
def rounds(keys, row, low_mask, high_mask, low, high):
    """Eight rounds over the halves of the numbers of a row."""
    k0, k1, k2, k3 = keys[0, row], keys[1, row], keys[2, row], keys[3, row]
    k4, k5, k6, k7 = keys[4, row], keys[5, row], keys[6, row], keys[7, row]
    for j in range(low.size):
        a, b = low[j], high[j]
        a ^= mix(b ^ k0) & low_mask
        b ^= mix(a ^ k1) & high_mask
        a ^= mix(b ^ k2) & low_mask
        b ^= mix(a ^ k3) & high_mask
        a ^= mix(b ^ k4) & low_mask
        b ^= mix(a ^ k5) & high_mask
        a ^= mix(b ^ k6) & low_mask
        b ^= mix(a ^ k7) & high_mask
        low[j], high[j] = a, b


@njit(cache=True, nogil=True, error_model="numpy")
def permute_row(keys, row, size, first, low, high, walking, image):
    """Images of ``first``, ``first`` + 1, ... below ``size``; low, high and walking are scratch."""
    bits = LEAST_BITS
    while bits < 63 and (size - 1) >> bits > 0:
        bits += 1
    low_bits = np.uint64(bits - bits // 2)
    low_mask = np.uint32((ONE << low_bits) - ONE)
    high_mask = np.uint32((ONE << np.uint64(bits // 2)) - ONE)
    bound = np.uint64(size)
    count = image.size
    for j in range(count):
        image[j] = np.uint64(first + j)
        walking[j] = j
    while count > 0:
        for i in range(count):
            number = image[walking[i]]
            low[i] = np.uint32(number) & low_mask
            high[i] = np.uint32(number >> low_bits)
        rounds(keys, row, low_mask, high_mask, low[:count], high[:count])
        left = 0
        for i in range(count):
            j = walking[i]
            number = (np.uint64(high[i]) << low_bits) | np.uint64(low[i])
            image[j] = number
            walking[left] = j
            left += number >= bound
        count = left


@njit(cache=True, nogil=True, error_model="numpy")
def row_bounds(row, degree, before):
    """Numbers of the first synapse of a row and of the first one after it."""
    if before.size:
        return before[row], before[row + 1]
    return row * degree, (row + 1) * degree


@njit(cache=True, nogil=True, error_model="numpy")
def draw_distinct(
    seed, stream, zero, degree, before, size, first, keys, low, high, walking, rows, image
):
    """Row of each synapse from ``first`` on, and the number below ``size`` that it draws there.

    Rows have ``degree`` synapses each, or those that ``before`` counts.
    """
    row = np.int64(0)
    if before.size:
        row = np.searchsorted(before, first, side="right") - 1
    elif degree > 0:
        row = first // degree
    base = row - ROWS_AT_A_TIME
    j = np.int64(0)
    while j < image.size:
        begin, end = row_bounds(row, degree, before)
        n = min(end - first, image.size) - j
        if n > 0:
            if row >= base + ROWS_AT_A_TIME:
                base = row
                row_keys(seed, stream, base, zero, keys)
            permute_row(
                keys, row - base, size, first + j - begin, low, high, walking, image[j : j + n]
            )
            for i in range(j, j + n):
                rows[i] = row
            j += n
        row += 1
