"""Spikes as bytes, as bits and as lists of indices."""

import numpy as np


def spike_pack(spikes, packed, others):
    rows, n = spikes.shape
    fired = np.zeros((rows, 32 * packed.shape[1]), np.uint32)
    fired[:, :n] = spikes != 0
    bit = np.arange(32, dtype=np.uint32)
    packed[:] = np.bitwise_or.reduce(fired.reshape(*packed.shape, 32) << bit, axis=2)
    if others is not None:
        others[:] = ((spikes != 0) & (spikes != 1)).any(axis=1)


def spike_unpack(packed, spikes):
    neuron = np.arange(spikes.shape[1], dtype=np.uint32)
    spikes[:] = (packed[:, neuron // 32] >> (neuron % 32)) & 1


def spike_compact(spikes, indices, counts):
    for row, fired in enumerate(map(np.flatnonzero, spikes)):
        counts[row] = fired.size
        indices[row, : fired.size] = fired
