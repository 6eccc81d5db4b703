"""DVS128 Gesture: the files as they were published, or as Tonic keeps them.

As published (DvsGesture.tar.gz), recordings of several gestures, cut by a table:

    trials_to_train.txt, trials_to_test.txt   names of the .aedat files of each part
    user01_fluorescent.aedat                  AEDAT 3.1
    user01_fluorescent_labels.csv             class (1 to 11), startTime_usec, endTime_usec

AEDAT 3.1, all little-endian: lines that begin with #, the last of them #!END-HEADER; then packets
of a header of 28 bytes and their events:

    0-1 type (1: polarity)   2-3 source   4-7 bytes per event   8-11 offset of the time
    12-15 overflows of the time   16-19 events there is room for   20-23 events   24-27 valid events

    polarity event: 32 bits (0: valid, 1: polarity, 2-16: y, 17-31: x), 32 bits time, microseconds

A file's packet headers are read when the first of its gestures is asked for; then each gesture
reads its own packets only.

As Tonic keeps them: ibmGestureTrain/user01_fluorescent/0.npy, float or int [K, 4], of the columns
x, y, p, t in ms; the file's name is the class.

Source: Amir et al. (2017), doi:10.1109/CVPR.2017.781; docs.inivation.com, "AEDAT 3.1".
"""

from __future__ import annotations

import csv
import mmap
import struct
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cusnn.data.batches import checked_labels
from cusnn.data.events import MS_PER_US, Events, Recordings, camera_events, named_folder

SHAPE = (2, 128, 128)
CLASSES = (
    "hand clapping",
    "right hand wave",
    "left hand wave",
    "right arm clockwise",
    "right arm counter-clockwise",
    "left arm clockwise",
    "left arm counter-clockwise",
    "arm roll",
    "air drums",
    "air guitar",
    "other gestures",
)
PARTS = {"train": "ibmGestureTrain", "test": "ibmGestureTest"}
VERSION, END = b"#!AER-DAT3.1", b"#!END-HEADER"
HEADER, TIME = struct.Struct("<hhiiiiii"), struct.Struct("<i")
POLARITY, EVENT_BYTES = 1, 8


def dvs_gesture(folder, part: str = "train") -> Recordings:
    """DVS128 Gesture: 128 x 128 pixels of two polarities, 11 classes, about 6 s a gesture.

    Args:
        folder: with trials_to_train.txt and the .aedat files, or with Tonic's ibmGestureTrain and
            ibmGestureTest, or one of these.
        part: "train" or "test".

    Raises:
        FileNotFoundError: there is no such folder, or neither kind of files in it.
        ValueError: a table of labels that is none.
    """
    if part not in PARTS:
        raise ValueError(f"dvs_gesture: part must be of {', '.join(PARTS)}, got {part!r}")
    folder = named_folder("dvs_gesture", folder)
    trials = folder / f"trials_to_{part}.txt"
    if trials.is_file():
        return AedatGestures(folder, trials)
    if (folder / PARTS[part]).is_dir():
        return TonicGestures(folder / PARTS[part])
    if folder.name == PARTS[part]:
        return TonicGestures(folder)
    raise FileNotFoundError(
        f"dvs_gesture: neither {trials.name} nor a folder {PARTS[part]} in {folder}; unpack "
        "DvsGesture.tar.gz, or name the folder that Tonic wrote"
    )


class Gesture(NamedTuple):
    """Where a gesture is: its file, and from when to when, microseconds."""

    file: Path
    start: int
    stop: int


class Packets(NamedTuple):
    """Of each packet of polarity events its place in the file, events, first and last time."""

    place: np.ndarray
    events: np.ndarray
    first: np.ndarray
    last: np.ndarray


class AedatGestures(Recordings):
    """The gestures of a part, in the order of the lists; times count from each one's start."""

    shape = SHAPE
    classes = CLASSES

    def __init__(self, folder: Path, trials: Path):
        self.name = str(folder)
        self._gestures: list[Gesture] = []
        labels: list[int] = []
        for name in trials.read_text().split():
            file = folder / name
            if not file.is_file():
                raise FileNotFoundError(
                    f"dvs_gesture: {trials.name} names {name}, which is not there"
                )
            for label, start, stop in _table(file.with_name(f"{file.stem}_labels.csv")):
                labels.append(label - 1)
                self._gestures.append(Gesture(file, start, stop))
        if not labels:
            raise FileNotFoundError(f"dvs_gesture: {trials} names no file with gestures")
        self.labels = checked_labels(
            f"dvs_gesture: {folder} (classes from 1)", labels, len(CLASSES)
        )
        self._packets: dict[Path, Packets] = {}
        self._lock = threading.Lock()

    def _where(self, index: int) -> str:
        gesture = self._gestures[index]
        return f"{gesture.file} from {gesture.start} to {gesture.stop} us"

    def _read(self, index: int) -> Events:
        gesture = self._gestures[index]
        with gesture.file.open("rb") as opened, _mapped(opened) as content:
            with self._lock:
                if gesture.file not in self._packets:
                    self._packets[gesture.file] = _packets(gesture.file, content)
            packets = self._packets[gesture.file]
            wanted = (packets.last >= gesture.start) & (packets.first < gesture.stop)
            parts = [
                _polarity(content, place, events)
                for place, events in zip(packets.place[wanted], packets.events[wanted], strict=True)
            ]
        if not parts:
            return Events(np.empty(0), np.empty(0, np.int64))
        time, x, y, p = np.concatenate(parts, axis=1)
        inside = (time >= gesture.start) & (time < gesture.stop)
        return camera_events(
            self._where(index),
            self.shape,
            time[inside] - gesture.start,
            x[inside],
            y[inside],
            p[inside],
        )


class TonicGestures(Recordings):
    """The gestures of a folder that Tonic wrote, sorted by user and class."""

    shape = SHAPE
    classes = CLASSES

    def __init__(self, folder: Path):
        self.name = str(folder)
        found = [f for f in folder.glob("*/*.npy") if f.stem.isdigit()]
        self._files = sorted(found, key=lambda f: (f.parent.name, int(f.stem)))
        if not self._files:
            raise FileNotFoundError(f"dvs_gesture: no .npy file in the folders of {folder}")
        labels = [int(f.stem) for f in self._files]
        self.labels = checked_labels(f"dvs_gesture: {folder}", labels, len(CLASSES))

    def _where(self, index: int) -> str:
        return str(self._files[index])

    def _read(self, index: int) -> Events:
        owner = self._where(index)
        try:
            table = np.load(self._files[index])
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(f"{owner}: is no .npy file, or damaged ({error})") from error
        if table.ndim != 2 or table.shape[1] != 4:
            raise ValueError(f"{owner}: must be [K, 4] (x, y, p, t), got {list(table.shape)}")
        x, y, p, t = table.T
        return camera_events(owner, self.shape, t.astype(np.float64) * MS_PER_US, x, y, p)


def _table(path: Path):
    """Class, start and end of each row."""
    if not path.is_file():
        raise FileNotFoundError(f"dvs_gesture: there is no file {path}")
    with path.open(newline="") as opened:
        rows = [row for row in csv.reader(opened) if row]
    try:
        table = [tuple(int(cell) for cell in row) for row in rows[1:]]
        wrong = [row for row in table if len(row) != 3 or row[1] >= row[2]]
    except ValueError as error:
        raise ValueError(f"dvs_gesture: {path} must have integers, {error}") from error
    if wrong:
        raise ValueError(
            f"dvs_gesture: {path} must have rows of class, start and a later end, got {wrong[0]}"
        )
    return table


def _mapped(opened):
    try:
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError as error:
        raise ValueError(f"{opened.name}: is empty; load it again") from error


def _packets(path: Path, content) -> Packets:
    place = _data(path, content)
    found = []
    while place < len(content):
        if place + HEADER.size > len(content):
            raise ValueError(f"{path}: ends within a packet's header; load it again")
        kind, _, size, _, overflow, room, events, _ = HEADER.unpack_from(content, place)
        place += HEADER.size
        if size < 1 or not 0 <= events <= room or place + room * size > len(content):
            raise ValueError(
                f"{path}: the packet at byte {place - HEADER.size} is damaged or cut short; load "
                "it again"
            )
        if kind == POLARITY and events:
            if size != EVENT_BYTES:
                raise ValueError(f"{path}: polarity events must have 8 bytes, got {size}")
            ends = [place + EVENT_BYTES * k + 4 for k in (0, events - 1)]
            times = (overflow << 31 | TIME.unpack_from(content, end)[0] for end in ends)
            found.append((place, events, *times))
        place += room * size
    return Packets(*np.array(found, np.int64).reshape(-1, 4).T)


def _data(path: Path, content) -> int:
    """Where the packets begin."""
    if content[: len(VERSION)] != VERSION:
        raise ValueError(f"{path}: must begin with {VERSION.decode()}, is it AEDAT 3.1?")
    place = content.find(END)
    if place < 0:
        raise ValueError(f"{path}: has no line {END.decode()}; load it again")
    return content.find(b"\n", place) + 1


def _polarity(content, place: int, events: int):
    """Time, x, y and polarity of the valid events of a packet, int64 [4, K]."""
    overflow = HEADER.unpack_from(content, place - HEADER.size)[4]
    words = np.frombuffer(content, "<u4", 2 * events, place).astype(np.int64)
    data, time = words[::2], words[1::2]
    fields = (time | overflow << 31, data >> 17 & 0x7FFF, data >> 2 & 0x7FFF, data >> 1 & 1)
    return np.array(fields)[:, data & 1 == 1]
