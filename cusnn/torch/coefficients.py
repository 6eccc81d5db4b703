"""From a neuron's parameters to its coefficients per step, in PyTorch, so that gradients come back.

The numbers that the kernels get are those of ``cusnn.neurons``; what is computed here, in float64
and by the same formulas, is only their derivative.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from cusnn import neurons
from cusnn.conventions import snntorch, spikingjelly

FLOAT64 = torch.float64


def lif(p: dict, dt: float) -> tuple[torch.Tensor, ...]:
    """decay, gain, drive, v_threshold, v_reset of ``LIF``."""
    decay = _decay(p["tau_mem"], dt, p["integration"])
    gain, drive = _gain_and_drive(decay, p)
    return decay, gain, drive, p["v_threshold"], p["v_reset"]


def cuba_lif(p: dict, dt: float) -> tuple[torch.Tensor, ...]:
    """decay, decay_syn, gain, drive, v_threshold, v_reset of ``CubaLIF``."""
    decay = _decay(p["tau_mem"], dt)
    decay_syn = _decay(p["tau_syn"], dt)
    gain = p["r"] * _synaptic_propagator(p["tau_mem"], p["tau_syn"], dt)
    drive = (1.0 - decay) * (p["v_leak"] + p["r"] * p["i_offset"])
    return decay, decay_syn, gain, drive, p["v_threshold"], p["v_reset"]


def alif(p: dict, dt: float) -> tuple[torch.Tensor, ...]:
    """decay, gain, drive, decay_adaptation, jump, v_threshold, v_reset of ``ALIF``."""
    decay = _decay(p["tau_mem"], dt)
    gain, drive = _gain_and_drive(decay, p)
    adaptation = _decay(p["tau_adaptation"], dt)
    return decay, gain, drive, adaptation, p["jump"], p["v_threshold"], p["v_reset"]


def li(p: dict, dt: float) -> tuple[torch.Tensor, ...]:
    """decay, gain, drive of ``LI``."""
    decay = _decay(p["tau_mem"], dt)
    gain = torch.ones_like(decay) if p["input"] == "voltage" else (1.0 - decay) * p["r"]
    return decay, gain, (1.0 - decay) * p["v_leak"]


def leaky(p: dict, dt: float) -> tuple[torch.Tensor, ...]:
    """beta, threshold of snnTorch's ``Leaky``."""
    return torch.clamp(p["beta"], 0.0, 1.0), p["threshold"]


def synaptic(p: dict, dt: float) -> tuple[torch.Tensor, ...]:
    """alpha, beta, threshold of snnTorch's ``Synaptic``."""
    return torch.clamp(p["alpha"], 0.0, 1.0), torch.clamp(p["beta"], 0.0, 1.0), p["threshold"]


def parametric_lif_node(p: dict, dt: float) -> tuple[torch.Tensor, ...]:
    """reciprocal_tau, v_threshold, v_reset of SpikingJelly's ``ParametricLIFNode``."""
    v_reset = torch.zeros_like(p["v_threshold"]) if p["v_reset"] is None else p["v_reset"]
    return p["reciprocal_tau"], p["v_threshold"], v_reset


_VOLTAGES = ("v_leak", "v_threshold", "v_reset", "r", "i_offset")
# By class: how its coefficients follow, and what may be learnt.
MAPS: dict[type, Callable[[dict, float], tuple[torch.Tensor, ...]]] = {
    neurons.LIF: lif,
    neurons.CubaLIF: cuba_lif,
    neurons.ALIF: alif,
    neurons.LI: li,
    snntorch.Leaky: leaky,
    snntorch.Synaptic: synaptic,
    spikingjelly.ParametricLIFNode: parametric_lif_node,
}
LEARNABLE: dict[type, tuple[str, ...]] = {
    neurons.LIF: ("tau_mem", *_VOLTAGES),
    neurons.CubaLIF: ("tau_mem", "tau_syn", *_VOLTAGES),
    neurons.ALIF: ("tau_mem", "tau_adaptation", "jump", *_VOLTAGES),
    neurons.LI: ("tau_mem", "r", "v_leak"),
    snntorch.Leaky: ("beta", "threshold"),
    snntorch.Synaptic: ("alpha", "beta", "threshold"),
    spikingjelly.ParametricLIFNode: ("reciprocal_tau",),
}


def coefficients(model: type, parameters: dict, dt: float, device) -> tuple[torch.Tensor, ...]:
    """Coefficients of a neuron, float64, in the order of its ``coefficient_names``.

    Args:
        model: class of the neuron.
        parameters: all its parameters by name: numbers, arrays [N], float64 tensors, or words.
        dt: step, ms.
        device: where the tensors are.
    """
    tensors = {
        name: value
        if isinstance(value, (str, bool)) or value is None
        else torch.as_tensor(value, dtype=FLOAT64, device=device)
        for name, value in parameters.items()
    }
    return tuple(torch.as_tensor(c, device=device) for c in MAPS[model](tensors, dt))


def _decay(tau: torch.Tensor, dt: float, integration: str = "exact") -> torch.Tensor:
    return torch.exp(-dt / tau) if integration == "exact" else 1.0 - dt / tau


def _gain_and_drive(decay, p):
    gain = (1.0 - decay) * p["r"]
    drive = (1.0 - decay) * p["v_leak"] + gain * p["i_offset"]
    return torch.ones_like(gain) if p["input"] == "voltage" else gain, drive


def _synaptic_propagator(tau_mem: torch.Tensor, tau_syn: torch.Tensor, dt: float) -> torch.Tensor:
    """P21 of Rotter and Diesmann, with a derivative also where the time constants are equal."""
    x = dt * torch.abs(1.0 / tau_syn - 1.0 / tau_mem)
    close = x < 1e-4
    far = torch.where(close, 1.0, x)
    series = 1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0))
    ratio = torch.where(close, series, -torch.expm1(-far) / far)
    return dt / tau_mem * torch.exp(-dt / torch.maximum(tau_mem, tau_syn)) * ratio
