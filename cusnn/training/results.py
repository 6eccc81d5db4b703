"""What a training and an evaluation return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training.

    Attributes:
        number: 1, 2, ...
        loss, accuracy: means over the training data, each batch before its step.
        held_loss, held_accuracy: over the held-out data, after the epoch; None without them.
        rates: spikes per neuron and step of each spiking layer, over the training data.
        dead: share of the neurons of each spiking layer that never fired.
        seconds: for training, without what is held out.
    """

    number: int
    loss: float
    accuracy: float
    held_loss: float | None
    held_accuracy: float | None
    rates: dict[str, float]
    dead: dict[str, float]
    seconds: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model's answers to a dataset.

    Attributes:
        accuracy, loss: means over the samples.
        confusion: as ``confusion_matrix``, int64 [classes, classes + 1].
        predicted, labels: int64 [n]; -1 where no neuron answered.
        rates: spikes per neuron and step of each spiking layer.
        spikes: per sample, of each spiking layer.
        dead: share of the neurons of each spiking layer that never fired.
    """

    accuracy: float
    loss: float
    confusion: np.ndarray
    predicted: np.ndarray
    labels: np.ndarray
    rates: dict[str, float]
    spikes: dict[str, float]
    dead: dict[str, float]

    @property
    def spikes_per_inference(self) -> float:
        """Spikes of all layers for one sample, on average."""
        return sum(self.spikes.values())


def best_of(history) -> Epoch | None:
    """The epoch of the highest held-out accuracy, of the least held-out loss among equals, the
    first among these; None where nothing was held out."""
    judged = [one for one in history if one.held_accuracy is not None]
    return min(judged, key=lambda one: (-one.held_accuracy, one.held_loss), default=None)
