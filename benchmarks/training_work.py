"""The work that training is timed on: its sizes, its inputs, and what it must give.

All contenders compute the same neuron, v = v / 2 + x with a threshold of 1 and a reset to 0, which
every library can express; each keeps a surrogate that it has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cusnn import LIF, initial_state, neuron_backward, neuron_forward, spike_matmul
from cusnn.ops.matmul import spike_matmul_backward
from cusnn.surrogates import Surrogate

TAU, DECAY, THRESHOLD = 2.0, 0.5, 1.0
INPUT_RATE = 0.05
NEURON = LIF(tau_mem=TAU, input="voltage", integration="euler", v_threshold=THRESHOLD)


@dataclass(frozen=True)
class Work:
    """One row: forward and backward through time.

    Attributes:
        name, title: short, and in words.
        steps, batch, neurons: T, B, N.
        linear: whether spikes come in through weights [N, N]; the gradient is theirs, else that
            of the input.
        asked: times faster than the best library that we want to be.
    """

    name: str
    title: str
    steps: int
    batch: int
    neurons: int
    linear: bool
    asked: float

    def inputs(self) -> dict[str, np.ndarray]:
        """``grad`` [T, B, N], and ``x`` [T, B, N] or ``spikes`` (uint8) and ``weights``."""
        rng = np.random.default_rng(1)
        shape = (self.steps, self.batch, self.neurons)
        grad = rng.standard_normal(shape, np.float32)
        if not self.linear:
            return {"grad": grad, "x": 0.1 + 0.5 * rng.standard_normal(shape, np.float32)}
        spikes = (rng.random(shape, np.float32) < INPUT_RATE).astype(np.uint8)
        scale = np.float32(0.6 / np.sqrt(INPUT_RATE * self.neurons))
        weights = scale * rng.standard_normal((self.neurons, self.neurons), np.float32)
        return {"grad": grad, "spikes": spikes, "weights": weights}

    def expected(self, surrogate: Surrogate, detach_reset: bool) -> dict[str, np.ndarray]:
        """Spikes and gradient by our plain operations, one after another."""
        given = self.inputs()
        x = spike_matmul(given["spikes"], given["weights"]) if self.linear else given["x"]
        state = initial_state(NEURON, (self.batch, self.neurons))
        forward = neuron_forward(x, state, NEURON, checkpoints=True)
        gradient = neuron_backward(
            x,
            forward.checkpoints,
            given["grad"],
            NEURON,
            surrogate=surrogate,
            detach_reset=detach_reset,
        ).current
        if self.linear:
            gradient = spike_matmul_backward(
                gradient, given["spikes"], given["weights"], grad_spikes=False
            ).weights
        return {"spikes": forward.spikes, "gradient": gradient}


WORK = {
    work.name: work
    for work in (
        Work("lif", "LIF alone, T 100, 65,536 neurons", 100, 1, 65_536, False, 6.0),
        Work("linear_1024", "linear + LIF, B 16, T 500, N 1,024", 500, 16, 1_024, True, 5.0),
        Work("linear_4096", "linear + LIF, B 16, T 500, N 4,096", 500, 16, 4_096, True, 4.0),
    )
}

# A sum in another order, or a factor rounded elsewhere, moves a membrane by an ulp, and now and
# then a spike.
MOST_OTHER_TRAINS = 2e-3
MOST_GRADIENT_ERROR = 1e-4
MOST_WEIGHT_GRADIENT_ERROR = 2e-2


def disagreements(work: Work, found: dict, expected: dict) -> list[str]:
    """What differs between a contender's results and ours; empty where nothing does."""
    texts = []
    spikes = found["spikes"].reshape(expected["spikes"].shape) != 0
    same = (spikes == (expected["spikes"] != 0)).all(axis=0)
    other = 1.0 - float(same.mean())
    if other > MOST_OTHER_TRAINS:
        texts.append(f"{other:.2%} of the spike trains differ from ours")
    ours, theirs = expected["gradient"], found["gradient"].reshape(expected["gradient"].shape)
    if work.linear:
        error, most = (
            float(np.linalg.norm(theirs - ours) / np.linalg.norm(ours)),
            (MOST_WEIGHT_GRADIENT_ERROR),
        )
    else:
        difference = np.abs(theirs - ours)[:, same]
        error, most = float(difference.max() / np.abs(ours).max()), MOST_GRADIENT_ERROR
    if not error <= most:
        texts.append(f"the gradient differs from ours by {error:.2g} of its size")
    return texts
