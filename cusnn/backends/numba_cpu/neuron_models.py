"""T steps of the models that have no way back, by the steps that networks take.

As in ``neuron``, a thread takes a block of neurons through all steps. Each neuron has coefficients
of its own here, copied where all are the same: they too stay in the thread's cache.
"""

import numba
import numpy as np

from cusnn.backends.numba_cpu.chosen_rows import inner
from cusnn.backends.numba_cpu.neuron_blocks import copy, copy_back, copy_row, pack
from cusnn.backends.numba_cpu.neuron_steps import (
    ZERO,
    step_alif,
    step_coba,
    step_cuba_dual,
    step_izhikevich,
)

MODELS = ("CubaDualLIF", "CobaLIF", "ALIF", "Izhikevich")
DUAL, COBA, ADAPTIVE, IZHIKEVICH = range(4)


@numba.njit(cache=True, nogil=True, parallel=True)
def forward(
    current,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    model,
    values,
    reset,
    rest,
    interval,
    steps,
    block,
):
    """``values`` [C, N or 1]; outputs that are not wanted have no steps."""
    _, batch, n = current.shape
    blocks = -(-n // block)
    for job in numba.prange(batch * blocks):
        b = job // blocks
        first = (job - b * blocks) * block
        _forward_block(
            current,
            state,
            final_state,
            spikes,
            packed,
            checkpoints,
            (b, first, min(first + block, n)),
            model,
            values,
            reset,
            rest,
            interval,
            steps,
        )


@inner
def _forward_block(
    current,
    state,
    final_state,
    spikes,
    packed,
    checkpoints,
    block,
    model,
    values,
    reset,
    rest,
    interval,
    steps,
):
    b, first, last = block
    now = np.empty((state.shape[0], last - first), np.float32)
    own = np.empty((values.shape[0], last - first), np.float32)
    flags = np.empty(last - first, np.uint8)
    copy(state, block, now)
    for c in range(own.shape[0]):
        for j in range(own.shape[1]):
            own[c, j] = values[c, first + j if values.shape[1] > 1 else 0]
    for t in range(steps):
        if checkpoints.shape[0] > 0 and t % interval == 0:
            copy_back(now, block, checkpoints[t // interval])
        arriving = current[t if current.shape[0] == steps else 0, b, first:last]
        _step(model, arriving, now, flags, own, reset, rest)
        if spikes.shape[0] > 0:
            copy_row(flags, spikes[t, b, first:last])
        if packed.shape[0] > 0:
            pack(flags, packed[t, b, first // 32 :])
    copy_back(now, block, final_state)


@inner
def _step(model, current, state, spiked, c, reset, rest):
    if model == DUAL:
        _dual(current, state[0], state[1], state[2], state[3], spiked, c, reset, rest)
    elif model == COBA:
        _coba(current, state[0], state[1], state[2], state[3], spiked, c, reset, rest)
    elif model == ADAPTIVE:
        _alif(current, state[0], state[1], state[2], spiked, c, reset, rest)
    else:
        _izhikevich(current, state[0], state[1], state[2], spiked, c, reset, rest)


@inner
def _positive(x):
    """The excitatory part of an input; what is no number is on both channels."""
    return ZERO if x < ZERO else x


@inner
def _negative(x):
    return ZERO if x > ZERO else x


@inner
def _dual(current, v, i_exc, i_inh, left, spiked, c, reset, rest):
    for j in range(current.size):
        own = c[0, j], c[1, j], c[2, j], c[3, j], c[4, j], c[5, j], c[6, j], c[7, j]
        exc, inh = _positive(current[j]), _negative(current[j])
        v[j], i_exc[j], i_inh[j], left[j], spiked[j] = step_cuba_dual(
            v[j], i_exc[j], i_inh[j], left[j], exc, inh, own, reset, rest
        )


@inner
def _coba(current, v, g_exc, g_inh, left, spiked, c, reset, rest):
    for j in range(current.size):
        rates = c[0, j], c[1, j], c[2, j], c[3, j], c[4, j], c[5, j], c[6, j]
        own = (*rates, c[7, j], c[8, j], c[9, j], c[10, j])
        exc, inh = _positive(current[j]), -_negative(current[j])
        v[j], g_exc[j], g_inh[j], left[j], spiked[j] = step_coba(
            v[j], g_exc[j], g_inh[j], left[j], exc, inh, own, reset, rest
        )


@inner
def _alif(current, v, a, left, spiked, c, reset, rest):
    for j in range(current.size):
        own = c[0, j], c[1, j], c[2, j], c[3, j], c[4, j], c[5, j], c[6, j]
        v[j], a[j], left[j], spiked[j] = step_alif(
            v[j], a[j], left[j], current[j], own, reset, rest
        )


@inner
def _izhikevich(current, v, u, left, spiked, c, reset, rest):
    for j in range(current.size):
        own = c[0, j], c[1, j], c[2, j], c[3, j], c[4, j], c[5, j], c[6, j], c[7, j]
        v[j], u[j], left[j], spiked[j] = step_izhikevich(
            v[j], u[j], left[j], current[j], own, reset, rest
        )
