"""What the engine's compiled functions share: arrays of a call, and who owns which neuron."""

from typing import NamedTuple

import numpy as np

# Of functions that only compiled ones call: wrappers for Python take as long to compile. Callers
# outlive all arrays, whose users Numba need not count: a step has hundreds of them.
INNER = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}
# Numbers of 8 bytes that keep what a thread writes out of lines that others read: processors fetch
# two lines of 64 bytes at a time.
LINE = 16


class Tables(NamedTuple):
    """What a call only reads.

    Attributes:
        words to units, stimuli, event_*, probes: as ``network_advance`` gets them; ``amounts`` is
            empty where words hold the weights.
        levels: thresholds with their highest bit flipped, int32 [Q].
        parts: numbers within a tile of the neurons of each segment that it owns, begin and end,
            int64 [X, G, 2]; shares: the same of stimuli, int64 [X, I, 2].
        drivers: which stimuli may drive a segment, begin and end, int64 [G, 2].
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
    parts: np.ndarray
    shares: np.ndarray
    drivers: np.ndarray
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
        arriving: input of four steps, each in the row of its number modulo 4, int32 [X, 5, slots];
            zero but between delivery and arrival, and in the last row always.
        random: random words, int32 [X, 4, 512].
        groups: begins and ends of groups of words, int64 [X, 2, 256].
        fired: which neurons of a block fired, int32 [X, 1024].
        listed: who fired in each step since the last exchange, in turns, int32 [2, X, interval, L].
        counts: the number of the exchange for which a tile is ready, then how many fired in each
            step, in turns, int64 [2, X, 1 + interval and more].
        events: words added, in the first entry, int64 [X, 16].
        rows: where the rows of spikes begin, int64 [X, R].
        waits: of a thread, whether it is to give up and how often it gave way, int64 [X, 16].
    """

    own: np.ndarray
    until: np.ndarray
    arriving: np.ndarray
    random: np.ndarray
    groups: np.ndarray
    fired: np.ndarray
    listed: np.ndarray
    counts: np.ndarray
    events: np.ndarray
    rows: np.ndarray
    waits: np.ndarray


class Flight(NamedTuple):
    """Spikes that a thread knows of. Each has a list: what others write comes late into a cache.

    Attributes:
        spikes, starts: ``spikes`` and ``spike_starts`` of ``network_advance``, or the like.
        places: of a spike of neuron g in step t, g (D + 1) - t, int64 [R]: entry t + d of
            ``offsets`` from there on is where what is due after d steps ends.
    """

    spikes: np.ndarray
    starts: np.ndarray
    places: np.ndarray


def of_its_own(flight, steps):
    """Lists of a thread of its own, with the spikes of the first steps in them."""
    own = Flight(*(np.empty_like(array) for array in flight))
    end = flight.starts[steps - 1]
    own.starts[:steps], own.spikes[:end] = flight.starts[:steps], flight.spikes[:end]
    return own


def own_ranges(firsts, sizes, n_tiles):
    """Numbers within each tile of the neurons that it owns of some ranges, int64 [X, ranges, 2]."""
    edges = np.stack([firsts, firsts + sizes], axis=-1)
    return -((np.arange(n_tiles)[:, None, None] - edges) // n_tiles)


def overlapping(firsts, sizes, segments):
    """Of ranges in the order of their firsts, begin and end of those that may meet a segment."""
    begins = np.searchsorted(np.maximum.accumulate(firsts + sizes), segments[:, 3], side="right")
    return np.stack([begins, np.searchsorted(firsts, segments[:, 3] + segments[:, 4])], axis=-1)
