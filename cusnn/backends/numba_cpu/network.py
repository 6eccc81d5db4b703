"""The network engine: a worker builds and moves its tiles; spikes are exchanged between regions."""

import numba
import numpy as np
from numba import njit, prange

from cusnn.backends.numba_cpu import network_tile as tiles
from cusnn.backends.numba_cpu.network_synapses import (
    accumulate_rows,
    initial_values,
    own_synapses,
    restore_offsets,
)


def network_build(
    connections,
    weights,
    thresholds,
    listed_sources,
    listed_targets,
    listed_weights,
    listed_delays,
    groups,
    voltages,
    words,
    row_starts,
    offsets,
    initial,
    seed,
    threads,
):
    """Count, sum up, place: two passes over all synapses, each worker keeping its tiles'."""
    previous = limit_threads(threads)
    try:
        build(
            connections,
            weights,
            thresholds,
            listed_sources,
            listed_targets,
            listed_weights,
            listed_delays,
            groups,
            voltages,
            words,
            row_starts,
            offsets,
            initial,
            seed,
            min(numba.get_num_threads(), row_starts.shape[0]),
        )
    finally:
        numba.set_num_threads(previous)


def network_advance(
    words,
    row_starts,
    offsets,
    segments,
    coefficients,
    units,
    stimuli,
    thresholds,
    state,
    spikes,
    spike_starts,
    progress,
    seed,
    first_step,
    interval,
    threads,
):
    """One parallel region per exchange of spikes."""
    previous = limit_threads(threads)
    try:
        advance(
            words,
            row_starts,
            offsets,
            segments,
            coefficients,
            units,
            stimuli,
            thresholds,
            state,
            spikes,
            spike_starts,
            progress,
            seed,
            first_step,
            interval,
        )
    finally:
        numba.set_num_threads(previous)


def limit_threads(threads):
    """Use so many threads, as far as Numba has them; returns the number before."""
    previous = numba.get_num_threads()
    numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
    return previous


@njit(cache=True, parallel=True, nogil=True, error_model="numpy")
def build(
    connections,
    weights,
    thresholds,
    listed_sources,
    listed_targets,
    listed_weights,
    listed_delays,
    groups,
    voltages,
    words,
    row_starts,
    offsets,
    initial,
    seed,
    workers,
):
    n_tiles = row_starts.shape[0]
    owner = np.arange(n_tiles) % workers
    for tile in prange(n_tiles):
        offsets[tile, :, :] = 0
    for worker in prange(workers):
        own_synapses(
            False,
            worker,
            owner,
            connections,
            weights,
            thresholds,
            listed_sources,
            listed_targets,
            listed_weights,
            listed_delays,
            words,
            row_starts,
            offsets,
            seed,
        )
    totals = np.zeros(n_tiles, np.int64)
    for tile in prange(n_tiles):
        totals[tile] = accumulate_rows(offsets[tile], row_starts[tile])
    base = np.int64(0)
    for tile in range(n_tiles):
        row_starts[tile] += base
        base += totals[tile]
    for worker in prange(workers):
        own_synapses(
            True,
            worker,
            owner,
            connections,
            weights,
            thresholds,
            listed_sources,
            listed_targets,
            listed_weights,
            listed_delays,
            words,
            row_starts,
            offsets,
            seed,
        )
    for tile in prange(n_tiles):
        restore_offsets(offsets[tile])
    for group in range(groups.shape[0]):
        first, size, stream, kind = groups[group]
        initial_values(kind, voltages[group], seed, stream, initial[first : first + size])


@njit(cache=True, parallel=True, nogil=True, error_model="numpy")
def advance(
    words,
    row_starts,
    offsets,
    segments,
    coefficients,
    units,
    stimuli,
    thresholds,
    state,
    spikes,
    spike_starts,
    progress,
    seed,
    first_step,
    interval,
):
    n_tiles, n_neurons = row_starts.shape
    size = state.shape[2]
    n_delays = offsets.shape[2] - 1
    last = spike_starts.size - 1
    per_neuron = segments[:, 6].max() > 0
    slots = tiles.STEPS_PER_DRAW if stimuli.shape[0] else 1
    own = np.empty((n_tiles, tiles.MOST_COEFFICIENTS, size if per_neuron else 0), np.float32)
    arriving = np.zeros((n_tiles, slots, size), np.int32)
    fired = np.zeros((n_tiles, (size + 7) // 8 * 8), np.uint8)
    listed = np.empty((n_tiles, interval * size), np.int32)
    counts = np.zeros((n_tiles, interval), np.int64)
    events = np.zeros((n_tiles, 8), np.int64)
    for tile in prange(n_tiles):
        tiles.gather_coefficients(segments, coefficients, tile, n_tiles, own[tile])
    levels = (thresholds ^ tiles.FLIP).view(np.int32)
    now = n_delays
    while now < last:
        steps = min(interval, last - now)
        if spikes.size - spike_starts[now] < steps * n_neurons:
            break
        for tile in prange(n_tiles):
            reached = 0
            for k in range(steps):
                step = first_step + (now - n_delays) + k
                slot = step % slots
                if slots > 1 and (slot == 0 or now + k == n_delays):
                    arriving[tile] = 0
                    tiles.add_poisson(stimuli, levels, seed, step, tile, n_tiles, arriving[tile])
                events[tile, 0] += tiles.deliver(
                    words,
                    row_starts[tile],
                    offsets[tile],
                    spikes,
                    spike_starts,
                    now + k,
                    interval,
                    arriving[tile, slot],
                )
                tiles.move(
                    segments,
                    coefficients,
                    units,
                    own[tile],
                    tile,
                    n_tiles,
                    state[tile],
                    arriving[tile, slot],
                    fired[tile],
                )
                counts[tile, k] = tiles.list_fired(
                    fired[tile], tile, n_tiles, listed[tile, reached:]
                )
                reached += counts[tile, k]
        exchange(listed, counts, steps, now, spikes, spike_starts)
        now += steps
    progress[0] = now - n_delays
    progress[1] = events[:, 0].sum()


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
