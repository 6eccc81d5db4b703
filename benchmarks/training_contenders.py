"""Who computes the training work: our operations, our PyTorch modules, and the libraries.

Every library gets its fastest form: time is unbound once (slicing in a loop makes its backward
slower many times over), the linear layer takes all steps at once.
"""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.training_work import DECAY, NEURON, TAU, THRESHOLD, Work
from cusnn import initial_state, neuron_backward, neuron_forward, spike_pack
from cusnn.ops.layer import layer_backward, layer_forward
from cusnn.surrogates import ATan, FastSigmoid, Surrogate

NORSE_DT = 1e-3
# Norse 1.1.0 leaves its parameter alpha out of the surrogate's derivative.
NORSE_SLOPE = 1.0


@dataclass(frozen=True)
class Contender:
    """One way to compute the work.

    Attributes:
        name: library and what of it is used.
        needs: module that must be importable; "" for ours.
        make: (Work, threads) -> a call, and a function that gives spikes and gradient after one.
        surrogate, detach_reset: what it uses, in our words.
        library: whether it is a library's neuron, with which ours are compared.
        linear, alone: whether it takes part in work with weights and without.
    """

    name: str
    needs: str
    make: Callable
    surrogate: Surrogate = ATan()  # noqa: RUF009  frozen
    detach_reset: bool = False
    library: bool = False
    linear: bool = True
    alone: bool = True

    def missing(self) -> str | None:
        """Why it can't run here; None where it can."""
        if not self.needs or importlib.util.find_spec(self.needs):
            return None
        return f"{self.needs} is not installed"

    def takes(self, work: Work) -> bool:
        return self.linear if work.linear else self.alone


def operations(work: Work, threads: int):
    """``cusnn.ops`` on NumPy arrays, outputs allocated once where the operation lets us."""
    given = work.inputs()
    state = initial_state(NEURON, (work.batch, work.neurons))
    found = {}
    if work.linear:
        packed = spike_pack(given.pop("spikes"))

        def call():
            out = layer_forward(packed, given["weights"], state, NEURON, checkpoints=True)
            back = layer_backward(
                packed, given["weights"], out.checkpoints, given["grad"], NEURON, surrogate=ATan()
            )
            found.update(spikes=out.spikes, gradient=back.weights)

        return call, lambda: found

    buffers = neuron_forward(given["x"], state, NEURON, checkpoints=True)
    gradient = np.empty_like(given["x"])

    def call():
        out = neuron_forward(given["x"], state, NEURON, checkpoints=True, out=buffers)
        neuron_backward(
            given["x"],
            out.checkpoints,
            given["grad"],
            NEURON,
            surrogate=ATan(),
            out_grad_current=gradient,
        )
        found.update(spikes=out.spikes, gradient=gradient)

    return call, lambda: found


def _torch(threads: int):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
    torch.set_num_threads(threads)
    return torch


def in_torch(neurons: Callable, fused: Callable | None = None) -> Callable:
    """A contender of which ``neurons(torch, work)`` gives a function of x [T, B, N].

    ``fused(torch, work, weights)`` gives a module and its weights where they are one with the
    neurons.
    """

    def make(work: Work, threads: int):
        torch = _torch(threads)
        given = {name: torch.from_numpy(array) for name, array in work.inputs().items()}
        found = {}
        if work.linear:
            spikes = given.pop("spikes").float()
            leaf, run = _with_weights(torch, work, given.pop("weights"), neurons, fused)
        else:
            spikes = leaf = given.pop("x").requires_grad_()
            run = neurons(torch, work)

        def call():
            leaf.grad = None
            out = run(spikes)
            out.backward(given["grad"])
            found.update(spikes=out.detach())

        def results():
            gradient = leaf.grad.T if work.linear and fused is None else leaf.grad
            return {"spikes": found["spikes"].numpy(), "gradient": gradient.numpy()}

        return call, results

    return make


def _with_weights(torch, work, weights, neurons, fused):
    if fused is not None:
        module, leaf = fused(torch, work, weights)
        return leaf, module
    linear = torch.nn.Linear(work.neurons, work.neurons, bias=False)
    with torch.no_grad():
        linear.weight.copy_(weights.T)
    after = neurons(torch, work)
    return linear.weight, lambda spikes: after(linear(spikes))


def cusnn_neurons(torch, work):
    from cusnn.torch import LIF

    return LIF.of(NEURON, surrogate=ATan())


def cusnn_fused(torch, work, weights):
    from cusnn.torch import SpikingLinear

    layer = SpikingLinear(work.neurons, work.neurons, cusnn_neurons(torch, work), bias=False)
    with torch.no_grad():
        layer.weights.copy_(weights)
    return layer, layer.weights


def spikingjelly(torch, work):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from spikingjelly.activation_based import functional, neuron, surrogate

    lif = neuron.LIFNode(
        tau=TAU,
        decay_input=False,
        v_threshold=THRESHOLD,
        v_reset=0.0,
        surrogate_function=surrogate.ATan(),
        step_mode="m",
    )

    def run(x):
        functional.reset_net(lif)
        return lif(x)

    return run


def snntorch(torch, work):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import snntorch as library
        from snntorch import surrogate

    leaky = library.Leaky(
        beta=DECAY,
        threshold=THRESHOLD,
        reset_mechanism="zero",
        spike_grad=surrogate.atan(alpha=2.0),
    )

    def run(x):
        voltage, spikes = torch.zeros_like(x[0]), []
        for arriving in x.unbind(0):
            fired, voltage = leaky(arriving, voltage)
            spikes.append(fired)
        return torch.stack(spikes)

    return run


def norse(torch, work):
    """Its input is scaled by the inverse of what the membrane takes of it in a step."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from norse.torch.functional.lif_box import (
            LIFBoxFeedForwardState,
            LIFBoxParameters,
            lif_box_feed_forward_step,
        )

    share = 1.0 - DECAY
    parameters = LIFBoxParameters(
        tau_mem_inv=torch.tensor(share / NORSE_DT), v_th=torch.tensor(THRESHOLD)
    )

    def run(x):
        state, spikes = LIFBoxFeedForwardState(v=torch.zeros_like(x[0])), []
        for arriving in (x / share).unbind(0):
            fired, state = lif_box_feed_forward_step(arriving, state, parameters, NORSE_DT)
            spikes.append(fired)
        return torch.stack(spikes)

    return run


def by_hand(torch, work):
    """An autograd function as an expert would write it: two loops over whole time steps."""

    class Neurons(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            before, spikes = torch.empty_like(x), torch.empty_like(x)
            v = torch.zeros_like(x[0])
            for t in range(x.shape[0]):
                torch.add(x[t], v, alpha=DECAY, out=before[t])
                torch.ge(before[t], THRESHOLD, out=spikes[t])
                v = before[t] * (1.0 - spikes[t])
            ctx.save_for_backward(before, spikes)
            return spikes

        @staticmethod
        def backward(ctx, grad_spikes):
            before, spikes = ctx.saved_tensors
            grad_x, grad_v = torch.empty_like(before), torch.zeros_like(before[0])
            for t in range(before.shape[0] - 1, -1, -1):
                slope = math.pi * (before[t] - THRESHOLD)
                derivative = 1.0 / (1.0 + slope * slope)
                through = grad_spikes[t] - grad_v * before[t]
                torch.addcmul(grad_v * (1.0 - spikes[t]), through, derivative, out=grad_x[t])
                grad_v = grad_x[t] * DECAY
            return grad_x

    return Neurons.apply


def compiled(torch, work):
    """The eager loop through torch.compile."""

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx, distance):
            ctx.save_for_backward(distance)
            return (distance >= 0).to(distance.dtype)

        @staticmethod
        def backward(ctx, grad):
            (distance,) = ctx.saved_tensors
            slope = math.pi * distance
            return grad / (1.0 + slope * slope)

    def run(x):
        v, spikes = torch.zeros_like(x[0]), []
        for arriving in x.unbind(0):
            v = DECAY * v + arriving
            fired = Spike.apply(v - THRESHOLD)
            v = v * (1.0 - fired)
            spikes.append(fired)
        return torch.stack(spikes)

    return torch.compile(run)


CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender("cusnn", "", operations),
        Contender("cusnn.torch", "torch", in_torch(cusnn_neurons, cusnn_fused)),
        Contender("SpikingJelly", "spikingjelly", in_torch(spikingjelly), library=True),
        Contender("snnTorch", "snntorch", in_torch(snntorch), detach_reset=True, library=True),
        Contender(
            "Norse",
            "norse",
            in_torch(norse),
            surrogate=FastSigmoid(slope=NORSE_SLOPE),
            library=True,
        ),
        Contender("written by hand (PyTorch)", "torch", in_torch(by_hand)),
        Contender("torch.compile", "torch", in_torch(compiled), linear=False),
    )
}
