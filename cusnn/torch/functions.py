"""Autograd functions over ``cusnn.ops``; nothing that they do is differentiable twice."""

from __future__ import annotations

import torch

from cusnn.ops import layer, leaky, neuron, recurrent
from cusnn.ops.spikes import spike_unpack
from cusnn.torch.arrays import on_device, to_array, to_tensor
from cusnn.torch.autograd import Settings, contiguous, dense, of_coefficients, once, wanted


def neuron_forward(current, state, settings: Settings, coefficients=(), steps=None):
    """``cusnn.ops.neuron_forward`` with a gradient.

    Args:
        current: input [T, B, N], C-contiguous, or [B, N] where ``steps`` says T; float32, on a
            GPU also 16 bits.
        state: state before the first step, float32 [S, B, N].
        settings: neuron, step, surrogate.
        coefficients: tensors, float64, whose gradient is wanted, in the order of the neuron's
            ``coefficient_names``; their values are not read.
        steps: T of a static input.

    Returns:
        Spikes [T, B, N], of the dtype of ``current``; final state, float32 [S, B, N].
    """
    if wanted(current, state, *coefficients):
        return _Neuron.apply(current, state, settings, steps, *coefficients)
    return _run_neurons(current, state, settings, steps, checkpoints=False)[:2]


def _run_neurons(current, state, settings, steps, *, checkpoints):
    with on_device(current.device):
        result = neuron.neuron_forward(
            to_array(current),
            to_array(state),
            settings.neuron,
            checkpoints=checkpoints,
            steps=steps,
            spikes_dtype=str(current.dtype).removeprefix("torch."),
            **settings.forward,
        )
        outputs = result.spikes, result.final_state, result.checkpoints
        return tuple(to_tensor(output) for output in outputs)


class _Neuron(torch.autograd.Function):
    @staticmethod
    def forward(ctx, current, state, settings, steps, *coefficients):
        spikes, final_state, checkpoints = _run_neurons(
            current, state, settings, steps, checkpoints=True
        )
        ctx.settings, ctx.shape = settings, spikes.shape
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(current, checkpoints, *coefficients)
        return spikes, final_state

    @staticmethod
    def backward(ctx, grad_spikes, grad_final_state):
        current, checkpoints, *coefficients = ctx.saved_tensors
        grads = _neurons_back(ctx, current, checkpoints, grad_spikes, grad_final_state)
        grad_current, grad_state, found = grads
        learnt = of_coefficients(found, ctx.settings, coefficients)
        grads = (grad_current, grad_state, None, None, *learnt)
        return once(grads)


@torch.no_grad()
def _neurons_back(ctx, current, checkpoints, grad_spikes, grad_final_state):
    grad = dense(grad_spikes, current, ctx.shape)
    own = grad_spikes is None or grad.data_ptr() != grad_spikes.data_ptr()
    last = contiguous(grad_final_state)
    with on_device(current.device):
        array = to_array(grad)
        result = neuron.neuron_backward(
            to_array(current),
            to_array(checkpoints),
            array,
            ctx.settings.neuron,
            grad_final_state=to_array(last),
            coefficients=any(ctx.needs_input_grad[4:]),
            out_grad_current=array if own and current.dim() == 3 else None,
            **ctx.settings.backward,
        )
        return to_tensor(result.current), to_tensor(result.state), result.coefficients


def layer_forward(packed, spikes_in, weights, bias, state, settings, coefficients=(), method=None):
    """``cusnn.ops.layer_forward`` with a gradient.

    Args:
        packed: spikes that come in as bits, int32 or uint32 [T, B, ceil(N / 32)].
        spikes_in: the same spikes as numbers, float32 [T, B, N], where their gradient is wanted;
            else None. Their values are not read.
        weights: float32 [N, M].
        bias: float32 [M] or None.
        state: float32 [S, B, M].
        settings, coefficients: as in ``neuron_forward``.
        method: "event", "dense" or "auto".

    Returns:
        Spikes, float32 [T, B, M]; final state, float32 [S, B, M]; the spikes as bits.
    """
    inputs = (packed, spikes_in, weights, bias, state)
    if wanted(*inputs, *coefficients):
        return _Layer.apply(*inputs, settings, method, *coefficients)
    found = _run_layer(packed, weights, bias, state, settings, method, checkpoints=False)
    return found[:3]


def _run_layer(packed, weights, bias, state, settings, method, *, checkpoints):
    with on_device(weights.device):
        result = layer.layer_forward(
            to_array(packed),
            to_array(weights),
            to_array(state),
            settings.neuron,
            bias=to_array(bias),
            spikes=False,
            packed=True,
            checkpoints=checkpoints,
            method=method,
            **settings.forward,
        )
        spikes = _numbers(result.packed, weights.shape[1], settings)
        outputs = spikes, result.final_state, result.packed, result.checkpoints
        return tuple(to_tensor(output) for output in outputs)


def _numbers(packed, n: int, settings):
    """Spikes as PyTorch takes them, from bits: bytes between them would cost a pass more."""
    return spike_unpack(packed, n, dtype="float32", backend=settings.backend)


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx, packed, spikes_in, weights, bias, state, settings, method, *coefficients):
        spikes, final_state, bits, checkpoints = _run_layer(
            packed, weights, bias, state, settings, method, checkpoints=True
        )
        ctx.settings, ctx.method, ctx.shape = settings, method, spikes.shape
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(bits)
        ctx.save_for_backward(packed, weights, bias, checkpoints, *coefficients)
        return spikes, final_state, bits

    @staticmethod
    def backward(ctx, grad_spikes, grad_final_state, _):
        packed, weights, bias, checkpoints, *coefficients = ctx.saved_tensors
        found = _layer_back(ctx, packed, weights, bias, checkpoints, grad_spikes, grad_final_state)
        gradients, grads = found
        learnt = of_coefficients(gradients.coefficients, ctx.settings, coefficients)
        return once((None, *grads, None, None, *learnt))


@torch.no_grad()
def _layer_back(ctx, packed, weights, bias, checkpoints, grad_spikes, grad_final_state):
    _, need_in, need_weights, need_bias, _, _, _, *learning = ctx.needs_input_grad
    grad = dense(grad_spikes, weights, ctx.shape)
    last = contiguous(grad_final_state)
    with on_device(weights.device):
        result = layer.layer_backward(
            to_array(packed),
            to_array(weights),
            to_array(checkpoints),
            to_array(grad),
            ctx.settings.neuron,
            bias=to_array(bias),
            grad_final_state=to_array(last),
            grad_weights=need_weights,
            grad_bias=need_bias,
            grad_spikes_in=need_in,
            coefficients=any(learning),
            method=ctx.method,
            **ctx.settings.backward,
        )
        found = result.spikes_in, result.weights, result.bias, result.state
        return result, [to_tensor(array) for array in found]


def recurrent_forward(current, weights, spikes_before, state, settings, coefficients=()):
    """``cusnn.ops.recurrent_forward`` with a gradient.

    Args:
        current: float32 [T, B, N].
        weights: from row to column, float32 [N, N].
        spikes_before: what fired in the step before the first, float32 [B, N].
        state: float32 [S, B, N].
        settings, coefficients: as in ``neuron_forward``.

    Returns:
        Spikes, float32 [T, B, N]; final state, float32 [S, B, N].
    """
    inputs = (current, weights, spikes_before, state)
    if wanted(*inputs, *coefficients):
        return _Recurrent.apply(*inputs, settings, *coefficients)
    return _run_recurrent(*inputs, settings, training=False)[:2]


def _run_recurrent(current, weights, spikes_before, state, settings, *, training):
    with on_device(current.device):
        result = recurrent.recurrent_forward(
            to_array(current),
            to_array(weights),
            to_array(spikes_before.to(torch.uint8)),
            to_array(state),
            settings.neuron,
            spikes=False,
            packed=True,
            checkpoints=training,
            **settings.forward,
        )
        spikes = _numbers(result.packed, weights.shape[1], settings)
        outputs = spikes, result.final_state, result.packed, result.checkpoints
        return tuple(to_tensor(output) for output in outputs)


class _Recurrent(torch.autograd.Function):
    @staticmethod
    def forward(ctx, current, weights, spikes_before, state, settings, *coefficients):
        spikes, final_state, packed, checkpoints = _run_recurrent(
            current, weights, spikes_before, state, settings, training=True
        )
        ctx.settings = settings
        ctx.set_materialize_grads(False)
        saved = current, weights, spikes_before, packed, checkpoints
        ctx.save_for_backward(*saved, *coefficients)
        return spikes, final_state

    @staticmethod
    def backward(ctx, grad_spikes, grad_final_state):
        *saved, coefficients = *ctx.saved_tensors[:5], ctx.saved_tensors[5:]
        gradients, grads = _recurrent_back(ctx, *saved, grad_spikes, grad_final_state)
        learnt = of_coefficients(gradients.coefficients, ctx.settings, coefficients)
        return once((*grads, None, *learnt))


@torch.no_grad()
def _recurrent_back(
    ctx, current, weights, spikes_before, packed, checkpoints, grad_spikes, grad_final_state
):
    grad = dense(grad_spikes, current, current.shape)
    last = contiguous(grad_final_state)
    with on_device(current.device):
        result = recurrent.recurrent_backward(
            to_array(current),
            to_array(weights),
            to_array(spikes_before.to(torch.uint8)),
            to_array(packed),
            to_array(checkpoints),
            to_array(grad),
            ctx.settings.neuron,
            grad_final_state=to_array(last),
            grad_weights=ctx.needs_input_grad[1],
            coefficients=any(ctx.needs_input_grad[5:]),
            **ctx.settings.backward,
        )
        found = result.current, result.weights, result.spikes_before, result.state
        return result, [to_tensor(array) for array in found]


def leaky_forward(current, state, settings, coefficients=()):
    """``cusnn.ops.leaky_forward`` with a gradient.

    Args:
        current: float32 [T, B, N].
        state: float32 [1, B, N].
        settings, coefficients: as in ``neuron_forward``.

    Returns:
        Membrane after every step, float32 [T, B, N]; final state, float32 [1, B, N].
    """
    if wanted(current, state, *coefficients):
        return _Leaky.apply(current, state, settings, *coefficients)
    return _run_leaky(current, state, settings)


def _run_leaky(current, state, settings):
    with on_device(current.device):
        result = leaky.leaky_forward(
            to_array(current),
            to_array(state),
            settings.neuron,
            dt=settings.dt,
            backend=settings.backend,
        )
        return to_tensor(result.membrane), to_tensor(result.final_state)


class _Leaky(torch.autograd.Function):
    @staticmethod
    def forward(ctx, current, state, settings, *coefficients):
        membrane, final_state = _run_leaky(current, state, settings)
        ctx.settings, ctx.shape = settings, membrane.shape
        ctx.set_materialize_grads(False)
        needed = (current, membrane, state) if any(ctx.needs_input_grad[3:]) else ()
        ctx.save_for_backward(*needed, *coefficients)
        ctx.learning = bool(needed)
        return membrane, final_state

    @staticmethod
    def backward(ctx, grad_membrane, grad_final_state):
        saved = list(ctx.saved_tensors)
        needed, coefficients = (saved[:3], saved[3:]) if ctx.learning else ([None] * 3, saved)
        gradients, grads = _leaky_back(ctx, needed, grad_membrane, grad_final_state)
        learnt = of_coefficients(gradients.coefficients, ctx.settings, coefficients)
        return once((*grads, None, *learnt))


@torch.no_grad()
def _leaky_back(ctx, needed, grad_membrane, grad_final_state):
    last = contiguous(grad_final_state)
    grad = dense(grad_membrane, grad_final_state, ctx.shape)
    current, membrane, state = needed
    with on_device(grad.device):
        result = leaky.leaky_backward(
            to_array(grad),
            ctx.settings.neuron,
            current=to_array(current),
            membrane=to_array(membrane),
            state=to_array(state),
            dt=ctx.settings.dt,
            grad_final_state=to_array(last),
            coefficients=ctx.learning,
            backend=ctx.settings.backend,
        )
        return result, [to_tensor(result.current), to_tensor(result.state)]
