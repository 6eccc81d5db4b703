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
from cusnn.cli.orders import DRIVES, Order
from cusnn.cli.simulation import Run
from cusnn.cli.tables import escape, stderr

# For the space that results need: spikes per neuron and second (the microcircuit fires at 3), and
# bytes per spike before compression.
RATE_AT_MOST, BYTES_PER_SPIKE = 10.0, 12


def check_folder(order: Order, n_neurons: int) -> None:
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


def write(console: Console, order: Order, run: Run, summary: dict) -> None:
    """spikes.npz, summary.json, raster.png; each whole or not at all."""
    written: list[str] = []
    try:
        _write_files(console, order, run, summary, written)
    except KeyboardInterrupt:
        if not written:
            raise
        names = ", ".join(written)
        stderr().print(f"[yellow]interrupted; only {names} was written[/]", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    console.print(f"wrote {', '.join(written)} to {escape(order.out)}", soft_wrap=True)


def _write_files(console: Console, order: Order, run: Run, summary: dict, written: list) -> None:
    """Write one after the other, and note in ``written`` what is there."""
    text = json.dumps(summary, indent=2) + "\n"
    _write_file(order.out / "spikes.npz", run.result.save)
    written.append("spikes.npz")
    _write_file(order.out / "summary.json", lambda path: path.write_text(text, encoding="utf-8"))
    written.append("summary.json")
    try:
        figure = picture(run, summary)
    except ImportError as error:
        (order.out / "raster.png").unlink(missing_ok=True)
        console.print(f"[yellow]raster.png was left out:[/] {escape(error)}", soft_wrap=True)
    else:
        _write_file(order.out / "raster.png", lambda path: figure.savefig(path, format="png"))
        written.insert(1, "raster.png")


def picture(run: Run, summary: dict):
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
