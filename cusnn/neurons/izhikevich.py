"""Izhikevich's neuron."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cusnn.neurons.parameters import RESETS, Coefficients, Parameters, check_dt, stack


@dataclass(frozen=True, eq=False)
class Izhikevich(Parameters):
    """Izhikevich's neuron: a quadratic membrane and a recovery variable.

        dv/dt = 0.04 v^2 + 5 v + 140 - u + i_offset + current
        du/dt = a (b v - u)
        where v >= v_threshold:  v = v_reset, u grows by d

    One step of forward Euler, both states from the same point, as NEST's ``izhikevich`` takes it
    with ``consistent_integration``. The neuron never rests.

        v_pre   = v + (rate_v (((0.04 v + 5) v - u) + drive) + gain current)
        u       = u + rate_u (b v - u)                  with v of before the step
        spike   = v_pre >= v_threshold
        v, u    = v_reset, u + jump                     where it spiked

    State [S=3, B, N]: ``v`` (mV), ``u`` (mV/ms) and ``refractory``, which is always 0.

    Args:
        a: rate of recovery, 1/ms.
        b: sensitivity of recovery to the voltage, 1/ms.
        d: growth of ``u`` at a spike, mV/ms.
        v_threshold: peak of a spike, mV, at which the neuron is reset.
        v_reset: voltage after a spike, mV; Izhikevich's c.
        i_offset: constant input, mV/ms.
        input: "current" (mV/ms, over the step) or "voltage" (jumps of v, mV, which NEST's synapses
            make).

    Every number may be an array [N]. The defaults are those of regular spiking. The published
    program instead takes two half steps of v with u from before them, at dt = 1 ms.

    Raises:
        ValueError: as ``LIF``.

    Source: Izhikevich (2003), doi:10.1109/TNN.2003.820440; NEST 3.10 izhikevich.cpp, update().
    """

    a: float | np.ndarray = 0.02
    b: float | np.ndarray = 0.2
    d: float | np.ndarray = 8.0
    v_threshold: float | np.ndarray = 30.0
    v_reset: float | np.ndarray = -65.0
    i_offset: float | np.ndarray = 0.0
    input: str = "current"

    model: ClassVar[str] = "Izhikevich"
    state: ClassVar[tuple[str, ...]] = ("v", "u", "refractory")
    coefficient_names: ClassVar[tuple[str, ...]] = (
        "rate_v",
        "gain",
        "drive",
        "rate_u",
        "b",
        "jump",
        "v_threshold",
        "v_reset",
    )
    t_refractory: ClassVar[float] = 0.0
    reset: ClassVar[str] = "hard"
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"input": ("current", "voltage")}

    @property
    def v_leak(self) -> float | np.ndarray:
        """Voltage of rest without input, mV: -70 for regular spiking.

        The lower root of 0.04 v^2 + (5 - b) v + 140, where u = b v holds both states still; where
        there is none, the voltage of slowest change.
        """
        slope = 5.0 - np.asarray(self.b)
        root = np.sqrt(np.maximum(slope**2 - 4.0 * 0.04 * 140.0, 0.0))
        rest = -(slope + root) / 0.08
        return float(rest) if rest.ndim == 0 else rest

    @property
    def resting_state(self) -> tuple[float | np.ndarray, ...]:
        """A neuron at rest: ``v_leak``, and ``u`` = b v_leak."""
        return (self.v_leak, self.b * self.v_leak, 0.0)

    def coefficients(self, dt: float) -> Coefficients:
        """Per-step numbers for steps of ``dt`` ms.

        Raises:
            ValueError: no positive ``dt``, or numbers that float32 cannot hold or tell apart.
        """
        dt = check_dt("Izhikevich", dt)
        return Coefficients(
            model=self.model,
            reset=RESETS.index(self.reset),
            refractory_steps=0,
            values=stack(
                "Izhikevich",
                self.reset,
                (
                    dt,
                    1.0 if self.input == "voltage" else dt,
                    140.0 + np.asarray(self.i_offset),
                    dt * np.asarray(self.a),
                    self.b,
                    self.d,
                    self.v_threshold,
                    self.v_reset,
                ),
            ),
        )
