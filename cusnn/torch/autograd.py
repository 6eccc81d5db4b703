"""What the autograd functions share: settings, graphs, gradients of coefficients."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass

import torch

from cusnn.ops.neuron import INTERVAL
from cusnn.surrogates import Surrogate
from cusnn.torch.arrays import to_tensor


@dataclass(frozen=True, eq=False)
class Settings:
    """What a call runs besides its tensors; the arguments of the operations.

    Attributes:
        neuron: of ``cusnn.neurons`` or ``cusnn.conventions``.
        dt: step, ms.
        surrogate: of ``cusnn.surrogates``; None for the operation's default.
        detach_reset: treat the spike in the reset as a constant in the backward pass.
        interval: steps between checkpoints.
        backend: "numpy", "numba" or "cuda"; None for what the device decides.
    """

    neuron: object
    dt: float = 1.0
    surrogate: Surrogate | None = None
    detach_reset: bool = False
    interval: int = INTERVAL
    backend: str | None = None

    @property
    def forward(self) -> dict:
        """What both ways take."""
        return {"dt": self.dt, "interval": self.interval, "backend": self.backend}

    @property
    def backward(self) -> dict:
        """What the way back takes."""
        ways = {"surrogate": self.surrogate, "detach_reset": self.detach_reset}
        return {**self.forward, **ways}


def outside_graphs(function):
    """A function that torch.compile calls as it is, between the graphs that it makes.

    ``torch.compiler.disable`` does that, but imports the compiler, which takes seconds.
    """
    opaque = None

    @functools.wraps(function)
    def call(*args, **kwargs):
        nonlocal opaque
        if "torch._dynamo" not in sys.modules:
            return function(*args, **kwargs)
        if opaque is None:
            opaque = torch.compiler.disable(function)
        return opaque(*args, **kwargs)

    return call


def wanted(*tensors) -> bool:
    """Whether a gradient is wanted of one of these; None entries are passed over."""
    return torch.is_grad_enabled() and any(
        tensor is not None and tensor.requires_grad for tensor in tensors
    )


def contiguous(grad: torch.Tensor | None) -> torch.Tensor | None:
    return None if grad is None else grad.contiguous()


def dense(grad: torch.Tensor | None, like: torch.Tensor, shape) -> torch.Tensor:
    """A gradient as the operations take it; zeros where nothing depends on the output."""
    return like.new_zeros(shape) if grad is None else grad.contiguous()


def of_coefficients(found: dict | None, settings: Settings, coefficients) -> list:
    """Gradients of an operation by name, as those of coefficient tensors in order."""
    if found is None:
        return [None] * len(coefficients)
    names = settings.neuron.coefficient_names
    return [
        _shaped(to_tensor(found[name]), coefficient)
        for name, coefficient in zip(names, coefficients, strict=True)
    ]


def _shaped(grad: torch.Tensor, coefficient: torch.Tensor) -> torch.Tensor:
    grad = grad.to(coefficient.dtype)
    return grad if grad.shape == coefficient.shape else grad.sum()


def once(grads) -> tuple:
    """Gradients that say so when somebody differentiates them again."""
    if not torch.is_grad_enabled():
        return tuple(grads)
    # They depend on whatever has a gradient; what depends on nothing would count as a constant.
    cause = torch.zeros((), requires_grad=True)
    return tuple(None if grad is None else _Once.apply(grad, cause) for grad in grads)


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, grad, cause):
        return grad.view_as(grad)

    @staticmethod
    def backward(ctx, *grads):
        raise RuntimeError(
            "cusnn.torch: a surrogate gradient has no gradient of its own; use create_graph only "
            "where nothing is differentiated through a spiking layer twice"
        )
