"""The network engine: synapse words by tile, and all tiles advanced with rings of delays."""

import sys

import numpy as np

from cusnn import driver
from cusnn.backends.cuda.arguments import int32s

EXCHANGES = {"barrier": "Barrier", "mailbox": "Mailbox"}
MEMORIES = {"shared": "SharedRings", "global": "GlobalRings"}
INSTANTIATIONS = {
    "network_build_rings.cu": (
        "network_build_rings",
        "network_sum_rows",
        "network_add_sums",
        "network_start_rows",
    ),
    "network_advance_rings.cu": (
        *(
            f"network_advance_rings<{exchange}, {memory}>"
            for exchange in EXCHANGES.values()
            for memory in MEMORIES.values()
        ),
        "network_prepare_rings",
        "network_count_flight",
    ),
}
BUILD, ADVANCE = INSTANTIATIONS
BLOCK = 256
SCAN_ROWS = 16 * BLOCK  # of network_build_rings.cu
ADVANCE_BLOCK = 640  # MOST_THREADS of network_advance_rings.cu
PACKET = 4  # of network_rings.cuh
SIZES = np.dtype(
    [(name, "i8") for name in ("first_step", "every", "R", "Z", "V")]
    + [("seed", "u4")]
    + [(name, "i4") for name in ("steps", "interval", "longest", "slot_bits", "slots")]
    + [(name, "i4") for name in ("channels", "X", "N", "S", "L", "I", "G", "M")],
    align=True,
)


def network_build_rings(
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
    cursors,
    initial,
    seed,
    channels,
    slot_bits,
):
    tiles, n = cursors.shape
    args = (
        *(connections, weights, counted, thresholds),
        *(listed_sources, listed_targets, listed_weights, listed_delays),
        *(groups, voltages, words, amounts, row_starts, cursors, initial),
        connections[:, 1].cumsum(),
        *(np.uint32(seed), np.int32(slot_bits)),
    )
    sizes = (np.int64(words.size), *int32s(len(connections), len(groups), tiles, n))
    grid = -(-max(words.size, n) // BLOCK)
    initial.fill(0)
    cursors.fill(0)
    driver.launch(BUILD, "network_build_rings", grid, BLOCK, (*args, np.int32(0), *sizes))
    _start_rows(cursors, row_starts)
    driver.launch(BUILD, "network_build_rings", grid, BLOCK, (*args, np.int32(1), *sizes))


def _start_rows(cursors, row_starts):
    """Turn the lengths of all rows into where each starts, and leave 0 in their place."""
    rows, n = np.int64(cursors.size), np.int32(cursors.shape[1])
    blocks = -(-cursors.size // SCAN_ROWS)
    sums = _library(cursors).empty(blocks, np.int64)
    driver.launch(BUILD, "network_sum_rows", blocks, BLOCK, (cursors, sums, rows))
    driver.launch(BUILD, "network_add_sums", 1, BLOCK, (sums, np.int64(blocks)))
    args = (cursors, sums, row_starts, rows, n)
    driver.launch(BUILD, "network_start_rows", blocks, BLOCK, args)


def network_advance_rings(
    words,
    amounts,
    row_starts,
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
    flight,
    state,
    spikes,
    recorded,
    progress,
    seed,
    first_step,
    steps,
    interval,
    every,
    longest,
    slots,
    slot_bits,
    channels,
    memory,
    exchange,
    blocks,
):
    library = _library(state)
    tiles, rows, per_tile = state.shape
    blocks = min(tiles, blocks or driver.limits().processors)
    n, most = row_starts.shape[1] - 1, -(-tiles // blocks) * per_tile
    numbers = (
        *(first_step, every, spikes.size, flight.size, event_steps.size),
        *(seed, steps, interval, longest, slot_bits, slots, channels),
        *(tiles, n, rows, per_tile, len(stimuli), len(segments), len(probes)),
    )
    sizes = np.array(numbers, SIZES)[()]
    prepared = _prepare(library, segments, stimuli, probes, tiles, per_tile)
    cells = slots * channels * per_tile
    capacity = most * interval
    progress.fill(0)
    args = (
        *(words, amounts, row_starts, segments, coefficients, units, stimuli, thresholds),
        *(event_steps, event_neurons, event_amounts, event_channels, probes, flight),
        *(state, spikes, recorded, progress),
        library.zeros(4, np.uint32),
        library.zeros((2, blocks, PACKET), np.uint64),
        library.empty((2, blocks, capacity), np.uint64),
        library.empty((tiles, cells), np.int32) if blocks < tiles or memory == "global" else None,
        *prepared,
        np.int64(capacity),
        sizes,
    )
    kernel = f"network_advance_rings<{EXCHANGES[exchange]}, {MEMORIES[memory]}>"
    shared = 4 * ((cells if memory == "shared" else 0) + (rows + 1) * per_tile)
    driver.launch(ADVANCE, kernel, blocks, ADVANCE_BLOCK, args, shared=shared, cooperative=True)
    delay_mask = np.uint32(0xFFFF if amounts is None else 0xFFFFFFFF)
    args = (words, row_starts, flight, spikes, progress, delay_mask, sizes)
    driver.launch(ADVANCE, "network_count_flight", tiles, BLOCK, args)


def _prepare(library, segments, stimuli, probes, tiles, per_tile):
    """Stimuli by segment, and probes by neuron as chains."""
    driving = library.empty((len(segments), len(stimuli) + 1), np.int32)
    first_probes = library.full((tiles, per_tile), -1, np.int32)
    next_probes = library.empty(len(probes), np.int32)
    counts = len(segments), len(stimuli), len(probes)
    args = (segments, stimuli, probes, driving, first_probes, next_probes)
    args = (*args, *int32s(*counts, tiles, per_tile))
    grid = -(-max(counts[0], counts[2]) // BLOCK)
    driver.launch(ADVANCE, "network_prepare_rings", grid, BLOCK, args)
    return driving, first_probes, next_probes


def limits():
    """Multiprocessors of the current GPU, and bytes of shared memory that a block can have."""
    return driver.limits()


def free_bytes():
    """Bytes of memory that the current GPU has left."""
    return driver.free_bytes()


def _library(array):
    """The array library of an array."""
    return sys.modules[type(array).__module__.partition(".")[0]]
