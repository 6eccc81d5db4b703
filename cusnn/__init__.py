"""cusnn: CUDA kernels for spiking neural networks, a NumPy reference, and Numba on the CPU."""

import importlib

__version__ = "0.1.0"

# Public name -> the module that defines it; loaded when first asked for, so that importing the
# package costs nothing.
_HOMES = {
    "cusnn.neurons": ("ALIF", "LI", "LIF", "CobaLIF", "CubaLIF", "Izhikevich", "Relay"),
    "cusnn.plasticity": ("STDP",),
    "cusnn.ops.neuron": (
        "NeuronForward",
        "NeuronGradients",
        "initial_state",
        "neuron_backward",
        "neuron_forward",
    ),
    "cusnn.ops.spikes": ("CompactSpikes", "spike_compact", "spike_pack", "spike_unpack"),
    "cusnn.ops.matmul": ("CSR", "spike_matmul", "spike_matmul_backward"),
    "cusnn.ops.layer": ("LayerForward", "LayerGradients", "layer_backward", "layer_forward"),
    "cusnn.ops.leaky": ("LeakyForward", "LeakyGradients", "leaky_backward", "leaky_forward"),
    "cusnn.ops.optimize": ("adam_step", "sgd_step"),
    "cusnn.ops.recurrent": (
        "RecurrentForward",
        "RecurrentGradients",
        "recurrent_backward",
        "recurrent_forward",
    ),
    "cusnn.ops.stdp": ("stdp_step",),
    "cusnn.ops.encode": ("encode_latency", "encode_population", "encode_rate"),
    "cusnn.ops.decode": ("decode_count", "decode_first_spike"),
    "cusnn.network": ("Network", "PoissonInput", "Population", "Projection"),
    "cusnn.simulation": ("Result", "Simulation", "memory_estimate"),
}
_MODULES = (
    "analysis",
    "data",
    "energy",
    "models",
    "network",
    "neurons",
    "ops",
    "plots",
    "simulation",
    "surrogates",
    "training",
    "validation",
)
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF), *_MODULES]


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"cusnn.{name}")
    if name in _HOME_OF:
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'cusnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
