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
FASTER, RECORDING = "faster exchange", "cost of recording"
EXCHANGES = ("mailbox", "barrier")
SHAPE = engine.ring_shape
COMPARED_SCALE, COMPARED_MS = 0.1, 200.0
WARMUP_MS, TRIAL_MS = 100.0, 1000.0
# A stretch is timed as often as a window of the energy counter needs, or so often without one.
WALL_S, MOST_MS, REPEATS = 1.0, 100_000.0, 3
NOTE = "of the GPU alone, by its own counter; not at the socket"


def simulated(
    network,
    backend: str,
    exchange: str | None = None,
    recorded: bool = True,
    memory: str | None = None,
) -> Simulation:
    """A simulation; ``memory`` is where its delay rings are, else the engine's choice."""
    spikes = None if recorded else ()

    def ring_shape(*sizes, **options):
        return SHAPE(*sizes, **options | ({} if memory is None else {"memory": memory}))

    with mock.patch.object(engine, "ring_shape", ring_shape):
        return Simulation(network, backend=backend, exchange=exchange, spikes=spikes)


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
    make: Callable = simulated,
    energy: Callable[[Callable], meter.Measurement] = meter.measure,
) -> Iterator[tuple[str, Callable[[], dict]]]:
    """Name and function of every item, in order.

    Args:
        scale: of the timed network.
        make: as ``simulated``.
        energy: measures the energy of one call of a function.
    """
    yield COMPARED, functools.partial(compare, make, scale)
    found: dict[tuple, float] = {}

    def timed(form: tuple, memory: str | None = None) -> dict:
        drive, exchange, recorded = form
        network = models.microcircuit(scale, drive=drive)
        item = measure(make(network, "cuda", exchange, recorded, memory), energy)
        if memory is None:
            found[form] = item["value"]
        return item

    for form in itertools.product(models.DRIVES, EXCHANGES, (False, True)):
        yield in_words(*form), functools.partial(timed, form)
    for drive in models.DRIVES:
        form = (drive, EXCHANGES[0], True)
        name = f"{in_words(*form)}, rings in global memory"
        yield name, functools.partial(timed, form, "global")
    yield FASTER, lambda: faster(found)
    yield RECORDING, lambda: cost_of_recording(found)


def in_words(drive: str, exchange: str, recorded: bool) -> str:
    """Name of a form of the run."""
    return f"{drive}, {exchange}, {'with' if recorded else 'without'} recording"


def faster(found: dict[tuple, float]) -> dict:
    """Which exchange took less time, by drive and recording, and how many times less."""
    forms, lines = {}, []
    for drive, recorded in itertools.product(models.DRIVES, (False, True)):
        times = {one: found[drive, one, recorded] for one in EXCHANGES}
        first, second = sorted(times, key=times.get)
        ratio = times[second] / times[first]
        name = f"{drive}, {'with' if recorded else 'without'} recording"
        forms[name] = {"faster": first, "times": ratio, "real_time_factors": times}
        lines.append(f"{name}: {first}, {ratio:.3f} times")
    return {"forms": forms, "reason": "; ".join(lines)}


def cost_of_recording(found: dict[tuple, float]) -> dict:
    """What recording all spikes adds to a run's time, as a share of it."""
    shares = {
        f"{drive}, {exchange}": found[drive, exchange, True] / found[drive, exchange, False] - 1.0
        for drive, exchange in itertools.product(models.DRIVES, EXCHANGES)
    }
    text = "; ".join(f"{name}: {share:+.1%}" for name, share in shares.items())
    return {"shares": shares, "reason": text}


def compare(make: Callable = simulated, scale: float = COMPARED_SCALE) -> dict:
    """Spikes of both drives, every one the CPU's: of all forms that are timed, and at their scale.

    Args:
        make: as ``simulated``.
        scale: of the timed network, which runs in one form; a small one runs in all.
    """
    found = {}
    small = [(exchange, None) for exchange in EXCHANGES] + [(EXCHANGES[0], "global")]
    for drive, (size, forms) in itertools.product(
        models.DRIVES, ((COMPARED_SCALE, small), (scale, small[:1]))
    ):
        network = models.microcircuit(size, drive=drive)
        expected = make(network, "numba").run(COMPARED_MS)
        for exchange, memory in forms:
            name = f"{drive} {exchange}{', rings in global memory' if memory else ''}"
            name += f", scale {size:g}" if size != COMPARED_SCALE else ""
            result = make(network, "cuda", exchange, True, memory).run(COMPARED_MS)
            np.testing.assert_array_equal(
                np.stack([result.steps, result.neurons]),
                np.stack([expected.steps, expected.neurons]),
                err_msg=f"{name}: spikes differ from the CPU's",
            )
            found[name] = int(result.steps.size)
    if 0 in found.values():
        raise AssertionError(f"nothing to compare: {found}")
    return {"spikes": found}


def measure(ours, energy: Callable) -> dict:
    """Real-time factor, and energy where it is counted, of stretches of about a second."""
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
