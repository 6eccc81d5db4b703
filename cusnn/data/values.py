"""Datasets of values (images, tables), which become spikes batch by batch."""

from __future__ import annotations

import math

import numpy as np

from cusnn.data.batches import (
    MOST_SEED,
    SPIKES,
    Batch,
    Dataset,
    checked_labels,
    integer,
    numbered_classes,
)
from cusnn.ops.encode import encode_latency

ENCODINGS = ("rate", "latency", "direct")
ONE = 2**31  # what level makes of 1, as in encode_rate
# Of 32 bits in a 64-bit word of Philox, and of those in a block of its counter.
WORDS, BLOCK = 2, 4


class Values(Dataset):
    """Values of 0 to 1, as spikes.

    With "rate", a value is the probability of a spike, in each step anew:

        spike[t, j] = random(seed, epoch, index, t N + j) < peak value[j]

    where the random numbers are Philox4x64-10 words, so that a sample's spikes follow from
    (seed, epoch, index) alone, whatever the batch or its order, and those of fewer steps are the
    first of those of more. With "latency" a value has one spike, in step floor((1 - value)
    (T - 1)), and a value of 0 none. With "direct" the values themselves are the input, the same
    in every step: batches have ``values`` and no spikes.

    Args:
        values: [n, ...], all axes after the first become N; floats of 0 to 1, or uint8, read as
            multiples of 1/255 and kept as bytes.
        labels: [n], 0 to the number of classes - 1.
        classes: names; None for the numbers "0" to the highest label.
        steps: T, 1 or more.
        encoding: "rate", "latency" or "direct".
        peak: the probability of a spike per step of the value 1, above 0, at most 1.
        seed: of the spikes, 0 to 2^32 - 1; the order has the seed that ``batches`` is given.

    Attributes:
        shape: of one sample, before its axes became one.

    Raises:
        ValueError: values that are not of 0 to 1 (NaN is not), labels out of range or of another
            number than the samples, or another number or name out of range.
        TypeError: values of no numbers, or a number that is no integer.
    """

    def __init__(
        self,
        values,
        labels,
        *,
        classes: tuple[str, ...] | None = None,
        steps: int = 25,
        encoding: str = "rate",
        peak: float = 1.0,
        seed: int = 0,
    ):
        self._values, self.shape = _checked_values(values)
        self.classes = numbered_classes("Values", labels) if classes is None else tuple(classes)
        self._labels = checked_labels("Values", labels, len(self.classes))
        if len(self._labels) != len(self._values):
            raise ValueError(
                f"Values: one label per sample, got {len(self._labels)} labels and "
                f"{len(self._values)} samples"
            )
        if encoding not in ENCODINGS:
            raise ValueError(
                f"Values: encoding must be of {', '.join(ENCODINGS)}, got {encoding!r}"
            )
        if isinstance(peak, bool) or not isinstance(peak, (int, float, np.floating)):
            raise TypeError(f"Values: peak must be a number, got {type(peak).__name__}")
        if not (math.isfinite(peak) and 0 < peak <= 1):
            raise ValueError(f"Values: peak must be above 0 and at most 1, got {peak}")
        self.steps = integer("Values", "steps", steps, 1)
        self.seed = integer("Values", "seed", seed, 0, MOST_SEED)
        self.encoding = encoding
        self.peak = float(peak)
        self.features = self._values.shape[1]
        self.indices = np.arange(len(self._values))

    def values(self, indices):
        """The samples with these numbers, float32 [B, N], 0 to 1."""
        taken = self._values[indices]
        if taken.dtype == np.uint8:
            return taken.astype(np.float32) / np.float32(255)
        return taken

    def _make(self, indices, epoch: int) -> Batch:
        values = self.values(indices)
        spikes = None
        if self.encoding == "rate":
            spikes = self._rate(values, indices, epoch)
        elif self.encoding == "latency":
            # Not through Numba: its threads are the trainer's, and this is the thread beside it.
            spikes = encode_latency(values, self.steps, backend="numpy")
            spikes &= values > 0
        return Batch(spikes, self._labels[indices], indices, values=values)

    def _rate(self, values, indices, epoch: int):
        samples, features = values.shape
        words = -(-self.steps * features // (WORDS * BLOCK)) * BLOCK
        random = np.empty((samples, words), np.uint64)
        philox = np.random.Philox(key=[self.seed, epoch])
        state = philox.state
        for row, index in enumerate(indices):
            state["state"]["counter"][:] = (0, index, 0, SPIKES)
            philox.state = state
            random[row] = philox.random_raw(words)
        # The low half of a word first, on any machine.
        bits = random.astype("<u8", copy=False).view("<u4")
        bits >>= np.uint32(1)
        bits = bits[:, : self.steps * features].reshape(samples, self.steps, features)
        level = (values.astype(np.float64) * (self.peak * ONE)).astype(np.uint32)
        fired = np.empty((self.steps, samples, features), bool)
        np.less(bits.transpose(1, 0, 2), level, out=fired)
        return fired.view(np.uint8)


def _checked_values(values):
    """The values as float32 or uint8 [n, N], and the shape of a sample."""
    values = np.asarray(values)
    if values.ndim < 2 or values.size == 0:
        raise ValueError(f"Values: values must be [n, ...], not empty, got {list(values.shape)}")
    flat = values.reshape(len(values), -1)
    if values.dtype == np.uint8:
        return flat, values.shape[1:]
    if not np.issubdtype(values.dtype, np.floating):
        raise TypeError(
            f"Values: values must be floats of 0 to 1 or uint8, got {values.dtype}; divide by "
            "their highest"
        )
    wrong = ~((flat >= 0) & (flat <= 1))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"Values: values must be of 0 to 1, got {flat[row, column]} in sample {row}, input "
            f"{column}"
        )
    return flat.astype(np.float32), values.shape[1:]
