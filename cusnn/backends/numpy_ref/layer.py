"""A layer: spikes times weights into neurons, T steps forward and the way back."""

import numpy as np

from cusnn.backends.numpy_ref.neuron import neuron_backward, neuron_forward


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
    outputs = (spikes, packed)
    final_state[:] = state
    for t, words in enumerate(packed_in):
        if checkpoints is not None and t % interval == 0:
            checkpoints[t // interval] = final_state
        current = arriving(words, weights, bias, method)
        if currents is not None:
            currents[t] = current
        of_step = (None if output is None else output[t : t + 1] for output in outputs)
        neuron_forward(current[None], final_state, final_state, *of_step, None, coefficients, 1, 1)


def fired(words, n):
    """Spikes [B, n] of one step, from words [B, V]."""
    bits = (words[:, :, None] >> np.arange(32, dtype=np.uint32)) & np.uint32(1)
    return bits.reshape(len(words), -1)[:, :n]


def arriving(words, weights, bias, method):
    """The current [B, M] of one step: bias, then the rows of the inputs that fired, in order."""
    spikes = fired(words, len(weights))
    start = np.zeros(weights.shape[1], np.float32) if bias is None else bias
    with np.errstate(all="ignore"):
        if method == "dense":
            return spikes.astype(np.float32) @ weights + start
        return add_fired(np.tile(start, (len(words), 1)), spikes, weights)


def add_fired(current, spikes, weights):
    """Add to current [B, M] the rows of what fired [B, N], in ascending n."""
    for row, sample in zip(current, spikes, strict=True):
        for n in np.flatnonzero(sample):
            row += weights[n]
    return current


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
    grad_state[:] = 0 if grad_final_state is None else grad_final_state
    for output in (grad_weights, grad_bias, grad_coefficients):
        if output is not None:
            output[:] = 0
    way = (coefficients, surrogate, detach_reset)
    for q in reversed(range(len(checkpoints))):
        times = range(q * interval, min((q + 1) * interval, len(packed_in)))
        words = packed_in[times.start : times.stop]
        if currents is None:
            given = np.stack([arriving(step, weights, bias, method) for step in words])
        else:
            given = currents[times.start : times.stop]
        states = states_before(given, checkpoints[q], coefficients)
        for k, t in reversed(list(enumerate(times))):
            of_step = (given[k], states[k], grad_spikes[t])
            grad_current = one_step_back(*of_step, grad_state, grad_coefficients, *way)
            with np.errstate(all="ignore"):
                if grad_weights is not None:
                    add_outer(grad_weights, fired(words[k], len(weights)), grad_current, method)
                if grad_bias is not None:
                    for sample in grad_current:
                        grad_bias += sample
                if grad_spikes_in is not None:
                    grad_spikes_in[t] = grad_current @ weights.T


def states_before(currents, state, coefficients):
    """The state before each step of a segment [K, S, B, M], run again from its first."""
    steps = len(currents)
    states = np.empty((steps, *state.shape), np.float32)
    final = np.empty_like(state)
    neuron_forward(currents, state, final, None, None, states, coefficients, 1, steps)
    return states


def one_step_back(
    current,
    state,
    grad_spikes,
    grad_state,
    grad_coefficients,
    coefficients,
    surrogate,
    detach_reset,
):
    """Move ``grad_state`` over one step, add to ``grad_coefficients``; the current's gradient."""
    grad_current = np.empty_like(current[None])
    terms = None if grad_coefficients is None else np.empty_like(grad_coefficients)
    neuron_backward(
        current[None],
        state[None],
        grad_spikes[None],
        grad_state,
        grad_current,
        grad_state,
        terms,
        coefficients,
        1,
        surrogate,
        detach_reset,
    )
    if terms is not None:
        grad_coefficients += terms
    return grad_current[0]


def add_outer(grad_weights, spikes, grad_current, method):
    """Add what one step gives to the gradient of the weights, sample after sample."""
    if method == "dense":
        grad_weights += spikes.T.astype(np.float32) @ grad_current
        return
    for sample, grad in zip(spikes, grad_current, strict=True):
        grad_weights[sample != 0] += grad
