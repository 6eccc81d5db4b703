"""The whole description: populations, what joins and drives them, the step and the seed."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field

import numpy as np

from cusnn.network import files, table
from cusnn.network.binomial import synapses_before
from cusnn.network.connectors import FixedProbability
from cusnn.network.distributions import ClippedNormal, Uniform, extent, without_spread
from cusnn.network.populations import Population
from cusnn.network.projections import Projection
from cusnn.network.stimuli import STIMULI, SpikeTimes
from cusnn.network.values import ByValue, finite, whole

# Random streams are kind << 24 | position in the description; this is the kind of synapses.
SYNAPSES = 1


@dataclass(frozen=True, eq=False)
class Network(ByValue):
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
            that are no multiple of dt, indices out of range, arrays that do not fit, more
            distinct partners than there are, a seed out of range.
    """

    populations: tuple[Population, ...]
    projections: tuple[Projection, ...] = ()
    stimuli: tuple = ()
    dt: float = 0.1
    seed: int = 1
    starts: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self):
        for name, kinds in (
            ("populations", (Population,)),
            ("projections", (Projection,)),
            ("stimuli", STIMULI),
        ):
            self._set(**{name: _entries(name, kinds, getattr(self, name))})
        self._set(dt=finite("Network", "dt", self.dt))
        if self.dt <= 0:
            raise ValueError(f"Network: dt must be positive, got {self.dt} ms")
        self._set(seed=whole("Network", "seed", self.seed, 0))
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
        self._set(starts=tuple(starts))
        for population in self.populations:
            population.neuron.coefficients(self.dt)
        for stimulus in self.stimuli:
            self._check_stimulus(stimulus)
        for projection in self.projections:
            self._check_projection(projection)

    def __str__(self) -> str:
        return self.describe()

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.starts[-1]

    @property
    def n_synapses(self) -> int:
        """Number of synapses."""
        return sum(self.counts)

    @functools.cached_property
    def counts(self) -> tuple[int, ...]:
        """Number of synapses of each projection; those of ``FixedProbability`` are drawn."""
        return tuple(
            self._ends(projection)[2]
            if (before := self.synapses_before(position)) is None
            else int(before[-1])
            for position, projection in enumerate(self.projections)
        )

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

    def synapses(self, projection: Projection | int) -> int:
        """Number of synapses of a projection, or of the one at a position."""
        if isinstance(projection, int):
            return self.counts[projection]
        for position, own in enumerate(self.projections):
            if own is projection:
                return self.counts[position]
        return self.counts[self.projections.index(projection)]

    def synapses_before(self, position: int) -> np.ndarray | None:
        """Synapses before those of each source, int64 [n_pre + 1], where they are drawn."""
        projection = self.projections[position]
        rule = projection.connector
        if not isinstance(rule, FixedProbability):
            return None
        n_pre, n_post, _ = self._ends(projection)
        candidates = rule.candidates(n_post, projection.same)
        return synapses_before(self.seed, SYNAPSES << 24 | position, n_pre, candidates, rule.p)

    def describe(self) -> str:
        """Tables of the populations, projections and stimuli, as text."""
        return table.describe(self)

    def digest(self) -> str:
        """Hexadecimal SHA-256 of everything that is described; equal networks have one."""
        return files.digest(self)

    def save(self, path: str | os.PathLike) -> None:
        """Write a ``.npz`` file that ``Network.load`` reads; no code is stored in it."""
        files.save(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Network:
        """Read what ``save`` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a file of another kind, of another version, or a damaged one.
        """
        return files.load(path, cls)

    def _ends(self, projection: Projection) -> tuple[int, int, int]:
        """Sizes of source and target population, and what the connector counts."""
        n_pre = self.populations[self.index(projection.pre, projection.owner)].size
        n_post = self.populations[self.index(projection.post, projection.owner)].size
        return n_pre, n_post, projection.connector.count(n_pre, n_post, projection.same)

    def _check_stimulus(self, stimulus) -> None:
        population = self.populations[self.index(stimulus.population, stimulus.owner)]
        if hasattr(stimulus, "amplitudes") and not hasattr(population.neuron, "i_offset"):
            kind = type(population.neuron).__name__
            raise ValueError(f"{stimulus.owner}: a {kind} takes no current")
        if isinstance(stimulus, SpikeTimes) and stimulus.neurons.size:
            largest = stimulus.neurons.max()
            if largest >= population.size:
                raise ValueError(
                    f"{stimulus.owner}: neurons must lie below the population's size "
                    f"{population.size}, got {largest}"
                )

    def _check_projection(self, projection: Projection) -> None:
        for label in (projection.pre, projection.post):
            self.index(label, projection.owner)
        try:
            n_pre, n_post, _ = self._ends(projection)
            projection.check_sizes(n_pre, n_post)
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
    delays = projection.delays
    if isinstance(delays, np.ndarray):
        return float(delays.min(initial=np.inf)), dt, ""
    if isinstance(delays, float):
        return delays, dt, ""
    shortest = extent(delays)[0]
    if without_spread(delays):
        return shortest, dt, ""
    fate = "become so" if isinstance(delays, ClippedNormal) else "are redrawn"
    advice = f" from {delays}; give it low={0.5 * dt:g}, then shorter ones {fate}"
    return shortest, 0.5 * dt, "" if isinstance(delays, Uniform) else advice


def _entries(name: str, kinds: tuple[type, ...], value) -> tuple:
    names = " or ".join(kind.__name__ for kind in kinds)
    try:
        entries = (value,) if isinstance(value, kinds) else tuple(value)
    except TypeError:
        raise TypeError(f"Network: {name} must be a tuple of {names} objects, got {value!r}") from (
            None
        )
    for entry in entries:
        if not isinstance(entry, kinds):
            raise TypeError(f"Network: {name} must be {names} objects, got {entry!r}")
    return entries
