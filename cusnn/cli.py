"""The command line: ``cusnn run microcircuit``, ``cusnn info``.

What is heavy (NumPy, Numba, matplotlib) is imported by the commands that need it, so that
``cusnn --help`` answers at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from typer.core import TyperGroup

from cusnn import __version__

DRIVES = {"poisson": "Poisson drive", "dc": "direct current"}
BACKENDS = ("auto", "numba", "numpy", "cuda")
FAILED, INTERRUPTED = 2, 130
# For the space that results need: spikes per neuron and second (the microcircuit fires at 3), and
# bytes per spike before compression.
RATE_AT_MOST, BYTES_PER_SPIKE = 10.0, 12
# A scale at which single settings are tried.
SMALL = 0.01
# Code from the cache is loaded in less.
SECONDS_TO_COMPILE = 5.0
CACHE_HINT = "to keep compiled code, let CUSNN_CACHE name a folder that can be written"


class _Group(TyperGroup):
    """Whatever goes wrong, also while help is printed, is one line on stderr and an exit code."""

    def main(self, *args, **kwargs):
        kwargs["standalone_mode"] = False
        try:
            code = super().main(*args, **kwargs)
            if not code:
                sys.stdout.flush()
        except KeyboardInterrupt:
            _stderr().print("[yellow]interrupted; nothing was written[/]")
            code = INTERRUPTED
        except Exception as error:
            code = _failed(error, debug=bool(os.environ.get("CUSNN_DEBUG")))
        _close_stdout()
        sys.exit(code or 0)


app = typer.Typer(
    name="cusnn",
    cls=_Group,
    help="Spiking neural networks: simulate published models, see what this machine offers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(help="Simulate a published network.", no_args_is_help=True)
app.add_typer(models_app, name="run")

Debug = Annotated[
    bool, typer.Option("--debug", envvar="CUSNN_DEBUG", help="Show tracebacks of errors.")
]


def main() -> None:
    """Entry point of the command ``cusnn``."""
    app()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cusnn {__version__}")
        raise typer.Exit()


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@contextlib.contextmanager
def _one_line_errors(debug: bool):
    """What the library refuses becomes one line on stderr and exit code 2; Ctrl-C, 130."""
    try:
        yield
    except KeyboardInterrupt:
        _stderr().print("[yellow]interrupted; nothing was written[/]")
        raise typer.Exit(INTERRUPTED) from None
    except typer.Exit:
        raise
    except Exception as error:
        raise typer.Exit(_failed(error, debug)) from None


def _failed(error: Exception, debug: bool) -> int:
    """Say on stderr, in one line, what went wrong; the exit code."""
    from cusnn.driver import DriverError

    expected = (ValueError, TypeError, MemoryError, OSError, ImportError, DriverError)
    if debug:
        traceback.print_exception(error)
    # Errors of the command line itself: typer's own, or those of click, whichever it brings.
    of_usage = hasattr(error, "format_message")
    text = " ".join((error.format_message() if of_usage else str(error)).split())
    if of_usage and not text:
        return FAILED  # no command was given, and help has been printed
    if not (of_usage or isinstance(error, expected)):
        text = f"{type(error).__name__}: {text}"
        text += "" if debug else "; --debug shows where it happened"
    text = text or type(error).__name__
    _stderr().print(f"[bold red]error:[/] {_escape(text)}", soft_wrap=True, highlight=False)
    return FAILED


def _close_stdout() -> None:
    """Where what was printed cannot be written, have Python not try again when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
    with _one_line_errors(debug):
        chosen = _backend(backend.lower())
        order = _Order(scale, time_ms, warmup, dt, drive.lower(), seed, chosen, threads, out)
        code = _run_microcircuit(order)
    if code:
        raise typer.Exit(code)


@app.command("info")
def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Show versions, CPU, GPU and caches; what is missing, and how to get it."""
    with _one_line_errors(debug):
        from cusnn.info import collect

        found = collect()
        if as_json:
            typer.echo(json.dumps(found, indent=2))
        else:
            _print_info(found)


@dataclass(frozen=True)
class _Run:
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


@dataclass(frozen=True)
class _Order:
    """What the command line asks for."""

    scale: float
    time_ms: float
    warmup: float
    dt: float
    drive: str
    seed: int
    backend: str
    threads: int | None
    out: Path


def _backend(name: str) -> str:
    """The engine's backend, or an error that says what to do."""
    from cusnn import driver

    if name not in BACKENDS:
        raise ValueError(f"--backend must be one of {', '.join(BACKENDS)}, got {name!r}")
    if name == "cuda":
        reason = driver.unavailable()
        if reason:
            raise ValueError(f"--backend cuda: {reason}")
        raise ValueError(
            "--backend cuda: the network engine does not run on CUDA yet; take --backend numba"
        )
    if name != "numpy" and os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise ValueError(
            "NUMBA_DISABLE_JIT is set, so that nothing can be compiled; unset it, or take "
            "--backend numpy for small networks"
        )
    return "numba" if name == "auto" else name


def _run_microcircuit(order: _Order) -> int:
    """Everything between the checked command line and the exit code."""
    from cusnn.simulation import Simulation

    console = Console()
    network = _network(order)
    _check_times(order)
    _check_folder(order, network.size)
    _announce(console, order, network)
    started = time.perf_counter()
    with _progress(console) as progress:
        progress.add_task("compiling and building", total=None, note="")
        simulation = Simulation(network, backend=order.backend, threads=order.threads)
    run = _simulate(console, order, simulation)
    summary = _summary(order, network, simulation, run)
    _print_table(console, summary)
    _print_speed(console, summary, time.perf_counter() - started)
    _write(console, order, run, summary)
    return INTERRUPTED if run.interrupted else 0


def _network(order: _Order):
    """The network; what the library refuses comes back with the flag that is to blame."""
    from cusnn import models

    for flag, value, advice in (
        ("scale", order.scale, ""),
        ("drive", order.drive, ""),
        ("dt", order.dt, "; take 0.1, 0.05 or 0.02"),
        ("seed", order.seed, ""),
    ):
        try:
            models.microcircuit(**{"scale": SMALL, flag: value})
        except (ValueError, TypeError) as error:
            _, _, text = str(error).partition(": ")
            raise ValueError(f"--{flag} {value}: {text}{advice}") from None
    return models.microcircuit(order.scale, drive=order.drive, dt=order.dt, seed=order.seed)


def _check_times(order: _Order) -> None:
    """Bad times must not come out after a build of minutes."""
    for name, value in (("--time", order.time_ms), ("--warmup", order.warmup)):
        least = "above 0" if name == "--time" else "at least 0"
        if not (0 <= value < float("inf")) or (name == "--time" and value == 0):
            raise ValueError(f"{name} must be a number of ms, {least}, got {value:g}")
        steps = round(value / order.dt)
        if abs(steps * order.dt - value) > 1e-6 * order.dt:
            raise ValueError(f"{name} must be a multiple of --dt {order.dt:g} ms, got {value:g}")
    from cusnn.simulation import most_threads

    if order.threads is not None and not 1 <= order.threads <= most_threads():
        raise ValueError(f"--threads must be 1 to {most_threads()}, got {order.threads}")


def _check_folder(order: _Order, n_neurons: int) -> None:
    """Make the folder, write a byte, and look at the free space, before anything takes long."""
    for path in (order.out, *order.out.parents):
        if path.exists() and not path.is_dir():
            reason = f"cannot write to {order.out}: {path} is not a folder"
            raise OSError(f"{reason}; take another --out")
    try:
        order.out.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=order.out, prefix=".probe-") as probe:
            probe.write(b"x")
            probe.flush()
        free = shutil.disk_usage(order.out).free
    except OSError as error:
        raise _unwritable(order.out, error) from None
    seconds = (order.time_ms + order.warmup) / 1000.0
    needed = 2e6 + n_neurons * seconds * RATE_AT_MOST * BYTES_PER_SPIKE
    if free < needed:
        raise OSError(
            f"--out {order.out}: {free / 1e6:.1f} MB are free there, the results may need "
            f"{needed / 1e6:.1f} MB; take a shorter --time, or a folder with more room"
        )


def _unwritable(path: Path, error: OSError) -> OSError:
    return OSError(f"cannot write to {path}: {error.strerror or error}; take another --out")


def _announce(console: Console, order: _Order, network) -> None:
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


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _simulate(console: Console, order: _Order, simulation) -> _Run:
    """Warm-up and measured stretch under one progress bar; Ctrl-C ends them early."""
    total = order.warmup + order.time_ms
    before, interrupted = None, False
    try:
        console.print(_built(simulation), soft_wrap=True)
        with _progress(console) as progress:
            task = progress.add_task("simulating", total=total, note="")

            def show(done: float, offset: float) -> None:
                note = f"{offset + done:,.0f} of {total:,.0f} ms"
                progress.update(task, completed=offset + done, note=note)

            simulation.run(order.warmup, progress=lambda done, _: show(done, 0.0))
            before = simulation.result()
            simulation.run(order.time_ms, progress=lambda done, _: show(done, order.warmup))
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
        return _Run(result, interrupted, 0.0, result.wall_s, result.events)
    wall_s, events = result.wall_s - before.wall_s, result.events - before.events
    return _Run(result, interrupted, before.duration, wall_s, events)


def _built(simulation) -> str:
    built = f"built in {_seconds(simulation.build_s)}"
    if simulation.backend == "numpy":
        return built
    if simulation.compile_s < SECONDS_TO_COMPILE:
        return f"{built}, compiled code loaded in {_seconds(simulation.compile_s)}"
    from cusnn import info

    kept = "once; kept in the cache" if info.numba_cache_lasts() else f"not kept; {CACHE_HINT}"
    return f"compiled in {_seconds(simulation.compile_s)} ({kept}), {built}"


def _summary(order: _Order, network, simulation, run: _Run) -> dict:
    """All figures of a run, as ``summary.json`` holds them."""
    from cusnn import info

    wall_s, events = run.wall_s, run.events
    return {
        "model": "microcircuit",
        "interrupted": run.interrupted,
        "settings": {
            "scale": order.scale,
            "drive": order.drive,
            "dt_ms": order.dt,
            "seed": order.seed,
            "backend": order.backend,
            "threads": simulation.threads,
            "warmup_ms": order.warmup,
            "time_ms": order.time_ms,
        },
        "network": {"neurons": network.size, "synapses": network.n_synapses},
        "populations": _population_figures(order, network, run),
        "performance": {
            "compile_s": simulation.compile_s,
            "build_s": simulation.build_s,
            "left_out_ms": run.skip_ms,
            "measured_ms": run.measured_ms,
            "measured_wall_s": wall_s,
            "real_time_factor": _ratio(wall_s * 1000.0, run.measured_ms),
            "spikes": int(_kept(order, run).sum()),
            "synaptic_events": int(events),
            "synaptic_events_per_s": _ratio(events, wall_s),
            "ns_per_synaptic_event": _ratio(1e9 * wall_s, events),
            "memory_estimate_bytes": int(simulation.memory),
            "peak_memory_bytes": info.peak_memory_bytes(),
        },
        "versions": info.versions(),
        "host": info.host(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _kept(order: _Order, run: _Run):
    """Which spikes come after the time that is left out, bool [n]."""
    return run.result.steps * order.dt >= run.skip_ms - 0.5 * order.dt


def _population_figures(order: _Order, network, run: _Run) -> dict:
    import numpy as np

    from cusnn import analysis, models

    result = run.result
    kept = _kept(order, run)
    cv = analysis.cv_isi(result.times[kept], result.neurons[kept], network.size)
    rates = result.rates(run.skip_ms) if run.measured_ms > 0 else {}
    known = models.microcircuit_rates(order.scale, order.drive)
    figures = {}
    for label, part in network.slices.items():
        defined = cv[part][np.isfinite(cv[part])]
        figures[label] = {
            "neurons": part.stop - part.start,
            "rate_hz": rates.get(label),
            "published_rate_hz": known["published"][label],
            "nest_rate_hz": known["nest"][label] if "nest" in known else None,
            "cv_isi": float(defined.mean()) if defined.size else None,
            "cv_isi_neurons": int(defined.size),
        }
    return figures


def _ratio(numerator: float, denominator: float) -> float | None:
    return numerator / denominator if denominator else None


def _print_table(console: Console, summary: dict) -> None:
    from cusnn.plots import pretty

    figures = summary["populations"]
    same_scale = any(row["nest_rate_hz"] is not None for row in figures.values())
    table = Table(title="mean rates in Hz", title_justify="left")
    table.add_column("population", no_wrap=True)
    headers = ["neurons", "rate", "published,\nfull size"]
    if same_scale:
        headers.append(f"NEST at\nscale {summary['settings']['scale']:g}")
    for header in (*headers, "CV of ISI"):
        table.add_column(header, justify="right")
    for label, row in figures.items():
        rates = [row["rate_hz"], row["published_rate_hz"]]
        rates += [row["nest_rate_hz"]] if same_scale else []
        table.add_row(
            pretty(label),
            f"{row['neurons']:,}",
            *(_number(value, ".3f") for value in rates),
            _number(row["cv_isi"], ".2f"),
            style="red" if label.endswith("I") else "blue",
        )
    console.print(table)
    console.print(
        "CV of ISI: mean over neurons with at least three spikes; a short run makes it small",
        style="dim",
        soft_wrap=True,
    )


def _print_speed(console: Console, summary: dict, total_s: float) -> None:
    speed = summary["performance"]
    rows = {
        "real-time factor": f"{_digits(speed['real_time_factor'])} "
        f"({_seconds(speed['measured_wall_s'])} for {speed['measured_ms']:g} ms of model time)",
        "synaptic events": f"{_number(speed['synaptic_events_per_s'], ',.0f')} per second, "
        f"{_number(speed['ns_per_synaptic_event'], '.2f')} ns each",
        "spikes": f"{speed['spikes']:,}",
        "build": f"{_seconds(speed['build_s'])}; {_seconds(total_s)} with everything",
        "peak memory": _gigabytes(speed["peak_memory_bytes"]),
    }
    console.print(_pairs(rows))


def _write(console: Console, order: _Order, run: _Run, summary: dict) -> None:
    """spikes.npz, summary.json, raster.png; each whole or not at all."""
    written: list[str] = []
    try:
        _write_files(console, order, run, summary, written)
    except KeyboardInterrupt:
        if not written:
            raise
        names = ", ".join(written)
        _stderr().print(f"[yellow]interrupted; only {names} was written[/]", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    console.print(f"wrote {', '.join(written)} to {_escape(order.out)}", soft_wrap=True)


def _write_files(console: Console, order: _Order, run: _Run, summary: dict, written: list) -> None:
    """Write one after the other, and note in ``written`` what is there."""
    text = json.dumps(summary, indent=2) + "\n"
    _write_file(order.out / "spikes.npz", run.result.save)
    written.append("spikes.npz")
    _write_file(order.out / "summary.json", lambda path: path.write_text(text, encoding="utf-8"))
    written.append("summary.json")
    try:
        figure = _figure(run, summary)
    except ImportError as error:
        (order.out / "raster.png").unlink(missing_ok=True)
        console.print(f"[yellow]raster.png was left out:[/] {_escape(error)}", soft_wrap=True)
    else:
        _write_file(order.out / "raster.png", lambda path: figure.savefig(path, format="png"))
        written.insert(1, "raster.png")


def _figure(run: _Run, summary: dict):
    from cusnn import plots

    result, figures = run.result, summary["populations"]
    nest = any(row["nest_rate_hz"] is not None for row in figures.values())
    key = "nest_rate_hz" if nest else "published_rate_hz"
    network, settings = summary["network"], summary["settings"]
    return plots.activity(
        result.times,
        result.neurons,
        result.slices,
        start=run.skip_ms,
        stop=max(result.duration, run.skip_ms + settings["dt_ms"]),
        mean_rates={label: row["rate_hz"] or 0.0 for label, row in figures.items()},
        reference={label: row[key] for label, row in figures.items()},
        reference_label="NEST, same scale" if nest else "published, full size",
        title=f"Cortical microcircuit at scale {settings['scale']:g}: "
        f"{network['neurons']:,} neurons, {network['synapses']:,} synapses, "
        f"{DRIVES[settings['drive']]}",
    )


def _write_file(path: Path, write) -> None:
    """Write beside, then rename, so that no reader and no full disk leaves half a file."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _print_info(found: dict) -> None:
    console = Console()
    versions, host, threads, gpu = (found[k] for k in ("versions", "host", "threads", "gpu"))
    missing = {
        "cupy": f"not installed; for an NVIDIA GPU: {_install_hint()}",
        "matplotlib": 'not installed; for plots: pip install "cusnn[plot]"',
    }
    rows = {name: version or missing.get(name, "missing") for name, version in versions.items()}
    rows["CPU"] = f"{host['cpu']}, {host['cores']} cores to use"
    rows["memory"] = _gigabytes(host["memory_bytes"])
    rows["system"] = host["system"]
    layer = "OpenMP" if threads["openmp"] else f"no OpenMP ({threads['why_not']})"
    if threads["chosen_by_user"]:
        layer += f", NUMBA_THREADING_LAYER={threads['chosen_by_user']}"
    notes = (layer, threads["advice"], threads["processes"])
    rows["Numba threads"] = "; ".join(filter(None, notes))
    rows["GPU"] = _gpu_text(gpu)
    rows["cache, CUDA"], rows["cache, Numba"] = found["caches"]["cubins"], found["caches"]["numba"]
    if not found["caches"]["numba_lasts"]:
        rows["cache, Numba"] += f" for this process alone; {CACHE_HINT}"
    console.print(_pairs(rows))


def _gpu_text(gpu: dict) -> str:
    if gpu["usable"]:
        return (
            f"{gpu['name']}, {_gigabytes(gpu['memory_bytes'])}, "
            f"compute capability {gpu['compute_capability']}, "
            f"CUDA driver {gpu['cuda_driver']}, runtime {gpu['cuda_runtime']}"
        )
    name = f"{gpu['name']} (driver {gpu['nvidia_driver']}): " if "name" in gpu else ""
    return f"{name}{gpu['reason']}; {gpu['advice']}"


def _install_hint() -> str:
    from cusnn.driver import INSTALL_HINT

    return INSTALL_HINT


def _pairs(rows: dict[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows.items():
        table.add_row(name, _escape(text))
    return table


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _digits(value: float | None) -> str:
    """Three digits, or all of a large number."""
    return "-" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _seconds(value: float) -> str:
    return f"{_digits(value)} s"


def _gigabytes(n_bytes: int | None) -> str:
    return "unknown" if n_bytes is None else f"{n_bytes / 1e9:.2f} GB"


def _escape(text) -> str:
    return escape(str(text))


def _stderr() -> Console:
    return Console(stderr=True)
