"""Neurons of other libraries: one step in their order of operations, and the way back over it.

Spikes are floats here, 0 or 1, because the libraries compute with them: an infinite voltage then
becomes NaN in a reset instead of vanishing. With ``spike * v_reset + (1 - spike) * h`` nothing is
rounded, so that only the order of the other operations decides the bits.
"""

from typing import NamedTuple

import numpy as np

from cusnn.backends.numpy_ref import surrogates

TINY = np.float32(1e-30)
ZERO = np.float32(0)
ONE = np.float32(1)
MODELS = ("Leaky", "Synaptic", "LIFNode", "NorseLIF", "NorseLIFBox")


class Step(NamedTuple):
    """What a step did: what the way back needs to know."""

    before: np.ndarray  # [S, B, N]
    h: np.ndarray  # [B, N], the voltage that fires or not
    spiked: np.ndarray  # [B, N], float32


def step(state, current, coefficients):
    """Move ``state`` [S, ...] by one step; returns what happened."""
    before = state.copy()
    h, spiked = STEPS[coefficients.model](state, current, coefficients)
    state[:] = np.where(np.abs(state) < TINY, ZERO, state)
    return Step(before, h, spiked)


def step_back(grad_state, done, current, grad_spike, coefficients, surrogate, detach_reset):
    """Move ``grad_state`` [S, B, N] from behind a step to before it.

    Returns:
        The gradient with respect to the step's input, and to each coefficient.
    """
    v_threshold = coefficients.values[THRESHOLDS[coefficients.model]]
    derivative = surrogates.derivative(surrogate.kind, surrogate.values, done.h - v_threshold)
    grad_current, terms = BACKS[coefficients.model](
        grad_state, done, current, grad_spike, derivative, coefficients, bool(detach_reset)
    )
    grad_state[:] = np.where(np.abs(grad_state) < TINY, ZERO, grad_state)
    return grad_current, terms


# ------------------------------------------------------------------ snnTorch

SUBTRACT, ZERO_RESET, NO_RESET = range(3)


def snntorch_form(form):
    """Reset mechanism; whether a spike of the step before resets; whether one of this step does."""
    mechanism, at_once, copied = form & 3, bool(form & 4), bool(form & 8)
    return mechanism, not at_once or copied, at_once


def snntorch_before(mem, threshold, form):
    """1 where the membrane was left above threshold, for the reset of this step."""
    _, delayed, _ = snntorch_form(form)
    return above(mem, threshold) if delayed else np.zeros_like(mem)


def snntorch_fire(mem, reset, threshold, form):
    """Spikes, and the membrane after a reset at once."""
    mechanism, _, at_once = snntorch_form(form)
    spiked = above(mem, threshold)
    if at_once:
        mem = mem - (spiked - reset) * (threshold if mechanism == SUBTRACT else mem)
    return spiked, mem


def step_leaky(state, current, coefficients):
    beta, threshold = coefficients.values
    mechanism, _, _ = snntorch_form(coefficients.reset)
    reset = snntorch_before(state[0], threshold, coefficients.reset)
    kept = (ONE - reset) * state[0] if mechanism == ZERO_RESET else state[0]
    h = beta * kept + current
    if mechanism == SUBTRACT:
        h = h - reset * threshold
    spiked, state[0] = snntorch_fire(h, reset, threshold, coefficients.reset)
    return h, spiked


def step_synaptic(state, current, coefficients):
    alpha, beta, threshold = coefficients.values
    mechanism, _, _ = snntorch_form(coefficients.reset)
    reset = snntorch_before(state[0], threshold, coefficients.reset)
    state[1] = alpha * state[1] + current
    h = beta * state[0] + state[1]
    if mechanism != NO_RESET:
        h = h - reset * (threshold if mechanism == SUBTRACT else h)
    spiked, state[0] = snntorch_fire(h, reset, threshold, coefficients.reset)
    return h, spiked


def snntorch_back(grad_mem, done, grad_spike, derivative, threshold, form, detach):
    """Over spike and reset at once: the gradients of h, of the threshold, and ``reset``."""
    mechanism, _, at_once = snntorch_form(form)
    reset = snntorch_before(done.before[0], threshold, form)
    undone = done.spiked - reset if at_once else np.zeros_like(reset)
    amount = threshold if mechanism == SUBTRACT else done.h
    total = grad_spike - grad_mem * amount if at_once and not detach else grad_spike
    fire = total * derivative
    kept = grad_mem - undone * grad_mem if mechanism == ZERO_RESET else grad_mem
    grad_h = kept + fire
    to_threshold = -fire
    if mechanism == SUBTRACT:
        to_threshold = (to_threshold - undone * grad_mem) - reset * grad_h
    return grad_h, to_threshold, reset


def back_leaky(grad_state, done, current, grad_spike, derivative, coefficients, detach):
    beta, threshold = coefficients.values
    form = coefficients.reset
    grad_h, to_threshold, reset = snntorch_back(
        grad_state[0], done, grad_spike, derivative, threshold, form, detach
    )
    gate = ONE - reset if form & 3 == ZERO_RESET else np.ones_like(reset)
    grad_state[0] = gate * (beta * grad_h)
    return grad_h, (grad_h * (gate * done.before[0]), to_threshold)


def back_synaptic(grad_state, done, current, grad_spike, derivative, coefficients, detach):
    alpha, beta, threshold = coefficients.values
    form = coefficients.reset
    grad_h, to_threshold, reset = snntorch_back(
        grad_state[0], done, grad_spike, derivative, threshold, form, detach
    )
    grad_mem = grad_h - reset * grad_h if form & 3 == ZERO_RESET else grad_h
    grad_syn = grad_state[1] + grad_mem
    grad_state[0] = beta * grad_mem
    grad_state[1] = alpha * grad_syn
    terms = grad_syn * done.before[1], grad_mem * done.before[0], to_threshold
    return grad_syn, terms


# ------------------------------------------------------------------ SpikingJelly and Norse


def fire_and_reset(h, spiked, v_threshold, v_reset, soft):
    return h - spiked * v_threshold if soft else spiked * v_reset + (ONE - spiked) * h


def reset_back(grad_v, done, grad_spike, derivative, v_threshold, v_reset, soft, detach):
    """Over spike and reset: the gradients of h, of the threshold, and of the voltage reset to."""
    jump = -v_threshold if soft else v_reset - done.h
    total = grad_spike if detach else grad_spike + grad_v * jump
    fire = total * derivative
    grad_reset = done.spiked * grad_v
    if soft:
        return grad_v + fire, -fire - grad_reset, np.zeros_like(grad_reset)
    return (ONE - done.spiked) * grad_v + fire, -fire, grad_reset


def step_node(state, current, coefficients):
    tau, v_threshold, v_reset = coefficients.values
    soft, undecayed = coefficients.reset & 1, coefficients.reset & 2
    divide = not coefficients.reset & 4
    v, away = state[0], state[0] - v_reset

    def leak(x):
        return x / tau if divide else x * tau

    h = (v - leak(away)) + current if undecayed else v + leak(current - away)
    spiked = (h >= v_threshold).astype(np.float32)
    state[0] = fire_and_reset(h, spiked, v_threshold, v_reset, soft)
    return h, spiked


def back_node(grad_state, done, current, grad_spike, derivative, coefficients, detach):
    tau, v_threshold, v_reset = coefficients.values
    soft, undecayed = coefficients.reset & 1, coefficients.reset & 2
    divide = not coefficients.reset & 4
    grad_h, to_threshold, to_reset = reset_back(
        grad_state[0], done, grad_spike, derivative, v_threshold, v_reset, soft, detach
    )
    away = done.before[0] - v_reset
    pulled = -away if undecayed else current - away
    leaked = grad_h / tau if divide else grad_h * tau
    grad_state[0] = grad_h - leaked
    to_tau = -(leaked * pulled) / tau if divide else grad_h * pulled
    if not soft:
        to_reset = to_reset + leaked
    return grad_h if undecayed else leaked, (to_tau, to_threshold, to_reset)


def step_norse(state, current, coefficients):
    rate, rate_syn, v_leak, v_threshold, v_reset = coefficients.values
    jumped = state[1] + current
    h = state[0] + rate * ((v_leak - state[0]) + jumped)
    state[1] = jumped - rate_syn * jumped
    spiked = above(h, v_threshold)
    state[0] = fire_and_reset(h, spiked, v_threshold, v_reset, soft=False)
    return h, spiked


def back_norse(grad_state, done, current, grad_spike, derivative, coefficients, detach):
    rate, rate_syn, v_leak, v_threshold, v_reset = coefficients.values
    grad_h, to_threshold, to_reset = reset_back(
        grad_state[0], done, grad_spike, derivative, v_threshold, v_reset, False, detach
    )
    jumped = done.before[1] + current
    pulled = (v_leak - done.before[0]) + jumped
    grad_i = grad_state[1].copy()
    grad_pulled = rate * grad_h
    grad_jumped = (grad_i - rate_syn * grad_i) + grad_pulled
    grad_state[0] = grad_h - grad_pulled
    grad_state[1] = grad_jumped
    terms = grad_h * pulled, -(grad_i * jumped), grad_pulled, to_threshold, to_reset
    return grad_jumped, terms


def step_box(state, current, coefficients):
    rate, v_leak, v_threshold, v_reset = coefficients.values
    h = state[0] + rate * ((current + v_leak) - state[0])
    spiked = above(h, v_threshold)
    state[0] = fire_and_reset(h, spiked, v_threshold, v_reset, coefficients.reset)
    return h, spiked


def back_box(grad_state, done, current, grad_spike, derivative, coefficients, detach):
    rate, v_leak, v_threshold, v_reset = coefficients.values
    soft = coefficients.reset
    grad_h, to_threshold, to_reset = reset_back(
        grad_state[0], done, grad_spike, derivative, v_threshold, v_reset, soft, detach
    )
    pulled = (current + v_leak) - done.before[0]
    grad_pulled = rate * grad_h
    grad_state[0] = grad_h - grad_pulled
    return grad_pulled, (grad_h * pulled, grad_pulled, to_threshold, to_reset)


def above(v, v_threshold):
    return (v > v_threshold).astype(np.float32)


STEPS = dict(
    zip(
        MODELS,
        (step_leaky, step_synaptic, step_node, step_norse, step_box),
        strict=True,
    )
)
BACKS = dict(
    zip(
        MODELS,
        (back_leaky, back_synaptic, back_node, back_norse, back_box),
        strict=True,
    )
)
# Row of the threshold among the coefficients.
THRESHOLDS = dict(zip(MODELS, (1, 2, 1, 3, 2), strict=True))
