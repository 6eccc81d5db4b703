"""``cusnn train``: one implementation, a command for each data set, and one that evaluates."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, get_type_hints

import typer
from rich.console import Console

from cusnn.cli import learning
from cusnn.cli.app import Debug, train_app
from cusnn.cli.errors import one_line_errors
from cusnn.cli.files import results_folder, write_json
from cusnn.cli.settings import BACKENDS, backend_of
from cusnn.cli.tables import escape

RECIPE = "the recipe's"
# Room that models, pictures and text may take, in bytes per parameter and beside.
BYTES_PER_PARAMETER, BYTES_BESIDE = 40, 2e6

Data = Annotated[
    Path | None, typer.Option(help="Folder or file with the data.", show_default=False)
]
Epochs = Annotated[int | None, typer.Option(help="Times through the data.", show_default=RECIPE)]
Steps = Annotated[int | None, typer.Option(help="Time steps per sample.", show_default=RECIPE)]
Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="direct|rate|latency",
        help="How values become input: as a current, as random spikes, as one spike each.",
        show_default=RECIPE,
    ),
]
Hidden = Annotated[
    str | None,
    typer.Option(metavar="N[,N...]", help="Sizes of hidden layers.", show_default=RECIPE),
]
Recurrent = Annotated[
    bool | None,
    typer.Option(
        "--recurrent/--feedforward",
        help="Whether hidden neurons feed one another.",
        show_default=RECIPE,
    ),
]
Surrogate = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(learning.SURROGATES),
        help="What stands for the derivative of a spike.",
        show_default=RECIPE,
    ),
]
Loss = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(learning.LOSSES),
        help="Cross-entropy of the highest membranes of a readout, or of spike counts; or mean "
        "squared error of counts.",
        show_default=RECIPE,
    ),
]
Learn = Annotated[
    str | None,
    typer.Option(
        metavar="decay,threshold", help="What hidden neurons learn too.", show_default="nothing"
    ),
]
Batch = Annotated[int | None, typer.Option(help="Samples per step.", show_default=RECIPE)]
Rate = Annotated[float | None, typer.Option(help="Learning rate.", show_default=RECIPE)]
Noise = Annotated[
    float | None,
    typer.Option(help="Deviation of noise on direct values in training.", show_default=RECIPE),
]
Dropout = Annotated[
    float | None,
    typer.Option(
        help="Share of the hidden neurons whose spikes a sample does without in training.",
        show_default=RECIPE,
    ),
]
Clip = Annotated[
    float | None,
    typer.Option(help="Most that the norm of all gradients may be.", show_default=RECIPE),
]
Patience = Annotated[
    int | None,
    typer.Option(
        help="End after so many epochs without a better result on the data of --validation, and "
        "keep the best epoch's model.",
        show_default="none",
    ),
]
Validation = Annotated[
    float | None,
    typer.Option(
        help="Share of the training data to hold out and evaluate on in place of the test data; "
        "for choosing settings.",
        show_default="none",
    ),
]
Seed = Annotated[int, typer.Option(help="Of weights, order and random spikes; 0 to 2**32 - 1.")]
Backend = Annotated[
    str, typer.Option(metavar="|".join(BACKENDS), help="What computes; auto is numba.")
]
Out = Annotated[
    Path | None, typer.Option(help="Folder for the results; runs/train-NAME if not given.")
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on from the last epoch that is in the folder of results."),
]
Energy = Annotated[
    bool,
    typer.Option("--energy", help="Compare the energy of an answer on published devices."),
]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a training is to be, checked by ``learning``; a field for each option.

    What is None and not a path is left to the recipe.
    """

    name: str
    data: Data = None
    epochs: Epochs = None
    steps: Steps = None
    encoding: Encoding = None
    hidden: Hidden = None
    recurrent: Recurrent = None
    surrogate: Surrogate = None
    loss: Loss = None
    learn: Learn = None
    batch: Batch = None
    rate: Rate = None
    dropout: Dropout = None
    noise: Noise = None
    clip: Clip = None
    validation: Validation = None
    patience: Patience = None
    seed: Seed = 1
    backend: Backend = "auto"
    out: Out = None
    resume: Resume = False
    energy: Energy = False

    @property
    def changes(self) -> dict:
        """What differs from the recipe, by its fields."""
        names = ("epochs", "steps", "encoding", "hidden", "recurrent", "surrogate", "loss", "learn")
        names += ("rate", "dropout", "noise", "clip", "patience")
        return {**{name: getattr(self, name) for name in names}, "batch_size": self.batch}


def _offer(name: str, text: str, without: tuple[str, ...] = ()) -> None:
    """A command for a recipe; its options are ``Order``'s fields but for these."""

    def command(debug: bool, **given) -> None:
        _command(debug, Order(name=name, **given))

    hints = get_type_hints(Order, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    options = [
        inspect.Parameter(
            field.name,
            keyword,
            annotation=hints[field.name],
            # A path of data is needed wherever it can be given.
            default=inspect.Parameter.empty if field.name == "data" else field.default,
        )
        for field in fields(Order)
        if field.name not in ("name", *without)
    ]
    options.append(inspect.Parameter("debug", keyword, annotation=Debug, default=False))
    command.__signature__ = inspect.Signature(options)
    command.__annotations__ = {option.name: option.annotation for option in options}
    files = "model.npz, checkpoint.npz, learning_curve.png, confusion_matrix.png and summary.json"
    command.__doc__ = f"{text}\n\nWrites {files}; with --energy counts.json and energy.json."
    train_app.command(name)(command)


_offer(
    "digits",
    'Train on scikit-learn\'s handwritten digits (needs the extra "train").',
    without=("data",),
)
_offer("mnist", "Train on MNIST, or data of its format, from a folder with the four IDX files.")
_offer(
    "shd",
    "Train on the Spiking Heidelberg Digits, from a folder with shd_train.h5 and shd_test.h5.",
    without=("encoding", "noise"),
)
_offer(
    "nmnist",
    "Train on N-MNIST, from a folder with the folders Train and Test.",
    without=("encoding", "noise"),
)


@train_app.command("evaluate")
def evaluate(
    model: Annotated[Path, typer.Argument(help="File of a trained model.", show_default=False)],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder or file with the data.", show_default="that of the training"),
    ] = None,
    backend: Backend = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder for the results; none if not given.")] = (
        None
    ),
    debug: Debug = False,
) -> None:
    """Evaluate a trained model on the test data of its training.

    With --out writes confusion_matrix.png and evaluation.json.
    """
    with one_line_errors(debug):
        console = Console(emoji=False)
        evaluation = learning.evaluated(console, model, data, backend_of(backend.lower()))
        if out is not None:
            with results_folder(out, BYTES_BESIDE):
                write_json(out / "evaluation.json", evaluation.figures)
                written = ["evaluation.json"]
                if evaluation.write_confusion(console, out):
                    written.append("confusion_matrix.png")
            console.print(f"wrote {', '.join(written)} to {escape(out)}", soft_wrap=True)


def _command(debug: bool, order: Order) -> None:
    """Recipe, training, files, and the exit code."""
    with one_line_errors(debug):
        order = replace(
            order,
            backend=backend_of(order.backend.lower()),
            out=order.out or Path("runs") / f"train-{order.name}",
        )
        console = Console(emoji=False)
        training = learning.prepared(console, order)
        needed = BYTES_BESIDE + BYTES_PER_PARAMETER * training.model.values.size
        with results_folder(order.out, needed):
            code = training.run(console)
    if code:
        raise typer.Exit(code)
