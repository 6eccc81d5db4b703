"""``python -m benchmarks cpu | gpu | report``."""

from __future__ import annotations

import os
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

    chosen = tuple(case for case in CASES if select in case.name)
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


def _render(path: Path) -> None:
    """A table and a picture beside the numbers, where there are any and matplotlib is there."""
    try:
        reports.write(path)
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
