"""What a run returns: its spikes, and how long they took."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np

FORMAT = "cusnn-spikes-1"


@dataclass(frozen=True, eq=False)
class Result:
    """Spikes of a stretch of model time, sorted by (time, neuron).

    Attributes:
        steps: step of each spike, int64 [n]. Step k runs from k dt to (k + 1) dt.
        neurons: neuron of each spike, int32 [n].
        slices: neuron numbers of each population, by label.
        dt: ms.
        first_step, n_steps: the stretch.
        events: synaptic events delivered in it (spikes times synapses, counted on arrival).
        wall_s: seconds that it took.
        about: build time, memory, backend and the like; numbers and text by name.
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
        """Spikes of each neuron, int64 [N], without the first ``skip_ms`` of the stretch."""
        kept = self.neurons[self.steps >= self._after(skip_ms)]
        return np.bincount(kept, minlength=self.n_neurons)

    def rates(self, skip_ms: float = 0.0) -> dict[str, float]:
        """Mean rate of each population, Hz, without the first ``skip_ms`` of the stretch."""
        seconds = (self.first_step + self.n_steps - self._after(skip_ms)) * self.dt / 1000.0
        if seconds <= 0:
            raise ValueError(
                f"rates: skip_ms={skip_ms} leaves nothing of a stretch of {self.duration:g} ms"
            )
        counts = self.counts(skip_ms)
        return {label: float(counts[part].mean()) / seconds for label, part in self.slices.items()}

    def spikes_of(self, label: str) -> tuple[np.ndarray, np.ndarray]:
        """Times (ms) and neuron numbers within the population of its spikes."""
        if label not in self.slices:
            raise ValueError(f"spikes_of: no population {label!r}, there are {list(self.slices)}")
        part = self.slices[label]
        member = (self.neurons >= part.start) & (self.neurons < part.stop)
        return self.times[member], self.neurons[member] - part.start

    def save(self, path) -> None:
        """Write a compressed ``.npz`` that ``Result.load`` and ``numpy.load`` read."""
        header = {
            "format": FORMAT,
            "populations": {label: [s.start, s.stop] for label, s in self.slices.items()},
            "dt": self.dt,
            "first_step": self.first_step,
            "n_steps": self.n_steps,
            "events": self.events,
            "wall_s": self.wall_s,
            "about": self.about,
        }
        with open(path, "wb") as file:
            np.savez_compressed(
                file, steps=self.steps, neurons=self.neurons, header=json.dumps(header)
            )

    @classmethod
    def load(cls, path) -> Result:
        """Read what ``save`` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a file of another kind.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                header = json.loads(str(file["header"]))
                steps, neurons = file["steps"], file["neurons"]
            if header["format"] != FORMAT:
                raise KeyError(header["format"])
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(f"Result.load: {path} is not a file of spikes of cusnn") from error
        return cls(
            steps=steps,
            neurons=neurons,
            slices={label: slice(*bounds) for label, bounds in header["populations"].items()},
            **{
                name: header[name]
                for name in ("dt", "first_step", "n_steps", "events", "wall_s", "about")
            },
        )

    def _after(self, skip_ms: float) -> int:
        if not skip_ms >= 0:
            raise ValueError(f"skip_ms must not be negative, got {skip_ms}")
        return self.first_step + round(skip_ms / self.dt)
