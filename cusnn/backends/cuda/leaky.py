"""Leaky integrators: membranes without spikes, T steps forward and back."""

import numpy as np

from cusnn import driver
from cusnn.backends.cuda.arguments import block_of, coefficient_arguments, joined
from cusnn.backends.cuda.neuron import LANES_BACK

INSTANTIATIONS = {
    "leaky_forward.cu": ("leaky_forward",),
    "leaky_backward.cu": ("leaky_backward",),
}


def leaky_forward(current, state, membrane, final_state, coefficients):
    arrays = (current, state, membrane, final_state)
    _launch("leaky_forward", arrays, current.shape, coefficients)


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
    arrays = (current, membrane, state, grad_membrane, grad_final_state)
    arrays += (grad_current, grad_state, grad_coefficients)
    _launch("leaky_backward", arrays, grad_membrane.shape, coefficients)


def _launch(kernel, arrays, shape, coefficients):
    steps, batch, n = shape
    plane = batch * n
    like = next(array for array in arrays if array is not None)
    args = (
        *arrays,
        *coefficient_arguments(coefficients, like),
        *(np.int32(steps), np.int64(plane), np.int32(n)),
        np.int32(joined(plane, LANES_BACK, arrays)),
    )
    warps = -(-plane // (32 * LANES_BACK))
    block = block_of(warps)
    driver.launch(f"{kernel}.cu", kernel, -(-32 * warps // block), block, args)
