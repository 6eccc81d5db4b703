"""The spiking layer that every input reaches all of."""

from __future__ import annotations

from cusnn.ops.decode import decode_count
from cusnn.ops.layer import layer_backward, layer_forward
from cusnn.ops.neuron import initial_state, neuron_backward, neuron_forward
from cusnn.training.dropout import Draw
from cusnn.training.layers import Activity, Layer, library_of


class SpikingDense(Layer):
    """Every input to every neuron: ``layer_forward``, for values ``neuron_forward`` of a product.

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
        dropout: share of the inputs that a sample does without in training, the same ones in all
            steps; the weights of the others count 1 / (1 - dropout) times.
        input_rate: spikes per input and step that are expected; the initial weights are scaled
            by it (``cusnn.training.initial``). Of values, the root of their mean square.
        static_input: the input is values that stay the same over all steps.
        xi: distance of the threshold from rest in standard deviations of the initial membrane.
        steps: T that is expected, by which they are scaled too; None where it is long beside the
            time constants.
        seed: of the initial weights, 0 or more.
        name: in messages, parameters and files.

    Raises:
        ValueError, TypeError: sizes that are not positive integers, a neuron of another kind or
            with parameters of another number of neurons, a rate out of range, or something to learn
            that the neuron has not.
    """

    def forward(self, inputs, steps: int | None = None, draw: Draw | None = None) -> Activity:
        """Answer of the layer.

        Args:
            inputs: what another layer answered, or an array as ``cusnn.training.layers`` says.
            steps: T, for values [B, N].
            draw: what dropout is drawn from, in training; None for no dropout.
        """
        given, neuron = self._given(inputs, steps, draw), self.neuron
        wanted = {"checkpoints": True, "dt": self.dt, "backend": self.backend}
        if given.spiking:
            bits, current = given.bits(self.backend), None
            weights = given.scaled(self.parameters["weights"])
            state = initial_state(neuron, (bits.shape[1], self.size), library_of(bits))
            bias = self.parameters.get("bias")
            found = layer_forward(bits, weights, state, neuron, bias=bias, packed=True, **wanted)
            spikes, packed = found.spikes, found.packed
        else:
            current = self._product(given)
            shape, packed = current.shape, None
            current = _side_by_side(current, neuron)
            state = initial_state(neuron, current.shape[-2:], library_of(current))
            steps = steps if given.static else None
            found = neuron_forward(current, state, neuron, steps=steps, **wanted)
            spikes = found.spikes.reshape(-1, *shape[-2:])
        self._saved = (given, current, found.checkpoints, neuron)
        counts = decode_count(spikes, backend=self.backend)
        return Activity(spikes=spikes, packed=packed, counts=counts)

    def backward(self, grad, *, inputs: bool = True):
        """Gradients of the parameters, into ``gradients``.

        Args:
            grad: with respect to the spikes, float32 [T, B, M].
            inputs: also return the gradient with respect to the inputs.

        Returns:
            float32, [T, B, N] or of the shape of the values that came in, or None.
        """
        given, current, checkpoints, neuron = self._saved_or_error()
        options = {
            "dt": self.dt,
            "surrogate": self.surrogate,
            "detach_reset": self.detach_reset,
            "coefficients": bool(self.learn),
            "backend": self.backend,
        }
        if not given.spiking:
            flat = grad.reshape(-1, *current.shape[-2:])
            found = neuron_backward(current, checkpoints, flat, neuron, **options)
            self._learned_back(neuron, found.coefficients)
            grad_current = found.current.reshape(*current.shape[:-2], *grad.shape[1:])
            return self._product_back(grad_current, given, inputs)
        found = layer_backward(
            given.bits(self.backend),
            given.scaled(self.parameters["weights"]),
            checkpoints,
            grad,
            neuron,
            bias=self.parameters.get("bias"),
            grad_spikes_in=inputs,
            **options,
        )
        self._learned_back(neuron, found.coefficients)
        self.gradients["weights"][...] = given.scaled(found.weights)
        if self.bias:
            self.gradients["bias"][...] = found.bias
        return given.back(found.spikes_in)


def _side_by_side(current, neuron):
    """A view [..., 1, B M] where all neurons have the same numbers: long rows are faster."""
    if neuron.size is not None:
        return current
    return current.reshape(*current.shape[:-2], 1, current.shape[-2] * current.shape[-1])
