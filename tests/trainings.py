"""Small trainings that several test files share."""

from dataclasses import replace

import numpy as np

from cusnn.data import Values
from cusnn.training import (
    Adam,
    Cosine,
    CrossEntropyMaxMembrane,
    Readout,
    Sequential,
    SpikingDense,
    Trainer,
)

CLASSES, FEATURES, STEPS = 3, 12, 8


def patterns(n=60, encoding="direct", steps=STEPS, seed=0):
    """Three noisy patterns, easily told apart."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    centers = np.random.default_rng(7).random((CLASSES, FEATURES))
    values = np.clip(centers[labels] + 0.05 * rng.standard_normal((n, FEATURES)), 0, 1)
    return Values(values.astype(np.float32), labels, steps=steps, encoding=encoding)


def network(kind=SpikingDense, size=20, *, static=True, seed=1, **options):
    shared = {"input_rate": 0.5, "steps": STEPS, "seed": seed, "name": "hidden"}
    hidden = kind(FEATURES, size, static_input=static, **shared, **options)
    return Sequential([hidden, Readout(size, CLASSES, seed=seed + 1, name="readout")])


def trainer(model=None, *, epochs=4, checkpoint=None, seed=3, **options):
    return Trainer(
        network() if model is None else model,
        options.pop("loss", CrossEntropyMaxMembrane()),
        options.pop("optimizer", None) or Adam(0.01, weight_decay=0.1),
        epochs=epochs,
        batch_size=16,
        schedule=Cosine(0.1),
        seed=seed,
        checkpoint=checkpoint,
        **options,
    )


def stop_in(epoch, batch):
    """A progress function by which Ctrl-C comes in an epoch (from 1), after a batch."""
    seen = {"epoch": 1, "batch": 0}

    def progress(_, done):
        if done is not None:
            seen.update(epoch=seen["epoch"] + 1, batch=0)
            return
        seen["batch"] += 1
        if (seen["epoch"], seen["batch"]) == (epoch, batch):
            raise KeyboardInterrupt

    return progress


def without_seconds(history):
    return [replace(one, seconds=0.0) for one in history]
