"""Projections: synapses from one population to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cusnn.network.connectors import CONNECTORS, AllToAll, Connector, FixedProbability
from cusnn.network.distributions import Normal, distribution
from cusnn.network.populations import label_of
from cusnn.network.values import ByValue

RECEPTORS = ("excitatory", "inhibitory")


def receptor_of(owner: str, value) -> str | None:
    """A receptor or None; raises ValueError for anything else."""
    if value is not None and value not in RECEPTORS:
        raise ValueError(f"{owner}: receptor must be one of {', '.join(RECEPTORS)}, got {value!r}")
    return value


@dataclass(frozen=True, eq=False)
class Projection(ByValue):
    """Synapses from one population to another.

    A spike of step k arrives in step k + delay / dt.

    Args:
        pre, post: label of the source and of the target population.
        connector: ``AllToAll``, ``OneToOne``, ``FixedProbability``, ``FixedInDegree``,
            ``FixedOutDegree``, ``FixedTotalNumber`` or ``FromList``.
        weight: pA (mV for jumps of the voltage, nS for conductances), negative for inhibition: a
            number, a distribution, an array [count] in the order of the connector's synapses, or
            [n_pre, n_post] for ``AllToAll``, whose diagonal is not read where autapses are
            excluded.
        delay: ms, at least dt, rounded to whole steps, halves to the even number (at dt 0.1 ms,
            0.25 becomes 0.2; NEST makes it 0.3); given as weights are.
        receptor: "excitatory" or "inhibitory", for neurons that tell the two apart; None for
            inhibitory where the weight is negative.

    Raises:
        TypeError, ValueError: values of another kind, not finite, or delays that are not positive.
    """

    pre: str
    post: str
    connector: Connector
    weight: float | Normal | np.ndarray
    delay: float | Normal | np.ndarray
    receptor: str | None = None

    def __post_init__(self):
        for name in ("pre", "post"):
            self._set(**{name: label_of(f"Projection: {name}", getattr(self, name))})
        if not isinstance(self.connector, CONNECTORS):
            names = ", ".join(kind.__name__ for kind in CONNECTORS)
            raise TypeError(
                f"{self.owner}: connector must be one of {names}, got {self.connector!r}"
            )
        for name in ("weight", "delay"):
            value = distribution(self.owner, name, getattr(self, name), axes=(1, 2))
            self._set(**{name: value})
            self._check_array(name, value)
        self._set(receptor=receptor_of(self.owner, self.receptor))
        delays = self.delays
        if isinstance(delays, float) and delays <= 0:
            raise ValueError(f"{self.owner}: delay must be positive, got {delays} ms")
        if isinstance(delays, np.ndarray) and delays.size and delays.min() <= 0:
            raise ValueError(f"{self.owner}: delays must be positive, got {delays.min()} ms")

    @property
    def owner(self) -> str:
        """How messages name the projection."""
        return f"Projection {self.pre!r} -> {self.post!r}"

    @property
    def same(self) -> bool:
        """Whether the population is joined with itself."""
        return self.pre == self.post

    @property
    def weights(self):
        """Weights as they are drawn: a number, a distribution, or an array [count]."""
        return self._drawn("weights", self.weight)

    @property
    def delays(self):
        """Delays as they are drawn, ms: a number, a distribution, or an array [count]."""
        return self._drawn("delays", self.delay)

    def _drawn(self, listed: str, value):
        own = getattr(self.connector, listed, None)
        if own is not None:
            return own
        if not isinstance(value, np.ndarray):
            return value
        without_diagonal = value.ndim == 2 and self.same and not self.connector.autapses
        return value[~np.eye(len(value), dtype=bool)] if without_diagonal else value.ravel()

    def _check_array(self, name: str, value) -> None:
        if not isinstance(value, np.ndarray):
            return
        if isinstance(self.connector, FixedProbability):
            raise ValueError(
                f"{self.owner}: {name} cannot be an array, for FixedProbability draws how many "
                f"synapses there are; use FromList"
            )
        if value.ndim == 2 and not isinstance(self.connector, AllToAll):
            raise ValueError(
                f"{self.owner}: {name} of two axes is for AllToAll; give one entry per synapse"
            )
        if value.ndim == 2 and self.same and value.shape[0] != value.shape[1]:
            raise ValueError(f"{self.owner}: {name} must be square, got {value.shape}")

    def check_sizes(self, n_pre: int, n_post: int) -> None:
        """That arrays fit populations of these sizes; raises ValueError."""
        count = self.connector.count(n_pre, n_post, self.same)
        for name in ("weight", "delay"):
            value = getattr(self, name)
            if not isinstance(value, np.ndarray):
                continue
            if value.ndim == 2 and value.shape != (n_pre, n_post):
                raise ValueError(f"{name} must have shape ({n_pre}, {n_post}), got {value.shape}")
            if value.ndim == 1 and value.size != count:
                raise ValueError(
                    f"{name} must have one entry per synapse, got {value.size} for {count}"
                )
