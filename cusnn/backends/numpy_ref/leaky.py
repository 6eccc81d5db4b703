"""Leaky integrators: membranes without spikes, T steps forward and back."""

import numpy as np

from cusnn.backends.numpy_ref.neuron import cut


def leaky_forward(current, state, membrane, final_state, coefficients):
    decay, gain, drive = coefficients.values
    v = state[0]
    with np.errstate(all="ignore"):
        for t in range(len(current)):
            v = cut(decay * v + (gain * current[t] + drive))
            membrane[t] = v
    final_state[0] = v


def leaky_backward(
    current,
    membrane,
    state,
    grad_membrane,
    grad_final_state,
    grad_current,
    grad_state,
    grad_coefficients,
    coefficients,
):
    decay, gain, _ = coefficients.values
    grad_state[:] = 0 if grad_final_state is None else grad_final_state
    if grad_coefficients is not None:
        grad_coefficients[:] = 0
    grad_v = grad_state[0]
    with np.errstate(all="ignore"):
        for t in reversed(range(len(grad_membrane))):
            total = grad_membrane[t] + grad_v
            grad_current[t] = gain * total
            grad_v[:] = cut(decay * total)
            if grad_coefficients is not None:
                before = membrane[t - 1] if t > 0 else state[0]
                grad_coefficients[0] += total * before
                grad_coefficients[1] += total * current[t]
                grad_coefficients[2] += total
