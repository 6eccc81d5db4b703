"""A tile's steps: what is due arrives, neurons move, who fired is listed."""

from typing import NamedTuple

import numpy as np
from numba import njit

from cusnn.backends.numba_cpu.network_prefetch import prefetch
from cusnn.backends.numba_cpu.philox import philox

TINY = np.float32(1e-30)
ZERO, ONE = np.float32(0), np.float32(1)
N_COEFFICIENTS = (5, 6)
MOST_COEFFICIENTS = 6
GROUPS, AHEAD = 256, 8
WORDS_PER_LINE = 16
BLOCK = 256
STEPS_PER_DRAW = 4
FLIP = np.uint32(0x80000000)


@njit(cache=True, nogil=True)
def own_range(first, size, tile, n_tiles):
    """Numbers within a tile of the neurons ``first`` to ``first`` + ``size`` - 1 that it owns."""
    return (first - tile + n_tiles - 1) // n_tiles, (first + size - tile + n_tiles - 1) // n_tiles


@njit(cache=True, nogil=True)
def gather_coefficients(segments, coefficients, tile, n_tiles, own):
    """Coefficients per neuron in the order of a tile's neurons; other entries stay as they are."""
    for population in range(segments.shape[0]):
        model, first, size = (
            segments[population, 0],
            segments[population, 3],
            segments[population, 4],
        )
        if segments[population, 6] == 0:
            continue
        begin, end = own_range(first, size, tile, n_tiles)
        for row in range(N_COEFFICIENTS[model]):
            base = segments[population, 5] + row * size - first + tile
            for j in range(begin, end):
                own[row, j] = coefficients[base + j * n_tiles]


@njit(cache=True, nogil=True)
def prefetch_words(words, begin, end):
    for k in range(begin, end, WORDS_PER_LINE):
        prefetch(words, k)


@njit(cache=True, nogil=True)
def add_groups(words, begins, ends, count, arriving):
    """Add the weight of each word of some groups to the sum of its target.

    A group is short and lies anywhere, so each is asked for some groups ahead.
    """
    for group in range(min(count, AHEAD)):
        prefetch_words(words, begins[group], ends[group])
    events = np.int64(0)
    for group in range(count):
        if group + AHEAD < count:
            prefetch_words(words, begins[group + AHEAD], ends[group + AHEAD])
        events += ends[group] - begins[group]
        for k in range(begins[group], ends[group]):
            word = words[k]
            arriving[word & np.uint32(0xFFFF)] += np.int32(word) >> np.int32(16)
    return events


@njit(cache=True, nogil=True)
def deliver(words, row_starts, offsets, spikes, spike_starts, now, shortest, arriving):
    """Add all words that are due; returns their number."""
    begins, ends = np.empty(GROUPS, np.int64), np.empty(GROUPS, np.int64)
    events, count = np.int64(0), 0
    for delay in range(shortest, offsets.shape[1]):
        for k in range(spike_starts[now - delay], spike_starts[now - delay + 1]):
            source = spikes[k]
            row = row_starts[source]
            begins[count] = row + np.int64(offsets[source, delay - 1])
            ends[count] = row + np.int64(offsets[source, delay])
            count += 1
            if count == GROUPS:
                events += add_groups(words, begins, ends, count, arriving)
                count = 0
    return events + add_groups(words, begins, ends, count, arriving)


@njit(cache=True, nogil=True)
def add_poisson(stimuli, levels, seed, step, tile, n_tiles, arriving):
    """Poisson counts times weights for the four steps that share their random words.

    Words and thresholds have their highest bit flipped and are compared as signed numbers, which
    vector units do in one instruction.
    """
    random = np.empty((STEPS_PER_DRAW, BLOCK), np.int32)
    counts = np.empty(BLOCK, np.int32)
    block = np.uint64(step >> 2)
    for stimulus in range(stimuli.shape[0]):
        stream, weight = np.uint32(stimuli[stimulus, 2]), np.int32(stimuli[stimulus, 3])
        lowest = stimuli[stimulus, 4]
        table = levels[lowest : lowest + stimuli[stimulus, 5]]
        begin, end = own_range(stimuli[stimulus, 0], stimuli[stimulus, 1], tile, n_tiles)
        for first in range(begin, end, BLOCK):
            n = min(BLOCK, end - first)
            for j in range(n):
                neuron = np.uint64((first + j) * n_tiles + tile)
                c0, c1, c2, c3 = philox(np.uint32(seed), stream, neuron, block)
                random[0, j], random[1, j] = np.int32(c0 ^ FLIP), np.int32(c1 ^ FLIP)
                random[2, j], random[3, j] = np.int32(c2 ^ FLIP), np.int32(c3 ^ FLIP)
            for q in range(STEPS_PER_DRAW):
                count_reached(random[q, :n], table, counts)
                add_counts(counts, weight, arriving[q, first : first + n])


@njit(cache=True, nogil=True)
def count_reached(words, table, counts):
    """How many thresholds each word reaches: all but those above it."""
    whole = table.size // 4 * 4
    for j in range(words.size):
        counts[j] = np.int32(table.size)
    for k in range(0, whole, 4):
        t0, t1, t2, t3 = table[k], table[k + 1], table[k + 2], table[k + 3]
        for j in range(words.size):
            word = words[j]
            lower = np.int32(t0 > word) + np.int32(t1 > word)
            counts[j] -= lower + (np.int32(t2 > word) + np.int32(t3 > word))
    for k in range(whole, table.size):
        threshold = table[k]
        for j in range(words.size):
            counts[j] -= np.int32(threshold > words[j])


@njit(cache=True, nogil=True)
def add_counts(counts, weight, arriving):
    for j in range(arriving.size):
        arriving[j] += counts[j] * weight


@njit(cache=True, nogil=True)
def cut(x):
    return ZERO if abs(x) < TINY else x


@njit(cache=True, nogil=True)
def fire(v_pre, v, refractory, v_threshold, v_reset, reset, rest):
    """Voltage, rest and spike of a neuron whose voltage has moved to ``v_pre``."""
    resting = refractory > ZERO
    v_pre = v if resting else v_pre
    spiked = (v_pre >= v_threshold) & (not resting)
    soft = v_pre - (v_threshold - v_reset) if reset == 1 else v_pre
    after = v_reset if reset == 0 else soft
    left = refractory - ONE if resting else ZERO
    return after if spiked else v_pre, rest if spiked else left, spiked


@njit(cache=True, nogil=True)
def step_cuba(v, i, refractory, current, c, reset, rest):
    decay, decay_syn, gain, drive, v_threshold, v_reset = c
    v_pre = cut(decay * v + (gain * i + drive))
    after, left, spiked = fire(v_pre, v, refractory, v_threshold, v_reset, reset, rest)
    return after, cut(decay_syn * i + current), left, spiked


@njit(cache=True, nogil=True)
def step_lif(v, refractory, current, c, reset, rest):
    decay, gain, drive, v_threshold, v_reset = c
    v_pre = cut(decay * v + (gain * current + drive))
    return fire(v_pre, v, refractory, v_threshold, v_reset, reset, rest)


@njit(cache=True, nogil=True)
def move_cuba(v, i, refractory, arriving, fired, unit, c, reset, rest):
    """One step of neurons with one set of coefficients; input is consumed."""
    for j in range(v.size):
        current = np.float32(arriving[j]) * unit
        arriving[j] = 0
        v[j], i[j], refractory[j], fired[j] = step_cuba(
            v[j], i[j], refractory[j], current, c, reset, rest
        )


@njit(cache=True, nogil=True)
def move_lif(v, refractory, arriving, fired, unit, c, reset, rest):
    for j in range(v.size):
        current = np.float32(arriving[j]) * unit
        arriving[j] = 0
        v[j], refractory[j], fired[j] = step_lif(v[j], refractory[j], current, c, reset, rest)


@njit(cache=True, nogil=True)
def move_each_cuba(v, i, refractory, arriving, fired, unit, own, reset, rest):
    """One step of neurons with coefficients of their own."""
    for j in range(v.size):
        c = (own[0, j], own[1, j], own[2, j], own[3, j], own[4, j], own[5, j])
        current = np.float32(arriving[j]) * unit
        arriving[j] = 0
        v[j], i[j], refractory[j], fired[j] = step_cuba(
            v[j], i[j], refractory[j], current, c, reset, rest
        )


@njit(cache=True, nogil=True)
def move_each_lif(v, refractory, arriving, fired, unit, own, reset, rest):
    for j in range(v.size):
        c = (own[0, j], own[1, j], own[2, j], own[3, j], own[4, j])
        current = np.float32(arriving[j]) * unit
        arriving[j] = 0
        v[j], refractory[j], fired[j] = step_lif(v[j], refractory[j], current, c, reset, rest)


@njit(cache=True, nogil=True)
def move(segments, coefficients, units, own, tile, n_tiles, state, arriving, fired):
    """One step of all neurons of a tile."""
    for population in range(segments.shape[0]):
        model, reset, refractory_steps, first, size, lowest, per_neuron = segments[population]
        begin, end = own_range(first, size, tile, n_tiles)
        v, i = state[0, begin:end], state[1, begin:end]
        refractory = state[1 + model, begin:end]
        come, flags = arriving[begin:end], fired[begin:end]
        unit, rest = units[population], np.float32(refractory_steps)
        c = coefficients[lowest:]
        if per_neuron:
            if model:
                move_each_cuba(v, i, refractory, come, flags, unit, own[:, begin:end], reset, rest)
            else:
                move_each_lif(v, refractory, come, flags, unit, own[:, begin:end], reset, rest)
        elif model:
            numbers = (c[0], c[1], c[2], c[3], c[4], c[5])
            move_cuba(v, i, refractory, come, flags, unit, numbers, reset, rest)
        else:
            move_lif(v, refractory, come, flags, unit, (c[0], c[1], c[2], c[3], c[4]), reset, rest)


@njit(cache=True, nogil=True)
def list_fired(fired, tile, n_tiles, listed):
    """Numbers in the network of a tile's neurons that fired; returns how many.

    ``fired`` is a multiple of 8 bytes long: neurons are passed over by eights.
    """
    count = 0
    eights = fired.view(np.uint64)
    for k in range(eights.size):
        if eights[k] == 0:
            continue
        for neuron in range(8 * k, 8 * k + 8):
            if fired[neuron]:
                listed[count] = neuron * n_tiles + tile
                count += 1
    return count


class Tables(NamedTuple):
    """What a call only reads; ``levels`` are the thresholds with their highest bit flipped."""

    words: np.ndarray
    row_starts: np.ndarray
    offsets: np.ndarray
    segments: np.ndarray
    coefficients: np.ndarray
    units: np.ndarray
    stimuli: np.ndarray
    levels: np.ndarray
    seed: int
    first_step: int
    interval: int


class Work(NamedTuple):
    """Arrays of a call, by tile.

    Attributes:
        own: coefficients per neuron, float32 [X, 6, L], or [X, 6, 0] where none are.
        arriving: input of the steps that share random words, int32 [X, 1 or 4, L].
        fired: who fired in the step, uint8 [X, L rounded up to eights].
        listed: who fired since the last exchange, int32 [X, interval L].
        counts: how many in each step, int64 [X, interval].
        events: words added, in the first entry of a cache line, int64 [X, 8].
    """

    own: np.ndarray
    arriving: np.ndarray
    fired: np.ndarray
    listed: np.ndarray
    counts: np.ndarray
    events: np.ndarray


@njit(cache=True, nogil=True)
def advance_tile(tile, now, steps, tables, state, spikes, spike_starts, work):
    """Steps ``now``, ``now`` + 1, ... of one tile, up to the next exchange of spikes.

    ``now`` counts as ``spike_starts`` does.
    """
    n_tiles, slots = work.arriving.shape[0], work.arriving.shape[1]
    n_delays = tables.offsets.shape[2] - 1
    fired = work.fired[tile]
    reached = np.int64(0)
    for k in range(steps):
        step = tables.first_step + now - n_delays + k
        slot = step % slots
        if slots > 1 and (slot == 0 or now + k == n_delays):
            work.arriving[tile, :, :] = 0
            add_poisson(
                tables.stimuli, tables.levels, tables.seed, step, tile, n_tiles, work.arriving[tile]
            )
        arriving = work.arriving[tile, slot]
        work.events[tile, 0] += deliver(
            tables.words,
            tables.row_starts[tile],
            tables.offsets[tile],
            spikes,
            spike_starts,
            now + k,
            tables.interval,
            arriving,
        )
        move(
            tables.segments,
            tables.coefficients,
            tables.units,
            work.own[tile],
            tile,
            n_tiles,
            state[tile],
            arriving,
            fired,
        )
        work.counts[tile, k] = list_fired(fired, tile, n_tiles, work.listed[tile, reached:])
        reached += work.counts[tile, k]


@njit(cache=True, nogil=True)
def exchange(listed, counts, steps, now, spikes, spike_starts):
    """Join what the tiles listed, step by step."""
    taken = np.zeros(listed.shape[0], np.int64)
    for k in range(steps):
        end = spike_starts[now + k]
        for tile in range(listed.shape[0]):
            for j in range(counts[tile, k]):
                spikes[end + j] = listed[tile, taken[tile] + j]
            taken[tile] += counts[tile, k]
            end += counts[tile, k]
        spike_starts[now + k + 1] = end
