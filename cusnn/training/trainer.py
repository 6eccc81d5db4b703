"""Training over epochs: batches, loss, gradients, steps, checkpoints, and what is watched."""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import asdict

import numpy as np

from cusnn.training import files
from cusnn.training.checks import (
    check_data,
    check_finite,
    check_labels,
    check_noise,
    check_numbers,
    check_parts,
)
from cusnn.training.decoders import accuracy, confusion_matrix, decode
from cusnn.training.dropout import Draw
from cusnn.training.initial import drawn
from cusnn.training.layers import library_of
from cusnn.training.losses import rate_penalties
from cusnn.training.optimizers import Constant, clip_gradients
from cusnn.training.results import Epoch, Evaluation, best_of
from cusnn.training.sequential import Sequential
from cusnn.training.watch import LayerWarning, Watch

# The counter's second word, by which noise shares no number with weights of the same seed.
NOISE = 1
# Name of an array in a checkpoint.
BEST = "best"
SCHEDULE = Constant()


class Trainer:
    """Trains a model on a dataset, epoch after epoch.

    The order of the samples, random spikes, noise and dropout follow from (seed, epoch), hence
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
        schedule: factor of the learning rate, ``Constant``, ``Cosine`` or ``Steps``.
        clip: where the norm of all gradients together is above this, they are scaled down to it;
            None for no bound.
        patience: epochs without a better result on the held-out data (a higher accuracy, or a lower
            loss with the same) after which the training ends; None for all epochs.
        keep_best: end with the parameters of the best epoch by the same measure, not of the last.
        decoder: "count", "first" or "membrane"; None for what the loss needs.
        seed: of the order of samples and of random spikes, 0 to 2^32 - 1.
        checkpoint: file to write after every epoch; None for none.
        prefetch: batches that a thread makes ahead.
        about: what to keep in the checkpoint, for JSON.

    Attributes:
        epoch: epochs that are done.
        history: an ``Epoch`` for each.
        best: the best of them by the held-out data; None without.

    Raises:
        ValueError: a loss or a decoder that does not fit the last layer, a regulariser of a layer
            that there is not or that does not spike, an optimizer that was used, or a number out
            of range.
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
        schedule=SCHEDULE,
        clip: float | None = None,
        patience: int | None = None,
        keep_best: bool = False,
        decoder: str | None = None,
        seed: int = 0,
        checkpoint=None,
        prefetch: int = 2,
        about: dict | None = None,
    ):
        decoder = decoder or ("count" if loss.needs == "counts" else "membrane")
        numbers = {"epochs": epochs, "batch_size": batch_size, "patience": patience}
        check_numbers(**numbers, clip=clip, noise=noise, seed=seed)
        check_parts(model, loss, optimizer, regularisers, decoder)
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.epochs, self.batch_size, self.seed = epochs, batch_size, seed
        self.regularisers, self.schedule = tuple(regularisers), schedule
        self.noise = float(noise)
        self.clip, self.patience, self.keep_best = clip, patience, bool(keep_best)
        self.decoder, self.checkpoint = decoder, checkpoint
        self.prefetch, self.about = prefetch, about or {}
        self.epoch, self.history, self._warned, self._best_values = 0, [], set(), None

    @property
    def best(self) -> Epoch | None:
        return best_of(self.history)

    def fit(self, train, held=None, *, progress=None) -> list[Epoch]:
        """Train the epochs that are left, or until ``patience`` is at its end.

        Args:
            train: a dataset of ``cusnn.data``.
            held: a dataset to evaluate after every epoch; it has no effect on the parameters but
                by ``patience`` and ``keep_best``, which need it.
            progress: called with the share of the epoch that is done, 0 to 1, after every batch,
                and with the ``Epoch`` after it.

        Returns:
            ``history``.

        Raises:
            ValueError: data that do not fit the model, noise on spikes, labels out of range,
                numbers that are not finite, or a loss that is not.
        """
        check_data(self.model, train)
        check_noise(self.noise, train)
        if held is not None:
            check_data(self.model, held)
        if held is None and (self.patience is not None or self.keep_best):
            raise ValueError("Trainer: patience and keep_best need held-out data, got held=None")
        while self.epoch < self.epochs and not self._out_of_patience():
            done = self._train_epoch(train, held, progress)
            self.history.append(done)
            self.epoch += 1
            if self.keep_best and self.best is done:
                self._best_values = self.model.values.copy()
            if self.checkpoint is not None:
                self.save(self.checkpoint)
            if progress is not None:
                progress(1.0, done)
        if self._best_values is not None:
            self.model.values[...] = self._best_values
        return self.history

    def _out_of_patience(self) -> bool:
        if self.patience is None or self.best is None:
            return False
        return self.epoch - self.best.number >= self.patience

    def evaluate(self, dataset) -> Evaluation:
        """Answers to all samples of a dataset, in its order."""
        check_data(self.model, dataset)
        watch, predicted, labels, losses = Watch(self.model), [], [], 0.0
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
        if self._best_values is not None:
            stored[BEST] = self._best_values
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
        files.check_same(path, training["settings"], self._settings())
        if about is not None:
            files.check_same(path, header["about"], json.loads(json.dumps(about)))
        files.restore(path, self.model, arrays, header["layers"])
        self._restore_optimizer(path, training, arrays)
        if self.keep_best and training["history"]:
            self._best_values = self._like_values(path, BEST, arrays.get(BEST))
        self.history = [Epoch(**one) for one in training["history"]]
        self.epoch = training["epoch"]

    def _restore_optimizer(self, path, training: dict, arrays: dict) -> None:
        for name in self.optimizer.stored if training["count"] else ():
            stored = self._like_values(path, name, arrays.get(f"optimizer:{name}"))
            setattr(self.optimizer, name, stored)
        self.optimizer.count = training["count"]

    def _like_values(self, path, name: str, stored):
        """What a file has one number of for each parameter, where the parameters are."""
        values = self.model.values
        if stored is None or stored.shape != values.shape or stored.dtype != np.float32:
            raise ValueError(f"resume: {path} is damaged: {name} does not fit the parameters")
        return library_of(values).asarray(stored)

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
            "clip": self.clip,
            "patience": self.patience,
            "keep_best": self.keep_best,
        }

    def _train_epoch(self, train, held, progress) -> Epoch:
        watch, right, started = Watch(self.model), 0, time.perf_counter()
        losses, samples = 0.0, 0
        shuffled = {"seed": self.seed, "epoch": self.epoch, "prefetch": self.prefetch}
        with train.batches(self.batch_size, **shuffled) as batches:
            total = len(batches)
            for place, batch in enumerate(batches):
                share = (self.epoch + place / total) / self.epochs
                draw = Draw(self.seed, (self.epoch << 32) + place)
                given = self._disturbed(_given(train, batch), draw)
                labels = self._labels(batch.labels)
                try:
                    value, answers = self._step(given, labels, train.steps, share, watch, draw)
                except ValueError as error:
                    raise ValueError(
                        f"epoch {self.epoch + 1}, batch {place + 1}: {error}; where the data are "
                        f"finite, the training diverged: take a smaller learning rate, or clip"
                    ) from error
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

    def _step(self, given, labels, steps: int, share: float, watch, draw: Draw):
        """One batch forward and back, and a step of the optimizer."""
        activities = self._forward(given, steps, draw)
        value, grad = self.loss(activities[-1], labels)
        penalty, extra = rate_penalties(self.regularisers, self.model.layers, activities)
        self.model.backward(grad, extra)
        if self.clip is not None:
            clip_gradients(self.model.grads, self.clip)
        self.optimizer.step(self.model, self.schedule(share))
        watch.add(activities)
        answers = decode(activities[-1], self.decoder, backend=self.model.backend)
        return value + penalty, answers

    def _forward(self, given, steps: int, draw: Draw | None = None):
        return self.model.forward(library_of(self.model.values).asarray(given), steps, draw)

    def _disturbed(self, given, draw: Draw):
        """Values with noise that follows from (seed, epoch, batch) alone."""
        if not self.noise:
            return given
        return given + drawn(draw.seed, draw.stream, given.shape, self.noise, NOISE)

    def _labels(self, labels):
        check_labels(labels, self.model.layers[-1].size)
        return library_of(self.model.values).asarray(labels)

    def _warn(self, watch) -> None:
        """Once for a layer and what it suffers from."""
        for name, trouble in watch.troubles():
            if (name, trouble.split()[0]) not in self._warned:
                self._warned.add((name, trouble.split()[0]))
                warnings.warn(f"layer {name!r} is {trouble}", LayerWarning, stacklevel=4)


def _given(dataset, batch):
    """What the first layer takes of a batch."""
    return batch.values if getattr(dataset, "encoding", None) == "direct" else batch.packed
