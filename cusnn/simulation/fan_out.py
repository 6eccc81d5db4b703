"""Where the synapses of a built network lead, read back from what was built."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np

from cusnn.network import Network
from cusnn.simulation.result import Result

# Synapses read at a time.
BLOCK = 2**22


class FanOut:
    """Synapses by source and target, and what of them a run delivered.

    Args:
        network: the description.
        layout: of ``cusnn.simulation.layouts``; it is read, and not changed.
        longest: longest delay, steps.

    ``degrees`` looks at every synapse once, when first asked for.
    """

    def __init__(self, network: Network, layout, longest: int):
        self._network, self._layout, self._longest = network, layout, longest
        sizes = [population.size for population in network.populations]
        self._population = np.repeat(np.arange(len(sizes)), sizes)

    def blocks(self) -> Iterator:
        """Every synapse once: (first, last, ``Synapses`` of the sources first to last - 1)."""
        lengths = self._layout.row_lengths()
        most = max(BLOCK // max(lengths.shape[0] * self._longest, 1), 1)
        ends = np.cumsum(lengths.sum(axis=0))
        first, size = 0, self._network.size
        while first < size:
            done = ends[first - 1] if first else 0
            last = int(np.searchsorted(ends, done + BLOCK, side="right"))
            last = min(max(last, first + 1), first + most, size)
            yield first, last, self._layout.synapses(np.arange(first, last))
            first = last

    @functools.cached_property
    def degrees(self) -> np.ndarray:
        """Synapses of each neuron onto each population, int64 [N, P]."""
        number = len(self._network.populations)
        found = np.zeros((self._network.size, number), np.int64)
        for first, last, synapses in self.blocks():
            keys = synapses.rows * number + self._population[synapses.targets]
            counts = np.bincount(keys, minlength=(last - first) * number)
            found[first:last] = counts.reshape(-1, number)
        found.setflags(write=False)
        return found

    def synapses(self) -> np.ndarray:
        """Number of synapses by source and target population, int64 [P, P]."""
        return self._by_source(self.degrees)

    def events(self, result: Result, whole: Callable[[], Result]) -> np.ndarray:
        """Synaptic events that arrived in a stretch, by source and target population, int64 [P, P].

        With c the spikes that a neuron fired in the stretch,

            events = sum over neurons of c degrees + in flight at the start - in flight at the end

        Args:
            result: of the stretch.
            whole: gives everything that is recorded; called where spikes in flight are needed
                that are neither those of now nor of time zero.

        Raises:
            ValueError: a stretch whose spikes in flight are not known.
        """
        launched = self._by_source(result.counts()[:, None] * self.degrees)
        first, last = result.first_step, result.first_step + result.n_steps
        return launched + self._in_flight(first, whole) - self._in_flight(last, whole)

    def _in_flight(self, step: int, whole) -> np.ndarray:
        """Synaptic events that are still to arrive at the beginning of a step, int64 [P, P]."""
        number = len(self._network.populations)
        steps, neurons = self._spikes_before(step, whole)
        found = np.zeros((number, number), np.int64)
        most = max(BLOCK // max(int(self._layout.row_lengths().sum(axis=0).max(initial=0)), 1), 1)
        for begin in range(0, neurons.size, most):
            sources = neurons[begin : begin + most].astype(np.int64)
            synapses = self._layout.synapses(sources)
            late = steps[begin : begin + most][synapses.rows] + synapses.delays >= step
            ends = [
                self._population[which]
                for which in (sources[synapses.rows[late]], synapses.targets[late])
            ]
            counts = np.bincount(ends[0] * number + ends[1], minlength=number**2)
            found += counts.reshape(number, number)
        return found

    def _spikes_before(self, step: int, whole) -> tuple[np.ndarray, np.ndarray]:
        """Spikes of as many steps before one as the longest delay has, int64 and int32 [n]."""
        if step == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.int32)
        moment = self._layout.moment()
        if step == moment.step:
            return moment.steps, moment.neurons
        record, needed = whole(), step - self._longest
        known = record.first_step == 0 or needed >= record.first_step
        if record.recorded is not None or not known or step > moment.step:
            raise ValueError(
                f"events_by_population: the spikes before step {step} are not known; record those "
                f"of all populations, and count a run before the next, or from time zero on"
            )
        begin, end = np.searchsorted(record.steps, (needed, step))
        return record.steps[begin:end], record.neurons[begin:end]

    def _by_source(self, values: np.ndarray) -> np.ndarray:
        """Sums over the neurons of each population, int64 [P, P] of [N, P]."""
        return np.add.reduceat(values, self._network.starts[:-1], axis=0)
