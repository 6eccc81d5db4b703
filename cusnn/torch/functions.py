"""Autograd functions over ``cusnn.ops``; nothing that they do is differentiable twice."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass

import torch

from cusnn.ops import neuron as operations
from cusnn.ops.neuron import INTERVAL
from cusnn.surrogates import Surrogate
from cusnn.torch.arrays import (
    STATE_DTYPE,
    check_same_device,
    check_tensor,
    on_device,
    to_array,
    to_tensor,
)


@dataclass(frozen=True, eq=False)
class Steps:
    """What a call runs besides its tensors; the arguments of ``ops.neuron_forward``."""

    neuron: object
    dt: float = 1.0
    surrogate: Surrogate | None = None
    detach_reset: bool = False
    interval: int = INTERVAL
    backend: str | None = None


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


def neuron_forward(
    current: torch.Tensor,
    state: torch.Tensor,
    neuron,
    *,
    dt: float = 1.0,
    surrogate: Surrogate | None = None,
    detach_reset: bool = False,
    coefficients: tuple[torch.Tensor, ...] | None = None,
    interval: int = INTERVAL,
    backend: str | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """``cusnn.ops.neuron_forward`` with a gradient.

    Args:
        current: input float32 [T, B, N], C-contiguous; units as in ``cusnn.ops.neuron_forward``.
        state: state before the first step, float32 [S, B, N], on the same device.
        neuron: a model of ``cusnn.neurons``.
        dt: step, ms.
        surrogate: of ``cusnn.surrogates``; None for ``FastSigmoid()``.
        detach_reset: treat the spike in the reset as a constant in the backward pass.
        coefficients: tensors, float64, by whose gradient the neuron's coefficients are learnt, in
            the order of ``neuron.coefficient_names``; their values are not read.
        interval: steps between checkpoints, 1 to 16.
        backend: "numpy", "numba" or "cuda"; None for what the device decides.

    Returns:
        Spikes, float32 [T, B, N], 1 where a neuron fired; and the final state, float32 [S, B, N].

    Raises:
        TypeError, ValueError: as ``cusnn.ops.neuron_forward``; tensors on several devices.
    """
    check_tensor("neuron_forward", "current", current, (STATE_DTYPE,))
    check_tensor("neuron_forward", "state", state, (STATE_DTYPE,))
    check_same_device("neuron_forward", current=current, state=state)
    steps = Steps(neuron, dt, surrogate, detach_reset, interval, backend)
    learnt = coefficients or ()
    inputs = (current, state, *learnt)
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs):
        return _Neuron.apply(current, state, steps, *learnt)
    spikes, final_state, _ = _forward(current, state, steps, checkpoints=False)
    return spikes, final_state


def _forward(current, state, steps: Steps, *, checkpoints: bool):
    with on_device(current.device):
        result = operations.neuron_forward(
            to_array(current),
            to_array(state),
            steps.neuron,
            dt=steps.dt,
            checkpoints=checkpoints,
            interval=steps.interval,
            backend=steps.backend,
        )
        spikes = to_tensor(result.spikes).to(STATE_DTYPE)
        return spikes, to_tensor(result.final_state), to_tensor(result.checkpoints)


class _Neuron(torch.autograd.Function):
    @staticmethod
    def forward(ctx, current, state, steps, *coefficients):
        spikes, final_state, checkpoints = _forward(current, state, steps, checkpoints=True)
        ctx.steps = steps
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(current, checkpoints, *coefficients)
        return spikes, final_state

    @staticmethod
    def backward(ctx, grad_spikes, grad_final_state):
        current, checkpoints, *coefficients = ctx.saved_tensors
        if grad_spikes is None:
            grad_spikes = torch.zeros_like(current)
        if grad_final_state is not None:
            grad_final_state = grad_final_state.contiguous()
        with torch.no_grad():
            found = _backward(
                *(current, checkpoints, grad_spikes.contiguous(), grad_final_state),
                *(coefficients, any(ctx.needs_input_grad[3:]), ctx.steps),
            )
        return tuple(once(grad, current, grad_spikes) for grad in found)


def _backward(
    current, checkpoints, grad_spikes, grad_final_state, coefficients, learning, steps: Steps
):
    with on_device(current.device):
        result = operations.neuron_backward(
            to_array(current),
            to_array(checkpoints),
            to_array(grad_spikes),
            steps.neuron,
            dt=steps.dt,
            surrogate=steps.surrogate,
            detach_reset=steps.detach_reset,
            grad_final_state=to_array(grad_final_state),
            coefficients=learning,
            interval=steps.interval,
            backend=steps.backend,
        )
        grads = [None] * len(coefficients)
        if learning:
            grads = [
                like(to_tensor(result.coefficients[name]), coefficient)
                for name, coefficient in zip(
                    steps.neuron.coefficient_names, coefficients, strict=True
                )
            ]
        return to_tensor(result.current), to_tensor(result.state), None, *grads


def like(grad: torch.Tensor, coefficient: torch.Tensor) -> torch.Tensor:
    """A gradient, a number or [N], as one of a coefficient's shape and dtype."""
    grad = grad.to(coefficient.dtype)
    return grad if grad.shape == coefficient.shape else grad.sum()


def once(grad: torch.Tensor | None, *causes: torch.Tensor) -> torch.Tensor | None:
    """A gradient that says so when somebody differentiates it again."""
    if grad is None or not torch.is_grad_enabled():
        return grad
    return _Once.apply(grad, *causes)


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, grad, *causes):
        return grad.view_as(grad)

    @staticmethod
    def backward(ctx, *grads):
        raise RuntimeError(
            "cusnn.torch: a surrogate gradient has no gradient of its own; use create_graph only "
            "where nothing is differentiated through a spiking layer twice"
        )
