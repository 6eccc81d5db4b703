"""The steps of a layer in one program: spikes times weights, by tile, into neurons."""

import numba
import numpy as np

from cusnn.backends.numba_cpu.chosen_rows import copy_row, inner
from cusnn.backends.numba_cpu.layer_lists import CHUNK
from cusnn.backends.numba_cpu.layer_tiles import TOGETHER, arrive, copy_tile, load, store
from cusnn.backends.numba_cpu.neuron_blocks import pack
from cusnn.backends.numba_cpu.neuron_rows import step
from cusnn.backends.numba_cpu.neuron_tables import block_table


@numba.njit(cache=True, nogil=True, parallel=True)
def forward(
    starts,
    chosen,
    weights,
    bias,
    given,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    currents,
    table,
    keep,
    rest,
    interval,
    width,
    parts,
):
    batch, m = state.shape[1:]
    tiles = -(-m // width)
    for job in numba.prange(tiles * parts):
        tile, part = job // parts, job % parts
        first, last = batch * part // parts, batch * (part + 1) // parts
        left, right = tile * width, min(m, tile * width + width)
        _forward_tile(
            starts,
            chosen,
            weights,
            bias,
            given,
            state,
            final_state,
            spikes,
            packed,
            checkpoints,
            currents,
            block_table(table, tile * TOGETHER * width, (tile + 1) * TOGETHER * width),
            keep,
            rest,
            interval,
            width,
            (first, last, left, right),
        )


@inner
def _forward_tile(
    starts,
    chosen,
    weights,
    bias,
    given,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    currents,
    table,
    keep,
    rest,
    interval,
    width,
    where,
):
    first, last, left, right = where
    batch, m = state.shape[1:]
    flat_spikes, flat_currents = spikes.reshape(spikes.size), currents.reshape(currents.size)
    size = (last - first) * width
    steps = (starts.size - 1) // max(1, state.shape[1] * -(-weights.shape[0] // CHUNK))
    if given.shape[0] > 0:
        steps = given.shape[0]
    tile = np.zeros(weights.shape[0] * width if given.shape[0] == 0 else 0, np.float32)
    if given.shape[0] == 0:
        copy_tile(weights, left, right, width, tile)
    start = np.zeros(width, np.float32)
    for j in range(right - left):
        start[j] = bias[left + j]
    sets = -(-(last - first) // TOGETHER)
    now = np.zeros((sets, state.shape[0], TOGETHER * width), np.float32)
    for s in range(sets):
        one, other = first + s * TOGETHER, min(last, first + (s + 1) * TOGETHER)
        load(state, one, other, left, right, width, now[s])
    arriving = np.zeros(interval * size, np.float32)
    v_pre = np.empty(TOGETHER * width, np.float32)
    spiked = np.empty(TOGETHER * width, np.uint8)
    for t in range(0, steps, interval):
        length = min(interval, steps - t)
        arrive(starts, chosen, tile, start, given, 0, t, length, *where, width, arriving)
        for s in range(sets):
            one, other = first + s * TOGETHER, min(last, first + (s + 1) * TOGETHER)
            if checkpoints.shape[0] > 0:
                store(now[s], one, other, left, right, width, checkpoints[t // interval])
            for k in range(length):
                place = k * size + (one - first) * width
                current = arriving[place : place + (other - one) * width]
                step(current, now[s], v_pre, spiked, table, keep, rest)
                for b in range(one, other):
                    row = (b - one) * width
                    out = ((t + k) * batch + b) * m + left
                    if spikes.shape[0] > 0:
                        copy_row(spiked, row, flat_spikes, out, right - left)
                    if packed.shape[0] > 0:
                        pack(spiked[row : row + right - left], packed[t + k, b, left // 32 :])
                    if currents.shape[0] > 0:
                        copy_row(arriving, place + row, flat_currents, out, right - left)
    for s in range(sets):
        one, other = first + s * TOGETHER, min(last, first + (s + 1) * TOGETHER)
        store(now[s], one, other, left, right, width, final_state)
