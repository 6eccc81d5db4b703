"""What drives a network from outside.

Step k runs from k dt to (k + 1) dt, and a spike in it is stamped with its end, as in NEST. Times
that are no multiples of dt are rounded up: a rate or current of time t holds from the first step
that begins at t or later, and a spike of time t arrives in the step that ends at t or next after
it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cusnn.network.populations import label_of
from cusnn.network.projections import receptor_of
from cusnn.network.values import ByValue, finite, first_step, indices, numbers, whole


class Stimulus(ByValue):
    """Something that goes into one population."""

    population: str

    @property
    def owner(self) -> str:
        """How messages name the stimulus."""
        return f"{type(self).__name__} into {self.population!r}"

    def _check_population(self) -> None:
        name = type(self).__name__
        self._set(population=label_of(f"{name}: population", self.population))

    def _check_span(self) -> None:
        self._set(start=finite(self.owner, "start", self.start))
        if self.start < 0:
            raise ValueError(f"{self.owner}: start must not be negative, got {self.start} ms")
        if self.stop is None:
            return
        self._set(stop=finite(self.owner, "stop", self.stop))
        if self.stop <= self.start:
            raise ValueError(
                f"{self.owner}: stop must lie after start={self.start} ms, got {self.stop} ms"
            )


def _times(owner: str, value) -> np.ndarray:
    """Times of a piecewise constant course: ascending, at least 0, at least one."""
    times = numbers(owner, "times", value)
    if not times.size or times[0] < 0 or (np.diff(times) <= 0).any():
        raise ValueError(f"{owner}: times must ascend from 0 ms or later, got {times.tolist()}")
    return times


def _one_per_time(owner: str, name: str, value, times: np.ndarray) -> np.ndarray:
    array = numbers(owner, name, value)
    if array.size != times.size:
        raise ValueError(
            f"{owner}: {name} must have one entry per time, got {array.size} for {times.size}"
        )
    return array


@dataclass(frozen=True, eq=False)
class RateProfile(ByValue):
    """A rate that changes in steps: ``rates[j]`` from ``times[j]`` on, 0 before the first.

    Args:
        times: ms, ascending [n].
        rates: Hz [n].

    Raises:
        TypeError, ValueError: times that do not ascend, negative rates, other lengths.
    """

    times: np.ndarray
    rates: np.ndarray

    def __post_init__(self):
        self._set(times=_times("RateProfile", self.times))
        self._set(rates=_one_per_time("RateProfile", "rates", self.rates, self.times))
        if self.rates.min() < 0:
            raise ValueError(f"RateProfile: rates must not be negative, got {self.rates.min()} Hz")


@dataclass(frozen=True, eq=False)
class PoissonInput(Stimulus):
    """Independent Poisson spike trains into every neuron of a population.

    The number of spikes that reach a neuron in a step is a Poisson variable of mean
    rate sources dt / 1000.

    Args:
        population: label.
        rate: of each source, Hz: a number or a ``RateProfile``.
        sources: number of sources per neuron.
        weight: pA (mV for jumps of the voltage, nS for conductances).
        receptor: as in ``Projection``.
        start, stop: ms; None, or later than any run, for no end.

    Raises:
        TypeError, ValueError: values of another kind, not finite, a negative rate or number.
    """

    population: str
    rate: float | RateProfile
    sources: int
    weight: float
    receptor: str | None = None
    start: float = 0.0
    stop: float | None = None

    def __post_init__(self):
        self._check_population()
        if not isinstance(self.rate, RateProfile):
            self._set(rate=finite(self.owner, "rate", self.rate))
            if self.rate < 0:
                raise ValueError(f"{self.owner}: rate must not be negative, got {self.rate} Hz")
        self._set(
            sources=whole(self.owner, "sources", self.sources, 0),
            weight=finite(self.owner, "weight", self.weight),
            receptor=receptor_of(self.owner, self.receptor),
        )
        self._check_span()

    def pieces(self, dt: float) -> list[tuple[int, float]]:
        """Steps from which a rate holds, ascending from 0, and the rates, Hz."""
        steps, rates = np.zeros(1, np.int64), np.zeros(1)
        if isinstance(self.rate, RateProfile):
            steps = np.append(steps, first_step(self.rate.times, dt))
            rates = np.append(rates, self.rate.rates)
        else:
            rates[0] = self.rate
        on = int(first_step(self.start, dt))
        off = None if self.stop is None else int(first_step(self.stop, dt))
        pieces = [(0, 0.0)]
        for step in sorted({0, on, *steps.tolist(), *([] if off is None else [off])}):
            outside = step < on or (off is not None and step >= off)
            rate = 0.0 if outside else float(rates[np.searchsorted(steps, step, "right") - 1])
            if step == 0:
                pieces = [(0, rate)]
            elif rate != pieces[-1][1]:
                pieces.append((step, rate))
        return pieces


@dataclass(frozen=True, eq=False)
class StepCurrent(Stimulus):
    """A current into every neuron that changes in steps: ``amplitudes[j]`` from ``times[j]`` on,
    0 before the first; added to the neuron's ``i_offset``.

    Args:
        population: label.
        times: ms, ascending [n].
        amplitudes: in the unit of the neuron's ``i_offset``: pA; mV/ms for ``Izhikevich``; with
            an ``r`` of 1 and a threshold of 1, multiples of the threshold [n].

    Raises:
        TypeError, ValueError: times that do not ascend, values that are not finite, other lengths.
    """

    population: str
    times: np.ndarray
    amplitudes: np.ndarray

    def __post_init__(self):
        self._check_population()
        self._set(times=_times(self.owner, self.times))
        amplitudes = _one_per_time(self.owner, "amplitudes", self.amplitudes, self.times)
        self._set(amplitudes=amplitudes)

    def steps(self, dt: float) -> np.ndarray:
        """Steps from which the amplitudes hold, int64 [n]."""
        return first_step(self.times, dt)


@dataclass(frozen=True, eq=False)
class ConstantCurrent(Stimulus):
    """A current into every neuron from ``start`` to ``stop``; added to the neuron's ``i_offset``.

    Args:
        population: label.
        amplitude: in the unit of the neuron's ``i_offset``, as in ``StepCurrent``.
        start, stop: ms; None, or later than any run, for no end.

    Raises:
        TypeError, ValueError: values of another kind, not finite, or a stop before the start.
    """

    population: str
    amplitude: float
    start: float = 0.0
    stop: float | None = None

    def __post_init__(self):
        self._check_population()
        self._set(amplitude=finite(self.owner, "amplitude", self.amplitude))
        self._check_span()

    @property
    def amplitudes(self) -> np.ndarray:
        """Current from each of ``steps`` on, in the unit of ``amplitude``."""
        return np.array([self.amplitude] if self.stop is None else [self.amplitude, 0.0])

    def steps(self, dt: float) -> np.ndarray:
        """Steps from which the amplitudes hold, int64 [1] or [2]."""
        return first_step([self.start] if self.stop is None else [self.start, self.stop], dt)


@dataclass(frozen=True, eq=False)
class SpikeTimes(Stimulus):
    """Spikes at given times; into a ``Relay`` population they make spike sources.

    Args:
        population: label.
        neurons: number of the neuron within the population of each spike, int [n]; one number
            for all.
        times: when it arrives, ms [n], at least 0; a time of 0 counts to the first step.
        weight: pA (mV for jumps of the voltage, nS for conductances); for a ``Relay`` anything
            positive.
        receptor: as in ``Projection``.

    Raises:
        TypeError, ValueError: values of another kind, negative times, lists of other lengths.
    """

    population: str
    neurons: np.ndarray
    times: np.ndarray
    weight: float
    receptor: str | None = None

    def __post_init__(self):
        self._check_population()
        times = numbers(self.owner, "times", self.times)
        neurons = self.neurons
        if np.ndim(neurons) == 0:
            neurons = np.full(times.shape, neurons)
        neurons = indices(self.owner, "neurons", neurons)
        if neurons.size != times.size:
            raise ValueError(
                f"{self.owner}: neurons must have one entry per time, "
                f"got {neurons.size} for {times.size}"
            )
        if times.size and times.min() < 0:
            raise ValueError(f"{self.owner}: times must not be negative, got {times.min()} ms")
        self._set(
            neurons=neurons,
            times=times,
            weight=finite(self.owner, "weight", self.weight),
            receptor=receptor_of(self.owner, self.receptor),
        )

    def steps(self, dt: float) -> np.ndarray:
        """Step in which each spike arrives, int64 [n]."""
        return np.maximum(first_step(self.times, dt) - 1, 0)


STIMULI = (PoissonInput, StepCurrent, ConstantCurrent, SpikeTimes)
