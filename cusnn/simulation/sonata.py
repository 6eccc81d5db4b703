"""Spike files of the SONATA format (HDF5), which BMTK, libsonata and others read and write.

    /                                 attributes magic = 0x0A7A, version = [0, 1]
    /spikes/<population>              attribute sorting = by_time
    /spikes/<population>/timestamps   float64 [n], attribute units = ms
    /spikes/<population>/node_ids     uint64 [n], numbers within the population, from 0

The format knows neither the step, nor how long was simulated, nor neurons that never fired; files
of cusnn have these in one more attribute of the root, which other readers pass over.

Source: github.com/AllenInstitute/sonata, docs/SONATA_DEVELOPER_GUIDE.md, section "Spike file".
"""

from __future__ import annotations

import json

import numpy as np

MAGIC, VERSION = 0x0A7A, (0, 1)
SORTING = {"none": 0, "by_id": 1, "by_time": 2}
MS_PER_UNIT = {"ms": 1.0, "msec": 1.0, "milliseconds": 1.0, "s": 1000.0, "seconds": 1000.0}
OWN = "cusnn"
# Of a step: how far a time may be from the end of one.
TOLERANCE = 1e-3


def write_spikes(path, steps, neurons, slices: dict[str, slice], dt: float, about: dict) -> None:
    """Write spikes, sorted by (time, neuron), to a SONATA spike file.

    Args:
        path: of the file; an existing one is replaced.
        steps: int [n]; step k is stamped (k + 1) dt.
        neurons: int [n].
        slices: neuron numbers by population; labels become groups of the file.
        dt: ms.
        about: numbers and text by name, kept for ``read_spikes``.

    Raises:
        ImportError: h5py is not installed.
        ValueError: a label that cannot name a group.
    """
    h5py = _h5py()
    for label in slices:
        if "/" in label or label in (".", ".."):
            raise ValueError(
                f"save_sonata: a population's label must be a name without '/', got {label!r}"
            )
    own = {"dt": dt, "populations": {label: [s.start, s.stop] for label, s in slices.items()}}
    with h5py.File(path, "w") as file:
        file.attrs["magic"] = np.uint32(MAGIC)
        file.attrs["version"] = np.array(VERSION, np.uint32)
        file.attrs[OWN] = json.dumps({**own, "about": about})
        for label, part in slices.items():
            member = (neurons >= part.start) & (neurons < part.stop)
            group = file.create_group(f"spikes/{label}")
            order = h5py.enum_dtype(SORTING, basetype="u1")
            group.attrs.create("sorting", SORTING["by_time"], dtype=order)
            times = (np.asarray(steps)[member] + 1) * float(dt)
            stamps = group.create_dataset("timestamps", data=times.astype(np.float64))
            stamps.attrs["units"] = "ms"
            numbers = np.asarray(neurons)[member].astype(np.int64) - part.start
            group.create_dataset("node_ids", data=numbers.astype(np.uint64))


def read_spikes(path, dt: float | None = None, sizes: dict[str, int] | None = None) -> dict:
    """Read a SONATA spike file.

    Args:
        path: of the file.
        dt: ms; None for that of the file, which only cusnn writes.
        sizes: number of neurons by population, in the order that their neurons are to be numbered;
            None for those of the file, or one more than each population's highest number.

    Returns:
        ``steps``, ``neurons`` (sorted), ``slices``, ``dt``, and ``about`` ({} for files of others).

    Raises:
        ImportError: h5py is not installed.
        FileNotFoundError: there is no such file.
        ValueError: not a spike file, or what it holds does not fit ``dt`` or ``sizes``.
    """
    h5py = _h5py()
    try:
        with h5py.File(path, "r") as file:
            own = json.loads(file.attrs[OWN]) if OWN in file.attrs else {}
            trains = {label: _train(group) for label, group in file["spikes"].items()}
    except FileNotFoundError:
        raise
    except (OSError, KeyError, AttributeError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"load_sonata: {path} is not a SONATA spike file") from error
    dt = own.get("dt") if dt is None else dt
    if dt is None or not dt > 0:
        raise ValueError(f"load_sonata: {path} names no time step; give dt in ms, got {dt}")
    if sizes is None and own:
        sizes = {label: stop - start for label, (start, stop) in own["populations"].items()}
    slices = _slices(trains, sizes)
    steps = [_steps(times, dt, label) for label, (times, _) in trains.items()]
    neurons = [numbers + slices[label].start for label, (_, numbers) in trains.items()]
    steps = np.concatenate([np.zeros(0, np.int64), *steps])
    neurons = np.concatenate([np.zeros(0, np.int64), *neurons]).astype(np.int32)
    order = np.lexsort((neurons, steps))
    return {
        "steps": steps[order],
        "neurons": neurons[order],
        "slices": slices,
        "dt": dt,
        "about": own.get("about", {}),
    }


def _h5py():
    try:
        import h5py
    except ImportError as error:
        raise ImportError('SONATA files need h5py: pip install "cusnn[sonata]"') from error
    return h5py


def _train(group) -> tuple[np.ndarray, np.ndarray]:
    """Times in ms and numbers within the population."""
    stamps = group["timestamps"]
    units = stamps.attrs.get("units", "ms")
    units = units.decode() if isinstance(units, bytes) else str(units)
    if units not in MS_PER_UNIT:
        raise ValueError(
            f"load_sonata: units of timestamps must be one of {', '.join(MS_PER_UNIT)}, "
            f"got {units!r}"
        )
    times = stamps[:].astype(np.float64) * MS_PER_UNIT[units]
    numbers = group["node_ids"][:].astype(np.int64)
    if times.shape != numbers.shape:
        raise ValueError(
            f"load_sonata: {group.name} must have as many node_ids as timestamps, got "
            f"{numbers.size} and {times.size}"
        )
    return times, numbers


def _slices(trains: dict, sizes: dict[str, int] | None) -> dict[str, slice]:
    """Neuron numbers of each population."""
    needed = {label: int(numbers.max(initial=-1)) + 1 for label, (_, numbers) in trains.items()}
    sizes = needed if sizes is None else sizes
    for label, least in needed.items():
        if sizes.get(label, -1) < least:
            raise ValueError(
                f"load_sonata: sizes must give population {label!r} at least {least} neurons, "
                f"got {sizes.get(label)}"
            )
    slices, start = {}, 0
    for label, size in sizes.items():
        slices[label] = slice(start, start + size)
        start += size
    return slices


def _steps(times: np.ndarray, dt: float, label: str) -> np.ndarray:
    ends = times / dt
    steps = np.floor(ends + 0.5).astype(np.int64) - 1
    off = np.abs(ends - (steps + 1)) > TOLERANCE
    if (off | (steps < 0)).any():
        first = times[off | (steps < 0)][0]
        raise ValueError(
            f"load_sonata: times must be positive multiples of dt={dt:g} ms, population {label!r} "
            f"has {first:g} ms; give the step that the file was made with"
        )
    return steps
