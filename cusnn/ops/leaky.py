"""Front doors of the leaky integrator: membranes without spikes, and the way back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cusnn import contract, dispatch
from cusnn.neurons import LI
from cusnn.ops import checks


class LeakyForward(NamedTuple):
    """What ``leaky_forward`` returns.

    Attributes:
        membrane: voltage after every step, float32 [T, B, N].
        final_state: state after the last step, float32 [1, B, N].
    """

    membrane: np.ndarray
    final_state: np.ndarray


class LeakyGradients(NamedTuple):
    """What ``leaky_backward`` returns.

    Attributes:
        current: gradient with respect to the input, float32 [T, B, N].
        state: gradient with respect to the initial state, float32 [1, B, N].
        coefficients: gradient by coefficient name (``decay``, ``gain``, ``drive``): one number
            each where the parameters are numbers, [N] where they are per neuron; None if not
            asked for.
    """

    current: np.ndarray
    state: np.ndarray
    coefficients: dict[str, np.ndarray] | None


def leaky_forward(
    current,
    state,
    neuron: LI,
    *,
    dt: float = 1.0,
    out: LeakyForward | None = None,
    backend: str | None = None,
) -> LeakyForward:
    """Run leaky integrators for T steps and return their membranes.

        v[t] = decay v[t - 1] + (gain current[t] + drive),   0 where that is below 1e-30

    Args:
        current: input, float32 [T, B, N]; pA, mV where the neuron has ``input="voltage"``.
        state: voltage before the first step, mV, float32 [1, B, N].
        neuron: a ``cusnn.LI``; its parameters are numbers or arrays [N].
        dt: step, ms.
        out: outputs of an earlier call of the same shape, written again; ``out.final_state`` may
            be ``state`` itself.
        backend: "numpy", "numba" or "cuda"; None for what the arrays decide.

    Returns:
        LeakyForward, the same bits on every backend.

    Raises:
        ValueError: shapes that disagree, no step, sample or neuron, an output that shares memory
            with another array, or (arrays on the CPU) a state or an input that is not finite.
        TypeError: arrays of another dtype or of several libraries, or a neuron that is no ``LI``.
    """
    op = contract.OPS["leaky_forward"]
    _check_neuron(op.name, neuron)
    brought = checks.check_out(op.name, out, LeakyForward)
    inputs = {"current": current, "state": state}
    sizes = checks.check_sizes(op, neuron, "N", None, **inputs)
    given = {f"out.{name}": array for name, array in brought.items()}
    name, xp = dispatch.choose(op.name, inputs | given, backend, sizes)
    outputs = contract.allocate(op, xp, sizes, **brought)
    contract.check_memory(op, **inputs, **outputs)
    if xp is np:
        in_place = np.may_share_memory(outputs["final_state"], state)
        checks.check_finite(op.name, state=state, current=current if in_place else None)
    dispatch.function(name, op)(**inputs, **outputs, coefficients=neuron.coefficients(dt))
    if xp is np and not checks.all_finite(outputs["final_state"]):
        checks.check_finite(op.name, current=current)
        raise ValueError(f"{op.name}: the state overflowed float32: scale the input down")
    return LeakyForward(**outputs)


def leaky_backward(
    grad_membrane,
    neuron: LI,
    *,
    current=None,
    membrane=None,
    state=None,
    dt: float = 1.0,
    grad_final_state=None,
    coefficients: bool = False,
    backend: str | None = None,
) -> LeakyGradients:
    """Gradient of the leaky integrators' T steps.

        total           = grad_membrane[t] + grad_v
        grad_current[t] = gain total
        grad_v          = decay total,   0 where that is below 1e-30

    from the last step to the first, with grad_v the gradient of the final state to start with and
    of the initial state in the end.

    Args:
        grad_membrane: gradient with respect to the membranes, float32 [T, B, N].
        neuron, dt: as in forward.
        current, membrane, state: inputs and output of the forward call, which only the gradients
            of the coefficients need.
        grad_final_state: gradient with respect to the final state, float32 [1, B, N], or None.
        coefficients: also return gradients with respect to the coefficients per step.
        backend: "numpy", "numba" or "cuda"; None for what the arrays decide.

    Returns:
        LeakyGradients, the same bits on every backend, but for the sums in ``coefficients`` over
        batch and neurons, which run in an order of the array library's own.

    Raises:
        ValueError: shapes that disagree, no step, sample or neuron, ``coefficients`` without the
            arrays they need, or (arrays on the CPU) an input that is not finite and that made the
            results so.
        TypeError: arrays of another dtype or of several libraries, or a neuron that is no ``LI``.
    """
    op = contract.OPS["leaky_backward"]
    _check_neuron(op.name, neuron)
    needed = {"current": current, "membrane": membrane, "state": state}
    missing = [name for name, array in needed.items() if array is None]
    if coefficients and missing:
        raise ValueError(f"{op.name}: gradients of coefficients need {', '.join(missing)}")
    inputs = {
        "grad_membrane": grad_membrane,
        "grad_final_state": grad_final_state,
        **(needed if coefficients else dict.fromkeys(needed)),
    }
    sizes = checks.check_sizes(op, neuron, "N", None, **inputs)
    name, xp = dispatch.choose(op.name, inputs, backend, sizes)
    outputs = contract.allocate(op, xp, sizes, () if coefficients else ("grad_coefficients",))
    dispatch.function(name, op)(**inputs, **outputs, coefficients=neuron.coefficients(dt))
    if xp is np and not checks.all_finite(*outputs.values()):
        checks.check_finite(op.name, **inputs)
    return LeakyGradients(
        outputs["grad_current"],
        outputs["grad_state"],
        checks.by_name(neuron, outputs["grad_coefficients"]),
    )


def _check_neuron(op: str, neuron) -> None:
    if type(neuron) is not LI:
        raise TypeError(f"{op}: neuron must be a cusnn.LI, got {neuron!r}")
