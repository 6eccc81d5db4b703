"""The neuron that passes on what arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cusnn.neurons.lif import LIF_COEFFICIENTS
from cusnn.neurons.parameters import RESETS, Coefficients, Parameters, check_dt, stack


@dataclass(frozen=True, eq=False)
class Relay(Parameters):
    """Neuron that fires in the step in which anything positive arrives.

    It passes on what excites it, in a network with the delay of its synapses: PyNN's
    ``SpikeSource...`` populations, driven by spike times or Poisson input, and NEST's
    ``parrot_neuron`` but for one thing: it fires once in a step however many spikes arrive there,
    where a parrot repeats each. A Poisson input of rate f makes it fire with (1 - exp(-f dt)) / dt,
    8.6 kHz for 20 kHz at dt 0.1 ms; fast sources are better many slow relays, or a ``PoissonInput``
    straight into the target.

    Its step is that of a ``LIF`` that forgets at once: decay 0, gain 1, drive 0, and for threshold
    1e-30, the smallest input that is not cut to zero. State [S=2, B, N]: ``v`` (what arrived in
    the last step, 0 if it fired) and ``refractory``, which is always 0.
    """

    model: ClassVar[str] = "LIF"
    state: ClassVar[tuple[str, ...]] = ("v", "refractory")
    coefficient_names: ClassVar[tuple[str, ...]] = LIF_COEFFICIENTS
    t_refractory: ClassVar[float] = 0.0
    reset: ClassVar[str] = "hard"
    v_leak: ClassVar[float] = 0.0
    v_threshold: ClassVar[float] = 1e-30
    v_reset: ClassVar[float] = 0.0

    def coefficients(self, dt: float) -> Coefficients:
        """Per-step numbers, the same for every ``dt``.

        Raises:
            ValueError: no positive ``dt``.
        """
        check_dt("Relay", dt)
        rows = (0.0, 1.0, 0.0, self.v_threshold, self.v_reset)
        return Coefficients(
            model=self.model,
            reset=RESETS.index(self.reset),
            refractory_steps=0,
            values=stack("Relay", self.reset, rows),
        )
