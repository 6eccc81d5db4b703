"""Philox4x32-10, written so that LLVM turns a flat loop around it into vector instructions."""

import numpy as np
from numba import njit

M0, M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
W0, W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
MASK, HIGH = np.uint64(0xFFFFFFFF), np.uint64(32)


@njit(cache=True, inline="always")
def philox(seed, stream, index, block):
    """Four uint32 words; seed and stream uint32, index and block uint64."""
    c0, c1 = np.uint32(index & MASK), np.uint32(index >> HIGH)
    c2, c3 = np.uint32(block & MASK), np.uint32(block >> HIGH)
    k0, k1 = np.uint32(seed), np.uint32(stream)
    for _ in range(10):
        p0, p1 = np.uint64(c0) * M0, np.uint64(c2) * M1
        c0 = np.uint32(np.uint32(p1 >> HIGH) ^ c1 ^ k0)
        c2 = np.uint32(np.uint32(p0 >> HIGH) ^ c3 ^ k1)
        c1, c3 = np.uint32(p1 & MASK), np.uint32(p0 & MASK)
        k0, k1 = np.uint32(k0 + W0), np.uint32(k1 + W1)
    return c0, c1, c2, c3
