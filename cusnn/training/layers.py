"""What all layers share: weights and a population of neurons, forward through T steps and back.

A layer keeps what its way back needs from its last ``forward``; ``backward`` belongs to that call.
Every forward pass begins with neurons at rest.

What comes in is what another layer answered, or an array, told apart by dtype and axes:

    uint8   [T, B, N]               spikes, whatever is not 0
    uint32  [T, B, ceil(N / 32)]    spikes as bits, as ``spike_pack`` makes them
    float32 [B, N]                  values that are the same in each of ``steps`` steps ("direct"
                                    input): the product with the weights is made once
    float32 [T, B, N]               values of every step

Arrays of NumPy are worked on by the CPU, arrays of CuPy by the GPU; parameters and input must be
of one library (``Sequential.to`` moves a model).
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np

from cusnn import dispatch
from cusnn.neurons import LIF
from cusnn.ops.checks import check_differentiable
from cusnn.ops.matmul import spike_matmul, spike_matmul_backward
from cusnn.ops.spikes import spike_pack, spike_unpack
from cusnn.surrogates import ATan, Surrogate
from cusnn.training import initial
from cusnn.training.dropout import Draw, checked_share, kept
from cusnn.training.dynamics import Dynamics
from cusnn.training.products import product, product_over_rows

EXPECTED_RATE = 0.1
# A spike of weight 1 moves the membrane by 1; the threshold is 1.
NEURON = LIF(tau_mem=10.0, input="voltage", reset="soft")
SURROGATE = ATan()
DTYPES = ("uint8", "uint32", "float32")
# Rows of weights shorter than this cost more to find than to add up: a dense product is faster.
NARROW = 64


@dataclass(frozen=True, eq=False)
class Activity:
    """What a layer answers; what it has not is None.

    Attributes:
        spikes: uint8 [T, B, N].
        packed: the spikes as bits, uint32 [T, B, ceil(N / 32)].
        counts: spikes of every neuron in all steps, int32 [B, N].
        membrane: voltage after every step of neurons that do not spike, float32 [T, B, N].
    """

    spikes: np.ndarray | None = None
    counts: np.ndarray | None = None
    membrane: np.ndarray | None = None
    packed: np.ndarray | None = None

    @property
    def steps(self) -> int:
        """T."""
        return (self.membrane if self.spikes is None else self.spikes).shape[0]

    @property
    def samples(self) -> int:
        """B."""
        return (self.membrane if self.spikes is None else self.spikes).shape[1]


@dataclass
class _Given:
    """An input: spikes in one form or both, or values; what dropout left of it."""

    spikes: np.ndarray | None = None
    packed: np.ndarray | None = None
    values: np.ndarray | None = None
    kept: np.ndarray | None = None
    gain: float = 1.0

    def __post_init__(self):
        self.static = self.values is not None and self.values.ndim == 2
        self.spiking = self.values is None

    @property
    def samples(self) -> int:
        some = self.values if self.packed is None else self.packed
        return (self.spikes if some is None else some).shape[-2]

    def keep(self, kept, share: float, backend) -> None:
        """Drop the other inputs, the same in all steps; weights are to make up for it.

        Args:
            kept: bool [B, N], of the input's library.
            share: probability with which one was dropped.
        """
        if self.spiking:
            mask = spike_pack(kept.astype("uint8")[None], backend=backend)
            self.packed, self.spikes = self.bits(backend) & mask, None
        else:
            self.values = self.values * kept
        self.kept, self.gain = kept, np.float32(1.0 / (1.0 - share))

    def scaled(self, weights):
        """Weights, or their gradients, as they are for this input."""
        return weights if self.kept is None else weights * self.gain

    def back(self, grad):
        """Gradient with respect to the inputs, from that to those that were kept; or None."""
        return grad if grad is None or self.kept is None else grad * self.kept

    def bits(self, backend):
        if self.packed is None:
            self.packed = spike_pack(self.spikes, backend=backend)
        return self.packed

    def dense(self, n: int, backend):
        if self.spikes is None:
            self.spikes = spike_unpack(self.packed, n, backend=backend)
        return self.spikes

    def numbers(self, n: int, backend):
        """Float32, [T, B, N] or [B, N]."""
        if self.values is None:
            self.values = self.dense(n, backend).astype("float32")
        return self.values


class Layer:
    """Weights [N, M], a bias [M] if wanted, and what is learned of the neurons.

    Attributes:
        name: in messages, parameters and files; None until ``Sequential`` gives one.
        inputs, size: N and M.
        parameters: float32 by name ("weights", "bias", "decay", "threshold").
        gradients: of the last ``backward``, with the names and shapes of ``parameters``.
    """

    spiking = True
    default = NEURON
    decayed = ("weights", "recurrent")

    def __init__(
        self,
        inputs: int,
        size: int,
        neuron=None,
        *,
        bias: bool = True,
        learn: tuple[str, ...] = (),
        per_neuron: bool = True,
        dt: float = 1.0,
        surrogate=SURROGATE,
        detach_reset: bool = False,
        dropout: float = 0.0,
        input_rate: float = EXPECTED_RATE,
        static_input: bool = False,
        xi: float = 1.0,
        steps: int | None = None,
        seed: int = 0,
        name: str | None = None,
    ):
        neuron = self.default if neuron is None else neuron
        owner = type(self).__name__
        self.inputs, self.size = _count(owner, "inputs", inputs), _count(owner, "size", size)
        if not isinstance(surrogate, Surrogate):
            raise TypeError(
                f"{owner}: surrogate must be one of cusnn.surrogates, got {surrogate!r}"
            )
        if not 0 < input_rate <= 1:
            raise ValueError(f"{owner}: input_rate must be above 0 and at most 1, got {input_rate}")
        if not (math.isfinite(xi) and xi > 0):
            raise ValueError(f"{owner}: xi must be a number above 0, got {xi!r}")
        self._check_neuron(neuron)
        if neuron.size not in (None, self.size):
            raise ValueError(
                f"{owner}: the neuron has parameters for {neuron.size} neurons, the layer has "
                f"{self.size}"
            )
        self.bias, self.per_neuron = bool(bias), bool(per_neuron)
        self.learn = (learn,) if isinstance(learn, str) else tuple(learn)
        self.dt, self.surrogate, self.detach_reset = float(dt), surrogate, bool(detach_reset)
        self.input_rate, self.static_input, self.xi = float(input_rate), bool(static_input), xi
        self.dropout = checked_share(owner, dropout)
        self.steps = None if steps is None else _count(owner, "steps", steps)
        self.seed, self.name, self.backend = _count(owner, "seed", seed, 0), name, None
        self.dynamics = Dynamics(neuron, self.dt, self.learn, self.per_neuron, self.size)
        self.parameters = self._initial(neuron)
        self.gradients = {key: np.zeros_like(value) for key, value in self.parameters.items()}
        self._saved = None

    def _check_neuron(self, neuron) -> None:
        check_differentiable(type(self).__name__, neuron)

    def _initial(self, neuron) -> dict[str, np.ndarray]:
        deviation = self._deviation(neuron)
        found = {"weights": initial.drawn(self.seed, 0, (self.inputs, self.size), deviation)}
        if self.bias:
            found["bias"] = np.zeros(self.size, np.float32)
        return {**found, **self.dynamics.initial()}

    def _deviation(self, neuron) -> float:
        return initial.width(
            neuron, self.dt, self.inputs, self.input_rate, static=self.static_input, **self._scale
        )

    @property
    def _scale(self) -> dict:
        return {"xi": self.xi, "steps": self.steps}

    @property
    def neuron(self):
        """The neurons as their parameters are now."""
        return self.dynamics.neuron(self.parameters)

    def describe(self) -> dict:
        """What ``cusnn.training.files`` makes the layer from again, for JSON."""
        names = ("inputs", "size", "name", "bias", "per_neuron", "dt", "detach_reset")
        names += ("dropout", "input_rate", "static_input", "xi", "steps", "seed")
        found = {name: getattr(self, name) for name in names}
        return {**found, "learn": list(self.learn)}

    def bind(self, parameters: dict, gradients: dict) -> None:
        """Use these arrays, of the same names and shapes, from now on."""
        self.parameters, self.gradients, self._saved = parameters, gradients, None

    def _given(self, inputs, steps: int | None, draw: Draw | None) -> _Given:
        """The input, checked; with ``draw``, what dropout leaves of it."""
        given = self._whole(inputs, steps)
        if draw is not None and self.dropout > 0.0:
            mask = kept(draw, given.samples, self.inputs, self.dropout)
            xp = library_of(self.parameters["weights"])
            given.keep(xp.asarray(mask), self.dropout, self.backend)
        return given

    def _whole(self, inputs, steps: int | None) -> _Given:
        if isinstance(inputs, Activity):
            return _Given(spikes=inputs.spikes, packed=inputs.packed)
        self._check_input(inputs, steps)
        if inputs.dtype == np.uint8:
            return _Given(spikes=inputs)
        if inputs.dtype == np.uint32:
            return _Given(packed=inputs)
        return _Given(values=inputs)

    def _product(self, given: _Given):
        """Input to the neurons: float32 [T, B, M], or [B, M] where it is the same in all steps."""
        weights, bias = given.scaled(self.parameters["weights"]), self.parameters.get("bias")
        if given.spiking and self.size >= NARROW:
            spikes = given.dense(self.inputs, self.backend)
            found = spike_matmul(spikes, weights, backend=self.backend)
        else:
            values = given.numbers(self.inputs, self.backend)
            found = product(values.reshape(-1, self.inputs), weights)
            found = found.reshape(*values.shape[:-1], self.size)
        if bias is not None:
            found += bias
        return found

    def _product_back(self, grad, given: _Given, wanted: bool):
        """Gradients of weights and bias; that of the inputs is returned if wanted."""
        weights = given.scaled(self.parameters["weights"])
        if "bias" in self.gradients:
            grad.reshape(-1, self.size).sum(axis=0, out=self.gradients["bias"])
        if given.spiking and self.size >= NARROW:
            spikes = given.dense(self.inputs, self.backend)
            options = {"grad_spikes": wanted, "backend": self.backend}
            found = spike_matmul_backward(grad, spikes, weights, **options)
            self.gradients["weights"][...] = given.scaled(found.weights)
            return given.back(found.spikes)
        values = given.numbers(self.inputs, self.backend)
        grad_rows = grad.reshape(-1, self.size)
        rows = values.reshape(-1, self.inputs)
        self.gradients["weights"][...] = given.scaled(product_over_rows(rows, grad_rows))
        if not wanted:
            return None
        return given.back(product(grad_rows, weights.T).reshape(values.shape))

    def _learned_back(self, neuron, by_coefficient) -> None:
        if self.learn:
            xp = library_of(self.parameters["weights"])
            for name, value in self.dynamics.gradients(neuron, by_coefficient).items():
                self.gradients[name][...] = xp.asarray(value)

    def _check_input(self, inputs, steps: int | None) -> None:
        library = dispatch.array_library(self.parameters["weights"])
        if dispatch.array_library(inputs) != library:
            raise TypeError(
                f"{self}: parameters are {library} arrays, the input is one of "
                f"{dispatch.array_library(inputs)}; move the model with .to"
            )
        static = inputs.ndim == 2 and inputs.dtype == np.float32
        if not static and (inputs.ndim != 3 or inputs.dtype.name not in DTYPES):
            raise TypeError(
                f"{self}: input must be spikes uint8 [T, B, N] or uint32 [T, B, ceil(N / 32)], or "
                f"values float32 [B, N] or [T, B, N], got {inputs.dtype} {list(inputs.shape)}"
            )
        width = -(-self.inputs // 32) if inputs.dtype == np.uint32 else self.inputs
        if inputs.shape[-1] != width:
            words = f" ({width} words of bits)" if inputs.dtype == np.uint32 else ""
            raise ValueError(f"{self}: takes {self.inputs} inputs{words}, got {list(inputs.shape)}")
        if static and (steps is None or steps < 1):
            raise ValueError(
                f"{self}: values [B, N] need the number of steps, 1 or more, got {steps}"
            )
        if not static and inputs.shape[0] == 0:
            raise ValueError(f"{self}: input must have 1 step or more, got T=0")

    def _saved_or_error(self):
        if self._saved is None:
            raise RuntimeError(f"{self}: backward needs a forward pass before it")
        return self._saved

    def __str__(self) -> str:
        return self.name or type(self).__name__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inputs}, {self.size}, name={self.name!r})"


def every_step(current, steps: int | None):
    """Input of every step, float32 [T, B, M], from that of one or of every step."""
    if current.ndim == 3:
        return current
    xp = library_of(current)
    return xp.ascontiguousarray(xp.broadcast_to(current, (steps, *current.shape)))


def library_of(array):
    """NumPy or CuPy, as a module."""
    return sys.modules[dispatch.array_library(array)]


def _count(owner: str, name: str, value, least: int = 1) -> int:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not least <= value < 2**63:
        raise ValueError(f"{owner}: {name} must be an integer of {least} or more, got {value!r}")
    return int(value)
