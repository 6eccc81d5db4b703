"""``python -m benchmarks cpu | gpu | networks | scaling | training | energy | report``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import gpu as gpu_parts
from benchmarks import report as reports
from cusnn import driver

os.environ.setdefault("MPLBACKEND", "Agg")
NO_GPU, FAILED = 2, 1
RESULTS = Path(__file__).resolve().parent / "results"

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _refuse(text: object) -> None:
    typer.echo(f"error: {' '.join(str(text).split())}", err=True)
    raise typer.Exit(NO_GPU)


@app.command()
def cpu(
    out: Annotated[Path, typer.Option(help="Folder of the result files.")] = RESULTS / "cpu",
    select: Annotated[str, typer.Option("-k", help="Only cases whose name holds this.")] = "",
) -> None:
    """Measure every operation on NumPy and Numba: table, JSON, Markdown and picture."""
    from benchmarks import cpu as suite
    from benchmarks.cases import CASES

    chosen = tuple(case for case in CASES if case.sizes and select in case.name)
    if not chosen:
        _refuse(f"no case is named like {select!r}")
    code = suite.run(out, chosen)
    _render(out / "cpu.json")
    raise typer.Exit(code)


@app.command()
def gpu(
    part: Annotated[str, typer.Option(help="Only this part.")] = "",
    out: Annotated[Path | None, typer.Option(help="Folder of the result files.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Show the parts and stop.")] = False,
) -> None:
    """Test and measure everything on this machine's GPU, in parts of nine minutes at most."""
    parts = gpu_parts.PARTS
    if list_:
        for name, function in parts.items():
            typer.echo(f"{name:<13} {function.__doc__.splitlines()[0]}")
        raise typer.Exit()
    if part and part not in parts:
        _refuse(f"part must be one of {', '.join(parts)}, got {part!r}")
    reason = driver.unavailable()
    if reason:
        _refuse(reason)
    out = (out or gpu_parts.default_out()).resolve()
    statuses = {part: gpu_parts.run_part(part, out)} if part else gpu_parts.run_all(out)
    if "kernels" in statuses:
        _render(out / "kernels.json")
    if not part:
        for name, status in statuses.items():
            typer.echo(f"{name:<13} {status}")
        typer.echo(f"written: {out}")
    bad = any(status in gpu_parts.BAD for status in statuses.values())
    raise typer.Exit(FAILED if bad else 0)


@app.command()
def networks(
    only: Annotated[list[str] | None, typer.Option(help="Only networks named so.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Timed runs of each.")] = 3,
    threads: Annotated[str, typer.Option(help="Numbers of threads, with commas.")] = "1,2",
    out: Annotated[Path, typer.Option(help="Folder of the result files.")] = RESULTS / "networks",
    nest_python: Annotated[str, typer.Option(help="Python that has NEST.")] = sys.executable,
    brian_python: Annotated[str, typer.Option(help="Python that has Brian 2.")] = sys.executable,
    again: Annotated[bool, typer.Option(help="Measure anew what is there.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show the networks and stop.")] = False,
) -> None:
    """Whole networks, cusnn beside NEST and Brian 2: statistics first, then times."""
    from benchmarks import network_table
    from benchmarks import networks as suite
    from benchmarks.network_rows import ROWS

    if list_:
        for name, row in ROWS.items():
            typer.echo(f"{name:<23} {row.title}")
        raise typer.Exit()
    if unknown := set(only or ()) - set(ROWS):
        _refuse(f"only must be of {', '.join(ROWS)}, got {', '.join(sorted(unknown))}")
    chosen = tuple(row for row in ROWS.values() if not only or row.name in only)
    suite.run(
        out.resolve(),
        chosen,
        programs=suite.programs(nest_python, brian_python),
        threads=_thread_numbers(threads),
        repeat=repeat,
        again=again,
    )
    _render(out / "networks.json", network_table.write)


@app.command()
def scaling(
    scales: Annotated[str, typer.Option(help="With commas.")] = "0.1,0.2,0.3,0.5,0.7,1.0",
    repeat: Annotated[int, typer.Option(min=1, help="Timed runs of each.")] = 3,
    threads: Annotated[str, typer.Option(help="Numbers of threads, with commas.")] = "1,2",
    out: Annotated[Path, typer.Option(help="Folder of the result files.")] = RESULTS / "networks",
    again: Annotated[bool, typer.Option(help="Measure anew what is there.")] = False,
) -> None:
    """How time and memory of the microcircuit grow with its size, and why."""
    from benchmarks import scaling as suite

    try:
        numbers = tuple(float(scale) for scale in scales.split(","))
    except ValueError:
        _refuse(f"scales must be numbers with commas, got {scales!r}")
    suite.run(out.resolve(), numbers, _thread_numbers(threads), repeat, again)
    _render(out / "scaling.json", suite.write)


@app.command()
def training(
    only: Annotated[list[str] | None, typer.Option(help="Only rows named so.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Processes of each contender.")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each.")] = 2,
    out: Annotated[Path, typer.Option(help="Folder of the result files.")] = RESULTS / "training",
    again: Annotated[bool, typer.Option(help="Measure anew what is there.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Show the rows and stop.")] = False,
) -> None:
    """Training beside snnTorch, SpikingJelly, Norse: spikes and gradients first, then times."""
    from benchmarks import training as suite
    from benchmarks import training_table

    if list_:
        for name, title in suite.TITLES.items():
            typer.echo(f"{name:<13} {title}")
        raise typer.Exit()
    if unknown := set(only or ()) - set(suite.ROWS):
        _refuse(f"only must be of {', '.join(suite.ROWS)}, got {', '.join(sorted(unknown))}")
    chosen = tuple(name for name in suite.ROWS if not only or name in only)
    suite.run(out.resolve(), chosen, threads=threads, repeat=repeat, again=again)
    _render(out / "training.json", training_table.write)


@app.command()
def energy(
    scale: Annotated[float, typer.Option(help="Of the microcircuit.")] = 0.1,
    time: Annotated[float, typer.Option(help="Model time of a run, ms.")] = 1000.0,
    repeat: Annotated[int, typer.Option(min=1, help="Runs of each kind.")] = 10,
    threads: Annotated[int | None, typer.Option(help="As of a simulation.")] = None,
    backend: Annotated[str | None, typer.Option(help="As of a simulation.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the result files.")] = RESULTS / "energy",
) -> None:
    """What counting for the energy model adds to a run: runs with and without it, in turns."""
    from benchmarks import energy_cost

    try:
        path = energy_cost.run(
            out.resolve(),
            scale=scale,
            time_ms=time,
            repeat=repeat,
            threads=threads,
            backend=backend,
        )
    except (ValueError, TypeError) as error:
        _refuse(error)
    typer.echo(path.with_suffix(".md").read_text(encoding="utf-8"), nl=False)


def _thread_numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(number) for number in text.split(","))
    except ValueError:
        numbers = (0,)
    if min(numbers) < 1:
        _refuse(f"threads must be numbers of at least 1 with commas, got {text!r}")
    return numbers


def _render(path: Path, write: Callable[[Path], list[Path]] = reports.write) -> None:
    """A table and a picture beside the numbers, where there are any and matplotlib is there."""
    try:
        write(path)
    except (OSError, ValueError, ImportError) as error:
        typer.echo(f"no report of {path.name}: {error}")


@app.command()
def report(
    file: Annotated[Path, typer.Argument(help="JSON of pytest-benchmark or of this command.")],
    out: Annotated[Path | None, typer.Option(help="Folder; the file's own if not given.")] = None,
) -> None:
    """Render results as a Markdown table and a picture."""
    try:
        for path in reports.write(file, out):
            typer.echo(path)
    except (OSError, ValueError, ImportError) as error:
        _refuse(error)


if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
