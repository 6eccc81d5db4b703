"""The last layer without spikes: membranes that leak, integrate, and are read."""

from __future__ import annotations

from cusnn.neurons import LI
from cusnn.ops.leaky import leaky_backward, leaky_forward
from cusnn.training.dropout import Draw
from cusnn.training.layers import Activity, Layer, every_step, library_of

NEURON = LI(tau_mem=20.0, input="voltage")


class Readout(Layer):
    """Leaky integrators that take weighted spikes and never fire.

    Args:
        inputs, size: N and M.
        neuron: ``LI``; None for 20 ms and a voltage that jumps by the weights.
        bias, learn, per_neuron, dt, dropout, input_rate, static_input, xi, steps, seed, name: as
            in ``SpikingDense``; "decay" can be learned.

    Raises:
        ValueError, TypeError: as ``SpikingDense``.
    """

    spiking = False
    default = NEURON

    def __init__(self, inputs: int, size: int, neuron=None, **options):
        for name in ("surrogate", "detach_reset"):
            if name in options:
                raise TypeError(f"Readout: {name} is for layers that spike")
        super().__init__(inputs, size, neuron, **options)

    def _check_neuron(self, neuron) -> None:
        if not isinstance(neuron, LI):
            raise TypeError(f"Readout: neuron must be a cusnn.LI, got {neuron!r}")

    def forward(self, inputs, steps: int | None = None, draw: Draw | None = None) -> Activity:
        """Membranes after every step.

        Args:
            inputs, steps, draw: as in ``SpikingDense.forward``.
        """
        given, neuron = self._given(inputs, steps, draw), self.neuron
        current = every_step(self._product(given), steps)
        xp = library_of(current)
        state = xp.empty((1, *current.shape[1:]), "float32")
        state[...] = xp.asarray(neuron.v_leak, dtype="float32")
        found = leaky_forward(current, state, neuron, dt=self.dt, backend=self.backend)
        self._saved = (given, current, state, found.membrane, neuron)
        return Activity(membrane=found.membrane)

    def backward(self, grad, *, inputs: bool = True):
        """Gradients of the parameters, into ``gradients``.

        Args:
            grad: with respect to the membranes, float32 [T, B, M].
            inputs: also return the gradient with respect to the inputs.

        Returns:
            float32, [T, B, N] or of the shape of the values that came in, or None.
        """
        given, current, state, membrane, neuron = self._saved_or_error()
        needed = {"current": current, "membrane": membrane, "state": state} if self.learn else {}
        found = leaky_backward(
            grad,
            neuron,
            **needed,
            dt=self.dt,
            coefficients=bool(self.learn),
            backend=self.backend,
        )
        self._learned_back(neuron, found.coefficients)
        grad_current = found.current.sum(axis=0) if given.static else found.current
        return self._product_back(grad_current, given, inputs)
