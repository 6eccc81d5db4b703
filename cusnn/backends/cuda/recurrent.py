"""Neurons that feed one another: what fired in a step arrives in the next."""

import numpy as np

from cusnn import driver
from cusnn.backends.cuda.arguments import (
    coefficient_arguments,
    int32s,
    joined,
    surrogate_struct,
)
from cusnn.backends.cuda.layer import (
    COLUMNS,
    INPUTS,
    LANES,
    MODELS,
    array_library,
    check_model,
)
from cusnn.backends.cuda.matmul import MOST_BLOCKS
from cusnn.backends.cuda.neuron import KEPT

INSTANTIATIONS = {
    "recurrent_forward.cu": tuple(f"recurrent_forward<{model}>" for model in MODELS),
    "recurrent_backward.cu": (
        *(f"recurrent_backward<ToCurrent<{model}>>" for model in MODELS),
        "recurrent_backward<ToWeights>",
    ),
}
SIZES = np.dtype([(name, "i4") for name in ("interval", "T", "B", "N", "W", "joined")])
MOST_NEURONS = 512 * LANES  # of recurrent.cuh: a block has all neurons of a sample


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
    _check("recurrent_forward", coefficients, len(weights))
    steps, batch, n = current.shape
    arrays = (current, weights, spikes_before, state, final_state)
    arrays += (spikes, packed, checkpoints)
    args = (
        *arrays,
        *coefficient_arguments(coefficients, weights),
        *int32s(interval, steps, n, -(-n // 32)),
        np.int32(joined(n, LANES, arrays)),
    )
    kernel = f"recurrent_forward<{coefficients.model}>"
    driver.launch("recurrent_forward.cu", kernel, batch, _threads(n), args)


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
    _check("recurrent_backward", coefficients, len(weights))
    steps, batch, n = current.shape
    kept = KEPT[coefficients.model][grad_coefficients is not None]
    arrays = (
        *(current, weights, spikes_before, packed, checkpoints, grad_spikes, grad_final_state),
        *(grad_current, grad_weights, grad_spikes_before, grad_state, grad_coefficients),
        array_library(weights).empty((min(interval, steps), kept, batch, n), np.float32),
        weights.T.copy(),
    )
    sizes = (interval, steps, batch, n, -(-n // 32), joined(n, LANES, arrays))
    args = (
        *arrays,
        *coefficient_arguments(coefficients, weights),
        surrogate_struct(surrogate),
        np.int32(detach_reset),
        np.array(sizes, SIZES)[()],
    )
    source = "recurrent_backward.cu"
    kernel = f"recurrent_backward<ToCurrent<{coefficients.model}>>"
    driver.launch(source, kernel, batch, _threads(n), args)
    if grad_weights is not None:
        blocks = min(MOST_BLOCKS, -(-n // INPUTS) * -(-n // COLUMNS))
        driver.launch(source, "recurrent_backward<ToWeights>", blocks, 32 * INPUTS, args)


def _threads(n):
    return 32 * -(-n // COLUMNS)


def _check(op: str, coefficients, n: int) -> None:
    check_model(op, coefficients)
    if n > MOST_NEURONS:
        raise ValueError(
            f"{op}: backend 'cuda' takes up to N={MOST_NEURONS} neurons, all of a sample in one "
            f"block of threads, got N={n}; use backend 'numba', or spike_matmul and neuron_forward "
            "step by step"
        )
