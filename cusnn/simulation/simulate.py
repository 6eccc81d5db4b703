"""A network with its arrays and its time."""

from __future__ import annotations

import bisect
import dataclasses
import functools
import math
import os
import time
from dataclasses import dataclass

import numpy as np

from cusnn.network import Network, Population, Uniform
from cusnn.neurons import LIF
from cusnn.ops import network as engine
from cusnn.simulation.checkpoint import (
    Checkpoint,
    check_writable,
    description,
    read_checkpoint,
    summary,
    write_checkpoint,
)
from cusnn.simulation.draws import fill_initial
from cusnn.simulation.fan_out import FanOut
from cusnn.simulation.interrupts import interrupts_deferred
from cusnn.simulation.layouts import Moment, has_rings, layout, ring_shape_of, tiles_for
from cusnn.simulation.memory import check_network, check_samples, checked_memory
from cusnn.simulation.pace import Pace, checked_threads
from cusnn.simulation.plan import Plan, plan
from cusnn.simulation.record import Record, Recorder
from cusnn.simulation.result import Result


@dataclass(frozen=True)
class Cost:
    """Synaptic events, and seconds of wall and CPU time."""

    events: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(*map(sum, zip(self._values(), other._values(), strict=True)))

    def __sub__(self, other: Cost) -> Cost:
        return self + Cost(*(-value for value in other._values()))

    def _values(self) -> tuple:
        return self.events, self.wall_s, self.cpu_s


class Simulation:
    """A network built and ready to run; ``run`` may be called again and again.

    Args:
        network: the description.
        backend: "numba", "cuda" (a GPU), "numpy" (the slow reference) or None for the default.
        threads: number of threads, and of tiles that the neurons are cut into; None for what
            ``default_threads`` says, or one at times when other programs keep the cores so busy
            that one is faster. The spikes do not depend on it.
        record: state variables to sample: a ``Record``, several of them for different
            populations, or names by label (of all neurons, in every step).
        spikes: labels of the populations whose spikes are recorded; None for all. They are
            counted in any case.
        exchange: how the blocks of a GPU hear of spikes, "mailbox" or "barrier" (a barrier of
            the whole grid); None for the default. The spikes do not depend on it.
        progress: called as ``progress(share)`` with the share of the build that is done: 0 where
            compiling begins and again where building does, then more and more, at last 1; maybe
            from another thread.

    Attributes:
        network: as given.
        backend, threads, exchange: in use; no exchange on a CPU.
        step: number of steps done.
        compile_s, build_s, build_cpu_s: seconds that compiling took (next to none once it is
            cached), that the build took after it, and CPU seconds of the build.
        memory: bytes estimated.

    Raises:
        TypeError: ``network`` is no Network.
        ValueError: an unknown backend, more threads than ``most_threads()``, an exchange where
            there is no GPU, a population or variable to record that there is not, or a network
            that the engine cannot represent.
        MemoryError: the network needs more memory than there is.
        RuntimeError: backend "cuda", where CuPy or a GPU is missing.
    """

    def __init__(
        self,
        network: Network,
        *,
        backend: str | None = None,
        threads: int | None = None,
        record=None,
        spikes=None,
        exchange: str | None = None,
        progress=None,
    ):
        check_network("Simulation", network)
        self.network, self.backend = network, engine.chosen_backend(backend)
        on_device = has_rings(self.backend)
        self.threads = checked_threads("Simulation", network, threads, on_device)
        self.exchange = engine.checked_exchange("Simulation", exchange, self.backend)
        self._recorder = Recorder(network, record, spikes)
        self.memory = checked_memory(network, self.backend, self.threads)
        tell = progress or (lambda share: None)
        tell(0.0)
        self._plan = plan(network)
        self.compile_s = _compile(self._plan, self.threads, self.backend, self.exchange)
        tell(0.0)
        started, cpu_started = time.perf_counter(), time.process_time()
        self._layout = layout(
            self._plan,
            threads=self.threads,
            backend=self.backend,
            exchange=self.exchange,
            tell=tell,
        )
        self._pace = Pace(self.threads, threads is None, self._layout.fewest_steps)
        self._initial = fill_initial(network, self._layout.initial)
        self.reset()
        self.build_s = time.perf_counter() - started
        self.build_cpu_s = time.process_time() - cpu_started
        tell(1.0)

    @classmethod
    def load(
        cls,
        path,
        network: Network | None = None,
        *,
        backend: str | None = None,
        threads: int | None = None,
        record=None,
        spikes=None,
        exchange: str | None = None,
        progress=None,
    ) -> Simulation:
        """Build a network again and stand where ``save`` stood, on any backend and threads.

        Args:
            path: of the file.
            network: the description; None to take it from the file.
            backend, threads, exchange, progress: as for ``Simulation``.
            record, spikes: as for ``Simulation``; None for what was recorded before, which then
                goes on and joins it. Anything else begins a new record at this step.

        Raises:
            FileNotFoundError: there is no such file.
            TypeError, ValueError, MemoryError: as ``Simulation``; a file of another kind, of
                another version or of another network, or a damaged one.
        """
        saved = read_checkpoint(path)
        if network is None:
            network = saved.network(path)
        check_network("Simulation.load", network)
        saved.check_network(path, network)
        goes_on = record is None and spikes is None
        if goes_on:
            record, spikes = [Record(**settings) for settings in saved.record], saved.spikes
        simulation = cls(
            network,
            backend=backend,
            threads=threads,
            record=record,
            spikes=spikes,
            exchange=exchange,
            progress=progress,
        )
        simulation._stand_at(saved, path, goes_on)
        return simulation

    def __repr__(self) -> str:
        return (
            f"<Simulation of {self.network.size:,} neurons and {self._plan.n_synapses:,} synapses, "
            f"backend {self.backend!r}, threads {self.threads}, "
            f"at {self.step * self.network.dt:g} ms>"
        )

    def reset(self) -> None:
        """Back to time zero: state as at the start, no spikes; the synapses stay.

        Random numbers are counted by step and neuron, so the same run follows again.
        """
        nothing = np.zeros(0, np.int64), np.zeros(0, np.int32)
        self._begin(Moment(0, self._initial, *nothing))

    def _begin(self, moment: Moment) -> None:
        """Stand at a moment with nothing recorded."""
        self._layout.load(moment)
        self._recorder.clear()
        self.step = self._origin = moment.step
        self._cost, self._valid_until = Cost(), 0

    def run(
        self,
        duration: float,
        *,
        progress=None,
        checkpoint=None,
        checkpoint_every: float | None = None,
    ) -> Result:
        """Simulate ``duration`` ms more.

        Args:
            duration: ms, a multiple of dt.
            progress: called as ``progress(done_ms, duration_ms)`` several times a second.
            checkpoint: path to ``save`` to at the end, and where Ctrl-C ends the run.
            checkpoint_every: ms between saves on the way, a multiple of dt; None for none.

        Returns:
            Result of this stretch.

        Raises:
            TypeError: ``checkpoint_every`` without ``checkpoint``.
            ValueError: a duration that is negative, no multiple of dt or absurdly long; or voltages
                that are no numbers any more, for dt is too long: steps done until then stand.
            MemoryError: samples of the state that there is no room for.
            OSError: the checkpoint cannot be written, which is tried before the first step, too;
                steps done until then stand.
            KeyboardInterrupt: Ctrl-C; steps done until then stand, ``result()`` has their spikes,
                and ``run`` may be called again.
        """
        first, last = self.step, self.step + self._steps("duration", duration)
        every = self._saves_every(last - first, checkpoint, checkpoint_every)
        check_samples(self._recorder.bytes(first, last))
        mark, before, saved = self._recorder.mark(), self._cost, None
        with interrupts_deferred() as interrupted:
            while self.step < last and not interrupted():
                self._advance(min(last - self.step, every - (self.step - first) % every))
                if checkpoint is not None and (self.step - first) % every == 0:
                    self.save(checkpoint)
                    saved = self.step
                if progress is not None:
                    progress((self.step - first) * self.network.dt, duration)
            self._drain()
            if checkpoint is not None and saved != self.step:
                self.save(checkpoint)
        if interrupted():
            raise KeyboardInterrupt
        return self._result(mark, first, self._cost - before)

    def result(self) -> Result:
        """Everything since the start, the last ``reset``, or a ``load`` that began a record."""
        return self._result(None, self._origin, self._cost)

    @functools.cached_property
    def fan_out(self) -> FanOut:
        """Where the synapses lead."""
        return FanOut(self.network, self._layout, self._plan.longest)

    def events_by_population(self, result: Result) -> np.ndarray:
        """Synaptic events that arrived in a stretch, by source and target population.

        Args:
            result: of this simulation: of its last ``run``, or any where the spikes of all
                populations are recorded.

        Returns:
            int64 [P, P], whose sum is ``result.events``.

        Raises:
            ValueError: a stretch at whose ends it is not known which spikes were in flight.
        """
        return self.fan_out.events(result, self.result)

    def save(self, path, *, recorded: bool = True) -> None:
        """Write a checkpoint, from which ``Simulation.load`` goes on bit for bit.

        The file is written whole, or what was there is left. It holds the state, the spikes that
        are in flight, and the description, unless its lists are longer than 64 MB.

        Args:
            path: of the file.
            recorded: whether to store what has been recorded so far with it.

        Raises:
            OSError: the file cannot be written.
        """
        content = Checkpoint(
            moment=self._layout.moment(),
            digest=self.network.digest(),
            summary=summary(self.network),
            description=self._description,
            record=self._recorder.settings,
            spikes=self._recorder.recorded,
            origin=self._origin if recorded else self.step,
            recorded=self._recorder.export() if recorded else {},
            cost=dataclasses.asdict(self._cost if recorded else Cost()),
        )
        write_checkpoint(path, content)

    @functools.cached_property
    def _description(self) -> np.ndarray | None:
        return description(self.network)

    def _stand_at(self, saved: Checkpoint, path, goes_on: bool) -> None:
        """Take over what a file holds."""
        saved.check_moment(path, self._initial.shape, self._plan.longest)
        self._begin(saved.moment)
        if goes_on and saved.recorded:
            saved.restore(path, self._recorder)
            self._origin, self._cost = saved.origin, Cost(**saved.cost)

    def _advance(self, most: int) -> None:
        """One call of the engine, for ``most`` steps at most, and its spikes recorded."""
        started, cpu_started = time.perf_counter(), time.process_time()
        steps, threads = self._pace.next_call()
        steps = min(steps, most, self._prepared(), self._recorder.most_steps())
        every, drain = self._recorder.every, self._recorder.drain
        stretch = self._layout.advance(steps, every, threads, drain)
        self._recorder.add(stretch)
        self.step += stretch.n_steps
        seconds = time.perf_counter() - started
        self._cost += Cost(stretch.events, seconds, time.process_time() - cpu_started)
        self._pace.took(threads, seconds / max(stretch.n_steps, 1))
        if not self._layout.has_numbers():
            raise _no_numbers(self.network, self._layout.moment())

    def _drain(self) -> None:
        """Spikes of the last call, which belong to the cost of the run as those before do."""
        started, cpu_started = time.perf_counter(), time.process_time()
        self._recorder.drain()
        seconds = time.perf_counter() - started
        self._cost += Cost(0, seconds, time.process_time() - cpu_started)

    def _prepared(self) -> int:
        """Steps for which the engine's tables hold, made anew where they have changed."""
        if self.step >= self._valid_until:
            tables = self._plan.advance_tables(self.step)
            self._layout.prepare({**tables, "probes": self._recorder.probes})
            changes = self._plan.changes
            following = bisect.bisect_right(changes, self.step)
            self._valid_until = changes[following] if following < len(changes) else math.inf
        return self._valid_until - self.step

    def _steps(self, name: str, duration: float) -> int:
        dt, left = self.network.dt, self._layout.most_steps - self.step
        value = duration[()] if isinstance(duration, np.ndarray) else duration
        number = isinstance(value, (int, float, np.integer, np.floating))
        if not number or isinstance(value, bool) or not 0 <= value < math.inf:
            raise ValueError(f"run: {name} must be a number of ms, at least 0, got {duration!r}")
        if value > left * dt:
            raise ValueError(
                f"run: {name} must be at most {left * dt:.3g} ms, for no more steps can be "
                f"counted, got {duration} ms"
            )
        steps = round(value / dt)
        if abs(steps * dt - duration) > 1e-6 * dt * max(1, steps**0.5):
            raise ValueError(f"run: {name}={duration} ms must be a multiple of dt={dt} ms")
        return steps

    def _saves_every(self, steps: int, checkpoint, every: float | None) -> int:
        """Steps between checkpoints."""
        if every is not None and checkpoint is None:
            raise TypeError("run: checkpoint_every needs checkpoint=, the path of the file")
        if checkpoint is not None:
            check_writable(f"run: checkpoint={os.fspath(checkpoint)!r}", checkpoint)
        if every is None:
            return max(steps, 1)
        between = self._steps("checkpoint_every", every)
        if between == 0:
            raise ValueError(f"run: checkpoint_every must be at least dt, got {every} ms")
        return between

    def _result(self, mark, first: int, cost: Cost) -> Result:
        """What was recorded since ``mark``."""
        return Result(
            **self._recorder.since(mark, first, self.step),
            slices=self.network.slices,
            dt=self.network.dt,
            first_step=first,
            n_steps=self.step - first,
            events=cost.events,
            wall_s=cost.wall_s,
            about={
                "backend": self.backend,
                "threads": self.threads,
                "exchange": self.exchange,
                "compile_s": self.compile_s,
                "build_s": self.build_s,
                "build_cpu_s": self.build_cpu_s,
                "run_cpu_s": cost.cpu_s,
                "memory_bytes": self.memory,
                "synapses": self._plan.n_synapses,
                "seed": self.network.seed,
            },
        )


def _no_numbers(network: Network, moment: Moment) -> ValueError:
    lost = ~np.isfinite(moment.state[0])
    label = next(label for label, part in network.slices.items() if lost[part].any())
    return ValueError(
        f"run: voltages of {np.count_nonzero(lost):,} neurons, the first in {label!r}, are no "
        f"numbers any more at {moment.step * network.dt:g} ms: steps of dt={network.dt:g} ms are "
        f"too long for what arrives there; take a smaller dt, or weaker or fewer inputs"
    )


def _compile(planned: Plan, threads: int, backend: str, exchange: str | None) -> float:
    """Have what will run compiled, for one tile or for several, on as many neurons; seconds."""
    started = time.perf_counter()
    tiles = min(tiles_for(planned.network.size, planned.channels, threads), 2)
    tiny = plan(Network(Population(tiles, LIF(input="voltage"), "none", v=Uniform(0.0, 0.1))))
    same = {name: getattr(planned, name) for name in ("states", "channels", "wide")}
    tiny = dataclasses.replace(tiny, **same)
    memory = ring_shape_of(planned.network, planned).memory if has_rings(backend) else None
    tried = layout(tiny, threads=tiles, backend=backend, exchange=exchange, memory=memory)
    tried.prepare({**tiny.advance_tables(0), "probes": np.zeros((0, 2), np.int64)})
    tried.load(Moment(0, tried.initial, np.zeros(0, np.int64), np.zeros(0, np.int32)))
    tried.advance(1, 1, min(threads, tiles), lambda: None)
    return time.perf_counter() - started
