"""Recipes: a data set, a network, and how it is trained, as one record each.

``RECIPES`` has those that ``cusnn train`` runs. What accuracy to expect is stated with each: that
of ``digits`` was measured with this package, the others are published figures of other packages
with networks of the same size, and were not measured here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from cusnn import data
from cusnn.data.values import ENCODINGS
from cusnn.neurons import LI, LIF
from cusnn.surrogates import (
    ATan,
    Exponential,
    FastSigmoid,
    Gaussian,
    Rectangle,
    Sigmoid,
    Surrogate,
    Triangle,
)
from cusnn.training.dense import SpikingDense
from cusnn.training.losses import CrossEntropyCount, CrossEntropyMaxMembrane, MSECount
from cusnn.training.optimizers import Adam, Cosine
from cusnn.training.readout import Readout
from cusnn.training.recurrent import SpikingRecurrent
from cusnn.training.sequential import Sequential
from cusnn.training.trainer import Trainer

SURROGATES: dict[str, Surrogate] = {
    "atan": ATan(),
    "exponential": Exponential(slope=2.0),
    "fast-sigmoid": FastSigmoid(slope=5.0),
    "gaussian": Gaussian(),
    "rectangle": Rectangle(),
    "sigmoid": Sigmoid(),
    "triangle": Triangle(),
}
LOSSES = {
    "membrane": CrossEntropyMaxMembrane(),
    "count": CrossEntropyCount(),
    "mse": MSECount(),
}
# Of scikit-learn's digits, 360 of 1,797; which ones follows from this seed, and never from that
# of a training.
DIGITS_HELD, DIGITS_SPLIT = 360 / 1797, 0
# Samples by which the rate of the inputs is measured, for the scale of the initial weights.
MEASURED = 256


@dataclass(frozen=True)
class Recipe:
    """What a training is made of; every field but the first four may be replaced.

    Attributes:
        name: of the data set.
        title: in words.
        needs_data: whether a path to the data must be given.
        expected: accuracy to expect, and where that is from.
        hidden: sizes of the hidden layers.
        recurrent: whether their neurons feed one another.
        steps: T.
        encoding: of values, "rate", "latency" or "direct"; "events" for recordings.
        dt: width of a step, ms; what recordings are binned by.
        tau_mem, tau_out: time constants of hidden and of last neurons, ms.
        surrogate: key of ``SURROGATES``.
        loss: key of ``LOSSES``; "membrane" goes with a readout without spikes, the others with
            one that spikes.
        learn: what of the hidden neurons is learned, beside the weights.
        epochs, batch_size, rate, noise, weight_decay, clip, patience: of the training; with
            ``patience`` the best epoch's parameters are kept, and ``noise`` is only on values
            ("direct").
        dropout: share of the hidden neurons whose spikes a sample does without in training.
    """

    name: str
    title: str
    needs_data: bool
    expected: str
    hidden: tuple[int, ...] = (100,)
    recurrent: bool = False
    steps: int = 25
    encoding: str = "direct"
    dt: float = 1.0
    tau_mem: float = 10.0
    tau_out: float = 20.0
    surrogate: str = "atan"
    loss: str = "membrane"
    learn: tuple[str, ...] = ()
    epochs: int = 20
    batch_size: int = 64
    rate: float = 1e-2
    noise: float = 0.0
    weight_decay: float = 0.0
    dropout: float = 0.0
    clip: float | None = None
    patience: int | None = None

    def __post_init__(self):
        for name, known in (("surrogate", SURROGATES), ("loss", LOSSES)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"Recipe: {name} must be one of {', '.join(known)}, got {getattr(self, name)!r}"
                )
        if (self.encoding == "events") != (self.name in RECORDINGS):
            allowed = "events" if self.name in RECORDINGS else ", ".join(ENCODINGS)
            raise ValueError(
                f"Recipe: encoding of {self.name} must be one of {allowed}, got {self.encoding!r}"
            )
        if not self.hidden:
            raise ValueError("Recipe: hidden must name one layer or more, got none")

    def changed(self, **settings) -> Recipe:
        """With other settings; None leaves one as it is."""
        return replace(self, **{k: v for k, v in settings.items() if v is not None})

    def settings(self) -> dict:
        """The fields, for JSON."""
        return asdict(self)

    @classmethod
    def of(cls, settings: dict) -> Recipe:
        """From what ``settings`` returned and JSON kept."""
        known = {field.name for field in fields(cls)}
        kept = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        return cls(**{k: v for k, v in kept.items() if k in known})

    def data(self, path=None, *, seed: int = 0):
        """Training and test data.

        Args:
            path: where the data lie, for recipes that need it.
            seed: of random spikes.

        Raises:
            ValueError, FileNotFoundError, ImportError: as the reader of ``cusnn.data``.
        """
        if self.needs_data and path is None:
            raise ValueError(f"{self.name}: needs the path of the data, got none")
        if self.name in RECORDINGS:
            parts = (RECORDINGS[self.name](path, part) for part in ("train", "test"))
            return tuple(part.binned(self.dt, self.steps, packed=True) for part in parts)
        options = {"steps": self.steps, "encoding": self.encoding, "seed": seed}
        if self.name == "digits":
            return data.digits(**options).split(DIGITS_HELD, seed=DIGITS_SPLIT)
        return tuple(data.mnist(path, part, **options) for part in ("train", "test"))

    def model(self, train, *, seed: int = 0, backend: str | None = None) -> Sequential:
        """A fresh network for data.

        Args:
            train: what ``data`` returned first; its first samples set the scale of the weights.
            seed: of the weights.
            backend: as for ``Sequential``.
        """
        kind = SpikingRecurrent if self.recurrent else SpikingDense
        neuron = LIF(tau_mem=self.tau_mem, input="voltage", reset="soft")
        common = {"dt": self.dt, "steps": self.steps}
        shared = {**common, "surrogate": SURROGATES[self.surrogate]}
        measured, static = _input_rate(train)
        layers, inputs = [], train.features
        for place, size in enumerate(self.hidden):
            of_place = {"dropout": self.dropout}
            if place == 0:
                of_place = {"input_rate": measured, "static_input": static}
            name = "hidden" if len(self.hidden) == 1 else f"hidden{place + 1}"
            own = {"seed": _seed(seed, place), "name": name, "learn": self.learn}
            layers.append(kind(inputs, size, neuron, **shared, **own, **of_place))
            inputs = size
        own = {"seed": _seed(seed, len(layers)), "name": "output", "dropout": self.dropout}
        if self.loss == "membrane":
            last = LI(tau_mem=self.tau_out, input="voltage")
            layers.append(Readout(inputs, len(train.classes), last, **common, **own))
        else:
            last = LIF(tau_mem=self.tau_out, input="voltage", reset="soft")
            layers.append(SpikingDense(inputs, len(train.classes), last, **shared, **own))
        return Sequential(layers, backend=backend)

    def trainer(self, model: Sequential, *, seed: int = 0, **options) -> Trainer:
        """A trainer for a fresh network; ``options`` as for ``Trainer``."""
        return Trainer(
            model,
            LOSSES[self.loss],
            Adam(self.rate, weight_decay=self.weight_decay),
            schedule=Cosine(warmup=0.1),
            epochs=self.epochs,
            batch_size=self.batch_size,
            noise=self.noise if self.encoding == "direct" else 0.0,
            clip=self.clip,
            patience=self.patience,
            keep_best=self.patience is not None,
            seed=seed,
            **options,
        )


RECORDINGS = {"shd": data.shd, "nmnist": data.nmnist}


def _input_rate(dataset) -> tuple[float, bool]:
    """Root mean square of values, or spikes per input and step; and whether they are values."""
    with dataset.batches(min(MEASURED, len(dataset)), prefetch=0) as batches:
        batch = next(batches)
    if getattr(dataset, "encoding", None) == "direct":
        found, static = float(np.sqrt(np.mean(np.square(batch.values, dtype=np.float64)))), True
    else:
        found, static = float(np.count_nonzero(batch.spikes) / batch.spikes.size), False
    return min(max(found, 1e-4), 1.0), static


def _seed(seed: int, place: int) -> int:
    """Of a layer: no two layers and trainings have one in common."""
    return seed * 1024 + place


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="digits",
            title="handwritten digits, 8 x 8 pixels (scikit-learn)",
            needs_data=False,
            expected="97.5% or more as the median of five seeds (measured)",
            noise=0.2,
        ),
        Recipe(
            name="mnist",
            title="MNIST, 28 x 28 pixels",
            needs_data=True,
            expected="93.9% after one epoch (published: snnTorch, tutorial 5, a network of this "
            "size; not measured here)",
            hidden=(1000,),
            tau_mem=19.5,
            epochs=1,
            batch_size=128,
            rate=5e-4,
        ),
        Recipe(
            name="shd",
            title="Spiking Heidelberg Digits, 700 channels",
            needs_data=True,
            expected="90.6% (published for one recurrent layer of 1,024 LIF neurons, by Catalyst; "
            "not measured here)",
            hidden=(1024,),
            recurrent=True,
            steps=100,
            encoding="events",
            dt=10.0,
            tau_mem=100.0,
            tau_out=200.0,
            epochs=50,
            batch_size=128,
            rate=1e-3,
        ),
        Recipe(
            name="nmnist",
            title="N-MNIST, 34 x 34 pixels of two polarities",
            needs_data=True,
            expected="98.8% (published for a network of this size, fully connected, 800 hidden "
            "neurons; not measured here)",
            hidden=(800,),
            steps=30,
            encoding="events",
            dt=10.0,
            tau_mem=100.0,
            tau_out=200.0,
            epochs=20,
            batch_size=128,
            rate=1e-3,
        ),
    )
}
