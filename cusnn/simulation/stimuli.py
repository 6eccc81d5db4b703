"""Stimuli as the engine has them: tables of Poisson counts, and the spikes of a stretch."""

from __future__ import annotations

import itertools

import numpy as np

from cusnn import contract
from cusnn.network import Network, SpikeTimes
from cusnn.ops.network import chosen_backend
from cusnn.ops.network_draw import network_draw
from cusnn.simulation.draws import poisson_thresholds

# Random streams: kind << 24 | position in the description.
POISSON = 3
LARGEST_POISSON_MEAN = 1000.0
# Neurons times steps of a call; Ctrl-C waits for it.
DRAWS_PER_CALL = 2**26


def rates(network: Network, stimulus) -> list[tuple[int, float]]:
    """Step from which each rate (Hz) of a Poisson input holds; the first is 0."""
    pieces = getattr(stimulus, "pieces", None)
    return [(0, stimulus.rate)] if pieces is None else pieces(network.dt)


def poisson_table(network: Network, stimulus, step: int) -> np.ndarray:
    """Thresholds of the counts of a Poisson input in a step, uint32.

    Raises:
        ValueError: more than 1,000 spikes per neuron and step.
    """
    rate = [rate for first, rate in rates(network, stimulus) if first <= step][-1]
    mean = rate * stimulus.sources * network.dt / 1000.0
    if mean > LARGEST_POISSON_MEAN:
        raise ValueError(
            f"PoissonInput into {stimulus.population!r}: {mean:g} spikes per neuron and step, at "
            f"most {LARGEST_POISSON_MEAN:g} are possible; use the neuron's i_offset"
        )
    return poisson_thresholds(mean)


def stimulus_spikes(
    network: Network, first_step: int, n_steps: int, *, backend: str | None = None
) -> np.ndarray:
    """Spikes of all stimuli that reach each neuron in a stretch of steps.

    Random words are counted by step and neuron, so the spikes that a run got can be drawn again
    without it. That is done on the CPU, for runs on a GPU too: the integers are the same.

    Args:
        network: the description.
        first_step, n_steps: the stretch.
        backend: as for ``Simulation``; the counts do not depend on it.

    Returns:
        Counts, int64 [N].

    Raises:
        ValueError: an unknown backend, or more than 1,000 spikes per neuron and step.
    """
    on_device = backend in contract.OPS["network_advance_rings"].backends
    backend = chosen_backend(None if on_device else backend)
    end, found = first_step + n_steps, np.zeros(network.size, np.int64)
    for position, stimulus in enumerate(network.stimuli):
        if isinstance(stimulus, SpikeTimes):
            steps = stimulus.steps(network.dt)
            inside = (steps >= first_step) & (steps < end)
            start = network.slices[stimulus.population].start
            np.add.at(found, start + stimulus.neurons[inside], 1)
        elif hasattr(stimulus, "rate"):
            for first, last in _pieces(network, stimulus, first_step, end):
                found += _drawn(network, position, first, last, backend)
    return found


def _pieces(network: Network, stimulus, first: int, end: int) -> list[tuple[int, int]]:
    """The stretch, cut where the rate changes."""
    changes = [step for step, _ in rates(network, stimulus) if first < step < end]
    edges = [first, *changes, end]
    return [(one, other) for one, other in itertools.pairwise(edges) if one < other]


def _drawn(network: Network, position: int, first: int, end: int, backend: str) -> np.ndarray:
    """Spikes of one Poisson input in steps of one rate, int64 [N]."""
    stimulus = network.stimuli[position]
    part, table = network.slices[stimulus.population], poisson_table(network, stimulus, first)
    size = part.stop - part.start
    row = (part.start, size, POISSON << 24 | position, 1, 0, table.size, 0)
    found, most = np.zeros(network.size, np.int64), max(1, DRAWS_PER_CALL // max(1, size))
    for step in range(first, end if table.size else first, most):
        found += network_draw(
            np.array([row], np.int64),
            table,
            n_neurons=network.size,
            seed=network.seed,
            first_step=step,
            steps=min(most, end - step),
            backend=backend,
        )
    return found
