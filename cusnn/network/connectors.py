"""Rules that say which neurons a projection joins.

Every rule numbers its synapses 0, 1, ..., ``count - 1``; source and target of each follow from
the number alone (and, where they are random, from random numbers counted by it).

An *autapse* joins a neuron with itself, which matters where source and target population are the
same; *multapses* are several synapses of one source with one target.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cusnn.network.values import ByValue, finite, indices, numbers, truth, whole


class Connector(ByValue):
    """A rule; ``same`` says whether source and target population are one."""

    def _check(self, number: str | None, *switches: str) -> None:
        owner = type(self).__name__
        if number is not None:
            self._set(**{number: whole(owner, number, getattr(self, number), 0)})
        for name in switches:
            self._set(**{name: truth(owner, name, getattr(self, name))})

    def count(self, n_pre: int, n_post: int, same: bool) -> int:
        """Number of synapses.

        Raises:
            ValueError: more distinct partners than there are, or lists that do not fit.
        """
        raise NotImplementedError

    def largest_in_degree(self, n_pre: int, n_post: int, same: bool) -> int:
        """In-degree that no target exceeds; for random targets but once in 10**25 networks."""
        raise NotImplementedError

    def _others(self, n: int, same: bool) -> int:
        """Partners among a population of ``n`` that a neuron may have."""
        return n - (same and not self.autapses)

    def _check_partners(self, wanted: int, there: int, what: str) -> None:
        name = type(self).__name__
        if wanted and there < 1:
            raise ValueError(f"{name}: without autapses a population of one neuron has no {what}")
        if not self.multapses and wanted > there:
            raise ValueError(
                f"{name}: {wanted} distinct {what} are asked for, there are {there}; "
                f"allow multapses or ask for fewer"
            )


def _many(mean: float) -> int:
    """What a count of rare independent events with this mean does not exceed."""
    return math.ceil(mean + 12.0 * math.sqrt(mean) + 40.0)


@dataclass(frozen=True, eq=False)
class AllToAll(Connector):
    """Every source with every target.

    Args:
        autapses: whether a neuron is joined with itself.

    Synapses are in the order of sources, those of one source in the order of targets.
    """

    autapses: bool = True

    def __post_init__(self):
        self._check(None, "autapses")

    def count(self, n_pre: int, n_post: int, same: bool) -> int:
        return n_pre * self._others(n_post, same)

    def largest_in_degree(self, n_pre: int, n_post: int, same: bool) -> int:
        return self._others(n_pre, same)


@dataclass(frozen=True, eq=False)
class OneToOne(Connector):
    """Source j with target j; both populations have one size."""

    def count(self, n_pre: int, n_post: int, same: bool) -> int:
        if n_pre != n_post:
            raise ValueError(f"OneToOne: populations must have one size, got {n_pre} and {n_post}")
        return n_pre

    def largest_in_degree(self, n_pre: int, n_post: int, same: bool) -> int:
        return 1


@dataclass(frozen=True, eq=False)
class FixedProbability(Connector):
    """Every pair of a source and a target is joined with probability ``p``, once at most.

    Args:
        p: from 0 to 1.
        autapses: whether a neuron may be joined with itself.

    Every source draws how many of its pairs are joined from the binomial distribution, and then
    which ones; synapses are in the order of sources.
    """

    p: float
    autapses: bool = True

    def __post_init__(self):
        self._check(None, "autapses")
        self._set(p=finite("FixedProbability", "p", self.p))
        if not 0 <= self.p <= 1:
            raise ValueError(f"FixedProbability: p must lie in 0 to 1, got {self.p}")

    def count(self, n_pre: int, n_post: int, same: bool) -> int:
        """Number of pairs; how many of them are joined is for ``Network`` to draw."""
        return n_pre * self.candidates(n_post, same)

    def candidates(self, n_post: int, same: bool) -> int:
        """Targets that a source may have."""
        return self._others(n_post, same)

    def largest_in_degree(self, n_pre: int, n_post: int, same: bool) -> int:
        there = self._others(n_pre, same)
        return min(there, _many(there * self.p))


@dataclass(frozen=True, eq=False)
class FixedInDegree(Connector):
    """Every target gets ``k`` synapses from random sources.

    Args:
        k: synapses of a target.
        autapses: whether a neuron may be joined with itself.
        multapses: whether sources are drawn with replacement.

    Synapse number s belongs to target s // k. NEST's ``fixed_indegree``, PyNN's
    ``FixedNumberPreConnector`` (which draws without replacement).
    """

    k: int
    autapses: bool = True
    multapses: bool = True

    def __post_init__(self):
        self._check("k", "autapses", "multapses")

    def count(self, n_pre: int, n_post: int, same: bool) -> int:
        self._check_partners(self.k, self._others(n_pre, same), "sources")
        return self.k * n_post

    def largest_in_degree(self, n_pre: int, n_post: int, same: bool) -> int:
        return self.k


@dataclass(frozen=True, eq=False)
class FixedOutDegree(Connector):
    """Every source gets ``k`` synapses onto random targets.

    Args:
        k: synapses of a source.
        autapses: whether a neuron may be joined with itself.
        multapses: whether targets are drawn with replacement.

    Synapse number s belongs to source s // k. NEST's ``fixed_outdegree``, PyNN's
    ``FixedNumberPostConnector`` (which draws without replacement).
    """

    k: int
    autapses: bool = True
    multapses: bool = True

    def __post_init__(self):
        self._check("k", "autapses", "multapses")

    def count(self, n_pre: int, n_post: int, same: bool) -> int:
        self._check_partners(self.k, self._others(n_post, same), "targets")
        return self.k * n_pre

    def largest_in_degree(self, n_pre: int, n_post: int, same: bool) -> int:
        most = self.k * n_pre if self.multapses else self._others(n_pre, same)
        return min(most, _many(self.k * n_pre / max(self._others(n_post, same), 1)))


@dataclass(frozen=True, eq=False)
class FixedTotalNumber(Connector):
    """``n`` synapses, each between a random source and a random target.

    Args:
        n: number of synapses.
        autapses: whether a neuron may be joined with itself.
        multapses: whether pairs are drawn with replacement.

    NEST's ``fixed_total_number``.
    """

    n: int
    autapses: bool = True
    multapses: bool = True

    def __post_init__(self):
        self._check("n", "autapses", "multapses")

    def count(self, n_pre: int, n_post: int, same: bool) -> int:
        self._check_partners(self.n, n_pre * self._others(n_post, same), "pairs")
        return self.n

    def largest_in_degree(self, n_pre: int, n_post: int, same: bool) -> int:
        most = self.n if self.multapses else min(self.n, self._others(n_pre, same))
        return min(most, _many(self.n / n_post))


@dataclass(frozen=True, eq=False)
class FromList(Connector):
    """The synapses as they are listed.

    Args:
        sources: number of the source within its population, int [K].
        targets: number of the target within its population, int [K].
        weights: weight of each synapse, float [K], in the unit of the target's input; None to use
            the projection's.
        delays: delay of each synapse, ms [K]; None to use the projection's.
        shape: sizes that source and target population must have; None for any that are large
            enough.

    Raises:
        TypeError: indices that are not integers.
        ValueError: lists of different lengths, negative indices, values that are not finite.
    """

    sources: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None = None
    delays: np.ndarray | None = None
    shape: tuple[int, int] | None = None

    def __post_init__(self):
        for name in ("sources", "targets", "weights", "delays"):
            value = getattr(self, name)
            if value is None:
                continue
            check = indices if name in ("sources", "targets") else numbers
            self._set(**{name: check("FromList", name, value)})
            if getattr(self, name).shape != self.sources.shape:
                raise ValueError(
                    f"FromList: {name} must have one entry per source, "
                    f"got {getattr(self, name).size} for {self.sources.size}"
                )
        if self.shape is not None:
            pair = tuple(self.shape) if np.ndim(self.shape) == 1 else ()
            if len(pair) != 2:
                raise ValueError(f"FromList: shape must be a pair of sizes, got {self.shape!r}")
            self._set(shape=tuple(whole("FromList", "shape", size, 1) for size in pair))

    def count(self, n_pre: int, n_post: int, same: bool) -> int:
        if self.shape is not None and self.shape != (n_pre, n_post):
            raise ValueError(
                f"FromList: the list is of populations of {self.shape[0]} and {self.shape[1]}, "
                f"got {n_pre} and {n_post}"
            )
        for name, listed, size in (
            ("sources", self.sources, n_pre),
            ("targets", self.targets, n_post),
        ):
            if listed.size and listed.max() >= size:
                raise ValueError(
                    f"FromList: {name} must lie below the population's size {size}, "
                    f"got {listed.max()}"
                )
        return self.sources.size

    def largest_in_degree(self, n_pre: int, n_post: int, same: bool) -> int:
        return int(np.bincount(self.targets).max()) if self.targets.size else 0


def from_sparse(matrix, delays=None) -> FromList:
    """Synapses of a SciPy sparse matrix: an entry in row i and column j joins source i with
    target j, with the entry as its weight.

    Entries that stand twice are summed, stored zeros are synapses of weight 0; synapses are in
    the order of rows, then columns.

    Args:
        matrix: sparse matrix or array [n_pre, n_post], weights in the unit of the target's input.
        delays: ms, sparse with entries at the same places; None to use the projection's.

    Raises:
        TypeError: something that is not sparse.
        ValueError: another number of axes, or delays at other places.
    """
    sources, targets, weights, shape = _entries("matrix", matrix)
    if delays is None:
        return FromList(sources, targets, weights, shape=shape)
    *places, values, other = _entries("delays", delays)
    if other != shape or not all(map(np.array_equal, places, (sources, targets))):
        raise ValueError("from_sparse: delays must have entries at the places of the weights")
    return FromList(sources, targets, weights, values, shape)


def _entries(name: str, matrix):
    if not hasattr(matrix, "tocoo"):
        raise TypeError(f"from_sparse: {name} must be a SciPy sparse matrix, got {type(matrix)}")
    if len(matrix.shape) != 2:
        raise ValueError(f"from_sparse: {name} must have two axes, got shape {matrix.shape}")
    entries = matrix.tocoo(copy=True)
    entries.sum_duplicates()
    order = np.lexsort((entries.col, entries.row))
    shape = tuple(int(size) for size in entries.shape)
    return entries.row[order], entries.col[order], entries.data[order], shape


CONNECTORS = (
    AllToAll,
    OneToOne,
    FixedProbability,
    FixedInDegree,
    FixedOutDegree,
    FixedTotalNumber,
    FromList,
)
