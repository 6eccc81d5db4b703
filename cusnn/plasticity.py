"""Plasticity rules: frozen physical parameters, turned into per-step numbers by ``coefficients``.

Time constants are in ms; amplitudes and bounds in the unit of the weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

__all__ = ["DEPENDENCES", "PAIRINGS", "STDP", "STDPCoefficients"]

DEPENDENCES = ("additive", "multiplicative")
PAIRINGS = ("all_to_all", "nearest")


@dataclass(frozen=True)
class STDPCoefficients:
    """What a backend gets of an ``STDP`` rule: float32 numbers per step, no time.

    Attributes:
        decay_pre: factor per step of a trace of presynaptic spikes.
        decay_post: factor per step of a trace of postsynaptic spikes.
        a_plus: potentiation per unit of presynaptic trace.
        a_minus: depression per unit of postsynaptic trace.
        w_min: lower bound of a weight.
        w_max: upper bound of a weight.
        multiplicative: whether a change is scaled by the distance to the bound it moves to.
        nearest: whether a spike sets its trace to 1 instead of adding 1.
    """

    decay_pre: np.float32
    decay_post: np.float32
    a_plus: np.float32
    a_minus: np.float32
    w_min: np.float32
    w_max: np.float32
    multiplicative: bool
    nearest: bool


@dataclass(frozen=True)
class STDP:
    """Spike-timing-dependent plasticity by pairs of spikes, with soft or hard bounds.

    A presynaptic and a postsynaptic spike whose times differ by ``delta = t_post - t_pre``
    change the weight between them, when the later of the two happens, by

        delta > 0:    + F_plus(w)  exp(-delta / tau_plus)
        delta < 0:    - F_minus(w) exp( delta / tau_minus)
        delta = 0:    not at all

        additive          F_plus(w) = a_plus               F_minus(w) = a_minus
        multiplicative    F_plus(w) = a_plus (w_max - w)   F_minus(w) = a_minus (w - w_min)

    and after every change the weight is cut to [w_min, w_max]. The pairs are counted by two
    traces, x_pre per presynaptic and x_post per postsynaptic neuron. One step, in this order:

        x_pre  = exp(-dt / tau_plus)  x_pre      (0 where below 1e-30)
        x_post = exp(-dt / tau_minus) x_post     (0 where below 1e-30)
        w_ij   = cut(w_ij - F_minus(w_ij) x_post_j)    where the presynaptic neuron i fired
        w_ij   = cut(w_ij + F_plus(w_ij)  x_pre_i)     where the postsynaptic neuron j fired
        x_pre, x_post jump where their neurons fired

    As traces jump last, two spikes of the same step do not pair with each other; where both
    neurons of a synapse fire in one step, depression (by earlier postsynaptic spikes) comes
    before potentiation (by earlier presynaptic ones).

    Pairing: with ``"all_to_all"`` a jump adds 1, and every spike pairs with every earlier spike of
    the other side. With ``"nearest"`` a jump sets the trace to 1, and every spike pairs with the
    last earlier spike of the other side only: the symmetric nearest-neighbour scheme.

    Args:
        tau_plus: time constant of potentiation, ms.
        tau_minus: time constant of depression, ms.
        a_plus: potentiation of a pair at delta = 0+; for ``"multiplicative"`` per distance to
            ``w_max``, a pure number. Negative for anti-Hebbian rules.
        a_minus: likewise depression of a pair at delta = 0-; positive depresses.
        w_min: lower bound.
        w_max: upper bound.
        dependence: "additive" or "multiplicative".
        pairing: "all_to_all" or "nearest".

    Raises:
        ValueError: a parameter that is not one finite number, a time constant that is not
            positive, bounds out of order, or an unknown choice.

    Source: Morrison, Diesmann and Gerstner (2008), doi:10.1007/s00422-008-0233-1, sections 4.1
    (pairing) and 4.2 (weight dependence). There potentiation of the additive rule is ``lambda``
    and depression ``lambda alpha``, in units of w_max, with w_min = 0.
    """

    tau_plus: float = 20.0
    tau_minus: float = 20.0
    a_plus: float = 0.005
    a_minus: float = 0.0055
    w_min: float = 0.0
    w_max: float = 1.0
    dependence: str = "additive"
    pairing: str = "all_to_all"

    def __post_init__(self):
        for field in fields(self)[:6]:
            object.__setattr__(self, field.name, _number(field.name, getattr(self, field.name)))
        for name in ("tau_plus", "tau_minus"):
            if getattr(self, name) <= 0:
                raise ValueError(f"STDP: {name} must be positive, got {getattr(self, name)} ms")
        if np.float32(self.w_min) >= np.float32(self.w_max):
            raise ValueError(
                f"STDP: w_min={self.w_min} must lie below w_max={self.w_max} in float32"
            )
        for name, allowed in (("dependence", DEPENDENCES), ("pairing", PAIRINGS)):
            value = getattr(self, name)
            if not isinstance(value, str) or value not in allowed:
                raise ValueError(f"STDP: {name} must be one of {', '.join(allowed)}, got {value!r}")

    def coefficients(self, dt: float) -> STDPCoefficients:
        """Per-step numbers for steps of ``dt`` ms."""
        dt = _number("dt", dt)
        if dt <= 0:
            raise ValueError(f"STDP: dt must be a positive number of ms, got {dt}")
        return STDPCoefficients(
            decay_pre=np.float32(math.exp(-dt / self.tau_plus)),
            decay_post=np.float32(math.exp(-dt / self.tau_minus)),
            a_plus=np.float32(self.a_plus),
            a_minus=np.float32(self.a_minus),
            w_min=np.float32(self.w_min),
            w_max=np.float32(self.w_max),
            multiplicative=self.dependence == "multiplicative",
            nearest=self.pairing == "nearest",
        )


def _number(name: str, value) -> float:
    """A float that is finite in float32 too."""
    value = value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ValueError(f"STDP: {name} must be a number, got {value!r}")
    if not abs(value) <= float(np.finfo(np.float32).max):
        raise ValueError(f"STDP: {name} must be finite in float32, got {value}")
    return float(value)
