"""A layer: spikes times weights into neurons, T steps forward and the way back."""

import numpy as np

from cusnn.backends.numpy_ref.neuron import pack, step, step_back


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
    state = state.copy()
    with np.errstate(all="ignore"):
        for t, words in enumerate(packed_in):
            if checkpoints is not None and t % interval == 0:
                checkpoints[t // interval] = state
            current = arriving(words, weights, bias, method)
            spiked = step(state, current, coefficients).spiked
            for output, value in ((spikes, spiked), (currents, current)):
                if output is not None:
                    output[t] = value
            if packed is not None:
                packed[t] = pack(spiked, packed.shape[2])
    final_state[:] = state


def fired(words, n):
    """Spikes [B, n] of one step, from words [B, V]."""
    bits = (words[:, :, None] >> np.arange(32, dtype=np.uint32)) & np.uint32(1)
    return bits.reshape(len(words), -1)[:, :n]


def arriving(words, weights, bias, method):
    """The current [B, M] of one step: bias, then the rows of the inputs that fired, in order."""
    spikes = fired(words, len(weights))
    start = np.zeros(weights.shape[1], np.float32) if bias is None else bias
    if method == "dense":
        return spikes.astype(np.float32) @ weights + start
    current = np.tile(start, (len(words), 1))
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
    grad_state[-1] = 0
    for output in (grad_weights, grad_bias, grad_coefficients):
        if output is not None:
            output[:] = 0
    with np.errstate(all="ignore"):
        for q in reversed(range(len(checkpoints))):
            first = q * interval
            given = None if currents is None else currents[first : first + interval]
            if given is None:
                segment = packed_in[first : first + interval]
                given = [arriving(words, weights, bias, method) for words in segment]
            state = checkpoints[q].copy()
            done = [step(state, current, coefficients) for current in given]
            for t in reversed(range(first, first + len(done))):
                grad_current, terms = step_back(
                    grad_state,
                    done[t - first],
                    given[t - first],
                    grad_spikes[t],
                    coefficients,
                    surrogate,
                    detach_reset,
                )
                spikes = fired(packed_in[t], len(weights))
                if grad_weights is not None:
                    add_outer(grad_weights, spikes, grad_current, method)
                if grad_bias is not None:
                    for sample in grad_current:
                        grad_bias += sample
                if grad_spikes_in is not None:
                    grad_spikes_in[t] = grad_current @ weights.T
                if grad_coefficients is not None:
                    for total, term in zip(grad_coefficients, terms, strict=True):
                        total += term


def add_outer(grad_weights, spikes, grad_current, method):
    """Add what one step gives to the gradient of the weights, sample after sample."""
    if method == "dense":
        grad_weights += spikes.T.astype(np.float32) @ grad_current
        return
    for sample, grad in zip(spikes, grad_current, strict=True):
        grad_weights[sample != 0] += grad
