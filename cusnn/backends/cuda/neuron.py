"""Neurons: T steps forward, and the way back through the same steps."""

import sys
from collections import OrderedDict

import numpy as np

from cusnn import driver

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
    "neuron_forward.cu": (
        *(f"neuron_forward<{model}, float>" for model in (*MODELS, *CONVENTIONS)),
        *(f"neuron_forward<{model}, Half>" for model in DIFFERENTIABLE),
    ),
    "neuron_backward.cu": (
        *(f"neuron_backward<{model}, float>" for model in (*DIFFERENTIABLE, *CONVENTIONS)),
        *(f"neuron_backward<{model}, Half>" for model in DIFFERENTIABLE),
    ),
}
SURROGATE = np.dtype([*((name, "f4") for name in "abcd"), ("kind", "i4")])
UNIFORM = np.dtype([("values", "f4", 11), ("reset", "i4"), ("refractory_steps", "i4")])
WIDTH = 16  # bytes that a thread loads at once
LANES_BACK = 4
MOST_SHARED = 48 * 1024


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
        *(packed, checkpoints, *_numbers(coefficients, current)),
        *(_brain(current), np.uint32(ONES[dtype]), np.int32(size)),
        *(np.int32(interval), np.int32(steps), _advance(current, steps)),
        *(np.int32(rows), np.int64(length), np.int32(n), np.int32(words)),
        np.int32(_joined(length, lanes, arrays)),
    )
    kernel = f"neuron_forward<{coefficients.model}, {REALS[current.dtype.name]}>"
    warps = rows * -(-length // (32 * lanes))
    block = _block(warps)
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
    numbers = (*surrogate.values, SURROGATES.index(surrogate.kind))
    args = (
        *arrays,
        *_numbers(coefficients, current),
        np.array(numbers, SURROGATE)[()],
        *(_brain(current), np.int32(detach_reset), np.int32(interval), np.int32(steps)),
        *(_advance(current, steps), np.int64(plane), np.int32(n)),
        np.int32(_joined(plane, LANES_BACK, arrays)),
    )
    kernel = f"neuron_backward<{coefficients.model}, {REALS[current.dtype.name]}>"
    rows = 1 + KEPT[coefficients.model][grad_coefficients is not None]
    per_thread = rows * interval * LANES_BACK * np.dtype(np.float32).itemsize
    warps = -(-plane // (32 * LANES_BACK))
    block = _block(warps, per_thread)
    grid = -(-32 * warps // block)
    driver.launch("neuron_backward.cu", kernel, grid, block, args, shared=block * per_thread)


def _brain(current):
    """Which of the two formats of 16 bits."""
    return np.int32(current.dtype.name == "bfloat16")


def _advance(current, steps):
    """Numbers from a step's input to the next: none where all steps take the same."""
    static = current.shape[0] == 1 and steps != 1
    return np.int64(0 if static else current.shape[1] * current.shape[2])


def _joined(length: int, lanes: int, arrays) -> bool:
    """Whether a thread's neurons may lie side by side: every load of 16 bytes is then aligned."""
    present = (array for array in arrays if array is not None)
    return length % lanes == 0 and all(_address(array) % WIDTH == 0 for array in present)


def _address(array) -> int:
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr


def _block(warps: int, shared: int = 0) -> int:
    """Threads of a block, each with ``shared`` bytes: few where there are not warps for every
    scheduler of a large GPU, so that all multiprocessors have some."""
    for threads in (128, 64) if warps >= 512 else ():
        if threads * shared <= MOST_SHARED:
            return threads
    return 32


def _numbers(coefficients, like):
    """Coefficients per neuron in the array library of ``like`` (or None), and the struct Uniform.

    Numbers that hold for all neurons travel with the launch, without a copy to the device.
    """
    uniform = np.zeros((), UNIFORM)
    uniform["reset"] = coefficients.reset
    uniform["refractory_steps"] = coefficients.refractory_steps
    values = coefficients.values
    if values.shape[1] > 1:
        return _on_device(values, like), uniform[()]
    uniform["values"][: len(values)] = values[:, 0]
    return None, uniform[()]


_copies: OrderedDict = OrderedDict()
COPIES = 16


def _on_device(values, like):
    """``values`` in the array library of ``like``; the last ones are kept, so that a call that is
    repeated, or captured in a graph, copies nothing."""
    if isinstance(like, np.ndarray):
        return values
    key = like.device.id, values.shape, values.tobytes()
    copy = _copies.pop(key, None)
    if copy is None:
        copy = sys.modules["cupy"].asarray(values)
        # Other streams may use it from now on.
        sys.modules["cupy"].cuda.get_current_stream().synchronize()
        if len(_copies) >= COPIES:
            _copies.popitem(last=False)
    _copies[key] = copy
    return copy
