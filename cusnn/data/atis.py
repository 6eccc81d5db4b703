"""N-MNIST's own files: a folder per digit, a file of 5 bytes per event for each recording.

    byte 0      x, pixels from the left
    byte 1      y, pixels from the top
    byte 2      bit 7: polarity, 1 for brighter; bits 6 to 0: bits 22 to 16 of the time
    bytes 3, 4  bits 15 to 0 of the time, microseconds

An event with y = 240 is none: from it on, 8192 microseconds are to be added.

Source: garrickorchard.com/datasets/n-mnist; Orchard, Jayawant, Cohen and Thakor (2015),
doi:10.3389/fnins.2015.00437; github.com/gorchard/event-Python, eventvision.py, for y = 240.
"""

from __future__ import annotations

import numpy as np

from cusnn.data.events import Events, Recordings, camera_events, named_folder

BYTES = 5
MARK, MARK_TIME = 240, 2**13
SHAPE = (2, 34, 34)
DIGITS = tuple("0123456789")
PARTS = ("train", "test")


def nmnist(folder, part: str = "train") -> Recordings:
    """N-MNIST: 34 x 34 pixels of two polarities, three saccades of about 100 ms.

    Args:
        folder: with the folders Train and Test, or with those of the digits 0 to 9.
        part: "train" or "test", where there are both.

    Raises:
        FileNotFoundError: there is no such folder, or no file in it.
    """
    if part not in PARTS:
        raise ValueError(f"nmnist: part must be of {', '.join(PARTS)}, got {part!r}")
    folder = named_folder("nmnist", folder)
    inner = [f for f in folder.iterdir() if f.is_dir() and f.name.lower() == part]
    return NMNIST(inner[0] if inner else folder)


class NMNIST(Recordings):
    """Recordings of such a folder, sorted by digit and name; a file is read when asked for."""

    shape = SHAPE
    classes = DIGITS

    def __init__(self, folder):
        self.name = str(folder)
        folder = named_folder("nmnist", folder)
        self._files = [f for digit in DIGITS for f in sorted((folder / digit).glob("*.bin"))]
        if not self._files:
            raise FileNotFoundError(
                f"nmnist: no .bin file in the folders 0 to 9 of {folder}; unpack Train.zip or "
                "Test.zip there"
            )
        self.labels = np.array([int(f.parent.name) for f in self._files], np.int64)

    def _where(self, index: int) -> str:
        return str(self._files[index])

    def _read(self, index: int) -> Events:
        owner = self._where(index)
        content = np.fromfile(self._files[index], np.uint8)
        if content.size % BYTES:
            raise ValueError(
                f"{owner}: must have {BYTES} bytes per event, got {content.size}; it was cut short"
            )
        x, y, high, middle, low = content.reshape(-1, BYTES).T.astype(np.int64)
        mark = y == MARK
        time = ((high & 127) << 16 | middle << 8 | low) + MARK_TIME * np.cumsum(mark)
        event = ~mark
        return camera_events(owner, self.shape, time[event], x[event], y[event], (high >> 7)[event])
