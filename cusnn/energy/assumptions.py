"""What an estimate has to assume, and how it is checked."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cusnn.energy.counts import Workload


@dataclass(frozen=True)
class Assumptions:
    """What neither the workload nor the device says.

    Args:
        hops_per_spike: hops between routers of a spike, where the workload's weren't counted.
        chips: how many work; None for as many as its neurons and synapses fill.
        utilisation: share of a chip's neurons and synapses that a network can fill.
        seconds: how long the device is on for the run; None for the model time (chips run in
            real time) and, for GPUs, for as long as the roofline needs.
        idle_power_w: of a GPU, W.
        flops_per_neuron_update: arithmetic of an update on a GPU; 4 is NeuroBench's leaky neuron.
        dense: on a GPU every weight meets every input, as in a conventional network.

    Raises:
        TypeError: values of another kind.
        ValueError: negative or infinite values, no chips, a utilisation outside (0, 1].
    """

    hops_per_spike: float | None = None
    chips: int | None = None
    utilisation: float = 1.0
    seconds: float | None = None
    idle_power_w: float | None = None
    flops_per_neuron_update: float = 4.0
    dense: bool = False

    def __post_init__(self):
        for name in ("hops_per_spike", "seconds", "idle_power_w", "flops_per_neuron_update"):
            self._check(name, getattr(self, name), optional=name != "flops_per_neuron_update")
        self._check("utilisation", self.utilisation)
        if not 0 < self.utilisation <= 1:
            raise ValueError(f"estimate: utilisation must be in (0, 1], got {self.utilisation}")
        chips = self.chips
        if chips is not None and (isinstance(chips, bool) or not isinstance(chips, int)):
            raise TypeError(f"estimate: chips must be an integer or None, got {chips!r}")
        if chips is not None and chips < 1:
            raise ValueError(f"estimate: chips must be at least 1, got {chips}")
        if not isinstance(self.dense, bool):
            raise TypeError(f"estimate: dense must be True or False, got {self.dense!r}")

    @staticmethod
    def _check(name: str, value, optional: bool = False) -> None:
        if value is None and optional:
            return
        if isinstance(value, bool) or not hasattr(value, "__float__"):
            raise TypeError(f"estimate: {name} must be a number, got {value!r}")
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"estimate: {name} must be finite and not negative, got {value}")


def model_seconds(workload: Workload) -> float | None:
    """Model time of a workload in s; None where its steps have no length."""
    return None if workload.model_time_ms is None else workload.model_time_ms / 1000.0
