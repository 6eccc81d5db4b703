"""What a trainer checks: its own numbers and parts, data, labels, losses."""

from __future__ import annotations

import math

import numpy as np

from cusnn.data.batches import MOST_SEED
from cusnn.training.decoders import check_decoder


def check_numbers(*, epochs, batch_size, patience, clip, noise, seed) -> None:
    """ValueError for a number out of range."""
    counts = {"epochs": epochs, "batch_size": batch_size, "patience": patience}
    for name, value in counts.items():
        if not ((name == "patience" and value is None) or (_whole(value) and value >= 1)):
            raise ValueError(f"Trainer: {name} must be an integer of 1 or more, got {value!r}")
    if clip is not None and not (math.isfinite(clip) and clip > 0):
        raise ValueError(f"Trainer: clip must be a number above 0 or None, got {clip!r}")
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"Trainer: noise must be a number of 0 or more, got {noise!r}")
    if not (_whole(seed) and 0 <= seed <= MOST_SEED):
        raise ValueError(f"Trainer: seed must be an integer of 0 to {MOST_SEED}, got {seed!r}")


def check_parts(model, loss, optimizer, regularisers, decoder: str) -> None:
    """ValueError for parts that do not fit the model, or an optimizer that was used."""
    last = model.layers[-1]
    if (loss.needs == "counts") != last.spiking:
        raise ValueError(
            f"Trainer: {type(loss).__name__} needs {loss.needs}, which the last layer, {last!r}, "
            f"does not give"
        )
    if optimizer.count:
        raise ValueError(
            f"Trainer: the optimizer has made {optimizer.count} steps already; make a new one"
        )
    names = [layer.name for layer in model.layers if layer.spiking]
    for one in regularisers:
        if one.layer is not None and one.layer not in names:
            raise ValueError(
                f"Trainer: the layer of {type(one).__name__} must be one that spikes "
                f"({', '.join(names)}), got {one.layer!r}"
            )
    check_decoder("Trainer", decoder, last.spiking)


def check_data(model, dataset) -> None:
    """ValueError for data that do not fit the model."""
    first, last = model.layers[0], model.layers[-1]
    if dataset.features != first.inputs:
        raise ValueError(
            f"Trainer: the data have {dataset.features} features, {first} takes {first.inputs}"
        )
    if len(dataset.classes) > last.size:
        raise ValueError(
            f"Trainer: the data have {len(dataset.classes)} classes, {last} has {last.size} neurons"
        )
    if dataset.steps < 1:
        raise ValueError(f"Trainer: the data must have 1 step or more, got {dataset.steps}")
    most = getattr(dataset, "most", 1)
    if most > 1:
        raise ValueError(
            f"Trainer: the data count up to {most} events in a bin, which layers would take for "
            f"one spike; bin them with most=1"
        )


def check_noise(noise: float, dataset) -> None:
    """ValueError for noise on what are spikes."""
    if noise and getattr(dataset, "encoding", None) != "direct":
        raise ValueError(
            f"Trainer: noise is added to values, of the encoding direct; these data are spikes: "
            f"take noise=0, got {noise:g}"
        )


def check_labels(labels, classes: int) -> None:
    """Error unless labels are whole numbers of 0 to ``classes`` - 1.

    Raises:
        TypeError: labels of another dtype.
        ValueError: another number of axes, or a label out of range.
    """
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be whole numbers [B], got {labels.dtype}")
    if labels.ndim != 1:
        raise ValueError(f"labels must be [B], got {list(labels.shape)}")
    if labels.size and not (0 <= int(labels.min()) and int(labels.max()) < classes):
        bad = [int(label) for label in labels if not 0 <= label < classes]
        raise ValueError(
            f"labels must be 0 to {classes - 1}, one for each of the {classes} outputs, got "
            f"{bad[0]}"
        )


def check_finite(value) -> float:
    """A loss as a number; ValueError where training has diverged."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"the loss is {number}: training diverged; take a smaller learning rate")
    return number


def _whole(value) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
