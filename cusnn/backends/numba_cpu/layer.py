"""A layer: spikes times weights into neurons, T steps forward and the way back.

A piece of work is a tile of columns: its weights, copied once, stay in cache, the sums of a row
stay in registers, and the neurons take the currents of a segment from cache. Backward, a tile's
gradients of currents stay in cache too and are added, by neuron, to its gradients of weights.
"""

import numba
import numpy as np

from cusnn.backends.numba_cpu import layer_parts, layer_steps, layer_steps_back
from cusnn.backends.numba_cpu.layer_lists import fired_by_neuron, fired_by_row
from cusnn.backends.numba_cpu.layer_tiles import ROWS, tile_table, tile_width
from cusnn.backends.numba_cpu.neuron_rows import MODELS, numbers
from cusnn.backends.numba_cpu.spikes import spike_unpack
from cusnn.backends.numba_cpu.surrogates import KINDS

SAMPLES = 16  # of a piece of work forward
MOST_LISTED = 2**24  # entries of lists at a time
MOST_NUMBERS = 2**23  # of a dense product at a time
DENSE_COLUMNS = 512  # of the gradient of weights at a time


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
    if coefficients.model not in MODELS:
        arrays = (packed_in, weights, bias, state, final_state, spikes, packed, checkpoints)
        layer_parts.forward(*arrays, currents, coefficients, interval, method)
        return
    steps, batch, _ = packed_in.shape
    n, m = weights.shape
    event = method == "event"
    width = tile_width(m)
    table, keep, rest = numbers(coefficients)
    table = tile_table(table, m, width)
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
        layer_steps.forward(
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
    if coefficients.model not in MODELS:
        arrays = (packed_in, weights, bias, checkpoints, currents, grad_spikes, grad_final_state)
        gradients = (grad_weights, grad_bias, grad_spikes_in, grad_state, grad_coefficients)
        way = (coefficients, interval, surrogate, detach_reset, method)
        layer_parts.backward(*arrays, *gradients, *way)
        return
    steps, batch, _ = packed_in.shape
    n, m = weights.shape
    event = method == "event"
    width = tile_width(m)
    table, keep, rest = numbers(coefficients)
    table = tile_table(table, m, width)
    start = np.zeros(m, np.float32) if bias is None else bias
    grad_state[:] = 0 if grad_final_state is None else grad_final_state
    grad_state[-1] = 0
    for output in (grad_weights, grad_bias, grad_coefficients):
        if output is not None:
            output[:] = 0
    terms = np.empty((0, batch, m), np.float32) if grad_coefficients is None else grad_coefficients
    stored = grad_spikes_in is not None or not event
    adding = event and grad_weights is not None
    kind = KINDS.index(surrogate.kind)
    way = (coefficients.reset, kind, surrogate.values, bool(detach_reset))
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
        layer_steps_back.backward(
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
            *way,
        )
        if not event and grad_weights is not None:
            _dense_grad_weights(words, grad_current, grad_weights)
        if grad_spikes_in is not None:
            target = grad_spikes_in[first:last].reshape(-1, n)
            np.matmul(grad_current.reshape(-1, m), weights.T, out=target)


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
