"""Measured energy: windows around work, long enough for the counter, with idle power beside."""

from __future__ import annotations

import contextlib
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator

from cusnn import driver
from cusnn.energy.bounds import number
from cusnn.energy.measurement import Measurement, Window
from cusnn.energy.sensors import SENSORS, Unreadable

IDLE_S, COOLDOWN_S, REPEATS, LEAST_TICKS = 5.0, 1.0, 3, 50
# How often an idle counter is looked at, and how long calls between two synchronisations take, s.
POLL_S, BATCH_S = 0.01, 0.1
OPEN = "the window has not ended"


class Meter:
    """Counters of energy around one stretch of work.

        with Meter() as meter:
            work()
        meter["RAPL"].joules

    A window shorter than a counter needs (NVML: 5 s, RAPL: 1 s, or 50 of its ticks) gives None and
    the reason; ``measure`` repeats short work until it is long enough. An exception inside the
    window is passed on.

    Args:
        sources: of "NVML", "RAPL".
        idle_s: seconds to measure idle power for before the window; 0 for not.
        gpu: UUID or PCI bus id of the GPU; None for the one that CUDA uses.
        synchronise: waits for work that was handed over; None for CUDA's, where it is in use.

    Raises:
        TypeError: a time that is no number.
        ValueError: an unknown source, or a negative time.
    """

    def __init__(
        self,
        sources: tuple[str, ...] = ("NVML", "RAPL"),
        *,
        idle_s: float = 0.0,
        gpu: str | None = None,
        synchronise: Callable[[], None] | None = None,
    ):
        for source in sources:
            _check_source("Meter", source)
        number("Meter", "idle_s", idle_s)
        self._gpu, self._idle_s = gpu, idle_s
        self._synchronise = synchronise or _wait_for_gpu
        self._found: dict[str, Measurement] = {s: Measurement(s, reason=OPEN) for s in sources}
        self._probes: dict[str, _Probe] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Meter:
        with contextlib.ExitStack() as stack:
            probes = {}
            for source in self._found:
                with self._noting(source):
                    probe = stack.enter_context(_opened(source, self._gpu))
                    probe.idle(self._idle_s)
                    probes[source] = probe
            self._probes = {}
            self._synchronise()
            for source, probe in probes.items():
                with self._noting(source):
                    probe.start()
                    self._found[source] = Measurement(source, reason=OPEN)
                    self._probes[source] = probe
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind, error, traceback) -> None:
        with self._stack:
            if kind is not None:
                reason = f"{kind.__name__} ended the work"
                self._found |= {s: Measurement(s, reason=reason) for s in self._probes}
                return
            self._synchronise()
            for source, probe in self._probes.items():
                with self._noting(source):
                    probe.stop()
                    self._found[source] = probe.found()

    @contextlib.contextmanager
    def _noting(self, source: str) -> Iterator[None]:
        """A counter that fails stops no work; its measurement says why."""
        try:
            yield
        except Unreadable as error:
            self._found[source] = Measurement(source, reason=str(error))

    def __getitem__(self, source: str) -> Measurement:
        """What the counter of a source saw."""
        if source not in self._found:
            raise KeyError(f"Meter: no source {source!r}, there are {list(self._found)}")
        return self._found[source]

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """One for each source, in order."""
        return tuple(self._found.values())


def measure(
    function: Callable[[], object],
    *,
    source: str = "NVML",
    repeats: int = REPEATS,
    least_s: float | None = None,
    idle_s: float = IDLE_S,
    cooldown_s: float = COOLDOWN_S,
    gpu: str | None = None,
    synchronise: Callable[[], None] | None = None,
) -> Measurement:
    """Energy of one call of a function: median over windows, each of as many calls as fill it.

    Idle power is measured first, then the function is warmed up, then each window lasts as long as
    the counter needs, with a pause after it. Where nothing can be read the function is not called.

    Args:
        function: the work, without arguments.
        source: "NVML" for the GPU, "RAPL" for the CPU.
        repeats: windows, 3 or more.
        least_s: seconds of a window at least; None for the counter's 5 (NVML) or 1 (RAPL). 50 of
            its ticks, as seen while idle, where those take longer.
        idle_s: seconds of idle to measure, 0 for not.
        cooldown_s: seconds of pause after a window.
        gpu, synchronise: as ``Meter`` has them.

    Raises:
        TypeError: a time that is no number.
        ValueError: an unknown source, fewer than 3 repeats, or a negative time.
    """
    _check_source("measure", source)
    if not isinstance(repeats, int) or repeats < REPEATS:
        raise ValueError(f"measure: repeats must be {REPEATS} or more, got {repeats!r}")
    for name, value in (("least_s", least_s), ("idle_s", idle_s), ("cooldown_s", cooldown_s)):
        if value is not None or name != "least_s":
            number("measure", name, value)
    synchronise = synchronise or _wait_for_gpu
    try:
        with _opened(source, gpu) as probe:
            synchronise()
            probe.idle(idle_s)
            batch = _batch(function, synchronise)
            least = max(probe.sensor.least_s if least_s is None else least_s, probe.ticks_s)
            for _ in range(repeats):
                probe.start()
                calls, started = 0, time.perf_counter()
                while time.perf_counter() - started < least:
                    _call(function, batch, synchronise)
                    calls += batch
                probe.stop(calls)
                time.sleep(cooldown_s)
            return probe.found(least)
    except Unreadable as error:
        return Measurement(source, reason=str(error))


class _Probe:
    """A sensor, and what was read from it."""

    def __init__(self, sensor):
        self.sensor = sensor
        self.idle_w = self.tick_s = None
        self._windows: list[Window] = []
        self._parts: list[dict[str, float]] = []
        self._conditions: dict = {}
        self._processes: int | None = None
        self._start: tuple = ()

    @property
    def ticks_s(self) -> float:
        """Seconds of as many ticks as a window needs."""
        return 0.0 if self.tick_s is None else LEAST_TICKS * self.tick_s

    def idle(self, seconds: float) -> None:
        """Power between the first and the last move of the counter, and seconds between moves."""
        if seconds <= 0:
            return
        moves, last = [], self._joules()
        stop = time.perf_counter() + seconds
        while time.perf_counter() < stop:
            time.sleep(POLL_S)
            now = self._joules()
            if now != last:
                moves.append((time.perf_counter(), now))
                last = now
        if len(moves) < 2:
            raise Unreadable(f"the counter moved {len(moves)} times in {seconds:g} s")
        (t_0, j_0), (t_1, j_1) = moves[0], moves[-1]
        self.idle_w, self.tick_s = (j_1 - j_0) / (t_1 - t_0), (t_1 - t_0) / (len(moves) - 1)

    def start(self) -> None:
        conditions = self.sensor.conditions()
        self._seen(conditions)
        warmth = conditions.get("temperature_c")
        self._start = (warmth, self.sensor.read(), time.perf_counter())

    def stop(self, calls: int = 1) -> None:
        stopped, after = time.perf_counter(), self.sensor.read()
        warmth, before, started = self._start
        self._conditions = self.sensor.conditions()
        self._seen(self._conditions)
        if self._processes is not None:
            self._conditions["compute_processes"] = self._processes
        if warmth is not None:
            self._conditions["temperature_before_c"] = warmth
        parts = {name: after[name] - before[name] for name in after}
        self._parts.append({name: joules / calls for name, joules in parts.items()})
        self._windows.append(Window(stopped - started, sum(parts.values()), calls))

    def found(self, least_s: float | None = None) -> Measurement:
        """The measurement of all windows, each of ``least_s`` seconds at least."""
        source, windows = self.sensor.source, tuple(self._windows)
        least = max(self.sensor.least_s, self.ticks_s) if least_s is None else least_s
        known = {
            "seconds": statistics.median(window.seconds / window.calls for window in windows),
            "idle_w": self.idle_w,
            "tick_s": self.tick_s,
            "conditions": self._conditions,
        }
        shortest = min(window.seconds for window in windows)
        if shortest < least:
            reason = f"the work took {shortest:.3g} s, {source} needs {least:.3g} s or more"
            return Measurement(source, reason=reason, **known)
        joules = [window.joules / window.calls for window in windows]
        return Measurement(
            source,
            statistics.median(joules),
            windows=windows,
            spread=(min(joules), max(joules)) if len(joules) > 1 else None,
            domains={
                name: statistics.median(parts[name] for parts in self._parts)
                for name in self._parts[0]
            },
            **known,
        )

    def _seen(self, conditions: dict) -> None:
        """Keep the most processes, for one of a single moment also took part."""
        number = conditions.get("compute_processes")
        if number is not None:
            self._processes = max(number, self._processes or 0)

    def _joules(self) -> float:
        return sum(self.sensor.read().values())


@contextlib.contextmanager
def _opened(source: str, gpu: str | None) -> Iterator[_Probe]:
    """A probe; while it is open a thread reads counters that would wrap unseen."""
    sensor = SENSORS[source](gpu)
    stop = threading.Event()

    def keep_reading() -> None:
        with contextlib.suppress(Unreadable):
            while not stop.wait(sensor.most_s):
                sensor.read()

    reader = threading.Thread(target=keep_reading, name=f"cusnn {source}", daemon=True)
    try:
        if sensor.most_s is not None:
            reader.start()
        yield _Probe(sensor)
    finally:
        stop.set()
        if reader.ident is not None:
            reader.join()
        sensor.close()


def _batch(function: Callable, synchronise: Callable) -> int:
    """Warm up; how many calls go between two synchronisations."""
    batch = 1
    _call(function, batch, synchronise)
    while True:
        started = time.perf_counter()
        _call(function, batch, synchronise)
        if time.perf_counter() - started >= BATCH_S:
            return batch
        batch *= 2


def _call(function: Callable, times: int, synchronise: Callable) -> None:
    for _ in range(times):
        function()
    synchronise()


def _wait_for_gpu() -> None:
    """Wait for what CuPy or PyTorch were asked to do, where this process uses a GPU by them."""
    if "cupy" in sys.modules and driver.unavailable() is None:
        driver.synchronise()
        return
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _check_source(where: str, source: str) -> None:
    if source not in SENSORS:
        raise ValueError(f"{where}: source must be one of {', '.join(SENSORS)}, got {source!r}")
