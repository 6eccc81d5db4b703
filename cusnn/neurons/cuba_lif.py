"""The leaky integrate-and-fire neuron with synaptic currents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cusnn.neurons.parameters import RESETS, Coefficients, Parameters, check_dt, stack, step_count


@dataclass(frozen=True, eq=False)
class CubaLIF(Parameters):
    """Leaky integrate-and-fire neuron with exponentially decaying synaptic current.

        tau_mem dv/dt = (v_leak - v) + r (i_offset + i)
        tau_syn di/dt = -i,   i jumps by the arriving input (pA)

    One step, in the order of NEST's ``iaf_psc_exp``: the membrane moves with the synaptic current
    of the step before, the current decays, the input of this step arrives, the neuron fires.
    Input arrives in ``i`` also while the neuron rests.

        v_pre   = decay v + (gain i + drive)            unless refractory, then v_pre = v
        i       = decay_syn i + current
        spike   = v_pre >= v_threshold                  unless refractory
        v       = v_reset | v_pre - (v_threshold - v_reset) | v_pre   where it spiked

    State [S=3, B, N]: ``v`` (mV), ``i`` (pA) and ``refractory`` (steps left to rest).

    With ``tau_syn_inh`` excitation and inhibition are two currents. In ``neuron_forward`` an input
    belongs to the one or the other by its sign; in a network, by the synapse.

        v_pre   = decay v + ((gain_exc i_exc + gain_inh i_inh) + drive)
        i_exc   = decay_exc i_exc + max(current, 0)
        i_inh   = decay_inh i_inh + min(current, 0)

    State [S=4, B, N]: ``v`` (mV), ``i_exc``, ``i_inh`` (pA) and ``refractory``.

    Args:
        tau_mem: membrane time constant, ms.
        tau_syn: synaptic time constant, ms; of excitation where ``tau_syn_inh`` is given.
        r: membrane resistance, GOhm (mV per pA); NEST's tau_m / C_m.
        v_leak, v_threshold, v_reset, t_refractory, i_offset, reset: as in ``LIF``.
        tau_syn_inh: synaptic time constant of inhibition, ms; None for one current that both
            share.

    Every number but ``t_refractory`` may be an array [N]. Integration is exact for all states.

    Raises:
        ValueError: as ``LIF``.

    Source: Rotter and Diesmann (1999), doi:10.1007/s004220050570; NEST 3.10 iaf_psc_exp.cpp,
    update(). NEST always keeps two synaptic currents.
    """

    tau_mem: float | np.ndarray = 10.0
    tau_syn: float | np.ndarray = 0.5
    r: float | np.ndarray = 0.04
    v_leak: float | np.ndarray = -65.0
    v_threshold: float | np.ndarray = -50.0
    v_reset: float | np.ndarray = -65.0
    t_refractory: float = 2.0
    i_offset: float | np.ndarray = 0.0
    reset: str = "hard"
    tau_syn_inh: float | np.ndarray | None = None

    model: ClassVar[str] = "CubaLIF"
    state: ClassVar[tuple[str, ...]] = ("v", "i", "refractory")
    coefficient_names: ClassVar[tuple[str, ...]] = (
        "decay",
        "decay_syn",
        "gain",
        "drive",
        "v_threshold",
        "v_reset",
    )
    differentiable: ClassVar[bool] = True
    positive: ClassVar[tuple[str, ...]] = ("tau_mem", "tau_syn", "tau_syn_inh")
    may_be_none: ClassVar[tuple[str, ...]] = ("tau_syn_inh",)
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"reset": RESETS}

    def __post_init__(self):
        super().__post_init__()
        if self.tau_syn_inh is not None:
            object.__setattr__(self, "model", "CubaDualLIF")
            object.__setattr__(self, "differentiable", False)
            object.__setattr__(self, "state", ("v", "i_exc", "i_inh", "refractory"))
            names = ("decay", "decay_exc", "decay_inh", "gain_exc", "gain_inh", "drive")
            object.__setattr__(self, "coefficient_names", (*names, "v_threshold", "v_reset"))

    def coefficients(self, dt: float) -> Coefficients:
        """Per-step numbers for steps of ``dt`` ms.

        Raises:
            ValueError: no positive ``dt`` that ``t_refractory`` is a multiple of, or numbers that
                float32 cannot hold or tell apart.
        """
        dt = check_dt("CubaLIF", dt)
        both = (self.tau_syn,) if self.tau_syn_inh is None else (self.tau_syn, self.tau_syn_inh)
        decay = np.exp(-dt / np.asarray(self.tau_mem))
        rows = [decay, *(np.exp(-dt / np.asarray(tau)) for tau in both)]
        for tau in both:
            propagator = _synaptic_propagator(dt, *np.broadcast_arrays(self.tau_mem, tau))
            rows.append(np.asarray(self.r) * propagator)
        rows.append((1.0 - decay) * (self.v_leak + np.asarray(self.r) * self.i_offset))
        return Coefficients(
            model=self.model,
            reset=RESETS.index(self.reset),
            refractory_steps=step_count("CubaLIF", self.t_refractory, dt),
            values=stack("CubaLIF", self.reset, (*rows, self.v_threshold, self.v_reset)),
        )


def _synaptic_propagator(dt: float, tau_mem: np.ndarray, tau_syn: np.ndarray) -> np.ndarray:
    """Voltage over r that a current of 1 leaves after dt: P21 of Rotter and Diesmann.

        tau_syn / (tau_mem - tau_syn) (exp(-dt/tau_mem) - exp(-dt/tau_syn))

    Written with expm1(x)/x, which stays exact where the two time constants are close or equal, of
    a negative argument, which cannot overflow.
    """
    x = dt * np.abs(1.0 / tau_syn - 1.0 / tau_mem)
    safe = np.where(x == 0.0, 1.0, x)
    ratio = np.where(x == 0.0, 1.0, -np.expm1(-safe) / safe)
    return dt / tau_mem * np.exp(-dt / np.maximum(tau_mem, tau_syn)) * ratio
