"""LIF neurons that never rest: the steps that training spends its time in, and the way back.

The voltage is the only state. A thread takes a block of neurons through all steps; each loop runs
over a row of the block, so that LLVM makes vectors of it, and what a row leaves for the next stays
in cache. On the way back a segment of steps is run again from its checkpoint into ``v_pre``. The
row ``slope`` then holds one after the other distances to the threshold, derivatives of the
surrogate and gradients of the input, which may lie where the gradients of the spikes were.
"""

import numba
import numpy as np

from cusnn.backends.numba_cpu.chosen_rows import inner
from cusnn.backends.numba_cpu.neuron_blocks import (
    LARGE,
    copy_row,
    fence,
    pack,
    stream_row,
)
from cusnn.backends.numba_cpu.neuron_rows import distance
from cusnn.backends.numba_cpu.neuron_steps import TINY, ZERO
from cusnn.backends.numba_cpu.neuron_tables import at, block_table
from cusnn.backends.numba_cpu.surrogates import derivative_in_place


@numba.njit(cache=True, nogil=True, parallel=True)
def forward(
    current, state, final_state, spikes, packed, checkpoints, table, keep, interval, steps, block
):
    """Outputs that are not wanted have no steps; the counters of ``state`` are all 0."""
    _, batch, n = state.shape
    blocks = -(-n // block)
    for job in numba.prange(batch * blocks):
        b = job // blocks
        first = (job - b * blocks) * block
        last = min(first + block, n)
        _forward_block(
            current,
            state,
            final_state,
            spikes,
            packed,
            checkpoints,
            (b, first, last),
            block_table(table, first, last),
            keep,
            interval,
            steps,
        )


@inner
def _forward_block(
    current, state, final_state, spikes, packed, checkpoints, block, table, keep, interval, steps
):
    b, first, last = block
    v = state[0, b, first:last].copy()
    fired = np.empty(v.size, np.uint8)
    row = np.empty(v.size, spikes.dtype)
    large = spikes.size * spikes.itemsize >= LARGE
    for t in range(steps):
        if checkpoints.shape[0] > 0 and t % interval == 0:
            copy_row(v, checkpoints[t // interval, 0, b, first:last])
            checkpoints[t // interval, 1, b, first:last] = ZERO
        arriving = current[t if current.shape[0] == steps else 0, b, first:last]
        if packed.shape[0] > 0 or spikes.shape[0] == 0:
            _step(arriving, v, fired, table, keep)
            if spikes.shape[0] > 0:
                copy_row(fired, spikes[t, b, first:last])
            if packed.shape[0] > 0:
                pack(fired, packed[t, b, first // 32 :])
        elif large:
            _step(arriving, v, row, table, keep)
            stream_row(row, spikes[t, b, first:last])
        else:
            _step(arriving, v, spikes[t, b, first:last], table, keep)
    fence()
    copy_row(v, final_state[0, b, first:last])
    final_state[1, b, first:last] = ZERO


@inner
def _step(current, v, spiked, table, keep):
    """One step, v in place."""
    decay, _, gain, drive, v_threshold, amount = table
    for j in range(v.size):
        v_pre = at(decay, j) * v[j] + (at(gain, j) * current[j] + at(drive, j))
        v_pre = ZERO if abs(v_pre) < TINY else v_pre
        fired = v_pre >= at(v_threshold, j)
        v[j] = keep * v_pre - at(amount, j) if fired else v_pre
        spiked[j] = fired


@numba.njit(cache=True, nogil=True, parallel=True)
def backward(
    current,
    checkpoints,
    grad_spikes,
    grad_final_state,
    grad_current,
    grad_state,
    table,
    keep,
    interval,
    kind,
    surrogate,
    hard,
    detach,
    block,
):
    """``grad_final_state`` has no rows where it is zero; it may be 0 for counters."""
    _, batch, n = grad_state.shape
    blocks = -(-n // block)
    for job in numba.prange(batch * blocks):
        b = job // blocks
        first = (job - b * blocks) * block
        last = min(first + block, n)
        _backward_block(
            current,
            checkpoints,
            grad_spikes,
            grad_final_state,
            grad_current,
            grad_state,
            (b, first, last),
            block_table(table, first, last),
            keep,
            interval,
            kind,
            surrogate,
            hard,
            detach,
        )


@inner
def _backward_block(
    current,
    checkpoints,
    grad_spikes,
    grad_final_state,
    grad_current,
    grad_state,
    block,
    table,
    keep,
    interval,
    kind,
    surrogate,
    hard,
    detach,
):
    b, first, last = block
    n = last - first
    steps = grad_spikes.shape[0]
    static = current.shape[0] != steps
    large = grad_current.size * grad_current.itemsize >= LARGE
    v_pre = np.empty((interval, n), np.float32)
    slope = np.empty(n, np.float32)
    grad_v = np.zeros(n, np.float32)
    total = np.zeros(n if static else 0, np.float32)
    if grad_final_state.shape[0] > 0:
        copy_row(grad_final_state[0, b, first:last], grad_v)
    for q in range(checkpoints.shape[0] - 1, -1, -1):
        start = q * interval
        length = min(interval, steps - start)
        before = checkpoints[q, 0, b, first:last]
        for k in range(length):
            arriving = current[0 if static else start + k, b, first:last]
            _again(arriving, before, k == 0, v_pre[k], table, keep)
            before = v_pre[k]
        for k in range(length - 1, -1, -1):
            distance(v_pre[k], table[4], slope)
            derivative_in_place(kind, surrogate, slope)
            from_spikes = grad_spikes[start + k, b, first:last]
            _back(grad_v, v_pre[k], from_spikes, slope, table, keep, hard, detach)
            if static:
                _add(total, slope)
            elif large:
                stream_row(slope, grad_current[start + k, b, first:last])
            else:
                copy_row(slope, grad_current[start + k, b, first:last])
    fence()
    if static:
        copy_row(total, grad_current[0, b, first:last])
    copy_row(grad_v, grad_state[0, b, first:last])
    grad_state[1, b, first:last] = ZERO


@inner
def _again(current, before, first, v_pre, table, keep):
    """One step again: v_pre from that of the step before, or, in the first, from the voltage."""
    decay, _, gain, drive, v_threshold, amount = table
    for j in range(v_pre.size):
        fired = (before[j] >= at(v_threshold, j)) & (not first)
        v = keep * before[j] - at(amount, j) if fired else before[j]
        moved = at(decay, j) * v + (at(gain, j) * current[j] + at(drive, j))
        v_pre[j] = ZERO if abs(moved) < TINY else moved


@inner
def _back(grad_v, v_pre, grad_spike, slope, table, keep, hard, detach):
    """One step back: grad_v in place, and the gradient of the input in place of the slope."""
    decay, _, gain, _, v_threshold, amount = table
    for j in range(grad_v.size):
        jump = -at(amount, j) - v_pre[j] if hard else -at(amount, j)
        from_spike = grad_spike[j] if detach else grad_spike[j] + grad_v[j] * jump
        # keep grad_v, and not 0, so that a gradient that is not finite does not vanish in a reset.
        kept = keep * grad_v[j] if v_pre[j] >= at(v_threshold, j) else grad_v[j]
        moved = kept + from_spike * slope[j]
        before = at(decay, j) * moved
        grad_v[j] = ZERO if abs(before) < TINY else before
        slope[j] = at(gain, j) * moved


@inner
def _add(total, terms):
    for j in range(total.size):
        total[j] += terms[j]
