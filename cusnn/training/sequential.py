"""Layers one after the other, with all their parameters in one array."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from cusnn.training.dropout import Draw
from cusnn.training.layers import Activity, Layer


class Sequential:
    """A chain of layers.

    All parameters lie in one float32 array, ``values``, and all gradients in another,
    ``grads``, so that an optimizer's step is one call; ``parameters`` and ``gradients`` are views
    into them by name, "layer.parameter". The first ``n_decayed`` numbers are those that weight
    decay is for: weights, not biases, decays or thresholds.

    Args:
        layers: in order; each takes what the one before gives. Layers without a name are named
            after their place and kind.
        backend: "numpy", "numba" or "cuda" for the operations; None for what the arrays decide.

    Raises:
        ValueError: no layers, sizes that do not follow, two layers of one name, or a readout
            without spikes that is not the last.
    """

    def __init__(self, layers, *, backend: str | None = None):
        self.layers = tuple(layers)
        _check_chain(self.layers)
        for place, layer in enumerate(self.layers):
            layer.name = layer.name or f"{type(layer).__name__.lower()}{place}"
            layer.backend = backend
        names = [layer.name for layer in self.layers]
        if len(set(names)) < len(names):
            raise ValueError(f"Sequential: every layer needs a name of its own, got {names}")
        self.backend = backend
        self._lay_out(np)

    def _lay_out(self, xp) -> None:
        """Copy the layers' parameters into one array and let them use views of it."""
        found = {
            (layer, key): value for layer in self.layers for key, value in layer.parameters.items()
        }
        order = sorted(found, key=lambda pair: pair[1] not in pair[0].decayed)
        total = sum(value.size for value in found.values())
        self.values, self.grads = xp.empty(total, "float32"), xp.zeros(total, "float32")
        self.n_decayed = sum(found[p].size for p in order if p[1] in p[0].decayed)
        views: dict = {layer: ({}, {}) for layer in self.layers}
        start = 0
        for layer, key in order:
            value = found[layer, key]
            part, shape = slice(start, start + value.size), value.shape
            start = part.stop
            for store, flat in zip(views[layer], (self.values, self.grads), strict=True):
                store[key] = flat[part].reshape(shape)
            views[layer][0][key][...] = xp.asarray(
                value.get() if xp is np and hasattr(value, "get") else value
            )
        for layer in self.layers:
            layer.bind(*({key: store[key] for key in layer.parameters} for store in views[layer]))

    @property
    def parameters(self) -> dict:
        """Views of ``values`` by name, such as "hidden.weights"."""
        return self._by_name("parameters")

    @property
    def gradients(self) -> dict:
        """Views of ``grads`` by name."""
        return self._by_name("gradients")

    def _by_name(self, store: str) -> dict:
        return {
            f"{layer.name}.{key}": value
            for layer in self.layers
            for key, value in getattr(layer, store).items()
        }

    def to(self, xp) -> Sequential:
        """Move the parameters to another array library, ``numpy`` or ``cupy``; returns itself."""
        self._lay_out(xp)
        return self

    def forward(self, inputs, steps: int | None = None, draw: Draw | None = None) -> list[Activity]:
        """What every layer answers, first to last.

        Args:
            inputs: an array as ``cusnn.training.layers`` says.
            steps: T, for values [B, N].
            draw: what dropout is drawn from, in training; None for no dropout.
        """
        activities = []
        for place, layer in enumerate(self.layers):
            own = None if draw is None else draw._replace(place=place)
            activities.append(layer.forward(activities[-1] if activities else inputs, steps, own))
        return activities

    def backward(self, grad, extra: dict | None = None) -> None:
        """Gradients of all parameters, into ``grads``.

        Args:
            grad: with respect to what the last layer gave, float32 [T, B, M].
            extra: gradients with respect to the spike counts of hidden layers, float32 [B, N] or
                [1, N], by layer name; added to those that come back from the layers above.
        """
        for place in range(len(self.layers))[::-1]:
            layer = self.layers[place]
            added = (extra or {}).get(layer.name)
            if added is not None:
                grad += added
            grad = layer.backward(grad, inputs=place > 0)

    def __repr__(self) -> str:
        sizes = [self.layers[0].inputs, *(layer.size for layer in self.layers)]
        return f"Sequential({'-'.join(str(size) for size in sizes)})"


def _check_chain(layers: tuple) -> None:
    if not layers or not all(isinstance(layer, Layer) for layer in layers):
        raise ValueError("Sequential: takes one layer or more of cusnn.training")
    if len({id(layer) for layer in layers}) < len(layers):
        raise ValueError("Sequential: the same layer must not stand twice")
    for before, after in pairwise(layers):
        if before.size != after.inputs:
            raise ValueError(
                f"Sequential: {before!r} gives {before.size} outputs, {after!r} takes "
                f"{after.inputs} inputs"
            )
        if not before.spiking:
            raise ValueError(f"Sequential: {before!r} has no spikes and must be the last layer")
