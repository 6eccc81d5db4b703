"""Published runs of the cortical microcircuit, with the energy of a synaptic event."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources

from cusnn.energy.catalogue import rows_of
from cusnn.energy.units import Quantity

COLUMNS = (
    "year",
    "study",
    "simulator",
    "hardware",
    "drive",
    "real_time_factor",
    "energy_per_event",
    "unit",
    "how",
    "source",
)
HOW = ("measured", "estimated by its authors", "none published")


@dataclass(frozen=True)
class Record:
    """A published run of the cortical microcircuit.

    Attributes:
        year, study, simulator, hardware, drive: which.
        real_time_factor: wall time over model time.
        energy_per_event_j: J per synaptic event, host included, events of the external drive not
            counted; None where none is published.
        how: of ``HOW``.
        source: where it stands.
    """

    year: int
    study: str
    simulator: str
    hardware: str
    drive: str
    real_time_factor: float
    energy_per_event_j: float | None
    how: str
    source: str

    @property
    def label(self) -> str:
        """Simulator, hardware, drive and year."""
        estimate = ", an estimate" if self.how == HOW[1] else ""
        return f"{self.simulator}, {self.hardware}, {self.drive} ({self.year}{estimate})"


@functools.cache
def records() -> tuple[Record, ...]:
    """Published runs of the cortical microcircuit, 0.047 to 9.9 uJ per synaptic event."""
    text = resources.files("cusnn.energy").joinpath("records.csv").read_text(encoding="utf-8")
    return read_records(text.splitlines())


def read_records(lines: Iterable[str]) -> tuple[Record, ...]:
    """Records from the lines of records.csv.

    Raises:
        ValueError: a malformed row; the message names it.
    """
    found = []
    for place, row in rows_of("records.csv", lines, COLUMNS):
        try:
            found.append(_read_record(row))
        except ValueError as error:
            raise ValueError(f"{place} ({row['study']}, {row['simulator']}): {error}") from error
    return tuple(found)


def _read_record(row: dict[str, str]) -> Record:
    energy, factor = row["energy_per_event"], float(row["real_time_factor"])
    if row["how"] not in HOW or (not energy) != (row["how"] == "none published"):
        raise ValueError(f"how must be one of {', '.join(HOW)} and fit the energy, {energy!r}")
    joules = Quantity(float(energy), row["unit"]).to("J/op").value if energy else None
    if not factor > 0 or (joules is not None and not joules > 0):
        raise ValueError(f"factor and energy must be positive, got {factor} and {energy}")
    names = (row[name] for name in ("study", "simulator", "hardware", "drive"))
    return Record(int(row["year"]), *names, factor, joules, row["how"], row["source"])
