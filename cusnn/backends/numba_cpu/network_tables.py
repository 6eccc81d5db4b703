"""What the engine's compiled functions share: arrays of a call, and who owns which neuron."""

from typing import NamedTuple

import numpy as np
from numba import njit

from cusnn.backends.numba_cpu.network_prefetch import borrowed

# Of functions that only compiled ones call: wrappers for Python take as long to compile.
INNER = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


class Tables(NamedTuple):
    """What a call only reads.

    Attributes:
        words to units, stimuli, event_*, probes: as ``network_advance`` gets them; ``amounts`` is
            empty where words hold the weights.
        levels: thresholds with their highest bit flipped, int32 [Q].
        slot_units: unit of each slot of a tile, float32 [X, slots].
        seed, first_step, interval, every: settings.
        late: whether no input moves a voltage in the step in which it arrives.
    """

    words: np.ndarray
    amounts: np.ndarray
    row_starts: np.ndarray
    offsets: np.ndarray
    segments: np.ndarray
    coefficients: np.ndarray
    units: np.ndarray
    stimuli: np.ndarray
    levels: np.ndarray
    event_steps: np.ndarray
    event_neurons: np.ndarray
    event_amounts: np.ndarray
    event_channels: np.ndarray
    probes: np.ndarray
    slot_units: np.ndarray
    seed: int
    first_step: int
    interval: int
    every: int
    late: bool


class Work(NamedTuple):
    """Arrays of a call, by tile.

    Attributes:
        own: coefficients per neuron, float32 [X, 11, L], or [X, 11, 0] where none are.
        until: step of the call from which a neuron no longer rests, int32 [X, L].
        arriving: input of the steps that share random words, int32 [X, 1 or 4, slots]; zero but
            between delivery and arrival.
        touched: slots at which something arrived, int32 [X, room].
        random: random words, int32 [X, 4, 256].
        groups: begins and ends of groups of words, int64 [X, 2, 256].
        fired, eights: who fired of a block of neurons, uint8 [X, 1024], and the same memory as
            uint64 [X, 32, 4].
        listed: who fired since the last exchange, int32 [X, interval L].
        counts: how many in each step, int64 [X, interval].
        taken: how many of them are exchanged, int64 [X].
        events: words added, in the first entry of a cache line, int64 [X, 8].
    """

    own: np.ndarray
    until: np.ndarray
    arriving: np.ndarray
    touched: np.ndarray
    random: np.ndarray
    groups: np.ndarray
    fired: np.ndarray
    eights: np.ndarray
    listed: np.ndarray
    counts: np.ndarray
    taken: np.ndarray
    events: np.ndarray


@njit(**INNER)
def own_range(first, size, tile, n_tiles):
    """Numbers within a tile of the neurons ``first`` to ``first`` + ``size`` - 1 that it owns."""
    return (first - tile + n_tiles - 1) // n_tiles, (first + size - tile + n_tiles - 1) // n_tiles


@njit(**INNER)
def borrowed_tables(tables):
    """The same with arrays that nobody counts."""
    return Tables(
        borrowed(tables.words),
        borrowed(tables.amounts),
        borrowed(tables.row_starts),
        borrowed(tables.offsets),
        borrowed(tables.segments),
        borrowed(tables.coefficients),
        borrowed(tables.units),
        borrowed(tables.stimuli),
        borrowed(tables.levels),
        borrowed(tables.event_steps),
        borrowed(tables.event_neurons),
        borrowed(tables.event_amounts),
        borrowed(tables.event_channels),
        borrowed(tables.probes),
        borrowed(tables.slot_units),
        tables.seed,
        tables.first_step,
        tables.interval,
        tables.every,
        tables.late,
    )


@njit(**INNER)
def borrowed_work(work):
    """The same with arrays that nobody counts."""
    return Work(
        borrowed(work.own),
        borrowed(work.until),
        borrowed(work.arriving),
        borrowed(work.touched),
        borrowed(work.random),
        borrowed(work.groups),
        borrowed(work.fired),
        borrowed(work.eights),
        borrowed(work.listed),
        borrowed(work.counts),
        borrowed(work.taken),
        borrowed(work.events),
    )
