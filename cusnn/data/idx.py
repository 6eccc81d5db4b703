"""MNIST's files, and all others of that format (Fashion-MNIST, EMNIST): IDX, plain or gzipped.

    0-1   zero
    2     type of the elements, 0x08 for uint8
    3     number of axes
    4-    size of each axis, big-endian uint32
    then  the elements, the last axis fastest

Source: Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database", section "File formats".
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from cusnn.data.values import Values

UINT8 = 8
GZIP = b"\x1f\x8b"
PARTS = {"train": "train", "test": "t10k"}


def mnist(
    folder,
    part: str = "train",
    *,
    steps: int = 25,
    encoding: str = "rate",
    peak: float = 1.0,
    seed: int = 0,
) -> Values:
    """Images and labels of a folder with MNIST's four files, plain or as .gz.

        train-images-idx3-ubyte   train-labels-idx1-ubyte
        t10k-images-idx3-ubyte    t10k-labels-idx1-ubyte

    Names with a dot before ``idx`` are found too.

    Args:
        folder: with the files.
        part: "train" or "test".
        steps: T, 1 or more.
        encoding: "rate", "latency" or "direct".
        peak: the probability of a spike per step of a white pixel ("rate").
        seed: of the spikes.

    Raises:
        FileNotFoundError: there is no such folder, or no such file in it.
        ValueError: a file that is not of this format, cut short, or not of the other's length.
    """
    if part not in PARTS:
        raise ValueError(f"mnist: part must be train or test, got {part!r}")
    images = read_idx(_find(folder, f"{PARTS[part]}-images", 3))
    labels = read_idx(_find(folder, f"{PARTS[part]}-labels", 1))
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise ValueError(
            f"mnist: images [n, height, width] and labels [n], got {list(images.shape)} and "
            f"{list(labels.shape)}; are the files of one set?"
        )
    # The ten digits, also where a file has none of the last; more classes where there are more.
    classes = tuple(str(i) for i in range(max(10, int(labels.max()) + 1 if labels.size else 0)))
    return Values(
        images, labels, classes=classes, steps=steps, encoding=encoding, peak=peak, seed=seed
    )


def read_idx(path):
    """The array of an IDX file of bytes, plain or gzipped.

    Args:
        path: of the file.

    Returns:
        uint8, of the file's shape.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another format, elements that are not uint8, or another length than the
            header says.
    """
    path = Path(path)
    content = path.read_bytes()
    if content[:2] == GZIP:
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"read_idx: {path} is damaged: {error}; load it again") from error
    if len(content) < 4 or content[:2] != b"\0\0":
        raise ValueError(f"read_idx: {path} is no IDX file (it must begin with two zero bytes)")
    if content[2] != UINT8:
        raise ValueError(f"read_idx: {path} must have uint8 elements (8), got type {content[2]}")
    axes = content[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise ValueError(f"read_idx: {path} ends within its header; load it again")
    shape = struct.unpack(f">{axes}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise ValueError(
            f"read_idx: {path} must have {math.prod(shape)} elements ({list(shape)}), got "
            f"{len(content) - start}; load it again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _find(folder, stem: str, axes: int) -> Path:
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"mnist: there is no folder {folder}")
    names = [f"{stem}{mark}idx{axes}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"mnist: no {names[0]} or {names[1]} in {folder}")
