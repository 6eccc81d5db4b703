"""The way back through neurons that feed one another: some samples at a time, step by step."""

import numba
import numpy as np

from cusnn.backends.numba_cpu.chosen_rows import inner
from cusnn.backends.numba_cpu.neuron_rows import add_terms, distance, step, step_back
from cusnn.backends.numba_cpu.neuron_steps import HARD
from cusnn.backends.numba_cpu.recurrent_steps import arrive
from cusnn.backends.numba_cpu.spikes import compact_row
from cusnn.backends.numba_cpu.surrogates import derivative_block
from cusnn.backends.numba_cpu.weighted_rows import COLUMNS, SAMPLES, add_weighted


@numba.njit(cache=True, nogil=True, parallel=True)
def backward(
    current,
    weights,
    row,
    strips,
    spikes_before,
    packed,
    checkpoints,
    grad_spikes,
    grad_current,
    grad_before,
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
    jobs,
):
    batch = current.shape[1]
    for job in numba.prange(jobs):
        _samples(
            current,
            weights,
            row,
            strips,
            spikes_before,
            packed,
            checkpoints,
            grad_spikes,
            grad_current,
            grad_before,
            grad_state,
            grad_coefficients,
            table,
            interval,
            (keep, rest, reset, kind, surrogate, detach),
            batch * job // jobs,
            batch * (job + 1) // jobs,
        )


@inner
def _samples(
    current,
    weights,
    row,
    strips,
    spikes_before,
    packed,
    checkpoints,
    grad_spikes,
    grad_current,
    grad_before,
    grad_state,
    grad_coefficients,
    table,
    interval,
    rules,
    first,
    last,
):
    steps, _, n = current.shape
    rows, terms = grad_state.shape[0], grad_coefficients.shape[0]
    samples = last - first
    sets = -(-samples // SAMPLES)
    wide = -(-n // COLUMNS) * COLUMNS
    totals = np.empty((samples, interval, row), np.float32)
    states = np.empty((samples, interval + 1, rows, n), np.float32)
    v_pre = np.empty((samples, interval, n), np.float32)
    from_next = np.zeros((sets * SAMPLES, wide), np.float32)
    factors = np.zeros(sets * n * SAMPLES, np.float32)
    derivative = np.empty(n, np.float32)
    to_spikes = np.empty(n, np.float32)
    parts = np.empty((3, n), np.float32)
    grad = np.empty((samples, rows, n), np.float32)
    sums = np.zeros((samples, terms, n), np.float32)
    for s in range(samples):
        grad[s] = grad_state[:, first + s, :]
    for start in range((steps - 1) // interval * interval, -1, -interval):
        length = min(interval, steps - start)
        for s in range(samples):
            b = first + s
            states[s, 0] = checkpoints[start // interval, :, b, :]
            of_segment = (totals[s], states[s], v_pre[s])
            before = (spikes_before, packed)
            _again(current, weights, row, before, start, length, b, of_segment, table, rules)
        for k in range(length - 1, -1, -1):
            t = start + k
            for s in range(samples):
                b = first + s
                for j in range(n):
                    to_spikes[j] = grad_spikes[t, b, j] + from_next[s, j]
                of_step = (totals[s, k, :n], states[s, k], v_pre[s, k], derivative, parts)
                to_current = grad_current[t, b]
                _back(to_current, grad[s], sums[s], to_spikes, of_step, table, rules)
                place = s // SAMPLES * n * SAMPLES + s % SAMPLES
                for j in range(n):
                    factors[place + j * SAMPLES] = to_current[j]
            _through_weights(factors, strips, from_next)
    for s in range(samples):
        grad_before[first + s, :] = from_next[s, :n]
        grad_state[:, first + s, :] = grad[s]
        grad_coefficients[:, first + s, :] = sums[s]


@inner
def _again(current, weights, row, before, start, length, b, of_segment, table, rules):
    """A sample's steps of a segment again: total inputs, states before each step, and v_pre."""
    spikes_before, packed = before
    totals, states, v_pre = of_segment
    keep, rest = rules[0], rules[1]
    n = v_pre.shape[1]
    spiked = np.empty(n, np.uint8)
    fired = np.empty(n, np.int32)
    for k in range(length):
        t = start + k
        if t > 0:
            _unpack(packed[t - 1, b], n, spiked)
        else:
            spiked[:] = spikes_before[b]
        arrive(current[t, b], weights, row, fired, compact_row(spiked, fired), totals[k])
        states[k + 1] = states[k]
        step(totals[k, :n], states[k + 1], v_pre[k], spiked, table, keep, rest)


@inner
def _unpack(words, n, spikes):
    for j in range(n):
        spikes[j] = (words[j // 32] >> np.uint32(j % 32)) & np.uint32(1)


@inner
def _back(to_current, grad, sums, to_spikes, of_step, table, rules):
    """A sample's way back over one step."""
    total, state, v_pre, derivative, parts = of_step
    _, _, reset, kind, values, detach = rules
    distance(v_pre, table[4], derivative)
    derivative_block(kind, values, derivative, derivative)
    given = (v_pre, state[state.shape[0] - 1], to_spikes, derivative)
    step_back(to_current, grad, *given, parts, table, reset == HARD, detach)
    if sums.shape[0] > 0:
        add_terms(sums, parts, state, total, to_current, reset)


@inner
def _through_weights(factors, strips, from_next):
    """Gradients of currents through the weights, to the spikes of the step before."""
    wide = from_next.shape[1]
    received = from_next.reshape(from_next.size)
    sets = from_next.shape[0] // SAMPLES
    n = factors.size // max(1, sets * SAMPLES)
    for strip in range(wide // COLUMNS):
        for part in range(sets):
            add_weighted(
                factors,
                part * n * SAMPLES,
                strips,
                strip * n * COLUMNS,
                n,
                received,
                part * SAMPLES * wide + strip * COLUMNS,
                wide,
            )
