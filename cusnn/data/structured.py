"""Structured arrays of events with the fields t, x, y, p, as Tonic has them; Tonic's datasets."""

from __future__ import annotations

import numpy as np

from cusnn.data.batches import checked_labels, numbered_classes
from cusnn.data.events import MS_PER_US, Events, Recordings, camera_events


def event_arrays(
    arrays, labels, shape: tuple[int, ...], *, classes: tuple[str, ...] | None = None
) -> Recordings:
    """Recordings of structured arrays in memory.

    Args:
        arrays: of each recording a structured array with the fields t (microseconds), x and, of a
            camera, y and p, in any order; others are not looked at.
        labels: integers [n].
        shape: (units,), of which x is the number, or (polarities, height, width).
        classes: names; None for the numbers 0 to the highest label.

    Raises:
        ValueError: labels out of range or of another number than the arrays, or a wrong shape.
    """
    return Structured("event_arrays", arrays, labels, shape, classes)


def tonic(dataset, *, shape: tuple[int, ...] | None = None, progress=None, **options) -> Recordings:
    """Recordings of a dataset of Tonic.

    A recording is asked of the dataset whenever a batch needs it, by the thread that makes the
    batches; transforms that return events are kept. Its labels are its ``targets`` where it has
    them, else every recording is read once.

    Args:
        dataset: a dataset of Tonic (anything with a length, whose items are (structured array of
            events, label), and ``sensor_size``: width, height, polarities); or the name of one in
            ``tonic.datasets``, made with ``options``, which may load it from the network.
        shape: polarities, height and width, or (units,), where the dataset has no
            ``sensor_size``.
        progress: called with (recordings read, recordings) where labels are read.
        options: of a dataset given by name: ``save_to="folder"``, ``train=True`` and so on.

    Raises:
        ImportError: a name, and Tonic is not installed.
        ValueError: an unknown name, no sensor size, or labels out of range.
        TypeError: options with a dataset that is there already.
    """
    if isinstance(dataset, str):
        dataset = _named(dataset, options)
    elif options:
        raise TypeError(f"tonic: {', '.join(options)} is for a dataset given by name")
    size = getattr(dataset, "sensor_size", None)
    if shape is None and (size is None or None in size):
        raise ValueError(
            "tonic: the dataset has no sensor_size; pass shape=(polarities, height, width)"
        )
    if shape is None:
        width, height, polarities = size
        # A cochlea: one row of units of one polarity, whose number is x.
        shape = (width,) if (height, polarities) == (1, 1) else (polarities, height, width)
    classes = getattr(dataset, "classes", None)
    if classes is not None:
        classes = [c.decode() if isinstance(c, bytes) else str(c) for c in classes]
    labels = _targets(dataset, progress)
    if len(labels) and isinstance(labels[0], str):
        classes = sorted(set(labels))
        labels = [classes.index(label) for label in labels]
    return Structured("tonic", _Events(dataset), labels, shape, classes)


class Structured(Recordings):
    """Recordings of a sequence of structured arrays."""

    def __init__(self, owner: str, arrays, labels, shape, classes):
        self.name = owner
        self.shape = tuple(int(size) for size in shape)
        if len(self.shape) not in (1, 3) or min(self.shape) < 1:
            raise ValueError(
                f"{owner}: shape must be (units,) or (polarities, height, width), got {self.shape}"
            )
        if classes is None:
            classes = numbered_classes(owner, labels)
        self.classes = tuple(str(c) for c in classes)
        self.labels = checked_labels(owner, labels, len(self.classes))
        if len(arrays) != len(self.labels):
            raise ValueError(
                f"{owner}: one label per recording, got {len(self.labels)} labels and "
                f"{len(arrays)} recordings"
            )
        self._arrays = arrays

    def _read(self, index: int) -> Events:
        owner = self._where(index)
        array = self._arrays[index]
        fields = ("t", "x") if len(self.shape) == 1 else ("t", "x", "y", "p")
        names = getattr(getattr(array, "dtype", None), "names", None) or ()
        missing = [field for field in fields if field not in names]
        if missing:
            raise ValueError(
                f"{owner}: must be a structured array with {', '.join(fields)}; {missing[0]} is "
                "missing (does a transform make frames of the events?)"
            )
        if len(self.shape) == 1:
            return Events(array["t"].astype(np.float64) / MS_PER_US, array["x"])
        return camera_events(owner, self.shape, *(array[field] for field in fields))


class _Events:
    """The events of a dataset's items."""

    def __init__(self, dataset):
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int):
        return self._dataset[index][0]


def _targets(dataset, progress) -> list:
    targets = getattr(dataset, "targets", None)
    if targets is not None and len(targets) == len(dataset):
        return list(targets)
    labels = []
    for index in range(len(dataset)):
        labels.append(dataset[index][1])
        if progress is not None:
            progress(index + 1, len(dataset))
    return labels


def _named(name: str, options: dict):
    try:
        import tonic.datasets as datasets
    except ImportError as error:
        raise ImportError(
            "tonic: needs Tonic for a dataset given by name; install it with: pip install "
            "'cusnn[data]'"
        ) from error
    made = getattr(datasets, name, None)
    if made is None:
        raise ValueError(f"tonic: tonic.datasets has no {name!r}")
    return made(**options)
