"""Pair STDP: traces decay, weights change, traces jump."""

import numpy as np
from numba import njit, prange

TINY = np.float32(1e-30)
ZERO, ONE = np.float32(0), np.float32(1)
MINUS_ZERO, INFINITY = np.float32(-0.0), np.float32(np.inf)

# Weights in a cache line: where fewer columns than one in so many fired, a row that did not fire
# is cheaper to touch at those columns than to walk through.
WEIGHTS_PER_LINE = 16


def stdp_step(spikes_pre, spikes_post, trace_pre, trace_post, weights, coefficients):
    step_dense(spikes_pre, spikes_post, trace_pre, trace_post, weights, *numbers(coefficients))


def stdp_step_csr(
    spikes_pre, spikes_post, indptr, indices, trace_pre, trace_post, weights, coefficients
):
    step_csr(
        spikes_pre,
        spikes_post,
        indptr,
        indices,
        trace_pre,
        trace_post,
        weights,
        *numbers(coefficients),
    )


def numbers(c):
    decays = (c.decay_pre, c.decay_post)
    rule = (c.a_plus, c.a_minus, c.w_min, c.w_max, c.multiplicative)
    return decays, rule, c.nearest


@njit(cache=True, nogil=True)
def decay(trace, factor):
    for n in range(trace.size):
        x = factor * trace[n]
        trace[n] = ZERO if abs(x) < TINY else x


@njit(cache=True, nogil=True)
def jump(trace, spikes, nearest):
    for n in range(trace.size):
        x = ONE if nearest else trace[n] + ONE
        trace[n] = x if spikes[n] else trace[n]


@njit(cache=True, inline="always")
def cut(weight, w_min, w_max):
    weight = w_min if weight < w_min else weight
    return w_max if weight > w_max else weight


@njit(cache=True, inline="always")
def depressed(weight, change, rule):
    _, _, w_min, w_max, multiplicative = rule
    return cut(weight - change * ((weight - w_min) if multiplicative else ONE), w_min, w_max)


@njit(cache=True, inline="always")
def potentiated(weight, change, rule):
    _, _, w_min, w_max, multiplicative = rule
    return cut(weight + change * ((w_max - weight) if multiplicative else ONE), w_min, w_max)


@njit(cache=True, nogil=True)
def depress_row(weights, trace_post, rule):
    a_minus = rule[1]
    for j in range(weights.size):
        weights[j] = depressed(weights[j], a_minus * trace_post[j], rule)


@njit(cache=True, nogil=True)
def potentiate_row(weights, spikes_post, change, rule):
    """Where the target did not fire, -0 is added and no bound cuts, which keeps every bit.

    A choice between the new weight and the old one would become a masked store, which is slow.
    """
    _, _, w_min, w_max, multiplicative = rule
    for j in range(weights.size):
        weight, fired = weights[j], spikes_post[j] != 0
        step = change * ((w_max - weight) if multiplicative else ONE)
        low, high = (w_min if fired else -INFINITY), (w_max if fired else INFINITY)
        weights[j] = cut(weight + (step if fired else MINUS_ZERO), low, high)


@njit(cache=True, nogil=True)
def depress_and_potentiate_row(weights, spikes_post, trace_post, change, rule):
    a_minus = rule[1]
    for j in range(weights.size):
        weight = depressed(weights[j], a_minus * trace_post[j], rule)
        weights[j] = potentiated(weight, change, rule) if spikes_post[j] else weight


@njit(cache=True, nogil=True)
def potentiate_listed(weights, columns, change, rule):
    for j in columns:
        weights[j] = potentiated(weights[j], change, rule)


@njit(cache=True, parallel=True, nogil=True)
def step_dense(spikes_pre, spikes_post, trace_pre, trace_post, weights, decays, rule, nearest):
    decay(trace_pre, decays[0])
    decay(trace_post, decays[1])
    columns = np.flatnonzero(spikes_post)
    walk = columns.size * WEIGHTS_PER_LINE > weights.shape[1]
    rows = np.arange(spikes_pre.size) if columns.size else np.flatnonzero(spikes_pre)
    for k in prange(rows.size):
        i = rows[k]
        row, change = weights[i], rule[0] * trace_pre[i]
        if spikes_pre[i] and walk:
            depress_and_potentiate_row(row, spikes_post, trace_post, change, rule)
        elif walk:
            potentiate_row(row, spikes_post, change, rule)
        else:
            if spikes_pre[i]:
                depress_row(row, trace_post, rule)
            potentiate_listed(row, columns, change, rule)
    jump(trace_pre, spikes_pre, nearest)
    jump(trace_post, spikes_post, nearest)


# An index without a sign needs no test for counting from the end.
@njit(cache=True, nogil=True)
def change_fired_row(weights, targets, spikes_post, trace_post, change, rule):
    a_minus = rule[1]
    for k in range(weights.size):
        j = np.uint32(targets[k])
        weight = depressed(weights[k], a_minus * trace_post[j], rule)
        weights[k] = potentiated(weight, change, rule) if spikes_post[j] else weight


@njit(cache=True, nogil=True)
def change_silent_row(weights, targets, spikes_post, change, rule):
    for k in range(weights.size):
        if spikes_post[np.uint32(targets[k])]:
            weights[k] = potentiated(weights[k], change, rule)


@njit(cache=True, parallel=True, nogil=True)
def step_csr(
    spikes_pre, spikes_post, indptr, indices, trace_pre, trace_post, weights, decays, rule, nearest
):
    decay(trace_pre, decays[0])
    decay(trace_post, decays[1])
    rows = np.arange(spikes_pre.size) if spikes_post.any() else np.flatnonzero(spikes_pre)
    for k in prange(rows.size):
        i = rows[k]
        row = slice(indptr[i], indptr[i + 1])
        change = rule[0] * trace_pre[i]
        if spikes_pre[i]:
            change_fired_row(weights[row], indices[row], spikes_post, trace_post, change, rule)
        else:
            change_silent_row(weights[row], indices[row], spikes_post, change, rule)
    jump(trace_pre, spikes_pre, nearest)
    jump(trace_post, spikes_post, nearest)
