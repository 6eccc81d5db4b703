"""What ran, as exact integers: operations, spikes, updates and bytes."""

from __future__ import annotations

import dataclasses
import functools
import json
import operator
from dataclasses import dataclass, field

from cusnn.energy.bounds import number, whole

FORMAT = "cusnn-counts-1"


@dataclass(frozen=True)
class OpCounts:
    """Operations of a piece of work, as integers of up to 2^127.

    None stands for what was not counted, and is not 0: it stays None in sums.

        synaptic_ops = effective_acs + effective_macs
        neuron_updates = neuron_updates_active + neuron_updates_idle

    Args:
        effective_acs: NeuroBench's Effective_ACs: a weight that is not 0 meets an input that is
            not 0, where inputs are -1, 0 or 1.
        effective_macs: NeuroBench's Effective_MACs: the same where inputs take other values.
        dense: NeuroBench's Dense: every weight meets every input in every step.
        neuron_updates_active: updates (one neuron, one step) in which the neuron fired; for
            neurons of conventional networks, in which the output is not 0.
        neuron_updates_idle: the other updates. Hardware that tells the two apart by input, not by
            firing, finds some of these active.
        spikes: spikes that the counted neurons fired.
        input_spikes: spikes that came from outside: of stimuli, of encoded data.
        hops: from router to router, where neurons have places on a mesh; where the next two are
            given, their sum.
        hops_east_west, hops_north_south: the hops by direction.
        plasticity_updates: changes of a weight by a learning rule.
        weight_bytes: bytes of weights (synapse words) read.
        state_bytes: bytes of state of neurons read and written.

    Raises:
        TypeError: a count that is no integer.
        ValueError: a negative count or one above 2^127, more effective operations than dense ones,
            more spikes than updates, or hops that are not the sum of both directions.
    """

    effective_acs: int | None = 0
    effective_macs: int | None = 0
    dense: int | None = None
    neuron_updates_active: int | None = 0
    neuron_updates_idle: int | None = 0
    spikes: int | None = 0
    input_spikes: int | None = 0
    hops: int | None = None
    hops_east_west: int | None = None
    hops_north_south: int | None = None
    plasticity_updates: int | None = 0
    weight_bytes: int | None = 0
    state_bytes: int | None = 0

    def __post_init__(self):
        for name in COUNTS:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, whole("OpCounts", name, value))
        directions = _total((self.hops_east_west, self.hops_north_south))
        if self.hops is None:
            object.__setattr__(self, "hops", directions)
        elif directions not in (None, self.hops):
            raise ValueError(
                f"OpCounts: hops must be the sum of both directions, {directions:,}, got "
                f"{self.hops:,}"
            )
        self._check_possible()

    def _check_possible(self) -> None:
        effective, updates = self.synaptic_ops, self.neuron_updates
        if self.dense is not None and effective is not None and effective > self.dense:
            raise ValueError(
                f"OpCounts: {effective:,} effective operations cannot be more than the dense "
                f"ones, {self.dense:,}; give dense=None where they were not counted"
            )
        if updates and self.spikes is not None and self.spikes > updates:
            raise ValueError(
                f"OpCounts: {self.spikes:,} spikes in {updates:,} updates are more than one spike "
                f"per neuron and step"
            )

    @property
    def synaptic_ops(self) -> int | None:
        """Effective accumulates and multiply-accumulates; None where one was not counted."""
        return _total((self.effective_acs, self.effective_macs))

    @property
    def neuron_updates(self) -> int | None:
        """Active and idle updates; None where one was not counted."""
        return _total((self.neuron_updates_active, self.neuron_updates_idle))

    def __add__(self, other: OpCounts) -> OpCounts:
        if not isinstance(other, OpCounts):
            return NotImplemented
        pairs = {name: (getattr(self, name), getattr(other, name)) for name in COUNTS}
        return OpCounts(**{name: _total(pair) for name, pair in pairs.items()})

    def to_dict(self) -> dict[str, int | None]:
        """The counts by name."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, counts: dict) -> OpCounts:
        """What ``to_dict`` gave; counts that are not named were not counted.

        Raises:
            TypeError, ValueError: unknown names, or what ``OpCounts`` refuses.
        """
        if not isinstance(counts, dict):
            raise TypeError(f"OpCounts: counts must be a dict, got {counts!r}")
        unknown = sorted(set(map(str, counts)) - set(COUNTS))
        if unknown:
            raise ValueError(f"OpCounts: unknown counts {unknown}, known are {', '.join(COUNTS)}")
        return cls(**{**dict.fromkeys(COUNTS), **counts})


COUNTS = tuple(field.name for field in dataclasses.fields(OpCounts))


@dataclass(frozen=True)
class Workload:
    """What ran, and how often: the counts of its parts, summed over everything that ran.

        counts = sum of parts
        spikes_per_neuron_step = spikes / (neurons steps inferences)
        spikes_per_synapse = synaptic_ops / (synapses inferences)

    Args:
        name: of the workload.
        parts: counts by name of the layer, population or projection.
        neurons, synapses: of the network; connections where weights are shared.
        steps: time steps of one inference, or of the run.
        model_time_ms: model time of the run in ms, above 0; None where steps have no length.
        inferences: samples that were classified; None for a run of a network.
        wall_s: seconds that it took; None where they were not measured.
        about: what else is known (backend, dt, versions): text and numbers by name.

    Raises:
        TypeError: values of another kind, or ``about`` that JSON cannot hold.
        ValueError: no parts, negative or infinite values, fewer than one step or inference, or
            more than one spike per neuron and step.
    """

    name: str
    parts: dict[str, OpCounts]
    neurons: int
    synapses: int
    steps: int
    model_time_ms: float | None = None
    inferences: int | None = None
    wall_s: float | None = None
    about: dict = field(default_factory=dict)

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"Workload: name must be text, got {self.name!r}")
        owner = f"Workload {self.name!r}"
        object.__setattr__(self, "parts", _checked_parts(owner, self.parts))
        for name, least in (("neurons", 0), ("synapses", 0), ("steps", 1)):
            object.__setattr__(self, name, whole(owner, name, getattr(self, name), least))
        if self.inferences is not None:
            object.__setattr__(
                self, "inferences", whole(owner, "inferences", self.inferences, least=1)
            )
        for name in ("model_time_ms", "wall_s"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, number(owner, name, value))
        if self.model_time_ms == 0:
            raise ValueError(
                f"{owner}: model_time_ms must be above 0, got 0 for {self.steps:,} steps; None "
                f"where steps have no length"
            )
        object.__setattr__(self, "about", _checked_about(owner, self.about))
        most = self.neurons * self._steps_run
        if self.counts.spikes is not None and self.counts.spikes > most:
            raise ValueError(
                f"{owner}: {self.counts.spikes:,} spikes are more than one per neuron and step, "
                f"which {self.neurons:,} neurons in {self._steps_run:,} steps allow"
            )

    @property
    def _steps_run(self) -> int:
        return self.steps * (self.inferences or 1)

    @functools.cached_property
    def counts(self) -> OpCounts:
        """The sum of all parts."""
        return functools.reduce(operator.add, self.parts.values())

    @property
    def spikes_per_neuron_step(self) -> float | None:
        """Mean rate in spikes per neuron and step; None without neurons or counted spikes."""
        if self.counts.spikes is None or not self.neurons:
            return None
        return self.counts.spikes / (self.neurons * self._steps_run)

    @property
    def spikes_per_synapse(self) -> float | None:
        """Synaptic operations per synapse and inference (or run); None without either."""
        if self.counts.synaptic_ops is None or not self.synapses:
            return None
        return self.counts.synaptic_ops / (self.synapses * (self.inferences or 1))

    def to_dict(self) -> dict:
        """Everything as JSON has it."""
        return {
            "format": FORMAT,
            **{name: getattr(self, name) for name in _FIELDS if name != "parts"},
            "parts": {name: counts.to_dict() for name, counts in self.parts.items()},
        }

    @classmethod
    def from_dict(cls, workload: dict) -> Workload:
        """What ``to_dict`` gave.

        Raises:
            TypeError, ValueError: another format, unknown or missing names, or what ``Workload``
                and ``OpCounts`` refuse.
        """
        found = workload.get("format") if isinstance(workload, dict) else None
        if found != FORMAT:
            raise ValueError(f"Workload: format must be {FORMAT!r}, got {found!r}")
        named = {name: value for name, value in workload.items() if name != "format"}
        unknown = sorted(set(named) - set(_FIELDS))
        missing = [name for name in _NEEDED if name not in named]
        if unknown or missing:
            raise ValueError(f"Workload: unknown names {unknown}, missing names {missing}")
        if not isinstance(named["parts"], dict):
            raise TypeError(f"Workload: parts must be a dict, got {named['parts']!r}")
        parts = {name: OpCounts.from_dict(counts) for name, counts in named["parts"].items()}
        return cls(**{**named, "parts": parts})

    def save(self, path) -> None:
        """Write the JSON that ``load`` and ``cusnn energy --counts`` read."""
        text = json.dumps(self.to_dict(), indent=2, allow_nan=False)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")

    @classmethod
    def load(cls, path) -> Workload:
        """Read what ``save`` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            TypeError, ValueError: not such a file, or counts that are refused.
        """
        with open(path, encoding="utf-8") as file:
            try:
                workload = json.load(file)
            except ValueError as error:
                raise ValueError(f"Workload.load: {path} is not JSON: {error}") from error
        return cls.from_dict(workload)


_FIELDS = tuple(field.name for field in dataclasses.fields(Workload))
_NEEDED = ("name", "parts", "neurons", "synapses", "steps")


def _total(values) -> int | None:
    values = tuple(values)
    return None if None in values else sum(values)


def _checked_parts(owner: str, parts) -> dict[str, OpCounts]:
    if not isinstance(parts, dict):
        raise TypeError(f"{owner}: parts must be a dict of OpCounts, got {parts!r}")
    for name, counts in parts.items():
        if not isinstance(name, str) or not isinstance(counts, OpCounts):
            raise TypeError(f"{owner}: parts must be OpCounts by name, got {name!r}: {counts!r}")
    if not parts:
        raise ValueError(f"{owner}: parts must not be empty; name at least one")
    return dict(parts)


def _checked_about(owner: str, about) -> dict:
    if not isinstance(about, dict):
        raise TypeError(f"{owner}: about must be a dict, got {about!r}")
    try:
        return json.loads(json.dumps(about, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{owner}: about must be text and numbers by name: {error}") from None
