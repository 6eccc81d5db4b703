"""What an estimate has to assume, and how it is checked."""

from __future__ import annotations

from dataclasses import dataclass, fields

from cusnn.energy.bounds import number, whole
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
        bytes_per_weight: on a GPU, of those that ``dense`` reads and of those that are read once.
        dense: on a GPU every weight meets every input, as in a conventional network.
        charge_input_spikes: of a run of a network, each spike of a stimulus costs a synaptic
            operation on devices that have a price for those. No synapse of the network carries it,
            so it is in none of the counts that are charged otherwise. GPUs are not charged.

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
    bytes_per_weight: float = 4.0
    dense: bool = False
    charge_input_spikes: bool = False

    def __post_init__(self):
        for name in ("hops_per_spike", "seconds", "idle_power_w"):
            if getattr(self, name) is not None:
                number("estimate", name, getattr(self, name))
        if self.seconds == 0:
            raise ValueError("estimate: seconds must be above 0, got 0; None for the model time")
        for name in ("flops_per_neuron_update", "bytes_per_weight"):
            number("estimate", name, getattr(self, name))
        if not 0 < number("estimate", "utilisation", self.utilisation) <= 1:
            raise ValueError(f"estimate: utilisation must be in (0, 1], got {self.utilisation}")
        if self.chips is not None:
            object.__setattr__(self, "chips", whole("estimate", "chips", self.chips, least=1))
        for name in ("dense", "charge_input_spikes"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise TypeError(f"estimate: {name} must be True or False, got {value!r}")


def assumptions(options: dict) -> Assumptions:
    """Assumptions from options by name.

    Raises:
        TypeError, ValueError: an unknown name; what ``Assumptions`` refuses.
    """
    known = [each.name for each in fields(Assumptions)]
    for name in options:
        if name not in known:
            raise TypeError(f"estimate: no option {name!r}, there are {', '.join(known)}")
    return Assumptions(**options)


def driven(workload: Workload) -> bool:
    """Whether spikes come in that no synaptic operation stands for: those of stimuli.

    Spikes that encode the data of an inference meet weights, which are operations.
    """
    return not workload.inferences and workload.counts.input_spikes != 0


def check_input_spikes(workload: Workload, assumed: Assumptions) -> None:
    """Refuse to charge the input of inferences twice.

    Raises:
        ValueError: ``charge_input_spikes`` of a workload of inferences.
    """
    if assumed.charge_input_spikes and workload.inferences:
        raise ValueError(
            f"estimate: the spikes that come into {workload.name!r} meet weights and are among "
            f"its synaptic operations; leave charge_input_spikes out"
        )


def model_seconds(workload: Workload) -> float | None:
    """Model time of a workload in s; None where its steps have no length."""
    return None if workload.model_time_ms is None else workload.model_time_ms / 1000.0
