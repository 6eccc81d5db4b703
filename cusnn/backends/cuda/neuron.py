"""Neurons: T steps forward, and the way back through the same steps."""

import numpy as np

from cusnn import driver
from cusnn.backends.cuda.arguments import (
    WIDTH,
    block_of,
    coefficient_arguments,
    joined,
    surrogate_struct,
)

MODELS = ("LIF", "CubaLIF", "CubaDualLIF", "CobaLIF", "ALIF", "Izhikevich")
# Follow other libraries, which compute in float32.
CONVENTIONS = ("Leaky", "Synaptic", "LIFNode", "NorseLIF", "NorseLIFBox")
# Numbers that a struct keeps of a step for the way back, and with gradients of its coefficients.
KEPT = {
    **{"LIF": (1, 3), "CubaLIF": (1, 3), "ALIF": (2, 4)},
    **{"Leaky": (2, 2), "Synaptic": (2, 3), "LIFNode": (1, 2)},
    **{"NorseLIF": (1, 3), "NorseLIFBox": (1, 2)},
}
DIFFERENTIABLE = ("LIF", "CubaLIF", "ALIF")
REALS = {"float32": "float", "float16": "Half", "bfloat16": "Half"}
ONES = {"uint8": 1, "float32": 0x3F800000, "float16": 0x3C00, "bfloat16": 0x3F80}
INSTANTIATIONS = {
    "neuron_forward.cu": (
        *(f"neuron_forward<{model}, float>" for model in (*MODELS, *CONVENTIONS)),
        *(f"neuron_forward<{model}, Half>" for model in DIFFERENTIABLE),
    ),
    "neuron_backward.cu": (
        *(f"neuron_backward<{model}, float>" for model in (*DIFFERENTIABLE, *CONVENTIONS)),
        *(f"neuron_backward<{model}, Half>" for model in DIFFERENTIABLE),
    ),
}
LANES_BACK = 4


def neuron_forward(
    current, state, final_state, spikes, packed, checkpoints, coefficients, interval, steps
):
    _, batch, n = current.shape
    words = -(-n // 32)
    rows, length = (1, batch * n) if packed is None else (batch, n)
    lanes = WIDTH // current.dtype.itemsize
    dtype, size = ("uint8", 1) if spikes is None else (spikes.dtype.name, spikes.dtype.itemsize)
    arrays = (current, state, final_state, spikes, packed, checkpoints)
    args = (
        *(current, state, final_state, None if spikes is None else spikes.view(np.uint8)),
        *(packed, checkpoints, *coefficient_arguments(coefficients, current)),
        *(_brain(current), np.uint32(ONES[dtype]), np.int32(size)),
        *(np.int32(interval), np.int32(steps), _advance(current, steps)),
        *(np.int32(rows), np.int64(length), np.int32(n), np.int32(words)),
        np.int32(joined(length, lanes, arrays)),
    )
    kernel = f"neuron_forward<{coefficients.model}, {REALS[current.dtype.name]}>"
    warps = rows * -(-length // (32 * lanes))
    block = block_of(warps)
    driver.launch("neuron_forward.cu", kernel, -(-32 * warps // block), block, args)


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
    steps, batch, n = grad_spikes.shape
    plane = batch * n
    arrays = (current, checkpoints, grad_spikes, grad_final_state)
    arrays += (grad_current, grad_state, grad_coefficients)
    args = (
        *arrays,
        *coefficient_arguments(coefficients, current),
        surrogate_struct(surrogate),
        *(_brain(current), np.int32(detach_reset), np.int32(interval), np.int32(steps)),
        *(_advance(current, steps), np.int64(plane), np.int32(n)),
        np.int32(joined(plane, LANES_BACK, arrays)),
    )
    kernel = f"neuron_backward<{coefficients.model}, {REALS[current.dtype.name]}>"
    rows = 1 + KEPT[coefficients.model][grad_coefficients is not None]
    per_thread = rows * interval * LANES_BACK * np.dtype(np.float32).itemsize
    warps = -(-plane // (32 * LANES_BACK))
    block = block_of(warps, per_thread)
    grid = -(-32 * warps // block)
    driver.launch("neuron_backward.cu", kernel, grid, block, args, shared=block * per_thread)


def _brain(current):
    """Which of the two formats of 16 bits."""
    return np.int32(current.dtype.name == "bfloat16")


def _advance(current, steps):
    """Numbers from a step's input to the next: none where all steps take the same."""
    static = current.shape[0] == 1 and steps != 1
    return np.int64(0 if static else current.shape[1] * current.shape[2])
