"""The network engine: a thread builds and moves its tiles; threads meet to exchange spikes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from cusnn.backends.numba_cpu.network_deliver import GROUPS
from cusnn.backends.numba_cpu.network_meeting import (
    GIVEN_UP,
    publish,
    wait_for,
    ways,
)
from cusnn.backends.numba_cpu.network_move import MOST_COEFFICIENTS
from cusnn.backends.numba_cpu.network_poisson import BLOCK as WORDS
from cusnn.backends.numba_cpu.network_poisson import FLIP, STEPS_PER_DRAW
from cusnn.backends.numba_cpu.network_synapses import (
    accumulate_rows,
    initial_values,
    own_synapses,
    restore_offsets,
)
from cusnn.backends.numba_cpu.network_tables import (
    INNER,
    LINE,
    Flight,
    Tables,
    Work,
    of_its_own,
    overlapping,
    own_ranges,
)
from cusnn.backends.numba_cpu.network_threads import together, workers_for
from cusnn.backends.numba_cpu.network_tile import (
    BLOCK,
    advance_tile,
    begin_rests,
    end_rests,
    exchange,
    gather_coefficients,
    locate,
)

# Synapses after which the build tells how far it is. A call of a function costs as much as some
# thousand, so small projections are drawn several at a time.
PIECE = 2**16


def network_build(
    connections,
    weights,
    counted,
    thresholds,
    listed_sources,
    listed_targets,
    listed_weights,
    listed_delays,
    groups,
    voltages,
    words,
    amounts,
    row_starts,
    offsets,
    initial,
    seed,
    channels,
    threads,
    tell,
):
    """Count, sum up, place: each thread draws all synapses twice and keeps those of its tiles.

    Where one raises, or Ctrl-C comes, the others end after the projections that they are at.
    """
    n_tiles = row_starts.shape[0]
    workers = min(threads, n_tiles)
    owner = np.arange(n_tiles) % workers
    tables = (
        counted,
        thresholds,
        listed_sources,
        listed_targets,
        listed_weights,
        listed_delays,
        words,
        np.zeros(0, np.int32) if amounts is None else amounts,
        row_starts,
        offsets,
        seed,
    )

    passed = np.append(0, connections[:, 1].cumsum())
    # One at least, so that a network without projections has compiled what others need.
    ends = [*(np.flatnonzero(np.diff(passed[1:] // PIECE)) + 1), len(connections)]
    shares = passed[ends] / max(passed[-1], 1)
    stopped = threading.Event()

    def draw(place, worker):
        begin = 0
        for end, share in zip(ends, shares, strict=True):
            if stopped.is_set():
                return
            some, begin = slice(begin, end), end
            own_synapses(place, worker, owner, connections[some], weights[some], *tables)
            if worker == 0:  # the others are about as far
                tell(0.5 * (place + share))

    def count(worker):
        offsets[worker::workers] = 0
        draw(False, worker)
        return [
            accumulate_rows(offsets[tile], row_starts[tile])
            for tile in range(worker, n_tiles, workers)
        ]

    def place(worker):
        draw(True, worker)
        for tile in range(worker, n_tiles, workers):
            restore_offsets(offsets[tile])

    with ThreadPoolExecutor(workers) as pool:
        try:
            totals = np.zeros(n_tiles + 1, np.int64)
            for worker, sums in enumerate(pool.map(count, range(workers))):
                totals[1 + worker :: workers] = sums
            row_starts += totals.cumsum()[:-1, None]
            list(pool.map(place, range(workers)))
        except BaseException:
            stopped.set()
            raise
    initial[:] = 0
    for (first, size, stream, kind, state_row), row in zip(groups, voltages, strict=True):
        initial_values(kind, row, seed, stream, initial[state_row, first : first + size])


def network_advance(
    words,
    amounts,
    row_starts,
    offsets,
    segments,
    coefficients,
    units,
    stimuli,
    thresholds,
    event_steps,
    event_neurons,
    event_amounts,
    event_channels,
    probes,
    state,
    spikes,
    spike_starts,
    recorded,
    progress,
    seed,
    first_step,
    interval,
    every,
    channels,
    threads,
):
    """Whole windows in compiled code; threads meet once in each."""
    n_tiles, _, size = state.shape
    models = segments[:, 0]
    stimuli = stimuli[np.argsort(stimuli[:, 0], kind="stable")]
    firsts, sizes = stimuli[:, 0], stimuli[:, 1]
    tables = Tables(
        words,
        np.zeros(0, np.int32) if amounts is None else amounts,
        row_starts,
        offsets,
        segments,
        coefficients,
        units,
        stimuli,
        (thresholds ^ FLIP).view(np.int32),
        event_steps,
        event_neurons,
        event_amounts,
        event_channels,
        probes,
        own_ranges(segments[:, 3], segments[:, 4], n_tiles),
        own_ranges(firsts, sizes, n_tiles),
        overlapping(firsts, sizes, segments),
        seed,
        first_step,
        interval,
        every,
        bool(((models >= 1) & (models <= 3)).all()),
    )
    per_neuron = segments[:, 6].any()
    work = Work(
        own=np.empty((n_tiles, MOST_COEFFICIENTS, size if per_neuron else 0), np.float32),
        until=np.zeros((n_tiles, size), np.int32),
        arriving=np.zeros((n_tiles, STEPS_PER_DRAW + 1, channels * size), np.int32),
        random=np.empty((n_tiles, STEPS_PER_DRAW, WORDS), np.int32),
        groups=np.empty((n_tiles, 2, GROUPS), np.int64),
        fired=np.empty((n_tiles, BLOCK), np.int32),
        listed=np.empty((2, n_tiles, interval, size), np.int32),
        counts=np.zeros((2, n_tiles, -(-(interval + 1) // LINE) * LINE), np.int64),
        events=np.zeros((n_tiles, LINE), np.int64),
        rows=np.empty((n_tiles, spikes.size), np.int64),
        waits=np.zeros((n_tiles, LINE), np.int64),
    )
    for tile in range(n_tiles):
        parts = tables.parts[tile]
        begin_rests(segments, parts, state[tile], work.until[tile])
        if per_neuron:
            gather_coefficients(segments, parts, coefficients, tile, n_tiles, work.own[tile])
    workers, system = workers_for(threads, n_tiles), ways()

    def advance(worker):
        flight = Flight(spikes, spike_starts, np.empty(spikes.size, np.int64))
        if worker > 0:
            flight = of_its_own(flight, offsets.shape[2])
        return advance_tiles(worker, workers, system, tables, flight, state, recorded, work)

    done = min(together(advance, workers, lambda: work.waits.fill(GIVEN_UP)))
    for tile in range(n_tiles):
        end_rests(segments, tables.parts[tile], work.until[tile], np.int32(done), state[tile])
    progress[:] = done, work.events[:, 0].sum()


@njit(**INNER)
def window(now, interval, n_neurons, flight):
    """Steps until the next exchange; 0 at the end or where ``spikes`` might overflow."""
    steps = min(interval, flight.starts.size - 1 - now)
    return steps if flight.spikes.size - flight.starts[now] >= steps * n_neurons else 0


@njit(cache=True, nogil=True, _nrt=False)
def advance_tiles(worker, workers, ways, tables, flight, state, recorded, work):
    """Windows of a thread's tiles; returns the number of steps.

    What it lists in a window others may still read in the next, so the lists are two.
    """
    n_tiles, n_neurons = tables.row_starts.shape
    begin = tables.offsets.shape[2] - 1
    locate(0, begin, worker, workers, tables, flight, work.rows)
    now, steps, meetings = begin, 1, 0
    while steps > 0:
        steps = window(now, tables.interval, n_neurons, flight)
        listed, counts = work.listed[meetings % 2], work.counts[meetings % 2]
        meetings += 1
        for tile in range(worker, n_tiles, workers):
            lists = listed[tile], counts[tile, 1:]
            advance_tile(tile, now, steps, tables, flight, state, recorded, work, *lists)
            publish(counts[tile], 0, meetings)
        for tile in range(n_tiles):
            if not wait_for(counts[tile], 0, meetings, work.waits[worker], ways):
                return GIVEN_UP
        exchange(listed, counts, steps, now, flight)
        locate(now, steps, worker, workers, tables, flight, work.rows)
        now += steps
    return now - begin
