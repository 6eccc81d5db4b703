"""Files from which a simulation goes on: a moment, what it belongs to, and what was recorded.

A zip of a JSON header and of arrays, as ``numpy.savez`` writes it. It says nothing of backends,
threads and tiles, so that it moves between them. Nothing in it is executed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cusnn.network import Network, files
from cusnn.simulation.layouts import Moment
from cusnn.simulation.record import Recorder

FORMAT = "cusnn-checkpoint"
VERSION = 1
# Larger descriptions, long lists of synapses, are not stored with every checkpoint.
MOST_DESCRIPTION_BYTES = 64_000_000


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Content of a file.

    Attributes:
        moment: where the network stood.
        digest: that of the description.
        summary: the description in a few words, for messages.
        description: the file of ``Network.save``, uint8; None where it was too large.
        record, spikes: what was being recorded, as ``record.Recorder`` has it.
        origin: step from which on ``recorded`` and ``cost`` reach.
        recorded: spikes, samples and counts by name; empty where they were left out.
        cost: events, and seconds of wall and CPU time, by name.
    """

    moment: Moment
    digest: str
    summary: str
    description: np.ndarray | None
    record: list
    spikes: tuple[str, ...] | None
    origin: int
    recorded: dict[str, np.ndarray]
    cost: dict[str, float]

    def network(self, path) -> Network:
        """The description that the file holds."""
        if self.description is None:
            raise ValueError(
                f"Simulation.load: {path} holds no description, for it is too large; pass "
                f"network=, that of {self.summary}"
            )
        try:
            return Network.load(io.BytesIO(self.description.tobytes()))
        except ValueError as error:
            raise _damaged(path, "its description cannot be read") from error

    def check_network(self, path, network: Network) -> None:
        """ValueError where the file is of another network."""
        if network.digest() != self.digest:
            raise ValueError(
                f"Simulation.load: {path} is of another network: {self.summary}; got "
                f"{summary(network)}"
            )

    def check_moment(self, path, shape: tuple[int, int], longest: int) -> None:
        """ValueError where numbers would lead out of the arrays of a network."""
        moment = self.moment
        sound = (
            moment.step >= 0
            and moment.state.shape == shape
            and moment.state.dtype == np.float32
            and moment.steps.shape == moment.neurons.shape
            and _within(moment.steps, max(moment.step - longest, 0), moment.step)
            and _within(moment.neurons, 0, shape[1])
            and (np.diff(moment.steps) >= 0).all()
        )
        if not sound:
            raise _damaged(path, "its numbers do not fit the network")

    def restore(self, path, recorder: Recorder) -> None:
        """Let a recorder stand as it did; ValueError where it cannot."""
        try:
            recorder.load(self.recorded)
        except (KeyError, ValueError) as error:
            raise _damaged(path, error) from error


def _within(numbers: np.ndarray, low: int, high: int) -> bool:
    return bool(numbers.dtype.kind == "i" and (low <= numbers).all() and (numbers < high).all())


def _damaged(path, reason) -> ValueError:
    return ValueError(f"Simulation.load: {path} is damaged: {reason}; take an older checkpoint")


def summary(network: Network) -> str:
    """A network in a few words."""
    return (
        f"{network.size:,} neurons, {network.n_synapses:,} synapses, dt {network.dt:g} ms, seed "
        f"{network.seed}, digest {network.digest()[:12]}"
    )


def description(network: Network) -> np.ndarray | None:
    """The file of ``Network.save``, uint8; None where it would be too large."""
    arrays: list[np.ndarray] = []
    files.encoded(network, arrays)
    if sum(array.nbytes for array in arrays) > MOST_DESCRIPTION_BYTES:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.npz"
        network.save(path)
        return np.frombuffer(path.read_bytes(), np.uint8)


def check_writable(owner: str, path) -> None:
    """Error before a long run where a checkpoint cannot be written after it.

    Raises:
        OSError: a folder, a device, a file in no folder, or in one that nothing can be written to.
    """
    target = Path(path)
    if os.path.isdir(target):
        raise IsADirectoryError(f"{owner} is a folder; name a file in it")
    files.check_replaceable(owner, target)
    if not target.absolute().parent.is_dir():
        raise FileNotFoundError(f"{owner}: there is no such folder")
    part = _part(path)
    try:
        with open(part, "xb"):
            pass
        os.remove(part)
    except OSError as error:
        kind, reason = type(error), error.strerror or error
        raise kind(f"{owner} cannot be written: {reason}; name a file elsewhere") from error


def write_checkpoint(path, checkpoint: Checkpoint) -> None:
    """Write a file whole, or leave what was there.

    Raises:
        OSError: the file cannot be written.
    """
    moment = checkpoint.moment
    header = {
        "format": FORMAT,
        "version": VERSION,
        "step": moment.step,
        "digest": checkpoint.digest,
        "summary": checkpoint.summary,
        "record": checkpoint.record,
        "spikes": checkpoint.spikes,
        "origin": checkpoint.origin,
        "cost": checkpoint.cost,
    }
    arrays = {
        "state": moment.state,
        "flight_steps": moment.steps,
        "flight_neurons": moment.neurons,
        **{f"recorded_{name}": array for name, array in checkpoint.recorded.items()},
    }
    if checkpoint.description is not None:
        arrays["description"] = checkpoint.description
    path = os.fspath(path)
    files.check_replaceable(f"Simulation.save: {path}", path)
    part = _part(path)
    try:
        with open(part, "xb") as file:
            np.savez(file, header=json.dumps(header), **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(part)
        if isinstance(error, OSError) and error.errno is not None:
            # The file that was asked for is what the caller knows.
            raise OSError(error.errno, error.strerror, path) from error
        raise


def _part(path) -> str:
    """A new name beside a file, for what is not whole yet."""
    return f"{os.fspath(path)}.{secrets.token_hex(4)}.part"


def read_checkpoint(path) -> Checkpoint:
    """Read what ``write_checkpoint`` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a folder, a file of another kind, of another version, or a damaged one.
    """
    try:
        # numpy.load leaves a file open that turns out to be none of its own.
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            if header["format"] != FORMAT:
                raise KeyError(header["format"])
            if header["version"] == VERSION:
                return _checkpoint(path, header, file)
    except OSError as error:
        if isinstance(error, (FileNotFoundError, PermissionError)):
            raise
        raise _foreign(path) from error
    except _Damaged as error:
        raise _damaged(path, error) from error
    except Exception as error:
        raise _foreign(path) from error
    raise ValueError(
        f"Simulation.load: {path} has version {header['version']}, this version of cusnn reads "
        f"{VERSION}; load it with the version that wrote it"
    )


class _Damaged(Exception):
    """A file that begins as a checkpoint and does not go on as one."""


def _foreign(path) -> ValueError:
    return ValueError(f"Simulation.load: {path} is not a whole checkpoint of Simulation.save")


def _checkpoint(path, header: dict, file) -> Checkpoint:
    try:
        arrays = {name: file[name] for name in file.files if name != "header"}
        state, steps = arrays.pop("state"), arrays.pop("flight_steps")
        moment = Moment(int(header["step"]), state, steps, arrays.pop("flight_neurons"))
        spikes = header["spikes"]
        return Checkpoint(
            moment=moment,
            digest=header["digest"],
            summary=header["summary"],
            description=arrays.pop("description", None),
            record=header["record"],
            spikes=None if spikes is None else tuple(spikes),
            origin=int(header["origin"]),
            recorded={name.removeprefix("recorded_"): array for name, array in arrays.items()},
            cost=header["cost"],
        )
    except Exception as error:
        raise _Damaged(str(error)) from error
