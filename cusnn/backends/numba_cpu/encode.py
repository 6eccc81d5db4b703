"""Values as spikes: by rate, by latency, by a population of tuning curves."""

import numpy as np
from numba import njit, prange

from cusnn.backends.numba_cpu.philox import philox
from cusnn.backends.numba_cpu.surrogates import exp_minus

SCALE = np.float32(2**31)
LEAST, MOST = np.float32(0), np.float32(1)
ONE, SHIFT = np.uint64(2**31), np.uint64(31)
HALF = np.float32(0.5)
CHUNK = 2048  # elements of a task


def encode_rate(values, spikes, seed, stream, first_step):
    rate(values, spikes, np.uint32(seed), np.uint32(stream), first_step // 4, first_step % 4)


@njit(cache=True, inline="always")
def level(value):
    """A value of 0 to 1 as an integer of 0 to 2^31, rounded down.

    What is below 0 or NaN is 0, what is above 1 is 1: an integer made of a float out of its range
    may be anything.
    """
    positive = value if value > LEAST else LEAST
    return np.uint32((positive if positive < MOST else MOST) * SCALE)


@njit(cache=True, nogil=True)
def four_steps(values, first, rows, seed, stream, block):
    row0, row1, row2, row3 = rows[0], rows[1], rows[2], rows[3]
    for k in range(values.size):
        w0, w1, w2, w3 = philox(seed, stream, np.uint64(first + k), block)
        threshold = level(values[k])
        row0[k] = (w0 >> np.uint32(1)) < threshold
        row1[k] = (w1 >> np.uint32(1)) < threshold
        row2[k] = (w2 >> np.uint32(1)) < threshold
        row3[k] = (w3 >> np.uint32(1)) < threshold


@njit(cache=True, nogil=True)
def one_step(values, first, row, seed, stream, block, word):
    for k in range(values.size):
        w0, w1, w2, w3 = philox(seed, stream, np.uint64(first + k), block)
        low, high = (w1 if word & 1 else w0), (w3 if word & 1 else w2)
        random = high if word & 2 else low
        row[k] = (random >> np.uint32(1)) < level(values[k])


@njit(cache=True, parallel=True, nogil=True)
def rate(values, spikes, seed, stream, first_block, first_word):
    """Tasks are blocks of four steps by chunks of elements; step t is word t + first_word."""
    steps, elements = spikes.shape[0], values.size
    flat, rows = values.reshape(elements), spikes.reshape(steps, elements)
    chunks = -(-elements // CHUNK)
    blocks = -(-(first_word + steps) // 4)
    for task in prange(blocks * chunks):
        block, first = task // chunks, task % chunks * CHUNK
        last = min(first + CHUNK, elements)
        part = flat[first:last]
        counter = np.uint64(first_block + block)
        t = 4 * block - first_word
        if t >= 0 and t + 4 <= steps:
            four_steps(part, first, rows[t : t + 4, first:last], seed, stream, counter)
        else:
            for word in range(max(0, -t), min(4, steps - t)):
                one_step(part, first, rows[t + word, first:last], seed, stream, counter, word)


@njit(cache=True, parallel=True, nogil=True)
def encode_latency(values, spikes):
    """Zeros first, then a spike per element: writing them is all the work."""
    steps, elements = spikes.shape[0], values.size
    flat, rows = values.reshape(elements), spikes.reshape(steps, elements)
    for chunk in prange(-(-elements // CHUNK)):
        first = chunk * CHUNK
        last = min(first + CHUNK, elements)
        for t in range(steps):
            rows[t, first:last] = 0
        for e in range(first, last):
            delay = ONE - np.uint64(level(flat[e]))
            rows[np.int64((delay * np.uint64(steps - 1)) >> SHIFT), e] = 1


@njit(cache=True, nogil=True)
def distances(values, centers, out):
    features = centers.size
    for e in range(values.size):
        for f in range(features):
            out[e * features + f] = values[e] - centers[f]


@njit(cache=True, nogil=True, error_model="numpy")
def tune(block, width):
    """Distances from a center become responses, in one flat loop."""
    for k in range(block.size):
        z = block[k] / width
        block[k] = exp_minus(HALF * (z * z))


@njit(cache=True, parallel=True, nogil=True)
def encode_population(values, centers, responses, width):
    elements, features = values.size, centers.size
    flat, out = values.reshape(elements), responses.reshape(responses.size)
    each = max(1, CHUNK // max(1, features))
    for task in prange(-(-elements // each)):
        first = task * each
        last = min(first + each, elements)
        block = out[first * features : last * features]
        distances(flat[first:last], centers, block)
        tune(block, width)
