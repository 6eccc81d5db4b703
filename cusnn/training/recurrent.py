"""The spiking layer whose neurons feed one another, one step later."""

from __future__ import annotations

import math

import numpy as np

from cusnn.ops.decode import decode_count
from cusnn.ops.neuron import initial_state
from cusnn.ops.recurrent import recurrent_backward, recurrent_forward
from cusnn.training import initial
from cusnn.training.dropout import Draw
from cusnn.training.layers import EXPECTED_RATE, Activity, Layer, every_step, library_of

# Share of the membrane's variance that comes from the inputs, and from the layer itself.
FROM_INPUTS, FROM_ITSELF = 0.9, 0.1


class SpikingRecurrent(Layer):
    """Every input to every neuron, and every neuron's spikes to all neurons in the next step.

    Parameters are those of ``SpikingDense`` and "recurrent" [N, N], row the source. Its initial
    weights give a tenth of the membrane's variance, with spikes at ``recurrent_rate``.

    Args:
        inputs, size, neuron, bias, learn, per_neuron, dt, surrogate, detach_reset, dropout,
            input_rate, static_input, xi, steps, seed, name: as in ``SpikingDense``.
        recurrent_rate: spikes per neuron and step that are expected.

    Raises:
        ValueError, TypeError: as ``SpikingDense``.
    """

    def __init__(
        self,
        inputs: int,
        size: int,
        neuron=None,
        *,
        recurrent_rate: float = EXPECTED_RATE,
        **options,
    ):
        if not 0 < recurrent_rate <= 1:
            raise ValueError(
                f"SpikingRecurrent: recurrent_rate must be above 0 and at most 1, got "
                f"{recurrent_rate}"
            )
        self.recurrent_rate = float(recurrent_rate)
        super().__init__(inputs, size, neuron, **options)

    def _initial(self, neuron) -> dict[str, np.ndarray]:
        found = super()._initial(neuron)
        own = initial.width(neuron, self.dt, self.size, self.recurrent_rate, **self._scale)
        shape, deviation = (self.size, self.size), math.sqrt(FROM_ITSELF) * own
        return {"recurrent": initial.drawn(self.seed, 1, shape, deviation), **found}

    def _deviation(self, neuron) -> float:
        return math.sqrt(FROM_INPUTS) * super()._deviation(neuron)

    def describe(self) -> dict:
        return {**super().describe(), "recurrent_rate": self.recurrent_rate}

    def forward(self, inputs, steps: int | None = None, draw: Draw | None = None) -> Activity:
        """Answer of the layer.

        Args:
            inputs, steps, draw: as in ``SpikingDense.forward``.
        """
        given, neuron = self._given(inputs, steps, draw), self.neuron
        current = every_step(self._product(given), steps)
        xp = library_of(current)
        before = xp.zeros(current.shape[1:], "uint8")
        found = recurrent_forward(
            current,
            self.parameters["recurrent"],
            before,
            initial_state(neuron, current.shape[1:], xp),
            neuron,
            dt=self.dt,
            packed=True,
            checkpoints=True,
            backend=self.backend,
        )
        self._saved = (given, current, before, found.packed, found.checkpoints, neuron)
        counts = decode_count(found.spikes, backend=self.backend)
        return Activity(spikes=found.spikes, packed=found.packed, counts=counts)

    def backward(self, grad, *, inputs: bool = True):
        """Gradients of the parameters, into ``gradients``.

        Args:
            grad: with respect to the spikes, float32 [T, B, M].
            inputs: also return the gradient with respect to the inputs.

        Returns:
            float32, [T, B, N] or of the shape of the values that came in, or None.
        """
        given, current, before, packed, checkpoints, neuron = self._saved_or_error()
        found = recurrent_backward(
            current,
            self.parameters["recurrent"],
            before,
            packed,
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
        self.gradients["recurrent"][...] = found.weights
        grad_current = found.current.sum(axis=0) if given.static else found.current
        return self._product_back(grad_current, given, inputs)
