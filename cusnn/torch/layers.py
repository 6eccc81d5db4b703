"""Modules with weights: the fused spiking layer and recurrent neurons; and the leaky readout."""

from __future__ import annotations

import math

import torch
from torch import nn

from cusnn import neurons
from cusnn.ops.spikes import spike_pack
from cusnn.torch.arrays import (
    STATE_DTYPE,
    Layout,
    check_tensor,
    layout_of,
    on_device,
    to_array,
    to_tensor,
)
from cusnn.torch.autograd import outside_graphs
from cusnn.torch.functions import layer_forward, leaky_forward, recurrent_forward
from cusnn.torch.neurons import Neurons
from cusnn.torch.peers import Peer

SPIKES = (torch.float32, torch.float16, torch.bfloat16, torch.uint8, torch.bool)


class SpikingLinear(nn.Module):
    """A linear layer of spikes and its neurons in one operation: the current is never stored.

        current[t, b, m] = bias[m] + sum over n that fired in (t, b) of weights[n, m]

    Time grows with the spikes that come in, until a dense product is faster. What
    ``nn.Sequential(nn.Linear(N, M), neurons)`` computes, sums in another order. The spikes carry
    their bits along to the next ``SpikingLinear``, which then reads these.

    Args:
        inputs: N.
        size: M.
        neurons: a module of neurons, such as ``LIF``; its ``stateful``, ``return_state``,
            ``learn`` and so on hold for the layer.
        bias: learn a constant current.
        method: "event", "dense", or "auto" for what the density of the spikes decides.

    Parameters: ``weights`` [N, M] (a row per source: the transpose of ``nn.Linear``'s) and
    ``bias`` [M], initialised as those of ``nn.Linear``.
    """

    def __init__(
        self, inputs: int, size: int, neurons: Neurons, *, bias: bool = True, method: str = "auto"
    ):
        super().__init__()
        _check_neurons("SpikingLinear", neurons)
        self.weights = nn.Parameter(torch.empty(inputs, size))
        self.bias = nn.Parameter(torch.empty(size)) if bias else None
        self.neurons = neurons
        self.method = method
        self.reset_parameters()

    @classmethod
    def of(cls, linear: nn.Linear, neurons: Neurons, *, method: str = "auto"):
        """The layer of an ``nn.Linear`` (whose numbers are copied) and neurons."""
        has_bias = linear.bias is not None
        made = cls(
            linear.in_features, linear.out_features, neurons, bias=has_bias, method=method
        ).to(linear.weight.device)
        with torch.no_grad():
            made.weights.copy_(linear.weight.T)
            if has_bias:
                made.bias.copy_(linear.bias)
        return made

    def reset_parameters(self) -> None:
        """Uniform within 1 / sqrt(N), as ``nn.Linear``."""
        bound = 1.0 / math.sqrt(max(1, self.weights.shape[0]))
        for parameter in (self.weights, self.bias):
            if parameter is not None:
                nn.init.uniform_(parameter, -bound, bound)

    def forward(self, spikes: torch.Tensor, state: torch.Tensor | None = None):
        """T steps.

        Args:
            spikes: 0 or 1, [T, B, N]: float32, 16 bits, uint8 or bool; the latter two have no
                gradient.
            state: as in ``Neurons.forward``.

        Returns:
            Spikes [T, B, M] (float32, or 16 bits as ``spikes``), and the final state where the
            neurons have ``return_state``.

        Raises:
            TypeError: no dense tensor of these dtypes.
            ValueError: another shape, numbers that are neither 0 nor 1, devices that disagree, or
                weights that are not finite (on a CPU).
        """
        out, after = self.run(spikes, state)
        return (out, after) if self.neurons.return_state else out

    @outside_graphs
    def run(self, spikes: torch.Tensor, state: torch.Tensor | None = None):
        """``forward``, which always returns spikes and final state."""
        check_tensor("SpikingLinear", "spikes", spikes, SPIKES)
        n, m = self.weights.shape
        if spikes.dim() != 3 or spikes.shape[2] != n:
            raise ValueError(
                f"SpikingLinear: spikes must be [T, B, {n}], got {list(spikes.shape)}; "
                f"flatten(2) joins trailing axes"
            )
        if spikes.device != self.weights.device:
            raise ValueError(
                f"SpikingLinear: spikes are on {spikes.device}, but the weights on "
                f"{self.weights.device}; move one of them with .to()"
            )
        layout = Layout((m,), (0,))
        call = self.neurons.prepare(spikes.shape[1], layout, spikes.device, state)
        numbers = None
        if spikes.requires_grad:
            numbers = spikes.to(STATE_DTYPE)
        bias = None if self.bias is None else _numbers(self.bias)
        out, after, bits = layer_forward(
            *(bits_of(spikes), numbers, _numbers(self.weights), bias, call.state),
            *(call.settings, call.coefficients, self.method),
        )
        if spikes.dtype in (torch.float16, torch.bfloat16):
            out = out.to(spikes.dtype)
        remember_bits(out, bits)
        return out, self.neurons.finish(after, layout)

    def extra_repr(self) -> str:
        n, m = self.weights.shape
        return f"inputs={n}, size={m}, bias={self.bias is not None}, method={self.method!r}"


class Recurrent(nn.Module):
    """Neurons that feed one another: a spike arrives one step later.

        total[t, b, m] = current[t, b, m] + sum over n that fired in step t - 1 of weights[n, m]

    Args:
        size: N.
        neurons: a module of neurons, as in ``SpikingLinear``. Where it is ``stateful``, the last
            spikes are kept beside the state, with their graph.

    Parameters: ``weights`` [N, N], a row per source, orthogonal to start with.
    """

    def __init__(self, size: int, neurons: Neurons):
        super().__init__()
        _check_neurons("Recurrent", neurons)
        self.weights = nn.Parameter(torch.empty(size, size))
        self.neurons = neurons
        self.last_spikes = None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """An orthogonal matrix, as is common for recurrent weights."""
        nn.init.orthogonal_(self.weights)

    def forward(self, current: torch.Tensor, state: tuple | None = None):
        """T steps.

        Args:
            current: input from outside, [T, B, N], float32 or 16 bits.
            state: (state of the neurons [S, B, N], spikes of the step before [B, N]), both
                float32; None for those of the last call where stateful, else rest and silence.

        Returns:
            Spikes [T, B, N]; where the neurons have ``return_state`` also such a pair.

        Raises:
            TypeError, ValueError: as ``Neurons.forward``.
        """
        spikes, after = self.run(current, state)
        return (spikes, after) if self.neurons.return_state else spikes

    @outside_graphs
    def run(self, current: torch.Tensor, state: tuple | None = None):
        """``forward``, which always returns spikes and the pair of states."""
        check_tensor("Recurrent", "current", current)
        n = self.weights.shape[0]
        if current.dim() != 3 or current.shape[2] != n:
            raise ValueError(
                f"Recurrent: current must be [T, B, {n}], got {list(current.shape)}; "
                f"flatten(2) joins trailing axes"
            )
        if current.device != self.weights.device:
            raise ValueError(
                f"Recurrent: current is on {current.device}, but the weights on "
                f"{self.weights.device}; move one of them with .to()"
            )
        layout = Layout((n,), (0,))
        before, last = (None, None) if state is None else state
        if state is None and self.neurons.stateful and self.neurons.state is not None:
            last = self.last_spikes
        call = self.neurons.prepare(current.shape[1], layout, current.device, before)
        spikes, after = recurrent_forward(
            *(_numbers(current), _numbers(self.weights), _spikes_before(last, current)),
            *(call.state, call.settings, call.coefficients),
        )
        after = self.neurons.finish(after, layout)
        # Not a view, which would keep the spikes of all steps.
        last = spikes[-1].clone()
        if self.neurons.stateful:
            self.last_spikes = last
        return spikes.to(current.dtype), (after, last)

    def reset(self) -> None:
        """Forget state and spikes: the next call starts from rest and silence."""
        self.neurons.reset()
        self.last_spikes = None

    def detach(self) -> None:
        """Keep both, but let no gradient pass to what came before."""
        self.neurons.detach()
        if self.last_spikes is not None:
            self.last_spikes = self.last_spikes.detach()

    def extra_repr(self) -> str:
        return f"size={self.weights.shape[0]}"

    def __getstate__(self):
        last = self.last_spikes
        return {**self.__dict__, "last_spikes": None if last is None else last.detach()}

    def _apply(self, fn, recurse: bool = True):
        super()._apply(fn, recurse)
        if self.last_spikes is not None:
            self.last_spikes = self.last_spikes.to(fn(self.last_spikes).device)
        return self


class LI(Neurons):
    """Leaky integrators, which never spike, to read a network's output from.

    Parameters and equations of ``cusnn.neurons.LI``. ``forward`` takes a current [T, B, ...] and
    returns the membrane after every step, of the same shape.
    """

    model = neurons.LI

    @outside_graphs
    def run(self, current: torch.Tensor, state: torch.Tensor | None = None, steps=None):
        """``forward``, which always returns membranes and final state."""
        check_tensor("LI", "current", current)
        if steps is not None:
            raise ValueError("LI: steps is for spiking neurons; expand the current over time")
        self._check_axes(current, steps)
        layout = layout_of(current)
        call = self.prepare(current.shape[1], layout, current.device, state)
        membrane, after = leaky_forward(
            layout.flatten(current.to(STATE_DTYPE)), call.state, call.settings, call.coefficients
        )
        return layout.unflatten(membrane).to(current.dtype), self.finish(after, layout)


def _spikes_before(last: torch.Tensor | None, current: torch.Tensor) -> torch.Tensor:
    """Spikes of the step before the first, checked, [B, N]; silence for None."""
    if last is None:
        return torch.zeros(current.shape[1:], dtype=STATE_DTYPE, device=current.device)
    check_tensor("Recurrent", "spikes before", last, (STATE_DTYPE,))
    if last.shape != current.shape[1:]:
        raise ValueError(
            f"Recurrent: spikes before must be {list(current.shape[1:])}, got {list(last.shape)}"
        )
    if last.device != current.device:
        raise ValueError(
            f"Recurrent: spikes before are on {last.device}, but current on {current.device}; "
            f"move one of them with .to()"
        )
    return last.contiguous()


def _numbers(tensor: torch.Tensor) -> torch.Tensor:
    """As the operations take it: itself, or a copy where dtype or order in memory differ."""
    return tensor.to(STATE_DTYPE).contiguous()


def bits_of(spikes: torch.Tensor) -> torch.Tensor:
    """Spikes [T, B, N] as bits, uint32 [T, B, ceil(N / 32)]: those they carry, or packed.

    Raises:
        ValueError: numbers that are neither 0 nor 1 (on a CPU, where they are looked at).
    """
    version, bits = getattr(spikes, "_cusnn_bits", (None, None))
    if bits is not None and version == spikes._version:
        return bits
    on_cpu = spikes.device.type == "cpu"
    numbers = spikes.detach()
    if numbers.dtype not in (torch.uint8, STATE_DTYPE):
        short = numbers.dtype == torch.bool or not on_cpu
        numbers = numbers.to(torch.uint8 if short else STATE_DTYPE)
    with on_device(spikes.device):
        try:
            return to_tensor(spike_pack(to_array(numbers.contiguous()), strict=on_cpu))
        except ValueError as error:
            text = str(error).removeprefix("spike_pack: ")
            hint = "for other input use nn.Linear and a module of neurons"
            raise ValueError(f"SpikingLinear: {text}; {hint}") from None


def remember_bits(spikes: torch.Tensor, bits: torch.Tensor) -> None:
    """Let spikes carry their bits along, until somebody writes to them.

    Writes that PyTorch does not count, through ``.data`` or a NumPy view, are not seen.
    """
    if not spikes.is_inference():
        spikes._cusnn_bits = (spikes._version, bits)


def _check_neurons(owner: str, module) -> None:
    if not isinstance(module, Neurons) or isinstance(module, LI):
        raise TypeError(
            f"{owner}: neurons must be a module of spiking neurons of cusnn.torch, "
            f"got {type(module).__name__}"
        )
    if isinstance(module, Peer):
        raise TypeError(
            f"{owner}: neurons must be LIF, CubaLIF or ALIF of cusnn.torch, got "
            f"{type(module).__name__}, which follows another library: put nn.Linear before it"
        )
