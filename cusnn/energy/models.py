"""Counts of trained models, and of conventional networks to compare them with."""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Iterable

from cusnn import dispatch
from cusnn.energy.bounds import whole
from cusnn.energy.counts import OpCounts, Workload
from cusnn.energy.layers import check_finite, count_layer, count_product
from cusnn.training import Sequential


def count_model(
    model: Sequential,
    data,
    *,
    steps: int | None = None,
    batch_size: int = 64,
    name: str = "model",
) -> Workload:
    """Exact counts of a model's inferences, from a forward pass over data.

    Args:
        model: of ``cusnn.training``.
        data: a dataset of ``cusnn.data``; or an array as ``cusnn.training.layers`` says, spikes or
            values.
        steps: T, for values [B, N].
        batch_size: samples of a dataset that are counted at a time.
        name: of the workload.

    Returns:
        Workload with a part for each layer by its name. Spikes that come in from the data are the
        first layer's ``input_spikes``. Neurons of a readout are never active.

    Raises:
        TypeError, ValueError: what ``Sequential.forward`` refuses, or no samples.
    """
    if not isinstance(model, Sequential):
        raise TypeError(f"count_model: model must be a Sequential, got {model!r}")
    found, samples = [], 0
    for inputs, given in _batches(model, data, steps, batch_size):
        activities = model.forward(inputs, given)
        found.append(count_activities(model, inputs, activities))
        samples, steps = samples + activities[0].samples, activities[0].steps
    if not samples:
        raise ValueError("count_model: data must have one sample or more, got none")
    weights = [w for layer in model.layers for w in _weights(layer) if w is not None]
    return Workload(
        name=name,
        parts={layer.name: _sum(part[layer.name] for part in found) for layer in model.layers},
        neurons=sum(layer.size for layer in model.layers),
        synapses=sum(w.size for w in weights),
        steps=steps,
        inferences=samples,
        about={"model": repr(model), "backend": model.backend},
    )


def count_activities(model: Sequential, inputs, activities) -> dict[str, OpCounts]:
    """Counts of each layer by its name, from one forward pass that was made anyway.

    Args:
        model: of ``cusnn.training``.
        inputs: what ``model.forward`` was given.
        activities: what it returned.

    Raises:
        TypeError, ValueError: arrays that are not of this model.
    """
    found = {}
    for place, (layer, activity) in enumerate(zip(model.layers, activities, strict=True)):
        weights, recurrent = _weights(layer)
        spikes = activity.membrane if activity.spikes is None else activity.spikes
        found[layer.name] = count_layer(
            inputs, weights, spikes, layer.neuron, recurrent=recurrent, outside=place == 0
        )
        inputs = spikes
    return found


def count_conventional(
    weights: Iterable, values, *, biases: Iterable | None = None, name: str = "conventional"
) -> Workload:
    """Exact counts of a conventional network: dense layers, with ReLU between them.

        values = max(0, values @ weights + bias), the last layer without max

    Effective operations leave out values and weights that are 0, and so says NeuroBench; hardware
    that does not skip them does ``dense`` ones. All weights are read once per sample.

    Args:
        weights: of each layer, floating point [N, M], in order.
        values: a row for each sample, floating point [B, N].
        biases: of each layer, [M], or None for a layer without; None for no biases.
        name: of the workload.

    Returns:
        Workload with parts "layer 1", "layer 2", ...; of one step, with B inferences.

    Raises:
        TypeError, ValueError: other arrays, sizes that do not follow, or values that are or become
            NaN or infinite.
    """
    weights = tuple(weights)
    biases = (None,) * len(weights) if biases is None else tuple(biases)
    if not weights or len(biases) != len(weights):
        raise ValueError(
            f"count_conventional: takes one layer or more, and a bias or None for each, got "
            f"{len(weights)} weights and {len(biases)} biases"
        )
    dispatch.array_library(values)
    if values.ndim != 2 or values.dtype.kind != "f" or len(values) < 1:
        raise ValueError(
            f"count_conventional: values must be floating point [B, N], one sample or more, got "
            f"{values.dtype} {list(values.shape)}"
        )
    parts, samples = {}, len(values)
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True), 1):
        product = count_product(values, weight)
        values = values @ weight if bias is None else values @ weight + bias
        if number < len(weights):
            values = values * (values > 0)
        check_finite(f"count_conventional: layer {number}", output=values)
        active = int((values != 0).sum())
        parts[f"layer {number}"] = product + OpCounts(
            dense=0, neuron_updates_active=active, neuron_updates_idle=values.size - active
        )
    return Workload(
        name=name,
        parts=parts,
        neurons=sum(weight.shape[1] for weight in weights),
        synapses=sum(weight.size for weight in weights),
        steps=1,
        inferences=samples,
    )


def _batches(model: Sequential, data, steps: int | None, batch_size: int):
    """Inputs of a model, and the number of steps that values need."""
    if not hasattr(data, "batches"):
        yield data, steps
        return
    whole("count_model", "batch_size", batch_size, 1)
    direct = getattr(data, "encoding", None) == "direct"
    with data.batches(batch_size) as batches:
        for batch in batches:
            inputs = batch.values if direct else batch.packed
            yield _library(model).asarray(inputs), data.steps


def _library(model: Sequential):
    return sys.modules[dispatch.array_library(model.values)]


def _weights(layer):
    """Weights from the inputs, and from the layer itself or None."""
    return layer.parameters["weights"], layer.parameters.get("recurrent")


def _sum(counts) -> OpCounts:
    return functools.reduce(operator.add, counts)
