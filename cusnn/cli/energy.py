"""``cusnn energy``: counts on devices, the devices themselves, where spiking wins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cusnn.cli.app import Debug, energy_app
from cusnn.cli.comparison import Spent
from cusnn.cli.errors import one_line_errors
from cusnn.cli.files import results_folder
from cusnn.cli.tables import escape, plain_table

BYTES_BESIDE = 2e6

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@energy_app.callback(invoke_without_command=True)
def energy(
    context: typer.Context,
    counts: Annotated[
        Path | None,
        typer.Option(help="File counts.json of a run or a training.", show_default=False),
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A device, in full; again for more.", show_default="the usual ones"
        ),
    ] = None,
    hops: Annotated[
        float | None,
        typer.Option(help="Hops of a spike between routers, to suppose.", show_default="none"),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="How long a device is on for it.", show_default="the model time"),
    ] = None,
    charge_input: Annotated[
        bool,
        typer.Option(
            "--charge-input", help="Spikes of stimuli cost a synaptic operation each, but on GPUs."
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for energy.json and energy.png; none if not given.")
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Price counts on published devices: cusnn energy --counts FILE."""
    if context.invoked_subcommand is not None:
        return
    with one_line_errors(debug):
        if counts is None:
            raise ValueError(
                "energy: give --counts FILE, which cusnn run ... --energy writes; or take "
                "cusnn energy devices, cusnn energy crossover"
            )
        spent = Spent.of(
            _workload(counts),
            device_names=device,
            hops_per_spike=hops,
            seconds=seconds,
            charge_input_spikes=charge_input,
        )
        if as_json:
            typer.echo(spent.comparison.to_json())
        else:
            _print_spent(Console(emoji=False), spent, in_full=bool(device))
        if out is not None:
            _write_spent(spent, out, as_json)


def _workload(path: Path):
    from cusnn.energy import Workload

    if not path.is_file():
        raise ValueError(f"--counts {path}: there is no such file")
    try:
        return Workload.load(path)
    except (ValueError, TypeError, UnicodeDecodeError) as error:
        text = str(error).removeprefix("Workload.load: ").removeprefix("Workload: ")
        raise ValueError(
            f"--counts {path} is no file of counts of cusnn: {text.removeprefix(f'{path} ')}"
        ) from None


def _print_spent(console: Console, spent: Spent, in_full: bool) -> None:
    if not in_full:
        spent.print(console)
        return
    for one in spent.comparison.estimates:
        console.print(escape(one), soft_wrap=True, highlight=False)


def _write_spent(spent: Spent, out: Path, quiet: bool) -> None:
    console = Console(emoji=False, quiet=quiet)
    with results_folder(out, BYTES_BESIDE):
        written = [*spent.write_comparison(out), *spent.draw(console, out)]
    console.print(f"wrote {', '.join(written)} to {escape(out)}", soft_wrap=True)


@energy_app.command("devices")
def list_devices(
    name: Annotated[
        str | None, typer.Argument(help="One of them, with all that is published of it.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the whole table with its sources.")
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """List the devices, their prices, and where those were published."""
    with one_line_errors(debug):
        if markdown:
            _print_markdown(name)
        elif name is None:
            _list(Console(emoji=False), as_json)
        else:
            _show(Console(emoji=False), name, as_json)


def _print_markdown(name: str | None) -> None:
    from cusnn.energy.hardware import hardware_markdown

    if name is not None:
        raise ValueError(f"devices: --markdown is of all devices, without {name}")
    typer.echo(hardware_markdown(), nl=False)


def _list(console: Console, as_json: bool) -> None:
    from cusnn.energy import devices

    rows = [
        (
            one.name,
            one.title,
            one.kind.replace("_", " "),
            one.scope.replace("_", " "),
            sum(price.value is not None for price in one.prices),
        )
        for one in devices().values()
    ]
    if as_json:
        names = ("name", "title", "kind", "scope", "figures")
        typer.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2))
        return
    table = plain_table(f"{len(rows)} devices", "name")
    # A name that is cut short cannot be asked for.
    table.columns[0].min_width = max(len(name) for name, *_ in rows)
    for header in ("device", "kind", "scope", "figures"):
        table.add_column(header, justify="right" if header == "figures" else "left")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)
    console.print("cusnn energy devices NAME shows one; the scope says what its prices hold")


def _show(console: Console, name: str, as_json: bool) -> None:
    """Every figure of a device with unit, scope, evidence, condition and source."""
    from dataclasses import asdict

    from cusnn.energy import device

    found = device(name)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2))
        return
    console.print(f"[bold]{escape(found.title)}[/] ({escape(found.name)}): {escape(found.about)}")
    sources = list(dict.fromkeys(price.source for price in found.prices if price.source))
    table = plain_table("", "figure")
    table.add_column("value", justify="right")
    for header in ("scope", "evidence", "condition"):
        table.add_column(header)
    table.add_column("source", justify="right")
    for price in found.prices:
        known = "none published" if price.value is None else _value(price)
        number = f"[{sources.index(price.source) + 1}]" if price.source else ""
        cells = (price.term, known, price.scope, price.evidence)
        named = (cell.replace("_", " ") for cell in cells)
        table.add_row(*map(escape, (*named, price.condition, number)))
    console.print(table)
    for number, source in enumerate(sources, 1):
        console.print(escape(f"[{number}] {source}"), soft_wrap=True, highlight=False)


def _value(price) -> str:
    return f"{price.value:g}" if price.unit == "year" else f"{price.value:,g} {price.unit}"
