"""Synapses drawn in blocks, counted and then placed in order; every loop flat.

A worker owns the tiles that ``owner`` gives it, draws all synapses and keeps its own. Random
numbers are cheap; the words of a tile stay in the order of projections and of numbers within
them, whatever the number of workers.
"""

import numpy as np
from numba import njit

from cusnn.backends.numba_cpu.network_normal import exponential, normal_quantile
from cusnn.backends.numba_cpu.network_permutation import ROWS_AT_A_TIME, draw_distinct
from cusnn.backends.numba_cpu.network_prefetch import prefetch
from cusnn.backends.numba_cpu.philox import philox

(
    FIXED_TOTAL_NUMBER,
    FIXED_IN_DEGREE,
    ALL_TO_ALL,
    ONE_TO_ONE,
    FROM_LIST,
    FIXED_OUT_DEGREE,
    FIXED_PROBABILITY,
) = range(7)
CONSTANT, NORMAL, UNIFORM, LISTED, LOG_NORMAL = range(5)
BLOCK = 1024
GUESS_BITS = 10
ROUND = 6755399441055744.0  # 1.5 * 2**52: adding and taking it away rounds half to even


@njit(cache=True, nogil=True, error_model="numpy")
def draw_words(seed, stream, first, zero, words):
    """The four random words of synapses ``first``, ``first`` + 1, ..., as rows of ``words``.

    ``zero`` is the upper half of the counter. Where LLVM knows its value, it multiplies in 64
    bits, which takes thrice as long.
    """
    for j in range(BLOCK):
        c0, c1, c2, c3 = philox(seed, stream, np.uint64(first + j), zero)
        words[0, j], words[1, j], words[2, j], words[3, j] = c0, c1, c2, c3


@njit(cache=True, nogil=True, error_model="numpy")
def choose(words, size, chosen):
    """Numbers below ``size`` from 32-bit words."""
    for j in range(chosen.size):
        chosen[j] = (np.uint64(words[j]) * np.uint64(size)) >> np.uint64(32)


@njit(cache=True, nogil=True, error_model="numpy")
def skip_self(own, other):
    """Numbers among the others of each neuron, as numbers among all."""
    for j in range(own.size):
        other[j] += other[j] >= own[j]


@njit(cache=True, nogil=True, error_model="numpy")
def draw_ends(connection, first, words, listed_sources, listed_targets, source, target):
    """Source and target of a block of synapses, as numbers within their populations.

    Where a neuron must not join itself, its partner is chosen among one fewer.
    """
    kind, no_autapses = connection[0], connection[14]
    sources, targets = connection[3] - no_autapses, connection[5] - no_autapses
    degree = max(connection[6], 1)
    if kind == FIXED_TOTAL_NUMBER:
        choose(words[0], sources, source)
        choose(words[1], connection[5], target)
    elif kind == FIXED_IN_DEGREE:
        choose(words[0], sources, source)
        for j in range(target.size):
            target[j] = (first + j) // degree
    elif kind == FIXED_OUT_DEGREE:
        choose(words[1], targets, target)
        for j in range(source.size):
            source[j] = (first + j) // degree
    elif kind == ALL_TO_ALL:
        for j in range(source.size):
            number = first + j
            source[j], target[j] = number // targets, number % targets
    elif kind == ONE_TO_ONE:
        for j in range(source.size):
            source[j] = target[j] = first + j
    else:
        for j in range(source.size):
            listed = connection[8] + first + j
            source[j], target[j] = listed_sources[listed], listed_targets[listed]
    if no_autapses and kind <= FIXED_IN_DEGREE:
        skip_self(target, source)
    elif no_autapses:
        skip_self(source, target)


@njit(cache=True, nogil=True, error_model="numpy")
def draw_distinct_ends(
    seed, connection, counted, first, zero, keys, low, high, walking, image, source, target
):
    """The same where no pair may occur twice."""
    kind, no_autapses = connection[0], connection[14]
    sources, targets = connection[3] - no_autapses, connection[5] - no_autapses
    degree, size, rows = connection[6], targets, source
    before = counted[:0]
    if kind == FIXED_PROBABILITY:
        before = counted[connection[16] : connection[16] + connection[3] + 1]
    elif kind == FIXED_IN_DEGREE:
        size, rows = sources, target
    elif kind == FIXED_TOTAL_NUMBER:
        degree, size = connection[1], connection[3] * targets
    draw_distinct(
        seed,
        np.uint32(connection[7]),
        zero,
        degree,
        before,
        size,
        first,
        keys,
        low,
        high,
        walking,
        rows,
        image,
    )
    if kind == FIXED_IN_DEGREE:
        for j in range(image.size):
            source[j] = image[j]
        if no_autapses:
            skip_self(target, source)
        return
    if kind == FIXED_TOTAL_NUMBER:
        divisor = np.uint64(targets)
        for j in range(image.size):
            source[j], target[j] = image[j] // divisor, image[j] % divisor
    else:
        for j in range(image.size):
            target[j] = image[j]
    if no_autapses:
        skip_self(source, target)


@njit(cache=True, nogil=True, error_model="numpy")
def draw_values(kind, row, words, values):
    """Values of a distribution, float64, from 32-bit words."""
    a, b, p_low, p_width, low, high = row[0], row[1], row[2], row[3], row[4], row[5]
    if kind == NORMAL or kind == LOG_NORMAL:
        for j in range(values.size):
            u = (np.float64(words[j]) + 0.5) * 2.0**-32
            values[j] = p_low + p_width * u
        normal_quantile(values)
        for j in range(values.size):
            values[j] = a + b * values[j]
        if kind == LOG_NORMAL:
            exponential(values)
        for j in range(values.size):
            value = values[j]
            value = value if value > low else low
            values[j] = value if value < high else high
    elif kind == UNIFORM:
        for j in range(values.size):
            values[j] = a + b * ((np.float64(words[j]) + 0.5) * 2.0**-32)
    else:
        values[:] = a


@njit(cache=True, nogil=True, error_model="numpy")
def first_guesses(table, guesses):
    """Number of thresholds that the smallest word with given highest bits reaches."""
    reached = 0
    for cell in range(guesses.size):
        smallest = np.uint32(cell << (32 - GUESS_BITS))
        while reached < table.size and table[reached] <= smallest:
            reached += 1
        guesses[cell] = reached


@njit(cache=True, nogil=True, error_model="numpy")
def pick_own(worker, owner, first_target, target, tile, kept):
    """Turn targets into tile and number there; list the synapses of this worker's tiles.

    Half a step past a whole number, the rounded quotient of a number below 2**31 cannot cross
    the next one.
    """
    n_tiles = np.int32(owner.size)
    inverse = 1.0 / n_tiles
    for j in range(target.size):
        neuron = np.int32(target[j] + first_target)
        local = np.int32((np.float64(neuron) + 0.5) * inverse)
        target[j] = local
        tile[j] = neuron - local * n_tiles
    count = 0
    for j in range(target.size):
        kept[count] = j
        count += owner[tile[j]] == worker
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def find_rows(first_source, n_neurons, kept, source, tile, rows):
    """Number of the row (tile, source) of each kept synapse."""
    for i in range(kept.size):
        j = kept[i]
        rows[i] = tile[j] * n_neurons + first_source + source[j]


@njit(cache=True, nogil=True, error_model="numpy")
def find_cells(connection, first, kept, rows, width, words, table, guesses, listed_delays, cells):
    """Flat index into the offsets [X, N, D + 1] of each kept synapse's (tile, source, delay)."""
    if connection[11] < 0:
        for i in range(kept.size):
            delay = listed_delays[connection[18] + first + kept[i]]
            cells[i] = rows[i] * width + delay
        return
    for i in range(kept.size):
        word = words[3, kept[i]]
        reached = guesses[word >> np.uint32(32 - GUESS_BITS)]
        while reached < table.size and word >= table[reached]:
            reached += 1
        cells[i] = rows[i] * width + connection[12] + reached


@njit(cache=True, nogil=True, error_model="numpy")
def find_amounts(connection, row, first, kept, words, listed_weights, picked, values, amounts):
    """Integer weights of the kept synapses."""
    if connection[9] == LISTED:
        for i in range(kept.size):
            values[i] = listed_weights[connection[17] + first + kept[i]]
    else:
        for i in range(kept.size):
            picked[i] = words[2, kept[i]]
        draw_values(connection[9], row, picked, values)
    scale = row[6]
    for i in range(kept.size):
        amounts[i] = np.int32((values[i] * scale + ROUND) - ROUND)


@njit(cache=True, nogil=True, error_model="numpy")
def find_bits(wide, first_slot, kept, target, weights, bits):
    """The synapse words of the kept synapses: the slot, below the weight unless that is apart."""
    for i in range(kept.size):
        bits[i] = first_slot + target[kept[i]]
    if not wide:
        for i in range(kept.size):
            bits[i] |= np.uint32(weights[i]) << np.uint32(16)


@njit(cache=True, nogil=True, error_model="numpy")
def own_synapses(
    place,
    worker,
    owner,
    connections,
    weights,
    counted,
    thresholds,
    listed_sources,
    listed_targets,
    listed_weights,
    listed_delays,
    words,
    amounts,
    row_starts,
    offsets,
    seed,
):
    """Count the synapses of a worker's tiles by (tile, source, delay), or place their words.

    Counting adds to entry ``delay`` of a row's offsets. Placing takes entry ``delay`` - 1 as the
    place of the next word and moves it on, so that afterwards it is the end of the delay.
    ``amounts`` is empty where weights stand in the words.
    """
    n_neurons, width = offsets.shape[1], offsets.shape[2]
    tile_size = -(-n_neurons // owner.size)
    wide = amounts.size > 0
    places, bases = offsets.reshape(-1), row_starts.reshape(-1)
    random = np.empty((4, BLOCK), np.uint32)
    source, target = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32)
    tile, kept = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32)
    rows, cells = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    picked, bits = np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.uint32)
    values, drawn = np.empty(BLOCK, np.float64), np.empty(BLOCK, np.int32)
    guesses = np.empty(1 << GUESS_BITS, np.int32)
    keys, image = np.empty((8, ROWS_AT_A_TIME), np.uint32), np.empty(BLOCK, np.uint64)
    low, high = np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.uint32)
    for projection in range(connections.shape[0]):
        connection = connections[projection]
        table = thresholds[connection[10] : connection[10] + max(connection[11], 0)]
        first_guesses(table, guesses)
        for first in range(0, connection[1], BLOCK):
            n = min(BLOCK, connection[1] - first)
            zero = np.uint64(connection[1] < 0)
            draw_words(np.uint32(seed), np.uint32(connection[7]), first, zero, random)
            if connection[15]:
                draw_distinct_ends(
                    np.uint32(seed),
                    connection,
                    counted,
                    first,
                    zero,
                    keys,
                    low,
                    high,
                    kept,
                    image[:n],
                    source[:n],
                    target[:n],
                )
            else:
                draw_ends(
                    connection,
                    first,
                    random,
                    listed_sources,
                    listed_targets,
                    source[:n],
                    target[:n],
                )
            count = pick_own(worker, owner, connection[4], target[:n], tile, kept)
            own = kept[:count]
            find_rows(connection[2], n_neurons, own, source, tile, rows)
            find_cells(
                connection, first, own, rows, width, random, table, guesses, listed_delays, cells
            )
            for i in range(count):
                prefetch(places, cells[i])
            if not place:
                for i in range(count):
                    places[cells[i]] += np.uint32(1)
                continue
            find_amounts(
                connection,
                weights[projection],
                first,
                own,
                random,
                listed_weights,
                picked[:count],
                values[:count],
                drawn,
            )
            find_bits(wide, connection[13] * tile_size, own, target, drawn, bits)
            for i in range(count):
                cell = cells[i] - 1
                cells[i] = bases[rows[i]] + places[cell]
                places[cell] += np.uint32(1)
                prefetch(words, cells[i])
            for i in range(count):
                words[cells[i]] = bits[i]
            if wide:
                for i in range(count):
                    amounts[cells[i]] = drawn[i]


@njit(cache=True, nogil=True, error_model="numpy")
def accumulate_rows(counts, starts):
    """Counts by (source, delay) of a tile into offsets; returns the tile's number of words."""
    total = np.int64(0)
    for source in range(counts.shape[0]):
        starts[source] = total
        reached = np.uint32(0)
        counts[source, 0] = 0
        for delay in range(1, counts.shape[1]):
            reached += counts[source, delay]
            counts[source, delay] = reached
        total += reached
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def restore_offsets(places):
    """After placing, entry d - 1 of a row holds what entry d must hold."""
    for source in range(places.shape[0]):
        for delay in range(places.shape[1] - 1, 0, -1):
            places[source, delay] = places[source, delay - 1]
        places[source, 0] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def initial_values(kind, row, seed, stream, initial):
    """A value of a distribution for each neuron of a population."""
    words, values = np.empty(initial.size, np.uint32), np.empty(initial.size, np.float64)
    for j in range(initial.size):
        words[j] = philox(np.uint32(seed), np.uint32(stream), np.uint64(j), np.uint64(0))[0]
    draw_values(kind, row, words, values)
    for j in range(initial.size):
        initial[j] = values[j] * row[6]
