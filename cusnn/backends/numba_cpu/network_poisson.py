"""Poisson counts of stimuli, four steps at a time, as integer input of a tile's neurons."""

import numpy as np
from numba import njit

from cusnn.backends.numba_cpu.network_tables import INNER

STEPS_PER_DRAW = 4
BLOCK = 512
FLIP = np.uint32(0x80000000)
NEVER = np.int32(0x7FFFFFFF)
M0, M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
W0, W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
MASK, HIGH = np.uint64(0xFFFFFFFF), np.uint64(32)
LOWEST = np.uint64(FLIP)


@njit(**INNER)
def draw_words(seed, stream, first, stride, block, zeroth, one, two, three):
    """Philox words of neurons ``first``, ``first`` + ``stride``, ..., highest bits flipped.

    Every counter stays in 64 bits, of which only the low half counts: vector units multiply the
    low halves of 64-bit lanes.
    """
    low, high = block & MASK, block >> HIGH
    for j in range(zeroth.size):
        c0, c1, c2, c3 = np.uint64(first + j * stride), np.uint64(0), low, high
        k0, k1 = seed, stream
        for _ in range(10):
            p0, p1 = (c0 & MASK) * M0, (c2 & MASK) * M1
            c0, c1, c2, c3 = (p1 >> HIGH) ^ c1 ^ k0, p1, (p0 >> HIGH) ^ c3 ^ k1, p0
            k0, k1 = (k0 + W0) & MASK, (k1 + W1) & MASK
        zeroth[j], one[j] = np.int32(c0 ^ LOWEST), np.int32(c1 ^ LOWEST)
        two[j], three[j] = np.int32(c2 ^ LOWEST), np.int32(c3 ^ LOWEST)


@njit(**INNER)
def bounds(words):
    least, greatest = words[0], words[0]
    for j in range(words.size):
        least, greatest = min(least, words[j]), max(greatest, words[j])
    return least, greatest


@njit(**INNER)
def below(levels, k, end):
    """The largest word that does not reach level k; of none beyond the end, any word."""
    return np.int32(levels[k] - np.int32(1)) if k < end else NEVER


@njit(**INNER)
def four_below(levels, k, end):
    return (
        below(levels, k, end),
        below(levels, k + 1, end),
        below(levels, k + 2, end),
        below(levels, k + 3, end),
    )


@njit(**INNER)
def add_four(words, levels, count, weight, arriving):
    """Add ``weight`` times (``count`` + how many of four levels each word reaches)."""
    b0, b1, b2, b3 = levels
    for j in range(arriving.size):
        w = words[j]
        n = np.int32(w > b0) + np.int32(w > b1) + np.int32(w > b2) + np.int32(w > b3)
        arriving[j] += np.int32(n + count) * weight


@njit(**INNER)
def add_eight(words, low, high, count, weight, arriving):
    """The same of eight levels."""
    b0, b1, b2, b3 = low
    b4, b5, b6, b7 = high
    for j in range(arriving.size):
        w = words[j]
        n = np.int32(w > b0) + np.int32(w > b1) + np.int32(w > b2) + np.int32(w > b3)
        m = np.int32(w > b4) + np.int32(w > b5) + np.int32(w > b6) + np.int32(w > b7)
        arriving[j] += np.int32(n + m + count) * weight


@njit(**INNER)
def add_counts(words, levels, first, end, weight, arriving):
    """Add ``weight`` times the number of levels that each word reaches.

    All words reach the levels before ``first``, none those from ``end`` on.
    """
    count = np.int32(first)
    if end - first <= 4:
        add_four(words, four_below(levels, first, end), count, weight, arriving)
        return
    for k in range(first, end, 8):
        low, high = four_below(levels, k, end), four_below(levels, k + 4, end)
        add_eight(words, low, high, count, weight, arriving)
        count = np.int32(0)


@njit(**INNER)
def add_poisson(stimulus, levels, seed, step, tile, n_tiles, at, n, random, first_slot, arriving):
    """Add counts times weights to n neurons of a tile for the steps that share their words.

    Those are ``step`` and what follows of its four. Levels are thresholds with their highest bit
    flipped and are compared with such words as signed numbers, which vector units do in one
    instruction. Of a block of words, most levels are reached by all or by none: only the others
    are compared. ``arriving`` is int32 [5, slots].
    """
    stream, weight, lowest, count = stimulus[2], stimulus[3], stimulus[4], stimulus[5]
    table = levels[lowest : lowest + count]
    draw_words(
        np.uint64(seed),
        np.uint64(stream),
        at * n_tiles + tile,
        n_tiles,
        np.uint64(step >> 2),
        random[0, :n],
        random[1, :n],
        random[2, :n],
        random[3, :n],
    )
    least, greatest = bounds(random[0, :n])
    for q in range(1, STEPS_PER_DRAW):
        low, high = bounds(random[q, :n])
        least, greatest = min(least, low), max(greatest, high)
    first, end = 0, table.size
    while first < end and table[first] <= least:
        first += 1
    while end > first and table[end - 1] > greatest:
        end -= 1
    for q in range(step % STEPS_PER_DRAW, STEPS_PER_DRAW):
        slots = arriving[q, first_slot : first_slot + n]
        add_counts(random[q, :n], table, first, end, np.int32(weight), slots)
