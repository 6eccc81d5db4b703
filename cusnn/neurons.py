"""Neuron models: frozen physical parameters, turned into per-step numbers by ``coefficients``.

Time is in ms, voltage in mV, current in pA, conductance in nS, resistance in GOhm (mV/pA). A
dimensionless network (threshold 1, ``r`` 1) uses the same classes with voltages read as multiples
of the threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

__all__ = [
    "ALIF",
    "LIF",
    "MODELS",
    "RESETS",
    "CobaLIF",
    "Coefficients",
    "CubaLIF",
    "Izhikevich",
    "Relay",
]

RESETS = ("hard", "soft", "none")
# The refractory counter is a float32, which counts without gaps up to here.
MOST_STEPS = 2**24


@dataclass(frozen=True, eq=False)
class Coefficients:
    """What a backend gets of a neuron: float32 numbers per step, no time and no units.

    Attributes:
        model: name of the neuron model, the C++ struct and the step of each backend.
        reset: index into ``RESETS``.
        refractory_steps: steps that a neuron rests after a spike.
        values: the model's coefficients in the order of its ``coefficient_names`` [C, P],
            with P = 1 (one value for all neurons) or P = N (a value per neuron).
    """

    model: str
    reset: int
    refractory_steps: int
    values: np.ndarray


def _checked(owner: str, name: str, value, *, positive: bool = False):
    """A float, or a read-only float64 array [N]; raises ValueError for anything else."""
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{owner}: {name} must not be a masked array; pass its .filled()")
    try:
        array = np.asarray(value)
        if array.dtype.kind in "SU":
            raise TypeError
        array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{owner}: {name} must be a number or an array [N], got {value!r}"
        ) from None
    if array.ndim > 1 or array.size == 0:
        raise ValueError(f"{owner}: {name} must be a number or an array [N], got {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{owner}: {name} must be finite, got {value}")
    if positive and np.any(array <= 0):
        raise ValueError(f"{owner}: {name} must be positive, got {value}")
    if array.ndim == 0:
        return float(array)
    array = array.copy()
    array.setflags(write=False)
    return array


def _step_count(owner: str, t_refractory: float, dt: float) -> int:
    exact = t_refractory / dt
    if exact > MOST_STEPS + 0.5:
        raise ValueError(f"{owner}: t_refractory={t_refractory} ms is more than {MOST_STEPS} steps")
    steps = round(exact)
    if abs(steps * dt - t_refractory) > 1e-6 * max(dt, t_refractory):
        raise ValueError(
            f"{owner}: t_refractory={t_refractory} ms must be a multiple of dt={dt} ms"
        )
    return steps


def _check_dt(owner: str, dt) -> float:
    dt = dt[()] if isinstance(dt, np.ndarray) and dt.ndim == 0 else dt
    number = isinstance(dt, (int, float, np.integer, np.floating)) and not isinstance(dt, bool)
    if not (number and math.isfinite(dt) and dt > 0):
        raise ValueError(f"{owner}: dt must be a positive number of ms, got {dt!r}")
    return float(dt)


def _stack(owner: str, reset: str, rows) -> np.ndarray:
    """Scalars and arrays [N] -> read-only float32 [C, 1] or [C, N]; the last two are the voltages
    of threshold and reset."""
    sizes = {np.size(row) for row in rows} - {1}
    if len(sizes) > 1:
        raise ValueError(f"parameters per neuron must have one length, got {sorted(sizes)}")
    width = sizes.pop() if sizes else 1
    values = np.stack([np.broadcast_to(np.asarray(row, dtype=np.float64), width) for row in rows])
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, dtype=np.float32) + np.float32(0)  # no -0
    if not np.all(np.isfinite(values)):
        raise ValueError("a coefficient per step is not finite in float32: check the parameters")
    if reset != "none":
        _check_reset(owner, *values[-2:])
    values.setflags(write=False)
    return values


def _check_reset(owner: str, v_threshold: np.ndarray, v_reset: np.ndarray) -> None:
    """What float64 told apart may be one float32: such a neuron would fire for ever."""
    if np.any(v_reset >= v_threshold):
        raise ValueError(f"{owner}: v_reset and v_threshold are the same number in float32")
    with np.errstate(over="ignore"):
        amount = v_threshold - v_reset
    if not np.all(np.isfinite(amount)):
        raise ValueError(f"{owner}: v_threshold - v_reset is not finite in float32")


class _Parameters:
    """Comparison, hashing and checks that the neuron models share.

    Attributes:
        model: name of the step that backends take.
        state, coefficient_names: rows of state; coefficients per step.
    """

    model: ClassVar[str]
    state: ClassVar[tuple[str, ...]]
    coefficient_names: ClassVar[tuple[str, ...]]
    positive: ClassVar[tuple[str, ...]] = ()
    may_be_none: ClassVar[tuple[str, ...]] = ()
    choices: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __post_init__(self):
        owner = type(self).__name__
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in self.choices:
                if not isinstance(value, str) or value not in self.choices[field.name]:
                    raise ValueError(
                        f"{owner}: {field.name} must be one of "
                        f"{', '.join(self.choices[field.name])}, got {value!r}"
                    )
                continue
            if value is None and field.name in self.may_be_none:
                continue
            value = _checked(owner, field.name, value, positive=field.name in self.positive)
            object.__setattr__(self, field.name, value)
        if not isinstance(self.t_refractory, float) or self.t_refractory < 0:
            raise ValueError(
                f"{owner}: t_refractory must be one number >= 0, in ms, got {self.t_refractory}"
            )
        if self.reset != "none" and np.any(np.asarray(self.v_reset) >= self.v_threshold):
            raise ValueError(
                f"{owner}: v_reset must lie below v_threshold, "
                f"got {self.v_reset} and {self.v_threshold}"
            )
        self.size  # noqa: B018  raises where arrays differ in length

    @property
    def size(self) -> int | None:
        """Number of neurons if a parameter is given per neuron, else None."""
        sizes = {np.size(v) for v in self._values() if isinstance(v, np.ndarray)}
        if len(sizes) > 1:
            raise ValueError(
                f"{type(self).__name__}: parameters per neuron must have one length, "
                f"got {sorted(sizes)}"
            )
        return sizes.pop() if sizes else None

    @property
    def resting_state(self) -> tuple[float | np.ndarray, ...]:
        """A neuron at rest: a number or an array [N] for each row of ``state``."""
        return (self.v_leak, *(0.0 for _ in self.state[1:]))

    def _values(self):
        return [getattr(self, field.name) for field in fields(self)]

    def _key(self):
        return tuple(v.tobytes() if isinstance(v, np.ndarray) else v for v in self._values())

    def __eq__(self, other):
        return type(self) is type(other) and self._key() == other._key()

    def __hash__(self):
        return hash((type(self), self._key()))


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
class LIF(_Parameters):
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
        dt = _check_dt("LIF", dt)
        decay = _decay(dt, self.tau_mem, self.integration)
        gain = (1.0 - decay) * self.r
        drive = (1.0 - decay) * self.v_leak + gain * self.i_offset
        if self.input == "voltage":
            gain = 1.0
        return Coefficients(
            model="LIF",
            reset=RESETS.index(self.reset),
            refractory_steps=_step_count("LIF", self.t_refractory, dt),
            values=_stack("LIF", self.reset, (decay, gain, drive, self.v_threshold, self.v_reset)),
        )


@dataclass(frozen=True, eq=False)
class CubaLIF(_Parameters):
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
    positive: ClassVar[tuple[str, ...]] = ("tau_mem", "tau_syn", "tau_syn_inh")
    may_be_none: ClassVar[tuple[str, ...]] = ("tau_syn_inh",)
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"reset": RESETS}

    def __post_init__(self):
        super().__post_init__()
        if self.tau_syn_inh is not None:
            object.__setattr__(self, "model", "CubaDualLIF")
            object.__setattr__(self, "state", ("v", "i_exc", "i_inh", "refractory"))
            names = ("decay", "decay_exc", "decay_inh", "gain_exc", "gain_inh", "drive")
            object.__setattr__(self, "coefficient_names", (*names, "v_threshold", "v_reset"))

    def coefficients(self, dt: float) -> Coefficients:
        """Per-step numbers for steps of ``dt`` ms.

        Raises:
            ValueError: no positive ``dt`` that ``t_refractory`` is a multiple of, or numbers that
                float32 cannot hold or tell apart.
        """
        dt = _check_dt("CubaLIF", dt)
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
            refractory_steps=_step_count("CubaLIF", self.t_refractory, dt),
            values=_stack("CubaLIF", self.reset, (*rows, self.v_threshold, self.v_reset)),
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


@dataclass(frozen=True, eq=False)
class CobaLIF(_Parameters):
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
        dt = _check_dt("CobaLIF", dt)
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
            refractory_steps=_step_count("CobaLIF", self.t_refractory, dt),
            values=_stack(
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


@dataclass(frozen=True, eq=False)
class ALIF(_Parameters):
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
        dt = _check_dt("ALIF", dt)
        decay = np.exp(-dt / np.asarray(self.tau_mem))
        gain = (1.0 - decay) * self.r
        drive = (1.0 - decay) * self.v_leak + gain * self.i_offset
        return Coefficients(
            model=self.model,
            reset=RESETS.index(self.reset),
            refractory_steps=_step_count("ALIF", self.t_refractory, dt),
            values=_stack(
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


@dataclass(frozen=True, eq=False)
class Izhikevich(_Parameters):
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
        dt = _check_dt("Izhikevich", dt)
        return Coefficients(
            model=self.model,
            reset=RESETS.index(self.reset),
            refractory_steps=0,
            values=_stack(
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


@dataclass(frozen=True, eq=False)
class Relay(_Parameters):
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
        _check_dt("Relay", dt)
        rows = (0.0, 1.0, 0.0, self.v_threshold, self.v_reset)
        return Coefficients(
            model=self.model,
            reset=RESETS.index(self.reset),
            refractory_steps=0,
            values=_stack("Relay", self.reset, rows),
        )


MODELS: dict[str, type] = {
    model.__name__: model for model in (LIF, CubaLIF, CobaLIF, ALIF, Izhikevich, Relay)
}
