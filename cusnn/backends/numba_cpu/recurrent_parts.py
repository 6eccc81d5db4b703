"""Recurrent neurons that have no fused loop: step by step, by the neurons' own operation."""

import numba
import numpy as np

from cusnn.backends.numba_cpu.neuron import neuron_backward, neuron_forward
from cusnn.backends.numba_cpu.recurrent_steps import arrive
from cusnn.backends.numba_cpu.spikes import compact_row, spike_pack, spike_unpack
from cusnn.backends.numba_cpu.weighted_rows import COLUMNS, SAMPLES, add_weighted


def forward(
    current,
    padded,
    spikes_before,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    coefficients,
    interval,
):
    final_state[:] = state
    fired, total = spikes_before[None].copy(), np.empty_like(current[:1])
    for t in range(len(current)):
        if checkpoints is not None and t % interval == 0:
            checkpoints[t // interval] = final_state
        _arrive(current[t], *padded, fired[0], total[0])
        neuron_forward(total, final_state, final_state, fired, None, None, coefficients, 1, 1)
        if spikes is not None:
            spikes[t] = fired[0]
        if packed is not None:
            spike_pack(fired[0], packed[t], None)


def backward(
    current,
    padded,
    strips,
    spikes_before,
    packed,
    checkpoints,
    grad_spikes,
    grad_final_state,
    grad_current,
    grad_before,
    grad_state,
    grad_coefficients,
    coefficients,
    interval,
    surrogate,
    detach_reset,
):
    grad_state[:] = 0 if grad_final_state is None else grad_final_state
    grad_before[:] = 0
    terms = None if grad_coefficients is None else np.zeros_like(grad_coefficients)
    if terms is not None:
        grad_coefficients[:] = 0
    way = (coefficients, 1, surrogate, detach_reset)
    fired = np.empty_like(spikes_before)
    for q in reversed(range(len(checkpoints))):
        first, last = q * interval, min((q + 1) * interval, len(current))
        totals = np.empty_like(current[first:last])
        states = np.empty((last - first, *grad_state.shape), np.float32)
        for t in range(first, last):
            if t > 0:
                spike_unpack(packed[t - 1], fired)
            _arrive(current[t], *padded, fired if t > 0 else spikes_before, totals[t - first])
        final = np.empty_like(grad_state)
        neuron_forward(
            totals, checkpoints[q], final, None, None, states, coefficients, 1, last - first
        )
        for t in reversed(range(first, last)):
            k = t - first
            to_spikes = (grad_spikes[t] + grad_before)[None]
            of_step = (totals[k : k + 1], states[k : k + 1], to_spikes, grad_state.copy())
            neuron_backward(*of_step, grad_current[t : t + 1], grad_state, terms, *way)
            if terms is not None:
                grad_coefficients += terms
            _through_weights(grad_current[t], strips, grad_before)


@numba.njit(cache=True, nogil=True, parallel=True)
def _arrive(current, weights, row, fired, total):
    """Input [B, N] and the rows of the neurons that fired before."""
    batch, n = current.shape
    for b in numba.prange(batch):
        chosen, wide = np.empty(n, np.int32), np.zeros(row, np.float32)
        arrive(current[b], weights, row, chosen, compact_row(fired[b], chosen), wide)
        for j in range(n):
            total[b, j] = wide[j]


@numba.njit(cache=True, nogil=True, parallel=True)
def _through_weights(grad_current, strips, grad_before):
    """Gradient [B, N] with respect to the spikes of the step before."""
    batch, n = grad_current.shape
    wide = -(-n // COLUMNS) * COLUMNS
    for part in numba.prange(-(-batch // SAMPLES)):
        first, last = part * SAMPLES, min(batch, (part + 1) * SAMPLES)
        factors = np.zeros(n * SAMPLES, np.float32)
        sums = np.empty(SAMPLES * wide, np.float32)
        for b in range(first, last):
            for j in range(n):
                factors[j * SAMPLES + b - first] = grad_current[b, j]
        for strip in range(wide // COLUMNS):
            add_weighted(factors, 0, strips, strip * n * COLUMNS, n, sums, strip * COLUMNS, wide)
        for b in range(first, last):
            for j in range(n):
                grad_before[b, j] = sums[(b - first) * wide + j]
