"""The way back of ALIF, whose threshold is a state.

As in ``neuron``, a thread takes a block of neurons through all steps; coefficients are copied for
each neuron, as in ``neuron_models``.
"""

import numba
import numpy as np

from cusnn.backends.numba_cpu.neuron_blocks import copy, copy_back, copy_row
from cusnn.backends.numba_cpu.neuron_steps import HARD, NONE, ONE, SOFT, ZERO, cut, step_alif
from cusnn.backends.numba_cpu.surrogates import derivative_block

BLOCK = 256


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
):
    """``values`` [C, N or 1]; gradients of coefficients that are not wanted have no rows."""
    _, batch, n = grad_state.shape
    blocks = -(-n // BLOCK)
    for job in numba.prange(batch * blocks):
        b = job // blocks
        first = (job - b * blocks) * BLOCK
        _backward_block(
            current,
            checkpoints,
            grad_spikes,
            grad_final_state,
            grad_current,
            grad_state,
            grad_coefficients,
            (b, first, min(first + BLOCK, n)),
            values,
            reset,
            rest,
            interval,
            kind,
            surrogate,
            detach,
        )


@numba.njit(cache=True, nogil=True)
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
    derivative = np.empty(n, np.float32)
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
            _distance(v_pre[k], states[k, 1], own, derivative)
            derivative_block(kind, surrogate, derivative, derivative)
            from_spikes = grad_spikes[start + k, b, first:last]
            _parts(grad, v_pre[k], states[k], from_spikes, derivative, own, parts, reset, detach)
            if sums.shape[0] > 0:
                _add_terms(sums, parts, states[k], arriving, grad[1])
            _pass(grad[1], to_current, parts, own)
            if static:
                for j in range(n):
                    total[j] += to_current[j]
            else:
                copy_row(to_current, grad_current[start + k, b, first:last])
    if static:
        copy_row(total, grad_current[0, b, first:last])
    copy_back(grad, block, grad_state)
    copy_back(sums, block, grad_coefficients)


@numba.njit(cache=True, nogil=True)
def _step(current, before, after, v_pre, c, reset, rest):
    """One step of the neurons of a block, and the voltage before a reset."""
    for j in range(current.size):
        own = c[0, j], c[1, j], c[2, j], c[3, j], c[4, j], c[5, j], c[6, j]
        v, a, left = before[0, j], before[1, j], before[2, j]
        moved = cut(own[0] * v + (own[1] * current[j] + own[2]))
        v_pre[j] = v if left > ZERO else moved
        after[0, j], after[1, j], after[2, j], _ = step_alif(
            v, a, left, current[j], own, reset, rest
        )


@numba.njit(cache=True, nogil=True)
def _distance(v_pre, a, c, out):
    for j in range(out.size):
        out[j] = v_pre[j] - (c[5, j] + c[4, j] * a[j])


@numba.njit(cache=True, nogil=True)
def _parts(grad, v_pre, before, grad_spike, derivative, c, parts, reset, detach):
    """Move grad_v over a step; the gradient of what was integrated, threshold and v_reset."""
    for j in range(v_pre.size):
        grad_v = grad[0, j]
        threshold = c[5, j] + c[4, j] * before[1, j]
        resting = before[2, j] > ZERO
        spiked = (v_pre[j] >= threshold) & (not resting)
        soft = -(threshold - c[6, j]) if reset == SOFT else ZERO
        jump = c[6, j] - v_pre[j] if reset == HARD else soft
        from_spike = grad_spike[j] + grad[1, j]
        from_spike = from_spike if detach else from_spike + grad_v * jump
        fire = ZERO if resting else from_spike * derivative[j]
        at_reset = grad_v if spiked else ZERO
        kept = grad_v * (ZERO if reset == HARD else ONE) if spiked else grad_v
        grad_v_pre = kept + fire
        parts[0, j] = ZERO if resting else grad_v_pre
        parts[1, j] = -(fire + at_reset) if reset == SOFT else -fire
        parts[2, j] = ZERO if reset == NONE else at_reset
        grad[0, j] = cut(grad_v if resting else c[0, j] * grad_v_pre)


@numba.njit(cache=True, nogil=True)
def _pass(grad_a, grad_current, parts, c):
    """Move grad_a over a step, and give the input its gradient."""
    for j in range(grad_a.size):
        grad_current[j] = c[1, j] * parts[0, j]
        grad_a[j] = cut(c[3, j] * grad_a[j] + c[4, j] * parts[1, j])


@numba.njit(cache=True, nogil=True)
def _add_terms(sums, parts, before, current, grad_a):
    """Add what one step gives to the gradients of the coefficients; grad_a is that behind it."""
    for j in range(current.size):
        moved, threshold = parts[0, j], parts[1, j]
        sums[0, j] += moved * before[0, j]
        sums[1, j] += moved * current[j]
        sums[2, j] += moved
        sums[3, j] += grad_a[j] * before[1, j]
        sums[4, j] += threshold * before[1, j]
        sums[5, j] += threshold
        sums[6, j] += parts[2, j]
