"""Neuron models: frozen physical parameters, turned into per-step numbers by ``coefficients``.

Time is in ms, voltage in mV, current in pA, resistance in GOhm (mV/pA). A dimensionless network
(threshold 1, ``r`` 1) uses the same classes with voltages read as multiples of the threshold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

__all__ = ["LIF", "MODELS", "RESETS", "Coefficients", "CubaLIF"]

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
    """Comparison, hashing and checks that the neuron models share."""

    positive: ClassVar[tuple[str, ...]] = ()
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

    state: ClassVar[tuple[str, ...]] = ("v", "refractory")
    coefficient_names: ClassVar[tuple[str, ...]] = (
        "decay",
        "gain",
        "drive",
        "v_threshold",
        "v_reset",
    )
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

    Args:
        tau_mem: membrane time constant, ms.
        tau_syn: synaptic time constant, ms.
        r: membrane resistance, GOhm (mV per pA); NEST's tau_m / C_m.
        v_leak, v_threshold, v_reset, t_refractory, i_offset, reset: as in ``LIF``.

    Every number but ``t_refractory`` may be an array [N]. Integration is exact for both states.

    Raises:
        ValueError: as ``LIF``.

    Source: Rotter and Diesmann (1999), doi:10.1007/s004220050570; NEST 3.10 iaf_psc_exp.cpp,
    update(). NEST keeps two synaptic currents; here excitation and inhibition share one.
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

    state: ClassVar[tuple[str, ...]] = ("v", "i", "refractory")
    coefficient_names: ClassVar[tuple[str, ...]] = (
        "decay",
        "decay_syn",
        "gain",
        "drive",
        "v_threshold",
        "v_reset",
    )
    positive: ClassVar[tuple[str, ...]] = ("tau_mem", "tau_syn")
    choices: ClassVar[dict[str, tuple[str, ...]]] = {"reset": RESETS}

    def coefficients(self, dt: float) -> Coefficients:
        """Per-step numbers for steps of ``dt`` ms.

        Raises:
            ValueError: no positive ``dt`` that ``t_refractory`` is a multiple of, or numbers that
                float32 cannot hold or tell apart.
        """
        dt = _check_dt("CubaLIF", dt)
        tau_mem, tau_syn = np.broadcast_arrays(self.tau_mem, self.tau_syn)
        decay, decay_syn = np.exp(-dt / tau_mem), np.exp(-dt / tau_syn)
        drive = (1.0 - decay) * (self.v_leak + np.asarray(self.r) * self.i_offset)
        return Coefficients(
            model="CubaLIF",
            reset=RESETS.index(self.reset),
            refractory_steps=_step_count("CubaLIF", self.t_refractory, dt),
            values=_stack(
                "CubaLIF",
                self.reset,
                (
                    decay,
                    decay_syn,
                    np.asarray(self.r) * _synaptic_propagator(dt, tau_mem, tau_syn),
                    drive,
                    self.v_threshold,
                    self.v_reset,
                ),
            ),
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


MODELS: dict[str, type] = {"LIF": LIF, "CubaLIF": CubaLIF}
