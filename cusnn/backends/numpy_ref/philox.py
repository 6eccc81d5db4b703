"""Philox4x32-10: random numbers that are a function of a key and a counter, with no state.

Source: Salmon, Moraes, Dror and Shaw (2011), doi:10.1145/2063384.2063405.
"""

import numpy as np

MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
MASK = np.uint64(0xFFFFFFFF)


def philox(seed, stream, index, block):
    """Four uint32 words for every element of ``index`` and ``block`` (broadcast together)."""
    index, block = np.broadcast_arrays(np.asarray(index, np.uint64), np.asarray(block, np.uint64))
    counter = (index & MASK, index >> np.uint64(32), block & MASK, block >> np.uint64(32))
    return philox_rounds(counter, (int(seed), int(stream)))


def philox_rounds(counter, key):
    """Ten rounds over four words of counter (uint64 arrays below 2^32) and two of key."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0),
            p1 & MASK,
            (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1),
            p0 & MASK,
        )
        k0, k1 = (k0 + KEY_STEPS[0]) & 0xFFFFFFFF, (k1 + KEY_STEPS[1]) & 0xFFFFFFFF
    return tuple(word.astype(np.uint32) for word in (c0, c1, c2, c3))
