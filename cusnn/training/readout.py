"""The last layer without spikes: membranes that leak, integrate, and are read."""

from __future__ import annotations

from cusnn.neurons import LI
from cusnn.surrogates import ATan
from cusnn.training.layers import EXPECTED_RATE, Activity, Layer, library_of

NEURON = LI(tau_mem=20.0, input="voltage")


class Readout(Layer):
    """Leaky integrators that take weighted spikes and never fire.

    Args:
        inputs, size: N and M.
        neuron: ``LI``; None for 20 ms and a voltage that jumps by the weights.
        bias, learn, per_neuron, dt, input_rate, xi, seed, name: as in ``SpikingDense``; "decay"
            can be learned.

    Raises:
        ValueError, TypeError: as ``SpikingDense``.
    """

    spiking = False

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
            surrogate=ATan(),
            detach_reset=False,
            input_rate=input_rate,
            static_input=static_input,
            xi=xi,
            seed=seed,
            name=name,
        )

    def forward(self, inputs, steps: int | None = None) -> Activity:
        """Membranes after every step.

        Args:
            inputs, steps: as in ``SpikingDense.forward``.
        """
        current, neuron = self._product(inputs, steps), self.neuron
        xp = library_of(current)
        decay, gain, drive = neuron.coefficients(self.dt).values[:3]
        membrane = xp.empty((steps or current.shape[0], *current.shape[-2:]), "float32")
        v = xp.zeros(current.shape[-2:], "float32")
        for t in range(membrane.shape[0]):
            given = current if current.ndim == 2 else current[t]
            v = decay * v + (gain * given + drive)
            membrane[t] = v
        self._saved = (inputs, current, membrane, neuron)
        return Activity(membrane=membrane)

    def backward(self, grad, *, inputs: bool = True):
        """Gradients of the parameters, into ``gradients``.

        Args:
            grad: with respect to the membranes, float32 [T, B, M].
            inputs: also return the gradient with respect to the inputs.

        Returns:
            float32 of the inputs' shape, or None.
        """
        given, current, membrane, neuron = self._saved_or_error()
        decay, gain, _ = neuron.coefficients(self.dt).values
        xp = library_of(grad)
        grad_current = xp.empty_like(grad)
        g = xp.zeros(grad.shape[1:], "float32")
        gd = xp.zeros(grad.shape[1:], "float32")
        gg = xp.zeros(grad.shape[1:], "float32")
        gr = xp.zeros(grad.shape[1:], "float32")
        for t in range(grad.shape[0])[::-1]:
            g = g + grad[t]
            if t:
                gd = gd + g * membrane[t - 1]
            gg = gg + g * (current if current.ndim == 2 else current[t])
            gr = gr + g
            grad_current[t] = gain * g
            g = decay * g
        by = {"decay": gd.sum(axis=0), "gain": gg.sum(axis=0), "drive": gr.sum(axis=0)}
        self._learned_back(neuron, by)
        if given.ndim == 2:
            grad_current = grad_current.sum(axis=0)
        return self._product_back(grad_current, given, inputs)
