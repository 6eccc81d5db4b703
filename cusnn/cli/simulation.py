"""Building and running under progress bars, ended early by Ctrl-C."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from cusnn.cli.info import CACHE_HINT
from cusnn.cli.settings import Settings
from cusnn.cli.tables import seconds

# Code from the cache is loaded in less.
SECONDS_TO_COMPILE = 5.0


@dataclass(frozen=True)
class Run:
    """Spikes of the whole run, and the cost of what was measured.

    ``skip_ms`` is the time left out: the warm-up, or nothing where Ctrl-C came within it.
    """

    result: object
    interrupted: bool
    skip_ms: float
    wall_s: float
    events: int

    @property
    def measured_ms(self) -> float:
        return self.result.duration - self.skip_ms

    @property
    def kept(self):
        """Which spikes come after the time that is left out, bool [n]."""
        dt = self.result.dt
        return self.result.steps * dt >= self.skip_ms - 0.5 * dt


def build(console: Console, network, settings: Settings):
    """The simulation, its build told."""
    from cusnn.simulation import Simulation

    with _progress_bar(console) as progress:
        progress.add_task("compiling and building", total=None, note="")
        return Simulation(network, backend=settings.backend, threads=settings.threads)


def simulate(console: Console, settings: Settings, simulation) -> Run:
    """Warm-up and measured stretch under one progress bar; Ctrl-C ends them early."""
    total = settings.warmup + settings.time_ms
    before, interrupted = None, False
    try:
        console.print(built(simulation), soft_wrap=True)
        with _progress_bar(console) as progress:
            task = progress.add_task("simulating", total=total, note="")

            def show(done: float, offset: float) -> None:
                note = f"{offset + done:,.0f} of {total:,.0f} ms"
                progress.update(task, completed=offset + done, note=note)

            simulation.run(settings.warmup, progress=lambda done, _: show(done, 0.0))
            before = simulation.result()
            simulation.run(settings.time_ms, progress=lambda done, _: show(done, settings.warmup))
    except KeyboardInterrupt:
        interrupted = True
    result = simulation.result()
    if interrupted:
        console.print(
            f"[yellow]interrupted after {result.duration:g} of {total:g} ms of model time; "
            f"the spikes until then are saved[/]",
            soft_wrap=True,
        )
    if before is None or before.n_steps == result.n_steps:
        return Run(result, interrupted, 0.0, result.wall_s, result.events)
    wall_s, events = result.wall_s - before.wall_s, result.events - before.events
    return Run(result, interrupted, before.duration, wall_s, events)


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
