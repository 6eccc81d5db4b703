"""NeuroBench's metrics by its names and definitions.

Source: Yik et al. (2025), Nature Communications 16:1545, doi:10.1038/s41467-025-56739-4, and the
``neurobench`` package 2.3.0, whose values these functions give.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from cusnn import dispatch
from cusnn.energy.counts import Workload
from cusnn.energy.layers import check_finite
from cusnn.ops.matmul import CSR

# Operations of an update, by snnTorch's neuron and its reset.
NEURON_OPERATIONS = {
    "Leaky": {"subtract": 4, "zero": 4},
    "Synaptic": {"subtract": 6, "zero": 8},
    "Lapicque": {"subtract": 11, "zero": 11},
    "Alpha": {"subtract": 18, "zero": 24},
}


def synaptic_operations(workload: Workload) -> dict[str, float | None]:
    """NeuroBench's SynapticOperations: a sample's operations, on average.

        Effective_MACs, Effective_ACs: a weight that is not 0 meets an input that is not 0; ACs
            where inputs are -1, 0 or 1
        Dense: every weight meets every input

    Args:
        workload: what was counted; a run of a network is one sample.

    Returns:
        The three by name; None for what was not counted.
    """
    counts, samples = workload.counts, workload.inferences or 1
    found = {
        "Effective_MACs": counts.effective_macs,
        "Effective_ACs": counts.effective_acs,
        "Dense": counts.dense,
    }
    return {name: None if count is None else count / samples for name, count in found.items()}


def activation_sparsity(activations: Iterable) -> float:
    """NeuroBench's ActivationSparsity: zeros among the outputs of all neurons.

        (outputs - outputs that are not 0) / outputs, over all layers, steps and samples

    Args:
        activations: an array of each layer, of any shape, one byte or number per output; or the
            ``Activity`` of each layer of ``cusnn.training``, of which those without spikes are
            left out.

    Returns:
        0 to 1; 0 where there are no outputs.

    Raises:
        TypeError: spikes as bits, whose number of outputs is not known.
        ValueError: NaN or infinite outputs.
    """
    zeros = total = 0
    for one in activations:
        array = one if hasattr(one, "dtype") else one.spikes
        if array is None:
            continue
        dispatch.array_library(array)
        if array.dtype == "uint32":
            raise TypeError("activation_sparsity: spikes as bits must be unpacked: spike_unpack")
        check_finite("activation_sparsity", activations=array)
        zeros += int((array == 0).sum())
        total += array.size
    return zeros / total if total else 0.0


def connection_sparsity(weights: Iterable) -> float:
    """NeuroBench's ConnectionSparsity: zeros among all weights, rounded to 4 decimals.

    Args:
        weights: an array of each layer, or a ``CSR``, whose absent synapses are zeros.

    Raises:
        ValueError: no weights, or NaN or infinite ones.
    """
    zeros = total = 0
    for one in weights:
        stored = one.weights if isinstance(one, CSR) else one
        dispatch.array_library(stored)
        check_finite("connection_sparsity", weights=stored)
        size = math.prod(one.shape)
        zeros += size - int((stored != 0).sum())
        total += size
    if not total:
        raise ValueError("connection_sparsity: weights must hold one number or more, got none")
    return round(zeros / total, 4)


def parameter_count(arrays: Iterable) -> int:
    """NeuroBench's ParameterCount: numbers that are learned, zeros included."""
    return sum(array.size for array in arrays)


def footprint(arrays: Iterable) -> int:
    """NeuroBench's Footprint: bytes of parameters and constants, zeros included.

        sum of elements * bytes of an element

    Args:
        arrays: all that the model keeps: such as ``model.parameters.values()``.
    """
    return sum(array.size * array.dtype.itemsize for array in arrays)


def membrane_updates(membranes: Iterable) -> float:
    """NeuroBench's MembraneUpdates: a sample's changes of membranes, on average.

        (neurons * samples of the first step + membranes that differ from the step before) / samples

    Args:
        membranes: of each layer the voltages after every step, [T, B, N].

    Raises:
        ValueError: arrays of other axes or numbers of samples, NaN or infinite membranes.
    """
    changes, samples = 0, set()
    for array in membranes:
        dispatch.array_library(array)
        if array.ndim != 3 or not array.size:
            raise ValueError(
                f"membrane_updates: membranes must be [T, B, N] with a step or more, got "
                f"{list(array.shape)}"
            )
        check_finite("membrane_updates", membranes=array)
        changes += array[0].size + int((array[1:] != array[:-1]).sum())
        samples.add(array.shape[1])
    if len(samples) != 1:
        raise ValueError(
            f"membrane_updates: all layers must have the same samples, got {sorted(samples)}"
        )
    return changes / samples.pop()


def neuron_operations(
    membranes: Iterable, neuron: str = "Leaky", reset: str = "subtract"
) -> dict[str, float]:
    """NeuroBench's NeuronOperations: a sample's operations of neurons, on average.

        Effective Neuron Ops = operations of an update * MembraneUpdates
        Neuron Dense Ops = operations of an update * neurons * steps

    Args:
        membranes: as for ``membrane_updates``, of layers of one kind of neuron.
        neuron: snnTorch's name: "Leaky", "Synaptic", "Lapicque" or "Alpha".
        reset: "subtract" or "zero".

    Raises:
        ValueError: a name that NeuroBench has no number for, or arrays of other axes.
    """
    each = NEURON_OPERATIONS.get(neuron, {}).get(reset)
    if each is None:
        known = {name: list(resets) for name, resets in NEURON_OPERATIONS.items()}
        raise ValueError(f"neuron_operations: known are {known}, got {neuron!r}, {reset!r}")
    arrays = tuple(membranes)
    updates = membrane_updates(arrays)
    dense = sum(array.shape[0] * array.shape[2] for array in arrays)
    return {"Effective Neuron Ops": updates * each, "Neuron Dense Ops": float(dense * each)}
