"""Products of spikes with weights, and their gradients.

The forward product and the gradient of the weights are one computation: each row of the result is
the sum of chosen rows of a matrix, in ascending order. The lists of the chosen are made first.
"""

import numba
import numpy as np

from cusnn.backends.numba_cpu.spikes import compact_row

COLUMNS = 256  # of the result, in one piece of work
CHUNK = 1024  # rows of the matrix that are copied together, 1 MB of them
REUSE = 8  # a copy pays where its rows are read that often
PIECES = 4  # pieces of work per thread, so that threads end together


def spike_matmul(spikes, weights, product):
    _sum_chosen(*_fired_by_row(spikes), weights, product, numba.get_num_threads())


def spike_matmul_backward(grad_product, spikes, weights, grad_weights, grad_spikes):
    if grad_weights is not None:
        threads = numba.get_num_threads()
        lists = _fired_by_neuron(*_fired_by_row(spikes), spikes.shape[1], threads)
        _sum_chosen(*lists, grad_product, grad_weights, threads)
    if grad_spikes is not None:
        np.matmul(grad_product, weights.T, out=grad_spikes)


def spike_matmul_csr(spikes, indptr, indices, weights, product):
    lists = _fired_by_row(spikes)
    _sum_chosen_csr(*lists, indptr, indices, weights, product, numba.get_num_threads())


def spike_matmul_csr_backward(
    grad_product, spikes, indptr, indices, weights, grad_weights, grad_spikes
):
    if grad_weights is not None:
        neurons, threads = spikes.shape[1], numba.get_num_threads()
        starts, chosen = _fired_by_neuron(*_fired_by_row(spikes), neurons, threads)
        _grad_weights_csr(starts, chosen, grad_product, indptr, indices, grad_weights)
    if grad_spikes is not None:
        _grad_spikes_csr(grad_product, indptr, indices, weights, grad_spikes)


@numba.njit(cache=True, parallel=True, nogil=True)
def _fired_by_row(spikes):
    """Where the list of each row starts, and the lists of the neurons that fired, end to end."""
    rows, neurons = spikes.shape
    starts = np.zeros(rows + 1, np.int64)
    for r in numba.prange(rows):
        count = np.int32(0)
        for n in range(neurons):
            count += np.int32(spikes[r, n] != 0)
        starts[r + 1] = count
    for r in range(rows):
        starts[r + 1] += starts[r]
    chosen = np.empty(starts[rows], np.int32)
    for r in numba.prange(rows):
        compact_row(spikes[r], chosen[starts[r] : starts[r + 1]])
    return starts, chosen


@numba.njit(cache=True, parallel=True, nogil=True)
def _fired_by_neuron(starts, chosen, neurons, threads):
    """The same lists turned round: of the rows in which each neuron fired, ascending."""
    rows = starts.size - 1
    places = np.zeros((threads, neurons), np.int64)
    for thread in numba.prange(threads):
        first, last = rows * thread // threads, rows * (thread + 1) // threads
        for i in range(starts[first], starts[last]):
            places[thread, chosen[i]] += 1
    turned_starts = np.empty(neurons + 1, np.int64)
    place = 0
    for n in range(neurons):
        turned_starts[n] = place
        for thread in range(threads):
            count = places[thread, n]
            places[thread, n] = place
            place += count
    turned_starts[neurons] = place
    turned = np.empty(chosen.size, np.int32)
    for thread in numba.prange(threads):
        for r in range(rows * thread // threads, rows * (thread + 1) // threads):
            for i in range(starts[r], starts[r + 1]):
                turned[places[thread, chosen[i]]] = r
                places[thread, chosen[i]] += 1
    return turned_starts, turned


@numba.njit(cache=True, nogil=True)
def _row(terms, start, width):
    return terms[start : start + width]


@numba.njit(cache=True, nogil=True)
def _add_rows(total, terms, stride, offset, chosen):
    """Add rows of flat ``terms`` to ``total``, in the order of ``chosen``.

    Row n starts at stride n + offset. Several rows per pass save loads and stores of the total;
    each addition still rounds by itself and in order.
    """
    width = total.size
    k = 0
    while k + 8 <= chosen.size:
        a = _row(terms, stride * chosen[k] + offset, width)
        b = _row(terms, stride * chosen[k + 1] + offset, width)
        c = _row(terms, stride * chosen[k + 2] + offset, width)
        d = _row(terms, stride * chosen[k + 3] + offset, width)
        e = _row(terms, stride * chosen[k + 4] + offset, width)
        f = _row(terms, stride * chosen[k + 5] + offset, width)
        g = _row(terms, stride * chosen[k + 6] + offset, width)
        h = _row(terms, stride * chosen[k + 7] + offset, width)
        for j in range(width):
            half = (((total[j] + a[j]) + b[j]) + c[j]) + d[j]
            total[j] = (((half + e[j]) + f[j]) + g[j]) + h[j]
        k += 8
    while k < chosen.size:
        a = _row(terms, stride * chosen[k] + offset, width)
        for j in range(width):
            total[j] += a[j]
        k += 1


@numba.njit(cache=True, parallel=True, nogil=True)
def _sum_chosen(starts, chosen, terms, sums, threads):
    """sums[r] = sum of terms[n] over n in the r-th list."""
    rows, columns = sums.shape
    tiles = (columns + COLUMNS - 1) // COLUMNS
    if tiles == 0 or rows == 0:
        return
    pieces = PIECES * threads
    blocks = min(rows, max(1, pieces // tiles))
    reading = terms.shape[0] * blocks * REUSE
    flat = terms.reshape(terms.size)
    for piece in numba.prange(tiles * blocks):
        tile = piece // blocks
        first_row = rows * (piece % blocks) // blocks
        last_row = rows * (piece % blocks + 1) // blocks
        left = tile * COLUMNS
        right = min(columns, left + COLUMNS)
        if chosen.size < reading:
            for r in range(first_row, last_row):
                total = sums[r, left:right]
                total[:] = np.float32(0)
                _add_rows(total, flat, columns, left, chosen[starts[r] : starts[r + 1]])
        else:
            _sum_by_chunks(
                starts[first_row : last_row + 1],
                chosen,
                flat,
                sums[first_row:last_row],
                left,
                right,
            )


@numba.njit(cache=True, nogil=True)
def _sum_by_chunks(starts, chosen, terms, sums, left, right):
    """The columns ``left`` to ``right`` of ``_sum_chosen``, from a copy that stays in cache."""
    rows, columns = sums.shape
    width = right - left
    terms_rows = terms.size // columns
    copy = np.empty(min(CHUNK, terms_rows) * width, np.float32)
    begins = starts[:rows].copy()
    sums[:, left:right] = np.float32(0)
    for first in range(0, terms_rows, CHUNK):
        last = min(terms_rows, first + CHUNK)
        for n in range(first, last):
            copy[(n - first) * width : (n - first + 1) * width] = terms[
                n * columns + left : n * columns + right
            ]
        for r in range(rows):
            end = begins[r]
            while end < starts[r + 1] and chosen[end] < last:
                end += 1
            _add_rows(sums[r, left:right], copy, width, -first * width, chosen[begins[r] : end])
            begins[r] = end


@numba.njit(cache=True, nogil=True)
def _first_at_least(indices, begin, end, target):
    """First k of [begin, end) with indices[k] >= target, in ascending indices; else end."""
    while begin < end:
        middle = (begin + end) // 2
        if indices[middle] < target:
            begin = middle + 1
        else:
            end = middle
    return begin


@numba.njit(cache=True, parallel=True, nogil=True)
def _sum_chosen_csr(starts, chosen, indptr, indices, weights, product, threads):
    rows, targets = product.shape
    parts = 1 if rows == 0 else (2 * threads + rows - 1) // rows
    for piece in numba.prange(rows * parts):
        r = piece // parts
        left = targets * (piece % parts) // parts
        right = targets * (piece % parts + 1) // parts
        total = product[r]
        total[left:right] = np.float32(0)
        for i in range(starts[r], starts[r + 1]):
            begin = indptr[chosen[i]]
            end = indptr[chosen[i] + 1]
            if parts > 1:
                begin = _first_at_least(indices, begin, end, left)
                end = _first_at_least(indices, begin, end, right)
            for k in range(begin, end):
                total[indices[k]] += weights[k]


@numba.njit(cache=True, parallel=True, nogil=True)
def _grad_weights_csr(starts, chosen, grad_product, indptr, indices, grad_weights):
    for n in numba.prange(indptr.size - 1):
        targets = indices[indptr[n] : indptr[n + 1]]
        total = grad_weights[indptr[n] : indptr[n + 1]]
        total[:] = np.float32(0)
        for i in range(starts[n], starts[n + 1]):
            grad = grad_product[chosen[i]]
            for k in range(total.size):
                total[k] += grad[targets[k]]


@numba.njit(cache=True, parallel=True, nogil=True)
def _grad_spikes_csr(grad_product, indptr, indices, weights, grad_spikes):
    for r in numba.prange(grad_product.shape[0]):
        grad = grad_product[r]
        for n in range(indptr.size - 1):
            total = np.float32(0)
            for k in range(indptr[n], indptr[n + 1]):
                total += grad[indices[k]] * weights[k]
            grad_spikes[r, n] = total
