"""The microcircuit on a GPU: the same spikes as the CPU's, time, and energy of a synaptic event."""

from __future__ import annotations

import ctypes
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from unittest import mock

import numpy as np

from cusnn import models
from cusnn.ops import network as engine
from cusnn.simulation import Simulation

COMPARED = "spikes as on the CPU"
EXCHANGES = ("mailbox", "barrier")
COMPARED_SCALE, COMPARED_MS = 0.1, 200.0
WARMUP_MS, TRIAL_MS = 100.0, 1000.0
# The energy counter moves every few tens of milliseconds: a run of seconds is read well.
WALL_S, MOST_MS = 3.0, 100_000.0
NOTE = "of the GPU alone, by its own counter; not at the socket"


class Exchanged:
    """A simulation whose launches use one kind of exchange between blocks.

    Which one is the engine's choice, made once from what is measured here, and so no option of
    ``Simulation``.
    """

    def __init__(self, network, backend: str, exchange: str | None = None, recorded: bool = True):
        self._exchange = exchange
        spikes = None if recorded else ()
        self._simulation = Simulation(network, backend=backend, spikes=spikes)
        self.build_s = self._simulation.build_s

    def run(self, duration: float):
        """As ``Simulation.run``."""
        if self._exchange is None:
            return self._simulation.run(duration)
        advance = functools.partial(engine.network_advance_rings, exchange=self._exchange)
        with mock.patch.object(engine, "network_advance_rings", advance):
            return self._simulation.run(duration)


def items(
    scale: float = 1.0,
    make: Callable = Exchanged,
    energy: Callable[[], float | None] | None = None,
) -> Iterator[tuple[str, Callable[[], dict]]]:
    """Name and function of every item, in order.

    Args:
        scale: of the timed network.
        make: as ``Exchanged``.
        energy: joules since any moment, or None where nothing counts them; None to ask NVML.
    """
    yield COMPARED, functools.partial(compare, make)
    energy = energy or nvml_energy()
    yield "idle", functools.partial(idle, energy)
    for drive, exchange, recorded in itertools.product(models.DRIVES, EXCHANGES, (False, True)):
        name = f"{drive}, {exchange}, {'with' if recorded else 'without'} recording"
        network = functools.partial(models.microcircuit, scale, drive=drive)
        yield name, functools.partial(measure, network, exchange, recorded, make, energy)


def compare(make: Callable = Exchanged) -> dict:
    """Spikes of both drives and both exchanges, every one the CPU's."""
    found = {}
    for drive in models.DRIVES:
        network = models.microcircuit(COMPARED_SCALE, drive=drive)
        expected = make(network, "numba").run(COMPARED_MS)
        for exchange in EXCHANGES:
            result = make(network, "cuda", exchange).run(COMPARED_MS)
            np.testing.assert_array_equal(
                np.stack([result.steps, result.neurons]),
                np.stack([expected.steps, expected.neurons]),
                err_msg=f"{drive}, {exchange}: spikes differ from the CPU's",
            )
            found[f"{drive} {exchange}"] = int(result.steps.size)
    if 0 in found.values():
        raise AssertionError(f"nothing to compare: {found}")
    return {"spikes": found}


def measure(
    network: Callable, exchange: str, recorded: bool, make: Callable, energy: Callable
) -> dict:
    """Real-time factor, and energy where it is counted, of a stretch of some seconds."""
    ours = make(network(), "cuda", exchange, recorded)
    ours.run(WARMUP_MS)
    trial = timed(ours, TRIAL_MS, energy)
    factor = WALL_S / trial["seconds_of_wall"]
    time_ms = float(np.clip(TRIAL_MS * np.floor(factor), TRIAL_MS, MOST_MS))
    found = timed(ours, time_ms, energy)
    return {
        "value": found["seconds_of_wall"] / (time_ms / 1000.0),
        "unit": "s of wall time per s of model time",
        "build_s": ours.build_s,
        "model_ms": time_ms,
        **found,
    }


def timed(ours, time_ms: float, energy: Callable) -> dict:
    """One call of ``run``: wall time, events, joules."""
    before, started = energy(), time.perf_counter()
    result = ours.run(time_ms)
    seconds, after = time.perf_counter() - started, energy()
    events = int(result.events)
    found = {
        "seconds_of_wall": seconds,
        "synaptic_events": events,
        "events_per_s": events / seconds,
        "spikes_recorded": int(result.steps.size),
    }
    if before is None or after is None:
        return found | {"energy": "not counted here"}
    joules = after - before
    return found | {
        "energy": NOTE,
        "joules": joules,
        "watts": joules / seconds,
        "nj_per_event": 1e9 * joules / events if events else None,
    }


def idle(energy: Callable, seconds: float = 2.0) -> dict:
    """Power of the GPU while nothing runs."""
    before, started = energy(), time.perf_counter()
    if before is None:
        return {"status": "not available", "reason": "the GPU does not count its energy"}
    time.sleep(seconds)
    joules = energy() - before
    return {"value": joules / (time.perf_counter() - started), "unit": "W", "energy": NOTE}


def nvml_energy() -> Callable[[], float | None]:
    """A function that reads the GPU's energy counter, J; None where there is none.

    NVML comes with the driver; its C library is asked, so that no package is needed.
    """
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
        device = ctypes.c_void_p()
        found = library.nvmlInit_v2() or library.nvmlDeviceGetHandleByPciBusId_v2(
            _bus().encode(), ctypes.byref(device)
        )
    except (OSError, AttributeError, ImportError):
        return lambda: None
    return (lambda: None) if found else functools.partial(_joules, library, device)


def _bus() -> str:
    """Address of the GPU that CUDA uses; NVML numbers them otherwise."""
    import cupy

    return cupy.cuda.Device().pci_bus_id


def _joules(library, device) -> float | None:
    """The counter, J, since the driver was loaded."""
    value = ctypes.c_ulonglong()
    if library.nvmlDeviceGetTotalEnergyConsumption(device, ctypes.byref(value)):
        return None
    return value.value / 1000.0
