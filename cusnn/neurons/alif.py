"""The leaky integrate-and-fire neuron with an adapting threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cusnn.neurons.parameters import RESETS, Coefficients, Parameters, check_dt, stack, step_count


@dataclass(frozen=True, eq=False)
class ALIF(Parameters):
    """Leaky integrate-and-fire neuron whose threshold rises at each of its spikes and decays.

        tau_mem dv/dt = (v_leak - v) + r (i_offset + current)
        spike where v >= v_threshold + jump a and the neuron does not rest
        tau_adaptation da/dt = -a,   a grows by 1 at a spike

    One step, in this order: integrate, fire, reset, adapt.

        v_pre     = decay v + (gain current + drive)        unless refractory, then v_pre = v
        threshold = v_threshold + jump a
        spike     = v_pre >= threshold                      unless refractory
        v         = v_reset | v_pre - (threshold - v_reset) | v_pre   where it spiked
        a         = decay_adaptation a + spike

    State [S=3, B, N]: ``v`` (mV), ``a`` (number) and ``refractory`` (steps left to rest).

    Args:
        tau_mem, r, v_leak, v_reset, t_refractory, i_offset, reset, input: as in ``LIF``; a soft
            reset subtracts the threshold of the moment.
        v_threshold: threshold of a neuron that has not fired for long, mV.
        tau_adaptation: time constant of the threshold, ms.
        jump: rise of the threshold at a spike, mV, not negative.

    Every number but ``t_refractory`` may be an array [N]. Integration is exact.

    Raises:
        ValueError: as ``LIF``, or a negative jump.

    Source: Bellec et al. (2018), arXiv:1803.09574, equations 1 to 5, and the values of its
    sequential MNIST (membrane 20 ms, adaptation 700 ms, threshold 0.01, beta 1.8, rest 5 ms). There
    a spike raises the threshold by beta (1 - exp(-dt / tau_adaptation)) with dt = 1 ms, which is
    ``jump`` = 0.00257; here it does not depend on dt.
    """

    tau_mem: float | np.ndarray = 20.0
    r: float | np.ndarray = 1.0
    v_leak: float | np.ndarray = 0.0
    v_threshold: float | np.ndarray = 0.01
    v_reset: float | np.ndarray = 0.0
    tau_adaptation: float | np.ndarray = 700.0
    jump: float | np.ndarray = 0.00257
    t_refractory: float = 5.0
    i_offset: float | np.ndarray = 0.0
    reset: str = "soft"
    input: str = "current"

    model: ClassVar[str] = "ALIF"
    state: ClassVar[tuple[str, ...]] = ("v", "a", "refractory")
    coefficient_names: ClassVar[tuple[str, ...]] = (
        "decay",
        "gain",
        "drive",
        "decay_adaptation",
        "jump",
        "v_threshold",
        "v_reset",
    )
    differentiable: ClassVar[bool] = True
    positive: ClassVar[tuple[str, ...]] = ("tau_mem", "tau_adaptation")
    choices: ClassVar[dict[str, tuple[str, ...]]] = {
        "reset": RESETS,
        "input": ("current", "voltage"),
    }

    def __post_init__(self):
        super().__post_init__()
        if np.any(np.asarray(self.jump) < 0):
            raise ValueError(f"ALIF: jump must not be negative, got {self.jump}")

    def coefficients(self, dt: float) -> Coefficients:
        """Per-step numbers for steps of ``dt`` ms.

        Raises:
            ValueError: no positive ``dt`` that ``t_refractory`` is a multiple of, or numbers that
                float32 cannot hold or tell apart.
        """
        dt = check_dt("ALIF", dt)
        decay = np.exp(-dt / np.asarray(self.tau_mem))
        gain = (1.0 - decay) * self.r
        drive = (1.0 - decay) * self.v_leak + gain * self.i_offset
        return Coefficients(
            model=self.model,
            reset=RESETS.index(self.reset),
            refractory_steps=step_count("ALIF", self.t_refractory, dt),
            values=stack(
                "ALIF",
                self.reset,
                (
                    decay,
                    1.0 if self.input == "voltage" else gain,
                    drive,
                    np.exp(-dt / np.asarray(self.tau_adaptation)),
                    self.jump,
                    self.v_threshold,
                    self.v_reset,
                ),
            ),
        )
