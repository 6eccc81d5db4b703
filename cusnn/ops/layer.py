"""Front doors of the fused layer: spikes times weights straight into neurons, and the way back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cusnn import contract, dispatch
from cusnn.ops import checks
from cusnn.ops.neuron import INTERVAL

METHODS = ("auto", "event", "dense")
# Share of inputs that fire, of all inputs and steps, above which a library's dense product is the
# faster one; by backend. The reference is not there to be fast, and a GPU is not asked, since the
# host would have to wait for the count.
CROSSOVER = {"numba": 0.4}


class LayerForward(NamedTuple):
    """What ``layer_forward`` returns; an output that was not asked for is None.

    Attributes:
        spikes: 1 where a neuron fired, uint8 [T, B, M].
        final_state: state after the last step, float32 [S, B, M].
        packed: the spikes as bits, uint32 [T, B, ceil(M / 32)].
        checkpoints: state before every ``interval``-th step, float32 [Q, S, B, M].
        currents: input current of the neurons, float32 [T, B, M].
    """

    spikes: np.ndarray | None
    final_state: np.ndarray
    packed: np.ndarray | None
    checkpoints: np.ndarray | None
    currents: np.ndarray | None


class LayerGradients(NamedTuple):
    """What ``layer_backward`` returns; a gradient that was not asked for is None.

    Attributes:
        weights: gradient with respect to the weights, float32 [N, M].
        bias: gradient with respect to the bias, float32 [M].
        spikes_in: gradient with respect to the spikes that came in, float32 [T, B, N].
        state: gradient with respect to the initial state, float32 [S, B, M].
        coefficients: gradient by coefficient name, as in ``NeuronGradients``.
    """

    weights: np.ndarray | None
    bias: np.ndarray | None
    spikes_in: np.ndarray | None
    state: np.ndarray
    coefficients: dict[str, np.ndarray] | None


def layer_forward(
    packed_in,
    weights,
    state,
    neuron,
    *,
    bias=None,
    dt: float = 1.0,
    spikes: bool = True,
    packed: bool = False,
    checkpoints: bool = False,
    currents: bool = False,
    interval: int = INTERVAL,
    method: str = "auto",
    out: LayerForward | None = None,
    backend: str | None = None,
) -> LayerForward:
    """Run a fully connected layer of spiking neurons for T steps.

        current[t, b, m] = bias[m] + sum over n that fired in (t, b) of weights[n, m]

    and then the step of the neuron's class. The current goes from the sum into the neuron without
    being stored.

    Args:
        packed_in: spikes that come in as bits, uint32 [T, B, ceil(N / 32)], as ``spike_pack``
            and ``packed=True`` make them.
        weights: float32 [N, M]; pA per spike (mV where the neuron has ``input="voltage"``).
        state: state before the first step, float32 [S, B, M]; ``initial_state`` makes it.
        neuron: ``LIF``, ``CubaLIF`` with one synaptic current, or another that has gradients.
        bias: constant current, float32 [M], pA; None for none.
        dt: step, ms.
        spikes: return one byte per neuron and step.
        packed: return one bit per neuron and step: what the next layer takes.
        checkpoints: return what ``layer_backward`` needs.
        currents: return the currents. ``layer_backward`` takes them in place of adding them up
            again, which costs 4 bytes per neuron and step and saves about a quarter of its time.
        interval: steps between checkpoints, 1 to 16.
        method: "event" adds up the rows of the inputs that fired; "dense" multiplies with all of
            them, by the array library's matrix product; "auto" counts the spikes and takes
            "event" up to the measured crossover.
        out: outputs of an earlier call of the same shape, written again; ``out.final_state`` may
            be ``state`` itself.
        backend: "numpy", "numba" or "cuda"; None for what the arrays decide.

    Returns:
        LayerForward. By "event" each current is the bias (or 0), to which the rows are added one
        by one in ascending n, in float32: the spikes are the same bits on every backend, with any
        number of threads, and those of ``spike_matmul`` and ``neuron_forward`` where there is no
        bias. By "dense" the order is the library's: a current differs from the other by at most
        (N + 1) 2^-23 times the sum of its terms' magnitudes, and a neuron that close to its
        threshold may fire in another step.

    Raises:
        ValueError: shapes that disagree, no step, sample or neuron, an interval or a method that
            is none, an output that shares memory with another array, or (arrays on the CPU) spikes
            past the last neuron, or a state, weight or bias that is not finite and that a neuron
            took.
        TypeError: arrays of another dtype or of several libraries, or another neuron.
    """
    op = contract.OPS["layer_forward"]
    checks.check_differentiable(op.name, neuron)
    brought = checks.check_out(op.name, out, LayerForward)
    inputs = {"packed_in": packed_in, "weights": weights, "bias": bias, "state": state}
    sizes = _sizes(op, neuron, interval, method, **inputs)
    given = {f"out.{name}": array for name, array in brought.items()}
    name, xp = dispatch.choose(op.name, inputs | given, backend, sizes)
    wanted = {
        "spikes": spikes,
        "packed": packed,
        "checkpoints": checkpoints,
        "currents": currents,
    }
    skip = tuple(output for output, want in wanted.items() if not want)
    given = {output: array for output, array in brought.items() if output not in skip}
    outputs = contract.allocate(op, xp, sizes, skip, **given)
    contract.check_memory(op, **inputs, **outputs)
    if xp is np:
        checks.check_packed(op.name, "packed_in", packed_in, sizes["N"])
        in_place = np.may_share_memory(outputs["final_state"], state)
        arriving = {"weights": weights, "bias": bias} if in_place else {}
        checks.check_finite(op.name, state=state, **arriving)
    dispatch.function(name, op)(
        **inputs,
        **outputs,
        coefficients=neuron.coefficients(dt),
        interval=int(interval),
        method=_chosen(name, method, packed_in, sizes),
    )
    if xp is np and not checks.all_finite(outputs["final_state"]):
        checks.check_finite(op.name, weights=weights, bias=bias)
        raise ValueError(f"{op.name}: the state overflowed float32: scale the weights down")
    return LayerForward(**outputs)


def layer_backward(
    packed_in,
    weights,
    checkpoints,
    grad_spikes,
    neuron,
    *,
    bias=None,
    currents=None,
    dt: float = 1.0,
    surrogate=None,
    detach_reset: bool = False,
    grad_final_state=None,
    grad_weights: bool = True,
    grad_bias: bool | None = None,
    grad_spikes_in: bool = False,
    coefficients: bool = False,
    interval: int = INTERVAL,
    method: str = "auto",
    out: LayerGradients | None = None,
    backend: str | None = None,
) -> LayerGradients:
    """Gradient of a layer's T steps, with a surrogate for the derivative of the spike.

    With grad_current as in ``neuron_backward``, from the same checkpoints and the same currents,

        grad_weights[n, m]     = sum over (t, b) in which n fired of grad_current[t, b, m]
        grad_bias[m]           = sum over (t, b) of grad_current[t, b, m]
        grad_spikes_in[t, b, n] = sum over m of grad_current[t, b, m] weights[n, m]

    Args:
        packed_in, weights, bias: the inputs of the forward call.
        checkpoints: what forward returned with ``checkpoints=True``, float32 [Q, S, B, M].
        grad_spikes: gradient with respect to the spikes, float32 [T, B, M].
        neuron, dt, interval, method: as in forward.
        currents: what forward returned with ``currents=True``; None to add them up again.
        surrogate: of ``cusnn.surrogates``; None for ``FastSigmoid()``.
        detach_reset: treat the spike in the reset as a constant.
        grad_final_state: gradient with respect to the final state, float32 [S, B, M], or None.
        grad_weights: return the gradient with respect to the weights.
        grad_bias: return the gradient with respect to the bias; None for whether there is one.
        grad_spikes_in: return the gradient with respect to the spikes that came in: a full
            product, which takes the time of one, whatever fired.
        coefficients: also return gradients with respect to the neuron's coefficients per step.
        out: gradients of an earlier call of the same shape, written again (``coefficients`` are
            always new).
        backend: "numpy", "numba" or "cuda"; None for what the arrays decide.

    Returns:
        LayerGradients. By "event", NumPy and Numba give the same bits, with any number of threads
        and whatever the interval, but for ``spikes_in``: ``weights`` and ``bias`` are added up
        from the last step to the first, and in a step from the first sample to the last, on
        CUDA too. Sums in another order (by "dense", of ``spikes_in``) differ by at most
        (terms + 1) 2^-23 times the sum of their terms' magnitudes.

    Raises:
        ValueError: as ``layer_forward``; also (arrays on the CPU) checkpoints that are not finite,
            or an input or a gradient that is not and that made the results so. Gradients that
            overflow float32 on their way are passed on.
        TypeError: arrays of another dtype or of several libraries, another neuron, or no
            surrogate.

    Source: as ``neuron_backward``.
    """
    op = contract.OPS["layer_backward"]
    checks.check_differentiable(op.name, neuron)
    coefficients_of = checks.check_surrogate(op.name, surrogate)
    brought = checks.check_out(op.name, out, LayerGradients)
    inputs = {
        "packed_in": packed_in,
        "weights": weights,
        "bias": bias,
        "checkpoints": checkpoints,
        "currents": currents,
        "grad_spikes": grad_spikes,
        "grad_final_state": grad_final_state,
    }
    sizes = _sizes(op, neuron, interval, method, **inputs)
    brought.pop("coefficients", None)
    given = {f"out.{name}": array for name, array in brought.items()}
    name, xp = dispatch.choose(op.name, inputs | given, backend, sizes)
    wanted = {
        "grad_weights": grad_weights,
        "grad_bias": bias is not None if grad_bias is None else grad_bias,
        "grad_spikes_in": grad_spikes_in,
        "grad_coefficients": coefficients,
    }
    # On the CPU the gradient of the bias tells whether all gradients of currents are finite.
    needed = wanted | ({"grad_bias": True} if xp is np else {})
    skip = tuple(output for output, want in needed.items() if not want)
    given = {f"grad_{field}": array for field, array in brought.items()}
    given = {output: array for output, array in given.items() if wanted.get(output, True)}
    outputs = contract.allocate(op, xp, sizes, skip, **given)
    contract.check_memory(op, **inputs, **outputs)
    if xp is np:
        checks.check_packed(op.name, "packed_in", packed_in, sizes["N"])
        checks.check_finite(op.name, checkpoints=checkpoints)
    dispatch.function(name, op)(
        **inputs,
        **outputs,
        coefficients=neuron.coefficients(dt),
        interval=int(interval),
        surrogate=coefficients_of,
        detach_reset=bool(detach_reset),
        method=_chosen(name, method, packed_in, sizes),
    )
    if xp is np and not checks.all_finite(outputs["grad_bias"], outputs["grad_state"]):
        del inputs["packed_in"], inputs["checkpoints"]
        checks.check_finite(op.name, **inputs)
    return LayerGradients(
        outputs["grad_weights"],
        outputs["grad_bias"] if wanted["grad_bias"] else None,
        outputs["grad_spikes_in"],
        outputs["grad_state"],
        checks.by_name(neuron, outputs["grad_coefficients"]),
    )


def _sizes(op, neuron, interval, method, **arrays):
    if method not in METHODS:
        raise ValueError(f"{op.name}: method must be one of {', '.join(METHODS)}, got {method!r}")
    sizes = checks.check_sizes(op, neuron, "M", interval, **arrays)
    if sizes["V"] != -(-sizes["N"] // 32):
        raise ValueError(
            f"{op.name}: packed_in must have {-(-sizes['N'] // 32)} words for the N={sizes['N']} "
            f"rows of weights, got V={sizes['V']}"
        )
    return sizes


def _chosen(backend: str, method: str, packed_in, sizes) -> str:
    """ "event" or "dense"."""
    if method != "auto":
        return method
    if backend not in CROSSOVER:
        return "event"
    spikes = int(np.bitwise_count(packed_in).sum(dtype=np.int64))
    most = CROSSOVER[backend] * sizes["T"] * sizes["B"] * sizes["N"]
    return "event" if spikes <= most else "dense"
