"""Neurons that feed one another: what fired in a step arrives in the next."""

import numpy as np

from cusnn.backends.numpy_ref.layer import (
    add_fired,
    add_outer,
    fired,
    one_step_back,
    states_before,
)
from cusnn.backends.numpy_ref.neuron import neuron_forward, pack


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
    final_state[:] = state
    before = spikes_before[None].copy()
    for t in range(len(current)):
        if checkpoints is not None and t % interval == 0:
            checkpoints[t // interval] = final_state
        total = total_current(current[t], before[0], weights)[None]
        neuron_forward(total, final_state, final_state, before, None, None, coefficients, 1, 1)
        if spikes is not None:
            spikes[t] = before[0]
        if packed is not None:
            packed[t] = pack(before[0], packed.shape[2])


def total_current(current, before, weights):
    """What arrives [B, N]: the input, then the rows of the neurons that fired before, in order."""
    with np.errstate(all="ignore"):
        return add_fired(current.copy(), before, weights)


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
    grad_spikes_before[:] = 0
    for output in (grad_weights, grad_coefficients):
        if output is not None:
            output[:] = 0
    n = len(weights)
    way = (coefficients, surrogate, detach_reset)
    for q in reversed(range(len(checkpoints))):
        times = range(q * interval, min((q + 1) * interval, len(current)))
        before = [fired(packed[t - 1], n) if t > 0 else spikes_before for t in times]
        totals = [
            total_current(current[t], spikes, weights)
            for t, spikes in zip(times, before, strict=True)
        ]
        states = states_before(np.stack(totals), checkpoints[q], coefficients)
        for k, t in reversed(list(enumerate(times))):
            to_spikes = grad_spikes[t] + grad_spikes_before
            of_step = (totals[k], states[k], to_spikes)
            grad_current[t] = one_step_back(*of_step, grad_state, grad_coefficients, *way)
            with np.errstate(all="ignore"):
                grad_spikes_before[:] = through_weights(grad_current[t], weights)
                if grad_weights is not None:
                    add_outer(grad_weights, before[k], grad_current[t], "event")


def through_weights(grad_current, weights):
    """Gradient [B, N] with respect to the spikes of the step before: targets added in order."""
    grad = np.zeros_like(grad_current)
    for m in range(weights.shape[1]):
        grad += grad_current[:, m, None] * weights[:, m]
    return grad
