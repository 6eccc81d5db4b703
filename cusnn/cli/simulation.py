"""Building and running under progress bars, ended early by Ctrl-C."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from cusnn.cli.info import CACHE_HINT
from cusnn.cli.settings import Settings, counters, records
from cusnn.cli.tables import escape, seconds

# Code from the cache is loaded in less.
SECONDS_TO_COMPILE = 5.0


@dataclass(frozen=True)
class Run:
    """Spikes of the whole run, and the cost of what was measured.

    ``skip_ms`` is the time left out: the warm-up and what was done before a checkpoint, or
    nothing where Ctrl-C came within it. ``stretch`` are the spikes of the rest, None where Ctrl-C
    came first, and ``measurements`` its energy, empty where none was asked for.
    """

    result: object
    interrupted: bool
    skip_ms: float
    wall_s: float
    events: int
    stretch: object = None
    measurements: tuple = ()

    @property
    def measured_ms(self) -> float:
        return self.result.duration - self.skip_ms

    @property
    def start(self) -> float:
        """Model time at which what is measured begins, ms."""
        return self.result.first_step * self.result.dt + self.skip_ms

    @property
    def kept(self):
        """Which spikes come after the time that is left out, bool [n]."""
        return self.result.steps >= round(self.start / self.result.dt)


def build(console: Console, network, settings: Settings):
    """The simulation, at time zero or where a checkpoint stands."""
    from cusnn.simulation import Simulation

    options = {"backend": settings.backend, "threads": settings.threads}
    if settings.exchange is not None:
        options["exchange"] = settings.exchange
    if settings.record:
        options["record"] = records(settings, network)
    with _progress_bar(console) as progress:
        options["progress"] = Building(progress)
        if settings.resume is None:
            return Simulation(network, **options)
        return Simulation.load(settings.resume, network, **options)


class Building:
    """A bar that moves without an end while code is compiled, and with one from the second call."""

    def __init__(self, progress: Progress):
        self._progress, self._calls = progress, 0
        self._task = progress.add_task("compiling", total=None, note="")

    def __call__(self, share: float) -> None:
        self._calls += 1
        if self._calls == 2:
            self._progress.reset(self._task, total=1.0, description="building")
        if self._calls >= 2:
            self._progress.update(self._task, completed=share, note=f"{share:.0%}")


def simulate(console: Console, settings: Settings, simulation) -> Run:
    """Warm-up and measured stretch under one progress bar; Ctrl-C ends them early."""
    total, dt, first = settings.warmup + settings.time_ms, simulation.network.dt, simulation.step
    before, stretch, interrupted = None, None, False
    meter = _meter(settings)
    try:
        console.print(built(simulation), soft_wrap=True)
        if settings.resume is not None:
            console.print(f"goes on at {first * dt:,g} ms of model time", soft_wrap=True)
        with _progress_bar(console) as progress:
            task = progress.add_task("simulating", total=total, note="")

            def show(done: float, offset: float) -> None:
                note = f"{offset + done:,.0f} of {total:,.0f} ms"
                progress.update(task, completed=offset + done, note=note)

            simulation.run(settings.warmup, progress=lambda done, _: show(done, 0.0))
            before = simulation.result()
            if settings.energy:
                progress.update(task, note="measuring idle power, where something counts it")
            with meter:
                stretch = simulation.run(
                    settings.time_ms, progress=lambda done, _: show(done, settings.warmup)
                )
    except KeyboardInterrupt:
        interrupted = True
        console.print("[yellow]interrupted; writing what there is[/]")
    result = simulation.result()
    if interrupted:
        console.print(
            f"[yellow]interrupted after {(simulation.step - first) * dt:g} of {total:g} ms of "
            f"model time; the spikes until then are saved[/]",
            soft_wrap=True,
        )
    if before is None or before.n_steps == result.n_steps:
        return Run(result, interrupted, 0.0, result.wall_s, result.events)
    wall_s, events = result.wall_s - before.wall_s, result.events - before.events
    measured = meter.measurements if settings.energy else ()
    return Run(result, interrupted, before.duration, wall_s, events, stretch, measured)


def _meter(settings: Settings):
    """A meter of what is asked to compute, or nothing where no energy was asked for."""
    if not settings.energy:
        return contextlib.nullcontext()
    from cusnn.energy.meter import IDLE_S, Meter

    return Meter(counters(settings.backend), idle_s=IDLE_S)


def save_checkpoint(console: Console, settings: Settings, simulation) -> OSError | None:
    """Write the checkpoint that was asked for; what went wrong, so that results come first."""
    if settings.checkpoint is None:
        return None
    try:
        simulation.save(settings.checkpoint)
    except OSError as error:
        reason = error.strerror or error
        return OSError(f"--checkpoint {settings.checkpoint} cannot be written: {reason}")
    console.print(
        f"wrote {escape(settings.checkpoint)}; --resume goes on from there", soft_wrap=True
    )
    return None


def built(simulation) -> str:
    """How long building and compiling took, in words."""
    done = f"built in {seconds(simulation.build_s)}"
    if simulation.backend == "numpy":
        return done
    if simulation.compile_s < SECONDS_TO_COMPILE:
        return f"{done}, compiled code loaded in {seconds(simulation.compile_s)}"
    from cusnn import info

    kept = "once; kept in the cache" if info.numba_cache_lasts() else f"not kept; {CACHE_HINT}"
    return f"compiled in {seconds(simulation.compile_s)} ({kept}), {done}"


def _progress_bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
