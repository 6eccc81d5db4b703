"""Neurons on the cores of a mesh, and the hops of their spikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cusnn.energy.bounds import whole
from cusnn.simulation import Simulation


@dataclass(frozen=True, eq=False)
class Placement:
    """Which core of a mesh each neuron sits on.

    A spike goes once to every core that holds a target, first along its row, then along its
    column: from (x, y) to (u, v) it takes |u - x| hops east or west and |v - y| north or south. Its
    own core is no hop away. Cores that share a part of the way do not share its hops.

    Args:
        cores: x and y of the core of each neuron of the network, int [N, 2].

    Raises:
        TypeError: no integers.
        ValueError: another shape, or a negative place.
    """

    cores: np.ndarray

    def __post_init__(self):
        cores = np.array(self.cores)
        if cores.dtype.kind not in "iu":
            raise TypeError(f"Placement: cores must be integers, got {cores.dtype}")
        if cores.ndim != 2 or cores.shape[1] != 2:
            raise ValueError(f"Placement: cores must be [N, 2], got {list(cores.shape)}")
        cores = cores.astype(np.int64)
        if cores.size and cores.min() < 0:
            raise ValueError(f"Placement: places must not be negative, got {cores.min()}")
        cores.setflags(write=False)
        object.__setattr__(self, "cores", cores)

    @classmethod
    def packed(cls, neurons: int, per_core: int, width: int) -> Placement:
        """Neurons in their order, ``per_core`` to a core, cores row by row, ``width`` to a row.

        Raises:
            TypeError, ValueError: numbers that are no integers of 1 or more.
        """
        neurons = whole("Placement", "neurons", neurons, 1)
        core = np.arange(neurons) // whole("Placement", "per_core", per_core, 1)
        width = whole("Placement", "width", width, 1)
        return cls(np.stack([core % width, core // width], axis=1))

    def hops(self, simulation: Simulation) -> np.ndarray:
        """Hops that one spike of each neuron takes: east or west, north or south, int64 [N, 2].

        Every synapse is looked at once.

        Raises:
            ValueError: places for another number of neurons.
        """
        size = simulation.network.size
        if len(self.cores) != size:
            raise ValueError(
                f"Placement: has places for {len(self.cores)} neurons, the network has {size}"
            )
        places, core = np.unique(self.cores, axis=0, return_inverse=True)
        core, found = core.ravel(), np.zeros((size, 2), np.int64)
        for first, last, synapses in simulation.fan_out.blocks():
            pairs = np.unique(synapses.rows * len(places) + core[synapses.targets])
            sources, targets = pairs // len(places) + first, places[pairs % len(places)]
            away = np.abs(targets - self.cores[sources])
            for axis in range(2):
                # Integers below 2^53, so the sums are exact.
                hops = np.bincount(sources - first, away[:, axis], last - first)
                found[first:last, axis] = hops
        return found
