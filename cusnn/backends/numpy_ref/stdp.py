"""Pair STDP: traces decay, weights change, traces jump."""

import numpy as np

TINY = np.float32(1e-30)
ONE = np.float32(1)


def stdp_step(spikes_pre, spikes_post, trace_pre, trace_post, weights, coefficients):
    decay(trace_pre, coefficients.decay_pre)
    decay(trace_post, coefficients.decay_post)
    pre, post = np.flatnonzero(spikes_pre), np.flatnonzero(spikes_post)
    weights[pre] = depressed(weights[pre], trace_post, coefficients)
    weights[:, post] = potentiated(weights[:, post], trace_pre[:, None], coefficients)
    jump(trace_pre, spikes_pre, coefficients.nearest)
    jump(trace_post, spikes_post, coefficients.nearest)


def stdp_step_csr(
    spikes_pre, spikes_post, indptr, indices, trace_pre, trace_post, weights, coefficients
):
    decay(trace_pre, coefficients.decay_pre)
    decay(trace_post, coefficients.decay_post)
    sources = np.repeat(np.arange(spikes_pre.size), np.diff(indptr))
    pre = np.flatnonzero(spikes_pre[sources])
    weights[pre] = depressed(weights[pre], trace_post[indices[pre]], coefficients)
    post = np.flatnonzero(spikes_post[indices])
    weights[post] = potentiated(weights[post], trace_pre[sources[post]], coefficients)
    jump(trace_pre, spikes_pre, coefficients.nearest)
    jump(trace_post, spikes_post, coefficients.nearest)


def decay(trace, factor):
    trace *= factor
    trace[np.abs(trace) < TINY] = 0


def jump(trace, spikes, nearest):
    fired = spikes != 0
    trace[fired] = ONE if nearest else trace[fired] + ONE


def depressed(weights, trace_post, c):
    change = c.a_minus * trace_post
    if c.multiplicative:
        change = change * (weights - c.w_min)
    return cut(weights - change, c)


def potentiated(weights, trace_pre, c):
    change = c.a_plus * trace_pre
    if c.multiplicative:
        change = change * (c.w_max - weights)
    return cut(weights + change, c)


def cut(weights, c):
    weights = np.where(weights < c.w_min, c.w_min, weights)
    return np.where(weights > c.w_max, c.w_max, weights)
