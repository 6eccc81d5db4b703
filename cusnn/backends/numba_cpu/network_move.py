"""Neurons of a tile moved by one step, a block of a population at a time.

Loops over the neurons of a block are flat and without branches, so that LLVM makes vectors of
them. Whether a neuron rests is read from the step until which it does, written by those that fire
alone.

A late model's step adds input to a decaying product and cuts the sum. Here the product was cut when
it was made, and the input joins it at the top of the next step without another cut. The result is
the same: input is 0 or at least a unit of 2**-64, of which half the last place is more than what a
cut takes away, and what is left of two numbers of that size is 0 or more, too.
"""

import numba
import numpy as np
from numba import njit
from numba.extending import overload

from cusnn.backends.numba_cpu.network_tables import INNER
from cusnn.backends.numba_cpu.neuron_steps import (
    CHANNELS,
    COEFFICIENTS,
    ONE,
    ZERO,
    coba_voltage,
    cuba_voltage,
    cut,
    dual_voltage,
    fire,
    step_alif,
    step_izhikevich,
    step_lif,
)

LIF, CUBA, DUAL, COBA, ADAPTIVE, IZHIKEVICH = range(6)
MOST_COEFFICIENTS = max(COEFFICIENTS)


def numbers_of(c, j):
    """Coefficients of neuron j: those of all, or its own from eleven arrays."""
    raise NotImplementedError  # compiled only


@overload(numbers_of)
def _compiled_numbers_of(c, j):
    if isinstance(c.dtype, numba.types.Array):
        return lambda c, j: (
            c[0][j],
            c[1][j],
            c[2][j],
            c[3][j],
            c[4][j],
            c[5][j],
            c[6][j],
            c[7][j],
            c[8][j],
            c[9][j],
            c[10][j],
        )
    return lambda c, j: c


@njit(**INNER)
def is_late(model):
    """Whether what arrives in a step leaves v alone until the next step."""
    return 1 <= model <= 3


@njit(**INNER)
def resting(until, now):
    return ONE if until > now else ZERO


@njit(**INNER)
def move_lif(v, until, now, arriving, unit, fired, numbers, reset):
    for j in range(v.size):
        c = numbers_of(numbers, j)[:5]
        current = np.float32(arriving[j]) * unit
        arriving[j] = 0
        rest = resting(until[j], now)
        v[j], _, fired[j] = step_lif(v[j], rest, current, c, reset, ZERO)


@njit(**INNER)
def move_alif(v, a, until, now, arriving, unit, fired, numbers, reset):
    for j in range(v.size):
        c = numbers_of(numbers, j)[:7]
        current = np.float32(arriving[j]) * unit
        arriving[j] = 0
        rest = resting(until[j], now)
        v[j], a[j], _, fired[j] = step_alif(v[j], a[j], rest, current, c, reset, ZERO)


@njit(**INNER)
def move_izhikevich(v, u, arriving, unit, fired, numbers, reset):
    for j in range(v.size):
        c = numbers_of(numbers, j)[:8]
        current = np.float32(arriving[j]) * unit
        arriving[j] = 0
        v[j], u[j], _, fired[j] = step_izhikevich(v[j], u[j], ZERO, current, c, reset, ZERO)


@njit(**INNER)
def move_cuba(v, i, until, now, arriving, unit, fired, numbers, reset):
    for j in range(v.size):
        c = numbers_of(numbers, j)[:6]
        current = i[j] + np.float32(arriving[j]) * unit
        arriving[j] = 0
        v_pre, rest = cuba_voltage(v[j], current, c), resting(until[j], now)
        v[j], _, fired[j] = fire(v_pre, v[j], rest, c[4], c[5], reset, ZERO)
        i[j] = cut(c[1] * current)


@njit(**INNER)
def move_dual(v, i_exc, i_inh, until, now, arriving, more, unit, unit_inh, fired, numbers, reset):
    for j in range(v.size):
        c = numbers_of(numbers, j)[:8]
        exc = i_exc[j] + np.float32(arriving[j]) * unit
        inh = i_inh[j] + np.float32(more[j]) * unit_inh
        arriving[j] = more[j] = 0
        v_pre, rest = dual_voltage(v[j], exc, inh, c), resting(until[j], now)
        v[j], _, fired[j] = fire(v_pre, v[j], rest, c[6], c[7], reset, ZERO)
        i_exc[j], i_inh[j] = cut(c[1] * exc), cut(c[2] * inh)


@njit(**INNER)
def move_coba(v, g_exc, g_inh, until, now, arriving, more, unit, unit_inh, fired, numbers, reset):
    for j in range(v.size):
        c = numbers_of(numbers, j)
        exc = g_exc[j] + np.float32(arriving[j]) * unit
        inh = g_inh[j] + np.float32(more[j]) * unit_inh
        arriving[j] = more[j] = 0
        v_pre, rest = coba_voltage(v[j], exc, inh, c), resting(until[j], now)
        v[j], _, fired[j] = fire(v_pre, v[j], rest, c[9], c[10], reset, ZERO)
        g_exc[j], g_inh[j] = cut(c[5] * exc), cut(c[6] * inh)


@njit(**INNER)
def move_block(model, reset, now, numbers, units, begin, end, state, until, arriving, fired):
    """One step of neurons ``begin`` to ``end`` of a tile, all of one population.

    What arrives moves the voltage at once, or is of the step before where the model waits with it.
    """
    size, unit, unit_inh = state.shape[1], units[0], units[1]
    v, one = state[0, begin:end], state[1, begin:end]
    two = state[min(2, state.shape[0] - 1), begin:end]
    slots, more = arriving[begin:end], arriving[size + begin : size + end]
    if model == LIF:
        move_lif(v, until, now, slots, unit, fired, numbers, reset)
    elif model == CUBA:
        move_cuba(v, one, until, now, slots, unit, fired, numbers, reset)
    elif model == DUAL:
        move_dual(v, one, two, until, now, slots, more, unit, unit_inh, fired, numbers, reset)
    elif model == COBA:
        move_coba(v, one, two, until, now, slots, more, unit, unit_inh, fired, numbers, reset)
    elif model == ADAPTIVE:
        move_alif(v, one, until, now, slots, unit, fired, numbers, reset)
    else:
        move_izhikevich(v, one, slots, unit, fired, numbers, reset)


@njit(**INNER)
def arrive(arriving, unit, synaptic):
    """Input of a channel to decayed synaptic states."""
    for j in range(synaptic.size):
        synaptic[j] += np.float32(arriving[j]) * unit
        arriving[j] = 0


@njit(**INNER)
def arrive_block(model, units, begin, end, arriving, state):
    """Input of all channels to neurons ``begin`` to ``end`` whose voltages wait with it."""
    size = state.shape[1]
    if is_late(model):
        for channel in range(CHANNELS[model]):
            slots = arriving[channel * size + begin : channel * size + end]
            arrive(slots, units[channel], state[1 + channel, begin:end])


@njit(**INNER)
def own_numbers(own, begin, end):
    """Eleven coefficients of each neuron, from [11, L]."""
    return (
        own[0, begin:end],
        own[1, begin:end],
        own[2, begin:end],
        own[3, begin:end],
        own[4, begin:end],
        own[5, begin:end],
        own[6, begin:end],
        own[7, begin:end],
        own[8, begin:end],
        own[9, begin:end],
        own[10, begin:end],
    )


@njit(**INNER)
def shared_numbers(coefficients, first):
    """Eleven coefficients from ``first`` on; the last ones of models with fewer mean nothing."""
    last = coefficients.size - 1
    return (
        coefficients[first],
        coefficients[min(first + 1, last)],
        coefficients[min(first + 2, last)],
        coefficients[min(first + 3, last)],
        coefficients[min(first + 4, last)],
        coefficients[min(first + 5, last)],
        coefficients[min(first + 6, last)],
        coefficients[min(first + 7, last)],
        coefficients[min(first + 8, last)],
        coefficients[min(first + 9, last)],
        coefficients[min(first + 10, last)],
    )
