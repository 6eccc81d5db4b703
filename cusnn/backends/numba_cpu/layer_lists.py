"""Lists of what fired, made from bits: by row, and turned round by neuron."""

import numba
import numpy as np

from cusnn.backends.numba_cpu.chosen_rows import count_ones, inner, lowest_one

CHUNK = 1024  # inputs of one list of a row
WORDS = CHUNK // 32


@inner
def _word(packed, row, word, n):
    """A word without bits past the last of n neurons."""
    bits = packed[row, word]
    past = 32 * (word + 1) - n
    if past > 0:
        bits &= np.uint32(0xFFFFFFFF) >> np.uint32(past)
    return np.uint32(bits)


@numba.njit(cache=True, nogil=True, parallel=True)
def fired_by_row(packed, n):
    """The neurons that fired, ascending, in lists end to end.

    Args:
        packed: uint32 [R, V].
        n: number of neurons.

    Returns:
        Where the list of row r and chunk c starts, int64 [R chunks + 1] at r chunks + c, and the
        lists, int32.
    """
    rows, words = packed.shape
    chunks = -(-words // WORDS)
    starts = np.zeros(rows * chunks + 1, np.int64)
    for row in numba.prange(rows):
        for word in range(words):
            ones = count_ones(_word(packed, row, word, n))
            starts[row * chunks + word // WORDS + 1] += np.int64(ones)
    for i in range(rows * chunks):
        starts[i + 1] += starts[i]
    chosen = np.empty(starts[rows * chunks], np.int32)
    for row in numba.prange(rows):
        place = starts[row * chunks]
        for word in range(words):
            bits = _word(packed, row, word, n)
            while bits != 0:
                chosen[place] = 32 * word + np.int64(lowest_one(bits))
                place += 1
                bits &= np.uint32(bits - np.uint32(1))
    return starts, chosen


@numba.njit(cache=True, nogil=True, parallel=True)
def fired_by_neuron(packed, n, batch, steps):
    """For groups of ``steps`` steps: the rows in which each neuron fired.

    Args:
        packed: uint32 [T B, V].
        n: number of neurons.
        batch: B.
        steps: steps of a group.

    Returns:
        Where the list of group g and neuron i starts, int64 [groups (n + 1)] at g (n + 1) + i, and
        the lists of rows, counted from the first of the group: int32, the last step's first, and
        in a step the first sample's.
    """
    rows, words = packed.shape
    total_steps = rows // batch
    groups = -(-total_steps // steps)
    starts = np.zeros(groups * (n + 1), np.int64)
    sizes = np.zeros(groups + 1, np.int64)
    for g in numba.prange(groups):
        base = g * (n + 1)
        for row in range(g * steps * batch, min(rows, (g + 1) * steps * batch)):
            for word in range(words):
                bits = _word(packed, row, word, n)
                while bits != 0:
                    starts[base + 32 * word + np.int64(lowest_one(bits))] += 1
                    bits &= np.uint32(bits - np.uint32(1))
        size = 0
        for i in range(n):
            size += starts[base + i]
        sizes[g + 1] = size
    for g in range(groups):
        sizes[g + 1] += sizes[g]
    chosen = np.empty(sizes[groups], np.int32)
    for g in numba.prange(groups):
        base = g * (n + 1)
        places = np.empty(n, np.int64)
        place = sizes[g]
        for i in range(n):
            count = starts[base + i]
            places[i] = place
            starts[base + i] = place
            place += count
        starts[base + n] = place
        first = g * steps
        for t in range(min(total_steps, first + steps) - 1, first - 1, -1):
            for b in range(batch):
                for word in range(words):
                    bits = _word(packed, t * batch + b, word, n)
                    while bits != 0:
                        i = 32 * word + np.int64(lowest_one(bits))
                        chosen[places[i]] = (t - first) * batch + b
                        places[i] += 1
                        bits &= np.uint32(bits - np.uint32(1))
    return starts, chosen
