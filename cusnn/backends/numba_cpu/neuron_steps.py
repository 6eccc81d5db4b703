"""One step of one neuron of each model, on numbers: what compiled loops over neurons call.

A step takes the neuron's state, what arrives, its coefficients ``c``, the kind of reset and the
steps to rest after a spike, and returns the state after the step and whether the neuron fired. No
step branches, so that LLVM makes vectors of a flat loop that calls it. Where a step takes two
inputs they are those of the excitatory and of the inhibitory channel.
"""

import numpy as np
from numba import njit

TINY = np.float32(1e-30)
ZERO, HALF, ONE = np.float32(0), np.float32(0.5), np.float32(1)
QUADRATIC, LINEAR = np.float32(0.04), np.float32(5)
HARD, SOFT, NONE = range(3)
# By number of the model in tables: rows of state, coefficients, input channels.
STATES = (2, 3, 4, 4, 3, 3)
COEFFICIENTS = (5, 6, 8, 11, 7, 8)
CHANNELS = (1, 1, 2, 2, 1, 1)


@njit(cache=True, nogil=True)
def cut(x):
    return ZERO if abs(x) < TINY else x


@njit(cache=True, nogil=True)
def fire(v_pre, v, refractory, v_threshold, v_reset, reset, rest):
    """Voltage, rest and spike of a neuron whose voltage has moved to ``v_pre``.

    A spike leaves ``keep v_pre - amount``, with which every kind of reset is the same arithmetic
    and an infinite voltage does not vanish: it becomes NaN.
    """
    resting = refractory > ZERO
    v_pre = v if resting else v_pre
    spiked = (v_pre >= v_threshold) & (not resting)
    keep = ZERO if reset == HARD else ONE
    soft = v_threshold - v_reset if reset == SOFT else ZERO
    amount = -v_reset if reset == HARD else soft
    after = keep * v_pre - amount
    left = refractory - ONE if resting else ZERO
    return after if spiked else v_pre, rest if spiked else left, spiked


@njit(cache=True, nogil=True)
def step_lif(v, refractory, current, c, reset, rest):
    """Returns v, refractory, spiked."""
    decay, gain, drive, v_threshold, v_reset = c
    v_pre = cut(decay * v + (gain * current + drive))
    return fire(v_pre, v, refractory, v_threshold, v_reset, reset, rest)


@njit(cache=True, nogil=True)
def cuba_voltage(v, i, c):
    """Voltage before a spike, of what had arrived before the step."""
    return cut(c[0] * v + (c[2] * i + c[3]))


@njit(cache=True, nogil=True)
def step_cuba(v, i, refractory, current, c, reset, rest):
    """Returns v, i, refractory, spiked."""
    _, decay_syn, _, _, v_threshold, v_reset = c
    v_pre = cuba_voltage(v, i, c)
    after, left, spiked = fire(v_pre, v, refractory, v_threshold, v_reset, reset, rest)
    return after, cut(decay_syn * i + current), left, spiked


@njit(cache=True, nogil=True)
def dual_voltage(v, i_exc, i_inh, c):
    """The same with two currents."""
    return cut(c[0] * v + ((c[3] * i_exc + c[4] * i_inh) + c[5]))


@njit(cache=True, nogil=True)
def step_cuba_dual(v, i_exc, i_inh, refractory, exc, inh, c, reset, rest):
    """Returns v, i_exc, i_inh, refractory, spiked; both inputs in pA with their sign."""
    _, decay_exc, decay_inh, _, _, _, v_threshold, v_reset = c
    v_pre = dual_voltage(v, i_exc, i_inh, c)
    after, left, spiked = fire(v_pre, v, refractory, v_threshold, v_reset, reset, rest)
    return after, cut(decay_exc * i_exc + exc), cut(decay_inh * i_inh + inh), left, spiked


@njit(cache=True, nogil=True)
def coba_slope(v, g_exc, g_inh, c):
    """What a whole step adds to a voltage at the speed that it has there."""
    driven = g_exc * (c[7] - v) + g_inh * (c[8] - v)
    return (c[2] - c[0] * v) + c[1] * driven


@njit(cache=True, nogil=True)
def coba_voltage(v, g_exc, g_inh, c):
    """The same with two conductances."""
    middle = v + HALF * coba_slope(v, g_exc, g_inh, c)
    return cut(v + coba_slope(middle, c[3] * g_exc, c[4] * g_inh, c))


@njit(cache=True, nogil=True)
def step_coba(v, g_exc, g_inh, refractory, exc, inh, c, reset, rest):
    """Returns v, g_exc, g_inh, refractory, spiked; both inputs in nS, not negative."""
    _, _, _, _, _, decay_exc, decay_inh, _, _, v_threshold, v_reset = c
    v_pre = coba_voltage(v, g_exc, g_inh, c)
    after, left, spiked = fire(v_pre, v, refractory, v_threshold, v_reset, reset, rest)
    return after, cut(decay_exc * g_exc + exc), cut(decay_inh * g_inh + inh), left, spiked


@njit(cache=True, nogil=True)
def step_alif(v, a, refractory, current, c, reset, rest):
    """Returns v, a, refractory, spiked."""
    decay, gain, drive, decay_adaptation, jump, v_threshold, v_reset = c
    threshold = v_threshold + jump * a
    v_pre = cut(decay * v + (gain * current + drive))
    after, left, spiked = fire(v_pre, v, refractory, threshold, v_reset, reset, rest)
    return after, cut(decay_adaptation * a + (ONE if spiked else ZERO)), left, spiked


@njit(cache=True, nogil=True)
def step_izhikevich(v, u, refractory, current, c, reset, rest):
    """Returns v, u, 0, spiked; the neuron never rests."""
    rate_v, gain, drive, rate_u, b, jump, v_threshold, v_reset = c
    slope = ((QUADRATIC * v + LINEAR) * v - u) + drive
    recovered = u + rate_u * (b * v - u)
    v_pre = cut(v + (rate_v * slope + gain * current))
    after, left, spiked = fire(v_pre, v, ZERO, v_threshold, v_reset, reset, rest)
    return after, cut(recovered + jump if spiked else recovered), left, spiked
