"""What a simulation records, and what it has recorded so far."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from cusnn.network import Network, Population
from cusnn.ops.network import samples
from cusnn.simulation.layouts import Stretch
from cusnn.simulation.result import States

# Samples that a call of the engine may give, 64 MB of them.
MOST_SAMPLES = 2**24


@dataclass(frozen=True, eq=False)
class Record:
    """State variables of a population to be sampled while it runs.

    Args:
        population: label, or the Population.
        variables: names from the ``state`` of the neuron's class, such as "v" or ("v", "i").
        neurons: numbers within the population; None for all.
        every: ms between samples, a multiple of dt; None for every step. Samples are taken at
            multiples of it, counted from time zero.

    Raises:
        TypeError: values of another kind.
        ValueError: no variables, negative numbers of neurons, neurons that occur twice, or an
            interval that is not positive.
    """

    population: str
    variables: tuple[str, ...] = ("v",)
    neurons: np.ndarray | None = None
    every: float | None = None

    def __post_init__(self):
        label = (
            self.population.label if isinstance(self.population, Population) else (self.population)
        )
        if not isinstance(label, str):
            raise TypeError(f"Record: population must be a label or a Population, got {label!r}")
        object.__setattr__(self, "population", label)
        object.__setattr__(
            self, "variables", _names(f"Record of {label!r}: variables", self.variables)
        )
        if not self.variables:
            raise ValueError(f"Record of {label!r}: name at least one variable")
        if self.neurons is not None:
            object.__setattr__(self, "neurons", _numbers(label, self.neurons))
        every = self.every
        if every is None:
            return
        if isinstance(every, bool) or not isinstance(every, (int, float, np.number)):
            raise TypeError(f"Record of {label!r}: every must be a number of ms, got {every!r}")
        if not (math.isfinite(every) and every > 0):
            raise ValueError(f"Record of {label!r}: every must be positive, got {every} ms")
        object.__setattr__(self, "every", float(every))


def _names(owner: str, value) -> tuple[str, ...]:
    listed = isinstance(value, Iterable)
    names = (value,) if isinstance(value, str) or not listed else tuple(value)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"{owner} must be a name or names, got {value!r}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{owner} must differ, {twice} occur more than once")
    return names


def _labels(owner: str, value) -> tuple[str, ...]:
    """Labels of populations, which may be given themselves."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        value = [one.label if isinstance(one, Population) else one for one in value]
    elif isinstance(value, Population):
        value = value.label
    return _names(owner, value)


def _numbers(label: str, value) -> np.ndarray:
    try:
        numbers = np.atleast_1d(np.asarray(value if hasattr(value, "__len__") else [value]))
    except ValueError:
        numbers = np.zeros(0)
    if isinstance(value, slice) or numbers.dtype.kind == "b":
        raise TypeError(
            f"Record of {label!r}: neurons must be integers, got {value!r}; write "
            f"np.flatnonzero(mask) for a mask, range(start, stop) for a slice"
        )
    if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
        raise TypeError(f"Record of {label!r}: neurons must be integers, got {value!r}")
    numbers = numbers.astype(np.int64)
    if numbers.size and numbers.min() < 0:
        raise ValueError(f"Record of {label!r}: neurons must not be negative, got {numbers.min()}")
    if np.unique(numbers).size < numbers.size:
        raise ValueError(f"Record of {label!r}: neurons must differ")
    numbers.setflags(write=False)
    return numbers


class Recorder:
    """Spikes and samples of a simulation.

    Args:
        network: the description.
        record: what ``Simulation`` was given.
        spikes: labels of the populations whose spikes are kept; None for all.

    Attributes:
        probes: neuron and row of the state of every sampled number, int64 [M, 2].
        every: steps between samples.
        recorded: labels of populations whose spikes are kept; None for all.
    """

    def __init__(self, network: Network, record=(), spikes=None):
        self._network = network
        self._records = _records(network, record)
        self._steps = [_steps(record, network.dt) for record in self._records]
        self.every = math.gcd(*self._steps) or 1
        probes = [_probes(network, record) for record in self._records]
        self.probes = np.concatenate([np.zeros((0, 2), np.int64), *probes])
        self.recorded = None if spikes is None else _labels("Simulation: spikes", spikes)
        self._kept = None
        if self.recorded is not None:
            self._kept = np.zeros(network.size, bool)
            for label in self.recorded:
                network.index(label, "Simulation: spikes")
                self._kept[network.slices[label]] = True
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._waiting, self._steps_of, self._neurons, self._samples = [], [], [], []
        self._totals = np.zeros(self._network.size, np.int64)

    def add(self, stretch: Stretch) -> None:
        """Keep the spikes and samples of some steps; ``drain`` does the work."""
        self._waiting.append(stretch)

    def drain(self) -> None:
        """Sort in what has been added, which a device need not wait for."""
        while self._waiting:
            stretch = self._waiting[0]
            steps, neurons = stretch.spikes()
            counts = np.bincount(neurons, minlength=self._totals.size)
            if self._kept is not None:
                kept = self._kept[neurons]
                steps, neurons = steps[kept], neurons[kept]
            # Nothing is kept, or lost, of a stretch for which there was no memory until here.
            del self._waiting[0]
            self._totals += counts
            self._steps_of.append(steps)
            self._neurons.append(neurons)
            self._samples.append(stretch.recorded)

    def mark(self) -> tuple[int, np.ndarray]:
        """The present, for ``since``."""
        self.drain()
        return len(self._steps_of), self._totals.copy()

    def since(self, mark, first_step: int, last_step: int) -> dict:
        """Fields of a ``Result``: what was recorded since a mark, or ever where it is None."""
        self.drain()
        begin, before = (0, 0) if mark is None else mark
        steps, neurons, values = self._columns(begin)
        return {
            "steps": steps,
            "neurons": neurons,
            "states": self._states(values, first_step, last_step),
            "recorded": self.recorded,
            "totals": None if self.recorded is None else self._totals - before,
        }

    def bytes(self, first_step: int, last_step: int) -> int:
        """Bytes of the samples of a stretch, with those of joining them."""
        return 8 * len(self.probes) * samples(first_step, last_step, self.every)

    @property
    def settings(self) -> list[dict]:
        """The records as JSON has them."""
        return [
            {
                "population": one.population,
                "variables": list(one.variables),
                "neurons": None if one.neurons is None else one.neurons.tolist(),
                "every": one.every,
            }
            for one in self._records
        ]

    def export(self) -> dict[str, np.ndarray]:
        """Everything recorded, by name, for ``load``."""
        self.drain()
        parts = zip(("steps", "neurons", "samples"), self._columns(), strict=True)
        return {"totals": self._totals, **dict(parts)}

    def load(self, recorded: dict[str, np.ndarray]) -> None:
        """Stand as a recorder of the same settings did.

        Raises:
            ValueError: arrays of another kind or shape.
        """
        totals, *columns = (recorded[name] for name in ("totals", "steps", "neurons", "samples"))
        kinds = (np.int64, np.int32, np.float32)
        shapes = (columns[0].shape, columns[0].shape, (len(columns[2]), len(self.probes)))
        if totals.shape != self._totals.shape or totals.dtype != np.int64:
            raise ValueError("counts do not fit the network")
        for column, kind, shape in zip(columns, kinds, shapes, strict=True):
            if column.dtype != kind or column.shape != shape:
                raise ValueError("what was recorded does not fit what is to be recorded")
        self._totals = totals
        self._steps_of, self._neurons, self._samples = ([column] for column in columns)

    def _columns(self, begin: int = 0):
        """Steps and neurons of spikes, and samples, from a stretch on."""
        empty = np.zeros((0, len(self.probes)), np.float32)
        return (
            np.concatenate([np.zeros(0, np.int64), *self._steps_of[begin:]]),
            np.concatenate([np.zeros(0, np.int32), *self._neurons[begin:]]),
            np.concatenate([empty, *self._samples[begin:]]),
        )

    def most_steps(self) -> int:
        """Steps of which one call of the engine can hold the samples."""
        return self.every * max(1, MOST_SAMPLES // max(len(self.probes), 1))

    def _states(self, values: np.ndarray, first_step: int, last_step: int) -> dict[str, States]:
        number = np.arange(first_step // self.every + 1, last_step // self.every + 1)
        states, first = {}, 0
        for record, every in zip(self._records, self._steps, strict=True):
            taken = number % (every // self.every) == 0
            neurons = _neurons(self._network, record)
            parts = {}
            for name in record.variables:
                parts[name] = values[taken, first : first + neurons.size]
                first += neurons.size
            steps = number[taken] * self.every - 1
            states[record.population] = States(neurons, steps, parts, self._network.dt)
        return states


def _records(network: Network, record) -> tuple[Record, ...]:
    """Records as a tuple, each checked against the network."""
    if record is None:
        return ()
    if isinstance(record, Record):
        record = (record,)
    elif isinstance(record, Mapping):
        record = tuple(Record(label, names) for label, names in record.items())
    elif not isinstance(record, Iterable) or isinstance(record, str):
        raise TypeError(f"Simulation: record must be Records, or names by label, got {record!r}")
    records = tuple(record)
    for one in records:
        if not isinstance(one, Record):
            raise TypeError(
                f'Simulation: record must be Records, or names by label such as {{"E": "v"}}, '
                f"got {one!r}"
            )
        _check(network, one)
    labels = [one.population for one in records]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ValueError(
            f"Simulation: one Record per population, {twice} have more; name all variables and "
            f"neurons in one"
        )
    return records


def _check(network: Network, record: Record) -> None:
    owner = f"Record of {record.population!r}"
    population = network.populations[network.index(record.population, owner)]
    for name in record.variables:
        if name not in population.neuron.state:
            raise ValueError(
                f"{owner}: no variable {name!r}, {type(population.neuron).__name__} has "
                f"{', '.join(population.neuron.state)}"
            )
    if record.neurons is not None and record.neurons.max(initial=0) >= population.size:
        raise ValueError(
            f"{owner}: neurons must lie below its size {population.size}, "
            f"got {record.neurons.max()}"
        )
    _steps(record, network.dt)


def _steps(record: Record, dt: float) -> int:
    """Steps between samples."""
    if record.every is None:
        return 1
    steps = round(record.every / dt)
    if steps < 1 or abs(steps * dt - record.every) > 1e-6 * dt:
        raise ValueError(
            f"Record of {record.population!r}: every={record.every} ms must be a multiple of "
            f"dt={dt} ms"
        )
    return steps


def _neurons(network: Network, record: Record) -> np.ndarray:
    if record.neurons is not None:
        return record.neurons
    part = network.slices[record.population]
    return np.arange(part.stop - part.start)


def _probes(network: Network, record: Record) -> np.ndarray:
    """Neuron and row of each sampled number of a record, variable by variable."""
    index = network.index(record.population)
    state, neurons = network.populations[index].neuron.state, _neurons(network, record)
    rows = [
        np.stack([network.starts[index] + neurons, np.full_like(neurons, state.index(name))], 1)
        for name in record.variables
    ]
    return np.concatenate(rows)
