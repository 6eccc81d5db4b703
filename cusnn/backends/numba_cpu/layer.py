"""A layer: spikes times weights into neurons, T steps forward and the way back.

A piece of work is a tile of columns: its weights, copied once, stay in cache, the sums of a row
stay in registers, and the neurons take the currents of a segment from cache. Backward, a tile's
gradients of currents stay in cache too and are added, by neuron, to its gradients of weights.
"""

import numba
import numpy as np

from cusnn.backends.numba_cpu import layer_parts
from cusnn.backends.numba_cpu.chosen_rows import add_rows, copy_row, inner
from cusnn.backends.numba_cpu.layer_lists import CHUNK, fired_by_neuron, fired_by_row
from cusnn.backends.numba_cpu.neuron import (
    HARD,
    _add_terms,
    _block_table,
    _distance,
    _numbers,
    _step,
    _step_back,
)
from cusnn.backends.numba_cpu.neuron_blocks import pack
from cusnn.backends.numba_cpu.spikes import spike_unpack
from cusnn.backends.numba_cpu.surrogates import KINDS, derivative_block

FUSED = ("LIF", "CubaLIF")  # models whose neurons move in the same loop
SAMPLES = 16  # of a piece of work forward
TOGETHER = 16  # samples whose neurons move together
ROWS = 256  # of gradients that are added to weights together: they fit in cache
MOST_LISTED = 2**24  # entries of lists at a time
MOST_NUMBERS = 2**23  # of a dense product at a time
DENSE_COLUMNS = 512  # of the gradient of weights at a time
ZERO = np.float32(0)


def layer_forward(
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
    if coefficients.model not in FUSED:
        layer_parts.forward(
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
        )
        return
    steps, batch, _ = packed_in.shape
    n, m = weights.shape
    event = method == "event"
    width = tile_width(m)
    table, keep, rest = _numbers(coefficients)
    table = _tile_table(table, m, width)
    start = np.zeros(m, np.float32) if bias is None else bias
    length = _block(packed_in, n, n, interval, event)
    for first in range(0, steps, length):
        last = min(steps, first + length)
        words = packed_in[first:last]
        kept = _empty(batch, m) if currents is None else currents[first:last]
        if event:
            lists, given = fired_by_row(words.reshape(-1, words.shape[2]), n), _empty(batch, m)
        else:
            product = None if currents is None else kept
            lists, given = _no_lists(), _dense(words, weights, start, product)
            kept = _empty(batch, m)
        _forward(
            *lists,
            weights,
            start,
            given,
            state if first == 0 else final_state,
            final_state,
            np.empty((0, batch, m), np.uint8) if spikes is None else spikes[first:last],
            np.empty((0, batch, 0), np.uint32) if packed is None else packed[first:last],
            _points(checkpoints, state.shape, first, last, interval),
            kept,
            table,
            keep,
            rest,
            interval,
            width,
            _parts(batch, m, width),
        )


def layer_backward(
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
    if coefficients.model not in FUSED:
        layer_parts.backward(
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
        )
        return
    steps, batch, _ = packed_in.shape
    n, m = weights.shape
    event = method == "event"
    width = tile_width(m)
    table, keep, rest = _numbers(coefficients)
    table = _tile_table(table, m, width)
    start = np.zeros(m, np.float32) if bias is None else bias
    grad_state[:] = 0 if grad_final_state is None else grad_final_state
    grad_state[-1] = 0
    for output in (grad_weights, grad_bias, grad_coefficients):
        if output is not None:
            output[:] = 0
    terms = np.empty((0, batch, m), np.float32) if grad_coefficients is None else grad_coefficients
    stored = grad_spikes_in is not None or not event
    adding = event and grad_weights is not None
    group = _group(batch, interval)
    length = _block(packed_in, n, max(n, m) if stored else n, interval, not stored)
    for first in range((steps - 1) // length * length, -1, -length):
        last = min(steps, first + length)
        words = packed_in[first:last]
        flat = words.reshape(-1, words.shape[2])
        by_row, given = _no_lists(), _empty(batch, m)
        if currents is not None:
            given = currents[first:last]
        elif event:
            by_row = fired_by_row(flat, n)
        else:
            given = _dense(words, weights, start, None)
        grad_current = np.empty((last - first if stored else 0, batch, m), np.float32)
        _backward(
            *by_row,
            *(fired_by_neuron(flat, n, batch, group) if adding else _no_lists()),
            weights,
            start,
            given,
            _points(checkpoints, grad_state.shape, first, last, interval),
            grad_spikes[first:last],
            grad_weights if adding else np.empty((0, m), np.float32),
            np.empty(0, np.float32) if grad_bias is None else grad_bias,
            grad_current,
            grad_state,
            terms,
            table,
            keep,
            rest,
            interval,
            group,
            width,
            coefficients.reset,
            KINDS.index(surrogate.kind),
            surrogate.values,
            bool(detach_reset),
        )
        if not event and grad_weights is not None:
            _dense_grad_weights(words, grad_current, grad_weights)
        if grad_spikes_in is not None:
            target = grad_spikes_in[first:last].reshape(-1, n)
            np.matmul(grad_current.reshape(-1, m), weights.T, out=target)


def tile_width(m):
    """Columns of a tile: narrow ones where wide ones would leave threads without work."""
    return 32 if -(-m // 64) < 2 * numba.get_num_threads() else 64


def _parts(batch, m, width):
    """Parts of the batch forward: of a size that stays in cache, and work for every thread."""
    wanted = -(-2 * numba.get_num_threads() // -(-m // width))
    return min(batch, max(-(-batch // SAMPLES), wanted))


def _group(batch, interval):
    """Steps whose gradients are added to weights together: parts or multiples of a segment."""
    if batch * interval <= ROWS:
        return interval * (ROWS // (batch * interval))
    return max(
        k for k in range(1, interval + 1) if interval % k == 0 and k * batch <= max(ROWS, batch)
    )


def _block(packed_in, n, wide, interval, listed):
    """Steps at a time, a multiple of the interval, so that what is made of them fits in memory."""
    steps, batch, _ = packed_in.shape
    if listed:
        entries = int(np.bitwise_count(packed_in).sum(dtype=np.int64))
        length = steps // -(-max(1, entries) // MOST_LISTED)
    else:
        length = MOST_NUMBERS // (batch * wide)
    return max(1, min(length, steps + interval - 1) // interval) * interval


def _empty(batch, m):
    return np.empty((0, batch, m), np.float32)


def _no_lists():
    return np.empty(0, np.int64), np.empty(0, np.int32)


def _points(checkpoints, shape, first, last, interval):
    if checkpoints is None:
        return np.empty((0, *shape), np.float32)
    return checkpoints[first // interval : -(-last // interval)]


def _unpacked(words, n):
    rows = words.reshape(-1, words.shape[2])
    spikes = np.empty((len(rows), n), np.uint8)
    spike_unpack(rows, spikes)
    return spikes.astype(np.float32)


def _dense(words, weights, start, out):
    """Currents [T, B, M] by a dense product; in ``out`` where that is given."""
    m = weights.shape[1]
    product = np.empty((*words.shape[:2], m), np.float32) if out is None else out
    flat = product.reshape(-1, m)
    np.matmul(_unpacked(words, len(weights)), weights, out=flat)
    flat += start
    return product


def _dense_grad_weights(words, grad_current, grad_weights):
    spikes = _unpacked(words, len(grad_weights)).T
    grad = grad_current.reshape(-1, grad_current.shape[2])
    for left in range(0, grad.shape[1], DENSE_COLUMNS):
        columns = slice(left, left + DENSE_COLUMNS)
        grad_weights[:, columns] += np.matmul(spikes, grad[:, columns])


def _tile_table(table, m, width):
    """Coefficients by tile, sample and column: of one number for all, too, so that one program
    does for both."""
    tiles = -(-m // width)
    rows = (np.broadcast_to(row, m) for row in table)
    wide = (np.pad(row, (0, tiles * width - m), mode="edge") for row in rows)
    return tuple(
        np.repeat(row.reshape(tiles, 1, width), TOGETHER, axis=1).reshape(-1) for row in wide
    )


@inner
def copy_tile(matrix, left, right, width, out):
    """Columns of [R, M] as rows of ``width``; what is past the last column stays as it is."""
    rows, columns = matrix.shape
    flat = matrix.reshape(matrix.size)
    for row in range(rows):
        copy_row(flat, row * columns + left, out, row * width, right - left)


@inner
def copy_tile_back(tile, left, right, width, matrix):
    rows, columns = matrix.shape
    flat = matrix.reshape(matrix.size)
    for row in range(rows):
        copy_row(tile, row * width, flat, row * columns + left, right - left)


@inner
def _load(rows, first, last, left, right, width, out):
    """Rows [S, B, M] of samples and columns, flat for each s."""
    count, batch, m = rows.shape
    flat, out = rows.reshape(rows.size), out.reshape(out.size)
    size = out.size // max(1, count)
    for s in range(count):
        for b in range(first, last):
            place = s * size + (b - first) * width
            copy_row(flat, (s * batch + b) * m + left, out, place, right - left)


@inner
def _store(rows, first, last, left, right, width, out):
    count, batch, m = out.shape
    flat, rows = out.reshape(out.size), rows.reshape(rows.size)
    size = rows.size // max(1, count)
    for s in range(count):
        for b in range(first, last):
            place = s * size + (b - first) * width
            copy_row(rows, place, flat, (s * batch + b) * m + left, right - left)


@inner
def _arrive(
    starts, chosen, tile, start, given, place, t, length, first, last, left, right, width, out
):
    """Currents of a segment, by step and sample, from out[place] on: given, or added up."""
    samples = last - first
    steps, batch, m = given.shape
    if steps > 0:
        flat = given.reshape(given.size)
        for k in range(length):
            for b in range(first, last):
                row = place + (k * samples + b - first) * width
                copy_row(flat, ((t + k) * batch + b) * m + left, out, row, right - left)
        return
    for k in range(length * samples):
        copy_row(start, 0, out, place + k * width, width)
    chunks = -(-(tile.size // width) // CHUNK)
    for chunk in range(chunks):
        for k in range(length):
            for b in range(first, last):
                row = place + (k * samples + b - first) * width
                entry = ((t + k) * batch + b) * chunks + chunk
                add_rows(width, out, row, tile, 0, width, chosen, starts[entry], starts[entry + 1])


@numba.njit(cache=True, nogil=True, parallel=True)
def _forward(
    starts,
    chosen,
    weights,
    bias,
    given,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    currents,
    table,
    keep,
    rest,
    interval,
    width,
    parts,
):
    batch, m = state.shape[1:]
    tiles = -(-m // width)
    for job in numba.prange(tiles * parts):
        tile, part = job // parts, job % parts
        first, last = batch * part // parts, batch * (part + 1) // parts
        left, right = tile * width, min(m, tile * width + width)
        _forward_tile(
            starts,
            chosen,
            weights,
            bias,
            given,
            state,
            final_state,
            spikes,
            packed,
            checkpoints,
            currents,
            _block_table(table, tile * TOGETHER * width, (tile + 1) * TOGETHER * width),
            keep,
            rest,
            interval,
            width,
            (first, last, left, right),
        )


@inner
def _forward_tile(
    starts,
    chosen,
    weights,
    bias,
    given,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    currents,
    table,
    keep,
    rest,
    interval,
    width,
    where,
):
    first, last, left, right = where
    batch, m = state.shape[1:]
    flat_spikes, flat_currents = spikes.reshape(spikes.size), currents.reshape(currents.size)
    size = (last - first) * width
    steps = (starts.size - 1) // max(1, state.shape[1] * -(-weights.shape[0] // CHUNK))
    if given.shape[0] > 0:
        steps = given.shape[0]
    tile = np.zeros(weights.shape[0] * width if given.shape[0] == 0 else 0, np.float32)
    if given.shape[0] == 0:
        copy_tile(weights, left, right, width, tile)
    start = np.zeros(width, np.float32)
    for j in range(right - left):
        start[j] = bias[left + j]
    sets = -(-(last - first) // TOGETHER)
    now = np.zeros((sets, state.shape[0], TOGETHER * width), np.float32)
    for s in range(sets):
        one, other = first + s * TOGETHER, min(last, first + (s + 1) * TOGETHER)
        _load(state, one, other, left, right, width, now[s])
    arriving = np.zeros(interval * size, np.float32)
    v_pre = np.empty(TOGETHER * width, np.float32)
    spiked = np.empty(TOGETHER * width, np.uint8)
    for t in range(0, steps, interval):
        length = min(interval, steps - t)
        _arrive(
            starts,
            chosen,
            tile,
            start,
            given,
            0,
            t,
            length,
            first,
            last,
            left,
            right,
            width,
            arriving,
        )
        for s in range(sets):
            one, other = first + s * TOGETHER, min(last, first + (s + 1) * TOGETHER)
            if checkpoints.shape[0] > 0:
                _store(now[s], one, other, left, right, width, checkpoints[t // interval])
            for k in range(length):
                place = k * size + (one - first) * width
                current = arriving[place : place + (other - one) * width]
                _step(current, now[s], v_pre, spiked, table, keep, rest)
                for b in range(one, other):
                    row = (b - one) * width
                    out = ((t + k) * batch + b) * m + left
                    if spikes.shape[0] > 0:
                        copy_row(spiked, row, flat_spikes, out, right - left)
                    if packed.shape[0] > 0:
                        pack(spiked[row : row + right - left], packed[t + k, b, left // 32 :])
                    if currents.shape[0] > 0:
                        copy_row(arriving, place + row, flat_currents, out, right - left)
    for s in range(sets):
        one, other = first + s * TOGETHER, min(last, first + (s + 1) * TOGETHER)
        _store(now[s], one, other, left, right, width, final_state)


@numba.njit(cache=True, nogil=True, parallel=True)
def _backward(
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
        _backward_tile(
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
            _block_table(table, tile * TOGETHER * width, (tile + 1) * TOGETHER * width),
            keep,
            rest,
            interval,
            group,
            width,
            reset,
            kind,
            surrogate,
            detach,
            left,
            right,
        )


@inner
def _backward_tile(
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
    left,
    right,
):
    steps, batch, m = grad_spikes.shape
    flat_grad = grad_spikes.reshape(grad_spikes.size)
    flat_out = grad_current.reshape(grad_current.size)
    n = weights.shape[0]
    sets = -(-batch // TOGETHER)
    rows = grad_state.shape[0]
    size = TOGETHER * width
    tile = np.zeros(n * width if given.shape[0] == 0 else 0, np.float32)
    if given.shape[0] == 0:
        copy_tile(weights, left, right, width, tile)
    grad_tile = np.zeros(grad_weights.shape[0] * width, np.float32)
    copy_tile(grad_weights, left, right, width, grad_tile)
    start = np.zeros(width, np.float32)
    for j in range(right - left):
        start[j] = bias[left + j]
    grad = np.zeros((sets, rows, size), np.float32)
    sums = np.zeros((sets, grad_coefficients.shape[0], size), np.float32)
    for s in range(sets):
        first, last = s * TOGETHER, min(batch, (s + 1) * TOGETHER)
        _load(grad_state, first, last, left, right, width, grad[s])
        _load(grad_coefficients, first, last, left, right, width, sums[s])
    bias_sum = np.zeros(width, np.float32)
    if grad_bias.size > 0:
        for j in range(right - left):
            bias_sum[j] = grad_bias[left + j]
    span = max(interval, group)
    every = np.empty(span * batch, np.int32)
    for k in range(span):
        for b in range(batch):
            every[(span - 1 - k) * batch + b] = k * batch + b
    arriving = np.zeros(span * batch * width, np.float32)
    states = np.zeros((interval + 1, rows, size), np.float32)
    v_pre = np.empty((interval, size), np.float32)
    spiked = np.empty(size, np.uint8)
    derivative = np.empty(size, np.float32)
    to_spikes = np.zeros(size, np.float32)
    before = np.empty(size, np.float32)
    parts = np.empty((3, size), np.float32)
    for begin in range((steps - 1) // span * span, -1, -span):
        stop = min(steps, begin + span)
        for t in range((stop - 1) // interval * interval, begin - 1, -interval):
            length = min(interval, stop - t)
            place = (t - begin) * batch * width
            _arrive(
                starts,
                chosen,
                tile,
                start,
                given,
                place,
                t,
                length,
                0,
                batch,
                left,
                right,
                width,
                arriving,
            )
            for s in range(sets):
                first, last = s * TOGETHER, min(batch, (s + 1) * TOGETHER)
                count = (last - first) * width
                _load(checkpoints[t // interval], first, last, left, right, width, states[0])
                for k in range(length):
                    for row in range(rows):
                        for j in range(count):
                            states[k + 1, row, j] = states[k, row, j]
                    here = place + (k * batch + first) * width
                    current = arriving[here : here + count]
                    _step(current, states[k + 1], v_pre[k], spiked, table, keep, rest)
                for k in range(length - 1, -1, -1):
                    here = place + (k * batch + first) * width
                    current = arriving[here : here + count]
                    for b in range(first, last):
                        row = ((t + k) * batch + b) * m + left
                        copy_row(flat_grad, row, to_spikes, (b - first) * width, right - left)
                    part = derivative[:count]
                    _distance(v_pre[k], table[4], part)
                    derivative_block(kind, surrogate, part, part)
                    if sums.shape[1] > 0:
                        for j in range(count):
                            before[j] = current[j]
                    _step_back(
                        current,
                        grad[s],
                        v_pre[k],
                        states[k, rows - 1],
                        to_spikes,
                        derivative,
                        parts,
                        table,
                        reset == HARD,
                        detach,
                    )
                    if sums.shape[1] > 0:
                        _add_terms(sums[s], parts, states[k], before[:count], current, reset)
        if grad_tile.size > 0:
            for g in range((stop - 1) // group, begin // group - 1, -1):
                offset = (g * group - begin) * batch * width
                base = g * (n + 1)
                for i in range(n):
                    add_rows(
                        width,
                        grad_tile,
                        i * width,
                        arriving,
                        offset,
                        width,
                        turned,
                        turned_starts[base + i],
                        turned_starts[base + i + 1],
                    )
        rows_here = (stop - begin) * batch
        add_rows(width, bias_sum, 0, arriving, 0, width, every, every.size - rows_here, every.size)
        if grad_current.shape[0] > 0:
            for row in range(rows_here):
                out = (begin * batch + row) * m + left
                copy_row(arriving, row * width, flat_out, out, right - left)
    copy_tile_back(grad_tile, left, right, width, grad_weights)
    if grad_bias.size > 0:
        for j in range(right - left):
            grad_bias[left + j] = bias_sum[j]
    for s in range(sets):
        first, last = s * TOGETHER, min(batch, (s + 1) * TOGETHER)
        _store(grad[s], first, last, left, right, width, grad_state)
        _store(sums[s], first, last, left, right, width, grad_coefficients)
