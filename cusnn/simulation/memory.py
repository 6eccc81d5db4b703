"""How much memory a network needs, and how much there is."""

from __future__ import annotations

import os
from pathlib import Path

from cusnn.network import Network
from cusnn.ops import network as engine
from cusnn.simulation.layouts import (
    ROOM_FOR_SPIKES,
    has_rings,
    interval_of,
    ring_shape_of,
    tiles_for,
)
from cusnn.simulation.pace import checked_threads
from cusnn.simulation.plan import Sizes, sizes

# Interpreter, libraries and compiled code, and spikes on their way.
BASE = 250_000_000
# What a GPU keeps for a process, and the kernels.
RING_BASE = 100_000_000
# The reference keeps every synapse in columns of 8 bytes and sorts them.
REFERENCE_PER_SYNAPSE = 120
# A list's ends, weight and delay as tables of the build.
BYTES_PER_LISTED = 24


def memory_estimate(
    network: Network, *, backend: str | None = None, threads: int | None = None
) -> int:
    """Bytes that building and running the network take at their peak, before anything is built.

    They are those of the machine's memory, or of the GPU's where that holds the network.

    Args:
        network: the description.
        backend, threads: as for ``Simulation``.

    Raises:
        TypeError, ValueError: as ``Simulation``.
    """
    check_network("memory_estimate", network)
    name = engine.chosen_backend(backend)
    threads = checked_threads("memory_estimate", network, threads, has_rings(name))
    return _bytes(network, name, threads)


def _bytes(network: Network, backend: str, threads: int) -> int:
    """Bytes of the machine, or of the GPU where it holds the network."""
    needed = sizes(network)
    listed = sum(len(getattr(p.connector, "sources", ())) for p in network.projections)
    shared = (48 + 8 * needed.states) * network.size + BYTES_PER_LISTED * listed
    if has_rings(backend):
        return shared + _ring_bytes(network, needed)
    reference = backend == "numpy"
    rows = tiles_for(network.size, needed.channels, threads) * network.size
    per_row = 8 + 4 * (needed.longest + 1) * (3 if reference else 1)
    per_synapse = REFERENCE_PER_SYNAPSE if reference else 8 if needed.wide else 4
    return BASE + shared + per_synapse * network.n_synapses + per_row * rows


def _ring_bytes(network: Network, needed: Sizes) -> int:
    interval = interval_of(needed.shortest, needed.late)
    shape = ring_shape_of(network, needed)
    rows = shape.tiles * network.size
    padded = shape.tiles * -(-network.size // shape.tiles)
    stay = shape.resident and shape.memory == "shared"
    rings = 0 if stay else 4 * shape.slots * needed.channels * padded
    spikes = 8 * (ROOM_FOR_SPIKES + 4 * interval * network.size)
    return RING_BASE + (8 if shape.wide else 4) * network.n_synapses + 12 * rows + rings + spikes


def check_network(owner: str, network) -> None:
    if not isinstance(network, Network):
        raise TypeError(f"{owner}: network must be a Network, got {network!r}")


def checked_memory(network: Network, backend: str, threads: int) -> int:
    """Bytes estimated; MemoryError with advice where there are not so many."""
    needed = memory_estimate(network, backend=backend, threads=threads)
    on_device = has_rings(backend)
    available = engine.free_bytes(backend) if on_device else available_bytes()
    if available is None or needed <= available:
        return needed
    advice = "take a smaller scale, fewer threads or shorter delays"
    if on_device:
        advice = "take a smaller scale, shorter delays, or backend numba with the machine's memory"
    if backend == "numpy":
        compiled = memory_estimate(network, backend="numba", threads=threads)
        advice = f"take backend numba, which needs {compiled / 1e9:.2f} GB"
        advice += ", and a smaller scale" if compiled > available else ""
    raise MemoryError(
        f"Simulation: {network.size:,} neurons and {network.n_synapses:,} synapses need "
        f"{needed / 1e9:.2f} GB, {available / 1e9:.2f} GB "
        f"{'are free on the GPU' if on_device else 'are available'}; {advice}"
    )


def check_samples(needed: int) -> None:
    """MemoryError where there is no room for so many bytes of samples."""
    available = available_bytes()
    if available is not None and needed > available:
        raise MemoryError(
            f"run: samples of the state need {needed / 1e9:.2f} GB, {available / 1e9:.2f} GB are "
            f"available; record fewer neurons, or take a larger every= or a shorter duration"
        )


def available_bytes() -> int | None:
    """Memory that can be had without swapping; None where the system does not say."""
    limits = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                limits.append(1024 * int(line.split()[1]))
    except OSError:
        try:
            limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        except (AttributeError, OSError, ValueError):
            pass
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text().strip()
        limits.append(int(limit) - int(used) + _reclaimable())
    except (OSError, ValueError):
        pass
    return min(limits, default=None)


def _reclaimable() -> int:
    """Bytes of cached files that count as used by the control group, but can be dropped."""
    for line in Path("/sys/fs/cgroup/memory.stat").read_text().splitlines():
        if line.startswith("inactive_file "):
            return int(line.split()[1])
    return 0
