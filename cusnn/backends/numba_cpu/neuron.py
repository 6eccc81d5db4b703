"""Neurons: T steps forward, and the way back through the same steps.

A thread takes a block of neurons through all steps, so that their state stays in its cache. Inner
loops run over the neurons of a block, without branches, and are what LLVM makes vectors of; the
block is long enough that calling them costs nothing beside.
"""

import numba
import numpy as np

from cusnn.backends.numba_cpu import conventions, neuron_adaptive, neuron_models, neuron_plain
from cusnn.backends.numba_cpu.chosen_rows import inner
from cusnn.backends.numba_cpu.neuron_blocks import block_length, copy, copy_back, copy_row, pack
from cusnn.backends.numba_cpu.neuron_tables import at as _at
from cusnn.backends.numba_cpu.neuron_tables import block_table as _block_table
from cusnn.backends.numba_cpu.surrogates import KINDS, derivative_block

BLOCK = 1024
TINY = np.float32(1e-30)
ZERO = np.float32(0)
ONE = np.float32(1)
HARD, SOFT, NONE = range(3)


def neuron_forward(
    current, state, final_state, spikes, packed, checkpoints, coefficients, interval, steps
):
    _, batch, n = current.shape
    if spikes is None:
        spikes = np.empty((0, batch, n), np.uint8)
    if packed is None:
        packed = np.empty((0, batch, 0), np.uint32)
    if checkpoints is None:
        checkpoints = np.empty((0, *state.shape), np.float32)
    arrays = (current, state, final_state, spikes, packed, checkpoints)
    if coefficients.model in conventions.MODELS:
        conventions.forward(*arrays, coefficients, interval, steps)
    elif coefficients.model in neuron_models.MODELS:
        neuron_models.forward(
            *arrays,
            neuron_models.MODELS.index(coefficients.model),
            coefficients.values.copy(),
            coefficients.reset,
            np.float32(coefficients.refractory_steps),
            interval,
            steps,
            block_length(batch * n),
        )
    elif _never_rest(coefficients, state[-1:]):
        table, keep, _ = _numbers(coefficients)
        if coefficients.values.shape[1] == 1 and packed.shape[0] == 0:
            arrays = tuple(map(_side_by_side, arrays))
        block = block_length(arrays[1].shape[-1])
        neuron_plain.forward(*arrays, table, keep, interval, steps, block)
    else:
        _forward(*arrays, *_numbers(coefficients), interval, steps)


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
    way = (KINDS.index(surrogate.kind), surrogate.values, bool(detach_reset))
    if grad_coefficients is None and _never_rest(coefficients, checkpoints[:, -1]):
        if grad_final_state is None:
            grad_final_state = grad_state[:0]
        arrays = (current, checkpoints, grad_spikes, grad_final_state, grad_current, grad_state)
        if coefficients.values.shape[1] == 1:
            arrays = tuple(map(_side_by_side, arrays))
        table, keep, _ = _numbers(coefficients)
        kind, values, detach = way
        hard = coefficients.reset == HARD
        block = block_length(grad_state.size // grad_state.shape[0])
        neuron_plain.backward(*arrays, table, keep, interval, kind, values, hard, detach, block)
        return
    if grad_final_state is None:
        grad_final_state = np.zeros(grad_state.shape, np.float32)
    if grad_coefficients is None:
        grad_coefficients = np.empty((0, *grad_state.shape[1:]), np.float32)
    arrays = (current, checkpoints, grad_spikes, grad_final_state)
    gradients = (grad_current, grad_state, grad_coefficients)
    if coefficients.model in conventions.MODELS:
        conventions.backward(*arrays, *gradients, coefficients, interval, *way)
    elif coefficients.model == "ALIF":
        neuron_adaptive.backward(
            *arrays,
            *gradients,
            coefficients.values.copy(),
            coefficients.reset,
            np.float32(coefficients.refractory_steps),
            interval,
            *way,
            block_length(grad_state[0].size, neuron_adaptive.LONGEST),
        )
    else:
        numbers = _numbers(coefficients)
        _backward(*arrays, *gradients, *numbers, interval, coefficients.reset, *way)


def _never_rest(coefficients, counters) -> bool:
    """Whether these are LIF neurons whose counters are and stay 0."""
    free = coefficients.model == "LIF" and coefficients.refractory_steps == 0
    return free and counters.max(initial=ZERO) == ZERO


def _side_by_side(array):
    """[..., B, N] as [..., 1, B N]: samples of equal neurons are as many neurons."""
    return array.reshape(*array.shape[:-2], 1, -1) if array.size else array


def _numbers(coefficients):
    """Coefficients of LIF and CubaLIF alike, and what a spike does to voltage and counter.

    A spike leaves ``keep v_pre - amount``, with which every kind of reset is the same arithmetic:
    hard 0 v_pre + v_reset, soft v_pre - (v_threshold - v_reset), none v_pre - 0.
    """
    values = coefficients.values
    if coefficients.model == "LIF":
        decay, gain, drive, v_threshold, v_reset = values
        decay_syn = np.zeros_like(decay)
    else:
        decay, decay_syn, gain, drive, v_threshold, v_reset = values
    amount = (-v_reset, v_threshold - v_reset, np.full_like(v_reset, -0.0))[coefficients.reset]
    table = (decay, decay_syn, gain, drive, v_threshold, amount)
    if values.shape[1] == 1:
        table = tuple(row[0] for row in table)
    else:
        table = tuple(np.require(row, requirements="W") for row in table)
    keep = ZERO if coefficients.reset == HARD else ONE
    return table, keep, np.float32(coefficients.refractory_steps)


@inner
def _membrane(v, left, arriving, decay, drive, v_threshold, amount, keep, rest):
    """One step: v_pre, whether it spiked, and the voltage and counter after it."""
    v_pre = decay * v + (arriving + drive)
    v_pre = ZERO if abs(v_pre) < TINY else v_pre
    v_pre = v if left > ZERO else v_pre
    spiked = np.uint8(v_pre >= v_threshold) & np.uint8(left <= ZERO)
    after = keep * v_pre - amount if spiked else v_pre
    left = left - ONE if left > ZERO else ZERO
    left = rest if spiked else left
    return v_pre, spiked, after, left


@inner
def _lif_step(current, v, left, v_pre, spiked, table, keep, rest):
    """One step of LIF neurons, the state in place."""
    decay, _, gain, drive, v_threshold, amount = table
    for j in range(current.size):
        arriving = _at(gain, j) * current[j]
        v_pre[j], spiked[j], v[j], left[j] = _membrane(
            v[j],
            left[j],
            arriving,
            _at(decay, j),
            _at(drive, j),
            _at(v_threshold, j),
            _at(amount, j),
            keep,
            rest,
        )


@inner
def _cuba_step(current, v, i, left, v_pre, spiked, table, keep, rest):
    """One step of CubaLIF neurons, the state in place."""
    decay, decay_syn, gain, drive, v_threshold, amount = table
    for j in range(current.size):
        arriving = _at(gain, j) * i[j]
        v_pre[j], spiked[j], v[j], left[j] = _membrane(
            v[j],
            left[j],
            arriving,
            _at(decay, j),
            _at(drive, j),
            _at(v_threshold, j),
            _at(amount, j),
            keep,
            rest,
        )
        moved = _at(decay_syn, j) * i[j] + current[j]
        i[j] = ZERO if abs(moved) < TINY else moved


@inner
def _step(current, state, v_pre, spiked, table, keep, rest):
    if state.shape[0] == 2:
        _lif_step(current, state[0], state[1], v_pre, spiked, table, keep, rest)
    else:
        _cuba_step(current, state[0], state[1], state[2], v_pre, spiked, table, keep, rest)


@numba.njit(cache=True, nogil=True, parallel=True)
def _forward(
    current, state, final_state, spikes, packed, checkpoints, table, keep, rest, interval, steps
):
    _, batch, n = current.shape
    blocks = -(-n // BLOCK)
    for job in numba.prange(batch * blocks):
        b = job // blocks
        first = (job - b * blocks) * BLOCK
        last = min(first + BLOCK, n)
        _forward_block(
            current,
            state,
            final_state,
            spikes,
            packed,
            checkpoints,
            (b, first, last),
            _block_table(table, first, last),
            keep,
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
    table,
    keep,
    rest,
    interval,
    steps,
):
    b, first, last = block
    n = last - first
    now = np.empty((state.shape[0], n), np.float32)
    v_pre = np.empty(n, np.float32)
    flags = np.empty(n, np.uint8)
    copy(state, block, now)
    for t in range(steps):
        if checkpoints.shape[0] > 0 and t % interval == 0:
            copy_back(now, block, checkpoints[t // interval])
        arriving = current[t if current.shape[0] == steps else 0, b, first:last]
        _step(arriving, now, v_pre, flags, table, keep, rest)
        if spikes.shape[0] > 0:
            copy_row(flags, spikes[t, b, first:last])
        if packed.shape[0] > 0:
            pack(flags, packed[t, b, first // 32 :])
    copy_back(now, block, final_state)


@inner
def _membrane_back(
    grad_v, v_pre, left, grad_spike, derivative, decay, v_threshold, amount, hard, detach
):
    """Over one step: grad_v before it, and the parts through integration, spike and reset."""
    resting = left > ZERO
    spiked = np.uint8(v_pre >= v_threshold) & np.uint8(left <= ZERO)
    jump = -amount - v_pre if hard else -amount
    total = grad_spike if detach else grad_spike + grad_v * jump
    fire = ZERO if resting else total * derivative
    reset = grad_v if spiked else ZERO
    # 0 grad_v, and not 0, so that a gradient that is not finite does not vanish in a reset.
    kept = grad_v * ZERO if (hard and spiked) else grad_v
    grad_v_pre = kept + fire
    moved = ZERO if resting else grad_v_pre
    before = grad_v if resting else decay * grad_v_pre
    before = ZERO if abs(before) < TINY else before
    return before, moved, fire, reset


@inner
def _lif_back(grad_current, grad_v, given, parts, table, hard, detach):
    """One step back for LIF neurons, grad_v in place."""
    decay, _, gain, _, v_threshold, amount = table
    v_pre, left, grad_spike, derivative = given
    moved, fire, reset = parts[0], parts[1], parts[2]
    for j in range(grad_current.size):
        grad_v[j], moved[j], fire[j], reset[j] = _membrane_back(
            grad_v[j],
            v_pre[j],
            left[j],
            grad_spike[j],
            derivative[j],
            _at(decay, j),
            _at(v_threshold, j),
            _at(amount, j),
            hard,
            detach,
        )
        grad_current[j] = _at(gain, j) * moved[j]


@inner
def _cuba_back(grad_current, grad_v, grad_i, given, parts, table, hard, detach):
    """One step back for CubaLIF neurons, grad_v and grad_i in place."""
    decay, decay_syn, gain, _, v_threshold, amount = table
    v_pre, left, grad_spike, derivative = given
    moved, fire, reset = parts[0], parts[1], parts[2]
    for j in range(grad_current.size):
        grad_v[j], moved[j], fire[j], reset[j] = _membrane_back(
            grad_v[j],
            v_pre[j],
            left[j],
            grad_spike[j],
            derivative[j],
            _at(decay, j),
            _at(v_threshold, j),
            _at(amount, j),
            hard,
            detach,
        )
        grad_current[j] = grad_i[j]
        before = _at(decay_syn, j) * grad_i[j] + _at(gain, j) * moved[j]
        grad_i[j] = ZERO if abs(before) < TINY else before


@inner
def _add_terms(sums, parts, state, current, grad_current, reset_kind):
    """Add what one step gives to the gradients of the coefficients; state is that before it."""
    moved, fire, reset = parts[0], parts[1], parts[2]
    cuba = state.shape[0] == 3
    for j in range(current.size):
        sums[0, j] += moved[j] * state[0, j]
        if cuba:
            sums[1, j] += grad_current[j] * state[1, j]
        driver = state[1, j] if cuba else current[j]
        sums[-4, j] += moved[j] * driver
        sums[-3, j] += moved[j]
        sums[-2, j] += -(fire[j] + reset[j]) if reset_kind == SOFT else -fire[j]
        sums[-1, j] += reset[j] if reset_kind != NONE else ZERO


@numba.njit(cache=True, nogil=True, parallel=True)
def _backward(
    current,
    checkpoints,
    grad_spikes,
    grad_final_state,
    grad_current,
    grad_state,
    grad_coefficients,
    table,
    keep,
    rest,
    interval,
    reset,
    kind,
    surrogate,
    detach,
):
    _, batch, n = current.shape
    blocks = -(-n // BLOCK)
    for job in numba.prange(batch * blocks):
        b = job // blocks
        first = (job - b * blocks) * BLOCK
        last = min(first + BLOCK, n)
        _backward_block(
            current,
            checkpoints,
            grad_spikes,
            grad_final_state,
            grad_current,
            grad_state,
            grad_coefficients,
            (b, first, last),
            _block_table(table, first, last),
            keep,
            rest,
            interval,
            reset,
            kind,
            surrogate,
            detach,
        )


@inner
def _backward_block(
    current,
    checkpoints,
    grad_spikes,
    grad_final_state,
    grad_current,
    grad_state,
    grad_coefficients,
    block,
    table,
    keep,
    rest,
    interval,
    reset,
    kind,
    surrogate,
    detach,
):
    b, first, last = block
    n = last - first
    rows = grad_state.shape[0]
    steps = grad_spikes.shape[0]
    static = current.shape[0] != steps
    to_current = np.empty(n, np.float32)
    total = np.zeros(n, np.float32)
    states = np.empty((interval + 1, rows, n), np.float32)
    v_pre = np.empty((interval, n), np.float32)
    spiked = np.empty(n, np.uint8)
    derivative = np.empty(n, np.float32)
    parts = np.empty((3, n), np.float32)
    grad = np.empty((rows, n), np.float32)
    copy(grad_final_state, block, grad)
    for j in range(n):
        grad[rows - 1, j] = ZERO
    sums = np.zeros((grad_coefficients.shape[0], n), np.float32)
    for q in range(checkpoints.shape[0] - 1, -1, -1):
        start = q * interval
        length = min(interval, steps - start)
        copy(checkpoints[q], block, states[0])
        for k in range(length):
            for s in range(rows):
                for j in range(n):
                    states[k + 1, s, j] = states[k, s, j]
            arriving = current[0 if static else start + k, b, first:last]
            _step(arriving, states[k + 1], v_pre[k], spiked, table, keep, rest)
        for k in range(length - 1, -1, -1):
            _distance(v_pre[k], table[4], derivative)
            derivative_block(kind, surrogate, derivative, derivative)
            _step_back(
                to_current,
                grad,
                v_pre[k],
                states[k, rows - 1],
                grad_spikes[start + k, b, first:last],
                derivative,
                parts,
                table,
                reset == HARD,
                detach,
            )
            if static:
                for j in range(n):
                    total[j] += to_current[j]
            else:
                copy_row(to_current, grad_current[start + k, b, first:last])
            if sums.shape[0] > 0:
                arriving = current[0 if static else start + k, b, first:last]
                _add_terms(sums, parts, states[k], arriving, to_current, reset)
    if static:
        copy_row(total, grad_current[0, b, first:last])
    copy_back(grad, block, grad_state)
    copy_back(sums, block, grad_coefficients)


@inner
def _distance(v_pre, v_threshold, out):
    for j in range(out.size):
        out[j] = v_pre[j] - _at(v_threshold, j)


@inner
def _step_back(grad_current, grad, v_pre, left, grad_spike, derivative, parts, table, hard, detach):
    given = (v_pre, left, grad_spike, derivative)
    if grad.shape[0] == 2:
        _lif_back(grad_current, grad[0], given, parts, table, hard, detach)
    else:
        _cuba_back(grad_current, grad[0], grad[1], given, parts, table, hard, detach)
