"""Neurons of a tile moved by one step, a block of a population at a time.

Loops over the neurons of a block are flat and without branches, so that LLVM makes vectors of
them. Input that does not touch a voltage in its own step arrives in a loop of its own: many steps
bring something to few neurons only. Whether a neuron rests is read from the step until which it
does, written by those that fire alone.
"""

import numba
import numpy as np
from numba import njit
from numba.extending import overload

from cusnn.backends.numba_cpu.network_tables import INNER
from cusnn.backends.numba_cpu.neuron_steps import (
    COEFFICIENTS,
    ONE,
    ZERO,
    cut,
    step_alif,
    step_coba,
    step_cuba,
    step_cuba_dual,
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
def move_cuba(v, i, until, now, fired, numbers, reset):
    for j in range(v.size):
        c = numbers_of(numbers, j)[:6]
        rest = resting(until[j], now)
        v[j], i[j], _, fired[j] = step_cuba(v[j], i[j], rest, ZERO, c, reset, ZERO)


@njit(**INNER)
def move_dual(v, exc, inh, until, now, fired, numbers, reset):
    for j in range(v.size):
        c = numbers_of(numbers, j)[:8]
        rest = resting(until[j], now)
        v[j], exc[j], inh[j], _, fired[j] = step_cuba_dual(
            v[j], exc[j], inh[j], rest, ZERO, ZERO, c, reset, ZERO
        )


@njit(**INNER)
def move_coba(v, exc, inh, until, now, fired, numbers, reset):
    for j in range(v.size):
        c = numbers_of(numbers, j)
        rest = resting(until[j], now)
        v[j], exc[j], inh[j], _, fired[j] = step_coba(
            v[j], exc[j], inh[j], rest, ZERO, ZERO, c, reset, ZERO
        )


@njit(**INNER)
def move_block(model, reset, now, numbers, begin, end, state, until, arriving, unit, fired):
    """One step of neurons ``begin`` to ``end`` of a tile, all of one population."""
    v, one = state[0, begin:end], state[1, begin:end]
    two = state[min(2, state.shape[0] - 1), begin:end]
    if model == LIF:
        move_lif(v, until, now, arriving, unit, fired, numbers, reset)
    elif model == CUBA:
        move_cuba(v, one, until, now, fired, numbers, reset)
    elif model == DUAL:
        move_dual(v, one, two, until, now, fired, numbers, reset)
    elif model == COBA:
        move_coba(v, one, two, until, now, fired, numbers, reset)
    elif model == ADAPTIVE:
        move_alif(v, one, until, now, arriving, unit, fired, numbers, reset)
    else:
        move_izhikevich(v, one, arriving, unit, fired, numbers, reset)


@njit(**INNER)
def arrive(arriving, unit, synaptic):
    """Input of a channel to decayed synaptic states.

    A model's step adds input to a decaying product and cuts the sum; here the product was cut
    before. The result is the same: what a cut takes away is less than half the last place of the
    smallest input, a unit of at least 2**-64.
    """
    for j in range(synaptic.size):
        current = np.float32(arriving[j]) * unit
        arriving[j] = 0
        synaptic[j] = cut(synaptic[j] + current)


@njit(**INNER)
def arrive_listed(touched, arriving, units, size, state):
    """The same at some slots: that of channel c and neuron l goes to row 1 + c of the state."""
    for k in range(touched.size):
        slot = touched[k]
        channel = slot >= size
        current = np.float32(arriving[slot]) * units[slot]
        arriving[slot] = 0
        neuron = slot - size if channel else slot
        row = 2 if channel else 1
        state[row, neuron] = cut(state[row, neuron] + current)


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
