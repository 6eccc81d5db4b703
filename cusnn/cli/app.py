"""The commands' common root, and options that several of them have."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, get_type_hints

import typer

from cusnn import __version__
from cusnn.cli.errors import Group, one_line_errors

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


def command(app: typer.Typer, name: str, shared: type) -> Callable:
    """A decorator that makes a command of a function.

    The command has the function's own options, those of a dataclass that several commands share,
    and ``--debug``. The function gets an instance of the dataclass, then its own options, and
    returns the exit code.
    """

    def offer(function: Callable) -> Callable:
        def run(debug: bool, **given) -> None:
            with one_line_errors(debug):
                asked = shared(**{one.name: given.pop(one.name) for one in fields(shared)})
                code = function(asked, **given)
            if code:
                raise typer.Exit(code)

        keyword, hints = inspect.Parameter.KEYWORD_ONLY, get_type_hints(shared, include_extras=True)
        _, *own = inspect.signature(function, eval_str=True).parameters.values()
        options = [option.replace(kind=keyword) for option in own]
        options += [
            inspect.Parameter(one.name, keyword, annotation=hints[one.name], default=one.default)
            for one in fields(shared)
        ]
        options.append(inspect.Parameter("debug", keyword, annotation=Debug, default=False))
        run.__signature__ = inspect.Signature(options)
        run.__annotations__ = {option.name: option.annotation for option in options}
        run.__doc__ = function.__doc__
        app.command(name)(run)
        return function

    return offer


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
