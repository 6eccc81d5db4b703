"""The commands' common root, and options that several of them have."""

from __future__ import annotations

from typing import Annotated

import typer

from cusnn import __version__
from cusnn.cli.errors import Group

app = typer.Typer(
    name="cusnn",
    cls=Group,
    help="Spiking neural networks: simulate and validate published models, train on data, compare "
    "energy, see what this machine offers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
models_app = typer.Typer(help="Simulate a published network.", no_args_is_help=True)
validate_app = typer.Typer(
    help="Hold a published network's activity against a reference.", no_args_is_help=True
)
train_app = typer.Typer(
    help="Train a network by surrogate gradients, evaluate a trained one.", no_args_is_help=True
)
energy_app = typer.Typer(
    help="Price what ran on published devices; see the devices, and where spiking wins."
)
app.add_typer(models_app, name="run")
app.add_typer(validate_app, name="validate")
app.add_typer(train_app, name="train")
app.add_typer(energy_app, name="energy")

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
