"""A network with its arrays and its time."""

from __future__ import annotations

import bisect
import dataclasses
import time

import numpy as np

from cusnn.network import Network, Population
from cusnn.neurons import LIF
from cusnn.ops import network as engine
from cusnn.simulation.draws import fill_initial
from cusnn.simulation.interrupts import interrupts_deferred
from cusnn.simulation.layouts import Moment, SortedRows
from cusnn.simulation.memory import available_bytes, engine_bytes
from cusnn.simulation.pace import Pace, checked_threads, default_threads, most_threads
from cusnn.simulation.plan import Plan, longest_delay, plan
from cusnn.simulation.record import Recorder
from cusnn.simulation.result import Result

__all__ = ["Simulation", "default_threads", "memory_estimate", "most_threads"]


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
    tiles = _tiles(network, checked_threads("memory_estimate", network, threads))
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
        record: state variables to sample: a ``Record``, several of them for different
            populations, or names by label (of all neurons, in every step).
        spikes: labels of the populations whose spikes are recorded; None for all. They are
            counted in any case.

    Attributes:
        network: as given.
        backend, threads: in use.
        step: number of steps done.
        compile_s, build_s, build_cpu_s: seconds that compiling took (next to none once it is
            cached), that the build took after it, and CPU seconds of the build.
        memory: bytes estimated.

    Raises:
        TypeError: ``network`` is no Network.
        ValueError: an unknown backend, more threads than ``most_threads()``, a population or
            variable to record that there is not, or a network that the engine cannot represent.
        MemoryError: the network needs more memory than there is.
    """

    def __init__(
        self,
        network: Network,
        *,
        backend: str | None = None,
        threads: int | None = None,
        record=None,
        spikes=None,
    ):
        _check_network("Simulation", network)
        self.network, self.backend = network, engine.chosen_backend(backend)
        self.threads = checked_threads("Simulation", network, threads)
        self._recorder = Recorder(network, record, spikes)
        self._pace = Pace(self.threads, free=threads is None)
        tiles = _tiles(network, self.threads)
        self.memory = _checked_memory(network, self.backend, self.threads)
        self._plan = plan(network)
        self.compile_s = _compile(self._plan, tiles, self.threads, self.backend)
        started, cpu_started = time.perf_counter(), time.process_time()
        self._layout = SortedRows(
            self._plan,
            seed=network.seed,
            tiles=tiles,
            threads=self.threads,
            backend=self.backend,
        )
        self._initial = fill_initial(network, self._layout.initial)
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
        nothing = np.zeros(0, np.int64), np.zeros(0, np.int32)
        self._layout.load(Moment(0, self._initial, *nothing))
        self._recorder.clear()
        self.step, self._events, self._wall_s, self._cpu_s = 0, 0, 0.0, 0.0
        self._valid_until = 0

    def run(self, duration: float, *, progress=None) -> Result:
        """Simulate ``duration`` ms more.

        Args:
            duration: ms, a multiple of dt.
            progress: called as ``progress(done_ms, duration_ms)`` several times a second.

        Returns:
            Result of this stretch.

        Raises:
            ValueError: a duration that is negative or no multiple of dt.
            MemoryError: samples of the state that there is no room for.
            KeyboardInterrupt: Ctrl-C; steps done until then stand, ``result()`` has their spikes,
                and ``run`` may be called again.
        """
        first, last = self.step, self.step + self._steps(duration)
        self._check_room(last)
        mark, before = self._recorder.mark(), (self._events, self._wall_s, self._cpu_s)
        with interrupts_deferred() as interrupted:
            while self.step < last and not interrupted():
                self._advance(last - self.step)
                if progress is not None:
                    progress((self.step - first) * self.network.dt, duration)
        if interrupted():
            raise KeyboardInterrupt
        return self._result(mark, first, *before)

    def result(self) -> Result:
        """Everything since the start or the last ``reset``."""
        return self._result(None, 0, 0, 0.0, 0.0)

    def _advance(self, most: int) -> None:
        """One call of the engine, for ``most`` steps at most, and its spikes recorded."""
        started, cpu_started = time.perf_counter(), time.process_time()
        steps, threads = self._pace.next_call()
        steps = min(steps, most, self._prepared())
        stretch = self._layout.advance(steps, self._recorder.every, threads)
        self._recorder.add(stretch)
        self.step += stretch.n_steps
        self._events += stretch.events
        self._cpu_s += time.process_time() - cpu_started
        seconds = time.perf_counter() - started
        self._wall_s += seconds
        self._pace.took(threads, seconds / max(stretch.n_steps, 1))

    def _prepared(self) -> int:
        """Steps for which the engine's tables hold, made anew where they have changed."""
        if self.step >= self._valid_until:
            tables = self._plan.advance_tables(self.step)
            self._layout.prepare({**tables, "probes": self._recorder.probes})
            changes = self._plan.changes
            following = changes[bisect.bisect_right(changes, self.step) :]
            self._valid_until = following[0] if following else np.inf
        return self._valid_until - self.step

    def _steps(self, duration: float) -> int:
        dt = self.network.dt
        number = isinstance(duration, (int, float, np.number))
        if not (number and np.isfinite(duration) and duration >= 0):
            raise ValueError(f"run: duration must be a number of ms, at least 0, got {duration!r}")
        steps = round(duration / dt)
        if abs(steps * dt - duration) > 1e-6 * dt * max(1, steps**0.5):
            raise ValueError(f"run: duration={duration} ms must be a multiple of dt={dt} ms")
        return steps

    def _check_room(self, last: int) -> None:
        """Refuse samples for which there is no memory."""
        needed, available = self._recorder.bytes(self.step, last), available_bytes()
        if available is not None and needed > available:
            raise MemoryError(
                f"run: samples of {len(self._recorder.probes):,} variables need "
                f"{needed / 1e9:.2f} GB, {available / 1e9:.2f} GB are available; record fewer "
                f"neurons, or take a larger every= or a shorter duration"
            )

    def _result(self, mark, first: int, events: int, wall_s: float, cpu_s: float) -> Result:
        """What was recorded since ``mark``, and what has been counted beyond the given numbers."""
        return Result(
            **self._recorder.since(mark, first, self.step),
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


def _check_network(owner: str, network) -> None:
    if not isinstance(network, Network):
        raise TypeError(f"{owner}: network must be a Network, got {network!r}")


def _tiles(network: Network, threads: int) -> int:
    """A tile per thread, and none too large for two channels."""
    return max(min(threads, network.size), engine.fewest_tiles(network.size, 2))


def _compile(planned: Plan, tiles: int, threads: int, backend: str) -> float:
    """Have what will run compiled, on a network of one neuron; seconds."""
    started = time.perf_counter()
    tiles = min(tiles, 2)
    tiny = plan(Network(Population(1, LIF(input="voltage"), "none")))
    same = {name: getattr(planned, name) for name in ("states", "channels", "wide")}
    tiny, threads = dataclasses.replace(tiny, **same), min(threads, tiles)
    layout = SortedRows(tiny, seed=0, tiles=tiles, threads=threads, backend=backend)
    layout.prepare({**tiny.advance_tables(0), "probes": np.zeros((0, 2), np.int64)})
    layout.load(Moment(0, layout.initial, np.zeros(0, np.int64), np.zeros(0, np.int32)))
    layout.advance(1, 1, threads)
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
