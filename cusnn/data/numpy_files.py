"""Events in NumPy's .npz files: one file for all recordings, or a folder of files per class.

One file, which ``save_npz`` writes, read once and held:

    times    float [K], ms, the events of all recordings one after the other
    units    int [K]
    indptr   int [n + 1]; recording i has the events indptr[i] to indptr[i + 1] - 1
    labels   int [n]
    classes  str, one per class; without it, the numbers 0 to the highest label
    shape    (units,) or (polarities, height, width); without it, (the highest unit + 1,)

A folder, as SpikingJelly keeps its event datasets (events_np/train and so on): in it a folder per
class, in each a file per recording with t (microseconds), x, y and p [K], read when asked for.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from cusnn.data.batches import checked_labels, numbered_classes
from cusnn.data.events import Events, Recordings, camera_events, named_folder

NEEDED = ("times", "units", "indptr", "labels")
FIELDS = ("t", "x", "y", "p")
# What numpy.load raises for files that are not what their name says.
DAMAGED = (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile, zlib.error)


def npz(path, *, shape: tuple[int, int, int] | None = None) -> Recordings:
    """Recordings of a .npz file, or of a folder with a folder of .npz files per class.

    Args:
        path: of the file or the folder.
        shape: polarities, height and width of the camera, needed for a folder.

    Raises:
        FileNotFoundError: there is no such file or folder, or no .npz file in it.
        ValueError: a damaged file, arrays missing or that do not fit, or labels out of range.
    """
    path = Path(path)
    if path.is_dir():
        return FolderOfNPZ(path, shape)
    if not path.is_file():
        raise FileNotFoundError(f"npz: there is no file {path}")
    if shape is not None:
        raise ValueError("npz: shape is for folders; a file says its own")
    return FileOfNPZ(path)


def save_npz(path, recordings: Recordings, progress=None) -> None:
    """Write recordings of any format to one .npz file, which ``npz`` reads.

    Args:
        path: of the file; an existing one is replaced.
        recordings: all of them are read, one after the other.
        progress: called with (recordings read, recordings) after each.

    Raises:
        ValueError: what is wrong with the first bad recording.
    """
    held = recordings.in_memory(progress)
    events = [held._read(index) for index in range(len(held))]
    np.savez_compressed(
        path,
        times=np.concatenate([e.times for e in events]),
        units=np.concatenate([e.units for e in events]),
        indptr=np.cumsum([0, *(e.times.size for e in events)]),
        labels=held.labels,
        classes=np.array(held.classes, dtype=np.str_),
        shape=np.array(held.shape),
    )


class FileOfNPZ(Recordings):
    """Recordings of one file, held in memory."""

    def __init__(self, path: Path):
        self.name = str(path)
        arrays = _load(path, "npz")
        missing = [key for key in NEEDED if key not in arrays]
        if missing:
            raise ValueError(
                f"npz: {path} must have {', '.join(NEEDED)}; {missing[0]} is missing, there are "
                f"{', '.join(arrays) or 'none'}"
            )
        self._times, self._units = arrays["times"], arrays["units"]
        self._indptr = arrays["indptr"]
        labels = arrays["labels"]
        classes = arrays.get("classes")
        if classes is None:
            classes = numbered_classes(f"npz: {path}", labels)
        self.classes = tuple(str(c) for c in classes)
        self.labels = checked_labels(f"npz: {path}", labels, len(self.classes))
        highest = int(self._units.max()) if self._units.size else 0
        self.shape = tuple(int(size) for size in arrays.get("shape", (highest + 1,)))
        if len(self.shape) not in (1, 3) or min(self.shape) < 1:
            raise ValueError(
                f"npz: {path}: shape must be (units,) or (polarities, height, width), got "
                f"{self.shape}"
            )
        pointer = self._indptr
        fits = (
            pointer.shape == (len(self.labels) + 1,)
            and np.issubdtype(pointer.dtype, np.integer)
            and pointer[0] == 0
            and pointer[-1] == self._times.size == self._units.size
            and (np.diff(pointer) >= 0).all()
        )
        if not fits:
            raise ValueError(
                f"npz: {path}: indptr must be integers that ascend from 0 to the number of events, "
                f"one more than labels; got {pointer.size} for {len(self.labels)} labels, "
                f"{self._times.size} times and {self._units.size} units"
            )

    def _read(self, index: int) -> Events:
        part = slice(self._indptr[index], self._indptr[index + 1])
        return Events(self._times[part], self._units[part])


class FolderOfNPZ(Recordings):
    """Recordings of a folder per class, sorted by class and name; whole numbers sort as such."""

    def __init__(self, folder: Path, shape: tuple[int, int, int] | None):
        self.name = str(folder)
        folders = sorted(
            (f for f in named_folder("npz", folder).iterdir() if any(f.glob("*.npz"))),
            key=lambda f: (
                not f.name.isdecimal(),
                int(f.name) if f.name.isdecimal() else 0,
                f.name,
            ),
        )
        if not folders:
            raise FileNotFoundError(f"npz: no .npz file in the folders of {folder}")
        if shape is None or len(shape) != 3 or min(shape) < 1:
            raise ValueError(
                f"npz: shape must be (polarities, height, width) for a folder, got {shape}"
            )
        self.shape = tuple(int(size) for size in shape)
        self.classes = tuple(f.name for f in folders)
        found = [(f, label) for label, c in enumerate(folders) for f in sorted(c.glob("*.npz"))]
        self._files = [f for f, _ in found]
        self.labels = np.array([label for _, label in found], np.int64)

    def _where(self, index: int) -> str:
        return str(self._files[index])

    def _read(self, index: int) -> Events:
        owner = self._where(index)
        arrays = _load(self._files[index], owner)
        missing = [field for field in FIELDS if field not in arrays]
        if missing:
            raise ValueError(f"{owner}: must have {', '.join(FIELDS)}; {missing[0]} is missing")
        return camera_events(owner, self.shape, *(arrays[field] for field in FIELDS))


def _load(path: Path, owner: str) -> dict:
    try:
        # Opened here, because numpy.load leaves damaged files open.
        with path.open("rb") as opened:
            loaded = np.load(opened)
            if isinstance(loaded, np.ndarray):
                raise ValueError("one array, as of a .npy file")
            return {key: loaded[key] for key in loaded.files}
    except DAMAGED as error:
        raise ValueError(f"{owner}: {path} is no .npz file, or damaged ({error})") from error
