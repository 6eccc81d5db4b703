"""Batches of a dataset: in order or shuffled, from any batch on, made ahead by a thread.

A dataset says how its samples become a batch; here stands what all datasets share. Which samples
a batch has follows from (seed, epoch) and its number only, so an interrupted epoch goes on where
it stopped, and no batch depends on the thread that makes it.
"""

from __future__ import annotations

import copy
import threading
import weakref
from abc import ABC, abstractmethod
from collections import deque
from typing import NamedTuple

import numpy as np

from cusnn.ops.spikes import spike_pack, spike_unpack

# The second word of a Philox counter: no two uses of one (seed, epoch) share numbers.
ORDER, SPLIT, SPIKES = 1, 2, 3
MOST_SEED = 2**32 - 1
# Without names of their own; a label above is taken for a damaged one.
MOST_CLASSES = 2**16
# Seconds; a waiting thread looks up this often, so that Ctrl-C is seen where waits hide it.
LOOK_UP = 0.5


class SpikeLists(NamedTuple):
    """The spikes of a batch as one list per (step, sample), ``indptr`` as SciPy's CSR has it.

    Attributes:
        indptr: int64 [T B + 1]; the spikes of step t and sample b are ``indices[indptr[r] :
            indptr[r + 1]]`` with r = t B + b.
        indices: numbers of the inputs that fired, int32, ascending in each list.
    """

    indptr: np.ndarray
    indices: np.ndarray


class Batch:
    """Samples side by side.

    Attributes:
        labels: class of each sample, int64 [B].
        indices: number of each sample in the whole dataset, int64 [B].
        values: of a value dataset, float32 [B, N], 0 to 1; None for events.
    """

    def __init__(self, spikes, labels, indices, *, values=None, packed=None, features=None):
        self.labels = labels
        self.indices = indices
        self.values = values
        self._spikes = spikes
        self._packed = packed
        self._features = features

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def spikes(self):
        """Uint8 [T, B, N], or None with the encoding "direct", whose input is ``values``."""
        if self._spikes is None and self._packed is not None:
            self._spikes = spike_unpack(self._packed, self._features)
        return self._spikes

    @property
    def packed(self):
        """The spikes as bits, uint32 [T, B, ceil(N / 32)], made when first asked for; a count
        above 1 is one bit."""
        if self._packed is None:
            self._packed = spike_pack(self._some_spikes())
        return self._packed

    @property
    def lists(self) -> SpikeLists:
        """The spikes as lists; a count above 1 is listed once."""
        spikes = self._some_spikes()
        steps, samples, features = spikes.shape
        flat = np.flatnonzero(spikes)
        indptr = np.searchsorted(flat, np.arange(steps * samples + 1) * features)
        return SpikeLists(indptr, (flat % features).astype(np.int32))

    def _some_spikes(self):
        if self.spikes is None:
            raise ValueError(
                "Batch: the encoding is direct, which has no spikes; use values, or a dataset "
                'with the encoding "rate" or "latency"'
            )
        return self.spikes


class Dataset(ABC):
    """What all datasets offer.

    Attributes:
        classes: names of the classes, by label.
        features: N, inputs of a network that takes this data.
        steps: T.
        indices: number of each sample in the whole dataset, int64 [n]; a part keeps the numbers
            of the whole, and with them its spikes.
    """

    classes: tuple[str, ...]
    features: int
    steps: int
    indices: np.ndarray
    _labels: np.ndarray

    @property
    def labels(self):
        """Class of each sample, int64 [n]."""
        return self._labels[self.indices]

    @abstractmethod
    def _make(self, indices, epoch: int) -> Batch:
        """The batch of the samples with these numbers; called by the thread that makes ahead."""

    def __len__(self) -> int:
        return len(self.indices)

    def batches(
        self,
        batch_size: int,
        *,
        seed: int | None = None,
        epoch: int = 0,
        drop_last: bool = False,
        prefetch: int = 2,
        start: int = 0,
    ) -> Batches:
        """The batches of one epoch.

        Args:
            batch_size: B, 1 or more; the last batch has what is left.
            seed: of the order, 0 to 2^32 - 1; None for the dataset's own order.
            epoch: 0 to 2^32 - 1; each has its order, and its spikes where they are random.
            drop_last: leave out a last batch that is smaller.
            prefetch: batches that a thread makes ahead; 0 for no thread.
            start: batches to leave out, to go on with an epoch that was interrupted.

        Returns:
            Batches: an iterator; equal arguments give equal batches, bit for bit.

        Raises:
            ValueError: a number out of range, or no full batch with ``drop_last``.
            TypeError: a number that is no integer.
        """
        integer("batches", "batch_size", batch_size, 1)
        integer("batches", "epoch", epoch, 0, MOST_SEED)
        integer("batches", "prefetch", prefetch, 0)
        order = np.arange(len(self))
        if seed is not None:
            order = permutation(len(self), seed, epoch, ORDER)
        count = len(self) // batch_size if drop_last else -(-len(self) // batch_size)
        if count == 0:
            raise ValueError(
                f"batches: no full batch of {batch_size} in {len(self)} samples; lower batch_size "
                "or let drop_last be False"
            )
        integer("batches", "start", start, 0, count)
        numbers = self.indices[order]

        def make(number: int) -> Batch:
            return self._make(numbers[number * batch_size : (number + 1) * batch_size], epoch)

        return Batches(make, count, start, prefetch)

    def split(self, fraction: float, *, seed: int = 0) -> tuple[Dataset, Dataset]:
        """Two parts, the second with this fraction of the samples, of each class as much.

        Args:
            fraction: of the second part, above 0 and below 1.
            seed: of the choice, 0 to 2^32 - 1.

        Returns:
            Two datasets without a common sample, in ascending order. The second has round(n
            fraction) samples, and of each class its share, rounded up or down.

        Raises:
            ValueError: a number out of range, or a part without samples.
        """
        if isinstance(fraction, bool) or not isinstance(fraction, (int, float, np.floating)):
            raise TypeError(f"split: fraction must be a number, got {type(fraction).__name__}")
        if not 0 < fraction < 1:
            raise ValueError(f"split: fraction must be above 0 and below 1, got {fraction}")
        n = len(self)
        held = round(n * fraction)
        if not 0 < held < n:
            raise ValueError(f"split: {fraction} of {n} samples leaves a part without samples")
        order = permutation(n, seed, 0, SPLIT)
        order = order[np.argsort(self.labels[order], kind="stable")]
        rank = np.arange(n)
        chosen = (rank + 1) * held // n > rank * held // n
        return self.part(np.sort(order[~chosen])), self.part(np.sort(order[chosen]))

    def part(self, positions) -> Dataset:
        """The samples at these positions, in this order; nothing is copied but their numbers.

        Args:
            positions: integers [n], 0 to ``len(self)`` - 1.

        Raises:
            ValueError: no positions, or one out of range.
            TypeError: positions that are no integers.
        """
        taken = copy.copy(self)
        taken.indices = self.indices[checked_positions(positions, len(self))]
        return taken


class Batches:
    """Iterator over the batches of an epoch, which may run out early and be closed early.

    A thread makes batches ahead. It ends with the last batch, with ``close``, at the end of a
    ``with``, when the iterator is no longer held, and with the interpreter; what it raises is
    raised here, in place of the batch that could not be made.

    Attributes:
        position: number of the next batch, what ``start`` of a later call takes.
    """

    def __init__(self, make, count: int, start: int, prefetch: int):
        self.position = start
        self._count = self._stop = count
        self._make = make
        self._ahead = None
        if prefetch and start < count:
            self._ahead = _Ahead(make, start, count, prefetch)
            self._finalizer = weakref.finalize(self, self._ahead.end)

    def __len__(self) -> int:
        """Batches of the whole epoch, those left out by ``start`` included."""
        return self._count

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Batch:
        if self.position >= self._stop:
            self.close()
            raise StopIteration
        try:
            batch = self._ahead.take() if self._ahead else self._make(self.position)
        except BaseException:
            self.close()
            raise
        self.position += 1
        return batch

    def close(self) -> None:
        """End the thread; no batch follows."""
        self._stop = min(self._stop, self.position)
        if self._ahead is not None:
            self._finalizer()

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *_) -> None:
        self.close()


class _Ahead:
    """A thread that makes batches, at most ``room`` more than were taken."""

    def __init__(self, make, start: int, stop: int, room: int):
        self._ready: deque = deque()
        self._error: BaseException | None = None
        self._ended = False
        self._change = threading.Condition()
        self._thread = threading.Thread(
            target=self._run, args=(make, start, stop, room), name="cusnn batches", daemon=True
        )
        self._thread.start()

    def _run(self, make, start: int, stop: int, room: int) -> None:
        try:
            for number in range(start, stop):
                batch = make(number)
                with self._change:
                    while len(self._ready) >= room and not self._ended:
                        self._change.wait()
                    if self._ended:
                        return
                    self._ready.append(batch)
                    self._change.notify_all()
        except BaseException as error:  # whatever it is, the caller is to see it
            with self._change:
                self._error = error
                self._change.notify_all()

    def take(self) -> Batch:
        with self._change:
            while not self._ready and self._error is None:
                self._change.wait(LOOK_UP)
            if not self._ready:
                raise self._error
            batch = self._ready.popleft()
            self._change.notify_all()
            return batch

    def end(self) -> None:
        with self._change:
            self._ended = True
            self._ready.clear()
            self._change.notify_all()
        # The collector may run this in the very thread that it ends.
        if self._thread is not threading.current_thread():
            self._thread.join()


def permutation(n: int, seed: int, epoch: int, use: int):
    """The numbers 0 to n - 1 shuffled: sorted by Philox words, the same on every machine."""
    integer("batches", "seed", seed, 0, MOST_SEED)
    words = np.random.Philox(key=[seed, epoch], counter=[0, 0, 0, use]).random_raw(n)
    return np.argsort(words, kind="stable")


def integer(owner: str, name: str, value, least: int, most: int | None = None) -> int:
    """The value, where it is an integer in range."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{owner}: {name} must be an integer, got {type(value).__name__}")
    if value < least or (most is not None and value > most):
        allowed = f"{least} or more" if most is None else f"{least} to {most}"
        raise ValueError(f"{owner}: {name} must be {allowed}, got {value}")
    return int(value)


def checked_positions(positions, n: int):
    """The positions as an array [m] of integers, each of them 0 to n - 1."""
    positions = np.asarray(positions)
    if positions.size == 0 or positions.ndim != 1:
        raise ValueError(f"part: positions must be a list [n], got {list(positions.shape)}")
    if not np.issubdtype(positions.dtype, np.integer):
        raise TypeError(f"part: positions must be integers, got {positions.dtype}")
    if positions.min() < 0 or positions.max() >= n:
        raise ValueError(
            f"part: positions must be 0 to {n - 1}, got {positions.min()} to {positions.max()}"
        )
    return positions


def numbered_classes(owner: str, labels) -> tuple[str, ...]:
    """Names of classes without names: the numbers 0 to the highest label."""
    labels = np.asarray(labels)
    if labels.size == 0:
        return ()
    highest = labels.max() if labels.dtype.kind in "iuf" else np.nan
    if not highest < MOST_CLASSES:
        raise ValueError(
            f"{owner}: labels must be integers below {MOST_CLASSES}, got {highest} of dtype "
            f"{labels.dtype}; pass classes where they are others"
        )
    return tuple(str(i) for i in range(int(highest) + 1))


def checked_labels(owner: str, labels, classes: int):
    """The labels as int64 [n], each of them 0 to ``classes`` - 1."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.size == 0:
        raise ValueError(f"{owner}: labels must be a list [n], got {list(labels.shape)}")
    if np.issubdtype(labels.dtype, np.floating) and np.array_equal(labels, np.floor(labels)):
        labels = labels.astype(np.int64)
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{owner}: labels must be integers, got {labels.dtype}")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise ValueError(
            f"{owner}: labels must be 0 to {classes - 1}, got {labels[wrong[0]]} for sample "
            f"{wrong[0]}"
        )
    return labels.astype(np.int64)
