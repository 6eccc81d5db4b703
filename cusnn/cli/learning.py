"""A training under a progress bar, and its figures: as tables, as JSON, as pictures."""

from __future__ import annotations

import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from cusnn.cli.comparison import Spent
from cusnn.cli.errors import INTERRUPTED
from cusnn.cli.files import write_file, write_json, write_picture
from cusnn.cli.settings import counters
from cusnn.cli.tables import escape, number, seconds, stderr

SURROGATES = ("atan", "exponential", "fast-sigmoid", "gaussian", "rectangle", "sigmoid", "triangle")
LOSSES = ("membrane", "count", "mse")
LEARNABLE = ("decay", "threshold")
MODEL, CHECKPOINT = "model.npz", "checkpoint.npz"


@dataclass(frozen=True)
class Training:
    """A training that is ready to begin, or to go on."""

    order: object
    recipe: object
    model: object
    trainer: object
    train: object
    test: object

    def run(self, console: Console) -> int:
        """Train, evaluate, write; the exit code."""
        announce(console, self)
        interrupted = fit(console, self)
        if interrupted:
            self._after_interrupt(console)
            return INTERRUPTED
        report = Report.of(self.trainer, self.test)
        history = self.trainer.history
        print_history(console, history)
        report.print(console, self.recipe)
        if self.recipe.patience is not None:
            console.print(f"the model is that of epoch {self.trainer.best.number}, the best")
        out = self.order.out
        write_file(out / MODEL, self._save)
        summary = {
            "recipe": self.recipe.settings(),
            "seed": self.order.seed,
            "backend": self.order.backend,
            "validation": self.order.validation,
            **report.figures,
            "epoch_of_the_model": self.recipe.patience and self.trainer.best.number,
            "history": [asdict(one) for one in history],
            "seconds_per_epoch": [one.seconds for one in history],
            "versions": _info().versions(),
            "host": _info().host(),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        written = [MODEL, CHECKPOINT, "summary.json"]
        if self.order.energy:
            spent = self._spent()
            summary["energy"] = spent.figures
            spent.print(console)
            written += spent.write(out)
        write_json(out / "summary.json", summary)
        if write_picture(console, out / "learning_curve.png", self._curves):
            written.append("learning_curve.png")
        if report.write_confusion(console, out):
            written.append("confusion_matrix.png")
        console.print(f"wrote {', '.join(written)} to {escape(out)}", soft_wrap=True)
        console.print(f"cusnn train evaluate {escape(out / MODEL)} reads the model again")
        return 0

    def _spent(self) -> Spent:
        """The energy of answering all of the held-out data, once."""
        from cusnn.energy import count_model, measure

        def answer() -> None:
            self.trainer.evaluate(self.test)

        found = [measure(answer, source=source) for source in counters(self.order.backend)]
        workload = count_model(
            self.model,
            self.test,
            batch_size=self.trainer.batch_size,
            name=f"answers of {self.recipe.title}",
        )
        return Spent.of(workload, found)

    def _save(self, path) -> None:
        from cusnn.training import save_model

        save_model(path, self.model, self.trainer.about)

    def _curves(self):
        from cusnn import plots

        held = "validation" if self.order.validation else "test"
        return plots.training(self.trainer.history, held_label=held, title=self.recipe.title)

    def _after_interrupt(self, console: Console) -> None:
        done = self.trainer.epoch
        text = f"interrupted in epoch {done + 1} of {self.trainer.epochs}"
        if done:
            text += (
                f"; {done} epoch{'s are' if done > 1 else ' is'} in "
                f"{self.order.out / CHECKPOINT}, --resume goes on from there"
            )
        else:
            text += "; nothing was written"
        stderr().print(f"[yellow]{escape(text)}[/]", soft_wrap=True)


@dataclass(frozen=True)
class Report:
    """What a model does on data.

    Attributes:
        evaluation: ``cusnn.training.Evaluation``.
        classes: their names.
    """

    evaluation: object
    classes: tuple[str, ...]

    @classmethod
    def of(cls, trainer, dataset) -> Report:
        return cls(trainer.evaluate(dataset), dataset.classes)

    @property
    def figures(self) -> dict:
        """For JSON."""
        found = self.evaluation
        return {
            "accuracy": found.accuracy,
            "loss": found.loss,
            "samples": len(found.labels),
            "classes": list(self.classes),
            "confusion_matrix": found.confusion.tolist(),
            "confusion_matrix_axes": "row: label; column: answer, the last: no answer",
            "spikes_per_inference": found.spikes_per_inference,
            "spikes_per_inference_by_layer": found.spikes,
            "firing_rates_per_step": found.rates,
            "dead_neurons_share": found.dead,
        }

    def print(self, console: Console, recipe) -> None:
        """Accuracy, what to expect, and a row for each layer."""
        found = self.evaluation
        right = int((found.predicted == found.labels).sum())
        console.print(
            f"[bold]accuracy {found.accuracy:.2%}[/] ({right} of {len(found.labels)}), loss "
            f"{found.loss:.4f}, {found.spikes_per_inference:,.1f} spikes per inference",
            soft_wrap=True,
        )
        console.print(f"to expect: {escape(recipe.expected)}", soft_wrap=True)
        table = Table("layer", *("spikes per inference", "spikes per step", "silent neurons"))
        for name, spikes in found.spikes.items():
            cells = (f"{spikes:,.1f}", f"{found.rates[name]:.4f}", f"{found.dead[name]:.1%}")
            table.add_row(escape(name), *cells)
        console.print(table)

    def write_confusion(self, console: Console, out: Path) -> bool:
        """Whether confusion_matrix.png was written."""

        def draw():
            from cusnn import plots

            title = f"accuracy {self.evaluation.accuracy:.2%}"
            return plots.confusions(self.evaluation.confusion, self.classes, title=title)

        return write_picture(console, out / "confusion_matrix.png", draw)


def prepared(console: Console, order) -> Training:
    """Data, network and trainer; ValueError before anything takes long."""
    from cusnn.training import RECIPES

    recipe = RECIPES[order.name].changed(**_checked(order.changes))
    if not 0 <= order.seed < 2**32:
        raise ValueError(f"--seed must be 0 to 2**32 - 1, got {order.seed}")
    if order.noise and recipe.encoding != "direct":
        raise ValueError(f"--noise is for --encoding direct, got {recipe.encoding}")
    train, test = recipe.data(order.data, seed=order.seed)
    if order.validation is not None:
        if not 0 < order.validation < 1:
            raise ValueError(f"--validation must be above 0 and below 1, got {order.validation}")
        train, test = train.split(order.validation, seed=order.seed)
    if recipe.patience is not None and order.validation is None:
        raise ValueError(
            "--patience needs --validation: an epoch chosen by the test data would look better "
            "than it is"
        )
    model = _placed(recipe.model(train, seed=order.seed, backend=order.backend), order.backend)
    about = {
        "recipe": recipe.settings(),
        "seed": order.seed,
        "validation": order.validation,
        "data": None if order.data is None else str(order.data.absolute()),
    }
    trainer = recipe.trainer(model, seed=order.seed, checkpoint=order.out / CHECKPOINT, about=about)
    if order.resume:
        _resume(trainer, order.out / CHECKPOINT, about)
    return Training(order, recipe, model, trainer, train, test)


def evaluated(console: Console, path: Path, data: Path | None, backend: str) -> Report:
    """A saved model's report on its test data, printed."""
    from cusnn.training import Recipe, load_model

    model, about = load_model(path, backend=backend)
    if "recipe" not in about:
        raise ValueError(f"evaluate: {path} does not say what it was trained on")
    recipe = Recipe.of(about["recipe"])
    place = about["data"] if data is None else data
    train, test = recipe.data(place, seed=about["seed"])
    if about["validation"]:
        _, test = train.split(about["validation"], seed=about["seed"])
    trainer = recipe.trainer(_placed(model, backend), seed=about["seed"])
    console.print(
        f"[bold]{escape(path)}: {recipe.title}[/], {model!r}, {recipe.steps} steps, seed "
        f"{about['seed']}, backend {backend}",
        soft_wrap=True,
    )
    report = Report.of(trainer, test)
    report.print(console, recipe)
    return report


def announce(console: Console, training: Training) -> None:
    """What will be trained, and how."""
    recipe, trainer = training.recipe, training.trainer
    console.print(
        f"[bold]{recipe.title}: {training.model!r}, {training.model.values.size:,} parameters",
        soft_wrap=True,
    )
    held = "held out for validation" if training.order.validation else "for the test"
    console.print(
        f"{len(training.train):,} samples to train, {len(training.test):,} {held}, "
        f"{recipe.steps} steps, input {recipe.encoding}, surrogate {recipe.surrogate}, loss "
        f"{recipe.loss}, {trainer.epochs} epochs of batches of {trainer.batch_size}, learning rate "
        f"{recipe.rate:g}, seed {training.order.seed}, backend {training.order.backend}",
        soft_wrap=True,
    )
    if trainer.epoch:
        console.print(f"goes on after epoch {trainer.epoch}")


def fit(console: Console, training: Training) -> bool:
    """Train under a progress bar; whether Ctrl-C ended it. Warnings are printed after it."""
    trainer, interrupted = training.trainer, False
    with warnings.catch_warnings(record=True) as caught, _progress_bar(console) as progress:
        warnings.simplefilter("always")
        compiles = training.order.backend != "numpy"
        begin = "first batch (compiles, once)" if compiles else "training"
        task = progress.add_task(begin, total=trainer.epochs, note="")

        def show(share: float, done) -> None:
            completed = trainer.epoch + (share if done is None else 0)
            progress.update(task, completed=completed, description="training")
            if done is not None:
                progress.update(task, note=_in_words(done, trainer.epochs))

        try:
            trainer.fit(training.train, training.test, progress=show)
        except KeyboardInterrupt:
            interrupted = True
    for one in caught:
        stderr().print(f"[yellow]warning:[/] {escape(one.message)}", soft_wrap=True)
    return interrupted


def print_history(console: Console, history) -> None:
    """A row for some epochs, the first and the last among them."""
    table = Table("epoch", "loss", "accuracy", "held-out loss", "held-out accuracy", "time")
    every = max(1, -(-len(history) // 10))
    for one in history:
        if one.number % every == 0 or one.number in (1, len(history)):
            table.add_row(
                str(one.number),
                f"{one.loss:.4f}",
                f"{one.accuracy:.2%}",
                number(one.held_loss, ".4f"),
                number(one.held_accuracy, ".2%"),
                seconds(one.seconds),
            )
    console.print(table)


def _in_words(epoch, epochs: int) -> str:
    held = "" if epoch.held_accuracy is None else f", held out {epoch.held_accuracy:.2%}"
    return f"epoch {epoch.number} of {epochs}: loss {epoch.loss:.3f}{held}"


def _checked(changes: dict) -> dict:
    """The command line's words as the recipe's values."""
    found = dict(changes)
    for name in ("epochs", "steps", "batch_size", "patience"):
        if found[name] is not None and found[name] < 1:
            raise ValueError(f"--{name.partition('_')[0]} must be 1 or more, got {found[name]}")
    if found["hidden"] is not None:
        found["hidden"] = _sizes(found["hidden"])
    if found["learn"] is not None:
        names = tuple(name.strip() for name in found["learn"].split(","))
        if not set(names) <= set(LEARNABLE):
            raise ValueError(f"--learn must be of {', '.join(LEARNABLE)}, got {found['learn']!r}")
        found["learn"] = names
    known = {
        "surrogate": SURROGATES,
        "loss": LOSSES,
        "encoding": ("direct", "rate", "latency"),
    }
    for name, allowed in known.items():
        if found[name] is not None:
            found[name] = found[name].lower()
            if found[name] not in allowed:
                raise ValueError(
                    f"--{name} must be one of {', '.join(allowed)}, got {found[name]!r}"
                )
    return found


def _sizes(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(f"--hidden must be sizes such as 100 or 256,128, got {text!r}")
    return tuple(int(part) for part in parts)


def _resume(trainer, path: Path, about: dict) -> None:
    if not path.is_file():
        raise ValueError(f"--resume: there is no {path}; leave --resume out to begin")
    trainer.resume(path, about=about)


def _placed(model, backend: str):
    """The model where its backend computes."""
    if backend != "cuda":
        return model
    from cusnn import driver

    return model.to(driver.arrays())


def _info():
    from cusnn import info

    return info


def _progress_bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
