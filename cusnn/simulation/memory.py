"""How much memory a network needs, and how much there is."""

from __future__ import annotations

import os
from pathlib import Path

# Interpreter, libraries and compiled code, and spikes on their way.
BASE = 250_000_000
# The reference keeps every synapse in columns of 8 bytes and sorts them.
REFERENCE_PER_SYNAPSE = 120


def engine_bytes(n_synapses: int, n_neurons: int, tiles: int, longest: int, reference: bool) -> int:
    """Bytes that building and running take at their peak."""
    rows = tiles * n_neurons
    per_row = 8 + 4 * (longest + 1) * (3 if reference else 1)
    per_synapse = REFERENCE_PER_SYNAPSE if reference else 4
    return BASE + per_synapse * n_synapses + per_row * rows + 64 * n_neurons


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
