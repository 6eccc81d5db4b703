"""Descriptions in files: a zip of a JSON header and of arrays, as ``numpy.savez`` writes it.

The header holds every part by the name of its class and its fields; an array stands there as its
number in the file. Nothing in a file is executed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import fields, is_dataclass

import numpy as np

from cusnn.network import connectors, distributions, populations, projections, stimuli
from cusnn.neurons import MODELS

FORMAT = "cusnn-network"
VERSION = 1
# JSON objects with one of these keys are parts and arrays; nothing else is a JSON object.
PART, ARRAY = "part", "array"


def _kinds() -> dict[str, type]:
    """Classes that a file may name."""
    kinds = (
        *MODELS.values(),
        *connectors.CONNECTORS,
        *distributions.DISTRIBUTIONS,
        *stimuli.STIMULI,
        stimuli.RateProfile,
        populations.Population,
        projections.Projection,
    )
    return {kind.__name__: kind for kind in kinds}


def encoded(value, arrays: list[np.ndarray]):
    """A value as JSON has it; arrays go to the end of ``arrays``."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {ARRAY: len(arrays) - 1}
    if isinstance(value, (tuple, list)):
        return [encoded(entry, arrays) for entry in value]
    if is_dataclass(value):
        members = {f.name: encoded(getattr(value, f.name), arrays) for f in fields(value) if f.init}
        return {PART: type(value).__name__, **members}
    return value


def decoded(value, arrays: list[np.ndarray], kinds: dict[str, type]):
    """What ``encoded`` made of a value, with all the checks of its class."""
    if isinstance(value, list):
        return tuple(decoded(entry, arrays, kinds) for entry in value)
    if not isinstance(value, dict):
        return value
    if ARRAY in value:
        return arrays[value[ARRAY]]
    members = {name: decoded(v, arrays, kinds) for name, v in value.items() if name != PART}
    return kinds[value[PART]](**members)


def digest(network) -> str:
    """Hexadecimal SHA-256 of the header, and of type, shape and bytes of every array."""
    arrays: list[np.ndarray] = []
    found = hashlib.sha256(_header(encoded(network, arrays)).encode())
    for array in arrays:
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        found.update(f"\0{little.dtype.str}{little.shape}\0".encode() + little.tobytes())
    return found.hexdigest()


def _header(network: dict) -> str:
    content = {"format": FORMAT, "version": VERSION, "network": network}
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def save(network, path) -> None:
    """Write a file whole, or not at all; an OSError names that file."""
    arrays: list[np.ndarray] = []
    header = _header(encoded(network, arrays))
    members = {f"array_{number}": array for number, array in enumerate(arrays)}
    path = os.fspath(path)
    check_replaceable(f"Network.save: {path}", path)
    try:
        _write(path, header=header, digest=digest(network), **members)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, path) from error


def check_replaceable(owner: str, path) -> None:
    """A file that is written beside and renamed takes the place of whatever is no folder.

    Raises:
        OSError: a device or a pipe.
    """
    if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
        raise OSError(f"{owner} is a device or a pipe, which no file may replace; name a file")


def _write(path: str, **members) -> None:
    handle, part = tempfile.mkstemp(dir=os.path.dirname(path) or ".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **members)
        os.chmod(part, 0o666 & ~_umask())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(part)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def load(path, network: type):
    """The network in a file, as an object of class ``network``."""
    try:
        # np.load leaves a file open that it cannot read.
        opened = contextlib.nullcontext(path) if hasattr(path, "read") else open(path, "rb")
        with opened as stream, np.load(stream, allow_pickle=False) as file:
            header, expected = json.loads(str(file["header"])), str(file["digest"])
            names = sorted((n for n in file.files if n.startswith("array_")), key=_number)
            arrays = [file[name] for name in names]
        if header["format"] != FORMAT:
            raise KeyError(header["format"])
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"Network.load: {path} is not a file of Network.save") from error
    if header["version"] != VERSION:
        raise ValueError(
            f"Network.load: {path} has version {header['version']}, this version of cusnn reads "
            f"{VERSION}; load it with the version that wrote it"
        )
    try:
        found = decoded(header["network"], arrays, {**_kinds(), network.__name__: network})
        if found.digest() != expected:
            raise ValueError("its digest is another")
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"Network.load: {path} is damaged: {error}") from error
    return found


def _number(name: str) -> int:
    return int(name.removeprefix("array_"))
