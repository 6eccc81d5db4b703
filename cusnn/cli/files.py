"""The folder of a run and its files, each whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import typer
from rich.console import Console

from cusnn.cli.errors import INTERRUPTED
from cusnn.cli.models import Published
from cusnn.cli.settings import FORMATS, Settings, records
from cusnn.cli.simulation import Run
from cusnn.cli.tables import escape, stderr

# For the space that results need: spikes per neuron and second where more are not expected, bytes
# per spike and per sample before compression, and bytes of pictures and text.
RATE_AT_MOST, BYTES_PER_SPIKE, BYTES_PER_SAMPLE, BYTES_BESIDE = 10.0, 12, 4, 2e6


@contextlib.contextmanager
def results_folder(out: Path, needed: float):
    """Make a folder, write a byte, look at the free space; take it away again if it stays empty.

    Raises:
        OSError: it cannot be made or written to, or fewer than ``needed`` bytes are free.
    """
    for path in (out, *out.parents):
        if path.exists() and not path.is_dir():
            raise OSError(f"cannot write to {out}: {path} is not a folder; take another --out")
    new = [path for path in (out, *out.parents) if not path.exists()]
    try:
        _check_room(out, needed)
        yield
    finally:
        # A folder with something in it stays, and so do those around it.
        with contextlib.suppress(OSError):
            for path in new:
                path.rmdir()


def _check_room(out: Path, needed: float) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=out, prefix=".probe-") as probe:
            probe.write(b"x")
            probe.flush()
        free = shutil.disk_usage(out).free
    except OSError as error:
        raise _unwritable(out, error) from None
    if free < needed:
        raise OSError(
            f"--out {out}: {free / 1e6:.1f} MB are free there, the results may need "
            f"{needed / 1e6:.1f} MB; take a shorter --time, or a folder with more room"
        )


def bytes_needed(published: Published, settings: Settings) -> float:
    """Room that the results of a run may take."""
    expected = (rate for rates in published.rates.values() for rate in rates.values())
    rate = max(RATE_AT_MOST, 1.5 * max(expected, default=0.0))
    seconds = (settings.time_ms + settings.warmup) / 1000.0
    samples = sum(
        len(record.variables) * len(record.neurons)
        for record in records(settings, published.network)
    )
    spikes = published.network.size * seconds * rate
    states = samples * seconds * 1000.0 / settings.dt
    return BYTES_BESIDE + BYTES_PER_SPIKE * spikes + BYTES_PER_SAMPLE * states


def _unwritable(path: Path, error: OSError) -> OSError:
    return OSError(f"cannot write to {path}: {error.strerror or error}; take another --out")


def write(console: Console, settings: Settings, run: Run, summary: dict, draw, spent=None) -> None:
    """Spikes, summary.json, raster.png, and files of energy; each whole or not at all.

    Args:
        draw: function without arguments that returns the picture.
        spent: energy of the run, or None.
    """
    written: list[str] = []
    try:
        _write_files(console, settings, run, summary, draw, written)
        if spent is not None:
            written += spent.write(settings.out)
    except KeyboardInterrupt:
        if not written:
            raise
        names = ", ".join(written)
        stderr().print(f"[yellow]interrupted; only {names} was written[/]", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    console.print(f"wrote {', '.join(written)} to {escape(settings.out)}", soft_wrap=True)


def _write_files(
    console: Console, settings: Settings, run: Run, summary: dict, draw, written: list
) -> None:
    """Write one after the other, and note in ``written`` what is there."""
    out, spikes = settings.out, FORMATS[settings.form]
    write_file(out / spikes, run.result.save if settings.form == "npz" else run.result.save_sonata)
    written.append(spikes)
    write_json(out / "summary.json", summary)
    written.append("summary.json")
    if write_picture(console, out / "raster.png", draw):
        written.insert(1, "raster.png")


def write_json(path: Path, content: dict) -> None:
    """A file of JSON that ends in a new line."""
    text = json.dumps(content, indent=2) + "\n"
    write_file(path, lambda file: file.write_text(text, encoding="utf-8"))


def write_picture(console: Console, path: Path, draw) -> bool:
    """Whether the picture was written; without matplotlib an older one is taken away."""
    try:
        figure = draw()
    except ImportError as error:
        path.unlink(missing_ok=True)
        console.print(f"[yellow]{path.name} was left out:[/] {escape(error)}", soft_wrap=True)
        return False
    write_file(path, lambda file: figure.savefig(file, format="png"))
    return True


def write_file(path: Path, write) -> None:
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
