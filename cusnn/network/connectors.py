"""Rules that say which neurons a projection joins.

Every rule numbers its synapses 0, 1, ..., ``count - 1``; source and target of each follow from
the number alone (and, where they are random, from random numbers counted by it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cusnn.network.distributions import whole


@dataclass(frozen=True)
class FixedTotalNumber:
    """``n`` synapses, each between a random source and a random target.

    Autapses and multapses are allowed: sources and targets are drawn independently, with
    replacement (NEST's ``fixed_total_number``).
    """

    n: int

    def __post_init__(self):
        object.__setattr__(self, "n", whole("FixedTotalNumber", "n", self.n, 0))

    def count(self, size_pre: int, size_post: int) -> int:
        return self.n


@dataclass(frozen=True)
class FixedInDegree:
    """Every target gets ``k`` synapses from random sources, drawn with replacement.

    Autapses and multapses are allowed (NEST's ``fixed_indegree``). Synapse number s belongs to
    target s // k.
    """

    k: int

    def __post_init__(self):
        object.__setattr__(self, "k", whole("FixedInDegree", "k", self.k, 0))

    def count(self, size_pre: int, size_post: int) -> int:
        return self.k * size_post


@dataclass(frozen=True)
class AllToAll:
    """Every source with every target, a neuron with itself included."""

    def count(self, size_pre: int, size_post: int) -> int:
        return size_pre * size_post


@dataclass(frozen=True)
class OneToOne:
    """Source j with target j; both populations have one size."""

    def count(self, size_pre: int, size_post: int) -> int:
        if size_pre != size_post:
            raise ValueError(
                f"OneToOne: populations must have one size, got {size_pre} and {size_post}"
            )
        return size_pre


@dataclass(frozen=True, eq=False)
class FromList:
    """The synapses as they are listed.

    Args:
        sources: number of the source within its population, int [K].
        targets: number of the target within its population, int [K].
        weights: weight of each synapse, float [K], pA or mV as the target's input; None to use
            the projection's.
        delays: delay of each synapse, ms [K]; None to use the projection's.

    Raises:
        TypeError: indices that are not integers.
        ValueError: lists of different lengths, negative indices, values that are not finite.
    """

    sources: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None = None
    delays: np.ndarray | None = None

    def __post_init__(self):
        for name in ("sources", "targets", "weights", "delays"):
            value = getattr(self, name)
            if value is None:
                continue
            object.__setattr__(self, name, _listed(name, value))
            if getattr(self, name).shape != self.sources.shape:
                raise ValueError(
                    f"FromList: {name} must have one entry per source, "
                    f"got {getattr(self, name).size} for {self.sources.size}"
                )

    def count(self, size_pre: int, size_post: int) -> int:
        for name, indices, size in (
            ("sources", self.sources, size_pre),
            ("targets", self.targets, size_post),
        ):
            if indices.size and indices.max() >= size:
                raise ValueError(
                    f"FromList: {name} must lie below the population's size {size}, "
                    f"got {indices.max()}"
                )
        return self.sources.size

    def _key(self):
        return tuple(
            None if value is None else value.tobytes()
            for value in (self.sources, self.targets, self.weights, self.delays)
        )

    def __eq__(self, other):
        return isinstance(other, FromList) and self._key() == other._key()

    def __hash__(self):
        return hash(self._key())


def _listed(name: str, value) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim != 1:
        raise ValueError(f"FromList: {name} must be a list of one axis, got shape {array.shape}")
    if name in ("sources", "targets"):
        if array.size and array.dtype.kind not in "iu":
            raise TypeError(f"FromList: {name} must be integers, got {array.dtype}")
        if array.size and (array.min() < 0 or array.max() >= 2**31):
            raise ValueError(f"FromList: {name} must lie in 0 to 2**31 - 1, got {array.min()}")
        array = array.astype(np.int32)
    else:
        array = array.astype(np.float64)
        if not np.isfinite(array).all():
            raise ValueError(f"FromList: {name} must be finite")
    array.setflags(write=False)
    return array


CONNECTORS = (FixedTotalNumber, FixedInDegree, AllToAll, OneToOne, FromList)
