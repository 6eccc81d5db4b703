"""One step of a row of LIF or CubaLIF neurons, forward and back: what every loop over time calls.

The loops run over the neurons of a row, without branches, and are what LLVM makes vectors of.
"""

import numpy as np

from cusnn.backends.numba_cpu.chosen_rows import inner
from cusnn.backends.numba_cpu.neuron_steps import HARD, NONE, ONE, SOFT, TINY, ZERO
from cusnn.backends.numba_cpu.neuron_tables import at

MODELS = ("LIF", "CubaLIF")


def numbers(coefficients):
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
        arriving = at(gain, j) * current[j]
        v_pre[j], spiked[j], v[j], left[j] = _membrane(
            v[j],
            left[j],
            arriving,
            at(decay, j),
            at(drive, j),
            at(v_threshold, j),
            at(amount, j),
            keep,
            rest,
        )


@inner
def _cuba_step(current, v, i, left, v_pre, spiked, table, keep, rest):
    """One step of CubaLIF neurons, the state in place."""
    decay, decay_syn, gain, drive, v_threshold, amount = table
    for j in range(current.size):
        arriving = at(gain, j) * i[j]
        v_pre[j], spiked[j], v[j], left[j] = _membrane(
            v[j],
            left[j],
            arriving,
            at(decay, j),
            at(drive, j),
            at(v_threshold, j),
            at(amount, j),
            keep,
            rest,
        )
        moved = at(decay_syn, j) * i[j] + current[j]
        i[j] = ZERO if abs(moved) < TINY else moved


@inner
def step(current, state, v_pre, spiked, table, keep, rest):
    if state.shape[0] == 2:
        _lif_step(current, state[0], state[1], v_pre, spiked, table, keep, rest)
    else:
        _cuba_step(current, state[0], state[1], state[2], v_pre, spiked, table, keep, rest)


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
            at(decay, j),
            at(v_threshold, j),
            at(amount, j),
            hard,
            detach,
        )
        grad_current[j] = at(gain, j) * moved[j]


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
            at(decay, j),
            at(v_threshold, j),
            at(amount, j),
            hard,
            detach,
        )
        grad_current[j] = grad_i[j]
        before = at(decay_syn, j) * grad_i[j] + at(gain, j) * moved[j]
        grad_i[j] = ZERO if abs(before) < TINY else before


@inner
def step_back(grad_current, grad, v_pre, left, grad_spike, derivative, parts, table, hard, detach):
    given = (v_pre, left, grad_spike, derivative)
    if grad.shape[0] == 2:
        _lif_back(grad_current, grad[0], given, parts, table, hard, detach)
    else:
        _cuba_back(grad_current, grad[0], grad[1], given, parts, table, hard, detach)


@inner
def distance(v_pre, v_threshold, out):
    for j in range(out.size):
        out[j] = v_pre[j] - at(v_threshold, j)


@inner
def add_terms(sums, parts, state, current, grad_current, reset_kind):
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
