"""What a run returns: its spikes, and how long they took."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np

from cusnn.simulation.sonata import read_spikes, write_spikes

FORMAT = "cusnn-spikes-1"


@dataclass(frozen=True, eq=False)
class States:
    """Recorded state variables of one population.

    Attributes:
        neurons: numbers within the population, int64 [n].
        steps: step after which each sample was taken, int64 [T].
        values: samples by name of the variable, float32 [T, n]; mV, pA, nS or steps as the
            neuron's class says.
        dt: ms.
    """

    neurons: np.ndarray
    steps: np.ndarray
    values: dict[str, np.ndarray]
    dt: float

    @property
    def times(self) -> np.ndarray:
        """Time of each sample in ms, float64 [T]: the end of its step."""
        return (self.steps + 1) * self.dt

    def __getitem__(self, name: str) -> np.ndarray:
        """Samples of a variable, float32 [T, n]."""
        if name not in self.values:
            raise ValueError(f"States: no variable {name!r}, there are {list(self.values)}")
        return self.values[name]


@dataclass(frozen=True, eq=False)
class Result:
    """Spikes of a stretch of model time, sorted by (time, neuron).

    Attributes:
        steps: step of each recorded spike, int64 [n]. Step k runs from k dt to (k + 1) dt.
        neurons: neuron of each spike, int32 [n].
        slices: neuron numbers of each population, by label.
        dt: ms.
        first_step, n_steps: the stretch.
        events: synaptic events delivered in it (spikes times synapses, counted on arrival).
        wall_s: seconds that it took.
        about: build time, memory, backend and the like; numbers and text by name.
        states: recorded state variables by label of the population.
        recorded: labels of the populations whose spikes were recorded; None for all.
        totals: spikes of each neuron in the stretch, recorded or not, int64 [N]; None where
            all were recorded.
    """

    steps: np.ndarray
    neurons: np.ndarray
    slices: dict[str, slice]
    dt: float
    first_step: int
    n_steps: int
    events: int = 0
    wall_s: float = 0.0
    about: dict = field(default_factory=dict)
    states: dict[str, States] = field(default_factory=dict)
    recorded: tuple[str, ...] | None = None
    totals: np.ndarray | None = None

    def __repr__(self) -> str:
        return (
            f"<Result of {self.duration:g} ms: {self.steps.size:,} spikes of "
            f"{self.n_neurons:,} neurons>"
        )

    @property
    def times(self) -> np.ndarray:
        """Spike times in ms, float64 [n]: the end of the step, as NEST stamps them."""
        return (self.steps + 1) * self.dt

    @property
    def duration(self) -> float:
        """Model time, ms."""
        return self.n_steps * self.dt

    @property
    def n_neurons(self) -> int:
        return max(part.stop for part in self.slices.values())

    @property
    def rtf(self) -> float:
        """Real-time factor: wall seconds per second of model time; nan for an empty stretch."""
        return self.wall_s * 1000.0 / self.duration if self.n_steps else float("nan")

    def counts(self, skip_ms: float = 0.0) -> np.ndarray:
        """Spikes of each neuron, int64 [N], without the first ``skip_ms`` of the stretch.

        Raises:
            TypeError: ``skip_ms`` is no number.
            ValueError: more is to be skipped than there is; or something is, and the spikes of
                some population were not recorded.
        """
        first = self._after("counts", skip_ms)
        if self.totals is not None and first == self.first_step:
            return self.totals.copy()
        if self.recorded is not None:
            raise ValueError(
                f"counts: skip_ms={skip_ms} needs all spikes, but only those of "
                f"{list(self.recorded)} were recorded; run the time to skip by itself"
            )
        return np.bincount(self.neurons[self.steps >= first], minlength=self.n_neurons)

    def rates(self, skip_ms: float = 0.0) -> dict[str, float]:
        """Mean rate of each population, Hz, without the first ``skip_ms`` of the stretch.

        Raises:
            TypeError, ValueError: as ``counts``; nothing is left.
        """
        first = self._after("rates", skip_ms)
        seconds = (self.first_step + self.n_steps - first) * self.dt / 1000.0
        if seconds == 0:
            raise self._nothing_left("rates", skip_ms)
        counts = self.counts(skip_ms)
        return {label: float(counts[part].mean()) / seconds for label, part in self.slices.items()}

    def spikes_of(self, label: str) -> tuple[np.ndarray, np.ndarray]:
        """Times (ms) and neuron numbers within the population of its spikes."""
        if label not in self.slices:
            raise ValueError(f"spikes_of: no population {label!r}, there are {list(self.slices)}")
        if self.recorded is not None and label not in self.recorded:
            raise ValueError(
                f"spikes_of: spikes of {label!r} were not recorded, only those of "
                f"{list(self.recorded)}; counts() has their number"
            )
        part = self.slices[label]
        member = (self.neurons >= part.start) & (self.neurons < part.stop)
        return self.times[member], self.neurons[member] - part.start

    def save(self, path) -> None:
        """Write an ``.npz`` that ``Result.load`` and ``numpy.load`` read.

        It is not compressed: that would make it several times smaller, and take tens of times as
        long while someone who interrupted the run waits.
        """
        header = {
            "format": FORMAT,
            "populations": {label: [s.start, s.stop] for label, s in self.slices.items()},
            "dt": self.dt,
            "first_step": self.first_step,
            "n_steps": self.n_steps,
            "events": self.events,
            "wall_s": self.wall_s,
            "about": self.about,
            "recorded": self.recorded,
            "states": {label: list(states.values) for label, states in self.states.items()},
        }
        arrays = {"steps": self.steps, "neurons": self.neurons}
        if self.totals is not None:
            arrays["totals"] = self.totals
        for position, states in enumerate(self.states.values()):
            arrays[f"states_{position}_neurons"] = states.neurons
            arrays[f"states_{position}_steps"] = states.steps
            for name, values in states.values.items():
                arrays[f"states_{position}_value_{name}"] = values
        with open(path, "wb") as file:
            np.savez(file, **arrays, header=json.dumps(header))

    @classmethod
    def load(cls, path) -> Result:
        """Read what ``save`` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a file of another kind.
        """
        try:
            with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
                header = json.loads(str(file["header"]))
                arrays = {name: file[name] for name in file.files if name != "header"}
            if header["format"] != FORMAT:
                raise KeyError(header["format"])
            states = _loaded_states(header, arrays)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(f"Result.load: {path} is not a file of spikes of cusnn") from error
        return cls(
            steps=arrays["steps"],
            neurons=arrays["neurons"],
            slices={label: slice(*bounds) for label, bounds in header["populations"].items()},
            states=states,
            recorded=None if header.get("recorded") is None else tuple(header["recorded"]),
            totals=arrays.get("totals"),
            **{
                name: header[name]
                for name in ("dt", "first_step", "n_steps", "events", "wall_s", "about")
            },
        )

    def save_sonata(self, path) -> None:
        """Write the spikes to a SONATA spike file (HDF5); states and totals stay out of it.

        Raises:
            ImportError: h5py is not installed.
            ValueError: a label that cannot name a group of the file.
        """
        names = ("first_step", "n_steps", "events", "wall_s", "about", "recorded")
        about = {name: getattr(self, name) for name in names}
        write_spikes(path, self.steps, self.neurons, self.slices, self.dt, about)

    @classmethod
    def load_sonata(
        cls, path, *, dt: float | None = None, sizes: dict[str, int] | None = None
    ) -> Result:
        """Read a SONATA spike file, of cusnn or of another simulator.

        Args:
            path: of the file.
            dt: ms; needed for files of others.
            sizes: number of neurons by population; None for what the file tells: files of others
                know nothing of neurons after the last that fired, nor of time after the last
                spike.

        Raises:
            ImportError: h5py is not installed.
            FileNotFoundError: there is no such file.
            ValueError: not a spike file, or spikes that do not fit ``dt`` or ``sizes``.
        """
        found = read_spikes(path, dt, sizes)
        about = found.pop("about")
        steps = found["steps"]
        about = about or {"n_steps": int(steps[-1]) + 1 if steps.size else 0}
        if about.get("recorded") is not None:
            about["recorded"] = tuple(about["recorded"])
        return cls(**found, **{"first_step": 0, **about})

    def _after(self, owner: str, skip_ms: float) -> int:
        """The first step that is not skipped."""
        if not isinstance(skip_ms, (int, float, np.number)) or isinstance(skip_ms, bool):
            raise TypeError(f"{owner}: skip_ms must be a number of ms, got {skip_ms!r}")
        if not skip_ms >= 0:
            raise ValueError(f"{owner}: skip_ms must not be negative, got {skip_ms}")
        # Rounded after it is known to be finite.
        if skip_ms > self.duration + 0.5 * self.dt:
            raise self._nothing_left(owner, skip_ms)
        return self.first_step + min(round(skip_ms / self.dt), self.n_steps)

    def _nothing_left(self, owner: str, skip_ms: float) -> ValueError:
        return ValueError(
            f"{owner}: skip_ms={skip_ms} leaves nothing of a stretch of {self.duration:g} ms"
        )


def _loaded_states(header: dict, arrays: dict[str, np.ndarray]) -> dict[str, States]:
    """The states of a file, whose header lists variables by label."""
    return {
        label: States(
            neurons=arrays[f"states_{position}_neurons"],
            steps=arrays[f"states_{position}_steps"],
            values={name: arrays[f"states_{position}_value_{name}"] for name in names},
            dt=header["dt"],
        )
        for position, (label, names) in enumerate(header.get("states", {}).items())
    }
