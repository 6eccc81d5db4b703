"""Poisson input of a stretch of steps, without the network: the engine's draws, summed."""

import numpy as np

from cusnn.backends.numpy_ref.network import add_poisson


def network_draw(stimuli, thresholds, totals, seed, first_step, steps):
    totals[:] = 0
    neurons, channels = np.arange(totals.size), stimuli[:, 6].max(initial=0) + 1
    for step in range(first_step, first_step + steps):
        arriving = np.zeros((channels, totals.size), np.int32)
        for stimulus in stimuli:
            add_poisson(arriving, neurons, stimulus, thresholds, seed, step)
        totals += arriving.sum(axis=0)
