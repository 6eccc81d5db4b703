"""Networks as descriptions: populations, projections, stimuli; frozen data, nothing built yet.

    excitatory = Population(800, CubaLIF(), "E", v=Normal(-60.0, 5.0))
    inhibitory = Population(200, CubaLIF(), "I", v=Normal(-60.0, 5.0))
    network = Network(
        populations=(excitatory, inhibitory),
        projections=(
            Projection("E", "I", FixedInDegree(80), weight=60.0, delay=1.5),
            Projection("I", "E", FixedInDegree(20), weight=-240.0, delay=Normal(1, .5, low=.05)),
        ),
        stimuli=(PoissonInput("E", rate=8.0, sources=1000, weight=60.0),),
        dt=0.1,
        seed=1,
    )

Time is in ms, voltage in mV, rates in Hz; weights are in pA, or in mV for neurons whose input is
a jump of the voltage.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cusnn.network.connectors import (
    CONNECTORS,
    AllToAll,
    FixedInDegree,
    FixedTotalNumber,
    FromList,
    OneToOne,
)
from cusnn.network.distributions import Normal, Uniform, distribution, finite, whole
from cusnn.neurons import MODELS

__all__ = [
    "AllToAll",
    "FixedInDegree",
    "FixedTotalNumber",
    "FromList",
    "Network",
    "Normal",
    "OneToOne",
    "PoissonInput",
    "Population",
    "Projection",
    "Uniform",
]

Distribution = float | Normal | Uniform


@dataclass(frozen=True)
class Population:
    """Neurons of one model.

    Args:
        size: number of neurons, at least 1.
        neuron: ``CubaLIF``, or ``LIF(input="voltage")``; parameters are numbers or arrays [size].
        label: a name that no other population of the network has.
        v: voltage at the start, mV: a number, ``Normal`` or ``Uniform``; None for ``v_leak``.

    Raises:
        TypeError: a neuron of another kind.
        ValueError: a size below 1, or a ``LIF`` that takes currents: an impulse of one step has
            no effect on it that would not change with dt.
    """

    size: int
    neuron: object
    label: str
    v: Distribution | None = None

    def __post_init__(self):
        object.__setattr__(self, "size", whole("Population", "size", self.size, 1))
        if not isinstance(self.label, str) or not self.label:
            raise TypeError(f"Population: label must be a name, got {self.label!r}")
        owner = f"Population {self.label!r}"
        if type(self.neuron) not in MODELS.values():
            raise TypeError(
                f"{owner}: neuron must be one of {', '.join(MODELS)}, got {self.neuron!r}"
            )
        if getattr(self.neuron, "input", "voltage") != "voltage":
            raise ValueError(
                f"{owner}: a LIF in a network must have input='voltage' (synapses are impulses); "
                f"for synaptic currents use CubaLIF"
            )
        if self.neuron.size not in (None, self.size):
            raise ValueError(
                f"{owner}: the neuron has parameters for {self.neuron.size} neurons, "
                f"the population has {self.size}"
            )
        if self.v is not None:
            object.__setattr__(self, "v", distribution(owner, "v", self.v))


@dataclass(frozen=True)
class Projection:
    """Synapses from one population to another.

    A spike of step k arrives in step k + delay / dt.

    Args:
        pre, post: label of the source and of the target population.
        connector: ``FixedTotalNumber``, ``FixedInDegree``, ``AllToAll``, ``OneToOne`` or
            ``FromList``.
        weight: pA (mV for jumps of the voltage), negative for inhibition: a number, ``Normal`` or
            ``Uniform``.
        delay: ms, at least dt, rounded to whole steps: a number, ``Normal`` or ``Uniform``.

    Raises:
        TypeError, ValueError: values of another kind, not finite, or delays that are not positive.
    """

    pre: str
    post: str
    connector: object
    weight: Distribution
    delay: Distribution

    def __post_init__(self):
        for name in ("pre", "post"):
            value = getattr(self, name)
            object.__setattr__(self, name, _label(f"Projection: {name}", value))
        if not isinstance(self.connector, CONNECTORS):
            names = ", ".join(kind.__name__ for kind in CONNECTORS)
            raise TypeError(
                f"{self.owner}: connector must be one of {names}, got {self.connector!r}"
            )
        for name in ("weight", "delay"):
            value = distribution(self.owner, name, getattr(self, name))
            object.__setattr__(self, name, value)
        listed = getattr(self.connector, "delays", None)
        if listed is None and isinstance(self.delay, float) and self.delay <= 0:
            raise ValueError(f"{self.owner}: delay must be positive, got {self.delay} ms")
        if listed is not None and listed.size and listed.min() <= 0:
            raise ValueError(f"{self.owner}: delays must be positive, got {listed.min()} ms")

    @property
    def owner(self) -> str:
        """How messages name the projection."""
        return f"Projection {self.pre!r} -> {self.post!r}"


@dataclass(frozen=True)
class PoissonInput:
    """Independent Poisson spike trains into every neuron of a population.

    The number of spikes that reach a neuron in a step is a Poisson variable of mean
    rate sources dt / 1000.

    Args:
        population: label.
        rate: of each source, Hz.
        sources: number of sources per neuron.
        weight: pA (mV for jumps of the voltage).

    Raises:
        TypeError, ValueError: values of another kind, not finite, a negative rate or number.
    """

    population: str
    rate: float
    sources: int
    weight: float

    def __post_init__(self):
        label = _label("PoissonInput: population", self.population)
        object.__setattr__(self, "population", label)
        owner = f"PoissonInput into {label!r}"
        object.__setattr__(self, "rate", finite(owner, "rate", self.rate))
        object.__setattr__(self, "sources", whole(owner, "sources", self.sources, 0))
        object.__setattr__(self, "weight", finite(owner, "weight", self.weight))
        if self.rate < 0:
            raise ValueError(f"{owner}: rate must not be negative, got {self.rate} Hz")


@dataclass(frozen=True)
class Network:
    """Populations, what joins and drives them, the step and the seed.

    Args:
        populations: in the order of neuron numbers.
        projections: in the order of random streams.
        stimuli: in the order of random streams.
        dt: step, ms.
        seed: 0 to 2**32 - 1; another seed gives other connections, voltages and drive.

    Raises:
        TypeError: an entry of another kind.
        ValueError: labels that occur twice or are unknown, delays below dt, refractory periods
            that are no multiple of dt, indices out of range, a seed out of range.
    """

    populations: tuple[Population, ...]
    projections: tuple[Projection, ...] = ()
    stimuli: tuple[PoissonInput, ...] = ()
    dt: float = 0.1
    seed: int = 1
    starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        for name, kind in (
            ("populations", Population),
            ("projections", Projection),
            ("stimuli", PoissonInput),
        ):
            object.__setattr__(self, name, _entries(name, kind, getattr(self, name)))
        object.__setattr__(self, "dt", finite("Network", "dt", self.dt))
        if self.dt <= 0:
            raise ValueError(f"Network: dt must be positive, got {self.dt} ms")
        object.__setattr__(self, "seed", whole("Network", "seed", self.seed, 0))
        if self.seed >= 2**32:
            raise ValueError(f"Network: seed must lie below 2**32, got {self.seed}")
        if not self.populations:
            raise ValueError("Network: there must be at least one population")
        labels = [population.label for population in self.populations]
        twice = {label for label in labels if labels.count(label) > 1}
        if twice:
            raise ValueError(f"Network: labels must differ, {sorted(twice)} occur more than once")
        starts = np.cumsum([0, *(population.size for population in self.populations)]).tolist()
        if starts[-1] >= 2**31:
            raise ValueError(f"Network: at most 2**31 - 1 neurons, got {starts[-1]}")
        object.__setattr__(self, "starts", tuple(starts))
        for population in self.populations:
            population.neuron.coefficients(self.dt)
        for stimulus in self.stimuli:
            self.index(stimulus.population, f"PoissonInput into {stimulus.population!r}")
        for projection in self.projections:
            self._check(projection)

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.starts[-1]

    @property
    def n_synapses(self) -> int:
        """Number of synapses."""
        return sum(self.synapses(projection) for projection in self.projections)

    @property
    def slices(self) -> dict[str, slice]:
        """Neuron numbers of each population, by label."""
        pairs = zip(self.starts[:-1], self.starts[1:], strict=True)
        return {
            population.label: slice(start, stop)
            for population, (start, stop) in zip(self.populations, pairs, strict=True)
        }

    def index(self, label: str, owner: str = "Network") -> int:
        """Position of a population."""
        for position, population in enumerate(self.populations):
            if population.label == label:
                return position
        known = ", ".join(repr(population.label) for population in self.populations)
        raise ValueError(f"{owner}: no population {label!r}, there are {known}")

    def synapses(self, projection: Projection) -> int:
        """Number of synapses of a projection."""
        pre = self.populations[self.index(projection.pre, projection.owner)]
        post = self.populations[self.index(projection.post, projection.owner)]
        return projection.connector.count(pre.size, post.size)

    def _check(self, projection: Projection) -> None:
        for label in (projection.pre, projection.post):
            self.index(label, projection.owner)
        try:
            self.synapses(projection)
        except ValueError as error:
            raise ValueError(f"{projection.owner}: {error}") from None
        shortest, least, hint = _shortest_delay(projection, self.dt)
        if shortest < least * (1 - 1e-9):
            raise ValueError(
                f"{projection.owner}: delays must be at least dt={self.dt} ms, "
                f"got {shortest} ms{hint}"
            )


def _shortest_delay(projection: Projection, dt: float) -> tuple[float, float, str]:
    """Shortest delay that occurs, the least that is allowed, and advice.

    What is drawn may lie half a step below dt, for it is rounded to dt.
    """
    delay, listed = projection.delay, getattr(projection.connector, "delays", None)
    if listed is not None:
        return float(listed.min(initial=np.inf)), dt, ""
    if isinstance(delay, Normal) and delay.sd > 0:
        hint = f" from {delay}; give it low={0.5 * dt:g}, then shorter ones are redrawn"
        return delay.bounds()[0], 0.5 * dt, hint
    if isinstance(delay, Uniform):
        return delay.low, 0.5 * dt, ""
    return (delay.mean if isinstance(delay, Normal) else delay), dt, ""


def _label(owner: str, value) -> str:
    value = value.label if isinstance(value, Population) else value
    if not isinstance(value, str):
        raise TypeError(f"{owner} must be a label or a Population, got {value!r}")
    return value


def _entries(name: str, kind: type, value) -> tuple:
    try:
        entries = (value,) if isinstance(value, kind) else tuple(value)
    except TypeError:
        raise TypeError(
            f"Network: {name} must be a tuple of {kind.__name__} objects, got {value!r}"
        ) from None
    for entry in entries:
        if not isinstance(entry, kind):
            raise TypeError(f"Network: {name} must be {kind.__name__} objects, got {entry!r}")
    return entries
