"""``cusnn run``: one implementation, a command for each published network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cusnn.cli import models
from cusnn.cli.app import command, models_app
from cusnn.cli.comparison import Spent
from cusnn.cli.errors import INTERRUPTED
from cusnn.cli.files import bytes_needed, results_folder, write
from cusnn.cli.models import Published
from cusnn.cli.settings import (
    BACKENDS,
    EXCHANGES,
    FORMATS,
    Settings,
    backend_of,
    check,
    check_checkpoint,
)
from cusnn.cli.simulation import Run, build, save_checkpoint, simulate
from cusnn.cli.summary import picture, print_speed, print_table, summarize

WARMUP_MS = 100.0
# Neurons times steps, at about 1 ns each on a CPU.
MOST_DRAWS = 10**10

Time = Annotated[float, typer.Option("--time", help="Model time that is measured, ms.")]
Warmup = Annotated[
    float | None,
    typer.Option(
        help="Model time before that, left out of all figures, ms.",
        show_default="100, or 0 with --resume",
    ),
]
Dt = Annotated[float, typer.Option(help="Step, ms; at most the shortest delay.")]
Seed = Annotated[int, typer.Option(help="0 to 2**32 - 1.")]
Backend = Annotated[
    str, typer.Option(metavar="|".join(BACKENDS), help="What computes; auto is numba.")
]
Threads = Annotated[int | None, typer.Option(help="CPU threads; one per core if not given.")]
Exchange = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(EXCHANGES),
        help="How blocks of a GPU hear of spikes; with --backend cuda.",
        show_default=EXCHANGES[0],
    ),
]
RecordStates = Annotated[
    list[str] | None,
    typer.Option(
        "--record",
        metavar="VARIABLES:POPULATION:NUMBER",
        help="State of the first neurons in every step, into spikes.npz; v:E:10 or v,i:L4E:3, "
        "once per population.",
    ),
]
Checkpoint = Annotated[
    Path | None, typer.Option(help="File to write at the end or on Ctrl-C, for --resume.")
]
Resume = Annotated[
    Path | None, typer.Option(help="File of --checkpoint to go on from, of the same network.")
]
Format = Annotated[str, typer.Option(metavar="|".join(FORMATS), help="Of the file of spikes.")]
Out = Annotated[Path | None, typer.Option(help="Folder for the results; runs/MODEL if not given.")]
Energy = Annotated[
    bool,
    typer.Option("--energy", help="Compare the energy of what ran on published devices."),
]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every network is asked for, as on the command line."""

    time_ms: Time = 1000.0
    warmup: Warmup = None
    dt: Dt = 0.1
    seed: Seed = 1
    backend: Backend = "auto"
    threads: Threads = None
    exchange: Exchange = None
    out: Out = None
    record: RecordStates = None
    checkpoint: Checkpoint = None
    resume: Resume = None
    format: Format = "npz"
    energy: Energy = False

    def settings(self, name: str) -> Settings:
        """For the network of a name, which says where results go."""
        warmup = self.warmup
        if warmup is None:
            warmup = WARMUP_MS if self.resume is None else 0.0
        return Settings(
            time_ms=self.time_ms,
            warmup=warmup,
            dt=self.dt,
            seed=self.seed,
            backend=backend_of(self.backend.lower()),
            threads=self.threads,
            exchange=self.exchange and self.exchange.lower(),
            out=self.out or Path("runs") / name,
            record=tuple(self.record or ()),
            checkpoint=self.checkpoint,
            resume=self.resume,
            form=self.format.lower(),
            energy=self.energy,
        )


@command(models_app, "microcircuit", Options)
def microcircuit(
    asked: Options,
    scale: Annotated[
        float, typer.Option(help="Share of neurons and of in-degrees, above 0 and at most 1.")
    ] = 0.1,
    drive: Annotated[
        str,
        typer.Option(
            metavar="dc|poisson",
            help="Outer input: Poisson spikes, or a direct current of the same mean (the "
            "published default, for scales of 0.41 and above).",
        ),
    ] = "poisson",
    thalamus: Annotated[
        bool, typer.Option("--thalamus", help="A thalamic pulse at 700 to 710 ms.")
    ] = False,
) -> int:
    """Simulate the cortical microcircuit of Potjans and Diesmann (2014).

    Prints the rate of every population beside the published one, and how fast it ran.

    Writes spikes.npz, raster.png and summary.json; with --energy counts.json and energy.json.
    """
    settings = asked.settings("microcircuit")
    options = {"scale": scale, "drive": drive.lower(), "thalamus": thalamus}
    return _run(models.microcircuit(settings, **options), settings)


@command(models_app, "brunel", Options)
def brunel(
    asked: Options,
    order: Annotated[
        int, typer.Option(help="Inhibitory neurons; there are 4 times as many excitatory ones.")
    ] = 2500,
    regime: Annotated[
        str,
        typer.Option(
            metavar="A|B|C|D",
            help="g and eta of a published state: synchronous regular (A), fast oscillation (B), "
            "asynchronous irregular (C), slow oscillation (D).",
        ),
    ] = "C",
    g: Annotated[
        float | None, typer.Option("--g", help="Inhibition over excitation; the regime's.")
    ] = None,
    eta: Annotated[
        float | None, typer.Option(help="Outer rate over that of threshold; the regime's.")
    ] = None,
    v_reset: Annotated[
        float | None, typer.Option(help="Voltage after a spike, mV; the paper's 10.")
    ] = None,
) -> int:
    """Simulate the sparse network of Brunel (2000): delta synapses, four regimes.

    Prints rates beside those of mean-field theory and of the paper, irregularity and synchrony.

    Writes spikes.npz, raster.png and summary.json; with --energy counts.json and energy.json.
    """
    settings = asked.settings("brunel")
    options = {"order": order, "regime": regime.upper(), "g": g, "eta": eta, "v_reset": v_reset}
    return _run(models.brunel(settings, **options), settings)


@command(models_app, "vogels-abbott", Options)
def vogels_abbott(
    asked: Options,
    kind: Annotated[
        str, typer.Option(metavar="cuba|coba", help="Synaptic currents or conductances.")
    ] = "cuba",
    size: Annotated[int, typer.Option(help="Neurons; a fifth is inhibitory.")] = 4000,
    in_degree: Annotated[
        int, typer.Option(help="Inputs of a neuron; with more of them weights are less.")
    ] = 80,
    connectivity: Annotated[
        str,
        typer.Option(
            metavar="in-degree|probability",
            help="Exactly so many inputs, or that many on average.",
        ),
    ] = "in-degree",
    weights: Annotated[
        str, typer.Option(metavar="nest|brian2", help="Whose example's weights; CUBA only.")
    ] = "nest",
) -> int:
    """Simulate the self-sustained networks of Vogels and Abbott (2005): CUBA or COBA.

    Prints rates beside NEST's, irregularity and synchrony.

    Writes spikes.npz, raster.png and summary.json; with --energy counts.json and energy.json.
    """
    settings = asked.settings("vogels-abbott")
    options = {
        "kind": kind.lower(),
        "size": size,
        "in_degree": in_degree,
        "connectivity": connectivity.lower(),
        "weights": weights.lower(),
    }
    return _run(models.vogels_abbott(settings, **options), settings)


def _run(published: Published, settings: Settings) -> int:
    """Everything between the checked command line and the exit code."""
    console = Console(emoji=False)
    check(settings, published.network)
    with results_folder(settings.out, bytes_needed(published, settings)):
        check_checkpoint(settings)
        announce(console, published, settings)
        started = time.perf_counter()
        simulation = build(console, published.network, settings)
        run = simulate(console, settings, simulation)
        failure = save_checkpoint(console, settings, simulation)
        summary = summarize(published, settings, simulation, run)
        figures = summary["populations"]
        print_table(console, published, figures)
        print_speed(console, summary, time.perf_counter() - started)
        spent = _spent(console, published, run, settings.backend) if settings.energy else None
        if spent is not None:
            summary["energy"] = spent.figures
            spent.print(console)
        write(console, settings, run, summary, lambda: picture(published, run, figures), spent)
    if failure is not None:
        raise failure
    return INTERRUPTED if run.interrupted else 0


def _spent(console: Console, published: Published, run: Run, backend: str) -> Spent | None:
    """The energy of the measured stretch; None where Ctrl-C cut it."""
    if run.stretch is None:
        console.print("[yellow]no energy: the run was interrupted[/]")
        return None
    workload = _counted(console, published, run, backend)
    peers = published.name == "microcircuit"
    return Spent.of(workload, run.measurements, published=peers)


def _counted(console: Console, published: Published, run: Run, backend: str):
    """Counts of the measured stretch; of stimuli too, where they are soon drawn again."""
    from cusnn.energy import count_run

    network, stretch = published.network, run.stretch
    options = {"name": f"{published.title.replace('[/]', '')} {published.size}"}
    if network.size * stretch.n_steps <= MOST_DRAWS:
        try:
            with console.status("counting the spikes of stimuli"):
                return count_run(stretch, network, poisson=True, backend=backend, **options)
        except KeyboardInterrupt:
            console.print("[yellow]interrupted; the spikes of stimuli are not counted[/]")
    return count_run(stretch, network, **options)


def announce(console: Console, published: Published, settings: Settings) -> None:
    """What will run, and what it takes."""
    from cusnn.simulation import default_threads, memory_estimate

    network, backend = published.network, settings.backend
    n_threads = 0 if backend == "cuda" else settings.threads or default_threads(network)
    memory = memory_estimate(network, backend=backend, threads=settings.threads)
    console.print(
        f"[bold]{published.title} {published.size}: "
        f"{network.size:,} neurons, {network.n_synapses:,} synapses, "
        f"about {memory / 1e9:.2f} GB of memory",
        soft_wrap=True,
    )
    console.print(
        f"{published.about}, dt {settings.dt:g} ms, seed {settings.seed}, "
        f"{settings.warmup:g} + {settings.time_ms:g} ms of model time, "
        f"backend {backend}"
        + (f", {n_threads} thread{'s' if n_threads > 1 else ''}" if n_threads else ""),
        soft_wrap=True,
    )
    if published.warning:
        console.print(f"[yellow]warning:[/] {published.warning}", soft_wrap=True)
