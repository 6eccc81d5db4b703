"""Where spiking execution needs less energy than conventional: over rate, steps, precision, fan-in.

One neuron of a layer, for one inference. F inputs; spike rate s per neuron and step; T steps;
weights of w and potentials of v bits in the spiking network; weights of c and activations of a
bits in the conventional one, of which a share d is not 0, and each of whose weights serves R
inputs once it is read. Operations on fewer bits than the prices' are scaled, additions by their
bits and multiplications by the product of both; e is the price of a bit.

    spiking      = T [ s F (add(v) + w e_weight) + add(v) + leak mul(v, v) + 2 v e_state
                       + s (add(v) + C h e_sparse) ]
    conventional = d F (mul(c, a) + add(v) + c e_weight / R) + add(v) + 2 a e_state
                   + C a h e_dense

In order: inputs that arrive, with their weights; the update of the membrane (threshold, leak, read
and write); the reset, and the spike over h hops. C is 1 where a value is sent once, F where it is
sent to every synapse. The conventional neuron adds its bias and its output is written and read.

Both are affine in s, T, F and w where the others are fixed, so that each crossover is a quotient.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from cusnn.energy.bounds import bounded, rates, step_counts
from cusnn.energy.costs import CostModel, cost_model
from cusnn.energy.profiles import one_of
from cusnn.energy.units import PICO
from cusnn.energy.yan import COPIES, activation_bits

__all__ = [
    "CostModel",
    "Layer",
    "conventional_j",
    "cost_model",
    "crossover_fan_in",
    "crossover_rate",
    "crossover_steps",
    "crossover_weight_bits",
    "spiking_j",
]


@dataclass(frozen=True, eq=False)
class Layer:
    """One neuron's share of a layer, spiking and conventional.

    Args:
        fan_in: F, inputs of the neuron.
        steps: T.
        snn_weight_bits: w.
        conventional_weight_bits: c.
        state_bits: v, of potentials and of every sum.
        activation_bits: a; None for those of a quantised twin, ceil(log2(T + 1)).
        density: d, share of the conventional inputs that are not 0 and are computed.
        weight_reuse: R, inputs (positions, samples) that a conventional weight serves once read.
        hops: h, that a value travels; 0 where nothing is routed.
        copies: "neuron" (sent once) or "synapse" (once for each).
        leak: whether the membrane leaks.

    Numbers may be arrays that broadcast.

    Raises:
        TypeError, ValueError: no numbers, values below 1 (fan-in, steps, bits, reuse), a density
            outside [0, 1], negative hops, or other copies.
    """

    fan_in: float | np.ndarray = 256
    steps: int | np.ndarray = 5
    snn_weight_bits: float | np.ndarray = 8
    conventional_weight_bits: float | np.ndarray = 8
    state_bits: float | np.ndarray = 16
    activation_bits: float | np.ndarray | None = None
    density: float | np.ndarray = 1.0
    weight_reuse: float | np.ndarray = 1.0
    hops: float | np.ndarray = 0.0
    copies: str = "neuron"
    leak: bool = False

    def __post_init__(self):
        limits = {
            "fan_in": (1, np.inf),
            "snn_weight_bits": (1, np.inf),
            "conventional_weight_bits": (1, np.inf),
            "state_bits": (1, np.inf),
            "activation_bits": (1, np.inf),
            "density": (0, 1),
            "weight_reuse": (1, np.inf),
            "hops": (0, np.inf),
        }
        object.__setattr__(self, "steps", step_counts("Layer", self.steps))
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None or name != "activation_bits":
                object.__setattr__(self, name, bounded("Layer", name, value, low, high))
        one_of("Layer", "copies", self.copies, COPIES)

    @property
    def twin_bits(self):
        """a: the bits of an activation of the conventional network."""
        given = self.activation_bits
        return activation_bits(self.steps) if given is None else given


def spiking_j(model: CostModel, layer: Layer, rate):
    """Energy of an inference of a spiking neuron.

    Args:
        model: the prices.
        layer: what is computed.
        rate: s, spikes per neuron and step.

    Returns:
        Joules; an array where an argument is one.

    Raises:
        TypeError: no numbers.
        ValueError: a rate outside [0, 1], or hops without a price.
    """
    at_rest, per_rate = _per_step(model, layer)
    return layer.steps * (at_rest + rates("spiking_j", rate) * per_rate) * PICO


def conventional_j(model: CostModel, layer: Layer):
    """Energy of an inference of the conventional neuron.

    Args:
        model: the prices.
        layer: what is computed.

    Returns:
        Joules; an array where an argument is one.

    Raises:
        ValueError: hops without a price.
    """
    per_input, fixed = _conventional(model, layer)
    return (layer.fan_in * per_input + fixed) * PICO


def crossover_rate(model: CostModel, layer: Layer):
    """The rate at which both need the same energy; spiking needs less below it.

    Args:
        model: the prices.
        layer: what is computed.

    Returns:
        Spikes per neuron and step. 0 or less: spiking never needs less. 1 or more: it always does.

    Raises:
        ValueError: hops without a price.
    """
    at_rest, per_rate = _per_step(model, layer)
    return (conventional_j(model, layer) / PICO / layer.steps - at_rest) / per_rate


def crossover_steps(model: CostModel, layer: Layer, rate):
    """The number of steps at which both need the same energy; spiking needs less with fewer.

    Args:
        model: the prices.
        layer: what is computed; its own steps don't matter, its ``activation_bits`` are needed.
        rate: s.

    Returns:
        Steps, not rounded.

    Raises:
        ValueError: no ``activation_bits``, which would follow the steps; a rate outside [0, 1]; or
            hops without a price.
    """
    if layer.activation_bits is None:
        raise ValueError("crossover_steps: layer needs activation_bits, which steps would else set")
    at_rest, per_rate = _per_step(model, layer)
    per_step = at_rest + rates("crossover_steps", rate) * per_rate
    return conventional_j(model, layer) / PICO / per_step


def crossover_fan_in(model: CostModel, layer: Layer, rate):
    """The fan-in at which both need the same energy.

    Each input costs the spiking neuron more or less than the conventional one, and the membrane
    costs the same at any fan-in: where it is less, spiking needs less above the crossover.

    Args:
        model: the prices.
        layer: what is computed; its own fan-in does not matter.
        rate: s.

    Returns:
        Inputs, not rounded; nan where one of both needs less at every fan-in.

    Raises:
        ValueError: a rate outside [0, 1], or hops without a price.
    """
    rate = rates("crossover_fan_in", rate)

    def difference(fan_in):
        at = dataclasses.replace(layer, fan_in=fan_in)
        return (spiking_j(model, at, rate) - conventional_j(model, at)) / PICO

    one, two = difference(1.0), difference(2.0)
    slope = two - one
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(slope != 0, 1.0 - one / np.where(slope == 0, 1.0, slope), np.nan)
    found = np.where(found >= 1, found, np.nan)
    return float(found) if found.ndim == 0 else found


def crossover_weight_bits(model: CostModel, layer: Layer, rate):
    """Bits of a spiking weight at which both need the same energy; spiking needs less with fewer.

    Args:
        model: the prices; reading a weight must cost something.
        layer: what is computed; its own ``snn_weight_bits`` don't matter.
        rate: s, above 0.

    Returns:
        Bits, not rounded; 0 or less where spiking never needs less.

    Raises:
        ValueError: a rate of 0 or outside [0, 1], weights that cost nothing, or hops without a
            price.
    """
    rate = rates("crossover_weight_bits", rate)
    if model.weight_bit == 0 or np.any(np.asarray(rate) == 0):
        raise ValueError(
            "crossover_weight_bits: needs a rate above 0 and a price of weights above 0, else "
            "weights cost nothing at any precision"
        )
    at_one = dataclasses.replace(layer, snn_weight_bits=1)
    missing = (conventional_j(model, layer) - spiking_j(model, at_one, rate)) / PICO
    return 1.0 + missing / (layer.steps * rate * layer.fan_in * model.weight_bit)


def _per_step(model: CostModel, layer: Layer):
    """pJ of a step of the spiking neuron: at rate 0, and what a rate of 1 adds."""
    add, bits = model.addition(layer.state_bits), layer.state_bits
    at_rest = add + 2 * bits * model.state_bit
    if layer.leak:
        at_rest = at_rest + model.multiplication(bits, bits)
    arriving = layer.fan_in * (add + layer.snn_weight_bits * model.weight_bit)
    return at_rest, arriving + add + _routing(model, layer, "sparse_bit_hop")


def _conventional(model: CostModel, layer: Layer):
    """pJ of the conventional neuron: per input, and once."""
    add, bits, weight = model.addition(layer.state_bits), layer.twin_bits, model.weight_bit
    stored = layer.conventional_weight_bits
    mac = model.multiplication(stored, bits) + add
    per_input = layer.density * (mac + stored * weight / layer.weight_reuse)
    fixed = add + 2 * bits * model.state_bit + bits * _routing(model, layer, "dense_bit_hop")
    return per_input, fixed


def _routing(model: CostModel, layer: Layer, price: str):
    """pJ of sending one bit of what a neuron sends."""
    if not np.any(layer.hops):
        return 0.0
    if getattr(model, price) is None:
        raise ValueError(f"CostModel {model.name!r} has no {price}: hops must be 0")
    copies = layer.fan_in if layer.copies == "synapse" else 1.0
    return copies * layer.hops * getattr(model, price)
