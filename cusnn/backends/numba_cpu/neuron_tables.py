"""Coefficients of LIF and CubaLIF in compiled loops: one number for all neurons, or an array."""

import numba
import numpy as np
from numba.extending import overload


def at(values, j):
    """A coefficient of neuron j: of one number for all, or of an array."""
    return values[j] if isinstance(values, np.ndarray) else values


@overload(at)
def _compiled_at(values, j):
    if isinstance(values, numba.types.Array):
        return lambda values, j: values[j]
    return lambda values, j: values


def _part(values, first, last):
    """A coefficient of the neurons of a block."""
    return values[first:last] if isinstance(values, np.ndarray) else values


@overload(_part)
def _compiled_part(values, first, last):
    if isinstance(values, numba.types.Array):
        return lambda values, first, last: values[first:last]
    return lambda values, first, last: values


@numba.njit(cache=True, nogil=True)
def block_table(table, first, last):
    decay, decay_syn, gain, drive, v_threshold, amount = table
    return (
        _part(decay, first, last),
        _part(decay_syn, first, last),
        _part(gain, first, last),
        _part(drive, first, last),
        _part(v_threshold, first, last),
        _part(amount, first, last),
    )
