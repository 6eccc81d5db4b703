"""Recordings of events, read one at a time, and what every reader of them shares."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cusnn.data.batches import checked_positions, integer
from cusnn.data.binning import BinnedEvents

MS_PER_US = 1000.0


class Events(NamedTuple):
    """One recording.

    Attributes:
        times: ms, float64 [K], 0 or more, in any order.
        units: number of the input of each event, int64 [K]; of a camera's pixel, (p H + y) W + x.
    """

    times: np.ndarray
    units: np.ndarray


class Summary(NamedTuple):
    """What ``Recordings.check`` saw.

    Attributes:
        recordings: how many.
        events: of all recordings.
        earliest: time of the first event of any recording, ms.
        latest: time of the last event of any recording, ms.
        highest: most events of one recording.
    """

    recordings: int
    events: int
    earliest: float
    latest: float
    highest: int


class Recordings:
    """Labelled recordings of events, which stay events until a batch is made of them.

    Attributes:
        name: where they come from, for error messages.
        classes: names of the classes, by label.
        labels: class of each recording, int64 [n].
        shape: inputs of the sensor: (units,), or (polarities, height, width) of a camera.
    """

    name: str
    classes: tuple[str, ...]
    labels: np.ndarray
    shape: tuple[int, ...]

    def _read(self, index: int) -> Events:
        """The events as they are stored, not checked; called by any thread."""
        raise NotImplementedError

    def _where(self, index: int) -> str:
        """The recording's place, for error messages."""
        return f"{self.name}: recording {index}"

    def __len__(self) -> int:
        return len(self.labels)

    def events(self, index: int) -> Events:
        """One recording.

        Args:
            index: 0 to ``len(self)`` - 1.

        Raises:
            ValueError: no events, times that are negative or no numbers, units out of range, or a
                damaged file; the message names the recording.
        """
        integer("events", "index", index, 0, len(self) - 1)
        times, units = self._read(index)
        owner = self._where(index)
        times, units = np.asarray(times), np.asarray(units)
        if times.ndim != 1 or times.shape != units.shape:
            raise ValueError(
                f"{owner}: as many times as units, got {list(times.shape)} and {list(units.shape)}"
            )
        if times.size == 0:
            raise ValueError(f"{owner}: has no events; leave it out with part(...)")
        times = times.astype(np.float64, copy=False)
        # NaN fails every comparison, so that it must be the one which holds.
        if not (times.min() >= 0 and times.max() < math.inf):
            wrong = times[~((times >= 0) & (times < math.inf))][0]
            raise ValueError(f"{owner}: times must be 0 or more and finite, got {wrong} ms")
        if not np.issubdtype(units.dtype, np.integer):
            raise ValueError(f"{owner}: units must be integers, got {units.dtype}")
        lowest, highest = int(units.min()), int(units.max())
        if lowest < 0 or highest >= math.prod(self.shape):
            wrong = lowest if lowest < 0 else highest
            raise ValueError(
                f"{owner}: units must be 0 to {math.prod(self.shape) - 1}, got {wrong}"
            )
        return Events(times, units.astype(np.int64, copy=False))

    def check(self, progress=None) -> Summary:
        """Read every recording once, so that what is wrong shows before a training begins.

        Args:
            progress: called with (recordings read, recordings) after each.

        Raises:
            ValueError: what is wrong with the first bad recording.
        """
        total, highest, earliest, latest = 0, 0, math.inf, 0.0
        for index in range(len(self)):
            times = self.events(index).times
            total += times.size
            highest = max(highest, times.size)
            earliest = min(earliest, float(times.min()))
            latest = max(latest, float(times.max()))
            if progress is not None:
                progress(index + 1, len(self))
        return Summary(len(self), total, earliest, latest, highest)

    def part(self, positions) -> Recordings:
        """Those at these positions, in this order: speakers of a test, or all but an empty one.

        Args:
            positions: integers [n], 0 to ``len(self)`` - 1.

        Raises:
            ValueError: no positions, or one out of range.
            TypeError: positions that are no integers.
        """
        return Part(self, checked_positions(positions, len(self)))

    def in_memory(self, progress=None) -> Recordings:
        """The same recordings, read once and held: 6 to 12 bytes per event.

        Args:
            progress: called with (recordings read, recordings) after each.

        Raises:
            ValueError: what is wrong with the first bad recording.
        """
        held = []
        for index in range(len(self)):
            held.append(_compact(self.events(index), math.prod(self.shape)))
            if progress is not None:
                progress(index + 1, len(self))
        return Held(self.name, held, self.labels, self.classes, self.shape)

    def binned(
        self,
        dt: float,
        steps: int,
        *,
        start: float = 0.0,
        align: bool = False,
        downsample: int = 1,
        merge_polarities: bool = False,
        most: int = 1,
        packed: bool = False,
    ) -> BinnedEvents:
        """A dataset whose samples are these recordings in bins.

            step = floor((time - start) / dt),   input = the unit, downsampled

        A time closer than 1e-9 dt below the edge of a bin counts as on it. Events before ``start``
        or after ``steps`` bins are left out. Nothing is binned before its batch is made.

        Args:
            dt: width of a bin, ms.
            steps: T, bins, 1 or more.
            start: where the first bin begins, ms.
            align: count times from the first event of each recording.
            downsample: so many neighbouring units (of a camera: so many by so many pixels) become
                one input; what is left at the end becomes one more.
            merge_polarities: both polarities of a camera become one input.
            most: events of an input in a bin count up to this, 1 to 255; 1 is spike or none.
            packed: make batches as bits, 32 inputs a word, an eighth of the memory; ``most`` is
                then 1, and ``Batch.spikes`` unpacks when asked for.

        Raises:
            ValueError: a number out of range, or all events of the first recording left out.
            TypeError: a number that is none.
        """
        return BinnedEvents(
            self,
            dt=dt,
            steps=steps,
            start=start,
            align=align,
            downsample=downsample,
            merge_polarities=merge_polarities,
            most=most,
            packed=packed,
        )


class Part(Recordings):
    """Some of other recordings."""

    def __init__(self, whole: Recordings, positions):
        self.name = whole.name
        self.classes = whole.classes
        self.labels = whole.labels[positions]
        self.shape = whole.shape
        self._whole = whole
        self._positions = positions

    def _where(self, index: int) -> str:
        return self._whole._where(int(self._positions[index]))

    def _read(self, index: int) -> Events:
        return self._whole._read(int(self._positions[index]))


class Held(Recordings):
    """Recordings in memory."""

    def __init__(self, name: str, held: list[Events], labels, classes, shape):
        self.name = name
        self.labels = labels
        self.classes = classes
        self.shape = shape
        self._held = held

    def _read(self, index: int) -> Events:
        return self._held[index]


def camera_events(owner: str, shape: tuple[int, int, int], t, x, y, p) -> Events:
    """Events of a camera from one array per field.

    Args:
        owner: who speaks in error messages.
        shape: polarities, height, width.
        t: microseconds [K].
        x: pixels from the left [K].
        y: pixels from the top [K].
        p: polarities [K], 0 or 1 (or -1 or 1, or truth values); not looked at where the sensor
            has one.

    Raises:
        ValueError: arrays of unequal length, or numbers out of range.
    """
    polarities, height, width = shape
    x, y = _within(owner, "x", x, width), _within(owner, "y", y, height)
    if polarities == 1:
        p = np.zeros_like(x)
    else:
        p = np.asarray(p)
        if p.dtype.kind in "fi" and p.size and p.min() == -1:
            p = np.where(p == -1, 0, p)
        p = _within(owner, "p", p.astype(np.int64) if p.dtype == bool else p, polarities)
    t = np.asarray(t)
    if not t.shape == x.shape == y.shape == p.shape:
        raise ValueError(
            f"{owner}: t, x, y and p must be of one length, got {t.size}, {x.size}, {y.size} and "
            f"{p.size}"
        )
    return Events(t.astype(np.float64) / MS_PER_US, (p * height + y) * width + x)


def _within(owner: str, name: str, values, size: int):
    """The values as int64, each of them 0 to ``size`` - 1."""
    values = np.asarray(values)
    if values.size and not (values.min() >= 0 and values.max() < size):
        wrong = values[~((values >= 0) & (values < size))].ravel()[0]
        raise ValueError(f"{owner}: {name} must be 0 to {size - 1}, got {wrong}")
    return values.astype(np.int64)


def named_folder(owner: str, path) -> Path:
    """The path of a folder that is there."""
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"{owner}: there is no folder {path}")
    return path


def _compact(events: Events, size: int) -> Events:
    """The same numbers in fewer bytes, where no bit is lost."""
    times = events.times.astype(np.float32)
    if not np.array_equal(times, events.times):
        times = events.times.copy()
    units = events.units.astype(np.uint16 if size <= 2**16 else np.int32)
    return Events(times, units)
