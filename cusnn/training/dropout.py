"""Dropout: inputs that a sample does without in training."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

# The counter's second word, with the layer's place added: no number of weights or noise again.
DROPOUT = 2


class Draw(NamedTuple):
    """Where the random numbers of a batch come from.

    Attributes:
        seed: of the training, 0 to 2^32 - 1.
        stream: another one for every batch, 0 to 2^64 - 1.
        place: of the layer in its model, from 0.
    """

    seed: int
    stream: int
    place: int = 0


def kept(draw: Draw, samples: int, inputs: int, share: float) -> np.ndarray:
    """Which inputs each sample keeps, bool [B, N]; each is dropped with probability ``share``.

    The same for the same ``draw``, in every process and on every machine: counter-based
    (Philox4x64-10, as NumPy has it).

    Source: Srivastava et al. (2014), JMLR 15, 1929.
    """
    key = np.array([draw.seed, draw.stream], np.uint64)
    counter = np.array([0, DROPOUT + draw.place, 0, 0], np.uint64)
    bits = np.random.Philox(key=key, counter=counter).random_raw(samples * inputs)
    return (bits >= np.uint64(int(share * 2.0**64))).reshape(samples, inputs)


def checked_share(owner: str, share) -> float:
    """The share of dropped inputs, 0 to below 1.

    Raises:
        ValueError: anything else.
    """
    number = isinstance(share, (int, float, np.integer, np.floating))
    if isinstance(share, bool) or not number or not (math.isfinite(share) and 0 <= share < 1):
        raise ValueError(f"{owner}: dropout must be a share of 0 to below 1, got {share!r}")
    return float(share)
