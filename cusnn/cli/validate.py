"""``cusnn validate``: is the activity of our runs that of a reference?"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cusnn.cli import models
from cusnn.cli.app import command, validate_app
from cusnn.cli.files import BYTES_BESIDE, results_folder, write_json, write_picture
from cusnn.cli.run import Backend, Seed, Threads, announce
from cusnn.cli.settings import Settings, backend_of, check
from cusnn.cli.simulation import build, simulate
from cusnn.cli.tables import escape, number

OUTSIDE = 1
DT = 0.1
NAMES = {"rate": "rate, Hz", "cv_isi": "CV of ISI", "correlation": "correlation"}

Seeds = Annotated[
    int, typer.Option(help="Runs; distances are their mean. The first has --seed.", min=1)
]
ReferenceFile = Annotated[
    Path | None,
    typer.Option(
        "--reference", help="File of a reference; the package's own of the model if not given."
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Folder for the results; runs/validate-MODEL if not given.")
]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every validation is asked for, as on the command line."""

    seeds: Seeds = 1
    seed: Seed = 1
    reference: ReferenceFile = None
    backend: Backend = "auto"
    threads: Threads = None
    out: Out = None

    def settings(self, name: str) -> Settings:
        """For the network of a name, but for the time, which the reference says."""
        return Settings(
            time_ms=DT,
            warmup=0.0,
            dt=DT,
            seed=self.seed,
            backend=backend_of(self.backend.lower()),
            threads=self.threads,
            out=self.out or Path("runs") / f"validate-{name}",
        )


@command(validate_app, "microcircuit", Options)
def microcircuit(
    asked: Options,
    scale: Annotated[
        float, typer.Option(help="Share of neurons and of in-degrees, above 0 and at most 1.")
    ] = 0.2,
    drive: Annotated[
        str, typer.Option(metavar="dc|poisson", help="Outer input: Poisson spikes or current.")
    ] = "poisson",
) -> int:
    """Hold the cortical microcircuit against NEST's: rates, CVs of ISI, correlations.

    Runs the reference's model time. Prints the Kolmogorov-Smirnov distance of every distribution
    beside the largest that NEST's own seeds let expect; exit code 1 where one is larger.

    Writes validation.json and validation.png.
    """
    options = {"scale": scale, "drive": drive.lower()}
    return _run(models.microcircuit, options, asked, "microcircuit", ("scale", "drive"))


@command(validate_app, "brunel", Options)
def brunel(
    asked: Options,
) -> int:
    """Hold the network of Brunel (2000), regime C, against NEST's."""
    options = {"order": 2500, "regime": "C", "g": None, "eta": None, "v_reset": None}
    return _run(models.brunel, options, asked, "brunel", ())


@command(validate_app, "vogels-abbott", Options)
def vogels_abbott(
    asked: Options,
    kind: Annotated[
        str, typer.Option(metavar="cuba|coba", help="Synaptic currents or conductances.")
    ] = "cuba",
) -> int:
    """Hold the CUBA or the COBA network of Vogels and Abbott against NEST's."""
    options = {"kind": kind.lower(), "size": 4000, "in_degree": 80}
    options |= {"connectivity": "in-degree", "weights": "nest"}
    return _run(models.vogels_abbott, options, asked, "vogels-abbott", ("kind",))


def _run(model, options: dict, asked: Options, name: str, telling: tuple) -> int:
    """Settings, reference, runs; the exit code.

    Args:
        model: settings and options -> what is published of the network that was asked for.
        name: of the model.
        telling: options that tell its references apart.
    """
    settings = asked.settings(name)

    def order(settings: Settings) -> models.Published:
        return model(settings, **options)

    known = order(settings).options
    reference = _reference(name, [known[one] for one in telling], asked.reference)
    time_ms = reference.stop - reference.start
    settings = dataclasses.replace(settings, time_ms=time_ms, warmup=reference.start)
    seeds = range(asked.seed, asked.seed + asked.seeds)
    return 0 if _validate(order, settings, reference, seeds) else OUTSIDE


def _reference(name: str, options: list, path: Path | None):
    """The reference that was named, or the package's own."""
    from cusnn.validation import Reference

    if path is not None:
        if not path.is_file():
            raise ValueError(f"--reference {path}: there is no such file")
        return Reference.load(path)
    begin = f"{name.replace('-', '_')}_reference"
    file = begin + "".join(f"_{value}" for value in options) + ".npz"
    folder = resources.files("cusnn.models")
    known = sorted(entry.name for entry in folder.iterdir() if entry.name.startswith(begin))
    if file not in known:
        raise ValueError(
            f"validate {name}: there is no {file}, there are {', '.join(known) or 'none'}; make "
            f"one with benchmarks/nest_reference.py, and name it with --reference"
        )
    with resources.as_file(folder / file) as found:
        return Reference.load(found)


def _validate(order, settings: Settings, reference, seeds: range) -> bool:
    """Runs, comparison, table and files; whether all is inside."""
    console = Console(emoji=False)
    with results_folder(settings.out, BYTES_BESIDE):
        validations = []
        for seed in seeds:
            own = dataclasses.replace(settings, seed=seed)
            published = order(own)
            _check_sizes(published.network, reference)
            check(own, published.network)
            announce(console, published, own)
            validations.append(_compared(console, published, own, reference))
        found = summarize(published, settings, seeds, validations)
        _print(console, found)
        write_json(settings.out / "validation.json", found)
        written = ["validation.json"]
        if write_picture(
            console,
            settings.out / "validation.png",
            lambda: _picture(published, validations[0]),
        ):
            written.append("validation.png")
        console.print(f"wrote {', '.join(written)} to {escape(settings.out)}", soft_wrap=True)
    return found["inside"]


def _compared(console: Console, published, settings: Settings, reference):
    """One run beside the reference; Ctrl-C leaves nothing."""
    from cusnn.validation import compare

    run = simulate(console, settings, build(console, published.network, settings))
    if run.interrupted:
        raise KeyboardInterrupt
    slices = {label: run.result.slices[label] for label in reference.sizes}
    return compare(dataclasses.replace(run.result, slices=slices), reference)


def _check_sizes(network, reference) -> None:
    own = {label: part.stop - part.start for label, part in network.slices.items()}
    for label, size in reference.sizes.items():
        if own.get(label) != size:
            raise ValueError(
                f"--reference is of another network: {label} has {size} neurons there, "
                f"{own.get(label, 'none')} here"
            )


def summarize(published, settings: Settings, seeds: range, validations: list) -> dict:
    """All comparisons, as ``validation.json`` holds them; distances are means over the seeds."""
    from cusnn import info

    comparisons = [_mean(ones) for ones in zip(*(v.comparisons for v in validations), strict=True)]
    reference = validations[0].reference
    return {
        "model": published.name,
        "inside": all(one["inside"] for one in comparisons),
        "settings": {
            **published.options,
            "dt_ms": settings.dt,
            "seeds": list(seeds),
            "backend": settings.backend,
            "warmup_ms": settings.warmup,
            "time_ms": settings.time_ms,
        },
        "reference": {**reference.about, "number_of_seeds": reference.n_seeds},
        "comparisons": comparisons,
        "versions": info.versions(),
        "host": info.host(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _mean(ones: tuple) -> dict:
    """One statistic of one population over the seeds."""
    first = ones[0]
    distance = sum(one.distance for one in ones) / len(ones)
    return {
        "population": first.population,
        "statistic": first.statistic,
        "mean": _known(sum(one.mean for one in ones) / len(ones)),
        "reference_mean": _known(first.reference_mean),
        "distance": _known(distance),
        "threshold": _known(first.threshold),
        "inside": bool(distance <= first.threshold),
        "distances": [_known(one.distance) for one in ones],
    }


def _known(value: float) -> float | None:
    """nan is not JSON."""
    return float(value) if value == value else None


def _print(console: Console, found: dict) -> None:
    from cusnn.plots import pretty

    about = found["reference"]
    simulator = about.get("simulator", "the reference")
    table = Table(
        title=f"Kolmogorov-Smirnov distances to {about['number_of_seeds']} seeds of {simulator}",
        title_justify="left",
    )
    table.add_column("population", no_wrap=True)
    table.add_column("statistic", no_wrap=True)
    for header in ("mean", "reference", "distance", "at most", ""):
        table.add_column(header, justify="right")
    for one in found["comparisons"]:
        table.add_row(
            pretty(one["population"]),
            NAMES[one["statistic"]],
            *(number(one[name], ".4g") for name in ("mean", "reference_mean")),
            *(number(one[name], ".3f") for name in ("distance", "threshold")),
            "" if one["inside"] else "outside",
            style=None if one["inside"] else "red",
        )
    console.print(table)
    outside = sum(not one["inside"] for one in found["comparisons"])
    verdict = "[green]all inside[/]" if not outside else f"[bold red]{outside} outside[/]"
    console.print(f"{verdict} of what the reference's seeds differ among themselves")


def _picture(published, validation):
    from cusnn import plots

    title = f"{published.title.replace('[/]', '')} {published.size}, {published.about}"
    name = validation.reference.about.get("simulator", "reference")
    return plots.validation(validation, reference_label=name, title=title)
