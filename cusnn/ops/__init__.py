"""The front doors: they document, check, allocate and dispatch; backends compute."""

from cusnn.ops.neuron import (
    NeuronForward,
    NeuronGradients,
    initial_state,
    neuron_backward,
    neuron_forward,
)

__all__ = [
    "NeuronForward",
    "NeuronGradients",
    "initial_state",
    "neuron_backward",
    "neuron_forward",
]
