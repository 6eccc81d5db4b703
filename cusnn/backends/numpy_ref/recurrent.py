"""Neurons that feed one another: what fired in a step arrives in the next."""

import numpy as np

from cusnn.backends.numpy_ref.layer import add_outer, fired
from cusnn.backends.numpy_ref.neuron import pack, step, step_back


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
    state, before = state.copy(), spikes_before != 0
    with np.errstate(all="ignore"):
        for t in range(len(current)):
            if checkpoints is not None and t % interval == 0:
                checkpoints[t // interval] = state
            before = step(state, total_current(current[t], before, weights), coefficients).spiked
            if spikes is not None:
                spikes[t] = before
            if packed is not None:
                packed[t] = pack(before, packed.shape[2])
    final_state[:] = state


def total_current(current, before, weights):
    """What arrives [B, N]: the input, then the rows of the neurons that fired before, in order."""
    total = current.copy()
    for row, sample in zip(total, before, strict=True):
        for n in np.flatnonzero(sample):
            row += weights[n]
    return total


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
    grad_state[:] = 0 if grad_final_state is None else grad_final_state
    grad_state[-1] = 0
    for output in (grad_weights, grad_coefficients):
        if output is not None:
            output[:] = 0
    from_next = np.zeros_like(grad_spikes_before)
    n = weights.shape[0]
    with np.errstate(all="ignore"):
        for q in reversed(range(len(checkpoints))):
            times = range(q * interval, min((q + 1) * interval, len(current)))
            before = [fired(packed[t - 1], n) if t > 0 else spikes_before != 0 for t in times]
            totals = [
                total_current(current[t], spikes, weights)
                for t, spikes in zip(times, before, strict=True)
            ]
            state = checkpoints[q].copy()
            done = [step(state, total, coefficients) for total in totals]
            for t in reversed(times):
                k = t - times[0]
                grad_current[t], terms = step_back(
                    grad_state,
                    done[k],
                    totals[k],
                    grad_spikes[t] + from_next,
                    coefficients,
                    surrogate,
                    detach_reset,
                )
                from_next = to_spikes(grad_current[t], weights)
                if grad_weights is not None:
                    add_outer(grad_weights, before[k], grad_current[t], "event")
                if grad_coefficients is not None:
                    for total, term in zip(grad_coefficients, terms, strict=True):
                        total += term
    grad_spikes_before[:] = from_next


def to_spikes(grad_current, weights):
    """Gradient [B, N] with respect to the spikes of the step before: targets added in order."""
    grad = np.zeros_like(grad_current)
    for m in range(weights.shape[1]):
        grad += grad_current[:, m, None] * weights[:, m]
    return grad
