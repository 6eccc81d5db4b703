"""Events in bins: spikes [T, B, N], or their bits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from cusnn.data.batches import Batch, Dataset, integer

if TYPE_CHECKING:
    from cusnn.data.events import Events, Recordings

# Of a bin: times of whole microseconds, divided twice, stay on the edges of bins.
TOLERANCE = 1e-9
WORD = 32


class BinnedEvents(Dataset):
    """Recordings as a dataset; what ``Recordings.binned`` returns, which describes the arguments.

    Attributes:
        recordings: they.
        shape: inputs after downsampling: (units,), or (polarities, height, width).
        dt: width of a bin, ms.
        start: where the first bin begins, ms.
        most: what events of an input in a bin count up to.
    """

    def __init__(
        self,
        recordings: Recordings,
        *,
        dt: float,
        steps: int,
        start: float,
        align: bool,
        downsample: int,
        merge_polarities: bool,
        most: int,
        packed: bool,
    ):
        self.recordings = recordings
        self.dt = _milliseconds("dt", dt)
        self.start = _milliseconds("start", start, zero=True)
        self.steps = integer("binned", "steps", steps, 1)
        integer("binned", "downsample", downsample, 1)
        self.most = integer("binned", "most", most, 1, 255)
        if packed and most != 1:
            raise ValueError(f"binned: packed spikes are bits; most must be 1, got {most}")
        if merge_polarities and len(recordings.shape) != 3:
            raise ValueError(
                "binned: merge_polarities is for cameras, (polarities, height, width); these "
                f"inputs are {recordings.shape}"
            )
        self._align = align
        self._packed = packed
        self.shape, self._inputs = downsampled(recordings.shape, downsample, merge_polarities)
        self.features = math.prod(self.shape)
        self.classes = recordings.classes
        self._labels = recordings.labels
        self.indices = np.arange(len(recordings))
        self._try_first()

    def _try_first(self) -> None:
        """Times in another unit than thought leave every bin empty, and nothing else is wrong."""
        events = self.recordings.events(0)
        if self._places(events)[0].size == 0:
            first, last = events.times.min(), events.times.max()
            end = self.start + self.steps * self.dt
            raise ValueError(
                f"binned: no event of the first recording is between {self.start:g} and {end:g} "
                f"ms, its events are from {first:g} to {last:g} ms; move start, raise steps, or "
                "let align be True"
            )

    def _places(self, events: Events):
        """Step and input of each event within the bins."""
        begin = self.start + (events.times.min() if self._align else 0.0)
        step = np.floor((events.times - begin) / self.dt + TOLERANCE)
        inside = (step >= 0) & (step < self.steps)
        return step[inside].astype(np.int64), self._inputs[events.units[inside]]

    def _make(self, indices, epoch: int) -> Batch:
        labels = self._labels[indices]
        if self._packed:
            return Batch(None, labels, indices, packed=self._bits(indices), features=self.features)
        return Batch(self._dense(indices), labels, indices)

    def _dense(self, indices):
        spikes = np.zeros((self.steps, len(indices), self.features), np.uint8)
        counts = np.empty((self.steps, self.features), np.uint32) if self.most > 1 else None
        for column, index in enumerate(indices):
            step, units = self._places(self.recordings.events(int(index)))
            if counts is None:
                spikes[step, column, units] = 1
            else:
                counts[:] = 0
                np.add.at(counts.reshape(-1), step * self.features + units, np.uint32(1))
                np.minimum(counts, np.uint32(self.most), out=counts)
                spikes[:, column] = counts
        return spikes

    def _bits(self, indices):
        words = -(-self.features // WORD)
        packed = np.empty((self.steps, len(indices), words), np.uint32)
        fired = np.empty((self.steps, words * WORD), np.uint8)
        for column, index in enumerate(indices):
            step, units = self._places(self.recordings.events(int(index)))
            fired[:] = 0
            fired[step, units] = 1
            packed[:, column] = np.packbits(fired, axis=1, bitorder="little").view("<u4")
        return packed


def downsampled(shape: tuple[int, ...], factor: int, merge_polarities: bool):
    """The inputs that neighbours share.

    Args:
        shape: (units,), or (polarities, height, width).
        factor: neighbours along each axis but that of the polarities.
        merge_polarities: one input for both polarities.

    Returns:
        The new shape, and the input of each unit, int64 [units].
    """
    axes = np.indices(shape).reshape(len(shape), -1)
    divisors = [factor] * len(shape)
    if len(shape) == 3:
        divisors[0] = shape[0] if merge_polarities else 1
    new = tuple(-(-size // divisor) for size, divisor in zip(shape, divisors, strict=True))
    axes //= np.array(divisors)[:, None]
    return new, np.ravel_multi_index(tuple(axes), new)


def _milliseconds(name: str, value, zero: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"binned: {name} must be a number, got {type(value).__name__}")
    if not (math.isfinite(value) and (value > 0 or (zero and value == 0))):
        allowed = "0 ms or more" if zero else "above 0 ms"
        raise ValueError(f"binned: {name} must be {allowed}, got {value}")
    return float(value)
