"""Front doors of recurrent neurons: what fired in a step arrives in the next, and the way back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cusnn import contract, dispatch
from cusnn.ops import checks
from cusnn.ops.checks import INTERVAL


class RecurrentForward(NamedTuple):
    """What ``recurrent_forward`` returns; an output that was not asked for is None.

    Attributes:
        spikes: 1 where a neuron fired, uint8 [T, B, N]; the last step's are ``spikes_before`` of
            a call that goes on.
        final_state: state after the last step, float32 [S, B, N].
        packed: the spikes as bits, uint32 [T, B, ceil(N / 32)].
        checkpoints: state before every ``interval``-th step, float32 [Q, S, B, N].
    """

    spikes: np.ndarray | None
    final_state: np.ndarray
    packed: np.ndarray | None
    checkpoints: np.ndarray | None


class RecurrentGradients(NamedTuple):
    """What ``recurrent_backward`` returns.

    Attributes:
        current: gradient with respect to the input, float32 [T, B, N].
        weights: gradient with respect to the weights, float32 [N, N]; None if not asked for.
        spikes_before: gradient with respect to the spikes before the first step, float32 [B, N].
        state: gradient with respect to the initial state, float32 [S, B, N].
        coefficients: gradient by coefficient name, as in ``NeuronGradients``.
    """

    current: np.ndarray
    weights: np.ndarray | None
    spikes_before: np.ndarray
    state: np.ndarray
    coefficients: dict[str, np.ndarray] | None


def recurrent_forward(
    current,
    weights,
    spikes_before,
    state,
    neuron,
    *,
    dt: float = 1.0,
    spikes: bool = True,
    packed: bool = False,
    checkpoints: bool = False,
    interval: int = INTERVAL,
    out: RecurrentForward | None = None,
    backend: str | None = None,
) -> RecurrentForward:
    """Run neurons that feed one another for T steps; a spike arrives one step later.

        total[t, b, m] = current[t, b, m] + sum over n that fired in step t - 1 of weights[n, m]

    and then the step of the neuron's class, with ``total`` for its current.

    Args:
        current: input from outside, float32 [T, B, N]; pA, mV where the neuron has
            ``input="voltage"``.
        weights: from row to column, float32 [N, N], in the unit of ``current``.
        spikes_before: what fired in the step before the first, uint8 [B, N]; zeros to start with.
        state: state before the first step, float32 [S, B, N].
        neuron: ``LIF``, ``CubaLIF`` with one synaptic current, or another that has gradients.
        dt: step, ms.
        spikes: return one byte per neuron and step.
        packed: return one bit per neuron and step, which ``recurrent_backward`` needs.
        checkpoints: return the states that ``recurrent_backward`` needs.
        interval: steps between checkpoints, 1 to 16.
        out: outputs of an earlier call of the same shape, written again; ``out.final_state`` may
            be ``state`` itself.
        backend: "numpy", "numba" or "cuda"; None for what the arrays decide.

    Returns:
        RecurrentForward. To the current of a step the rows are added one by one in ascending n, in
        float32: the spikes are the same bits on every backend.

    Raises:
        ValueError: shapes that disagree, no step, sample or neuron, an interval out of range, an
            output that shares memory with another array, or (arrays on the CPU) state that is not
            finite, or input or weights that are not and that a neuron took.
        TypeError: arrays of another dtype or of several libraries, or another neuron.
    """
    op = contract.OPS["recurrent_forward"]
    checks.check_differentiable(op.name, neuron)
    brought = checks.check_out(op.name, out, RecurrentForward)
    inputs = {
        "current": current,
        "weights": weights,
        "spikes_before": spikes_before,
        "state": state,
    }
    sizes = checks.check_sizes(op, neuron, "N", interval, **inputs)
    given = {f"out.{name}": array for name, array in brought.items()}
    name, xp = dispatch.choose(op.name, inputs | given, backend, sizes)
    wanted = {"spikes": spikes, "packed": packed, "checkpoints": checkpoints}
    skip = tuple(output for output, want in wanted.items() if not want)
    given = {output: array for output, array in brought.items() if output not in skip}
    outputs = contract.allocate(op, xp, sizes, skip, **given)
    contract.check_memory(op, **inputs, **outputs)
    if xp is np:
        in_place = np.may_share_memory(outputs["final_state"], state)
        arriving = {"current": current, "weights": weights} if in_place else {}
        checks.check_finite(op.name, state=state, **arriving)
    dispatch.function(name, op)(
        **inputs, **outputs, coefficients=neuron.coefficients(dt), interval=int(interval)
    )
    if xp is np and not checks.all_finite(outputs["final_state"]):
        checks.check_finite(op.name, current=current, weights=weights)
        raise ValueError(f"{op.name}: the state overflowed float32: scale the input down")
    return RecurrentForward(**outputs)


def recurrent_backward(
    current,
    weights,
    spikes_before,
    packed,
    checkpoints,
    grad_spikes,
    neuron,
    *,
    dt: float = 1.0,
    surrogate=None,
    detach_reset: bool = False,
    grad_final_state=None,
    grad_weights: bool = True,
    coefficients: bool = False,
    interval: int = INTERVAL,
    backend: str | None = None,
) -> RecurrentGradients:
    """Gradient of T steps through time and through the recurrent weights.

    With grad_current[t] as in ``neuron_backward``, of spikes whose gradient is

        grad_spikes[t, b, n] + sum over m of grad_current[t + 1, b, m] weights[n, m]

    (the second term 0 in the last step),

        grad_weights[n, m]     = sum over (t, b), n having fired in t - 1, of grad_current[t, b, m]
        grad_spikes_before[b, n] = sum over m of grad_current[0, b, m] weights[n, m]

    Args:
        current, weights, spikes_before: the inputs of the forward call.
        packed, checkpoints: what forward returned with ``packed=True`` and ``checkpoints=True``,
            uint32 [T, B, ceil(N / 32)] and float32 [Q, S, B, N].
        grad_spikes: gradient with respect to the spikes, float32 [T, B, N].
        neuron, dt, interval: as in forward.
        surrogate: of ``cusnn.surrogates``; None for ``FastSigmoid()``.
        detach_reset: treat the spike in the reset as a constant.
        grad_final_state: gradient with respect to the final state, float32 [S, B, N], or None.
        grad_weights: return the gradient with respect to the weights.
        coefficients: also return gradients with respect to the neuron's coefficients per step.
        backend: "numpy", "numba" or "cuda"; None for what the arrays decide.

    Returns:
        RecurrentGradients. NumPy and Numba give the same bits: products with the weights are added
        up in ascending m, and gradients of the weights from the last step to the first, in a step
        from the first sample to the last. CUDA adds up the gradients of the weights in an order of
        its own, the same on every run. What a call does with ``grad_spikes_before`` and ``state``
        of the call after it (added to its last ``grad_spikes``; as ``grad_final_state``) makes
        parts of a run chain into the whole.

    Raises:
        ValueError: as ``recurrent_forward``; also (arrays on the CPU) spikes past the last neuron,
            checkpoints that are not finite, or an input or a gradient that is not and that made
            the results so. Gradients that overflow float32 on their way are passed on.
        TypeError: arrays of another dtype or of several libraries, another neuron, or no
            surrogate.

    Source: as ``neuron_backward``.
    """
    op = contract.OPS["recurrent_backward"]
    checks.check_differentiable(op.name, neuron)
    coefficients_of = checks.check_surrogate(op.name, surrogate)
    inputs = {
        "current": current,
        "weights": weights,
        "spikes_before": spikes_before,
        "packed": packed,
        "checkpoints": checkpoints,
        "grad_spikes": grad_spikes,
        "grad_final_state": grad_final_state,
    }
    sizes = checks.check_sizes(op, neuron, "N", interval, **inputs)
    contract.check(op, sizes, packed=packed)
    name, xp = dispatch.choose(op.name, inputs, backend, sizes)
    wanted = {"grad_weights": grad_weights, "grad_coefficients": coefficients}
    skip = tuple(output for output, want in wanted.items() if not want)
    outputs = contract.allocate(op, xp, sizes, skip)
    if xp is np:
        checks.check_packed(op.name, "packed", packed, sizes["N"])
        checks.check_finite(op.name, checkpoints=checkpoints)
    dispatch.function(name, op)(
        **inputs,
        **outputs,
        coefficients=neuron.coefficients(dt),
        interval=int(interval),
        surrogate=coefficients_of,
        detach_reset=bool(detach_reset),
    )
    if xp is np and not checks.all_finite(outputs["grad_current"], outputs["grad_state"]):
        for harmless in ("packed", "checkpoints", "spikes_before"):
            del inputs[harmless]
        checks.check_finite(op.name, **inputs)
    return RecurrentGradients(
        outputs["grad_current"],
        outputs["grad_weights"],
        outputs["grad_spikes_before"],
        outputs["grad_state"],
        checks.by_name(neuron, outputs["grad_coefficients"]),
    )
