"""Neurons: T steps forward, and the way back through the same steps.

A thread takes a block of neurons through all steps, so that their state stays in its cache. Inner
loops run over the neurons of a block, without branches, and are what LLVM makes vectors of; the
block is long enough that calling them costs nothing beside.
"""

import numba
import numpy as np

from cusnn.backends.numba_cpu import conventions, neuron_adaptive, neuron_models, neuron_plain
from cusnn.backends.numba_cpu.chosen_rows import inner
from cusnn.backends.numba_cpu.neuron_blocks import block_length, copy, copy_back, copy_row, pack
from cusnn.backends.numba_cpu.neuron_rows import add_terms, distance, numbers, step, step_back
from cusnn.backends.numba_cpu.neuron_steps import HARD, ZERO
from cusnn.backends.numba_cpu.neuron_tables import block_table
from cusnn.backends.numba_cpu.surrogates import KINDS, derivative_block

BLOCK = 1024


def neuron_forward(
    current, state, final_state, spikes, packed, checkpoints, coefficients, interval, steps
):
    _, batch, n = current.shape
    if spikes is None:
        spikes = np.empty((0, batch, n), np.uint8)
    if packed is None:
        packed = np.empty((0, batch, 0), np.uint32)
    if checkpoints is None:
        checkpoints = np.empty((0, *state.shape), np.float32)
    arrays = (current, state, final_state, spikes, packed, checkpoints)
    if coefficients.model in conventions.MODELS:
        conventions.forward(*arrays, coefficients, interval, steps)
    elif coefficients.model in neuron_models.MODELS:
        neuron_models.forward(
            *arrays,
            neuron_models.MODELS.index(coefficients.model),
            coefficients.values.copy(),
            coefficients.reset,
            np.float32(coefficients.refractory_steps),
            interval,
            steps,
            block_length(batch * n),
        )
    elif _never_rest(coefficients, state[-1:]):
        table, keep, _ = numbers(coefficients)
        if coefficients.values.shape[1] == 1 and packed.shape[0] == 0:
            arrays = tuple(map(_side_by_side, arrays))
        block = block_length(arrays[1].shape[-1])
        neuron_plain.forward(*arrays, table, keep, interval, steps, block)
    else:
        _forward(*arrays, *numbers(coefficients), interval, steps)


def neuron_backward(
    current,
    checkpoints,
    grad_spikes,
    grad_final_state,
    grad_current,
    grad_state,
    grad_coefficients,
    coefficients,
    interval,
    surrogate,
    detach_reset,
):
    way = (KINDS.index(surrogate.kind), surrogate.values, bool(detach_reset))
    if grad_coefficients is None and _never_rest(coefficients, checkpoints[:, -1]):
        if grad_final_state is None:
            grad_final_state = grad_state[:0]
        arrays = (current, checkpoints, grad_spikes, grad_final_state, grad_current, grad_state)
        if coefficients.values.shape[1] == 1:
            arrays = tuple(map(_side_by_side, arrays))
        table, keep, _ = numbers(coefficients)
        kind, values, detach = way
        hard = coefficients.reset == HARD
        block = block_length(grad_state.size // grad_state.shape[0])
        neuron_plain.backward(*arrays, table, keep, interval, kind, values, hard, detach, block)
        return
    if grad_final_state is None:
        grad_final_state = np.zeros(grad_state.shape, np.float32)
    if grad_coefficients is None:
        grad_coefficients = np.empty((0, *grad_state.shape[1:]), np.float32)
    arrays = (current, checkpoints, grad_spikes, grad_final_state)
    gradients = (grad_current, grad_state, grad_coefficients)
    if coefficients.model in conventions.MODELS:
        conventions.backward(*arrays, *gradients, coefficients, interval, *way)
    elif coefficients.model == "ALIF":
        neuron_adaptive.backward(
            *arrays,
            *gradients,
            coefficients.values.copy(),
            coefficients.reset,
            np.float32(coefficients.refractory_steps),
            interval,
            *way,
            block_length(grad_state[0].size, neuron_adaptive.LONGEST),
        )
    else:
        way = (interval, coefficients.reset, *way)
        _backward(*arrays, *gradients, *numbers(coefficients), *way)


def _never_rest(coefficients, counters) -> bool:
    """Whether these are LIF neurons whose counters are and stay 0."""
    free = coefficients.model == "LIF" and coefficients.refractory_steps == 0
    return free and counters.max(initial=ZERO) == ZERO


def _side_by_side(array):
    """[..., B, N] as [..., 1, B N]: samples of equal neurons are as many neurons."""
    return array.reshape(*array.shape[:-2], 1, -1) if array.size else array


@numba.njit(cache=True, nogil=True, parallel=True)
def _forward(
    current, state, final_state, spikes, packed, checkpoints, table, keep, rest, interval, steps
):
    _, batch, n = current.shape
    blocks = -(-n // BLOCK)
    for job in numba.prange(batch * blocks):
        b = job // blocks
        first = (job - b * blocks) * BLOCK
        last = min(first + BLOCK, n)
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
            rest,
            interval,
            steps,
        )


@inner
def _forward_block(
    current,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    block,
    table,
    keep,
    rest,
    interval,
    steps,
):
    b, first, last = block
    n = last - first
    now = np.empty((state.shape[0], n), np.float32)
    v_pre = np.empty(n, np.float32)
    flags = np.empty(n, np.uint8)
    copy(state, block, now)
    for t in range(steps):
        if checkpoints.shape[0] > 0 and t % interval == 0:
            copy_back(now, block, checkpoints[t // interval])
        arriving = current[t if current.shape[0] == steps else 0, b, first:last]
        step(arriving, now, v_pre, flags, table, keep, rest)
        if spikes.shape[0] > 0:
            copy_row(flags, spikes[t, b, first:last])
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
    table,
    keep,
    rest,
    interval,
    reset,
    kind,
    surrogate,
    detach,
):
    _, batch, n = current.shape
    blocks = -(-n // BLOCK)
    for job in numba.prange(batch * blocks):
        b = job // blocks
        first = (job - b * blocks) * BLOCK
        last = min(first + BLOCK, n)
        _backward_block(
            current,
            checkpoints,
            grad_spikes,
            grad_final_state,
            grad_current,
            grad_state,
            grad_coefficients,
            (b, first, last),
            block_table(table, first, last),
            keep,
            rest,
            interval,
            reset,
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
    table,
    keep,
    rest,
    interval,
    reset,
    kind,
    surrogate,
    detach,
):
    b, first, last = block
    n = last - first
    rows = grad_state.shape[0]
    steps = grad_spikes.shape[0]
    static = current.shape[0] != steps
    to_current = np.empty(n, np.float32)
    total = np.zeros(n, np.float32)
    states = np.empty((interval + 1, rows, n), np.float32)
    v_pre = np.empty((interval, n), np.float32)
    spiked = np.empty(n, np.uint8)
    derivative = np.empty(n, np.float32)
    parts = np.empty((3, n), np.float32)
    grad = np.empty((rows, n), np.float32)
    copy(grad_final_state, block, grad)
    for j in range(n):
        grad[rows - 1, j] = ZERO
    sums = np.zeros((grad_coefficients.shape[0], n), np.float32)
    for q in range(checkpoints.shape[0] - 1, -1, -1):
        start = q * interval
        length = min(interval, steps - start)
        copy(checkpoints[q], block, states[0])
        for k in range(length):
            for s in range(rows):
                for j in range(n):
                    states[k + 1, s, j] = states[k, s, j]
            arriving = current[0 if static else start + k, b, first:last]
            step(arriving, states[k + 1], v_pre[k], spiked, table, keep, rest)
        for k in range(length - 1, -1, -1):
            distance(v_pre[k], table[4], derivative)
            derivative_block(kind, surrogate, derivative, derivative)
            step_back(
                to_current,
                grad,
                v_pre[k],
                states[k, rows - 1],
                grad_spikes[start + k, b, first:last],
                derivative,
                parts,
                table,
                reset == HARD,
                detach,
            )
            if static:
                for j in range(n):
                    total[j] += to_current[j]
            else:
                copy_row(to_current, grad_current[start + k, b, first:last])
            if sums.shape[0] > 0:
                arriving = current[0 if static else start + k, b, first:last]
                add_terms(sums, parts, states[k], arriving, to_current, reset)
    if static:
        copy_row(total, grad_current[0, b, first:last])
    copy_back(grad, block, grad_state)
    copy_back(sums, block, grad_coefficients)
