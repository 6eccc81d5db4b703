"""Optimizers over all parameters of a model, and how their rate changes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cusnn.ops.optimize import adam_step, sgd_step
from cusnn.training.layers import library_of


@dataclass(frozen=True)
class Constant:
    """A learning rate that stays."""

    def __call__(self, share: float) -> float:
        """Factor of the rate after a share of the training, 0 to 1."""
        return 1.0


@dataclass(frozen=True)
class Cosine:
    """A learning rate that rises along a line and falls along half a cosine.

    Args:
        warmup: share of the training in which it rises, 0 to 1.
        last: factor at the end, 0 to 1.

    Raises:
        ValueError: a number out of range.

    Source: Loshchilov and Hutter (2017), arXiv:1608.03983, without restarts.
    """

    warmup: float = 0.0
    last: float = 0.0

    def __post_init__(self):
        for name in ("warmup", "last"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"Cosine: {name} must be 0 to 1, got {getattr(self, name)!r}")

    def __call__(self, share: float) -> float:
        """Factor of the rate after a share of the training, 0 to 1."""
        if share < self.warmup:
            return share / self.warmup
        fallen = (share - self.warmup) / max(1.0 - self.warmup, 1e-9)
        return self.last + (1.0 - self.last) * 0.5 * (1.0 + math.cos(math.pi * min(fallen, 1.0)))


@dataclass(frozen=True)
class Steps:
    """A learning rate that falls by a factor at some points of the training.

    Args:
        at: shares of the training, ascending, above 0 and below 1.
        factor: of the rate at each of them, above 0.

    Raises:
        ValueError: points that do not ascend or are out of range, or a factor that is.
    """

    at: tuple[float, ...] = (0.5, 0.75)
    factor: float = 0.1

    def __post_init__(self):
        if not all(0 < one < 1 for one in self.at) or list(self.at) != sorted(set(self.at)):
            raise ValueError(f"Steps: at must be shares of 0 to 1, ascending, got {self.at}")
        _positive("Steps", "factor", self.factor)

    def __call__(self, share: float) -> float:
        """Factor of the rate after a share of the training, 0 to 1."""
        return self.factor ** sum(share >= one for one in self.at)


def clip_gradients(grads, most: float) -> None:
    """Scale gradients down, in place, where their norm is above a bound.

        grads = grads min(1, most / |grads|)

    Args:
        grads: float32 of any shape, changed; the norm is taken in float64.
        most: the bound.

    Source: Pascanu, Mikolov and Bengio (2013), arXiv:1211.5063.
    """
    xp = library_of(grads)
    norm = xp.sqrt(xp.square(grads, dtype="float64").sum())
    # On the device, so that nothing waits for it; 0 / 0 is kept out.
    grads *= (most / xp.maximum(norm, most)).astype("float32")


class Adam:
    """Adam with decoupled weight decay.

        first     = beta1 first + (1 - beta1) gradient
        second    = beta2 second + (1 - beta2) gradient^2
        parameter = parameter - rate (first^ / (sqrt(second^) + epsilon) + weight_decay parameter)

    where ^ divides by 1 - beta^step.

    Args:
        rate: learning rate.
        betas, epsilon: as above.
        weight_decay: of weights, not of biases, decays and thresholds.

    Source: Kingma and Ba (2015), arXiv:1412.6980; Loshchilov and Hutter (2019), arXiv:1711.05101.
    """

    stored = ("first", "second")

    def __init__(
        self,
        rate: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        _positive("Adam", "rate", rate)
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"Adam: betas must be 0 to 1, 1 excluded, got {betas}")
        self.rate, self.betas, self.epsilon = rate, tuple(betas), epsilon
        self.weight_decay, self.count = weight_decay, 0
        self.first = self.second = None

    def __repr__(self) -> str:
        return (
            f"Adam({self.rate:g}, betas={self.betas}, epsilon={self.epsilon:g}, "
            f"weight_decay={self.weight_decay:g})"
        )

    def step(self, model, factor: float = 1.0) -> None:
        """Change a model's parameters by its gradients.

        Args:
            model: ``Sequential``; the same in every call.
            factor: of the rate, in this step.
        """
        if self.first is None:
            self.first, self.second = _zeros_like(model.values), _zeros_like(model.values)
        self.count += 1
        for part, decay in _parts(model, self.weight_decay):
            adam_step(
                model.values[part],
                model.grads[part],
                self.first[part],
                self.second[part],
                step=self.count,
                rate=self.rate * factor,
                betas=self.betas,
                epsilon=self.epsilon,
                decay=decay,
                backend=model.backend,
            )


class SGD:
    """Gradient descent with momentum and decoupled weight decay.

        velocity  = momentum velocity + gradient
        parameter = parameter - rate (velocity + weight_decay parameter)

    Args:
        rate: learning rate.
        momentum: 0 to 1, 1 excluded.
        weight_decay: of weights, not of biases, decays and thresholds.
    """

    stored = ("velocity",)

    def __init__(self, rate: float = 1e-2, *, momentum: float = 0.0, weight_decay: float = 0.0):
        _positive("SGD", "rate", rate)
        if not 0 <= momentum < 1:
            raise ValueError(f"SGD: momentum must be 0 to 1, 1 excluded, got {momentum}")
        self.rate, self.momentum, self.weight_decay, self.count = rate, momentum, weight_decay, 0
        self.velocity = None

    def __repr__(self) -> str:
        return f"SGD({self.rate:g}, momentum={self.momentum:g}, weight_decay={self.weight_decay:g})"

    def step(self, model, factor: float = 1.0) -> None:
        """As ``Adam.step``."""
        if self.velocity is None:
            self.velocity = _zeros_like(model.values)
        self.count += 1
        for part, decay in _parts(model, self.weight_decay):
            sgd_step(
                model.values[part],
                model.grads[part],
                self.velocity[part],
                rate=self.rate * factor,
                momentum=self.momentum,
                decay=decay,
                backend=model.backend,
            )


def _parts(model, weight_decay: float):
    """Slices of a model's parameters, and the weight decay of each."""
    if not weight_decay:
        return [(slice(None), 0.0)]
    parts = (slice(None, model.n_decayed), weight_decay), (slice(model.n_decayed, None), 0.0)
    return [(part, decay) for part, decay in parts if model.values[part].size]


def _zeros_like(values):
    return values * np.float32(0)


def _positive(owner: str, name: str, value) -> None:
    if not (isinstance(value, (int, float)) and math.isfinite(value) and value > 0):
        raise ValueError(f"{owner}: {name} must be a positive number, got {value!r}")
