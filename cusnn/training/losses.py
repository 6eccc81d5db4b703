"""Losses and firing-rate regularisers, each with its exact gradient.

A loss takes what the last layer answered and the labels, and returns its value, the mean over the
batch, and its gradient with respect to that layer's spikes or membranes, float32 [T, B, M]. A
regulariser takes the spike counts of one layer and returns its value and its gradient with respect
to the counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cusnn.training.layers import Activity, library_of


@dataclass(frozen=True)
class CrossEntropyCount:
    """Cross-entropy of the softmax of spike counts.

        loss = mean over b of -log softmax(scale counts[b])[labels[b]]

    Args:
        scale: logit per spike.
    """

    scale: float = 1.0
    needs = "counts"

    def __call__(self, activity: Activity, labels):
        counts = activity.counts
        value, grad = _cross_entropy(self.scale * counts.astype("float64"), labels)
        grad *= self.scale
        return value, _in_every_step(grad, activity.steps)


@dataclass(frozen=True)
class CrossEntropyMaxMembrane:
    """Cross-entropy of the softmax of each membrane's maximum over time.

        loss = mean over b of -log softmax(scale max over t of membrane[t, b])[labels[b]]

    The gradient arrives at the step of the maximum, the first where there are several.

    Args:
        scale: logit per unit of voltage.
    """

    scale: float = 1.0
    needs = "membrane"

    def __call__(self, activity: Activity, labels):
        membrane = activity.membrane
        xp = library_of(membrane)
        step = membrane.argmax(axis=0)
        value, grad = _cross_entropy(np.float32(self.scale) * membrane.max(axis=0), labels)
        grad *= np.float32(self.scale)
        here = xp.arange(activity.steps)[:, None, None] == step
        return value, here * grad.astype("float32")


@dataclass(frozen=True)
class CrossEntropyMeanMembrane:
    """Cross-entropy of the softmax of each membrane's mean over time.

        loss = mean over b of -log softmax(scale mean over t of membrane[t, b])[labels[b]]

    Args:
        scale: logit per unit of voltage.
    """

    scale: float = 1.0
    needs = "membrane"

    def __call__(self, activity: Activity, labels):
        value, grad = _cross_entropy(
            np.float32(self.scale) * activity.membrane.mean(axis=0), labels
        )
        grad *= np.float32(self.scale / activity.steps)
        return value, _in_every_step(grad, activity.steps)


@dataclass(frozen=True)
class MSECount:
    """Mean squared distance of spike counts from target counts, both as shares of the steps.

        loss = mean over b, m of (counts[b, m] / T - target[b, m])^2

    Args:
        correct: target of the neuron of the label, as a share of the steps.
        others: target of the others.

    Source: snnTorch's ``mse_count_loss``, with its ``correct_rate`` and ``incorrect_rate``.
    """

    correct: float = 0.8
    others: float = 0.1
    needs = "counts"

    def __post_init__(self):
        for name in ("correct", "others"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"MSECount: {name} must be a share of the steps, 0 to 1, got "
                    f"{getattr(self, name)}"
                )

    def __call__(self, activity: Activity, labels):
        counts, steps = activity.counts, activity.steps
        xp = library_of(counts)
        own = _one_hot(xp, labels, counts.shape[1])
        target = xp.where(own, self.correct, self.others)
        distance = counts / steps - target
        grad = distance * (2 / (steps * distance.size))
        return (distance * distance).mean(), _in_every_step(grad, steps)


@dataclass(frozen=True)
class LowerRate:
    """Draws neurons that fire less than a rate up to it.

        value = strength mean over n of max(0, rate - mean over b of counts[b, n] / T)^2

    Args:
        rate: spikes per step, 0 to 1.
        strength: factor, 0 or more.
        layer: name of the layer; None for every hidden layer.

    Raises:
        ValueError: a number out of range.

    Source: Zenke and Vogels (2021), doi:10.1162/neco_a_01367.
    """

    rate: float = 0.01
    strength: float = 1.0
    layer: str | None = None

    def __post_init__(self):
        _check_penalty(self)

    def __call__(self, counts, steps: int):
        return _beyond(counts, steps, self.rate, -1.0, self.strength)


@dataclass(frozen=True)
class UpperRate:
    """Draws neurons that fire more than a rate down to it.

        value = strength mean over n of max(0, mean over b of counts[b, n] / T - rate)^2

    Args:
        rate: spikes per step, 0 to 1.
        strength: factor, 0 or more.
        layer: name of the layer; None for every hidden layer.

    Raises:
        ValueError: a number out of range.

    Source: as ``LowerRate``.
    """

    rate: float = 0.3
    strength: float = 1.0
    layer: str | None = None

    def __post_init__(self):
        _check_penalty(self)

    def __call__(self, counts, steps: int):
        return _beyond(counts, steps, self.rate, 1.0, self.strength)


def _check_penalty(one) -> None:
    """ValueError for a rate or a strength that is none."""
    owner = type(one).__name__
    if not 0 <= one.rate <= 1:
        raise ValueError(f"{owner}: rate must be spikes per step, 0 to 1, got {one.rate!r}")
    if not (math.isfinite(one.strength) and one.strength >= 0):
        raise ValueError(f"{owner}: strength must be 0 or more, got {one.strength!r}")


def _beyond(counts, steps: int, bound: float, sign: float, strength: float):
    """Squared excess of the neurons' mean rates over a bound; gradient float32 [1, N]."""
    xp = library_of(counts)
    batch, n = counts.shape
    rates = counts.sum(axis=0) / (batch * steps)
    excess = xp.maximum(0.0, sign * (rates - bound))
    grad = (excess * (2.0 * sign * strength / (n * batch * steps))).astype("float32")
    return strength * (excess * excess).mean(), grad[None]


def _cross_entropy(logits, labels):
    """Mean over the batch, and its gradient with respect to the logits, float32 [B, M]."""
    xp = library_of(logits)
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponential = xp.exp(shifted)
    total = exponential.sum(axis=1, keepdims=True)
    own = _one_hot(xp, labels, logits.shape[1])
    value = (xp.log(total[:, 0]) - (shifted * own).sum(axis=1)).mean()
    grad = exponential / total - own
    grad *= np.float32(1.0 / logits.shape[0])
    return value, grad


def _one_hot(xp, labels, classes: int):
    """bool [B, M]."""
    return xp.asarray(labels)[:, None] == xp.arange(classes)


def _in_every_step(grad, steps: int):
    """Gradient with respect to a sum over time: the same in each step, float32 [T, B, M]."""
    xp = library_of(grad)
    return xp.ascontiguousarray(xp.broadcast_to(grad.astype("float32"), (steps, *grad.shape)))


def rate_penalties(regularisers, layers, activities):
    """Values and gradients of all regularisers.

    Args:
        regularisers: ``LowerRate``, ``UpperRate`` or alike.
        layers: those of the model.
        activities: what each of them answered.

    Returns:
        The sum of the values, and gradients with respect to counts by layer name.
    """
    value, grads = 0.0, {}
    for one in regularisers:
        for layer, activity in zip(layers, activities, strict=True):
            chosen = layer is not layers[-1] if one.layer is None else layer.name == one.layer
            if not (chosen and activity.counts is not None):
                continue
            added, grad = one(activity.counts, activity.steps)
            value = value + added
            grads[layer.name] = grads.get(layer.name, 0) + grad
    return value, grads
