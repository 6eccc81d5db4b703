"""Poisson input of a stretch of steps, without the network: the engine's draws, summed."""

import numpy as np
from numba import njit

from cusnn.backends.numba_cpu.network_poisson import BLOCK, FLIP, STEPS_PER_DRAW, add_poisson


def network_draw(stimuli, thresholds, totals, seed, first_step, steps):
    totals[:] = 0
    levels = (thresholds ^ FLIP).view(np.int32)
    for stimulus in stimuli:
        driven = totals[stimulus[0] : stimulus[0] + stimulus[1]]
        add_stretch(stimulus, levels, seed, first_step, steps, driven)


@njit(cache=True, nogil=True)
def add_stretch(stimulus, levels, seed, first_step, steps, totals):
    """Add what a stimulus brings to its neurons, a block of them for four steps at a time."""
    random = np.empty((STEPS_PER_DRAW, BLOCK), np.int32)
    arriving = np.empty((STEPS_PER_DRAW, BLOCK), np.int32)
    end = first_step + steps
    for at in range(0, totals.size, BLOCK):
        n, first = min(BLOCK, totals.size - at), stimulus[0] + at
        step = first_step
        while step < end:
            arriving[:] = 0
            add_poisson(stimulus, levels, seed, step, 0, 1, first, n, random, 0, arriving)
            begin = step % STEPS_PER_DRAW
            stop = min(STEPS_PER_DRAW, begin + end - step)
            for q in range(begin, stop):
                for j in range(n):
                    totals[at + j] += arriving[q, j]
            step += stop - begin
