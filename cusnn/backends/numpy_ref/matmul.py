"""Products of spikes with weights, and their gradients."""

import numpy as np


def spike_matmul(spikes, weights, product):
    product[:] = 0
    for row, fired in zip(product, map(np.flatnonzero, spikes), strict=True):
        for n in fired:
            row += weights[n]


def spike_matmul_backward(grad_product, spikes, weights, grad_weights, grad_spikes):
    if grad_weights is not None:
        spike_matmul(spikes.T, grad_product, grad_weights)
    if grad_spikes is not None:
        grad_spikes[:] = np.matmul(grad_product, weights.T, dtype=np.float64)


def spike_matmul_csr(spikes, indptr, indices, weights, product):
    product[:] = 0
    for row, fired in zip(product, map(np.flatnonzero, spikes), strict=True):
        for n in fired:
            synapses = slice(indptr[n], indptr[n + 1])
            row[indices[synapses]] += weights[synapses]


def spike_matmul_csr_backward(
    grad_product, spikes, indptr, indices, weights, grad_weights, grad_spikes
):
    for n, fired in enumerate(map(np.flatnonzero, spikes.T)):
        synapses = slice(indptr[n], indptr[n + 1])
        grad_targets = grad_product[:, indices[synapses]]
        if grad_weights is not None:
            grad_weights[synapses] = 0
            for r in fired:
                grad_weights[synapses] += grad_targets[r]
        if grad_spikes is not None:
            grad_spikes[:, n] = np.matmul(grad_targets, weights[synapses], dtype=np.float64)
