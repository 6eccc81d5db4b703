"""``cusnn run``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cusnn.cli.app import Debug, models_app
from cusnn.cli.errors import INTERRUPTED, one_line_errors
from cusnn.cli.files import check_folder, write
from cusnn.cli.orders import BACKENDS, DRIVES, Order, backend_of, check_times, described
from cusnn.cli.simulation import progress_bar, simulate
from cusnn.cli.summary import print_speed, print_table, summarize


@models_app.command("microcircuit")
def microcircuit(
    scale: Annotated[
        float, typer.Option(help="Share of neurons and of in-degrees, above 0 and at most 1.")
    ] = 0.1,
    time_ms: Annotated[float, typer.Option("--time", help="Model time that is measured, ms.")] = (
        1000.0
    ),
    warmup: Annotated[
        float, typer.Option(help="Model time before that, left out of all figures, ms.")
    ] = 100.0,
    dt: Annotated[float, typer.Option(help="Step, ms; at most 0.1.")] = 0.1,
    drive: Annotated[
        str,
        typer.Option(
            metavar="dc|poisson",
            help="Outer input: Poisson spikes, or a direct current of the same mean (the "
            "published default, for scales of 0.41 and above).",
        ),
    ] = "poisson",
    seed: Annotated[int, typer.Option(help="0 to 2**32 - 1.")] = 1,
    backend: Annotated[
        str, typer.Option(metavar="|".join(BACKENDS), help="What computes; auto is numba.")
    ] = "auto",
    threads: Annotated[
        int | None, typer.Option(help="CPU threads; one per core if not given.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("runs/microcircuit"),
    debug: Debug = False,
) -> None:
    """Simulate the cortical microcircuit of Potjans and Diesmann (2014).

    Prints the rate of every population beside the published one, and how fast it ran.

    Writes spikes.npz, raster.png and summary.json.
    """
    with one_line_errors(debug):
        chosen = backend_of(backend.lower())
        order = Order(scale, time_ms, warmup, dt, drive.lower(), seed, chosen, threads, out)
        code = _run_microcircuit(order)
    if code:
        raise typer.Exit(code)


def _run_microcircuit(order: Order) -> int:
    """Everything between the checked command line and the exit code."""
    from cusnn.simulation import Simulation

    console = Console()
    network = described(order)
    check_times(order)
    check_folder(order, network.size)
    _announce(console, order, network)
    started = time.perf_counter()
    with progress_bar(console) as progress:
        progress.add_task("compiling and building", total=None, note="")
        simulation = Simulation(network, backend=order.backend, threads=order.threads)
    run = simulate(console, order, simulation)
    summary = summarize(order, network, simulation, run)
    print_table(console, summary)
    print_speed(console, summary, time.perf_counter() - started)
    write(console, order, run, summary)
    return INTERRUPTED if run.interrupted else 0


def _announce(console: Console, order: Order, network) -> None:
    from cusnn import models
    from cusnn.simulation import default_threads, memory_estimate

    n_threads = order.threads or default_threads(network)
    memory = memory_estimate(network, backend=order.backend, threads=order.threads)
    console.print(
        f"[bold]Cortical microcircuit[/] (Potjans and Diesmann 2014) at scale {order.scale:g}: "
        f"{network.size:,} neurons, {network.n_synapses:,} synapses, "
        f"about {memory / 1e9:.2f} GB of memory",
        soft_wrap=True,
    )
    console.print(
        f"{DRIVES[order.drive]}, dt {order.dt:g} ms, seed {order.seed}, "
        f"{order.warmup:g} + {order.time_ms:g} ms of model time, "
        f"backend {order.backend}, "
        f"{n_threads} thread{'s' if n_threads > 1 else ''}",
        soft_wrap=True,
    )
    short = models.microcircuit_scaling(order.scale, order.drive).below_rheobase
    if order.drive == "dc" and short:
        console.print(
            f"[yellow]warning:[/] at this scale the direct current alone makes no neuron of "
            f"{', '.join(short)} fire; they may be silent. Take --drive poisson or a larger scale",
            soft_wrap=True,
        )
