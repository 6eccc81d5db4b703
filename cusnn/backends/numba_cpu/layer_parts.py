"""Layers of neurons that have no fused loop: the product, then the neurons' own operation."""

import numpy as np

from cusnn.backends.numba_cpu.matmul import spike_matmul, spike_matmul_backward
from cusnn.backends.numba_cpu.neuron import neuron_backward, neuron_forward
from cusnn.backends.numba_cpu.spikes import spike_unpack


def forward(
    packed_in,
    weights,
    bias,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    currents,
    coefficients,
    interval,
    method,
):
    product = arriving(packed_in, weights, bias, method)
    if currents is not None:
        currents[:] = product
    outputs = (final_state, spikes, packed, checkpoints)
    neuron_forward(product, state, *outputs, coefficients, interval, len(packed_in))


def backward(
    packed_in,
    weights,
    bias,
    checkpoints,
    currents,
    grad_spikes,
    grad_final_state,
    grad_weights,
    grad_bias,
    grad_spikes_in,
    grad_state,
    grad_coefficients,
    coefficients,
    interval,
    surrogate,
    detach_reset,
    method,
):
    if currents is None:
        currents = arriving(packed_in, weights, bias, method)
    grad_current = np.empty_like(grad_spikes)
    gradients = (grad_current, grad_state, grad_coefficients)
    way = (coefficients, interval, surrogate, detach_reset)
    neuron_backward(currents, checkpoints, grad_spikes, grad_final_state, *gradients, *way)
    n, m = weights.shape
    if grad_weights is not None or grad_bias is not None:
        spikes = with_one(packed_in[::-1], n).reshape(-1, n + 1)
        rows = np.ascontiguousarray(grad_current[::-1]).reshape(-1, m)
        total = np.empty((n + 1, m), np.float32)
        spike_matmul_backward(rows, spikes, total, total, None)
        for output, part in ((grad_bias, total[0]), (grad_weights, total[1:])):
            if output is not None:
                output[:] = part
    if grad_spikes_in is not None:
        np.matmul(grad_current.reshape(-1, m), weights.T, out=grad_spikes_in.reshape(-1, n))


def with_one(packed_in, n):
    """Spikes [T, B, 1 + n], with an input before the others that always fires: the bias's."""
    words = np.ascontiguousarray(packed_in)
    spikes = np.empty((words.shape[0] * words.shape[1], n), np.uint8)
    spike_unpack(words.reshape(len(spikes), -1), spikes)
    one = np.ones((len(spikes), 1), np.uint8)
    return np.concatenate([one, spikes], axis=1).reshape(*words.shape[:2], n + 1)


def arriving(packed_in, weights, bias, method):
    """Currents [T, B, M]: bias, then the rows of the inputs that fired, in order."""
    n, m = weights.shape
    start = np.zeros(m, np.float32) if bias is None else bias
    spikes = with_one(packed_in, n).reshape(-1, n + 1)
    currents = np.empty((len(spikes), m), np.float32)
    if method == "dense":
        np.matmul(spikes[:, 1:].astype(np.float32), weights, out=currents)
        currents += start
    else:
        spike_matmul(spikes, np.concatenate([start[None], weights]), currents)
    return currents.reshape(*packed_in.shape[:2], m)
