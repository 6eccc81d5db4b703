"""Populations: neurons of one model, and the state that they start in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cusnn.network.distributions import Normal, distribution, extent
from cusnn.network.values import ByValue, whole
from cusnn.neurons import MODELS

RESTING = "refractory"
CONDUCTANCES = ("g_exc", "g_inh")


@dataclass(frozen=True, eq=False)
class Population(ByValue):
    """Neurons of one model.

    Args:
        size: number of neurons, at least 1.
        neuron: ``CubaLIF``, ``CobaLIF``, ``Relay``, or ``LIF``, ``ALIF`` or ``Izhikevich`` with
            input="voltage"; parameters are numbers or arrays [size].
        label: a name that no other population of the network has.
        v: voltage at the start, mV: a number, a distribution or an array [size]; None for that
            of a neuron at rest.
        initial: the same for other state variables by the names of the neuron's ``state``, each
            in the unit of that variable, e.g. ``{"g_exc": Normal(4.0, 1.5, low=0.0)}``; kept as
            pairs. What is not named starts as in a neuron at rest. ``{"v": ...}`` is the long
            form of ``v``.

    Raises:
        TypeError: a neuron of another kind.
        ValueError: a size below 1, state variables that the neuron has not, arrays of another
            length, conductances that are or may be drawn negative, or a neuron that takes
            currents: an impulse of one step has no effect on it that would not change with dt.
    """

    size: int
    neuron: object
    label: str
    v: float | Normal | np.ndarray | None = None
    initial: Mapping | tuple[tuple[str, object], ...] | None = None

    def __post_init__(self):
        self._set(size=whole("Population", "size", self.size, 1))
        if not isinstance(self.label, str) or not self.label:
            raise TypeError(f"Population: label must be a name, got {self.label!r}")
        self._check_neuron()
        values = self._pairs()
        for name, value in values.items():
            if isinstance(value, np.ndarray) and value.size != self.size:
                raise ValueError(
                    f"{self.owner}: {name} has {value.size} entries, the population has "
                    f"{self.size} neurons"
                )
            if name in CONDUCTANCES and extent(value)[0] < 0:
                raise ValueError(
                    f"{self.owner}: {name} must not be negative, got {extent(value)[0]:g} nS; "
                    f"give a distribution low=0"
                )
        self._set(v=values.pop("v", None), initial=tuple(values.items()))

    @property
    def owner(self) -> str:
        """How messages name the population."""
        return f"Population {self.label!r}"

    @property
    def start(self) -> dict[str, object]:
        """Initial values that are given, by state variable."""
        return {**({} if self.v is None else {"v": self.v}), **dict(self.initial)}

    def _check_neuron(self) -> None:
        if type(self.neuron) not in MODELS.values():
            raise TypeError(
                f"{self.owner}: neuron must be one of {', '.join(MODELS)}, got {self.neuron!r}"
            )
        if getattr(self.neuron, "input", "voltage") != "voltage":
            name = type(self.neuron).__name__
            article = "an" if name[0] in "AI" else "a"
            raise ValueError(
                f"{self.owner}: {article} {name} in a network must have input='voltage' (synapses "
                f"are impulses); for synaptic currents use CubaLIF"
            )
        if self.neuron.size not in (None, self.size):
            raise ValueError(
                f"{self.owner}: the neuron has parameters for {self.neuron.size} neurons, "
                f"the population has {self.size}"
            )

    def _pairs(self) -> dict[str, object]:
        """Checked initial values in the order of the neuron's state, ``v`` included."""
        given = self.initial if self.initial is not None else {}
        try:
            given = dict(given)
        except (TypeError, ValueError):
            raise TypeError(
                f"{self.owner}: initial must be a dict of state variables, got {given!r}"
            ) from None
        if self.v is not None and "v" in given:
            raise ValueError(f"{self.owner}: give either v or initial['v'], got both")
        if self.v is not None:
            given["v"] = self.v
        names = [name for name in self.neuron.state if name != RESTING]
        for name in given:
            if name not in names:
                raise ValueError(f"{self.owner}: initial may name {', '.join(names)}, got {name!r}")
        return {
            name: distribution(self.owner, name, given[name], axes=(1,))
            for name in names
            if name in given
        }


def label_of(owner: str, value) -> str:
    """The label of a population, given as such or as the population; TypeError otherwise."""
    value = value.label if isinstance(value, Population) else value
    if not isinstance(value, str):
        raise TypeError(f"{owner} must be a label or a Population, got {value!r}")
    return value
