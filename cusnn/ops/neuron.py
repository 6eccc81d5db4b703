"""Front doors of the neuron operations: T fused steps forward, and the way back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cusnn import contract, dispatch
from cusnn.ops import checks
from cusnn.ops.checks import INTERVAL
from cusnn.ops.neuron_checks import (
    check_final,
    check_neuron,
    check_reals,
    every_step,
    sizes_and_coefficients,
    surrogate_of,
)

SPIKES = contract.OPS["neuron_forward"].arg("spikes")


class NeuronForward(NamedTuple):
    """What ``neuron_forward`` returns; an output that was not asked for is None.

    Attributes:
        spikes: 1 where a neuron fired, [T, B, N] of ``spikes_dtype``.
        final_state: state after the last step, float32 [S, B, N].
        packed: the spikes as bits, uint32 [T, B, ceil(N / 32)]; bit j of word w is neuron
            32 w + j.
        checkpoints: state before every ``interval``-th step, float32 [Q, S, B, N].
    """

    spikes: np.ndarray | None
    final_state: np.ndarray
    packed: np.ndarray | None
    checkpoints: np.ndarray | None


class NeuronGradients(NamedTuple):
    """What ``neuron_backward`` returns.

    Attributes:
        current: gradient with respect to the input, [T, B, N] of its dtype; [B, N] where it was
            static.
        state: gradient with respect to the initial state, float32 [S, B, N].
        coefficients: gradient by coefficient name (``decay``, ``v_threshold``, ...): one number
            each where the neuron's parameters are numbers, [N] where they are per neuron; None
            if not asked for.
    """

    current: np.ndarray
    state: np.ndarray
    coefficients: dict[str, np.ndarray] | None


def initial_state(neuron, shape: tuple[int, int], xp=np):
    """State of neurons at rest: voltage at ``v_leak``, no synaptic input, not refractory.

    Args:
        neuron: a model of ``cusnn.neurons`` or ``cusnn.conventions``.
        shape: (B, N).
        xp: array library, NumPy or CuPy.

    Returns:
        float32 [S, B, N].

    Raises:
        TypeError: no neuron, or a shape that is not two integers.
        ValueError: a negative size, or one that is not that of the neuron's parameters.
        MemoryError: no room for so many.
    """
    check_neuron("initial_state", neuron)
    batch, n = _two_sizes(shape)
    if neuron.size not in (None, n):
        raise ValueError(f"initial_state: the neuron has parameters for {neuron.size}, not {n}")
    lengths = (len(neuron.state), batch, n)
    state = contract.new("initial_state", "the state", xp.zeros, lengths, "float32")
    for row, value in zip(state, neuron.resting_state, strict=True):
        row[...] = xp.asarray(value, dtype="float32")
    return state


def neuron_forward(
    current,
    state,
    neuron,
    *,
    dt: float = 1.0,
    spikes: bool = True,
    packed: bool = False,
    checkpoints: bool = False,
    interval: int = INTERVAL,
    steps: int | None = None,
    spikes_dtype: str = "uint8",
    out: NeuronForward | None = None,
    backend: str | None = None,
) -> NeuronForward:
    """Run a population for T steps: integrate, fire, reset, with the state in registers.

    The equations are those of the neuron's class.

    Args:
        current: input float32 [T, B, N]; pA, mV where the neuron has ``input="voltage"``, nS for
            ``CobaLIF``. Neurons with two synaptic states take what is positive as excitation and
            what is negative as inhibition. A static input [B, N], with ``steps``, is that of
            every step, and is read once.
            On CUDA it may be float16 or bfloat16 (the dtype of ml_dtypes): ``LIF``, ``CubaLIF`` and
            ``ALIF`` then do what they do for the same numbers in float32.
        state: state before the first step, float32 [S, B, N], rows as in ``neuron.state``.
        neuron: a model of ``cusnn.neurons`` or ``cusnn.conventions``; its parameters are numbers
            or arrays [N].
        dt: step, ms.
        spikes: return a number per neuron and step.
        packed: return one bit per neuron and step.
        checkpoints: return what ``neuron_backward`` needs.
        interval: steps between checkpoints, 1 to 16.
        steps: number of steps T of a static input; None where ``current`` says it.
        spikes_dtype: "uint8" or "float32" for the spikes; also the input's, where it has 16 bits.
        out: outputs of an earlier call of the same shape, written again; ``out.final_state`` may
            be ``state`` itself.
        backend: "numpy", "numba" or "cuda"; None for what the arrays decide.

    Returns:
        NeuronForward. The spikes are the same bits on every backend.

    On CUDA a call with ``out`` allocates nothing, copies nothing and waits for nothing, once it has
    been made with the same neuron and dtypes, as a capture in a CUDA graph
    (``cupy.cuda.Stream.begin_capture``) asks; no capture has been tried on a GPU yet.

    Raises:
        ValueError: shapes that disagree, a static input without steps, an interval out of range,
            an output that shares memory with another array, or (arrays on the CPU) state that is
            not finite, or input that is not and that a neuron took. On the GPU, where nobody waits
            for the result, a voltage that is not finite stays so to the end.
        TypeError: arrays of another dtype or of several libraries.
    """
    op = contract.OPS["neuron_forward"]
    if spikes_dtype not in SPIKES.dtypes:
        allowed = " or ".join(map(repr, SPIKES.dtypes))
        raise ValueError(f"{op.name}: spikes_dtype must be {allowed}, got {spikes_dtype!r}")
    own = checks.check_out(op.name, out, NeuronForward)
    arriving, steps = every_step(op.name, current, steps)
    sizes, coefficients = sizes_and_coefficients(
        op, neuron, dt, interval, steps, current=arriving, state=state
    )
    brought = {f"out.{key}": array for key, array in own.items()}
    name, xp = dispatch.choose(
        op.name, {"current": current, "state": state, **brought}, backend, sizes
    )
    halves = spikes_dtype if spikes_dtype in contract.HALVES else None
    check_reals(op.name, name, neuron, arriving, spikes_dtype=halves)
    wanted = {"spikes": spikes, "packed": packed, "checkpoints": checkpoints}
    skip = tuple(output for output, want in wanted.items() if not want)
    given = {key: array for key, array in own.items() if key not in skip}
    dtypes = {"spikes": arriving.dtype if halves else spikes_dtype}
    outputs = contract.allocate(op, xp, sizes, skip, dtypes=dtypes, **given)
    if spikes and outputs["spikes"].dtype.name != spikes_dtype:
        raise TypeError(
            f"{op.name}: out.spikes is {outputs['spikes'].dtype}, "
            f"but spikes_dtype is {spikes_dtype!r}"
        )
    contract.check_memory(op, current=arriving, state=state, **outputs)
    if xp is np:
        in_place = np.may_share_memory(outputs["final_state"], state)
        checks.check_finite(op.name, state=state, current=current if in_place else None)
    dispatch.function(name, op)(
        current=arriving,
        state=state,
        **outputs,
        coefficients=coefficients,
        interval=int(interval),
        steps=steps,
    )
    if xp is np:
        check_final(op.name, current, outputs["final_state"])
    return NeuronForward(**outputs)


def neuron_backward(
    current,
    checkpoints,
    grad_spikes,
    neuron,
    *,
    dt: float = 1.0,
    surrogate=None,
    detach_reset: bool = False,
    grad_final_state=None,
    coefficients: bool = False,
    interval: int = INTERVAL,
    out_grad_current=None,
    out_grad_state=None,
    backend: str | None = None,
) -> NeuronGradients:
    """Gradient of T steps through time, with a surrogate for the derivative of the spike.

    The membrane is not stored: each segment of ``interval`` steps is run again from its
    checkpoint, with the same roundings as forward. With g the surrogate's derivative at
    v_pre - v_threshold, and jump what a spike adds to the voltage (v_reset - v_pre for a hard
    reset, -(v_threshold - v_reset) for a soft one):

        grad_spike_total = grad_spike + grad_v jump        (the second term unless detached)
        grad_v_pre       = grad_v (0 where a hard reset took place) + grad_spike_total g
        grad_current     = gain grad_v_pre                 (0 where refractory)
        grad_v before    = decay grad_v_pre                (grad_v where refractory)

    and for ``CubaLIF``, whose membrane moves with the synaptic current of the step before, instead
    of the third

        grad_current     = grad_i
        grad_i before    = decay_syn grad_i + gain grad_v_pre   (the second term 0 where refractory)

    For ``ALIF`` g is taken at v_pre - threshold, with the threshold of the step,
    v_threshold + jump_a a (``neuron.jump``); a spike also raises a, and the threshold has a
    gradient of its own. Only the spike in the reset can be detached.

        grad_spike_total = (grad_spike + grad_a) + grad_v jump
        grad_threshold   = -grad_spike_total g              (-(that + grad_v) in a soft reset)
        grad_a before    = decay_adaptation grad_a + jump_a grad_threshold

    The gradient of a static input is the sum over the steps. The refractory counter carries no
    gradient. Cutting a state below 1e-30 to zero counts as the identity; gradients on their way
    back are cut to zero below 1e-30 as states are.

    Args:
        current: the input of the forward call, float32 [T, B, N], or [B, N] where it was static.
        checkpoints: what forward returned with ``checkpoints=True``, float32 [Q, S, B, N].
        grad_spikes: gradient with respect to the spikes, [T, B, N] of the dtype of ``current``.
        neuron: ``LIF``, ``CubaLIF`` with one synaptic current, ``ALIF``, or one of
            ``cusnn.conventions``, whose equations are in its class.
        dt, interval: as in forward.
        surrogate: of ``cusnn.surrogates``; None for ``FastSigmoid()``, or for the default of a
            convention's library.
        detach_reset: treat the spike in the reset as a constant. What it resets to and by (hard
            ``v_reset``, soft ``v_threshold - v_reset``) keeps its gradient.
        grad_final_state: gradient with respect to the final state, float32 [S, B, N], or None.
        coefficients: also return gradients with respect to the coefficients per step (``decay``,
            ``gain``, ``v_threshold``, ...), each as if it were independent of the others.
        out_grad_current: where to write the gradient of the input, of the shape of ``current``;
            may be ``grad_spikes`` itself, whose numbers are then lost.
        out_grad_state: where to write the gradient of the initial state.
        backend: "numpy", "numba" or "cuda"; None for what the arrays decide.

    Returns:
        NeuronGradients. ``current`` and ``state`` are the same bits on every backend, and so are
        the sums in ``coefficients`` over time; those over batch and neurons run in an order of
        the array library's own.

    With ``out_grad_current`` and ``out_grad_state``, and without ``coefficients``, the same holds
    of a call on CUDA as of one of ``neuron_forward`` with ``out``. With 16 bits only the gradient
    of the input is rounded to them, at the end.

    Raises:
        ValueError: another neuron, shapes that disagree, an interval out of range, or (arrays on
            the CPU) checkpoints, an input or a gradient that are not finite and that made the
            results so. Gradients that overflow float32 on their way are passed on, and so are
            gradients of spikes that are not finite where they have been written over. On the GPU,
            where nobody waits for the result, what is not finite is passed on too: a surrogate is
            NaN where the voltage is.
        TypeError: arrays of another dtype or of several libraries, or no surrogate.

    Source: Neftci, Mostafa and Zenke (2019), doi:10.1109/MSP.2019.2931595; recomputation from
    checkpoints: Chen et al. (2016), arXiv:1604.06174.
    """
    op = contract.OPS["neuron_backward"]
    of_surrogate = surrogate_of(op.name, neuron, surrogate)
    static = len(getattr(current, "shape", ())) == 2
    steps = getattr(grad_spikes, "shape", (None,))[0] if static else None
    arriving, steps = every_step(op.name, current, steps)
    inputs = {
        "current": arriving,
        "checkpoints": checkpoints,
        "grad_spikes": grad_spikes,
        "grad_final_state": grad_final_state,
    }
    sizes, values = sizes_and_coefficients(op, neuron, dt, interval, steps, **inputs)
    brought = {"out_grad_current": out_grad_current, "out_grad_state": out_grad_state}
    name, xp = dispatch.choose(op.name, {**inputs, **brought}, backend, sizes)
    given = {
        "grad_current": _with_time(op.name, out_grad_current, static),
        "grad_state": out_grad_state,
    }
    skip = () if coefficients else ("grad_coefficients",)
    dtypes = {"grad_current": arriving.dtype}
    outputs = contract.allocate(op, xp, sizes, skip, dtypes=dtypes, **given)
    others = {"grad_spikes": grad_spikes, "out_grad_current": outputs["grad_current"]}
    others = {key: array.dtype.name for key, array in others.items()}
    check_reals(op.name, name, neuron, arriving, **others)
    contract.check_memory(op, **inputs, **outputs)
    dispatch.function(name, op)(
        **inputs,
        **outputs,
        coefficients=values,
        interval=int(interval),
        surrogate=of_surrogate,
        detach_reset=bool(detach_reset or neuron.detach_reset),
    )
    if xp is np:
        _check_back(op.name, {**inputs, "current": current}, outputs)
    to_current = outputs["grad_current"]
    return NeuronGradients(
        to_current[0] if static else to_current,
        outputs["grad_state"],
        checks.by_name(neuron, outputs["grad_coefficients"]),
    )


def _with_time(op: str, out_grad_current, static: bool):
    """Where to write the gradient of the input, as [A, B, N]."""
    if out_grad_current is None or not static:
        return out_grad_current
    if len(getattr(out_grad_current, "shape", ())) != 2:
        raise ValueError(f"{op}: out_grad_current must be [B, N] as the static current is")
    return out_grad_current[None]


def _check_back(op: str, inputs: dict, outputs: dict) -> None:
    """A gradient of the voltage that is not finite stays so to the first step."""
    if checks.all_finite(outputs["grad_state"]):
        return
    if np.may_share_memory(outputs["grad_current"], inputs["grad_spikes"]):
        inputs = {key: array for key, array in inputs.items() if key != "grad_spikes"}
    checks.check_finite(op, **inputs)


def _two_sizes(shape) -> tuple[int, int]:
    pair = isinstance(shape, (tuple, list)) and len(shape) == 2
    if not pair or not all(isinstance(size, (int, np.integer)) for size in shape):
        raise TypeError(f"initial_state: shape must be (B, N), two integers, got {shape!r}")
    if min(shape) < 0:
        raise ValueError(f"initial_state: shape must not be negative, got {shape!r}")
    return int(shape[0]), int(shape[1])
