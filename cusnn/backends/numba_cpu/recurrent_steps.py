"""The steps of neurons that feed one another, sample by sample."""

import numba
import numpy as np

from cusnn.backends.numba_cpu.chosen_rows import add_rows, inner
from cusnn.backends.numba_cpu.neuron_blocks import pack
from cusnn.backends.numba_cpu.neuron_rows import step
from cusnn.backends.numba_cpu.spikes import compact_row


@inner
def arrive(current, weights, row, fired, count, total):
    """Input and the rows of the ``count`` neurons that fired before, in ``total`` [row]."""
    for j in range(current.size):
        total[j] = current[j]
    for left in range(0, row, 64):
        add_rows(min(64, row - left), total, left, weights, left, row, fired, 0, count)


@numba.njit(cache=True, nogil=True, parallel=True)
def forward(
    current,
    weights,
    row,
    spikes_before,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    table,
    keep,
    rest,
    interval,
):
    for b in numba.prange(current.shape[1]):
        _sample(
            current,
            weights,
            row,
            spikes_before,
            state,
            final_state,
            spikes,
            packed,
            checkpoints,
            table,
            keep,
            rest,
            interval,
            b,
        )


@inner
def _sample(
    current,
    weights,
    row,
    spikes_before,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    table,
    keep,
    rest,
    interval,
    b,
):
    steps, _, n = current.shape
    now = state[:, b, :].copy()
    total = np.zeros(row, np.float32)
    v_pre = np.empty(n, np.float32)
    spiked = spikes_before[b].copy()
    fired = np.empty(n, np.int32)
    for t in range(steps):
        if checkpoints.shape[0] > 0 and t % interval == 0:
            checkpoints[t // interval, :, b, :] = now
        arrive(current[t, b], weights, row, fired, compact_row(spiked, fired), total)
        step(total[:n], now, v_pre, spiked, table, keep, rest)
        if spikes.shape[0] > 0:
            spikes[t, b, :] = spiked
        if packed.shape[0] > 0:
            pack(spiked, packed[t, b])
    final_state[:, b, :] = now
