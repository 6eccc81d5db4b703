"""Spikes of earlier steps: the synapse words that are due are added to integers by slot."""

import numpy as np
from numba import njit

from cusnn.backends.numba_cpu.network_prefetch import prefetch
from cusnn.backends.numba_cpu.network_tables import INNER

GROUPS, AHEAD = 256, 8
WORDS_PER_LINE, MOST_LINES, STEPS_AHEAD = 16, 6, 4
SLOT, WEIGHT = np.uint32(0xFFFF), np.int32(16)


@njit(**INNER)
def prefetch_group(words, begin, end):
    """Ask for the first lines of a group; processors guess the others."""
    prefetch(words, begin)
    prefetch(words, min(begin + WORDS_PER_LINE, end - 1))
    prefetch(words, end - 1)
    most = min(end - 1, begin + MOST_LINES * WORDS_PER_LINE)
    for k in range(begin + 2 * WORDS_PER_LINE, most, WORDS_PER_LINE):
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
def deliver(words, amounts, offsets, rows, places, spike_starts, now, shortest, groups, arriving):
    """Add all words that are due in step ``now``; returns their number.

    The loop over spikes in flight has no branch that depends on how many words are due of each.
    """
    events, n_groups, width = np.int64(0), np.int64(0), offsets.shape[1]
    edges = offsets.reshape(-1)
    for k in range(spike_starts[now - width + 1], spike_starts[now - shortest + 1]):
        place = places[k] + now
        # What is due of a row in the steps to come lies beside it.
        prefetch(edges, place + STEPS_AHEAD)
        begin, end = rows[k] + np.int64(edges[place - 1]), rows[k] + np.int64(edges[place])
        groups[0, n_groups], groups[1, n_groups] = begin, end
        events += end - begin
        n_groups += end > begin
        if n_groups == GROUPS:
            add_groups(words, amounts, groups, n_groups, arriving)
            n_groups = np.int64(0)
    add_groups(words, amounts, groups, n_groups, arriving)
    return events
