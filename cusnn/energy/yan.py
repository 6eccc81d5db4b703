"""The model of Yan et al. (2024 to 2026): a rate-coded network and its quantised twin.

A rate code of T steps has T + 1 values, and a conventional network with activations of
b = ceil(log2(T + 1)) bits represents as much. W synapses, N hidden neurons, M neurons with state,
S neurons in all with the inputs; spike rate s per neuron and step; weights of b_w bits.

    E_spiking   = T s W (E_acc + b_w e_w) + T N E_cmp + T s N E_sub + 2 T M b_s e_state
                  + T s C_sparse h_sparse e_sparse
    E_quantised = W (E_mac(b) + b_w e_w) + 2 M E_cmp + C_dense b h_dense e_dense
    E_mac(b)    = 3.7 (b/32)^2 + 0.9 (b/32)                                                    pJ

C is what is sent: with copies="neuron" an activation or spike once, C_sparse = S - outputs and
C_dense = S; with copies="synapse" once for each of its synapses, C = W. E_spiking is affine in s,
so that the rate at which both cost the same is

    s* = (E_quantised - E_spiking(0)) / (E_spiking(1) - E_spiking(0))

Source: Yan, Bai, Tang and Wong, arXiv:2409.08290: versions 1 (2024), 2 and 3 (2025), 4 (2026).
Constants and formulas as an open script restates them, not read in the paper: it charges no
routing of spikes (h_sparse = 0), fetches weights from DRAM, gives the spiking network 8-bit
weights and its twin b-bit ones. That last assumption, not spiking itself, makes the crossover of
about 6 %: with equal weights it is 1/T. Hence they are parameters here, and ``sensitivity`` shows
what they do. The MAC with weights and activations of different widths is ours:
3.7 (b_w b / 32^2) + 0.9 (max(b_w, b) / 32). Where movement outweighs all else and each synapse has
its own message over as many hops on both sides, s* tends to b e_dense / (T e_sparse): 5.0 % at T 5.
Version 4 finds 3.4 to 10.8 % at T 5, as others quote it, where one price varies by half.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np

from cusnn.energy.bounds import bounded, rates, step_counts, whole
from cusnn.energy.profiles import one_of
from cusnn.energy.units import PICO

COPIES = ("neuron", "synapse")


@dataclass(frozen=True)
class Costs:
    """Energies of the model, in pJ.

    Args:
        accumulate, compare, subtract: of one operation (22 nm).
        add, multiply: of 32-bit floating point (45 nm), from which those of b bits are scaled.
        weight_bit: reading a bit of a weight; 20 is DRAM, 1300 pJ per 64 bits, rounded.
        state_bit: reading or writing a bit of a membrane potential.
        dense_bit_hop, sparse_bit_hop: moving a bit of an activation, or a spike, by one hop.

    Raises:
        TypeError, ValueError: no numbers, negative or not finite.
    """

    accumulate: float = 0.05448
    compare: float = 0.05448
    subtract: float = 0.05448
    add: float = 0.9
    multiply: float = 3.7
    weight_bit: float = 20.0
    state_bit: float = 0.25
    dense_bit_hop: float = 0.25
    sparse_bit_hop: float = 3.0

    def __post_init__(self):
        for each in dataclasses.fields(self):
            bounded("Costs", each.name, getattr(self, each.name))


@dataclass(frozen=True)
class Twins:
    """A fully-connected spiking network and its quantised twin.

    Args:
        sizes: neurons by layer, inputs first; the last layer has a membrane and does not fire.
        snn_weight_bits, qnn_weight_bits: of a weight; None for the b bits of the activations.
        state_bits: of a membrane potential.
        dense_hops, sparse_hops: that an activation and a spike travel.
        copies: "neuron" or "synapse": how often each is sent.
        costs: the energies.

    Raises:
        TypeError, ValueError: fewer than two layers, sizes or bits that are no positive integers,
            hops that are negative or not finite, or other copies.
    """

    sizes: tuple[int, ...] = (256, 128, 10)
    snn_weight_bits: int | None = 8
    qnn_weight_bits: int | None = None
    state_bits: int = 8
    dense_hops: float = 1.0
    sparse_hops: float = 0.0
    copies: str = "neuron"
    costs: Costs = field(default_factory=Costs)

    def __post_init__(self):
        sizes = tuple(whole("Twins", "sizes", size, least=1) for size in self.sizes)
        if len(sizes) < 2:
            raise ValueError(f"Twins: sizes must name at least two layers, got {sizes}")
        object.__setattr__(self, "sizes", sizes)
        for name in ("snn_weight_bits", "qnn_weight_bits", "state_bits"):
            bits = getattr(self, name)
            if bits is not None or name == "state_bits":
                object.__setattr__(self, name, whole("Twins", name, bits, least=1))
        for name in ("dense_hops", "sparse_hops"):
            bounded("Twins", name, getattr(self, name))
        one_of("Twins", "copies", self.copies, COPIES)

    @property
    def synapses(self) -> int:
        """W."""
        return sum(a * b for a, b in zip(self.sizes, self.sizes[1:], strict=False))

    def spiking_j(self, rate, steps):
        """Energy of an inference of the spiking network.

        Args:
            rate: s, spikes per neuron and step, of inputs and hidden neurons alike.
            steps: T.

        Returns:
            Joules; an array where an argument is one.

        Raises:
            TypeError: no numbers, or steps that are no integers.
            ValueError: a rate outside [0, 1], or fewer than one step.
        """
        steps = step_counts("Twins.spiking_j", steps)
        at_rest, per_rate = self._affine(steps)
        return (at_rest + rates("Twins.spiking_j", rate) * per_rate) * PICO

    def quantised_j(self, steps):
        """Energy of an inference of the quantised twin.

        Args:
            steps: T of the spiking network, which sets the bits of the activations.

        Returns:
            Joules; an array where ``steps`` is one.

        Raises:
            TypeError, ValueError: steps that are no positive integers.
        """
        return self._quantised(step_counts("Twins.quantised_j", steps)) * PICO

    def crossover(self, steps):
        """The rate s* at which both need the same energy; spiking needs less below it.

        Args:
            steps: T.

        Returns:
            Spikes per neuron and step; an array where ``steps`` is one. 0 or less: spiking never
            needs less. 1 or more: it always does.

        Raises:
            TypeError, ValueError: steps that are no positive integers.
        """
        steps = step_counts("Twins.crossover", steps)
        at_rest, per_rate = self._affine(steps)
        return (self._quantised(steps) - at_rest) / per_rate

    def _affine(self, steps):
        """E_spiking in pJ, as its value at rate 0 and its slope."""
        costs, hidden, stateful = self.costs, sum(self.sizes[1:-1]), sum(self.sizes[1:])
        weight_bits = activation_bits(steps)
        if self.snn_weight_bits is not None:
            weight_bits = self.snn_weight_bits
        sent = self.synapses if self.copies == "synapse" else sum(self.sizes[:-1])
        at_rest = steps * (
            hidden * costs.compare + 2 * stateful * self.state_bits * costs.state_bit
        )
        per_rate = steps * (
            self.synapses * (costs.accumulate + weight_bits * costs.weight_bit)
            + hidden * costs.subtract
            + sent * self.sparse_hops * costs.sparse_bit_hop
        )
        return at_rest, per_rate

    def _quantised(self, steps):
        costs, bits = self.costs, activation_bits(steps)
        weight_bits = bits if self.qnn_weight_bits is None else self.qnn_weight_bits
        mac = costs.multiply * (weight_bits * bits / 32**2) + costs.add * (
            np.maximum(weight_bits, bits) / 32
        )
        sent = self.synapses if self.copies == "synapse" else sum(self.sizes)
        return (
            self.synapses * (mac + weight_bits * costs.weight_bit)
            + 2 * sum(self.sizes[1:]) * costs.compare
            + sent * bits * self.dense_hops * costs.dense_bit_hop
        )


def activation_bits(steps):
    """Bits of an activation that represent as much as a rate code: ceil(log2(T + 1)).

    Args:
        steps: T, an integer or an array of them.

    Returns:
        The bits, alike.

    Raises:
        TypeError, ValueError: steps that are no positive integers.
    """
    steps = step_counts("activation_bits", steps)
    if isinstance(steps, int):
        return steps.bit_length()
    return np.array([int(each).bit_length() for each in steps.flat]).reshape(steps.shape)


def sensitivity(twins: Twins, steps, name: str, values) -> np.ndarray:
    """The crossover rate for several values of one assumption or one energy.

    Args:
        twins: what stays the same.
        steps: T [n].
        name: a field of ``Twins`` or of ``Costs``.
        values: of that field [k].

    Returns:
        s* [k, n].

    Raises:
        TypeError, ValueError: an unknown name, or values that ``Twins`` or ``Costs`` refuse.
    """
    own = [each.name for each in dataclasses.fields(Twins) if each.name != "costs"]
    energies = [each.name for each in dataclasses.fields(Costs)]
    one_of("sensitivity", "name", name, (*own, *energies))
    steps = np.atleast_1d(step_counts("sensitivity", steps))
    found = []
    for value in values:
        if name in own:
            varied = dataclasses.replace(twins, **{name: value})
        else:
            costs = dataclasses.replace(twins.costs, **{name: value})
            varied = dataclasses.replace(twins, costs=costs)
        found.append(varied.crossover(steps))
    return np.array(found)
