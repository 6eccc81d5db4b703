"""Leaky integrators: membranes without spikes, T steps forward and back."""

import math

import numba
import numpy as np

from cusnn.backends.numba_cpu.chosen_rows import inner
from cusnn.backends.numba_cpu.neuron_blocks import block_length, copy_back, copy_row

TINY = np.float32(1e-30)
ZERO = np.float32(0)


def leaky_forward(current, state, membrane, final_state, coefficients):
    arrays = _wide(coefficients, current, state, membrane, final_state)
    n = arrays[0].shape[2]
    _forward(*arrays, *_rows(coefficients, n), block_length(n))


def leaky_backward(
    current,
    membrane,
    state,
    grad_membrane,
    grad_final_state,
    grad_current,
    grad_state,
    grad_coefficients,
    coefficients,
):
    none = np.empty((0, *grad_membrane.shape[1:]), np.float32)
    grad_state[:] = 0 if grad_final_state is None else grad_final_state
    if grad_coefficients is None:
        current = membrane = state = grad_coefficients = none
    inputs = (current, membrane, state, grad_membrane)
    arrays = _wide(coefficients, *inputs, grad_current, grad_state, grad_coefficients)
    n = arrays[3].shape[2]
    decay, gain, _ = _rows(coefficients, n)
    _backward(*arrays, decay, gain, block_length(n))


def _wide(coefficients, *arrays):
    """Samples of equal neurons, [..., B, N], as as many neurons, [..., 1, B N]."""
    if coefficients.values.shape[1] > 1:
        return arrays
    return [array.reshape(len(array), 1, math.prod(array.shape[1:])) for array in arrays]


def _rows(coefficients, n):
    return (np.broadcast_to(row, n).copy() for row in coefficients.values)


@numba.njit(cache=True, nogil=True, parallel=True)
def _forward(current, state, membrane, final_state, decay, gain, drive, length):
    _, batch, n = current.shape
    blocks = -(-n // length)
    for job in numba.prange(batch * blocks):
        b = job // blocks
        first = (job - b * blocks) * length
        block = (b, first, min(first + length, n))
        _forward_block(current, state, membrane, final_state, decay, gain, drive, block)


# Apart from the parallel loop, in which Numba would look for more of them and take seconds.
@inner
def _forward_block(current, state, membrane, final_state, decay, gain, drive, block):
    b, first, last = block
    v = np.empty(last - first, np.float32)
    copy_row(state[0, b, first:last], v)
    for t in range(current.shape[0]):
        for j in range(last - first):
            i = first + j
            moved = decay[i] * v[j] + (gain[i] * current[t, b, i] + drive[i])
            v[j] = ZERO if abs(moved) < TINY else moved
            membrane[t, b, i] = v[j]
    copy_row(v, final_state[0, b, first:last])


@numba.njit(cache=True, nogil=True, parallel=True)
def _backward(
    current,
    membrane,
    state,
    grad_membrane,
    grad_current,
    grad_state,
    grad_coefficients,
    decay,
    gain,
    length,
):
    _, batch, n = grad_membrane.shape
    blocks = -(-n // length)
    for job in numba.prange(batch * blocks):
        b = job // blocks
        first = (job - b * blocks) * length
        _backward_block(
            current,
            membrane,
            state,
            grad_membrane,
            grad_current,
            grad_state,
            grad_coefficients,
            decay,
            gain,
            (b, first, min(first + length, n)),
        )


@inner
def _backward_block(
    current,
    membrane,
    state,
    grad_membrane,
    grad_current,
    grad_state,
    grad_coefficients,
    decay,
    gain,
    block,
):
    b, first, last = block
    grad_v = np.empty(last - first, np.float32)
    copy_row(grad_state[0, b, first:last], grad_v)
    sums = np.zeros((grad_coefficients.shape[0], last - first), np.float32)
    for t in range(grad_membrane.shape[0] - 1, -1, -1):
        if sums.shape[0] > 0:
            before = membrane[t - 1] if t > 0 else state[0]
            for j in range(last - first):
                total = grad_membrane[t, b, first + j] + grad_v[j]
                sums[0, j] += total * before[b, first + j]
                sums[1, j] += total * current[t, b, first + j]
                sums[2, j] += total
        for j in range(last - first):
            i = first + j
            total = grad_membrane[t, b, i] + grad_v[j]
            grad_current[t, b, i] = gain[i] * total
            moved = decay[i] * total
            grad_v[j] = ZERO if abs(moved) < TINY else moved
    copy_row(grad_v, grad_state[0, b, first:last])
    copy_back(sums, block, grad_coefficients)
