"""Front doors of the optimizers: one step, in place."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cusnn import contract, dispatch
from cusnn.ops import checks


@dataclass(frozen=True)
class AdamCoefficients:
    """What a backend gets of a step of Adam: float32 numbers, bias already corrected.

    Attributes:
        rate: learning rate over 1 - beta_first^step.
        beta_first, rest_first: decay of the first moment, and 1 minus it.
        beta_second, rest_second: the same of the second moment.
        scale_second: 1 over the square root of 1 - beta_second^step.
        epsilon: what the step's size is at least divided by.
        keep: what remains of a parameter after the decay of weights.
    """

    rate: np.float32
    beta_first: np.float32
    rest_first: np.float32
    beta_second: np.float32
    rest_second: np.float32
    scale_second: np.float32
    epsilon: np.float32
    keep: np.float32


@dataclass(frozen=True)
class SGDCoefficients:
    """What a backend gets of a step of SGD.

    Attributes:
        rate: learning rate.
        momentum: decay of the velocity.
        keep: what remains of a parameter after the decay of weights.
        nesterov: whether the step looks ahead.
    """

    rate: np.float32
    momentum: np.float32
    keep: np.float32
    nesterov: bool


def adam_step(
    parameter,
    grad,
    first,
    second,
    *,
    step: int,
    rate: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
    decay: float = 0.0,
    backend: str | None = None,
) -> None:
    """One step of Adam, with decoupled weight decay (AdamW), in place.

        first     = beta_1 first + (1 - beta_1) grad
        second    = beta_2 second + (1 - beta_2) grad grad
        size      = sqrt(second) / sqrt(1 - beta_2^step) + epsilon
        parameter = (1 - rate decay) parameter - rate / (1 - beta_1^step) (first / size)

    What depends on neither parameter nor gradient is made in float64 and rounded once; the rest is
    float32, one rounding per operation. Moments below 1e-30 become 0.

    Args:
        parameter: what is learned, float32 of any shape, changed.
        grad: its gradient, float32 of the same shape.
        first, second: moments, float32 of the same shape, changed; zeros to start with.
        step: number of this step, from 1.
        rate: learning rate.
        betas: decay of the first and of the second moment, 0 to below 1.
        epsilon: above 0; keeps the division finite.
        decay: decay of weights per unit of ``rate``.
        backend: "numpy", "numba" or "cuda"; None for what the arrays decide.

    The results are the same bits on every backend.

    Returns:
        None: ``parameter``, ``first`` and ``second`` are changed.

    Raises:
        ValueError: shapes that disagree, memory that is shared, a number out of range, or (arrays
            on the CPU) a gradient that is not finite; nothing is changed then.
        TypeError: arrays of another dtype or of several libraries.

    Source: Kingma and Ba (2015), arXiv:1412.6980; Loshchilov and Hutter (2019), arXiv:1711.05101.
    """
    op = contract.OPS["adam_step"]
    whole = isinstance(step, (int, np.integer)) and not isinstance(step, bool)
    if not whole or step < 1:
        raise ValueError(f"{op.name}: step must be an integer from 1, got {step!r}")
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ValueError(f"{op.name}: betas must be two numbers, got {betas!r}")
    one, two = (_number(op.name, "betas", beta, below=1.0) for beta in betas)
    rate = _number(op.name, "rate", rate)
    epsilon = _number(op.name, "epsilon", epsilon)
    if np.float32(epsilon) == 0:
        raise ValueError(f"{op.name}: epsilon must be above 0 in float32, got {epsilon}")
    values = (
        rate / (1.0 - one**step),
        one,
        1.0 - one,
        two,
        1.0 - two,
        1.0 / math.sqrt(1.0 - two**step),
        epsilon,
        1.0 - rate * _number(op.name, "decay", decay),
    )
    arrays = {"parameter": parameter, "grad": grad, "first": first, "second": second}
    _run(op, arrays, AdamCoefficients(*map(np.float32, values)), backend)


def sgd_step(
    parameter,
    grad,
    velocity=None,
    *,
    rate: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    decay: float = 0.0,
    backend: str | None = None,
) -> None:
    """One step of gradient descent, with momentum and decoupled weight decay, in place.

        velocity  = momentum velocity + grad
        step      = velocity                            (grad + momentum velocity with nesterov)
        parameter = (1 - rate decay) parameter - rate step

    Without ``velocity`` the step is the gradient. Float32, one rounding per operation; velocities
    below 1e-30 become 0.

    Args:
        parameter: what is learned, float32 of any shape, changed.
        grad: its gradient, float32 of the same shape.
        velocity: float32 of the same shape, changed; zeros to start with; None without momentum.
        rate: learning rate.
        momentum: decay of the velocity, 0 to below 1.
        nesterov: look ahead.
        decay: decay of weights per unit of ``rate``.
        backend: "numpy", "numba" or "cuda"; None for what the arrays decide.

    The results are the same bits on every backend.

    Returns:
        None: ``parameter`` and ``velocity`` are changed.

    Raises:
        ValueError: shapes that disagree, memory that is shared, momentum without a velocity, a
            number out of range, or (arrays on the CPU) a gradient that is not finite; nothing is
            changed then.
        TypeError: arrays of another dtype or of several libraries.
    """
    op = contract.OPS["sgd_step"]
    rate = _number(op.name, "rate", rate)
    momentum = _number(op.name, "momentum", momentum, below=1.0)
    if velocity is None and (momentum > 0.0 or nesterov):
        raise ValueError(f"{op.name}: momentum needs velocity, zeros to start with, got None")
    keep = 1.0 - rate * _number(op.name, "decay", decay)
    coefficients = SGDCoefficients(*map(np.float32, (rate, momentum, keep)), bool(nesterov))
    _run(op, {"parameter": parameter, "grad": grad, "velocity": velocity}, coefficients, backend)


def _run(op, arrays, coefficients, backend) -> None:
    rows = {name: _flat(op.name, name, array) for name, array in arrays.items()}
    shape = getattr(arrays["parameter"], "shape", None)
    for name, array in arrays.items():
        if shape is not None and getattr(array, "shape", shape) != shape:
            raise ValueError(
                f"{op.name}: {name} must have the shape of parameter, {list(shape)}, "
                f"got {list(array.shape)}"
            )
    sizes = contract.check(op, **rows)
    name, xp = dispatch.choose(op.name, rows, backend, sizes)
    contract.check_memory(op, **rows)
    if xp is np:
        checks.check_finite(op.name, grad=arrays["grad"])
    dispatch.function(name, op)(**rows, coefficients=coefficients)


def _flat(op: str, name: str, array):
    """A view [K]; what is no array goes on to the contract's check."""
    if not hasattr(array, "flags") or not hasattr(array, "reshape"):
        return array
    if not array.flags.c_contiguous:
        raise ValueError(f"{op}: {name} must be C-contiguous; pass numpy.ascontiguousarray of it")
    return array.reshape(-1)


def _number(op: str, name: str, value, below: float = math.inf) -> float:
    number = isinstance(value, (int, float, np.integer, np.floating))
    if not number or isinstance(value, bool) or not 0.0 <= value < below:
        allowed = "a finite number >= 0" if below == math.inf else f"0 to below {below:g}"
        raise ValueError(f"{op}: {name} must be {allowed}, got {value!r}")
    return float(value)
