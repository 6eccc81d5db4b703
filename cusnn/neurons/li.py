"""The leaky integrator: a membrane without spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cusnn.neurons.parameters import RESETS, Coefficients, Parameters, check_dt, stack


@dataclass(frozen=True, eq=False)
class LI(Parameters):
    """Leaky integrator: a membrane that never fires, to read a network's output from.

        tau_mem dv/dt = (v_leak - v) + r current

    One step:

        v = decay v + (gain current + drive)

    State [S=1, B, N]: ``v`` (mV).

    Args:
        tau_mem: membrane time constant, ms.
        r: membrane resistance, GOhm (mV per pA).
        v_leak: resting voltage, mV.
        input: "current" (pA, filtered by the membrane) or "voltage" (jumps of v, mV).

    Every number may be an array [N]. Integration is exact for a current constant over a step.

    Raises:
        ValueError: a value that is not finite, a time constant that is not positive, or arrays of
            different lengths.

    Source: NIR's LI.
    """

    tau_mem: float | np.ndarray = 20.0
    r: float | np.ndarray = 1.0
    v_leak: float | np.ndarray = 0.0
    input: str = "current"

    model: ClassVar[str] = "LI"
    state: ClassVar[tuple[str, ...]] = ("v",)
    coefficient_names: ClassVar[tuple[str, ...]] = ("decay", "gain", "drive")
    positive: ClassVar[tuple[str, ...]] = ("tau_mem",)
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"input": ("current", "voltage")}
    reset: ClassVar[str] = "none"
    t_refractory: ClassVar[float] = 0.0

    def coefficients(self, dt: float) -> Coefficients:
        """Per-step numbers for steps of ``dt`` ms.

        Raises:
            ValueError: no positive ``dt``, or numbers that float32 cannot hold.
        """
        decay = np.exp(-check_dt("LI", dt) / np.asarray(self.tau_mem))
        gain = (1.0 - decay) * self.r if self.input == "current" else 1.0
        drive = (1.0 - decay) * self.v_leak
        return Coefficients(
            model="LI",
            reset=RESETS.index(self.reset),
            refractory_steps=0,
            values=stack("LI", self.reset, (decay, gain, drive)),
        )
