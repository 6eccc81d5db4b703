"""Spikes watched while a model is trained or evaluated: rates, dead and saturated layers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cusnn.training import files
from cusnn.training.sequential import Sequential

# A layer is called dead or saturated where so large a share of its neurons is.
MOST_DEAD = 0.9
SATURATED_RATE, MOST_SATURATED = 0.95, 0.9


class LayerWarning(UserWarning):
    """A layer that is dead or saturated."""


@dataclass
class Watch:
    """Spikes of every neuron of every spiking layer, added up over batches."""

    model: Sequential
    counts: dict = field(default_factory=dict)
    chances: dict = field(default_factory=dict)
    samples: int = 0

    def add(self, activities) -> None:
        for layer, activity in zip(self.model.layers, activities, strict=True):
            if activity.counts is None:
                continue
            batch = activity.counts.shape[0]
            total = activity.counts.sum(axis=0)
            known = self.counts.get(layer.name)
            self.counts[layer.name] = total if known is None else known + total
            chances = self.chances.get(layer.name, 0)
            self.chances[layer.name] = chances + batch * activity.steps
        self.samples += activities[0].samples

    def _by_neuron(self) -> dict[str, np.ndarray]:
        return {
            name: files.on_host(counts) / self.chances[name] for name, counts in self.counts.items()
        }

    def rates(self) -> dict[str, float]:
        return {name: float(rates.mean()) for name, rates in self._by_neuron().items()}

    def spikes(self) -> dict[str, float]:
        return {
            name: float(files.on_host(counts).sum()) / self.samples
            for name, counts in self.counts.items()
        }

    def dead(self) -> dict[str, float]:
        return {name: float((rates == 0).mean()) for name, rates in self._by_neuron().items()}

    def troubles(self):
        """Name of a layer, and what is wrong with it in words."""
        for name, rates in self._by_neuron().items():
            silent, always = int((rates == 0).sum()), int((rates >= SATURATED_RATE).sum())
            if silent >= MOST_DEAD * rates.size:
                yield (
                    name,
                    f"dead: {silent} of {rates.size} neurons never fired in an epoch; take "
                    f"larger initial weights (a smaller xi), a lower threshold or a LowerRate",
                )
            if always >= MOST_SATURATED * rates.size:
                yield (
                    name,
                    f"saturated: {always} of {rates.size} neurons fired in {SATURATED_RATE:.0%} of "
                    f"the steps of an epoch or more; take smaller weights (a larger xi), a higher "
                    f"threshold or an UpperRate",
                )
