"""Training over epochs: batches, loss, gradients, steps, checkpoints, and what is watched."""

from __future__ import annotations

import json
import math
import time
import warnings
from dataclasses import asdict, dataclass, field

import numpy as np

from cusnn.training import files
from cusnn.training.decoders import accuracy, confusion_matrix, decode
from cusnn.training.initial import drawn
from cusnn.training.layers import library_of
from cusnn.training.losses import check_finite, check_labels, rate_penalties
from cusnn.training.optimizers import Constant
from cusnn.training.sequential import Sequential

# A layer is called dead or saturated where so large a share of its neurons is.
MOST_DEAD = 0.9
SATURATED_RATE, MOST_SATURATED = 0.95, 0.9
# The counter's second word, by which noise shares no number with weights of the same seed.
NOISE = 1


class LayerWarning(UserWarning):
    """A layer that is dead or saturated."""


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training.

    Attributes:
        number: 1, 2, ...
        loss, accuracy: means over the training data, each batch before its step.
        held_loss, held_accuracy: over the held-out data, after the epoch; None without them.
        rates: spikes per neuron and step of each spiking layer, over the training data.
        dead: share of the neurons of each spiking layer that never fired.
        seconds: for training, without what is held out.
    """

    number: int
    loss: float
    accuracy: float
    held_loss: float | None
    held_accuracy: float | None
    rates: dict[str, float]
    dead: dict[str, float]
    seconds: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model's answers to a dataset.

    Attributes:
        accuracy, loss: means over the samples.
        confusion: as ``confusion_matrix``, int64 [classes, classes + 1].
        predicted, labels: int64 [n]; -1 where no neuron answered.
        rates: spikes per neuron and step of each spiking layer.
        spikes: per sample, of each spiking layer.
        dead: share of the neurons of each spiking layer that never fired.
    """

    accuracy: float
    loss: float
    confusion: np.ndarray
    predicted: np.ndarray
    labels: np.ndarray
    rates: dict[str, float]
    spikes: dict[str, float]
    dead: dict[str, float]

    @property
    def spikes_per_inference(self) -> float:
        """Spikes of all layers for one sample, on average."""
        return sum(self.spikes.values())


class Trainer:
    """Trains a model on a dataset, epoch after epoch.

    The order of the samples and the random spikes of an encoding follow from (seed, epoch), hence
    the same seed gives the same weights, bit for bit, on the same backend and machine, and a
    training that goes on from its checkpoint ends as one that was never interrupted.

    Args:
        model: ``Sequential``.
        loss: of ``cusnn.training``; it must fit the last layer.
        optimizer: ``Adam`` or ``SGD``, not used before.
        epochs: how many in all; schedules reach over them.
        batch_size: samples per step.
        regularisers: ``LowerRate``, ``UpperRate``.
        noise: standard deviation of what is added to values [B, N] in training, anew in every
            epoch; it keeps small data sets from being learned by heart.
        schedule: factor of the learning rate, ``Constant`` or ``Cosine``.
        decoder: "count", "first" or "membrane"; None for what the loss needs.
        seed: of the order of samples and of random spikes, 0 to 2^32 - 1.
        checkpoint: file to write after every epoch; None for none.
        prefetch: batches that a thread makes ahead.
        about: what to keep in the checkpoint, for JSON.

    Attributes:
        epoch: epochs that are done.
        history: an ``Epoch`` for each.

    Raises:
        ValueError: a loss that does not fit the last layer, or a number out of range.
    """

    def __init__(
        self,
        model: Sequential,
        loss,
        optimizer,
        *,
        epochs: int = 20,
        batch_size: int = 64,
        regularisers=(),
        noise: float = 0.0,
        schedule=Constant(),  # noqa: B008  frozen
        decoder: str | None = None,
        seed: int = 0,
        checkpoint=None,
        prefetch: int = 2,
        about: dict | None = None,
    ):
        for name, value in (("epochs", epochs), ("batch_size", batch_size)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"Trainer: {name} must be an integer of 1 or more, got {value!r}")
        if not (math.isfinite(noise) and noise >= 0):
            raise ValueError(f"Trainer: noise must be a number of 0 or more, got {noise!r}")
        if (loss.needs == "counts") != model.layers[-1].spiking:
            raise ValueError(
                f"Trainer: {type(loss).__name__} needs {loss.needs}, which the last layer, "
                f"{model.layers[-1]!r}, does not give"
            )
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.epochs, self.batch_size, self.seed = epochs, batch_size, seed
        self.regularisers, self.schedule = tuple(regularisers), schedule
        self.noise = float(noise)
        self.decoder = decoder or ("count" if loss.needs == "counts" else "membrane")
        self.checkpoint, self.prefetch, self.about = checkpoint, prefetch, about or {}
        self.epoch, self.history, self._warned = 0, [], set()

    def fit(self, train, held=None, *, progress=None) -> list[Epoch]:
        """Train the epochs that are left.

        Args:
            train: a dataset of ``cusnn.data``.
            held: a dataset to evaluate after every epoch, without any effect on the training.
            progress: called with the share of the epoch that is done, 0 to 1, after every batch,
                and with the ``Epoch`` after it.

        Returns:
            ``history``.

        Raises:
            ValueError: data that do not fit the model, labels out of range, numbers that are not
                finite, or a loss that is not.
        """
        self._check_data(train)
        while self.epoch < self.epochs:
            done = self._train_epoch(train, held, progress)
            self.history.append(done)
            self.epoch += 1
            if self.checkpoint is not None:
                self.save(self.checkpoint)
            if progress is not None:
                progress(1.0, done)
        return self.history

    def evaluate(self, dataset) -> Evaluation:
        """Answers to all samples of a dataset, in its order."""
        self._check_data(dataset)
        watch, predicted, labels, losses = _Watch(self.model), [], [], 0.0
        with dataset.batches(self.batch_size, prefetch=self.prefetch) as batches:
            for batch in batches:
                activities = self._forward(_given(dataset, batch), dataset.steps)
                value, _ = self.loss(activities[-1], self._labels(batch.labels))
                losses += float(value) * len(batch.labels)
                answers = decode(activities[-1], self.decoder, backend=self.model.backend)
                predicted.append(files.on_host(answers))
                labels.append(batch.labels)
                watch.add(activities)
        predicted, labels = np.concatenate(predicted), np.concatenate(labels)
        return Evaluation(
            accuracy=accuracy(predicted, labels),
            loss=losses / labels.size,
            confusion=confusion_matrix(predicted, labels, self.model.layers[-1].size),
            predicted=predicted,
            labels=labels,
            rates=watch.rates(),
            spikes=watch.spikes(),
            dead=watch.dead(),
        )

    def save(self, path) -> None:
        """Write all that ``resume`` needs, whole or not at all."""
        header = {
            "about": self.about,
            "training": {
                "settings": self._settings(),
                "epoch": self.epoch,
                "count": self.optimizer.count,
                "history": [asdict(one) for one in self.history],
            },
        }
        stored = {
            f"optimizer:{name}": getattr(self.optimizer, name)
            for name in self.optimizer.stored
            if self.optimizer.count
        }
        files.write(path, header, self.model, stored)

    def resume(self, path, about: dict | None = None) -> None:
        """Go on from a checkpoint of the same model and settings.

        Args:
            path: what ``save`` wrote, or ``fit`` with a ``checkpoint``.
            about: if given, what the file must say about itself.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: no whole checkpoint, or one of another model or of other settings.
        """
        header, arrays = files.read(path)
        training = header.get("training")
        if training is None:
            raise ValueError(f"resume: {path} holds a model, but no training to go on with")
        _check_same(path, training["settings"], self._settings())
        if about is not None:
            _check_same(path, header["about"], json.loads(json.dumps(about)))
        files.restore(path, self.model, arrays)
        self._restore_optimizer(path, training, arrays)
        self.history = [Epoch(**one) for one in training["history"]]
        self.epoch = training["epoch"]

    def _restore_optimizer(self, path, training: dict, arrays: dict) -> None:
        values = self.model.values
        for name in self.optimizer.stored:
            stored = arrays.get(f"optimizer:{name}")
            if stored is None or stored.shape != values.shape or stored.dtype != np.float32:
                raise ValueError(f"resume: {path} is damaged: {name} does not fit the parameters")
            setattr(self.optimizer, name, library_of(values).asarray(stored))
        self.optimizer.count = training["count"]

    def _settings(self) -> dict:
        """What must be the same for a training to end the same, for JSON."""
        return {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "seed": self.seed,
            "loss": repr(self.loss),
            "optimizer": repr(self.optimizer),
            "schedule": repr(self.schedule),
            "regularisers": repr(self.regularisers),
            "noise": self.noise,
        }

    def _train_epoch(self, train, held, progress) -> Epoch:
        watch, right, started = _Watch(self.model), 0, time.perf_counter()
        losses, samples = 0.0, 0
        shuffled = {"seed": self.seed, "epoch": self.epoch, "prefetch": self.prefetch}
        with train.batches(self.batch_size, **shuffled) as batches:
            total = len(batches)
            for place, batch in enumerate(batches):
                share = (self.epoch + place / total) / self.epochs
                given = self._disturbed(_given(train, batch), place)
                labels = self._labels(batch.labels)
                value, answers = self._step(given, labels, train.steps, share, watch)
                size = len(batch.labels)
                losses = losses + value * size
                right = right + (answers == labels).sum()
                samples += size
                if progress is not None:
                    progress((place + 1) / total, None)
        loss = check_finite(losses / samples)
        seconds = time.perf_counter() - started
        self._warn(watch)
        after = None if held is None else self.evaluate(held)
        return Epoch(
            number=self.epoch + 1,
            loss=loss,
            accuracy=int(right) / samples,
            held_loss=None if after is None else after.loss,
            held_accuracy=None if after is None else after.accuracy,
            rates=watch.rates(),
            dead=watch.dead(),
            seconds=seconds,
        )

    def _step(self, given, labels, steps: int, share: float, watch):
        """One batch forward and back, and a step of the optimizer."""
        activities = self._forward(given, steps)
        value, grad = self.loss(activities[-1], labels)
        penalty, extra = rate_penalties(self.regularisers, self.model.layers, activities)
        self.model.backward(grad, extra)
        self.optimizer.step(self.model, self.schedule(share))
        watch.add(activities)
        answers = decode(activities[-1], self.decoder, backend=self.model.backend)
        return value + penalty, answers

    def _forward(self, given, steps: int):
        return self.model.forward(library_of(self.model.values).asarray(given), steps)

    def _disturbed(self, given, place: int):
        """Values with noise that follows from (seed, epoch, batch) alone."""
        if not self.noise or given.dtype != np.float32:
            return given
        stream = (self.epoch << 32) + place
        return given + drawn(self.seed, stream, given.shape, self.noise, NOISE)

    def _labels(self, labels):
        check_labels(labels, self.model.layers[-1].size)
        return library_of(self.model.values).asarray(labels)

    def _check_data(self, dataset) -> None:
        first, last = self.model.layers[0], self.model.layers[-1]
        if dataset.features != first.inputs:
            raise ValueError(
                f"Trainer: the data have {dataset.features} features, {first} takes {first.inputs}"
            )
        if len(dataset.classes) > last.size:
            raise ValueError(
                f"Trainer: the data have {len(dataset.classes)} classes, {last} has {last.size} "
                f"neurons"
            )
        if dataset.steps < 1:
            raise ValueError(f"Trainer: the data must have 1 step or more, got {dataset.steps}")

    def _warn(self, watch) -> None:
        """Once for a layer and what it suffers from."""
        for name, trouble in watch.troubles():
            if (name, trouble.split()[0]) not in self._warned:
                self._warned.add((name, trouble.split()[0]))
                warnings.warn(f"layer {name!r} is {trouble}", LayerWarning, stacklevel=4)


def _check_same(path, stored: dict, wanted: dict) -> None:
    for name, value in wanted.items():
        other = stored.get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            _check_same(path, other, value)
        elif other != value:
            raise ValueError(
                f"resume: {path} is of a training with {name} {other}, got {value}; give the "
                f"settings it began with, or begin anew"
            )


def _given(dataset, batch):
    """What the first layer takes of a batch."""
    return batch.values if getattr(dataset, "encoding", None) == "direct" else batch.packed


@dataclass
class _Watch:
    """Spikes of every neuron of every spiking layer, added up over batches."""

    model: Sequential
    counts: dict = field(default_factory=dict)
    chances: dict = field(default_factory=dict)
    samples: int = 0

    def add(self, activities) -> None:
        for layer, activity in zip(self.model.layers, activities, strict=True):
            if activity.counts is None:
                continue
            batch = activity.counts.shape[0]
            total = activity.counts.sum(axis=0)
            known = self.counts.get(layer.name)
            self.counts[layer.name] = total if known is None else known + total
            chances = self.chances.get(layer.name, 0)
            self.chances[layer.name] = chances + batch * activity.steps
        self.samples += activities[0].samples

    def _by_neuron(self) -> dict[str, np.ndarray]:
        return {
            name: files.on_host(counts) / self.chances[name] for name, counts in self.counts.items()
        }

    def rates(self) -> dict[str, float]:
        return {name: float(rates.mean()) for name, rates in self._by_neuron().items()}

    def spikes(self) -> dict[str, float]:
        return {
            name: float(files.on_host(counts).sum()) / self.samples
            for name, counts in self.counts.items()
        }

    def dead(self) -> dict[str, float]:
        return {name: float((rates == 0).mean()) for name, rates in self._by_neuron().items()}

    def troubles(self):
        """Name of a layer, and what is wrong with it in words."""
        for name, rates in self._by_neuron().items():
            silent, always = int((rates == 0).sum()), int((rates >= SATURATED_RATE).sum())
            if silent >= MOST_DEAD * rates.size:
                yield (
                    name,
                    f"dead: {silent} of {rates.size} neurons never fired in an epoch; take "
                    f"larger initial weights (a smaller xi), a lower threshold or a LowerRate",
                )
            if always >= MOST_SATURATED * rates.size:
                yield (
                    name,
                    f"saturated: {always} of {rates.size} neurons fired in {SATURATED_RATE:.0%} of "
                    f"the steps of an epoch or more; take smaller weights (a larger xi), a higher "
                    f"threshold or an UpperRate",
                )
