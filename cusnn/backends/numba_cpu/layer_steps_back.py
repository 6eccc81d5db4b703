"""The way back through a layer in one program: neurons, then gradients of weights, by tile."""

import numba
import numpy as np

from cusnn.backends.numba_cpu.chosen_rows import add_rows, copy_row, inner
from cusnn.backends.numba_cpu.layer_tiles import (
    TOGETHER,
    arrive,
    copy_tile,
    copy_tile_back,
    load,
    store,
)
from cusnn.backends.numba_cpu.neuron_rows import add_terms, distance, step, step_back
from cusnn.backends.numba_cpu.neuron_steps import HARD
from cusnn.backends.numba_cpu.neuron_tables import block_table
from cusnn.backends.numba_cpu.surrogates import derivative_block


@numba.njit(cache=True, nogil=True, parallel=True)
def backward(
    starts,
    chosen,
    turned_starts,
    turned,
    weights,
    bias,
    given,
    checkpoints,
    grad_spikes,
    grad_weights,
    grad_bias,
    grad_current,
    grad_state,
    grad_coefficients,
    table,
    keep,
    rest,
    interval,
    group,
    width,
    reset,
    kind,
    surrogate,
    detach,
):
    m = weights.shape[1]
    for tile in numba.prange(-(-m // width)):
        left, right = tile * width, min(m, tile * width + width)
        _tile(
            (starts, chosen, given),
            (turned_starts, turned),
            weights,
            bias,
            checkpoints,
            grad_spikes,
            grad_weights,
            grad_bias,
            grad_current,
            grad_state,
            grad_coefficients,
            block_table(table, tile * TOGETHER * width, (tile + 1) * TOGETHER * width),
            (keep, rest, reset, kind, surrogate, detach),
            interval,
            group,
            (left, right, width),
        )


@inner
def _tile(
    fired,
    turned,
    weights,
    bias,
    checkpoints,
    grad_spikes,
    grad_weights,
    grad_bias,
    grad_current,
    grad_state,
    grad_coefficients,
    table,
    rules,
    interval,
    group,
    columns,
):
    """A tile of columns, from the last step to the first.

    ``arriving`` holds the currents of a span of steps, and then, in their place, the gradients.
    """
    starts, chosen, given = fired
    left, right, width = columns
    steps, batch, _ = grad_spikes.shape
    tile = np.zeros(weights.shape[0] * width if given.shape[0] == 0 else 0, np.float32)
    if given.shape[0] == 0:
        copy_tile(weights, left, right, width, tile)
    start = _padded(bias, columns)
    bias_sum = _padded(grad_bias, columns)
    grad_tile = np.zeros(grad_weights.shape[0] * width, np.float32)
    copy_tile(grad_weights, left, right, width, grad_tile)
    grad = _sets(grad_state, columns)
    sums = _sets(grad_coefficients, columns)
    span = max(interval, group)
    every = _last_first(span, batch)
    arriving = np.zeros(span * batch * width, np.float32)
    rows = _rows(interval, grad_state.shape[0], TOGETHER * width)
    for begin in range((steps - 1) // span * span, -1, -span):
        stop = min(steps, begin + span)
        for t in range((stop - 1) // interval * interval, begin - 1, -interval):
            length = min(interval, stop - t)
            place = (t - begin) * batch * width
            where = (0, batch, left, right)
            arrive(starts, chosen, tile, start, given, place, t, length, *where, width, arriving)
            _segment(
                checkpoints[t // interval],
                grad_spikes[t : t + length],
                arriving,
                place,
                grad,
                sums,
                rows,
                table,
                rules,
                columns,
            )
        if grad_tile.size > 0:
            groups = (begin // group, (stop - 1) // group + 1)
            _add_to_weights(grad_tile, arriving, turned, groups, group * batch * width, width)
        here = (stop - begin) * batch
        add_rows(width, bias_sum, 0, arriving, 0, width, every, every.size - here, every.size)
        if grad_current.shape[0] > 0:
            _write_current(arriving, begin * batch, here, columns, grad_current)
    copy_tile_back(grad_tile, left, right, width, grad_weights)
    for j in range(min(grad_bias.size, right - left)):
        grad_bias[left + j] = bias_sum[j]
    _write_sets(grad, columns, grad_state)
    _write_sets(sums, columns, grad_coefficients)


@inner
def _padded(numbers, columns):
    """The columns of [M], or zeros where there are none, in a row of the tile's width."""
    left, right, width = columns
    out = np.zeros(width, np.float32)
    for j in range(min(numbers.size, right - left)):
        out[j] = numbers[left + j]
    return out


@inner
def _sets(rows, columns):
    """The columns of [S, B, M], by set of samples that move together."""
    left, right, width = columns
    count, batch, _ = rows.shape
    sets = -(-batch // TOGETHER)
    out = np.zeros((sets, count, TOGETHER * width), np.float32)
    for s in range(sets):
        first, last = s * TOGETHER, min(batch, (s + 1) * TOGETHER)
        load(rows, first, last, left, right, width, out[s])
    return out


@inner
def _write_sets(sets, columns, out):
    left, right, width = columns
    for s in range(sets.shape[0]):
        first, last = s * TOGETHER, min(out.shape[1], (s + 1) * TOGETHER)
        store(sets[s], first, last, left, right, width, out)


@inner
def _last_first(span, batch):
    """Rows of a span, the last step's first, and in a step the first sample's."""
    out = np.empty(span * batch, np.int32)
    for k in range(span):
        for b in range(batch):
            out[(span - 1 - k) * batch + b] = k * batch + b
    return out


@inner
def _rows(interval, rows, size):
    """Memory of a segment: states before each step, v_pre, and rows that a step makes."""
    states = np.zeros((interval + 1, rows, size), np.float32)
    v_pre = np.empty((interval, size), np.float32)
    spiked = np.empty(size, np.uint8)
    derivative = np.empty(size, np.float32)
    to_spikes = np.zeros(size, np.float32)
    before = np.empty(size, np.float32)
    parts = np.empty((3, size), np.float32)
    return states, v_pre, spiked, derivative, to_spikes, before, parts


@inner
def _segment(checkpoint, grad_spikes, arriving, place, grad, sums, rows, table, rules, columns):
    """The steps of a segment again, and back: gradients take the place of currents."""
    left, right, width = columns
    keep, rest, reset, kind, values, detach = rules
    states, v_pre, spiked, derivative, to_spikes, before, parts = rows
    length, batch, m = grad_spikes.shape
    flat = grad_spikes.reshape(grad_spikes.size)
    for s in range(grad.shape[0]):
        first, last = s * TOGETHER, min(batch, (s + 1) * TOGETHER)
        count = (last - first) * width
        load(checkpoint, first, last, left, right, width, states[0])
        for k in range(length):
            for row in range(states.shape[1]):
                for j in range(count):
                    states[k + 1, row, j] = states[k, row, j]
            here = place + (k * batch + first) * width
            current = arriving[here : here + count]
            step(current, states[k + 1], v_pre[k], spiked, table, keep, rest)
        for k in range(length - 1, -1, -1):
            here = place + (k * batch + first) * width
            current = arriving[here : here + count]
            for b in range(first, last):
                row = (k * batch + b) * m + left
                copy_row(flat, row, to_spikes, (b - first) * width, right - left)
            part = derivative[:count]
            distance(v_pre[k], table[4], part)
            derivative_block(kind, values, part, part)
            if sums.shape[1] > 0:
                for j in range(count):
                    before[j] = current[j]
            left_to_rest = states[k, states.shape[1] - 1]
            given = (v_pre[k], left_to_rest, to_spikes, derivative)
            step_back(current, grad[s], *given, parts, table, reset == HARD, detach)
            if sums.shape[1] > 0:
                add_terms(sums[s], parts, states[k], before[:count], current, reset)


@inner
def _add_to_weights(grad_tile, rows, turned, groups, size, width):
    """Add the gradients of the steps in which an input fired to its row, the last step first."""
    starts, chosen = turned
    first, last = groups
    n = grad_tile.size // width
    for g in range(last - 1, first - 1, -1):
        offset = (g - first) * size
        for i in range(n):
            entry = g * (n + 1) + i
            begin, end = starts[entry], starts[entry + 1]
            add_rows(width, grad_tile, i * width, rows, offset, width, chosen, begin, end)


@inner
def _write_current(rows, first, count, columns, grad_current):
    left, right, width = columns
    flat = grad_current.reshape(grad_current.size)
    for row in range(count):
        out = (first + row) * grad_current.shape[2] + left
        copy_row(rows, row * width, flat, out, right - left)
