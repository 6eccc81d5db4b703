"""Spikes of earlier steps: the synapse words that are due are added to integers by slot."""

import numpy as np
from numba import njit

from cusnn.backends.numba_cpu.network_prefetch import prefetch
from cusnn.backends.numba_cpu.network_tables import INNER

GROUPS, AHEAD = 256, 8
WORDS_PER_LINE, MOST_LINES = 16, 6
SLOT, WEIGHT = np.uint32(0xFFFF), np.int32(16)


@njit(**INNER)
def prefetch_group(words, begin, end):
    """Ask for the first lines of a group; processors guess the others."""
    for k in range(begin, min(end, begin + MOST_LINES * WORDS_PER_LINE), WORDS_PER_LINE):
        prefetch(words, k)


@njit(**INNER)
def add_narrow(words, arriving):
    for k in range(words.size):
        word = words[k]
        arriving[word & SLOT] += np.int32(word) >> WEIGHT


@njit(**INNER)
def add_wide(words, amounts, arriving):
    for k in range(words.size):
        arriving[words[k]] += amounts[k]


@njit(**INNER)
def add_groups(words, amounts, groups, n_groups, arriving):
    """Add the weight of each word of some groups to the sum of its slot.

    A group lies anywhere, so each is asked for some groups ahead.
    """
    begins, ends = groups[0], groups[1]
    wide = amounts.size > 0
    for group in range(min(n_groups, AHEAD)):
        prefetch_group(words, begins[group], ends[group])
    for group in range(n_groups):
        if group + AHEAD < n_groups:
            prefetch_group(words, begins[group + AHEAD], ends[group + AHEAD])
        begin, end = begins[group], ends[group]
        if wide:
            add_wide(words[begin:end], amounts[begin:end], arriving)
        else:
            add_narrow(words[begin:end], arriving)


@njit(**INNER)
def deliver(
    words, amounts, row_starts, offsets, spikes, spike_starts, now, shortest, groups, arriving
):
    """Add all words that are due in step ``now``; returns their number."""
    events, n_groups, width = np.int64(0), np.int64(0), offsets.shape[1]
    places, earliest = offsets.reshape(-1), spike_starts[now - width + 1]
    for delay in range(shortest, width):
        for k in range(spike_starts[now - delay], spike_starts[now - delay + 1]):
            # Of a spike of about the same step: entries of neighbouring delays share a line.
            following = spikes[max(k - AHEAD, earliest)]
            prefetch(places, following * width + delay)
            prefetch(row_starts, following)
            source = spikes[k]
            row = row_starts[source]
            begin = row + np.int64(offsets[source, delay - 1])
            end = row + np.int64(offsets[source, delay])
            groups[0, n_groups], groups[1, n_groups] = begin, end
            events += end - begin
            n_groups += end > begin
            if n_groups == GROUPS:
                add_groups(words, amounts, groups, n_groups, arriving)
                n_groups = np.int64(0)
    add_groups(words, amounts, groups, n_groups, arriving)
    return events
