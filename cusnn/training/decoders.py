"""From what the last layer answers to a class, and how often that is right."""

from __future__ import annotations

import numpy as np

from cusnn.ops.decode import decode_first_spike
from cusnn.training.layers import Activity, library_of

DECODERS = ("count", "first", "membrane")
NO_ANSWER = -1


def decode(activity: Activity, by: str, *, backend: str | None = None):
    """Class of every sample.

    Args:
        activity: of the last layer.
        by: "count" (the neuron that fired most often), "first" (the one that fired first; of
            several in one step, the one that fired more often) or "membrane" (the one with the
            highest membrane of all steps). The lowest class where that leaves several.
        backend: as for the operations.

    Returns:
        int64 [B]; -1 where no neuron fired.

    Raises:
        ValueError: another name, or a layer without what it needs.
    """
    check_decoder("decode", by, activity.counts is not None)
    if by == "membrane":
        return activity.membrane.max(axis=0).argmax(axis=1)
    xp, counts = library_of(activity.counts), activity.counts
    key = counts.astype("int64")
    if by == "first":
        first = decode_first_spike(activity.spikes, backend=backend)
        first = xp.where(first < 0, activity.steps, first).astype("int64")
        key = key - first * (activity.steps + 1)
    return xp.where(counts.any(axis=1), key.argmax(axis=1), NO_ANSWER)


def check_decoder(owner: str, by: str, spiking: bool) -> None:
    """ValueError for another name, or one that needs what the last layer does not give."""
    if by not in DECODERS:
        raise ValueError(f"{owner}: decoder must be one of {', '.join(DECODERS)}, got {by!r}")
    if (by == "membrane") == spiking:
        raise ValueError(
            f"{owner}: {by!r} needs a last layer "
            f"{'without spikes, such as Readout' if by == 'membrane' else 'that spikes'}"
        )


def accuracy(predicted, labels) -> float:
    """Share of labels that were predicted, 0 to 1; nan for none."""
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    return float((predicted == labels).mean()) if labels.size else float("nan")


def confusion_matrix(predicted, labels, classes: int) -> np.ndarray:
    """How often each class was taken for each.

    Args:
        predicted: -1 to classes - 1 [B]; -1 for no answer.
        labels: 0 to classes - 1 [B].
        classes: their number.

    Returns:
        int64 [classes, classes + 1]: row the label, column what was predicted; the last column
        counts samples without an answer.
    """
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    column = np.where(predicted < 0, classes, predicted)
    flat = np.bincount(labels * (classes + 1) + column, minlength=classes * (classes + 1))
    return flat.reshape(classes, classes + 1)
