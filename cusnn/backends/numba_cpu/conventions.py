"""Neurons of other libraries: T steps forward, and the way back through the same steps.

As in ``neuron``, a thread takes a block of neurons through all steps. Each neuron has coefficients
of its own here, copied where all are the same: blocks are short, so that they too stay in the
thread's cache.
"""

import numba
import numpy as np

from cusnn.backends.numba_cpu.convention_steps import (
    MODELS,
    THRESHOLDS,
    add_terms,
    step,
    step_back,
)
from cusnn.backends.numba_cpu.neuron_blocks import copy, copy_back, pack
from cusnn.backends.numba_cpu.surrogates import derivative_block

BLOCK = 512


def forward(
    current, state, final_state, spikes, packed, checkpoints, coefficients, interval, steps
):
    """As ``neuron.neuron_forward``; outputs that are not wanted have no steps."""
    _forward(
        *(current, state, final_state, spikes, packed, checkpoints),
        *_numbers(coefficients),
        *(interval, steps),
    )


def backward(
    current,
    checkpoints,
    grad_spikes,
    grad_final_state,
    grad_current,
    grad_state,
    grad_coefficients,
    coefficients,
    interval,
    kind,
    surrogate,
    detach,
):
    """As ``neuron.neuron_backward``; gradients of coefficients not wanted have no rows."""
    _backward(
        *(current, checkpoints, grad_spikes, grad_final_state),
        *(grad_current, grad_state, grad_coefficients),
        *_numbers(coefficients),
        *(interval, kind, surrogate, detach),
    )


def _numbers(coefficients):
    """Number of the model, its form, and its coefficients [C, N or 1]."""
    model = MODELS.index(coefficients.model)
    return model, coefficients.reset, coefficients.values.copy()


@numba.njit(cache=True, nogil=True)
def _own(values, first, n):
    """Coefficients of the neurons of a block, [C, n]."""
    own = np.empty((values.shape[0], n), np.float32)
    for c in range(own.shape[0]):
        for j in range(n):
            own[c, j] = values[c, first + j if values.shape[1] > 1 else 0]
    return own


@numba.njit(cache=True, nogil=True, parallel=True)
def _forward(
    current,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    model,
    form,
    values,
    interval,
    steps,
):
    _, batch, n = current.shape
    blocks = -(-n // BLOCK)
    for job in numba.prange(batch * blocks):
        b = job // blocks
        first = (job - b * blocks) * BLOCK
        _forward_block(
            current,
            state,
            final_state,
            spikes,
            packed,
            checkpoints,
            (b, first, min(first + BLOCK, n)),
            model,
            form,
            values,
            interval,
            steps,
        )


@numba.njit(cache=True, nogil=True)
def _forward_block(
    current,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    block,
    model,
    form,
    values,
    interval,
    steps,
):
    b, first, last = block
    n = last - first
    own = _own(values, first, n)
    now = np.empty((state.shape[0], n), np.float32)
    h = np.empty(n, np.float32)
    flags = np.empty(n, np.uint8)
    copy(state, block, now)
    for t in range(steps):
        if checkpoints.shape[0] > 0 and t % interval == 0:
            copy_back(now, block, checkpoints[t // interval])
        arriving = current[t if current.shape[0] == steps else 0, b, first:last]
        step(model, form, arriving, now, h, flags, own)
        if spikes.shape[0] > 0:
            for j in range(n):
                spikes[t, b, first + j] = flags[j]
        if packed.shape[0] > 0:
            pack(flags, packed[t, b, first // 32 :])
    copy_back(now, block, final_state)


@numba.njit(cache=True, nogil=True, parallel=True)
def _backward(
    current,
    checkpoints,
    grad_spikes,
    grad_final_state,
    grad_current,
    grad_state,
    grad_coefficients,
    model,
    form,
    values,
    interval,
    kind,
    surrogate,
    detach,
):
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
            model,
            form,
            values,
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
    model,
    form,
    values,
    interval,
    kind,
    surrogate,
    detach,
):
    b, first, last = block
    n = last - first
    rows = grad_state.shape[0]
    steps = grad_spikes.shape[0]
    static = current.shape[0] != steps
    own = _own(values, first, n)
    states = np.empty((interval + 1, rows, n), np.float32)
    h = np.empty((interval, n), np.float32)
    flags = np.empty(n, np.uint8)
    derivative = np.empty(n, np.float32)
    parts = np.empty((4, n), np.float32)
    to_current = np.empty(n, np.float32)
    total = np.zeros(n, np.float32)
    grad = np.empty((rows, n), np.float32)
    copy(grad_final_state, block, grad)
    sums = np.zeros((grad_coefficients.shape[0], n), np.float32)
    for q in range(checkpoints.shape[0] - 1, -1, -1):
        start = q * interval
        length = min(interval, steps - start)
        copy(checkpoints[q], block, states[0])
        for k in range(length):
            for row in range(rows):
                for j in range(n):
                    states[k + 1, row, j] = states[k, row, j]
            arriving = current[0 if static else start + k, b, first:last]
            step(model, form, arriving, states[k + 1], h[k], flags, own)
        for k in range(length - 1, -1, -1):
            _distance(h[k], own[THRESHOLDS[model]], derivative)
            derivative_block(kind, surrogate, derivative, derivative)
            arriving = current[0 if static else start + k, b, first:last]
            from_spikes = grad_spikes[start + k, b, first:last]
            given = (arriving, states[k], h[k], from_spikes, derivative)
            step_back(model, form, detach, given, grad, to_current, parts, own)
            if sums.shape[0] > 0:
                add_terms(model, form, given, to_current, parts, sums, own)
            for j in range(n):
                total[j] += to_current[j]
            if not static:
                for j in range(n):
                    grad_current[start + k, b, first + j] = to_current[j]
    if static:
        for j in range(n):
            grad_current[0, b, first + j] = total[j]
    copy_back(grad, block, grad_state)
    copy_back(sums, block, grad_coefficients)


@numba.njit(cache=True, nogil=True)
def _distance(h, v_threshold, out):
    for j in range(out.size):
        out[j] = h[j] - v_threshold[j]
