"""The leaky integrate-and-fire neuron."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cusnn.neurons.parameters import RESETS, Coefficients, Parameters, check_dt, stack, step_count


def _decay(dt: float, tau, integration: str):
    """Factor of a decaying state per step: exp(-dt/tau), or 1 - dt/tau for forward Euler."""
    if integration == "exact":
        return np.exp(-dt / np.asarray(tau))
    if np.any(dt / np.asarray(tau) > 1):
        raise ValueError(
            f"LIF: integration='euler' needs dt <= every time constant, got dt={dt} ms"
        )
    return 1.0 - dt / np.asarray(tau)


LIF_COEFFICIENTS = ("decay", "gain", "drive", "v_threshold", "v_reset")


@dataclass(frozen=True, eq=False)
class LIF(Parameters):
    """Leaky integrate-and-fire neuron.

        tau_mem dv/dt = (v_leak - v) + r (i_offset + current)
        spike where v >= v_threshold and the neuron does not rest

    One step, in this order: integrate, fire, reset.

        v_pre   = decay v + (gain current + drive)      unless refractory, then v_pre = v
        spike   = v_pre >= v_threshold                  unless refractory
        v       = v_reset | v_pre - (v_threshold - v_reset) | v_pre   where it spiked

    State [S=2, B, N]: ``v`` (mV) and ``refractory`` (steps left to rest).

    Args:
        tau_mem: membrane time constant, ms.
        r: membrane resistance, GOhm (mV per pA); NEST's tau_m / C_m.
        v_leak: resting voltage, mV.
        v_threshold: firing threshold, mV; fires at ``v >= v_threshold``.
        v_reset: voltage after a spike, mV.
        t_refractory: rest after a spike, ms, a multiple of dt; input of that time is lost.
        i_offset: constant current, pA.
        reset: "hard" (to v_reset), "soft" (subtract v_threshold - v_reset) or "none".
        integration: "exact" (exponential Euler, exact for a current constant over a step) or
            "euler" (forward Euler).
        input: "current" (pA, filtered by the membrane) or "voltage" (jumps of v, mV, as delta
            synapses make).

    Every number but ``t_refractory`` may be an array [N].

    Raises:
        ValueError: a value that is not finite, a time constant that is not positive, arrays of
            different lengths, or a reset to the threshold or above it.

    Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3; names of NIR's LIF, which
    fires at ``v > v_threshold``.
    """

    tau_mem: float | np.ndarray = 20.0
    r: float | np.ndarray = 1.0
    v_leak: float | np.ndarray = 0.0
    v_threshold: float | np.ndarray = 1.0
    v_reset: float | np.ndarray = 0.0
    t_refractory: float = 0.0
    i_offset: float | np.ndarray = 0.0
    reset: str = "hard"
    integration: str = "exact"
    input: str = "current"

    model: ClassVar[str] = "LIF"
    state: ClassVar[tuple[str, ...]] = ("v", "refractory")
    coefficient_names: ClassVar[tuple[str, ...]] = LIF_COEFFICIENTS
    differentiable: ClassVar[bool] = True
    positive: ClassVar[tuple[str, ...]] = ("tau_mem",)
    choices: ClassVar[dict[str, tuple[str, ...]]] = {
        "reset": RESETS,
        "integration": ("exact", "euler"),
        "input": ("current", "voltage"),
    }

    def coefficients(self, dt: float) -> Coefficients:
        """Per-step numbers for steps of ``dt`` ms.

        Raises:
            ValueError: no positive ``dt`` that ``t_refractory`` is a multiple of, or numbers that
                float32 cannot hold or tell apart.
        """
        dt = check_dt("LIF", dt)
        decay = _decay(dt, self.tau_mem, self.integration)
        gain = (1.0 - decay) * self.r
        drive = (1.0 - decay) * self.v_leak + gain * self.i_offset
        if self.input == "voltage":
            gain = 1.0
        return Coefficients(
            model="LIF",
            reset=RESETS.index(self.reset),
            refractory_steps=step_count("LIF", self.t_refractory, dt),
            values=stack("LIF", self.reset, (decay, gain, drive, self.v_threshold, self.v_reset)),
        )
