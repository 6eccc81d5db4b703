"""Neurons that feed one another: a thread takes samples through all steps and back."""

import numba
import numpy as np

from cusnn.backends.numba_cpu import recurrent_parts, recurrent_steps, recurrent_steps_back
from cusnn.backends.numba_cpu.chosen_rows import add_rows
from cusnn.backends.numba_cpu.layer_lists import fired_by_neuron
from cusnn.backends.numba_cpu.layer_tiles import ROWS, copy_tile, copy_tile_back, tile_width
from cusnn.backends.numba_cpu.neuron_rows import MODELS, numbers
from cusnn.backends.numba_cpu.spikes import spike_pack
from cusnn.backends.numba_cpu.surrogates import KINDS
from cusnn.backends.numba_cpu.weighted_rows import SAMPLES, strips_of_columns

TOGETHER = 2 * SAMPLES  # samples that go back together: weights are read once for all of them


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
    _, batch, n = current.shape
    if coefficients.model not in MODELS:
        outputs = (final_state, spikes, packed, checkpoints)
        given = (current, _padded(weights), spikes_before, state)
        recurrent_parts.forward(*given, *outputs, coefficients, interval)
        return
    recurrent_steps.forward(
        current,
        *_padded(weights),
        spikes_before,
        state,
        final_state,
        np.empty((0, batch, n), np.uint8) if spikes is None else spikes,
        np.empty((0, batch, 0), np.uint32) if packed is None else packed,
        np.empty((0, *state.shape), np.float32) if checkpoints is None else checkpoints,
        *numbers(coefficients),
        interval,
    )


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
    batch, n = spikes_before.shape
    strips = strips_of_columns(weights)
    if coefficients.model not in MODELS:
        arrays = (spikes_before, packed, checkpoints, grad_spikes, grad_final_state)
        gradients = (grad_current, grad_spikes_before, grad_state, grad_coefficients)
        way = (coefficients, interval, surrogate, detach_reset)
        recurrent_parts.backward(current, _padded(weights), strips, *arrays, *gradients, *way)
    else:
        grad_state[:] = 0 if grad_final_state is None else grad_final_state
        grad_state[-1] = 0
        none = np.empty((0, batch, n), np.float32)
        recurrent_steps_back.backward(
            current,
            *_padded(weights),
            strips,
            spikes_before,
            packed,
            checkpoints,
            grad_spikes,
            grad_current,
            grad_spikes_before,
            grad_state,
            none if grad_coefficients is None else grad_coefficients,
            *numbers(coefficients),
            interval,
            coefficients.reset,
            KINDS.index(surrogate.kind),
            surrogate.values,
            bool(detach_reset),
            max(-(-batch // TOGETHER), min(-(-batch // SAMPLES), numba.get_num_threads())),
        )
    if grad_weights is not None:
        before = np.empty_like(packed)
        spike_pack(spikes_before, before[0], None)
        before[1:] = packed[:-1]
        steps = max(1, ROWS // batch)
        lists = fired_by_neuron(before.reshape(-1, before.shape[2]), n, batch, steps)
        rows = grad_current.reshape(-1, n)
        _grad_weights(*lists, rows, grad_weights, steps * batch, tile_width(n))


def _padded(weights):
    """The weights flat, with rows of a multiple of 32 columns; and the length of a row."""
    past = -weights.shape[1] % 32
    wide = np.pad(weights, ((0, 0), (0, past))) if past else weights
    return wide.reshape(-1), wide.shape[1]


@numba.njit(cache=True, nogil=True, parallel=True)
def _grad_weights(starts, chosen, grad_rows, grad_weights, group, width):
    """Rows of gradients added up for the neurons that fired, a tile of columns at a time."""
    n, m = grad_weights.shape
    groups = starts.size // (n + 1)
    for tile in numba.prange(-(-m // width)):
        left, right = tile * width, min(m, tile * width + width)
        total = np.zeros(n * width, np.float32)
        terms = np.zeros(group * width, np.float32)
        for g in range(groups - 1, -1, -1):
            copy_tile(grad_rows[g * group : (g + 1) * group], left, right, width, terms)
            base = g * (n + 1)
            for i in range(n):
                add_rows(
                    width,
                    total,
                    i * width,
                    terms,
                    0,
                    width,
                    chosen,
                    starts[base + i],
                    starts[base + i + 1],
                )
        copy_tile_back(total, left, right, width, grad_weights)
