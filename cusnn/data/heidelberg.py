"""The Spiking Heidelberg Digits (SHD) and Spiking Speech Commands (SSC), HDF5 files.

    /spikes/times   for each recording the times of its spikes, s
    /spikes/units   the channels, 0 to 699, of an artificial cochlea
    /labels         class of each recording
    /extra/keys     names of the classes
    /extra/speaker  who spoke (not read but for ``speakers``)

A recording is read when it is asked for, and nothing is kept; ``in_memory`` reads all once.

Source: Cramer, Stradmann, Schemmel and Zenke (2022), doi:10.1109/TNNLS.2020.3044364, and
compneuro.net, section "Data format".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cusnn.data.batches import checked_labels
from cusnn.data.events import Events, Recordings

CHANNELS = 700
MS_PER_S = 1000.0
# What h5py raises for content that cannot be read.
DAMAGED = (OSError, RuntimeError)
NEEDED = ("spikes/times", "spikes/units", "labels", "extra/keys")


def shd(path, part: str = "train") -> Recordings:
    """The Spiking Heidelberg Digits: 700 channels, 20 classes, about 1 s a recording.

    Args:
        path: of a file, or of the folder with shd_train.h5 and shd_test.h5.
        part: "train" or "test", of a folder.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: h5py is not installed.
        ValueError: a damaged file, one without its datasets, or labels out of range.
    """
    return _open("shd", path, part, ("train", "test"))


def ssc(path, part: str = "train") -> Recordings:
    """The Spiking Speech Commands: 700 channels, 35 classes, about 1 s a recording.

    Args:
        path: of a file, or of the folder with ssc_train.h5, ssc_valid.h5 and ssc_test.h5.
        part: "train", "valid" or "test", of a folder.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: h5py is not installed.
        ValueError: a damaged file, one without its datasets, or labels out of range.
    """
    return _open("ssc", path, part, ("train", "valid", "test"))


class Heidelberg(Recordings):
    """Recordings of one such file, which is open until it is closed or no longer held."""

    shape = (CHANNELS,)

    def __init__(self, owner: str, path):
        self.name = str(path)
        self._file = _file(owner, path)
        self._times, self._units = (self._dataset(owner, key) for key in NEEDED[:2])
        labels, keys = (self._dataset(owner, key) for key in NEEDED[2:])
        try:
            labels, keys = labels[()], keys[()]
        except DAMAGED as error:
            raise _damaged(owner, path, error) from error
        self.classes = tuple(k.decode() if isinstance(k, bytes) else str(k) for k in keys)
        self.labels = checked_labels(f"{owner}: {path}", labels, len(self.classes))
        if not len(self._times) == len(self._units) == len(self.labels):
            raise ValueError(
                f"{owner}: {path} must have as many times as units and labels, got "
                f"{len(self._times)}, {len(self._units)} and {len(self.labels)}"
            )

    @property
    def speakers(self):
        """Who spoke, int64 [n], for a split by speaker; None where the file does not say."""
        found = self._file.get("extra/speaker")
        return None if found is None else found[()].astype(np.int64)

    def close(self) -> None:
        """Close the file; no recording can be read after."""
        self._file.close()

    def _dataset(self, owner: str, key: str):
        there = []
        try:
            found = self._file.get(key)
            if hasattr(found, "shape"):
                return found
            self._file.visit(there.append)
        except DAMAGED as error:
            raise _damaged(owner, self.name, error) from error
        raise ValueError(
            f"{owner}: {self.name} must have {', '.join(NEEDED)}; {key} is missing, there are "
            f"{', '.join(there) or 'none'}"
        )

    def _read(self, index: int) -> Events:
        if not self._file:
            raise ValueError(f"{self._where(index)}: the file was closed; open it again")
        try:
            times, units = self._times[index], self._units[index]
        except DAMAGED as error:
            raise ValueError(f"{self._where(index)}: cannot be read, {error}") from error
        return Events(times.astype(np.float64) * MS_PER_S, units)


def _open(owner: str, path, part: str, parts: tuple[str, ...]) -> Recordings:
    path = Path(path)
    if path.is_dir():
        if part not in parts:
            raise ValueError(f"{owner}: part must be of {', '.join(parts)}, got {part!r}")
        path = path / f"{owner}_{part}.h5"
    if not path.is_file():
        packed = [path.with_name(path.name + end) for end in (".gz", ".zip")]
        found = next((p for p in packed if p.is_file()), None)
        hint = f"; unpack {found}" if found else ""
        raise FileNotFoundError(f"{owner}: there is no file {path}{hint}")
    return Heidelberg(owner, path)


def _file(owner: str, path):
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            f"{owner}: needs h5py; install it with: pip install 'cusnn[data]'"
        ) from error
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"{owner}: {path} is no HDF5 file, or damaged ({error}); load it again"
        ) from error


def _damaged(owner: str, path, error: Exception) -> ValueError:
    return ValueError(f"{owner}: {path} is damaged ({error}); load it again")
