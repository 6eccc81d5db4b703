"""Energy as other tools compute it: KerasSpiking, syops-counter and SpikingJelly.

Each gives one number from operations alone or nearly so, and they are here so that published
figures can be reproduced and compared, with what each leaves out. On the same workload such
formulas differ by orders of magnitude; numbers of different tools are not comparable.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cusnn.energy.bounds import bounded, rates, whole
from cusnn.energy.profiles import one_of
from cusnn.energy.shapes import Convolution, Dense
from cusnn.energy.units import PICO


@dataclass(frozen=True)
class PeerEnergy:
    """Energy of one inference by another tool's formula.

    Args:
        tool: whose formula.
        parts: joules by term.
        caveats: what the formula leaves out or assumes.
    """

    tool: str
    parts: dict[str, float]
    caveats: tuple[str, ...] = field(repr=False)

    @property
    def total_j(self) -> float:
        """The sum of its parts, in joules."""
        return sum(self.parts.values())


@dataclass(frozen=True)
class KerasSpikingDevice:
    """A device as KerasSpiking describes it.

    Args:
        spiking: whether only spikes cost; else every synapse is computed once per inference.
        synaptic_op, neuron_update: joules.
        source: of the figures.
    """

    spiking: bool
    synaptic_op: float
    neuron_update: float
    source: str = ""

    def __post_init__(self):
        for name in ("synaptic_op", "neuron_update"):
            bounded("KerasSpikingDevice", name, getattr(self, name))


_DEGNAN = "Degnan, Marr and Hasler, TVLSI 24(1):58-66 (2015)"
_HOEPPNER = "Hoeppner et al., TCAS-I 66(8):2973-2986 (2019), arXiv:1903.08941"
KERAS_SPIKING_DEVICES = {
    "cpu": KerasSpikingDevice(False, 8.6e-9, 8.6e-9, f"i7-4960X; {_DEGNAN}"),
    "gpu": KerasSpikingDevice(False, 0.3e-9, 0.3e-9, f"GTX Titan Black; {_DEGNAN}"),
    "arm": KerasSpikingDevice(False, 0.9e-9, 0.9e-9, f"ARM Cortex-A; {_DEGNAN}"),
    "loihi": KerasSpikingDevice(
        True, (23.6 + 3.5) * 1e-12, 81e-12, "Davies et al., IEEE Micro 38(1):82-99 (2018)"
    ),
    "spinnaker": KerasSpikingDevice(True, 13.3e-9, 26e-9, _HOEPPNER),
    "spinnaker2": KerasSpikingDevice(True, 450e-12, 2.19e-9, f"28 nm test chip; {_HOEPPNER}"),
}
KERAS_SPIKING_CAVEATS = (
    "no static power, no movement of data onto, inside or off the device",
    "the whole network is taken to run as spikes on a spiking device",
    "a conventional device computes every synapse once, whatever its input",
    "loihi adds 3.5 to the published 23.6 pJ per synaptic operation; 3.5 is not among Davies' "
    "energies, and is that table's time in ns",
    "cpu, gpu and arm are figures of 2015",
)


def keras_spiking(
    connections: int,
    neurons: int,
    device: str | KerasSpikingDevice,
    *,
    rate_hz=None,
    steps: int = 1,
    dt_ms: float = 1.0,
) -> PeerEnergy:
    """Energy of an inference of a layer as KerasSpiking's ``ModelEnergy`` has it.

        synapses = e_synaptic_op connections rate dt steps
        neurons  = e_neuron_update neurons steps

    with rate = 1 / dt and steps = 1 on a device that does not spike.

    Args:
        connections: synapses of the layer.
        neurons: neurons of the layer; 0 for a layer without activation.
        device: a name of ``KERAS_SPIKING_DEVICES``, or one of your own.
        rate_hz: mean rate of the layer's inputs, spikes per second; needed on a spiking device.
        steps: time steps of an inference.
        dt_ms: length of a step.

    Returns:
        The energy.

    Raises:
        TypeError: no numbers.
        ValueError: an unknown device, no rate for a spiking device, more than one spike per step,
            or values that are negative or not finite.

    Source: keras-spiking (b28875a), keras_spiking/model_energy.py.
    """
    owner = "keras_spiking"
    if not isinstance(device, KerasSpikingDevice):
        one_of(owner, "device", device, KERAS_SPIKING_DEVICES)
        device = KERAS_SPIKING_DEVICES[device]
    connections = whole(owner, "connections", connections)
    neurons = whole(owner, "neurons", neurons)
    steps = whole(owner, "steps", steps, least=1)
    spikes_per_step = 1.0
    if not device.spiking:
        steps = 1
    elif rate_hz is None:
        raise ValueError(f"{owner}: a spiking device needs rate_hz, the mean rate of the inputs")
    else:
        dt_s = bounded(owner, "dt_ms", dt_ms) / 1000
        spikes_per_step = rates(owner, bounded(owner, "rate_hz", rate_hz) * dt_s)
    parts = {
        "synapses": device.synaptic_op * connections * spikes_per_step * steps,
        "neurons": device.neuron_update * neurons * steps,
    }
    return PeerEnergy("KerasSpiking", parts, KERAS_SPIKING_CAVEATS)


SYOPS_AC, SYOPS_MAC = 0.9, 4.6
SYOPS_CAVEATS = (
    "arithmetic alone: no memory, no routing, no static power",
    "45 nm, 32-bit floating point, whatever the network's precision",
    "accumulates are dense operations times the mean firing rate, not a count of events",
    "biases count with the rate of the input, membranes of IF as one accumulate per input",
)


def syops(acs, macs) -> PeerEnergy:
    """Energy as syops-counter has it: 0.9 pJ per accumulate, 4.6 pJ per multiply-accumulate.

    Args:
        acs, macs: operations of one inference.

    Returns:
        The energy.

    Raises:
        TypeError, ValueError: no numbers, negative or not finite.

    Source: syops-counter (4232f77), README; Chen et al., arXiv:2301.11929 (2023).
    """
    return PeerEnergy(
        "syops-counter", _priced("syops", acs, macs, SYOPS_AC, SYOPS_MAC), SYOPS_CAVEATS
    )


def syops_layer(layer, *, rate=None, steps: int = 1) -> tuple[float, float]:
    """Accumulates and multiply-accumulates of a layer as syops-counter counts them.

        total = outputs fan_in + outputs (where there are biases), per step
        ACs = total rate steps where inputs are spikes, else MACs = total steps

    Args:
        layer: ``shapes.Dense`` or ``shapes.Convolution``.
        rate: mean of the inputs where they are spikes; None where they are other values.
        steps: time steps of an inference.

    Returns:
        (ACs, MACs).

    Raises:
        TypeError: another layer, or no numbers.
        ValueError: a rate outside [0, 1], or fewer than one step.

    Source: syops-counter, syops/ops.py.
    """
    owner = "syops_layer"
    if not isinstance(layer, (Dense, Convolution)):
        raise TypeError(f"{owner}: layer must be shapes.Dense or shapes.Convolution, got {layer!r}")
    steps = whole(owner, "steps", steps, least=1)
    total = steps * layer.outputs * (layer.fan_in + (1 if layer.bias else 0))
    return (0, total) if rate is None else (total * rates(owner, rate), 0)


# By precision: pJ per accumulate and per multiply-accumulate.
SPIKINGJELLY_PRICES = {"float32": (0.9, 4.6), "float16": (0.4, 1.5), "int8": (0.03, 0.23)}
SPIKINGJELLY_MEMORY = 24.96
SPIKINGJELLY_CAVEATS = (
    "no routing, no static power; memory only where bytes are given",
    "45 nm prices of one precision, chosen by the caller, not by the network",
    "one price per byte, whatever the memory's size: 3.12 pJ per bit",
)


def spikingjelly(acs, macs, *, precision: str = "float32", memory_bytes=0) -> PeerEnergy:
    """Energy as SpikingJelly's simple estimator has it, of arithmetic and of bytes moved.

        ACs e_ac + MACs e_mac + bytes 24.96 pJ

    Args:
        acs, macs: operations of one inference.
        precision: "float32", "float16" or "int8".
        memory_bytes: of weights and biases read and of states read and written; 0 for arithmetic
            alone, as its estimator before version 2 had it.

    Returns:
        The energy.

    Raises:
        TypeError: no numbers.
        ValueError: an unknown precision, or values that are negative or not finite.

    Source: SpikingJelly 2.0, op_counter: simple_energy.py; before, compute_energy.py.
    """
    one_of("spikingjelly", "precision", precision, SPIKINGJELLY_PRICES)
    parts = _priced("spikingjelly", acs, macs, *SPIKINGJELLY_PRICES[precision])
    moved = bounded("spikingjelly", "memory_bytes", memory_bytes)
    parts["memory"] = moved * SPIKINGJELLY_MEMORY * PICO
    return PeerEnergy("SpikingJelly", parts, SPIKINGJELLY_CAVEATS)


def _priced(owner: str, acs, macs, ac: float, mac: float) -> dict[str, float]:
    return {
        "accumulates": bounded(owner, "acs", acs) * ac * PICO,
        "multiply-accumulates": bounded(owner, "macs", macs) * mac * PICO,
    }
