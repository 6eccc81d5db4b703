"""Neurons that feed one another: a thread takes samples through all steps and back."""

import numba
import numpy as np

from cusnn.backends.numba_cpu import recurrent_parts
from cusnn.backends.numba_cpu.chosen_rows import add_rows, inner
from cusnn.backends.numba_cpu.layer import FUSED, ROWS, copy_tile, copy_tile_back, tile_width
from cusnn.backends.numba_cpu.layer_lists import fired_by_neuron
from cusnn.backends.numba_cpu.neuron import (
    HARD,
    _add_terms,
    _distance,
    _numbers,
    _step,
    _step_back,
)
from cusnn.backends.numba_cpu.neuron_blocks import pack
from cusnn.backends.numba_cpu.spikes import compact_row, spike_pack
from cusnn.backends.numba_cpu.surrogates import KINDS, derivative_block
from cusnn.backends.numba_cpu.weighted_rows import (
    COLUMNS,
    SAMPLES,
    add_weighted,
    strips_of_columns,
)

TOGETHER = 2 * SAMPLES  # samples that go back together: weights are read once for all of them


def recurrent_forward(
    current,
    weights,
    spikes_before,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    coefficients,
    interval,
):
    _, batch, n = current.shape
    if coefficients.model not in FUSED:
        outputs = (final_state, spikes, packed, checkpoints)
        given = (current, _padded(weights), spikes_before, state)
        recurrent_parts.forward(*given, *outputs, coefficients, interval)
        return
    _forward(
        current,
        *_padded(weights),
        spikes_before,
        state,
        final_state,
        np.empty((0, batch, n), np.uint8) if spikes is None else spikes,
        np.empty((0, batch, 0), np.uint32) if packed is None else packed,
        np.empty((0, *state.shape), np.float32) if checkpoints is None else checkpoints,
        *_numbers(coefficients),
        interval,
    )


def recurrent_backward(
    current,
    weights,
    spikes_before,
    packed,
    checkpoints,
    grad_spikes,
    grad_final_state,
    grad_current,
    grad_weights,
    grad_spikes_before,
    grad_state,
    grad_coefficients,
    coefficients,
    interval,
    surrogate,
    detach_reset,
):
    batch, n = spikes_before.shape
    strips = strips_of_columns(weights)
    if coefficients.model not in FUSED:
        recurrent_parts.backward(
            current,
            _padded(weights),
            strips,
            spikes_before,
            packed,
            checkpoints,
            grad_spikes,
            grad_final_state,
            grad_current,
            grad_spikes_before,
            grad_state,
            grad_coefficients,
            coefficients,
            interval,
            surrogate,
            detach_reset,
        )
    else:
        grad_state[:] = 0 if grad_final_state is None else grad_final_state
        grad_state[-1] = 0
        none = np.empty((0, batch, n), np.float32)
        _backward(
            current,
            *_padded(weights),
            strips,
            spikes_before,
            packed,
            checkpoints,
            grad_spikes,
            grad_current,
            grad_spikes_before,
            grad_state,
            none if grad_coefficients is None else grad_coefficients,
            *_numbers(coefficients),
            interval,
            coefficients.reset,
            KINDS.index(surrogate.kind),
            surrogate.values,
            bool(detach_reset),
            max(-(-batch // TOGETHER), min(-(-batch // SAMPLES), numba.get_num_threads())),
        )
    if grad_weights is not None:
        before = np.empty_like(packed)
        spike_pack(spikes_before, before[0], None)
        before[1:] = packed[:-1]
        steps = max(1, ROWS // batch)
        lists = fired_by_neuron(before.reshape(-1, before.shape[2]), n, batch, steps)
        rows = grad_current.reshape(-1, n)
        _grad_weights(*lists, rows, grad_weights, steps * batch, tile_width(n))


def _padded(weights):
    """The weights flat, with rows of a multiple of 32 columns; and the length of a row."""
    past = -weights.shape[1] % 32
    wide = np.pad(weights, ((0, 0), (0, past))) if past else weights
    return wide.reshape(-1), wide.shape[1]


@inner
def _arrive(current, weights, row, fired, count, total):
    """Input and the rows of the ``count`` neurons that fired before, in ``total`` [row]."""
    for j in range(current.size):
        total[j] = current[j]
    for left in range(0, row, 64):
        add_rows(min(64, row - left), total, left, weights, left, row, fired, 0, count)


@numba.njit(cache=True, nogil=True, parallel=True)
def _forward(
    current,
    weights,
    row,
    spikes_before,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    table,
    keep,
    rest,
    interval,
):
    for b in numba.prange(current.shape[1]):
        _forward_sample(
            current,
            weights,
            row,
            spikes_before,
            state,
            final_state,
            spikes,
            packed,
            checkpoints,
            table,
            keep,
            rest,
            interval,
            b,
        )


@inner
def _forward_sample(
    current,
    weights,
    row,
    spikes_before,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    table,
    keep,
    rest,
    interval,
    b,
):
    steps, _, n = current.shape
    now = state[:, b, :].copy()
    total = np.zeros(row, np.float32)
    v_pre = np.empty(n, np.float32)
    spiked = spikes_before[b].copy()
    fired = np.empty(n, np.int32)
    for t in range(steps):
        if checkpoints.shape[0] > 0 and t % interval == 0:
            checkpoints[t // interval, :, b, :] = now
        _arrive(current[t, b], weights, row, fired, compact_row(spiked, fired), total)
        _step(total[:n], now, v_pre, spiked, table, keep, rest)
        if spikes.shape[0] > 0:
            spikes[t, b, :] = spiked
        if packed.shape[0] > 0:
            pack(spiked, packed[t, b])
    final_state[:, b, :] = now


@numba.njit(cache=True, nogil=True, parallel=True)
def _backward(
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
        _backward_samples(
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
            batch * job // jobs,
            batch * (job + 1) // jobs,
        )


@inner
def _unpack(words, n, spikes):
    for j in range(n):
        spikes[j] = (words[j // 32] >> np.uint32(j % 32)) & np.uint32(1)


@inner
def _backward_samples(
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
    received = from_next.reshape(from_next.size)
    factors = np.zeros(sets * n * SAMPLES, np.float32)
    spiked = np.empty(n, np.uint8)
    fired = np.empty(n, np.int32)
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
            for k in range(length):
                t = start + k
                if t > 0:
                    _unpack(packed[t - 1, b], n, spiked)
                else:
                    spiked[:] = spikes_before[b]
                count = compact_row(spiked, fired)
                _arrive(current[t, b], weights, row, fired, count, totals[s, k])
                states[s, k + 1] = states[s, k]
                _step(totals[s, k, :n], states[s, k + 1], v_pre[s, k], spiked, table, keep, rest)
        for k in range(length - 1, -1, -1):
            t = start + k
            for s in range(samples):
                b = first + s
                for j in range(n):
                    to_spikes[j] = grad_spikes[t, b, j] + from_next[s, j]
                _distance(v_pre[s, k], table[4], derivative)
                derivative_block(kind, surrogate, derivative, derivative)
                to_current = grad_current[t, b]
                left = states[s, k, rows - 1]
                _step_back(
                    to_current,
                    grad[s],
                    v_pre[s, k],
                    left,
                    to_spikes,
                    derivative,
                    parts,
                    table,
                    reset == HARD,
                    detach,
                )
                if terms > 0:
                    arriving = totals[s, k, :n]
                    _add_terms(sums[s], parts, states[s, k], arriving, to_current, reset)
                place = s // SAMPLES * n * SAMPLES + s % SAMPLES
                for j in range(n):
                    factors[place + j * SAMPLES] = to_current[j]
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
    for s in range(samples):
        grad_before[first + s, :] = from_next[s, :n]
        grad_state[:, first + s, :] = grad[s]
        grad_coefficients[:, first + s, :] = sums[s]


@numba.njit(cache=True, nogil=True, parallel=True)
def _grad_weights(starts, chosen, grad_rows, grad_weights, group, width):
    """Rows of gradients added up for the neurons that fired, a tile of columns at a time."""
    n, m = grad_weights.shape
    groups = starts.size // (n + 1)
    for tile in numba.prange(-(-m // width)):
        left, right = tile * width, min(m, tile * width + width)
        total = np.zeros(n * width, np.float32)
        terms = np.zeros(group * width, np.float32)
        for g in range(groups - 1, -1, -1):
            copy_tile(grad_rows[g * group : (g + 1) * group], left, right, width, terms)
            base = g * (n + 1)
            for i in range(n):
                add_rows(
                    width,
                    total,
                    i * width,
                    terms,
                    0,
                    width,
                    chosen,
                    starts[base + i],
                    starts[base + i + 1],
                )
        copy_tile_back(total, left, right, width, grad_weights)
