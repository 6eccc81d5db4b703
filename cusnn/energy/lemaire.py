"""The energy model of Lemaire et al. (2022): operations, addressing and memory, layer by layer.

T is the number of time steps; theta_in and theta_out are the spikes of one inference, over all
steps, that enter and leave the layer.

    spiking              fully connected           convolution (Cout, Ho Wo, kernel Hk Wk, stride S)
    reads of inputs      theta_in                  theta_in
    reads of weights     theta_in Nout             theta_in Cout Hk Wk
    reads of biases      T Nout                    T Cout Ho Wo
    reads of potentials  theta_in Nout + T Nout    theta_in Cout Hk Wk + T Cout Ho Wo
    writes of potentials the same                  the same
    writes of outputs    theta_out                 theta_out
    MAC (leak)           T Nout                    T Cout Ho Wo
    ACC                  theta_in Nout             theta_in Cout ceil(Hk/S) ceil(Wk/S)
                          + T Nout + theta_out      + T Cout Ho Wo + theta_out
    addressing MAC, ACC  0, theta_in Nout          2 theta_in, theta_in Cout Hk Wk

    conventional         fully connected           convolution (Cin, Hi Wi)
    MAC, reads of weights Nin Nout                 Cin Hk Wk Cout Ho Wo
    reads of inputs      Nin                       Cin Hk Wk Cout Ho Wo
    ACC, reads of biases Nout                      Cout Ho Wo
    writes of outputs    Nout                      Cout Ho Wo
    addressing ACC       Nin Nout                  Cin Hi Wi + Cout Ho Wo + Cout Hk Wk

    energy = MAC (E_mul + E_add) + ACC E_add + sum over memories of accesses E_memory

Source: Lemaire et al., ICONIP 2022, arXiv:2210.13107; formulas and errata as recorded in
qualia-plugin-snn (15165fe), EnergyEstimationMetric.py, of the same laboratory. ``VARIANTS`` names
where its records, its code and SpikingJelly's differ.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from cusnn.energy.bounds import bounded, whole
from cusnn.energy.profiles import one_of
from cusnn.energy.shapes import Convolution, Dense
from cusnn.energy.units import PICO

# By variant: what it does differently.
VARIANTS = {
    "corrected": "the table above: the article with the two errata that Qualia records",
    "article": "Equation 2.4 as Qualia quotes it: ACC = theta_in Nin Nout + T Nout, without reset",
    "qualia": "as Qualia's code runs: addressing ACC theta_in Hk Wk, or theta_in / Nin Nout",
    "spikingjelly": "as SpikingJelly 2.0 counts: ACC of biases only where there are any, "
    "addressing ACC of a conventional fully-connected layer Nin + Nout",
}


@dataclass(frozen=True)
class Operations:
    """Energy of an integer addition and multiplication.

    Args:
        add, multiply: pJ.

    Source: Horowitz, ISSCC 2014, 45 nm, 0.9 V: 0.1 and 3.1 pJ with 32 bits, 0.03 and 0.2 pJ with 8.
    """

    add: float = 0.1
    multiply: float = 3.1

    def __post_init__(self):
        for name in ("add", "multiply"):
            bounded("Operations", name, getattr(self, name))


INT32, INT8 = Operations(0.1, 3.1), Operations(0.03, 0.2)


def linear_memory(elements: int, bits: int) -> float:
    """pJ of an access to SRAM of a size: the line that the article fits to Horowitz's SRAM.

        1.09e-5 elements bits + 13.2

    Args:
        elements: numbers that the memory holds.
        bits: of a number.

    Returns:
        pJ per access, whatever its width.
    """
    return 1.09e-5 * elements * bits + 13.2


def banked_memory(elements: int, bits: int) -> float:
    """pJ of an access to SRAM in banks of 8 KiB with a bus of 64 bits that fetches whole words.

        10 / (64 // bits)

    Args:
        elements: numbers that the memory holds; their number does not matter.
        bits: of a number, at most 64.

    Returns:
        pJ per number.

    Source: qualia-plugin-snn (15165fe), mode "new".
    """
    return 10.0 / (64 // bits)


def interpolated_memory(elements: int, bits: int) -> float:
    """pJ of an access to SRAM, linear between the sizes that Horowitz gives.

    0, 2.5, 5 and 25 pJ per byte at 0 B, 8 KiB, 32 KiB and 1 MiB, and 25 above. These are 10, 20 and
    100 pJ per access of 32 bits; Horowitz gives them for 64.

    Args:
        elements: numbers that the memory holds.
        bits: of a number.

    Returns:
        pJ per number.

    Source: SpikingJelly 2.0, op_counter, Lemaire's estimator.
    """
    sizes, prices = (0.0, 8192.0, 32768.0, 1048576.0), (0.0, 2.5, 5.0, 25.0)
    return float(np.interp(elements * bits / 8, sizes, prices)) * bits / 8


MEMORIES = {
    "linear": linear_memory,
    "banked": banked_memory,
    "interpolated": interpolated_memory,
}


@dataclass(frozen=True)
class LayerCounts:
    """Operations and accesses of one inference of a layer; means where the spikes are means."""

    spiking: bool
    macs: float
    accs: float
    address_macs: float
    address_accs: float
    input_reads: float
    weight_reads: float
    bias_reads: float
    potential_reads: float
    potential_writes: float
    output_writes: float


@dataclass(frozen=True)
class LayerEnergy:
    """Energy of one inference of a layer, in joules, by what it is spent on."""

    potential_j: float
    weight_j: float
    bias_j: float
    input_output_j: float
    operation_j: float
    address_j: float

    @property
    def memory_j(self) -> float:
        """Reads and writes of all memories."""
        return self.potential_j + self.weight_j + self.bias_j + self.input_output_j

    @property
    def total_j(self) -> float:
        """Everything."""
        return self.memory_j + self.operation_j + self.address_j

    def __add__(self, other: LayerEnergy) -> LayerEnergy:
        if not isinstance(other, LayerEnergy):
            return NotImplemented
        names = (field.name for field in fields(self))
        return LayerEnergy(*(getattr(self, name) + getattr(other, name) for name in names))


def spiking_counts(
    layer,
    input_spikes,
    output_spikes,
    steps: int,
    *,
    leak: bool = True,
    variant: str = "corrected",
) -> LayerCounts:
    """Operations and accesses of a spiking layer, by the table above.

    The T Nout (T Cout Ho Wo) accumulates are counted with or without biases, as Qualia does; the
    reads of biases only where there are any.

    Args:
        layer: ``shapes.Dense`` or ``shapes.Convolution``.
        input_spikes, output_spikes: theta_in and theta_out, over all steps of one inference; may be
            means.
        steps: T.
        leak: whether the membrane leaks (LIF) or not (IF).
        variant: a name of ``VARIANTS``.

    Returns:
        The counts.

    Raises:
        TypeError: another layer, or no numbers.
        ValueError: negative or infinite spikes, more than one per neuron and step, fewer than one
            step, or an unknown variant.
    """
    owner = "spiking_counts"
    _check_layer(owner, layer)
    steps = whole(owner, "steps", steps, least=1)
    one_of(owner, "variant", variant, VARIANTS)
    theta_in = _spikes(owner, "input_spikes", input_spikes, steps, layer.inputs)
    theta_out = _spikes(owner, "output_spikes", output_spikes, steps, layer.outputs)
    convolution, updates = isinstance(layer, Convolution), steps * layer.outputs
    met = theta_in * layer.kernel_weights
    accs = theta_in * layer.targets + updates + theta_out
    address_accs = met
    if variant == "article" and not convolution:
        accs = theta_in * layer.inputs * layer.outputs + updates
    elif variant == "qualia":
        kernel = layer.kernel_weights // layer.out_channels if convolution else None
        address_accs = theta_in * kernel if convolution else theta_in / layer.inputs * layer.outputs
    elif variant == "spikingjelly" and not layer.bias:
        accs -= updates
    return LayerCounts(
        spiking=True,
        macs=updates if leak else 0,
        accs=accs,
        address_macs=2 * theta_in if convolution else 0,
        address_accs=address_accs,
        input_reads=theta_in,
        weight_reads=met,
        bias_reads=updates if layer.bias else 0,
        potential_reads=met + updates,
        potential_writes=met + updates,
        output_writes=theta_out,
    )


def conventional_counts(layer, *, variant: str = "corrected") -> LayerCounts:
    """Operations and accesses of the same layer in a conventional network, by the table above.

    Args:
        layer: ``shapes.Dense`` or ``shapes.Convolution``.
        variant: a name of ``VARIANTS``.

    Returns:
        The counts.

    Raises:
        TypeError: another layer.
        ValueError: an unknown variant.
    """
    owner = "conventional_counts"
    _check_layer(owner, layer)
    one_of(owner, "variant", variant, VARIANTS)
    macs = layer.outputs * layer.fan_in
    if isinstance(layer, Convolution):
        input_reads = macs
        address_accs = layer.inputs + layer.outputs + layer.kernel_weights
    else:
        input_reads = layer.inputs
        address_accs = layer.inputs * layer.outputs
        if variant == "spikingjelly":
            address_accs = layer.inputs + layer.outputs
    return LayerCounts(
        spiking=False,
        macs=macs,
        accs=0 if variant == "spikingjelly" and not layer.bias else layer.outputs,
        address_macs=0,
        address_accs=address_accs,
        input_reads=input_reads,
        weight_reads=macs,
        bias_reads=layer.outputs if layer.bias else 0,
        potential_reads=0,
        potential_writes=0,
        output_writes=layer.outputs,
    )


def energy(
    layer,
    counts: LayerCounts,
    *,
    bits: int = 32,
    fifo: int | None = None,
    operations: Operations = INT32,
    memory: str = "linear",
) -> LayerEnergy:
    """Energy of what ``spiking_counts`` or ``conventional_counts`` counted.

    Weights, biases and potentials lie in memories of their own, each as large as it must be.
    Inputs and outputs lie in memories of the layer's size, and spikes in a queue.

    Args:
        layer: the layer that was counted.
        counts: its counts.
        bits: of every number that is stored.
        fifo: spikes that the queues at both ends hold; needed for a spiking layer.
        operations: energy of additions and multiplications; ``INT32`` as the article has it.
        memory: a name of ``MEMORIES``; "linear" is the article's.

    Returns:
        The energy, in joules.

    Raises:
        TypeError: another layer, or sizes that are no integers.
        ValueError: an unknown memory, bits outside 1 to 64, or a spiking layer without ``fifo``.
    """
    owner = "lemaire.energy"
    _check_layer(owner, layer)
    bits = whole(owner, "bits", bits, least=1)
    if bits > 64:
        raise ValueError(f"{owner}: bits must be at most 64, got {bits}")
    one_of(owner, "memory", memory, MEMORIES)
    access = MEMORIES[memory]
    into, out = layer.inputs, layer.outputs
    if counts.spiking:
        if fifo is None:
            raise ValueError(f"{owner}: a spiking layer needs fifo, the size of its spike queues")
        into = out = whole(owner, "fifo", fifo, least=1)
    potentials = counts.potential_reads + counts.potential_writes
    add, mac = operations.add, operations.add + operations.multiply
    return LayerEnergy(
        potential_j=potentials * access(layer.outputs, bits) * PICO,
        weight_j=counts.weight_reads * access(layer.weights, bits) * PICO,
        bias_j=counts.bias_reads * access(layer.biases, bits) * PICO,
        input_output_j=(
            counts.input_reads * access(into, bits) + counts.output_writes * access(out, bits)
        )
        * PICO,
        operation_j=(counts.macs * mac + counts.accs * add) * PICO,
        address_j=(counts.address_macs * mac + counts.address_accs * add) * PICO,
    )


def _check_layer(owner: str, layer) -> None:
    if not isinstance(layer, (Dense, Convolution)):
        raise TypeError(f"{owner}: layer must be shapes.Dense or shapes.Convolution, got {layer!r}")


def _spikes(owner: str, name: str, value, steps: int, neurons: int):
    most = steps * neurons
    if bounded(owner, name, value) > most:
        raise ValueError(
            f"{owner}: {name}={value:,} is more than one spike per neuron and step, which allow "
            f"{most:,}"
        )
    # An integer stays exact.
    return value if isinstance(value, int) else float(value)
