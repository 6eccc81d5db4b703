"""Layers: weights and a population of neurons, forward through T steps and back.

A layer keeps what its way back needs from its last ``forward``; ``backward`` belongs to that call.
Every forward pass begins with neurons at rest.

What comes in is told apart by dtype and axes:

    uint8   [T, B, N]   spikes, whatever is not 0
    float32 [B, N]      values that are the same in each of ``steps`` steps ("direct" input): the
                        product with the weights is made once
    float32 [T, B, N]   values of every step, such as membranes

Arrays of NumPy are worked on by the CPU, arrays of CuPy by the GPU; parameters and input must be
of one library (``Sequential.to`` moves a model).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from cusnn import dispatch
from cusnn.neurons import LIF
from cusnn.ops.decode import decode_count
from cusnn.ops.matmul import spike_matmul, spike_matmul_backward
from cusnn.ops.neuron import initial_state, neuron_backward, neuron_forward
from cusnn.surrogates import ATan, Surrogate
from cusnn.training import initial
from cusnn.training.dynamics import Dynamics

# A spike of weight 1 moves the membrane by 1; the threshold is 1.
NEURON = LIF(tau_mem=10.0, input="voltage", reset="soft")
EXPECTED_RATE = 0.1


@dataclass(frozen=True, eq=False)
class Activity:
    """What a layer answers; what it has not is None.

    Attributes:
        spikes: uint8 [T, B, N].
        counts: spikes of every neuron in all steps, int32 [B, N].
        membrane: voltage after every step of neurons that do not spike, float32 [T, B, N].
    """

    spikes: np.ndarray | None = None
    counts: np.ndarray | None = None
    membrane: np.ndarray | None = None

    @property
    def signal(self):
        """What the next layer takes."""
        return self.membrane if self.spikes is None else self.spikes

    @property
    def steps(self) -> int:
        """T."""
        return self.signal.shape[0]


class Layer:
    """Weights [N, M], a bias [M] if wanted, and what is learned of the neurons.

    Attributes:
        name: in messages, parameters and files; None until ``Sequential`` gives one.
        inputs, size: N and M.
        parameters: float32 by name ("weights", "bias", "decay", "threshold").
        gradients: of the last ``backward``, with the names and shapes of ``parameters``.
    """

    spiking = True
    decayed = ("weights", "recurrent")

    def __init__(
        self,
        inputs: int,
        size: int,
        neuron,
        *,
        bias: bool,
        learn: tuple[str, ...],
        per_neuron: bool,
        dt: float,
        surrogate,
        detach_reset: bool,
        input_rate: float,
        static_input: bool,
        xi: float,
        seed: int,
        name: str | None,
    ):
        owner = type(self).__name__
        self.inputs, self.size = _count(owner, "inputs", inputs), _count(owner, "size", size)
        if not isinstance(surrogate, Surrogate):
            raise TypeError(
                f"{owner}: surrogate must be one of cusnn.surrogates, got {surrogate!r}"
            )
        if not 0 < input_rate <= 1:
            raise ValueError(f"{owner}: input_rate must be above 0 and at most 1, got {input_rate}")
        if neuron.size not in (None, self.size):
            raise ValueError(
                f"{owner}: the neuron has parameters for {neuron.size} neurons, the layer has "
                f"{self.size}"
            )
        self.bias, self.learn, self.per_neuron = bool(bias), tuple(learn), bool(per_neuron)
        self.dt, self.surrogate, self.detach_reset = float(dt), surrogate, bool(detach_reset)
        self.input_rate, self.static_input, self.xi = float(input_rate), bool(static_input), xi
        self.seed, self.name, self.backend = int(seed), name, None
        self.dynamics = Dynamics(neuron, self.dt, self.learn, self.per_neuron, self.size)
        self.parameters = self._initial(neuron)
        self.gradients = {key: np.zeros_like(value) for key, value in self.parameters.items()}
        self._saved = None

    def _initial(self, neuron) -> dict[str, np.ndarray]:
        deviation = self._deviation(neuron)
        found = {"weights": initial.drawn(self.seed, 0, (self.inputs, self.size), deviation)}
        if self.bias:
            found["bias"] = np.zeros(self.size, np.float32)
        return {**found, **self.dynamics.initial()}

    def _deviation(self, neuron) -> float:
        options = {"xi": self.xi, "static": self.static_input}
        return initial.width(neuron, self.dt, self.inputs, self.input_rate, **options)

    @property
    def neuron(self):
        """The neurons as their parameters are now."""
        return self.dynamics.neuron(self.parameters)

    def describe(self) -> dict:
        """What ``cusnn.training.files`` makes the layer from again, for JSON."""
        names = ("inputs", "size", "name", "bias", "per_neuron", "dt", "detach_reset")
        names += ("input_rate", "static_input", "xi", "seed")
        found = {name: getattr(self, name) for name in names}
        return {**found, "learn": list(self.learn)}

    def bind(self, parameters: dict, gradients: dict) -> None:
        """Use these arrays, of the same names and shapes, from now on."""
        self.parameters, self.gradients, self._saved = parameters, gradients, None

    def _product(self, inputs, steps: int | None):
        """Input to the neurons: float32 [T, B, M], or [B, M] where it is the same in all steps."""
        weights, bias = self.parameters["weights"], self.parameters.get("bias")
        self._check_input(inputs, steps)
        if inputs.dtype == np.uint8:
            product = spike_matmul(inputs, weights, backend=self.backend)
        else:
            product = inputs @ weights
        if bias is not None:
            product += bias
        return product

    def _product_back(self, grad, inputs, wanted: bool):
        """Gradients of weights and bias; that of the inputs is returned if wanted."""
        weights = self.parameters["weights"]
        if "bias" in self.gradients:
            grad.reshape(-1, self.size).sum(axis=0, out=self.gradients["bias"])
        if inputs.dtype == np.uint8:
            found = spike_matmul_backward(
                grad, inputs, weights, grad_spikes=wanted, backend=self.backend
            )
            self.gradients["weights"][...] = found.weights
            return found.spikes
        rows, grad_rows = inputs.reshape(-1, self.inputs), grad.reshape(-1, self.size)
        self.gradients["weights"][...] = rows.T @ grad_rows
        return (grad_rows @ weights.T).reshape(inputs.shape) if wanted else None

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
        if inputs.shape[-1] != self.inputs:
            raise ValueError(f"{self}: takes {self.inputs} inputs, got {list(inputs.shape)}")
        if inputs.ndim == 2 and inputs.dtype == np.float32:
            if steps is None or steps < 1:
                raise ValueError(
                    f"{self}: values [B, N] need the number of steps, 1 or more, got {steps}"
                )
        elif inputs.ndim != 3 or inputs.dtype not in (np.uint8, np.float32):
            raise TypeError(
                f"{self}: input must be spikes uint8 [T, B, N] or values float32 [B, N] or "
                f"[T, B, N], got {inputs.dtype} {list(inputs.shape)}"
            )
        elif inputs.shape[0] == 0:
            raise ValueError(f"{self}: input must have 1 step or more, got T=0")

    def _saved_or_error(self):
        if self._saved is None:
            raise RuntimeError(f"{self}: backward needs a forward pass before it")
        return self._saved

    def __str__(self) -> str:
        return self.name or type(self).__name__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inputs}, {self.size}, name={self.name!r})"


class SpikingDense(Layer):
    """Every input to every neuron: ``neuron_forward(inputs weights + bias)``.

    Args:
        inputs, size: N and M.
        neuron: ``LIF``, ``CubaLIF`` or ``ALIF``; None for a LIF neuron of threshold 1, 10 ms, soft
            reset, whose voltage jumps by the weights.
        bias: add a bias, 0 at first.
        learn: what else is learned: "decay", "threshold", both or neither.
        per_neuron: learn one of them per neuron rather than one per layer.
        dt: step, ms.
        surrogate: of ``cusnn.surrogates``.
        detach_reset: treat the spike in the reset as a constant on the way back.
        input_rate: spikes per input and step that are expected; the initial weights are scaled
            by it (``cusnn.training.initial``). Of values, the root of their mean square.
        static_input: the input is values that stay the same over all steps.
        xi: distance of the threshold from rest in standard deviations of the initial membrane.
        seed: of the initial weights, 0 or more.
        name: in messages, parameters and files.

    Raises:
        ValueError, TypeError: sizes that are not positive integers, parameters of another number
            of neurons, a rate out of range, or something to learn that the neuron has not.
    """

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
        surrogate=ATan(),  # noqa: B008  frozen
        detach_reset: bool = False,
        input_rate: float = EXPECTED_RATE,
        static_input: bool = False,
        xi: float = 1.0,
        seed: int = 0,
        name: str | None = None,
    ):
        super().__init__(
            inputs,
            size,
            NEURON if neuron is None else neuron,
            bias=bias,
            learn=learn,
            per_neuron=per_neuron,
            dt=dt,
            surrogate=surrogate,
            detach_reset=detach_reset,
            input_rate=input_rate,
            static_input=static_input,
            xi=xi,
            seed=seed,
            name=name,
        )

    def forward(self, inputs, steps: int | None = None) -> Activity:
        """Answer of the layer.

        Args:
            inputs: as in the module's docstring.
            steps: T, for values [B, N].
        """
        current, neuron = self._product(inputs, steps), self.neuron
        xp = library_of(current)
        if current.ndim == 2:
            current = xp.ascontiguousarray(xp.broadcast_to(current, (steps, *current.shape)))
        state = initial_state(neuron, current.shape[1:], xp)
        found = neuron_forward(
            current, state, neuron, dt=self.dt, checkpoints=True, backend=self.backend
        )
        self._saved = (inputs, current, found.checkpoints, neuron)
        counts = decode_count(found.spikes, backend=self.backend)
        return Activity(spikes=found.spikes, counts=counts)

    def backward(self, grad, *, inputs: bool = True):
        """Gradients of the parameters, into ``gradients``.

        Args:
            grad: with respect to the spikes, float32 [T, B, M].
            inputs: also return the gradient with respect to the inputs.

        Returns:
            float32 of the inputs' shape, or None.
        """
        given, current, checkpoints, neuron = self._saved_or_error()
        found = neuron_backward(
            current,
            checkpoints,
            grad,
            neuron,
            dt=self.dt,
            surrogate=self.surrogate,
            detach_reset=self.detach_reset,
            coefficients=bool(self.learn),
            backend=self.backend,
        )
        self._learned_back(neuron, found.coefficients)
        grad_current = found.current.sum(axis=0) if given.ndim == 2 else found.current
        return self._product_back(grad_current, given, inputs)


def library_of(array):
    """NumPy or CuPy, as a module."""
    return sys.modules[dispatch.array_library(array)]


def _count(owner: str, name: str, value) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{owner}: {name} must be an integer of 1 or more, got {value!r}")
    return int(value)
