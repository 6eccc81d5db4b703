"""A network with its arrays and its time."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import numpy as np

from cusnn.network import Network, Population
from cusnn.neurons import LIF
from cusnn.ops import network as engine
from cusnn.simulation.memory import available_bytes, engine_bytes
from cusnn.simulation.plan import longest_delay, plan
from cusnn.simulation.result import Result

# Steps per call of the engine grow until a call takes so long; Ctrl-C and progress wait for it.
SECONDS_PER_CALL = 0.1
MOST_STEPS_PER_CALL = 4096
CALLS_PER_TRIAL = 20
ROOM_FOR_SPIKES = 2**18
NEURONS_PER_THREAD = 2048
LONGEST_INTERVAL = 16
# Threads that anybody may ask for, and threads per core where that is more.
MANY_THREADS, MANY_PER_CORE = 256, 4


def default_threads(network: Network | None = None) -> int:
    """Number of CPU cores that this process may use; for a small network fewer of them.

    A step of few neurons is done sooner than threads can meet.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    if network is None:
        return cores
    return min(cores, max(1, network.size // NEURONS_PER_THREAD))


def most_threads() -> int:
    """Largest number of threads that ``Simulation`` takes."""
    return max(MANY_THREADS, MANY_PER_CORE * default_threads())


def memory_estimate(
    network: Network, *, backend: str | None = None, threads: int | None = None
) -> int:
    """Bytes that building and running the network take at their peak, before anything is built.

    Args:
        network: the description.
        backend, threads: as for ``Simulation``.

    Raises:
        TypeError, ValueError: as ``Simulation``.
    """
    _check_network("memory_estimate", network)
    name = engine.chosen_backend(backend)
    tiles = _tiles(network, _threads("memory_estimate", network, threads))
    return engine_bytes(
        network.n_synapses, network.size, tiles, longest_delay(network), reference=name == "numpy"
    )


class Simulation:
    """A network built and ready to run; ``run`` may be called again and again.

    Args:
        network: the description.
        backend: "numba", "numpy" (the slow reference) or None for the default.
        threads: number of threads, and of tiles that the neurons are cut into; None for what
            ``default_threads`` says, or one at times when other programs keep the cores so busy
            that one is faster. The spikes do not depend on it.

    Attributes:
        network: as given.
        backend, threads: in use.
        step: number of steps done.
        compile_s, build_s, build_cpu_s: seconds that compiling took (next to none once it is
            cached), that the build took after it, and CPU seconds of the build.
        memory: bytes estimated.

    Raises:
        TypeError: ``network`` is no Network.
        ValueError: an unknown backend, more threads than ``most_threads()``, or a network that
            the engine cannot represent.
        MemoryError: the network needs more memory than there is.
    """

    def __init__(self, network: Network, *, backend: str | None = None, threads: int | None = None):
        _check_network("Simulation", network)
        self.network, self.backend = network, engine.chosen_backend(backend)
        self.threads = _threads("Simulation", network, threads)
        self._pace = _Pace(self.threads, free=threads is None)
        self._tiles = _tiles(network, self.threads)
        self.memory = _checked_memory(network, self.backend, self.threads)
        self._plan = plan(network)
        self.compile_s = _compile(self.backend, self.threads, self._tiles)
        started, cpu_started = time.perf_counter(), time.process_time()
        built = engine.network_build(
            self._plan.build,
            tiles=self._tiles,
            longest=self._plan.longest,
            seed=network.seed,
            threads=self.threads,
            backend=self.backend,
        )
        self._tables = {
            **self._plan.advance,
            "words": built.words,
            "row_starts": built.row_starts,
            "offsets": built.offsets,
        }
        self._initial = built.initial
        for population, part in zip(network.populations, network.slices.values(), strict=True):
            if population.v is None:
                self._initial[part] = population.neuron.v_leak
        self.reset()
        self.build_s = time.perf_counter() - started
        self.build_cpu_s = time.process_time() - cpu_started

    def __repr__(self) -> str:
        return (
            f"<Simulation of {self.network.size:,} neurons and {self._plan.n_synapses:,} synapses, "
            f"backend {self.backend!r}, threads {self.threads}, "
            f"at {self.step * self.network.dt:g} ms>"
        )

    def reset(self) -> None:
        """Back to time zero: voltages as at the start, no spikes; the synapses stay."""
        n, tiles = self.network.size, self._tiles
        voltages = np.zeros((-(-n // tiles), tiles), np.float32)
        voltages.ravel()[:n] = self._initial
        self._state = np.zeros((tiles, 3, voltages.shape[0]), np.float32)
        self._state[:, 0] = voltages.T
        self._spikes = np.empty(n * min(4, self._interval) + ROOM_FOR_SPIKES, np.int32)
        self._starts = np.zeros(self._plan.longest + 1, np.int64)
        self._recorded: list[tuple[np.ndarray, np.ndarray]] = []
        self.step, self._events, self._wall_s, self._cpu_s = 0, 0, 0.0, 0.0

    def run(self, duration: float, *, progress=None) -> Result:
        """Simulate ``duration`` ms more.

        Args:
            duration: ms, a multiple of dt.
            progress: called as ``progress(done_ms, duration_ms)`` several times a second.

        Returns:
            Result of this stretch.

        Raises:
            ValueError: a duration that is negative or no multiple of dt.
            KeyboardInterrupt: Ctrl-C; steps done until then stand, ``result()`` has their spikes,
                and ``run`` may be called again.
        """
        first, last = self.step, self.step + self._steps(duration)
        mark, before = len(self._recorded), (self._events, self._wall_s, self._cpu_s)
        with _interrupts_deferred() as interrupted:
            while self.step < last and not interrupted():
                self._advance(last - self.step)
                if progress is not None:
                    progress((self.step - first) * self.network.dt, duration)
        if interrupted():
            raise KeyboardInterrupt
        return self._result(mark, first, *before)

    def result(self) -> Result:
        """Everything since the start or the last ``reset``."""
        return self._result(0, 0, 0, 0.0, 0.0)

    @property
    def _interval(self) -> int:
        return min(self._plan.shortest, LONGEST_INTERVAL)

    def _advance(self, most: int) -> None:
        """One call of the engine, for ``most`` steps at most, and its spikes recorded."""
        steps, threads = self._pace.next_call()
        steps = min(steps, most)
        started, cpu_started = time.perf_counter(), time.process_time()
        longest = self._plan.longest
        self._make_room()
        starts = np.zeros(longest + steps + 1, np.int64)
        starts[: longest + 1] = self._starts
        done, events = engine.network_advance(
            self._tables,
            self._state,
            self._spikes,
            starts,
            seed=self.network.seed,
            first_step=self.step,
            interval=self._interval,
            threads=threads,
            backend=self.backend,
        )
        begin, end = starts[longest], starts[longest + done]
        counts = np.diff(starts[longest : longest + done + 1])
        offset = np.repeat(np.arange(done), counts)
        order = np.lexsort((self._spikes[begin:end], offset))
        self._spikes[begin:end] = self._spikes[begin:end][order]
        self._recorded.append((self.step + offset, self._spikes[begin:end].copy()))
        # The spikes of the last longest-delay steps are all that is in flight.
        first = starts[done]
        self._spikes[: end - first] = self._spikes[first:end].copy()
        self._starts = starts[done : done + longest + 1] - first
        self.step += done
        self._events += events
        self._cpu_s += time.process_time() - cpu_started
        seconds = time.perf_counter() - started
        self._wall_s += seconds
        self._pace.took(threads, seconds / max(done, 1))

    def _make_room(self) -> None:
        """Room for the spikes in flight and for one exchange in which everyone fires each step."""
        needed = int(self._starts[-1]) + self._interval * self.network.size
        if self._spikes.size < needed:
            grown = np.empty(2 * needed, np.int32)
            grown[: self._starts[-1]] = self._spikes[: self._starts[-1]]
            self._spikes = grown

    def _steps(self, duration: float) -> int:
        dt = self.network.dt
        number = isinstance(duration, (int, float, np.number))
        if not (number and np.isfinite(duration) and duration >= 0):
            raise ValueError(f"run: duration must be a number of ms, at least 0, got {duration!r}")
        steps = round(duration / dt)
        if abs(steps * dt - duration) > 1e-6 * dt * max(1, steps**0.5):
            raise ValueError(f"run: duration={duration} ms must be a multiple of dt={dt} ms")
        return steps

    def _result(self, mark: int, first: int, events: int, wall_s: float, cpu_s: float) -> Result:
        """Spikes recorded since ``mark``, and what has been counted beyond the given numbers."""
        empty = (np.zeros(0, np.int64), np.zeros(0, np.int32))
        columns = zip(empty, *self._recorded[mark:], strict=True)
        steps, neurons = (np.concatenate(column) for column in columns)
        return Result(
            steps=steps,
            neurons=neurons,
            slices=self.network.slices,
            dt=self.network.dt,
            first_step=first,
            n_steps=self.step - first,
            events=self._events - events,
            wall_s=self._wall_s - wall_s,
            about={
                "backend": self.backend,
                "threads": self.threads,
                "compile_s": self.compile_s,
                "build_s": self.build_s,
                "build_cpu_s": self.build_cpu_s,
                "run_cpu_s": self._cpu_s - cpu_s,
                "memory_bytes": self.memory,
                "synapses": self._plan.n_synapses,
                "seed": self.network.seed,
            },
        )


class _Pace:
    """How many steps the next call of the engine does, and on how many threads.

    Threads meet in every step, so where other programs take one of the cores, all wait for it;
    then one thread may be faster than several. Where it is free to choose, the pace takes what
    was faster and tries the other now and then.
    """

    def __init__(self, threads: int, free: bool):
        self._steps, self._calls = 16, 0
        choices = (threads, 1) if free and threads > 1 else (threads,)
        self._seconds = dict.fromkeys(choices, 0.0)

    def next_call(self) -> tuple[int, int]:
        """Steps, and threads."""
        steps = min(self._steps, MOST_STEPS_PER_CALL)
        faster, *slower = sorted(self._seconds, key=self._seconds.get)
        self._calls += 1
        if slower and self._calls % CALLS_PER_TRIAL == 0:
            return max(steps // 4, 1), slower[0]
        return steps, faster

    def took(self, threads: int, seconds: float) -> None:
        """A call on so many threads took so many seconds per step."""
        self._seconds[threads] = seconds
        if self._steps * seconds < 0.5 * SECONDS_PER_CALL:
            self._steps = min(2 * self._steps, MOST_STEPS_PER_CALL)
        elif self._steps * seconds > 2 * SECONDS_PER_CALL:
            self._steps = max(self._steps // 2, 1)


def _check_network(owner: str, network) -> None:
    if not isinstance(network, Network):
        raise TypeError(f"{owner}: network must be a Network, got {network!r}")


def _threads(owner: str, network: Network, threads: int | None) -> int:
    if threads is None:
        return default_threads(network)
    whole = hasattr(threads, "__index__") and not isinstance(threads, bool)
    if not whole or not 1 <= threads <= most_threads():
        raise ValueError(
            f"{owner}: threads must be an integer of 1 to {most_threads()}, got {threads!r}"
        )
    return int(threads)


def _tiles(network: Network, threads: int) -> int:
    """A tile per thread, and none too large."""
    return max(min(threads, network.size), -(-network.size // engine.LARGEST_TILE))


def _compile(backend: str, threads: int, tiles: int) -> float:
    """Have the engine compiled for one tile or for several, on a network of one neuron; seconds."""
    started = time.perf_counter()
    tiles = min(tiles, 2)
    planned = plan(Network(Population(1, LIF(input="voltage"), "none")))
    options = {"threads": min(threads, tiles), "backend": backend, "seed": 0}
    built = engine.network_build(planned.build, tiles=tiles, longest=1, **options)
    tables = {
        **planned.advance,
        "words": built.words,
        "row_starts": built.row_starts,
        "offsets": built.offsets,
    }
    state, spikes = np.zeros((tiles, 3, 1), np.float32), np.zeros(1, np.int32)
    starts = np.zeros(2, np.int64)
    engine.network_advance(tables, state, spikes, starts, first_step=0, interval=1, **options)
    return time.perf_counter() - started


def _checked_memory(network: Network, backend: str, threads: int) -> int:
    """Bytes estimated; MemoryError with advice where there are not so many."""
    needed = memory_estimate(network, backend=backend, threads=threads)
    available = available_bytes()
    if available is None or needed <= available:
        return needed
    advice = "take a smaller scale, fewer threads or shorter delays"
    if backend == "numpy":
        compiled = memory_estimate(network, backend="numba", threads=threads)
        advice = f"take backend numba, which needs {compiled / 1e9:.2f} GB"
        advice += ", and a smaller scale" if compiled > available else ""
    raise MemoryError(
        f"Simulation: {network.size:,} neurons and {network.n_synapses:,} synapses need "
        f"{needed / 1e9:.2f} GB, {available / 1e9:.2f} GB are available; {advice}"
    )


@contextlib.contextmanager
def _interrupts_deferred():
    """Ctrl-C sets a flag, so that no call of the engine is torn from its bookkeeping."""
    seen = []
    previous = signal.getsignal(signal.SIGINT)
    in_main = threading.current_thread() is threading.main_thread()
    # Handlers that are not Python's cannot be put back; an ignored signal stays ignored.
    if not in_main or previous in (None, signal.SIG_IGN):
        yield lambda: False
        return
    signal.signal(signal.SIGINT, lambda *_: seen.append(True))
    try:
        yield lambda: bool(seen)
    finally:
        signal.signal(signal.SIGINT, previous)
