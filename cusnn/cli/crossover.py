"""``cusnn energy crossover``: below which firing rate spiking needs less energy."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cusnn.cli.app import Debug, energy_app
from cusnn.cli.comparison import verdict_table
from cusnn.cli.errors import one_line_errors
from cusnn.cli.files import results_folder, write_json, write_picture
from cusnn.cli.tables import escape, plain_table

BYTES_BESIDE = 2e6
STEPS = (1, 2, 3, 4, 5, 6, 8, 10, 16, 32, 64)
NOTE = (
    "spiking needs less energy below these rates, in spikes per neuron and step; its twin has "
    "activations of ceil(log2(T + 1)) bits"
)


@energy_app.command("crossover")
def crossover(
    fan_in: Annotated[int, typer.Option(help="Inputs of a neuron.")] = 256,
    steps: Annotated[int, typer.Option(help="Time steps T of an inference.")] = 5,
    rate: Annotated[
        float | None,
        typer.Option(help="Spikes per neuron and step, to be judged.", show_default="none"),
    ] = None,
    weights: Annotated[
        str,
        typer.Option(metavar="sram_8kib|sram_32kib|sram_1mib|dram", help="Where weights lie."),
    ] = "sram_32kib",
    bits: Annotated[int, typer.Option(help="Bits of a weight of the spiking network.")] = 8,
    twin_bits: Annotated[int, typer.Option(help="Bits of a weight of its twin.")] = 8,
    reuse: Annotated[
        float, typer.Option(help="Inputs that a weight of the twin serves once it is read.")
    ] = 1.0,
    hops: Annotated[float, typer.Option(help="Hops of a spike or an activation.")] = 0.0,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("runs/crossover"),
    debug: Debug = False,
) -> None:
    """Compare a spiking neuron with its conventional twin, over rate and time steps.

    Prices are those of 45 nm CMOS. Beside the crossover, every published threshold.

    Writes crossover.json and crossover.png.
    """
    with one_line_errors(debug):
        from cusnn.energy import verdict
        from cusnn.energy.crossover import Layer, cost_model

        model = cost_model(weights.lower())
        layer = Layer(
            fan_in=fan_in,
            steps=steps,
            snn_weight_bits=bits,
            conventional_weight_bits=twin_bits,
            weight_reuse=reuse,
            hops=hops,
        )
        verdicts = verdict(rate=0.0 if rate is None else rate, steps=steps)
        found = _rates(model, layer)
        console = Console(emoji=False)
        _print(console, model, steps, found)
        console.print(verdict_table(_title(rate, steps), verdicts, steps, judged=rate is not None))
        _write(console, out, model, layer, found, verdicts, rate)


def _title(rate: float | None, steps: int) -> str:
    if rate is None:
        return f"published thresholds at T {steps}, in spikes per synapse and inference"
    return (
        f"does spiking pay? {rate:.2%} per step, {rate * steps:.3g} spikes per synapse, T {steps}"
    )


def _rates(model, layer) -> dict[str, list[float]]:
    """Crossover rates over ``STEPS``: of the layer, and of what decides them."""
    import numpy as np

    from cusnn.energy.crossover import crossover_rate

    given = dataclasses.replace(layer, steps=np.array(STEPS))
    equal = dataclasses.replace(
        given, snn_weight_bits=given.twin_bits, conventional_weight_bits=given.twin_bits
    )
    farther = dataclasses.replace(given, hops=given.hops + 4.0)
    forms = {"as given": given, "weights of the twin's bits": equal, "4 hops more": farther}
    return {name: crossover_rate(model, form).tolist() for name, form in forms.items()}


def _print(console: Console, model, steps: int, found: dict[str, list[float]]) -> None:
    table = plain_table(f"equal energy: {model.name}", "T")
    for name in found:
        table.add_column(name, justify="right")
    for place, t in enumerate(STEPS):
        cells = (_percent(rates[place]) for rates in found.values())
        table.add_row(str(t), *cells, style="bold" if t == steps else None)
    console.print(table)
    console.print(NOTE, style="dim", soft_wrap=True)


def _percent(rate: float) -> str:
    return "never" if rate <= 0 else "always" if rate >= 1 else f"{rate:.2%}"


def _write(console: Console, out: Path, model, layer, found, verdicts, rate) -> None:
    content = {
        "model": dataclasses.asdict(model),
        "layer": dataclasses.asdict(layer),
        "steps": list(STEPS),
        "crossover_rates": found,
        "rate": rate,
        "thresholds": [one.to_dict() for one in verdicts],
    }
    if rate is None:
        for one in content["thresholds"]:
            del one["verdict"], one["spikes_per_synapse"]
    with results_folder(out, BYTES_BESIDE):
        write_json(out / "crossover.json", content)
        written = ["crossover.json"]
        if write_picture(console, out / "crossover.png", lambda: _picture(model, layer, rate)):
            written.append("crossover.png")
    console.print(f"wrote {', '.join(written)} to {escape(out)}", soft_wrap=True)


def _picture(model, layer, rate: float | None):
    """The map of steps and rates; below it the thresholds, and where the rate lies."""
    from cusnn import plots
    from cusnn.plots.style import figure_class

    figure = figure_class()(figsize=(9.0, 10.5), dpi=150, layout="constrained")
    # Each has its own room, or the long labels of one would narrow the other.
    top, bottom = (part.subplots() for part in figure.subfigures(2, 1, height_ratios=(3, 2)))
    plots.crossover_map(top, model, layer)
    if rate is not None:
        top.plot(layer.steps, 100 * rate, "k*", markersize=13)
    spikes = None if rate is None else rate * layer.steps
    plots.published_thresholds(bottom, steps=layer.steps, spikes_per_synapse=spikes)
    return figure
