"""Neurons: T steps forward, and the way back through the same steps."""

from typing import NamedTuple

import numpy as np

from cusnn.backends.numpy_ref import conventions, surrogates

TINY = np.float32(1e-30)
ZERO = np.float32(0)
ONE = np.float32(1)
HALF = np.float32(0.5)
QUADRATIC, LINEAR = np.float32(0.04), np.float32(5)
HARD, SOFT, NONE = range(3)
# By number of the model in tables: name, rows of state, coefficients, input channels.
MODELS = ("LIF", "CubaLIF", "CubaDualLIF", "CobaLIF", "ALIF", "Izhikevich")
STATES = (2, 3, 4, 4, 3, 3)
COEFFICIENTS = (5, 6, 8, 11, 7, 8)
CHANNELS = (1, 1, 2, 2, 1, 1)


class Step(NamedTuple):
    """What a step did, each [B, N]: what the way back needs to know."""

    before: np.ndarray  # [S, B, N]
    v_pre: np.ndarray
    threshold: np.ndarray  # or a number
    resting: np.ndarray
    spiked: np.ndarray


def neuron_forward(
    current, state, final_state, spikes, packed, checkpoints, coefficients, interval, steps
):
    state = state.copy()
    with np.errstate(all="ignore"):
        for t, arriving in enumerate(every_step(current, steps)):
            if checkpoints is not None and t % interval == 0:
                checkpoints[t // interval] = state
            done = step(state, arriving, coefficients)
            if spikes is not None:
                spikes[t] = done.spiked
            if packed is not None:
                packed[t] = pack(done.spiked, packed.shape[2])
    final_state[:] = state


def every_step(current, steps):
    """The input of each step [T, B, N]: what is the same in every step stands there once."""
    return np.broadcast_to(current, (steps, *current.shape[1:]))


def step(state, current, coefficients, inhibition=None):
    """Move ``state`` [S, ...] by one step; returns what happened.

    Models with two channels take excitation as ``current`` and ``inhibition`` beside it; without
    it the current is parted by its sign. Conductances are not negative.
    """
    if coefficients.model in conventions.MODELS:
        return conventions.step(state, current, coefficients)
    before = state.copy()
    model = coefficients.model
    if CHANNELS[MODELS.index(model)] == 2 and inhibition is None:
        inhibition = np.where(current > 0, ZERO, current)
        current = np.where(current < 0, ZERO, current)
        inhibition = -inhibition if model == "CobaLIF" else inhibition
    v_pre, v_threshold = MOVES[model](state, coefficients.values, current, inhibition)
    if model == "Izhikevich":
        state[-1] = 0
    v, refractory, v_reset = state[0], state[-1], coefficients.values[-1]
    resting = refractory > 0
    v_pre = np.where(resting, v, cut(v_pre))
    spiked = (v_pre >= v_threshold) & ~resting
    # v_pre - v_pre is 0; but an infinite voltage must not vanish in the reset: it becomes NaN.
    after = (v_reset + (v_pre - v_pre), v_pre - (v_threshold - v_reset), v_pre)
    state[0] = np.where(spiked, after[coefficients.reset], v_pre)
    state[-1] = np.where(resting, refractory - ONE, ZERO)
    state[-1][spiked] = coefficients.refractory_steps
    if model == "ALIF":
        state[1] = cut(coefficients.values[3] * state[1] + spiked.astype(np.float32))
    if model == "Izhikevich":
        state[1] = cut(np.where(spiked, state[1] + coefficients.values[5], state[1]))
    return Step(before, v_pre, v_threshold, resting, spiked)


# The first half of a step, by model: where the voltage moves unless the neuron rests, and the
# threshold there. Synaptic states move with it, the voltage does not.


def move_lif(state, values, current, _):
    decay, gain, drive, v_threshold, _ = values
    return decay * state[0] + (gain * current + drive), v_threshold


def move_cuba(state, values, current, _):
    decay, decay_syn, gain, drive, v_threshold, _ = values
    v_pre = decay * state[0] + (gain * state[1] + drive)
    state[1] = cut(decay_syn * state[1] + current)
    return v_pre, v_threshold


def move_cuba_dual(state, values, exc, inh):
    decay, decay_exc, decay_inh, gain_exc, gain_inh, drive, v_threshold, _ = values
    v_pre = decay * state[0] + ((gain_exc * state[1] + gain_inh * state[2]) + drive)
    state[1] = cut(decay_exc * state[1] + exc)
    state[2] = cut(decay_inh * state[2] + inh)
    return v_pre, v_threshold


def move_coba(state, values, exc, inh):
    rate, gain, drive, half_exc, half_inh, decay_exc, decay_inh = values[:7]
    e_exc, e_inh, v_threshold, _ = values[7:]

    def slope(v, g_exc, g_inh):
        return (drive - rate * v) + gain * (g_exc * (e_exc - v) + g_inh * (e_inh - v))

    v, g_exc, g_inh = state[:3]
    middle = v + HALF * slope(v, g_exc, g_inh)
    v_pre = v + slope(middle, half_exc * g_exc, half_inh * g_inh)
    state[1] = cut(decay_exc * g_exc + exc)
    state[2] = cut(decay_inh * g_inh + inh)
    return v_pre, v_threshold


def move_alif(state, values, current, _):
    decay, gain, drive, _, jump, v_threshold, _ = values
    return decay * state[0] + (gain * current + drive), v_threshold + jump * state[1]


def move_izhikevich(state, values, current, _):
    rate_v, gain, drive, rate_u, b, _, v_threshold, _ = values
    v, u = state[:2]
    slope = ((QUADRATIC * v + LINEAR) * v - u) + drive
    state[1] = u + rate_u * (b * v - u)
    return v + (rate_v * slope + gain * current), v_threshold


MOVES = {
    "LIF": move_lif,
    "CubaLIF": move_cuba,
    "CubaDualLIF": move_cuba_dual,
    "CobaLIF": move_coba,
    "ALIF": move_alif,
    "Izhikevich": move_izhikevich,
}


def cut(x):
    """Zero in place of what has decayed below 1e-30: subnormal numbers never arise."""
    return np.where(np.abs(x) < TINY, ZERO, x)


def pack(spiked, words):
    bits = np.zeros((spiked.shape[0], 32 * words), np.uint32)
    bits[:, : spiked.shape[1]] = spiked
    bits = bits.reshape(len(bits), words, 32) << np.arange(32, dtype=np.uint32)
    return np.bitwise_or.reduce(bits, axis=2)


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
    grad_state[:] = 0 if grad_final_state is None else grad_final_state
    if coefficients.model not in conventions.MODELS:
        grad_state[-1] = 0
    sums = np.zeros((len(coefficients.values), *grad_state.shape[1:]), np.float32)
    steps = len(grad_spikes)
    static = len(current) != steps
    if static:
        grad_current[:] = 0
    current = every_step(current, steps)
    with np.errstate(all="ignore"):
        for q in reversed(range(checkpoints.shape[0])):
            first = q * interval
            segment = current[first : first + interval]
            state = checkpoints[q].copy()
            done = [step(state, arriving, coefficients) for arriving in segment]
            for t in reversed(range(first, first + len(done))):
                to_current, terms = step_back(
                    grad_state,
                    done[t - first],
                    current[t],
                    grad_spikes[t],
                    coefficients,
                    surrogate,
                    detach_reset,
                )
                if static:
                    grad_current[0] += to_current
                else:
                    grad_current[t] = to_current
                for total, term in zip(sums, terms, strict=True):
                    total += term
    if grad_coefficients is not None:
        grad_coefficients[:] = sums


class Parts(NamedTuple):
    """Parts of a step's gradient, each [B, N]."""

    moved: np.ndarray  # with respect to the voltage that the step's integration made
    threshold: np.ndarray  # with respect to the threshold of the step
    reset: np.ndarray  # with respect to ``v_reset``


def step_back(grad_state, done, current, grad_spike, coefficients, surrogate, detach_reset):
    """Move ``grad_state`` [S, B, N] from behind a step to before it.

    Returns:
        The gradient with respect to the step's input, and to each coefficient.
    """
    back = BACK.get(coefficients.model, conventions.step_back)
    return back(grad_state, done, current, grad_spike, coefficients, surrogate, detach_reset)


def membrane_back(grad_state, done, grad_spike, coefficients, surrogate, detach_reset) -> Parts:
    """Move the gradient of the voltage, which is the same in all models."""
    decay, v_reset = coefficients.values[0], coefficients.values[-1]
    hard, soft = coefficients.reset == HARD, coefficients.reset == SOFT
    _, v_pre, threshold, resting, spiked = done
    grad_v = grad_state[0].copy()

    derivative = surrogates.derivative(surrogate.kind, surrogate.values, v_pre - threshold)
    jump = (v_reset - v_pre, -(threshold - v_reset), ZERO)[coefficients.reset]
    grad_spike_total = grad_spike if detach_reset else grad_spike + grad_v * jump
    grad_fire = np.where(resting, ZERO, grad_spike_total * derivative)
    grad_reset = np.where(spiked, grad_v, ZERO)
    # 0 grad_v, and not 0, so that a gradient that is not finite does not vanish in a reset.
    kept = np.where(spiked, (ZERO if hard else ONE) * grad_v, grad_v)
    grad_v_pre = kept + grad_fire
    grad_state[0] = cut(np.where(resting, grad_v, decay * grad_v_pre))
    return Parts(
        np.where(resting, ZERO, grad_v_pre),
        -(grad_fire + grad_reset) if soft else -grad_fire,
        grad_reset if hard or soft else np.zeros_like(grad_reset),
    )


def lif_back(grad_state, done, current, grad_spike, coefficients, surrogate, detach_reset):
    gain = coefficients.values[1]
    parts = membrane_back(grad_state, done, grad_spike, coefficients, surrogate, detach_reset)
    moved = parts.moved
    terms = (moved * done.before[0], moved * current, moved, parts.threshold, parts.reset)
    return gain * moved, terms


def cuba_back(grad_state, done, current, grad_spike, coefficients, surrogate, detach_reset):
    _, decay_syn, gain, *_ = coefficients.values
    v, i, _ = done.before
    parts = membrane_back(grad_state, done, grad_spike, coefficients, surrogate, detach_reset)
    moved, grad_i = parts.moved, grad_state[1].copy()
    grad_state[1] = cut(decay_syn * grad_i + gain * moved)
    terms = (moved * v, grad_i * i, moved * i, moved, parts.threshold, parts.reset)
    return grad_i, terms


def alif_back(grad_state, done, current, grad_spike, coefficients, surrogate, detach_reset):
    _, gain, _, decay_adaptation, jump, _, _ = coefficients.values
    v, a, _ = done.before
    grad_a = grad_state[1].copy()
    from_spike = grad_spike + grad_a
    parts = membrane_back(grad_state, done, from_spike, coefficients, surrogate, detach_reset)
    moved, threshold = parts.moved, parts.threshold
    grad_state[1] = cut(decay_adaptation * grad_a + jump * threshold)
    through_membrane = (moved * v, moved * current, moved)
    terms = (*through_membrane, grad_a * a, threshold * a, threshold, parts.reset)
    return gain * moved, terms


BACK = {"LIF": lif_back, "CubaLIF": cuba_back, "ALIF": alif_back}
