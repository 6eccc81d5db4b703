"""Distinct random numbers: element j of a row is the image of j under the row's permutation."""

import numpy as np

from cusnn.backends.numpy_ref.philox import philox

ROUNDS = 8
# Halves of fewer bits have so few functions that eight rounds leave pairs uneven.
LEAST_BITS = 6
# Multipliers found by C. Wellons (lowbias32, 2018) to spread every bit.
MIX_1, MIX_2 = np.uint32(0x7FEB352D), np.uint32(0x846CA68B)


def permuted(seed, stream, row, element, size):
    """Image of ``element`` [n] under the permutation of 0, ..., size - 1 that belongs to ``row``.

    An alternating Feistel network on b bits, 2**b >= size, applied again and again until the
    image lies below size (cycle walking). Round q replaces one half of the bits by

        half xor (mix(other half xor key_q) mod 2**bits(half)),

    the lower half (b - b // 2 bits) in even rounds, the upper one (b // 2 bits) in odd ones. The
    eight keys are the words of Philox with counters (row, 1) and (row, 2).
    """
    row = np.broadcast_to(row, element.shape)
    keys = np.stack([*philox(seed, stream, row, 1), *philox(seed, stream, row, 2)])
    bits = max(LEAST_BITS, int(size - 1).bit_length())
    image = element.astype(np.uint64)
    walking = np.arange(image.size)
    while walking.size:
        image[walking] = feistel(image[walking], keys[:, walking], bits)
        walking = walking[image[walking] >= np.uint64(size)]
    return image.astype(np.int64)


def feistel(number, keys, bits):
    """A bijection of the numbers below 2**bits, chosen by the keys [8, n]."""
    low_bits = np.uint64(bits - bits // 2)
    low_mask, high_mask = ((1 << (bits - bits // 2)) - 1, (1 << (bits // 2)) - 1)
    low = (number & np.uint64(low_mask)).astype(np.uint32)
    high = (number >> low_bits).astype(np.uint32)
    for q in range(0, ROUNDS, 2):
        low ^= mix(high ^ keys[q]) & np.uint32(low_mask)
        high ^= mix(low ^ keys[q + 1]) & np.uint32(high_mask)
    return (high.astype(np.uint64) << low_bits) | low


def mix(x):
    """A 32-bit word whose bits all depend on all bits of ``x``."""
    x = x * MIX_1
    x ^= x >> np.uint32(15)
    x = x * MIX_2
    return x ^ (x >> np.uint32(16))
