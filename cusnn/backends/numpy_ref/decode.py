"""Spikes as values: how many, and when the first."""

import numpy as np


def decode_count(spikes, counts):
    counts[:] = np.count_nonzero(spikes, axis=0)


def decode_first_spike(spikes, steps):
    steps[:] = -1
    for t in reversed(range(spikes.shape[0])):
        steps[spikes[t] != 0] = t
