"""A layer: spikes times weights into neurons, T steps forward and the way back."""

import sys

import numpy as np

from cusnn import driver
from cusnn.backends.cuda.arguments import (
    block_of,
    coefficient_arguments,
    int32s,
    joined,
    surrogate_struct,
)
from cusnn.backends.cuda.matmul import MOST_BLOCKS, spike_matmul_backward
from cusnn.backends.cuda.neuron import KEPT, neuron_forward
from cusnn.backends.cuda.spikes import spike_unpack

MODELS = ("LIF", "CubaLIF", "ALIF")
INSTANTIATIONS = {
    "layer_forward.cu": tuple(f"layer_forward<{model}>" for model in MODELS),
    "layer_backward.cu": (
        *(f"layer_backward<ToCurrents<{model}>>" for model in MODELS),
        "layer_backward<ToWeights>",
    ),
}
SIZES = np.dtype(
    [(name, "i4") for name in ("interval", "T", "B", "N", "V", "M", "joined", "resume")]
)
LANES = 2  # of packed_rows.cuh
COLUMNS = 32 * LANES
LIST_BYTES = 64  # of a thread: CHUNK of packed_rows.cuh, 16 bits each, per warp
INPUTS = 8  # of weight_sums.cuh
# Gradients of currents that are on their way to the weights: few enough to stay in the L2 cache of
# a large GPU.
WORKSPACE = 16 * 2**20


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
    check_model("layer_forward", coefficients)
    steps, batch, v = packed_in.shape
    n, m = weights.shape
    if method == "dense":
        _forward_dense(
            *(packed_in, weights, bias, state, final_state, spikes, packed, checkpoints),
            *(currents, coefficients, interval),
        )
        return
    arrays = (packed_in, weights, bias, state, final_state)
    arrays += (spikes, packed, checkpoints, currents)
    args = (
        *arrays,
        *coefficient_arguments(coefficients, weights),
        *int32s(interval, steps, batch, n, v, m, -(-m // 32)),
        np.int32(joined(m, LANES, arrays[1:])),
    )
    warps = batch * -(-m // COLUMNS)
    block = block_of(warps)
    kernel = f"layer_forward<{coefficients.model}>"
    driver.launch("layer_forward.cu", kernel, -(-32 * warps // block), block, args)


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
    check_model("layer_backward", coefficients)
    steps, batch, _ = packed_in.shape
    n, m = weights.shape
    length = interval * max(1, WORKSPACE // (4 * interval * batch * m))
    workspace = array_library(weights).empty((min(length, steps), batch, m), np.float32)
    settings = (
        *coefficient_arguments(coefficients, weights),
        surrogate_struct(surrogate),
        np.int32(detach_reset),
    )
    of_event = (grad_weights, grad_bias) if method == "event" else (None, grad_bias)
    for start in reversed(range(0, steps, length)):
        of = slice(start, min(start + length, steps))
        words, grad_current = packed_in[of], workspace[: of.stop - start]
        given = None if currents is None else currents[of]
        rows = dense_spikes(words, n) if method == "dense" else None
        if rows is not None and given is None:
            given = dense_currents(rows, weights, bias, batch)
        arrays = (
            *(words, weights, bias, checkpoints[start // interval :], given),
            *(grad_spikes[of], grad_final_state, *of_event, None),
            *(grad_state, grad_coefficients, grad_current),
        )
        resume = of.stop < steps
        _event_back(coefficients.model, arrays, settings, interval, resume)
        flat = grad_current.reshape(-1, m)
        to_spikes = None if grad_spikes_in is None else grad_spikes_in[of].reshape(-1, n)
        if rows is not None:
            _dense_back(rows, flat, weights, grad_weights, to_spikes, resume)
        elif to_spikes is not None:
            spike_matmul_backward(flat, None, weights, None, to_spikes)


def _event_back(model, arrays, settings, interval, resume):
    """To the currents, and from these to the weights and the bias."""
    words, weights = arrays[:2]
    grad_weights, grad_bias, _, _, grad_coefficients = arrays[7:12]
    (steps, batch, v), (n, m) = words.shape, weights.shape
    sizes = (interval, steps, batch, n, v, m, joined(m, LANES, arrays[1:]), resume)
    args = (*arrays, *settings, np.array(sizes, SIZES)[()])
    tiles = -(-m // COLUMNS)
    rows = 1 + KEPT[model][grad_coefficients is not None]
    per_thread = LIST_BYTES + 4 * LANES * rows * interval
    block = block_of(batch * tiles, per_thread)
    grid = -(-32 * batch * tiles // block)
    kernel = f"layer_backward<ToCurrents<{model}>>"
    driver.launch("layer_backward.cu", kernel, grid, block, args, shared=block * per_thread)
    inputs = n * (grad_weights is not None) + (grad_bias is not None)
    grid = min(MOST_BLOCKS, -(-inputs // INPUTS) * tiles)
    driver.launch("layer_backward.cu", "layer_backward<ToWeights>", grid, 32 * INPUTS, args)


def _dense_back(rows, grad_current, weights, grad_weights, grad_spikes_in, resume):
    """Gradients of the weights and of the spikes by the array library's product."""
    library = array_library(weights)
    if grad_weights is not None:
        product = library.matmul(rows.T, grad_current)
        grad_weights[:] = grad_weights + product if resume else product
    if grad_spikes_in is not None:
        library.matmul(grad_current, weights.T, out=grad_spikes_in)


def _forward_dense(
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
):
    """By the array library's product, some steps at a time."""
    steps, batch, _ = packed_in.shape
    n, m = weights.shape
    length = interval * max(1, WORKSPACE // (4 * interval * batch * max(n, m)))
    for start in range(0, steps, length):
        of = slice(start, start + length)
        current = dense_currents(dense_spikes(packed_in[of], n), weights, bias, batch)
        if currents is not None:
            currents[of] = current
        neuron_forward(
            current,
            state if start == 0 else final_state,
            final_state,
            *(None if output is None else output[of] for output in (spikes, packed)),
            None if checkpoints is None else checkpoints[start // interval :],
            coefficients,
            interval,
            len(current),
        )


def dense_spikes(words, n):
    """Spikes of all steps and samples, float32 [T B, n], of words [T, B, V]."""
    rows = array_library(words).empty((words.shape[0] * words.shape[1], n), np.uint8)
    spike_unpack(words.reshape(len(rows), -1), rows)
    return rows.astype(np.float32)


def dense_currents(rows, weights, bias, batch):
    """Currents [T, B, M] of spikes [T B, N]."""
    currents = array_library(weights).matmul(rows, weights)
    if bias is not None:
        currents += bias
    return currents.reshape(-1, batch, weights.shape[1])


def array_library(array):
    return np if isinstance(array, np.ndarray) else sys.modules["cupy"]


def check_model(op: str, coefficients) -> None:
    """TypeError for a neuron that its kernels are not compiled for."""
    if coefficients.model not in MODELS:
        raise TypeError(
            f"{op}: backend 'cuda' has it for {', '.join(MODELS)}, got {coefficients.model}; "
            "use spike_matmul and neuron_forward"
        )
