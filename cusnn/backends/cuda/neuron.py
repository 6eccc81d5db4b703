"""Neurons: T steps forward, and the way back through the same steps."""

import sys

import numpy as np

from cusnn import driver
from cusnn.backends.cuda.arguments import int32s

MODELS = ("LIF", "CubaLIF", "CubaDualLIF", "CobaLIF", "ALIF", "Izhikevich")
DIFFERENTIABLE = ("LIF", "CubaLIF")
SURROGATES = (
    "FastSigmoid",
    "ATan",
    "Gaussian",
    "MultiGaussian",
    "Triangle",
    "Sigmoid",
    "StraightThrough",
    "Exponential",
    "PeriodicExponential",
    "Rectangle",
    "Step",
    "Reciprocal",
    "Circ",
    "Power",
    "S2NN",
)
INSTANTIATIONS = {
    "neuron_forward.cu": tuple(f"neuron_forward<{model}>" for model in MODELS),
    "neuron_backward.cu": tuple(
        f"neuron_backward<{model}, {surrogate}>"
        for model in DIFFERENTIABLE
        for surrogate in SURROGATES
    ),
}
SURROGATE = np.dtype([(name, "f4") for name in "abcd"])
UNIFORM = np.dtype([("values", "f4", 11), ("reset", "i4"), ("refractory_steps", "i4")])
BLOCK = 128


def neuron_forward(
    current, state, final_state, spikes, packed, checkpoints, coefficients, interval
):
    steps, batch, n = current.shape
    words = -(-n // 32)
    row_threads = n if packed is None else 32 * words
    args = (
        *(current, state, final_state, spikes, packed, checkpoints),
        *_numbers(coefficients, current),
        *int32s(interval, steps, batch, n, words, row_threads),
    )
    kernel = f"neuron_forward<{coefficients.model}>"
    driver.launch("neuron_forward.cu", kernel, -(-batch * row_threads // BLOCK), BLOCK, args)


def neuron_backward(
    current,
    checkpoints,
    grad_spikes,
    grad_final_state,
    grad_current,
    grad_state,
    grad_coefficients,
    coefficients,
    interval,
    surrogate,
    detach_reset,
):
    steps, batch, n = current.shape
    args = (
        *(current, checkpoints, grad_spikes, grad_final_state),
        *(grad_current, grad_state, grad_coefficients),
        *_numbers(coefficients, current),
        np.array(tuple(surrogate.values), SURROGATE)[()],
        *int32s(detach_reset, interval, steps, batch, n),
    )
    rows = 2 if grad_coefficients is None else 3
    shared = rows * interval * BLOCK * np.dtype(np.float32).itemsize
    kernel = f"neuron_backward<{coefficients.model}, {surrogate.kind}>"
    grid = -(-batch * n // BLOCK)
    driver.launch("neuron_backward.cu", kernel, grid, BLOCK, args, shared=shared)


def _numbers(coefficients, like):
    """Coefficients per neuron in the array library of ``like`` (or None), and the struct Uniform.

    Numbers that hold for all neurons travel with the launch, without a copy to the device.
    """
    uniform = np.zeros((), UNIFORM)
    uniform["reset"] = coefficients.reset
    uniform["refractory_steps"] = coefficients.refractory_steps
    values = coefficients.values
    if values.shape[1] > 1:
        library = sys.modules[type(like).__module__.partition(".")[0]]
        return library.asarray(values), uniform[()]
    uniform["values"][: len(values)] = values[:, 0]
    return None, uniform[()]
