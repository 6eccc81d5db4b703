"""The microcircuit on a GPU: the same spikes as the CPU's, time, and energy of a synaptic event."""

from __future__ import annotations

import functools
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from unittest import mock

import numpy as np

from cusnn import models
from cusnn.energy import meter
from cusnn.ops import network as engine
from cusnn.simulation import Simulation

COMPARED = "spikes as on the CPU"
EXCHANGES = ("mailbox", "barrier")
COMPARED_SCALE, COMPARED_MS = 0.1, 200.0
WARMUP_MS, TRIAL_MS = 100.0, 1000.0
# A stretch is timed as often as a window of the energy counter needs, or so often without one.
WALL_S, MOST_MS, REPEATS = 1.0, 100_000.0, 3
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


class Stretch:
    """So much model time as one piece of work, with the events and spikes of all its runs."""

    def __init__(self, ours, time_ms: float):
        self.ours, self.time_ms = ours, time_ms
        self.runs = self.events = self.spikes = 0

    def __call__(self) -> None:
        result = self.ours.run(self.time_ms)
        self.runs += 1
        self.events += int(result.events)
        self.spikes += int(result.steps.size)

    def seconds(self) -> float:
        """Wall time of one more run."""
        started = time.perf_counter()
        self()
        return time.perf_counter() - started


def items(
    scale: float = 1.0,
    make: Callable = Exchanged,
    energy: Callable[[Callable], meter.Measurement] = meter.measure,
) -> Iterator[tuple[str, Callable[[], dict]]]:
    """Name and function of every item, in order.

    Args:
        scale: of the timed network.
        make: as ``Exchanged``.
        energy: measures the energy of one call of a function.
    """
    yield COMPARED, functools.partial(compare, make)
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
    """Real-time factor, and energy where it is counted, of stretches of about a second."""
    ours = make(network(), "cuda", exchange, recorded)
    ours.run(WARMUP_MS)
    factor = WALL_S / Stretch(ours, TRIAL_MS).seconds()
    stretch = Stretch(ours, float(np.clip(TRIAL_MS * np.floor(factor), TRIAL_MS, MOST_MS)))
    measured = energy(stretch)
    seconds = measured.seconds
    if seconds is None:
        seconds = statistics.median(stretch.seconds() for _ in range(REPEATS))
    events = stretch.events / stretch.runs
    return {
        "value": seconds / (stretch.time_ms / 1000.0),
        "unit": "s of wall time per s of model time",
        "build_s": ours.build_s,
        "model_ms": stretch.time_ms,
        "runs": stretch.runs,
        "seconds_of_wall": seconds,
        "synaptic_events": events,
        "events_per_s": events / seconds,
        "spikes_recorded": stretch.spikes / stretch.runs,
        **_of_energy(measured, events),
    }


def _of_energy(measured: meter.Measurement, events: float) -> dict:
    """Joules of a stretch, and nanojoules of an event: all of the GPU's, and above its idle."""
    if measured.joules is None:
        return {"energy": f"unknown: {measured.reason}"}
    above = measured.dynamic_j
    return {
        "energy": NOTE,
        "nj_per_event": 1e9 * measured.joules / events if events else None,
        "nj_per_event_above_idle": 1e9 * above / events if events and above is not None else None,
        "measurement": measured.to_dict(),
    }
