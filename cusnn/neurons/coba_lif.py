"""The leaky integrate-and-fire neuron with synaptic conductances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cusnn.neurons.parameters import RESETS, Coefficients, Parameters, check_dt, stack, step_count


@dataclass(frozen=True, eq=False)
class CobaLIF(Parameters):
    """Leaky integrate-and-fire neuron with exponentially decaying synaptic conductances.

        tau_mem dv/dt = (v_leak - v) + r (i_offset + g_exc (e_exc - v) + g_inh (e_inh - v))
        tau_x dg_x/dt = -g_x,   g_x jumps by the arriving conductance (nS), x = exc, inh

    One step, in the order of NEST's ``iaf_cond_exp``: the membrane moves with the conductances of
    the step before, these decay, the input of this step arrives, the neuron fires. The membrane
    moves by the midpoint rule, of second order in dt, with conductances that decay exactly:

        slope(v, g_exc, g_inh) = (drive - rate v) + gain (g_exc (e_exc - v) + g_inh (e_inh - v))
        middle  = v + slope(v, g_exc, g_inh) / 2
        v_pre   = v + slope(middle, half_exc g_exc, half_inh g_inh)   unless refractory, then v
        g_x     = decay_x g_x + arriving_x
        spike   = v_pre >= v_threshold                                unless refractory
        v       = v_reset | v_pre - (v_threshold - v_reset) | v_pre   where it spiked

    It is stable while dt (1 + r (g_exc + g_inh)) < 2 tau_mem. In ``neuron_forward`` a positive
    input adds to ``g_exc`` and the amount of a negative one to ``g_inh``; in a network the synapse
    says which.

    State [S=4, B, N]: ``v`` (mV), ``g_exc``, ``g_inh`` (nS) and ``refractory`` (steps to rest).

    Args:
        tau_mem: membrane time constant, ms.
        r: membrane resistance, GOhm; 1 over the leak conductance in nS.
        e_exc, e_inh: reversal potentials, mV.
        tau_exc, tau_inh: synaptic time constants, ms.
        v_leak, v_threshold, v_reset, t_refractory, i_offset, reset: as in ``LIF``.

    Every number but ``t_refractory`` may be an array [N]. The defaults are those of Vogels and
    Abbott's network: capacitance 200 pF, leak 10 nS.

    Raises:
        ValueError: as ``LIF``.

    Source: Brette et al. (2007), doi:10.1007/s10827-007-0038-6, benchmark 1; NEST 3.10
    iaf_cond_exp, which integrates by Runge-Kutta-Fehlberg with a step of its own.
    """

    tau_mem: float | np.ndarray = 20.0
    r: float | np.ndarray = 0.1
    v_leak: float | np.ndarray = -60.0
    v_threshold: float | np.ndarray = -50.0
    v_reset: float | np.ndarray = -60.0
    e_exc: float | np.ndarray = 0.0
    e_inh: float | np.ndarray = -80.0
    tau_exc: float | np.ndarray = 5.0
    tau_inh: float | np.ndarray = 10.0
    t_refractory: float = 5.0
    i_offset: float | np.ndarray = 0.0
    reset: str = "hard"

    model: ClassVar[str] = "CobaLIF"
    state: ClassVar[tuple[str, ...]] = ("v", "g_exc", "g_inh", "refractory")
    coefficient_names: ClassVar[tuple[str, ...]] = (
        "rate",
        "gain",
        "drive",
        "half_exc",
        "half_inh",
        "decay_exc",
        "decay_inh",
        "e_exc",
        "e_inh",
        "v_threshold",
        "v_reset",
    )
    positive: ClassVar[tuple[str, ...]] = ("tau_mem", "tau_exc", "tau_inh")
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"reset": RESETS}

    def coefficients(self, dt: float) -> Coefficients:
        """Per-step numbers for steps of ``dt`` ms.

        Raises:
            ValueError: no positive ``dt`` that ``t_refractory`` is a multiple of, one of
                2 tau_mem or more, or numbers that float32 cannot hold or tell apart.
        """
        dt = check_dt("CobaLIF", dt)
        rate = dt / np.asarray(self.tau_mem)
        if np.any(rate >= 2):
            raise ValueError(
                f"CobaLIF: the midpoint rule needs dt < 2 tau_mem, got dt={dt} ms and "
                f"tau_mem={self.tau_mem} ms"
            )
        gain = rate * self.r
        exponents = [-dt / np.asarray(tau) for tau in (self.tau_exc, self.tau_inh)]
        return Coefficients(
            model=self.model,
            reset=RESETS.index(self.reset),
            refractory_steps=step_count("CobaLIF", self.t_refractory, dt),
            values=stack(
                "CobaLIF",
                self.reset,
                (
                    rate,
                    gain,
                    rate * self.v_leak + gain * self.i_offset,
                    *(np.exp(0.5 * exponent) for exponent in exponents),
                    *(np.exp(exponent) for exponent in exponents),
                    self.e_exc,
                    self.e_inh,
                    self.v_threshold,
                    self.v_reset,
                ),
            ),
        )
