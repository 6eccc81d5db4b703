"""Which count of a workload a price charges, and in which unit the price must be."""

from __future__ import annotations

from dataclasses import dataclass

from cusnn.energy.counts import Workload


@dataclass(frozen=True)
class Charge:
    """Something that can be charged for.

    Attributes:
        counts: of ``OpCounts``, whose sum it is; empty where it is time or inferences.
        unit: of the count; prices are energy, or power, per that.
        pays_for: counts that need no further price once this is charged.
        text: what is counted.
    """

    counts: tuple[str, ...]
    unit: str
    pays_for: tuple[str, ...]
    text: str


OPERATIONS = ("effective_acs", "effective_macs")
UPDATES = ("neuron_updates_active", "neuron_updates_idle")
# What a total must pay for. Spikes are part of an update, bytes part of an operation, where a
# device has no price of their own for them.
NEEDED = (*OPERATIONS, *UPDATES, "plasticity_updates", "hops")
# What the arrival of a spike is charged as.
ARRIVALS = ("synaptic_ops", "effective_acs")
# Hops count by direction where that is known, else as hops of no direction.
DIRECTED = ("hops_east_west", "hops_north_south", "hops_undirected")
# An all-in price is per synaptic operation of inference; learning is on top of it.
ALL_IN = (*OPERATIONS, *UPDATES, "hops")


def _of(*counts: str, unit: str = "op", text: str = "") -> Charge:
    return Charge(counts, unit, counts, text or " and ".join(counts).replace("_", " "))


def _directed(name: str) -> Charge:
    """Of a device whose hops cost more one way than the other."""
    return Charge(("hops",), "hop", ("hops",), name.replace("_", " "))


CHARGES = {
    "synaptic_ops": _of(*OPERATIONS, text="synaptic operations"),
    "effective_acs": _of("effective_acs", text="accumulates"),
    "effective_macs": _of("effective_macs", text="multiply-accumulates"),
    "dense": Charge(("dense",), "op", OPERATIONS, "dense synaptic operations"),
    "neuron_updates": _of(*UPDATES, text="neuron updates"),
    "neuron_updates_active": _of("neuron_updates_active", text="updates of neurons that fired"),
    "neuron_updates_idle": _of("neuron_updates_idle", text="updates of the other neurons"),
    "spikes": _of("spikes", text="spikes"),
    "hops": _of("hops", unit="hop", text="hops between routers"),
    "hops_east_west": _directed("hops_east_west"),
    "hops_north_south": _directed("hops_north_south"),
    "hops_undirected": _directed("hops_undirected"),
    "plasticity_updates": _of("plasticity_updates", text="changes of weights"),
    "weight_bytes": _of("weight_bytes", unit="B", text="bytes of weights"),
    "state_bytes": _of("state_bytes", unit="B", text="bytes of state"),
    "inferences": Charge((), "inference", NEEDED, "inferences"),
    "chip_seconds": Charge((), "chip*s", (), "seconds of a chip"),
    "neuron_seconds": Charge((), "neuron*s", NEEDED, "seconds of a neuron"),
}


def amount(workload: Workload, charge: str) -> int | None:
    """How much of it a workload has; None where a part was not counted.

    Synaptic operations without a byte of weights say that bytes were not counted.

    Raises:
        KeyError: a charge that is time or inferences.
    """
    values = [getattr(workload.counts, name) for name in CHARGES[charge].counts]
    if not values:
        raise KeyError(f"charge {charge!r} is no sum of counts")
    if charge in DIRECTED:
        return _hops(workload, charge)
    if charge == "weight_bytes" and values == [0] and workload.counts.synaptic_ops != 0:
        return None
    return None if None in values else sum(values)


def _hops(workload: Workload, charge: str) -> int | None:
    counts = workload.counts
    known = None not in (counts.hops_east_west, counts.hops_north_south)
    if charge == "hops_undirected":
        return 0 if known else counts.hops
    return getattr(counts, charge) if known else 0
