"""How many synapses each source has where every pair is joined with one probability."""

from __future__ import annotations

import math

import numpy as np

from cusnn.network.distributions import LARGEST_DEVIATE


def synapses_before(
    seed: int, stream: int, n_pre: int, candidates: int, probability: float
) -> np.ndarray:
    """Synapses of the sources before each one, int64 [n_pre + 1]; the last entry is their number.

    A source's number is binomial: as many as thresholds of the cumulative distribution, times
    2**32, that word 0 of Philox with counter (source, 3) reaches.
    """
    least, thresholds = binomial_thresholds(candidates, probability)
    words = first_words(seed, stream, np.arange(n_pre), 3)
    before = np.zeros(n_pre + 1, np.int64)
    np.cumsum(least + np.searchsorted(thresholds, words, side="right"), out=before[1:])
    return before


def binomial_thresholds(n: int, p: float) -> tuple[int, np.ndarray]:
    """Least number that occurs, and thresholds of a 32-bit word, uint32, for those above it."""
    if n == 0 or p == 0 or p == 1:
        return (n if p == 1 else 0), np.zeros(0, np.uint32)
    mean = n * p
    reach = 1.5 * LARGEST_DEVIATE * math.sqrt(mean * (1.0 - p)) + 40
    first, last = max(0, math.floor(mean - reach)), min(n, math.ceil(mean + reach))
    k = np.arange(first, last + 1, dtype=np.float64)
    mode = min(max(math.floor((n + 1) * p) - first, 0), k.size - 1)
    # P(k + 1) / P(k), multiplied up and down from the mode, where no rounding can pile up.
    ratio = (n - k[:-1]) / (k[:-1] + 1.0) * (p / (1.0 - p))
    weight = np.ones(k.size)
    weight[mode + 1 :] = np.cumprod(ratio[mode:])
    weight[:mode] = np.cumprod(1.0 / ratio[:mode][::-1])[::-1]
    cumulative = np.cumsum(weight)
    thresholds = np.rint(cumulative / cumulative[-1] * 2.0**32)
    thresholds = thresholds[thresholds < 2.0**32].astype(np.uint32)
    never = int(np.count_nonzero(thresholds == 0))
    return first + never, thresholds[never:]


def first_words(seed: int, stream: int, index: np.ndarray, block: int) -> np.ndarray:
    """Word 0 of Philox4x32-10 with key (seed, stream) and counters (index, block), uint32.

    Source: Salmon et al. (2011), doi:10.1145/2063384.2063405.
    """
    mask, high = np.uint64(0xFFFFFFFF), np.uint64(32)
    index = np.asarray(index, np.uint64)
    c0, c1 = index & mask, index >> high
    c2, c3 = np.full_like(index, block & 0xFFFFFFFF), np.full_like(index, block >> 32)
    k0, k1 = seed, stream
    for _ in range(10):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1 = (p1 >> high) ^ c1 ^ np.uint64(k0), p1 & mask
        c2, c3 = (p0 >> high) ^ c3 ^ np.uint64(k1), p0 & mask
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0.astype(np.uint32)
