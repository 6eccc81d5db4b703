"""The way back of ALIF, whose threshold is a state.

As in ``neuron``, a thread takes a block of neurons through all steps; coefficients are copied for
each neuron, as in ``neuron_models``.
"""

import numba
import numpy as np

from cusnn.backends.numba_cpu.chosen_rows import inner
from cusnn.backends.numba_cpu.neuron_blocks import copy, copy_back, copy_row
from cusnn.backends.numba_cpu.neuron_steps import HARD, NONE, ONE, SOFT, ZERO, cut, step_alif
from cusnn.backends.numba_cpu.surrogates import derivative_in_place

# Of neurons: a segment keeps three states and a voltage of each, which stay in a core's cache.
LONGEST = 1024


@numba.njit(cache=True, nogil=True, parallel=True)
def backward(
    current,
    checkpoints,
    grad_spikes,
    grad_final_state,
    grad_current,
    grad_state,
    grad_coefficients,
    values,
    reset,
    rest,
    interval,
    kind,
    surrogate,
    detach,
    block,
):
    """``values`` [C, N or 1]; gradients of coefficients that are not wanted have no rows."""
    _, batch, n = grad_state.shape
    blocks = -(-n // block)
    for job in numba.prange(batch * blocks):
        b = job // blocks
        first = (job - b * blocks) * block
        _backward_block(
            current,
            checkpoints,
            grad_spikes,
            grad_final_state,
            grad_current,
            grad_state,
            grad_coefficients,
            (b, first, min(first + block, n)),
            values,
            reset,
            rest,
            interval,
            kind,
            surrogate,
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
    grad_coefficients,
    block,
    values,
    reset,
    rest,
    interval,
    kind,
    surrogate,
    detach,
):
    b, first, last = block
    n = last - first
    steps = grad_spikes.shape[0]
    static = current.shape[0] != steps
    own = np.empty((values.shape[0], n), np.float32)
    for c in range(own.shape[0]):
        for j in range(n):
            own[c, j] = values[c, first + j if values.shape[1] > 1 else 0]
    states = np.empty((interval + 1, 3, n), np.float32)
    v_pre = np.empty((interval, n), np.float32)
    threshold = np.empty(n, np.float32)
    slope = np.empty(n, np.float32)
    parts = np.empty((3, n), np.float32)
    to_current = np.empty(n, np.float32)
    total = np.zeros(n, np.float32)
    grad = np.empty((3, n), np.float32)
    copy(grad_final_state, block, grad)
    for j in range(n):
        grad[2, j] = ZERO
    sums = np.zeros((grad_coefficients.shape[0], n), np.float32)
    for q in range(checkpoints.shape[0] - 1, -1, -1):
        start = q * interval
        length = min(interval, steps - start)
        copy(checkpoints[q], block, states[0])
        for k in range(length):
            arriving = current[0 if static else start + k, b, first:last]
            _step(arriving, states[k], states[k + 1], v_pre[k], own, reset, rest)
        for k in range(length - 1, -1, -1):
            arriving = current[0 if static else start + k, b, first:last]
            _threshold(states[k, 1], own, threshold, v_pre[k], slope)
            derivative_in_place(kind, surrogate, slope)
            _parts(
                grad,
                v_pre[k],
                threshold,
                states[k, 2],
                grad_spikes[start + k, b, first:last],
                slope,
                own,
                parts,
                reset,
                detach,
            )
            if sums.shape[0] > 0:
                _add_terms(sums, parts, states[k], arriving, grad[1])
            _pass(grad[1], to_current, parts, own)
            if static:
                _add(total, to_current)
            else:
                copy_row(to_current, grad_current[start + k, b, first:last])
    if static:
        copy_row(total, grad_current[0, b, first:last])
    copy_back(grad, block, grad_state)
    copy_back(sums, block, grad_coefficients)


# Rows are taken out of two-dimensional arrays before a loop, or LLVM makes no vectors of it.


@inner
def _step(current, before, after, v_pre, c, reset, rest):
    """One step of the neurons of a block, and the voltage before a reset."""
    v, a, left = before[0], before[1], before[2]
    next_v, next_a, next_left = after[0], after[1], after[2]
    decay, gain, drive, decay_a, jump, v_threshold, v_reset = (
        c[0],
        c[1],
        c[2],
        c[3],
        c[4],
        c[5],
        c[6],
    )
    for j in range(v_pre.size):
        own = decay[j], gain[j], drive[j], decay_a[j], jump[j], v_threshold[j], v_reset[j]
        moved = cut(own[0] * v[j] + (own[1] * current[j] + own[2]))
        v_pre[j] = v[j] if left[j] > ZERO else moved
        next_v[j], next_a[j], next_left[j], _ = step_alif(
            v[j], a[j], left[j], current[j], own, reset, rest
        )


@inner
def _threshold(a, c, threshold, v_pre, distance):
    """The threshold of a step, and the voltage's distance to it."""
    jump, v_threshold = c[4], c[5]
    for j in range(a.size):
        threshold[j] = v_threshold[j] + jump[j] * a[j]
        distance[j] = v_pre[j] - threshold[j]


@inner
def _parts(grad, v_pre, threshold, left, grad_spike, slope, c, parts, reset, detach):
    """Move grad_v over a step; the gradient of what was integrated, threshold and v_reset."""
    grad_v, grad_a = grad[0], grad[1]
    moved, to_threshold, to_reset = parts[0], parts[1], parts[2]
    decay, v_reset = c[0], c[6]
    keep = ZERO if reset == HARD else ONE
    hard, soft, none = reset == HARD, reset == SOFT, reset == NONE
    for j in range(v_pre.size):
        v, to_v, limit, slope_j, lowest = v_pre[j], grad_v[j], threshold[j], slope[j], v_reset[j]
        resting = left[j] > ZERO
        spiked = (v >= limit) & (not resting)
        by_amount = -(limit - lowest) if soft else ZERO
        jump = lowest - v if hard else by_amount
        from_spike = grad_spike[j] + grad_a[j]
        attached = from_spike + to_v * jump
        from_spike = from_spike if detach else attached
        fire = from_spike * slope_j
        fire = ZERO if resting else fire
        at_reset = to_v if spiked else ZERO
        kept = keep * to_v
        grad_v_pre = (kept if spiked else to_v) + fire
        before = decay[j] * grad_v_pre
        both = -(fire + at_reset)
        moved[j] = ZERO if resting else grad_v_pre
        to_threshold[j] = both if soft else -fire
        to_reset[j] = ZERO if none else at_reset
        grad_v[j] = cut(to_v if resting else before)


@inner
def _pass(grad_a, grad_current, parts, c):
    """Move grad_a over a step, and give the input its gradient."""
    moved, to_threshold = parts[0], parts[1]
    gain, decay_a, jump = c[1], c[3], c[4]
    for j in range(grad_a.size):
        grad_current[j] = gain[j] * moved[j]
        grad_a[j] = cut(decay_a[j] * grad_a[j] + jump[j] * to_threshold[j])


@inner
def _add_terms(sums, parts, before, current, grad_a):
    """Add what one step gives to the gradients of the coefficients; grad_a is that behind it."""
    moved, to_threshold, to_reset = parts[0], parts[1], parts[2]
    v, a = before[0], before[1]
    _add_products(sums[0], moved, v)
    _add_products(sums[1], moved, current)
    _add(sums[2], moved)
    _add_products(sums[3], grad_a, a)
    _add_products(sums[4], to_threshold, a)
    _add(sums[5], to_threshold)
    _add(sums[6], to_reset)


@inner
def _add_products(total, one, other):
    for j in range(total.size):
        total[j] += one[j] * other[j]


@inner
def _add(total, terms):
    for j in range(total.size):
        total[j] += terms[j]
